# The parts of compare.sh. Each makes its archives, measures, and records its table.

# Where wirecause writes. It replaces what an earlier run left.
out() { echo "$archives/out"; }
analyze() { echo "'$wirecause' analyze --tables-only --quiet --no-config -o '$(out)' $*"; }
resets() { echo "tcpdump -r '$1' -w /dev/null 'tcp[tcpflags] & tcp-rst != 0'"; }
# The files of an archive that are read, quoted.
inputs() { printf "'%s' " "$1"/gateway_* "$1/ssg_0_0.log"; }
bytes() { cat "$@" | wc -c; }

# Runs the main job once; how many connections and failed calls it finds.
counted() {
    "$wirecause" analyze --tables-only --quiet --no-config -o "$(out)" "$@" >/dev/null
    echo $(($(wc -l < "$(out)/connections.csv") - 1)) $(($(wc -l < "$(out)/errors.csv") - 1))
}

# What an archive holds, in a line.
holds() {
    local directory=$1 connections failed
    read -r connections failed < <(counted "$directory"/gateway_* "$directory/ssg_0_0.log")
    awk -v capture="$(bytes "$directory"/gateway_*)" -v log_bytes="$(bytes "$directory/ssg_0_0.log")" -v connections="$connections" \
        -v failed="$failed" -v copies="$(($(wc -l < "$directory/copies.csv") - 1))" -v packets="$(capture_packets "$directory")" 'BEGIN {
        printf "%.2f GB of captures, %.2f million packets, %d connections, %d failed calls, %.1f MB of log, %d copies.\n",
            capture / 1e9, packets / 1e6, connections, failed, log_bytes / 1e6, copies }'
}

capture_packets() { tcpdump -nr "$1/gateway_0000.pcap" --count 2>/dev/null | sed -n 's/ packets*$//p'; }

part_realistic() {
    local directory file text
    directory=$(made realistic realistic "$scale" 1) file=$directory/gateway_0000.pcap
    warm "$directory"/*
    text=$(holds "$directory")$'\n\n'
    text+=$(
        group "wirecause analyze --tables-only" "$(analyze "$(inputs "$directory")")" "" \
            "tcpdump, resets" "$(resets "$file")" "" \
            "tcptrace -n" "tcptrace -n '$file'" "" \
            "tshark, resets" "tshark -n -r '$file' -Y tcp.flags.reset==1" 1 \
            "reading the capture (dd, 1 MB a read)" "dd if='$file' of=/dev/null bs=1M" ""
        echo
        held "to tcpdump" "${ms[0]}" "${ms[1]}" 0.5
        held "to tcptrace" "${ms[0]}" "${ms[2]}" 0.12
        held "to tshark" "${ms[0]}" "${ms[3]}" 0.005
    )
    record realistic "$text"
}

part_dense() {
    local directory file text
    directory=$(made dense dense "$scale" 1) file=$directory/gateway_0000.pcap
    warm "$directory"/*
    text=$(holds "$directory")$'\n\n'
    text+=$(
        group "wirecause analyze --tables-only" "$(analyze "$(inputs "$directory")")" "" \
            "tcpdump, resets" "$(resets "$file")" "" \
            "tcptrace -n" "tcptrace -n '$file'" 1 \
            "reading the capture (dd, 1 MB a read)" "dd if='$file' of=/dev/null bs=1M" ""
        echo
        held "to tcpdump" "${ms[0]}" "${ms[1]}" 2.0
    )
    record dense "$text"
}

part_log() {
    local directory log text
    directory=$(made dense dense "$scale" 1) log=$directory/ssg_0_0.log
    warm "$log"
    text=$(
        group "wirecause errors --format csv" "'$wirecause' errors --no-config --format csv '$log'" "" \
            "rg -c GenericHttpException" "rg -c GenericHttpException '$log'" "" \
            "reading the log (dd, 1 MB a read)" "dd if='$log' of=/dev/null bs=1M" ""
        echo
        held "to ripgrep" "${ms[0]}" "${ms[1]}" 3
    )
    record log "$text"
}

# One packed capture, and the same packets in eight packed one by one.
part_compressed() {
    local directory one eight form text
    directory=$(made realistic realistic "$scale" 1)
    one=$archives/packed-$scale-1 eight=$archives/packed-$scale-8
    if [ ! -e "$eight/done" ]; then
        rm -rf "$one" "$eight"
        mkdir -p "$one"
        pigz -c "$directory/gateway_0000.pcap" > "$one/gateway.pcap.gz"
        zstd -q -T2 "$directory/gateway_0000.pcap" -o "$one/gateway.pcap.zst"
        "$archive" --incident "$incidents/harbor" --calm "$incidents/calm" --preset realistic --scale "$scale" --files 8 --out "$eight" >&2
        for form in "$eight"/gateway_*.pcap; do
            pigz -c "$form" > "$form.gz"
            zstd -q -T2 --rm "$form"
        done
        touch "$eight/done"
    fi
    warm "$directory/ssg_0_0.log" "$one"/* "$eight"/*
    text=$(
        group "wirecause analyze, plain" "$(analyze "$(inputs "$directory")")" "" \
            "wirecause analyze, zstd" "$(analyze "'$one/gateway.pcap.zst' '$directory/ssg_0_0.log'")" "" \
            "wirecause analyze, 8 files of zstd" "$(analyze "'$eight'/gateway_*.zst '$directory/ssg_0_0.log'")" "" \
            "zstd -dc" "zstd -dc '$one/gateway.pcap.zst'" "" \
            "wirecause analyze, gzip" "$(analyze "'$one/gateway.pcap.gz' '$directory/ssg_0_0.log'")" "" \
            "wirecause analyze, 8 files of gzip" "$(analyze "'$eight'/gateway_*.gz '$directory/ssg_0_0.log'")" "" \
            "gzip -dc" "gzip -dc '$one/gateway.pcap.gz'" "" \
            "pigz -dc" "pigz -dc '$one/gateway.pcap.gz'" ""
        echo
        faster=$(printf '%s\n' "${ms[6]}" "${ms[7]}" | sort -g | head -1)
        held "zstd to zstd -dc" "${ms[1]}" "${ms[3]}" 1.2
        held "gzip to the faster of gzip -dc and pigz -dc" "${ms[4]}" "$faster" 1.2
        held "8 files of zstd to zstd -dc of the one" "${ms[2]}" "${ms[3]}" 1.2
        held "8 files of gzip to the faster of gzip -dc and pigz -dc of the one" "${ms[5]}" "$faster" 1.2
    )
    record compressed "$text"
}

part_threads() {
    local text="" name directory
    for name in realistic dense; do
        directory=$(made "$name" "$name" "$scale" 1)
        warm "$directory"/*
        text+="$name:"$'\n\n'$(
            group "2 threads" "$(analyze "--threads 2 $(inputs "$directory")")" "" "1 thread" "$(analyze "--threads 1 $(inputs "$directory")")" ""
            echo
            awk -v one="${ms[1]}" -v two="${ms[0]}" 'BEGIN {
                printf "- 2 threads are %.2f times as fast as 1, at least 1.6 is wanted: %s.\n", one / two, (one / two >= 1.6 ? "held" : "missed") }'
        )$'\n\n'
    done
    record threads "${text%$'\n\n'}"
}

# One and ten times a gigabyte of captures.
part_size() {
    local text="" name each small large
    for name in realistic dense; do
        # Scales that give 1 GB.
        each=$([ "$name" = realistic ] && echo 0.53 || echo 0.945)
        small=$(made "$name" "$name" "$(times "$each" "$scale")" 1) large=$(made "$name" "$name" "$(times "$each" "$scale" 10)" 1)
        warm "$small"/* "$large"/*
        text+="$name:"$'\n\n'$(
            group "1 GB" "$(analyze "$(inputs "$small")")" "" "10 GB" "$(analyze "$(inputs "$large")")" ""
            echo
            awk -v a="${ms[0]}" -v b="${ms[1]}" -v of_a="$(bytes "$small"/gateway_*)" -v of_b="$(bytes "$large"/gateway_*)" 'BEGIN {
                change = ((b / of_b) / (a / of_a) - 1) * 100
                printf "- %.1f ms per GB of %.2f GB, %.1f of %.2f GB: %+.1f %%, within 10 %% is wanted: %s.\n",
                    a / of_a * 1e9, of_a / 1e9, b / of_b * 1e9, of_b / 1e9, change, (change <= 10 && change >= -10 ? "held" : "missed") }'
        )$'\n\n'
    done
    record size "${text%$'\n\n'}"
}

# Most memory resident at once, by /usr/bin/time -v. The bound is for a million connections and 10,000 failed calls in 10 GB: the dense archive
# with the log of its first copies alone. Others may take 400 bytes more for each connection and each call beyond.
part_memory() {
    local text directory name each part last
    text="| what | captures | connections | failed calls | most memory | wanted | |"$'\n'"|---|---:|---:|---:|---:|---:|---|"
    for name in realistic dense; do
        each=$([ "$name" = realistic ] && echo 0.53 || echo 0.945)
        for size in 1 10; do
            directory=$(made "$name" "$name" "$(times "$each" "$scale" "$size")" 1)
            text+=$'\n'$(resident "$name" "$directory/ssg_0_0.log" "$directory"/gateway_*)
        done
    done
    part=$archives/part
    mkdir -p "$part"
    last=$(awk -F, -v copies="$(times 32 "$scale")" 'NR == 2 || NR > 2 && NR - 1 <= copies { line = $6 } END { print line }' "$directory/copies.csv")
    head -n "$last" "$directory/ssg_0_0.log" > "$part/ssg_0_0.log"
    text+=$'\n'$(resident "dense, a part of its log" "$part/ssg_0_0.log" "$directory"/gateway_*)
    record memory "$text"
}

# A row: name, log, captures.
resident() {
    local name=$1 log=$2 most
    shift 2
    "${pin[@]}" /usr/bin/time -v -o "$archives/time" "$wirecause" analyze --tables-only --quiet --no-config -o "$(out)" "$log" "$@" >/dev/null || {
        echo "| $name | fails | | | | | |"
        return
    }
    most=$(sed -n 's/.*Maximum resident set size (kbytes): //p' "$archives/time")
    awk -v name="$name" -v capture="$(bytes "$@")" -v connections="$(($(wc -l < "$(out)/connections.csv") - 1))" \
        -v failed="$(($(wc -l < "$(out)/errors.csv") - 1))" -v kib="$most" 'BEGIN {
        wanted = 300 + 400 * (beyond(connections, 1e6) + beyond(failed, 1e4)) / 1048576
        printf "| %s | %.2f GB | %d | %d | %.0f MiB | %.0f MiB | %s |\n", name, capture / 1e9, connections, failed, kib / 1024, wanted,
            (kib / 1024 <= wanted ? "held" : "missed") }
        function beyond(n, free) { return n < free ? 0 : n - free }'
}

times() { printf '%s\n' "$@" | awk 'BEGIN { n = 1 } { n *= $1 } END { printf "%.4g\n", n }'; }
