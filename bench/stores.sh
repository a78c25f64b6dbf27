#!/bin/sh
# Measures every store side by side, at 20 and 60 Hz, and writes the table into docs/STORE.md. Databases run privately
# (scripts/with-fdb.sh, with-mvsqlite.sh); what is missing is named, and left out.
#
#   bench/stores.sh [--seconds N] [--bytes N] [--print]      --print: to the terminal alone
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
seconds=20 bytes=20000 file=$here/docs/STORE.md
while [ $# -gt 0 ]; do
    case $1 in
    --seconds) seconds=$2; shift 2 ;;
    --bytes) bytes=$2; shift 2 ;;
    --print) file=; shift ;;
    *) sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
(cd "$here" && cmake --preset default >/dev/null && cmake --build --preset default --target bench_store >/dev/null)
bench=$here/build/release/bench/bench_store
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
table=$folder/table

measure() { # OPTIONS... STORE: one line
    "$bench" --seconds "$seconds" --bytes "$bytes" "$@"
}

head=--head
for hz in 20 60; do
    for full in '' --full; do
        echo "sqlite $full, $hz Hz" >&2
        measure $head $full --hz $hz "$folder/sqlite-$hz$full" | tee -a "$table"
        rm -rf "$folder/sqlite-$hz$full"
        head=
    done
    for database in fdb mvsqlite; do
        echo "$database, $hz Hz" >&2
        "$here/scripts/with-$database.sh" sh -c '"$@" "$TL_STORE"' sh \
            "$bench" --seconds "$seconds" --bytes "$bytes" --hz $hz | tee -a "$table" || echo "left out" >&2
    done
done

[ -n "$file" ] || exit 0
awk -v table="$table" '
    /<!-- stores: begin -->/ { print; print ""; while ((getline line < table) > 0) print line; print ""; skip = 1 }
    /<!-- stores: end -->/ { skip = 0 }
    !skip { if ($0 !~ /stores: begin/) print }' "$file" >"$folder/new"
cat "$folder/new" >"$file"
