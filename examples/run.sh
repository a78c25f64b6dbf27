#!/bin/sh
# Runs server, client and bot together for a few seconds: the client sees the server's drones, the bot gets one of its own.
#   run.sh FOLDER_OF_THE_PROGRAMS
set -eu
programs=$1
world=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$world"' EXIT
"$programs/example_server" "$world/world" alpha 127.0.0.1:0 600 >"$world/log" 2>&1 &
server=$!
for _ in $(seq 600); do
    grep -q '^loaded' "$world/log" && break
    kill -0 "$server" 2>/dev/null || { cat "$world/log"; exit 1; }
    sleep 0.1
done
grep -q '^loaded' "$world/log" || { cat "$world/log"; echo "the server did not load its world within a minute"; exit 1; }
read -r _ port _ fingerprint <<END
$(grep '^port ' "$world/log")
END
"$programs/example_client" "127.0.0.1:$port" "$fingerprint" 4
"$programs/example_bot" "127.0.0.1:$port" "$fingerprint" drone 4
