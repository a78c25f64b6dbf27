#!/bin/sh
# Runs a command with a private FoundationDB, which ends with it.
#
#   scripts/with-fdb.sh [--processes N] [--redundancy single|double|triple] [--engine memory|ssd|…] COMMAND...
#
# The command gets:
#   TL_STORE        the store's URI
#   TL_FDB_FOLDER   a folder with, for each process K (1, 2, …), K.pid, and K.start, which starts it again; for fault tests
#   LD_LIBRARY_PATH where libfdb_c.so is
#
# fdbserver, fdbcli and libfdb_c.so are looked for on PATH, where the system keeps libraries, and in TL_FDB_DIR. Without
# them the exit status is 77, and what is missing is named.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/database.sh"

processes=1 redundancy=single engine=memory
while [ $# -gt 0 ]; do
    case $1 in
    --processes) processes=$2; shift 2 ;;
    --redundancy) redundancy=$2; shift 2 ;;
    --engine) engine=$2; shift 2 ;;
    -*) sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    *) break ;;
    esac
done
[ $# -gt 0 ] || { sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2; }

find_fdb
make_folder
start_fdb "$processes" "$redundancy" "$engine"
export TL_FDB_FOLDER="$folder" TL_STORE="fdb:$cluster_file?prefix=test" LD_LIBRARY_PATH="$library_path"
run "$@"
