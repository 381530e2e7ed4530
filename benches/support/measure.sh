# Functions of compare.sh: what is measured how, and where it is written.

runs=${WIRECAUSE_RUNS:-5}
scale=${WIRECAUSE_SCALE:-1}
archives=${WIRECAUSE_ARCHIVES:-${CARGO_TARGET_DIR:-target}/archives}
incidents=${WIRECAUSE_INCIDENTS:-../shared/incidents}
document=${WIRECAUSE_RECORD:-BENCHMARKS.md}
# A table of small archives is no result.
if [ -z "${WIRECAUSE_RECORD:-}" ] && awk -v scale="$scale" 'BEGIN { exit !(scale < 1) }'; then document=/dev/null; fi
# Two processors for every command.
pin=()
[ "$(nproc)" -le 2 ] || pin=(taskset --cpu-list 0-1)

install_peers() {
    local missing=() pair
    for pair in tcpdump:tcpdump tcptrace:tcptrace tshark:tshark rg:ripgrep zstd:zstd gzip:gzip pigz:pigz; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
    done
    [ -x /usr/bin/time ] || missing+=(time)
    [ ${#missing[@]} -gt 0 ] || return 0
    local root=()
    [ "$(id -u)" = 0 ] || root=(sudo -n)
    "${root[@]}" apt-get update -q
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
}

build() {
    cargo build --release --locked -p wirecause
    cargo build --release --locked -p wirecause-maker --bin wirecause-archive
    local built=${CARGO_TARGET_DIR:-target}/release
    wirecause=$built/wirecause
    archive=$built/wirecause-archive
}

# The archive of a preset, of a scale, cut into so many captures; made if it is not there.
made() {
    local name=$1 preset=$2 size=$3 files=$4
    local directory=$archives/$name-$size-$files
    if [ ! -e "$directory/copies.csv" ]; then
        rm -rf "$directory"
        "$archive" --incident "$incidents/harbor" --calm "$incidents/calm" --preset "$preset" --scale "$size" --files "$files" \
            --out "$directory" >&2
    fi
    echo "$directory"
}

# Reads files, so that they are in the page cache.
warm() {
    local file
    for file in "$@"; do dd if="$file" of=/dev/null bs=1M status=none; done
}

# Milliseconds, with three digits behind the point, that a command line takes; its output is dropped. Any exit status but 0 is a
# failure: wirecause's 1 says that an input was passed over, which takes no time.
elapsed() {
    local begin=$EPOCHREALTIME end status=0
    eval "${pin[*]} $1" >/dev/null 2>&1 || status=$?
    end=$EPOCHREALTIME
    [ "$status" = 0 ] || { echo "exit status $status: $1" >&2; return 1; }
    awk -v us=$((${end/[.,]/} - ${begin/[.,]/})) 'BEGIN { printf "%.3f\n", us / 1000 }'
}

# Measures a group and prints its table. Arguments: label, command, runs (empty: as many as usual), for each. The times stand in `ms`, by
# number.
group() {
    local labels=() commands=() counts=() i round
    while [ $# -gt 0 ]; do
        labels+=("$1") commands+=("$2") counts+=("${3:-$runs}")
        shift 3
    done
    local took=()
    # Once without being counted: programs and files are read into memory.
    for i in "${!commands[@]}"; do
        took[i]=""
        [ "${counts[i]}" = 1 ] || elapsed "${commands[i]}" >/dev/null || counts[i]=0
    done
    for ((round = 0; round < runs; round++)); do
        for i in "${!commands[@]}"; do
            [ "$round" -lt "${counts[i]}" ] || continue
            took[i]+=" $(elapsed "${commands[i]}" || echo nan)"
        done
    done
    ms=()
    echo "| command | median | fastest | slowest | runs | to the first |"
    echo "|---|---:|---:|---:|---:|---:|"
    for i in "${!commands[@]}"; do
        # shellcheck disable=SC2086 # numbers between spaces
        ms[i]=$(median ${took[i]})
        # shellcheck disable=SC2086 # numbers between spaces
        printf '%s\n' ${took[i]:-nan} | sort -g | awk -v label="${labels[i]}" -v median="${ms[i]}" -v first="${ms[0]}" '
            { if (NR == 1) low = $1; high = $1 }
            END {
                if (median == "nan") { printf "| %s | fails | | | | |\n", label; exit }
                printf "| %s | %s | %s | %s | %d | %.3f |\n", label, told(median), told(low), told(high), NR, median / first
            }
            function told(ms) { return ms < 1000 ? sprintf("%.1f ms", ms) : sprintf("%.2f s", ms / 1000) }'
    done
}

median() {
    [ $# -gt 0 ] || { echo nan; return; }
    printf '%s\n' "$@" | sort -g | awk '{ value[NR] = $1 } END { print NR % 2 ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2 }'
}

# A ratio against its bound, as a line: what, number, by what, bound.
held() {
    awk -v what="$1" -v a="$2" -v b="$3" -v most="$4" 'BEGIN {
        if (a == "nan" || b == "nan") { printf "- %s: not measured; at most %s is wanted.\n", what, most; exit }
        ratio = a / b
        printf "- %s: %.4g, at most %s is wanted: %s.\n", what, ratio, most, ratio <= most ? "held" : sprintf("missed by %.0f %%", (ratio / most - 1) * 100)
    }'
}

# Writes a table between its marks of the document, and shows it.
record() {
    local name=$1 text=$2
    printf '%s\n' "$text"
    [ "$document" != /dev/null ] || return 0
    grep -qxF "<!-- compare:$name -->" "$document" 2>/dev/null || printf '\n<!-- compare:%s -->\n<!-- /compare:%s -->\n' "$name" "$name" >> "$document"
    TEXT=$text awk -v begin="<!-- compare:$name -->" -v end="<!-- /compare:$name -->" '
        $0 == end { within = 0 }
        !within { print }
        $0 == begin { print ENVIRON["TEXT"]; within = 1 }' "$document" > "$document.new"
    mv "$document.new" "$document"
}

machine() {
    version() { "$@" 2>/dev/null | head -1; }
    cat <<END
| what | is |
|---|---|
| processor | $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) of it, 2 used |
| memory | $(awk '/^MemTotal/ { printf "%.1f GB", $2 / 1e6 }' /proc/meminfo) |
| kernel | $(uname -sr) |
| wirecause | $("$wirecause" --version), commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown), $(rustc --version) |
| tcpdump | $(tcpdump --version 2>&1 | head -2 | paste -sd, | sed 's/,/, /') |
| tcptrace | $(dpkg-query -W -f '${Version}' tcptrace 2>/dev/null || echo unknown) |
| tshark | $(version tshark --version) |
| ripgrep | $(version rg --version) |
| zstd, gzip, pigz | $(zstd --version | grep -o 'v[0-9.]*' | head -1), $(gzip --version | head -1), $(pigz --version 2>&1 | head -1) |
| load before it | $(cut -d" " -f1-3 /proc/loadavg) |
| measured | $(date -u +%Y-%m-%d), medians of $runs runs, scale $scale |
END
}
