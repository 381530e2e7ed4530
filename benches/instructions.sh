#!/usr/bin/env bash
# Instructions per packet of decoding and tracking, counted by callgrind, against stored references: a machine's noise does not show in them.
#
#   benches/instructions.sh            compares, and exits 1 where a stage takes more than TOLERANCE percent beyond its reference
#   benches/instructions.sh --update   stores what was counted as the reference
#   benches/instructions.sh --profile  prints the functions that take most of it, too
set -euo pipefail
cd "$(dirname "$0")/.."

# Inlining differs a little from compiler to compiler, and hash tables are seeded anew in each run.
TOLERANCE=5
reference=benches/instructions.txt
capture=samples/harbor-cut/gateway.pcap
mode=${1:-}
case "$mode" in "" | --update | --profile) ;; *) echo "usage: $0 [--update | --profile]" >&2; exit 2 ;; esac

if ! command -v valgrind >/dev/null; then
    root=()
    [ "$(id -u)" = 0 ] || root=(sudo -n)
    if ! { "${root[@]}" apt-get update -q && "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends valgrind; }; then
        echo "$0: valgrind is missing and cannot be installed here" >&2
        exit 2
    fi
fi >&2

# The path of the program is in cargo's messages.
program=$(cargo bench --locked --no-run --bench instructions --message-format json-render-diagnostics |
    sed -n 's/.*"name":"instructions".*"executable":"\([^"]*\)".*/\1/p' | tail -1)
[ -x "$program" ] || { echo "$0: the bench was not built" >&2; exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
slower=0 counted=""
for stage in decode track; do
    packets=$(valgrind -q --tool=callgrind --callgrind-out-file="$work/$stage" --collect-atstart=no \
        --toggle-collect="*counted_$stage*" "$program" "$stage" "$capture")
    instructions=$(sed -n 's/^totals: \([0-9]*\).*/\1/p' "$work/$stage")
    each=$(awk -v n="$instructions" -v packets="$packets" 'BEGIN { printf "%.1f", n / packets }')
    [ "${each%.*}" -gt 0 ] || { echo "$0: nothing was counted of $stage" >&2; exit 2; }
    counted+="$stage $each"$'\n'
    held=$(awk -v stage="$stage" '$1 == stage { print $2 }' "$reference" 2>/dev/null || true)
    if [ -n "$held" ]; then
        change=$(awk -v new="$each" -v old="$held" 'BEGIN { printf "%+.1f", (new / old - 1) * 100 }')
        printf '%-8s %8s instructions a packet, reference %s, %s %%\n' "$stage" "$each" "$held" "$change"
        if awk -v change="$change" -v most="$TOLERANCE" 'BEGIN { exit !(change > most) }'; then slower=1; fi
    else
        printf '%-8s %8s instructions a packet, no reference\n' "$stage" "$each"
        slower=1
    fi
    if [ "$mode" = --profile ]; then
        callgrind_annotate "$work/$stage" | sed -n '/Ir/,$p' | cut -c1-160 | head -25
    fi
done

if [ "$mode" = --update ]; then
    {
        echo "# Instructions per packet of $capture, written by benches/instructions.sh --update"
        echo "# $(rustc --version), $(uname -m)"
        printf '%s' "$counted"
    } > "$reference"
    exit 0
fi
if [ "$slower" = 1 ]; then
    echo "$0: more than $TOLERANCE % beyond the reference; --update stores a new one" >&2
    exit 1
fi
