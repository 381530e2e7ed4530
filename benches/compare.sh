#!/usr/bin/env bash
# wirecause beside other programs on the same files in the same run; the tables go into BENCHMARKS.md.
#
#   benches/compare.sh [PART…]     realistic dense log compressed threads size memory; all of them if none is named
#
#   WIRECAUSE_ARCHIVES  where the archives are made and kept; target/archives if not set (27 GB)
#   WIRECAUSE_INCIDENTS where the incidents harbor and calm are; ../shared/incidents if not set
#   WIRECAUSE_SCALE     size of the archives, 1 = as BENCHMARKS.md says; below it nothing is recorded
#   WIRECAUSE_RUNS      runs of each command, of which the median counts; 5 if not set
#   WIRECAUSE_RECORD    where the tables go instead of BENCHMARKS.md
#
# Commands of a group take turns (A B C A B C …), so that what else the machine does meets all of them. All files are in the page cache. Two
# processors are used, whatever the machine has. Times are wall clock from start to exit of the process, by the shell's clock.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
# shellcheck source=benches/support/measure.sh
source benches/support/measure.sh
# shellcheck source=benches/support/parts.sh
source benches/support/parts.sh

parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(realistic dense log compressed threads size memory)
for part in "${parts[@]}"; do
    declare -F "part_$part" >/dev/null || { echo "$0: no part $part" >&2; exit 2; }
done

install_peers
build
record machine "$(machine)"
for part in "${parts[@]}"; do
    printf '\n== %s\n' "$part"
    "part_$part"
done
