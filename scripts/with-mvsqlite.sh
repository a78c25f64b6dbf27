#!/bin/sh
# Runs a command with a private FoundationDB and mvstore, and with mvsqlite's library preloaded; all ends with it.
#
#   scripts/with-mvsqlite.sh [--no-namespaces] COMMAND...
#
# The command gets:
#   TL_STORE            the store's URI
#   MVSQLITE_DATA_PLANE mvstore's address
#   LD_PRELOAD          libmvsqlite_preload.so
#   TL_MVSQLITE_FOLDER  a folder with mvstore.pid, and mvstore.start, which starts it again; for fault tests. Likewise
#                       1.pid and 1.start for the FoundationDB below it
#   TL_MVSQLITE_ADMIN   mvstore's address where namespaces are made
#
# mvstore makes namespaces as they are asked for, but with --no-namespaces it does not.
#
# What with-fdb.sh needs is needed here too; mvstore and libmvsqlite_preload.so are looked for on PATH, where the system
# keeps libraries, and in TL_MVSQLITE_DIR. Without them the exit status is 77, and what is missing is named.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/database.sh"

namespaces=--auto-create-namespace
if [ "${1:-}" = --no-namespaces ]; then
    namespaces=
    shift
fi
case ${1:-} in
'' | -*) sed -n '2,18s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

hint="it is part of mvsqlite: put it on PATH, or name its folder in TL_MVSQLITE_DIR"
mvstore=$(find_program mvstore "${TL_MVSQLITE_DIR:-}")
[ -n "$mvstore" ] || skip mvstore "$hint"
preload=$(find_file libmvsqlite_preload.so ${TL_MVSQLITE_DIR:+"$TL_MVSQLITE_DIR" "$TL_MVSQLITE_DIR/lib"} \
    "$(dirname "$mvstore")" /usr/lib /usr/local/lib /usr/lib/x86_64-linux-gnu /usr/lib/aarch64-linux-gnu)
[ -n "$preload" ] || skip libmvsqlite_preload.so "$hint"
find_fdb

make_folder
start_fdb 1 single memory
data_port=$(free_port) admin_port=$(free_port)
add_process mvstore "$mvstore" --cluster "$cluster_file" --data-plane "127.0.0.1:$data_port" \
    --admin-api "127.0.0.1:$admin_port" --raw-data-prefix m --metadata-prefix mvstore $namespaces
await "mvstore" mvstore is_listening "$data_port"

export TL_MVSQLITE_FOLDER="$folder" TL_MVSQLITE_ADMIN="http://127.0.0.1:$admin_port"
export MVSQLITE_DATA_PLANE="http://127.0.0.1:$data_port" TL_STORE="mvsqlite:http://127.0.0.1:$data_port/test"
# What docs/OPERATE.md recommends: pages read ahead, a bounded cache, and no log of the library's own retries.
export MVSQLITE_PREFETCH_DEPTH="${MVSQLITE_PREFETCH_DEPTH:-4}" MVSQLITE_PAGE_CACHE_SIZE="${MVSQLITE_PAGE_CACHE_SIZE:-1000}"
export RUST_LOG="${RUST_LOG:-off}"
export ASAN_OPTIONS="verify_asan_link_order=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
run env LD_PRELOAD="$preload${LD_PRELOAD:+:$LD_PRELOAD}" "$@"
