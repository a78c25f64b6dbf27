#!/bin/sh
# Runs test programs of whole clusters under many seeds, and reports which fail. A seed repeats what it did.
#   scripts/run-seeds.sh FIRST LAST PROGRAM...      for instance
#   scripts/run-seeds.sh 1 1000 build/release/tests/cluster/test_cluster_crash build/release/tests/cluster/test_cluster_faults
# What a failing seed printed is kept in $SEED_LOGS (default: a new folder in /tmp); a seed may take $SEED_SECONDS (300).
set -u
[ $# -ge 3 ] || { sed -n '2,5s/^# //p' "$0"; exit 2; }
first=$1 last=$2
shift 2
logs=${SEED_LOGS:-$(mktemp -d /tmp/seeds.XXXXXX)}
mkdir -p "$logs"
failed=0
seed=$first
while [ "$seed" -le "$last" ]; do
    for program in "$@"; do
        log=$logs/$(basename "$program").$seed
        if timeout "${SEED_SECONDS:-300}" "$program" "$seed" >"$log" 2>&1; then
            rm "$log"
        else
            echo "$(basename "$program") $seed failed ($?): $(tail -n 1 "$log")"
            failed=$((failed + 1))
        fi
    done
    seed=$((seed + 1))
done
echo "$(basename "$1")${2:+ and others}, seeds $first to $last: $failed failed${failed:+; logs in $logs}"
[ "$failed" -eq 0 ]
