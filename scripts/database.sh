# Sourced by with-fdb.sh and with-mvsqlite.sh: private database processes in a temporary directory, on free ports of
# loopback, that end when the command ends, in every case.
#
# Each process has a name K, and in $folder: K.start, which starts it (again) in the background; K.pid, its process; K.log.

# skip WHAT: says what is missing, and ends as a skipped test does.
skip() {
    echo "skipped: $1 is missing; $2" >&2
    exit 77
}

# find_file NAME FOLDER...: the first folder's file of that name; "" if there is none.
find_file() {
    name=$1
    shift
    for place in "$@"; do
        if [ -n "$place" ] && [ -f "$place/$name" ]; then
            echo "$(cd "$place" && pwd)/$name"
            return
        fi
    done
}

# find_program NAME DIR: on PATH, or in DIR or DIR/bin.
find_program() {
    found=$(find_file "$1" "$2" "${2:+$2/bin}")
    [ -n "$found" ] || found=$(command -v "$1" || true)
    echo "$found"
}

# free_port: a port that nothing on this machine listens at or is connected from, and that was not given before.
free_port() {
    while :; do
        port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
        hex=$(printf ':%04X ' "$port")
        if ! cat /proc/net/tcp /proc/net/tcp6 "$folder/ports" 2>/dev/null | grep -q "$hex"; then
            echo "$hex" >>"$folder/ports"
            echo "$port"
            return
        fi
    done
}

# is_listening PORT: whether something listens there.
is_listening() {
    grep -q "$(printf ':%04X [0-9A-F]*:0000 0A' "$1")" /proc/net/tcp
}

# ---- processes -----------------------------------------------------------------------------------------------------

# Ends all processes of $folder, and removes it. A test may just be starting one again: so twice. A number may have been
# given to somebody else's process meanwhile, which is not in our folder.
end_databases() {
    for attempt in 1 2; do
        rm -f "$folder"/*.start
        for file in "$folder"/*.pid; do
            process=$(cat "$file" 2>/dev/null || true)
            [ "$(readlink "/proc/$process/cwd" || true)" != "$folder" ] || kill -9 "$process" || true
        done
        sleep 0.1
    done
    rm -rf "$folder"
}

# make_folder: $folder. A watchman in a session of its own cleans up if this script is killed without a chance to.
make_folder() {
    folder=$(mktemp -d "${TMPDIR:-/tmp}/tramline-database-XXXXXX")
    folder=$(cd "$folder" && pwd -P)
    export folder
    command=
    trap '[ -z "$command" ] || kill "$command" 2>/dev/null || true; end_databases' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    setsid -f sh -c '. "$1"; while kill -0 "$2" 2>/dev/null && [ -d "$folder" ]; do sleep 1; done
                     [ ! -d "$folder" ] || end_databases' sh "$here/database.sh" $$ </dev/null >/dev/null 2>&1
}

# add_process K PROGRAM ARGUMENTS...: writes K.start, and runs it. What a command is preloaded with is not for servers.
add_process() {
    process=$1
    shift
    {
        echo '#!/bin/sh'
        echo "cd '$folder' || exit 1"
        printf 'env -u LD_PRELOAD -u ASAN_OPTIONS LD_LIBRARY_PATH="%s" setsid' "${library_path:-}"
        printf " '%s'" "$@"
        echo " >>'$process.log' 2>&1 </dev/null &"
        echo "echo \$! >'$process.pid'"
    } >"$folder/$process.start"
    chmod +x "$folder/$process.start"
    "$folder/$process.start"
}

# await WHAT K COMMAND...: runs the command until it succeeds, for 30 seconds; then K's log says why it does not.
await() {
    what=$1 process=$2
    shift 2
    for attempt in $(seq 300); do
        "$@" >/dev/null 2>&1 && return
        kill -0 "$(cat "$folder/$process.pid")" 2>/dev/null || break
        sleep 0.1
    done
    echo "$what did not start; the end of its log:" >&2
    tail -n 20 "$folder/$process.log" >&2
    exit 1
}

# run COMMAND...: its exit status is this script's. In the background, since a shell hears no signal before a command in
# the foreground has ended; but with our input.
run() {
    exec 3<&0
    "$@" <&3 3<&- &
    command=$!
    exec 3<&-
    status=0
    wait "$command" || status=$?
    command=
    exit "$status"
}

# ---- FoundationDB --------------------------------------------------------------------------------------------------

# find_fdb: $fdbserver, $fdbcli, and $library_path with libfdb_c.so (empty where the system finds it by itself).
find_fdb() {
    hint="it is part of FoundationDB 7.1 or later: put it on PATH, or name its folder in TL_FDB_DIR"
    fdbserver=$(find_program fdbserver "${TL_FDB_DIR:-}")
    [ -n "$fdbserver" ] || fdbserver=$(find_file fdbserver /usr/sbin /usr/local/sbin)
    [ -n "$fdbserver" ] || skip fdbserver "$hint"
    fdbcli=$(find_program fdbcli "${TL_FDB_DIR:-}")
    [ -n "$fdbcli" ] || skip fdbcli "$hint"
    library=$(find_file libfdb_c.so ${TL_FDB_DIR:+"$TL_FDB_DIR" "$TL_FDB_DIR/lib"} \
        /usr/lib /usr/lib64 /usr/local/lib /usr/lib/x86_64-linux-gnu /usr/lib/aarch64-linux-gnu)
    [ -n "$library" ] || skip libfdb_c.so "$hint"
    library_path=$(dirname "$library")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
}

# start_fdb PROCESSES REDUNDANCY ENGINE: processes 1, 2, …; $cluster_file.
start_fdb() {
    cluster_file=$folder/fdb.cluster
    coordinators= ports=
    for number in $(seq "$1"); do
        port=$(free_port)
        ports="$ports $port"
        [ "$number" -gt 3 ] || coordinators="$coordinators${coordinators:+,}127.0.0.1:$port"
    done
    echo "tramline:tramline@$coordinators" >"$cluster_file"
    number=0
    for port in $ports; do
        number=$((number + 1))
        mkdir -p "$folder/$number.data"
        # Each is a machine of its own, so that the copies of double and triple redundancy find room.
        add_process "$number" "$fdbserver" --public-address "127.0.0.1:$port" --listen-address public \
            --cluster-file "$cluster_file" --datadir "$folder/$number.data" --logdir "$folder/$number.data" \
            --locality-machineid "$number" --locality-zoneid "$number" --memory 4GiB --storage-memory 1GiB
    done
    await "FoundationDB" 1 sh -c "'$fdbcli' -C '$cluster_file' --timeout 10 --exec 'configure new $2 $3' |
        grep -Eq 'created|already exists'"
    await "FoundationDB" 1 sh -c "'$fdbcli' -C '$cluster_file' --timeout 10 --exec 'status minimal' | grep -q 'is available'"
}
