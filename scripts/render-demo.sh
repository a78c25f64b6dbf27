#!/bin/sh
# Takes pictures of the Godot demo on a machine without a screen or a graphics card: fills a store with the big city, runs a
# server on it, and draws what a Godot client sees with Mesa's software renderer under Xvfb. Each picture takes about half
# a minute.
#
#   scripts/render-demo.sh [--docs] [FOLDER] [VIEW,VIEW,…]
#
# FOLDER: where the pictures go (default build/pictures). Views: seat, aisle, stop, street, fly, high (default: all).
# --docs: renders docs/images anew instead. The exit status is 3 where a part that it needs cannot be had.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
folder=$here/build/pictures views=seat,aisle,stop,street,fly,high more=
case ${1:-} in
--docs) folder=$here/docs/images views=stop,fly more='--jpg --ride 2' ;;
-*) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2 ;;
*)
    [ $# -lt 1 ] || folder=$1
    [ $# -lt 2 ] || views=$2
    ;;
esac
command -v Xvfb >/dev/null && command -v xvfb-run >/dev/null || {
    echo "render-demo: there is no Xvfb; install it (apt-get install xvfb)" >&2
    exit 3
}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
godot=$("$here/scripts/get-godot.sh" --render)
root=${godot%/usr/bin/godot}

cd "$here"
echo "render-demo: building" >&2
cmake --preset default >/dev/null && cmake --build --preset default --target tramline tramline_godot >/dev/null
tramline=$here/build/release/src/app/tramline

# The city and its server.
work=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
"$tramline" city --quiet --store "$work/city"
"$tramline" serve --quiet --store "$work/city" --name alpha --listen 127.0.0.1:0 --ready "$work/ready.json" &
server=$!
tries=0
until [ -e "$work/ready.json" ]; do
    tries=$((tries + 1))
    [ $tries -lt 150 ] || { echo "render-demo: the server does not get ready" >&2; exit 1; }
    sleep 0.2
done

# Godot gives way to the server: one that is starved loses its groups. Mesa's variables are for Godot alone, as Xvfb has
# this machine's own Mesa.
echo "render-demo: drawing $views" >&2
mkdir -p godot/demo/.godot
echo res://addons/tramline/tramline.gdextension >godot/demo/.godot/extension_list.cfg # Godot knows the addon from the start
timeout 120 "$godot" --headless --path godot/demo --import >"$work/import.log" 2>&1 || { tail -n 20 "$work/import.log" >&2; exit 1; }
nice -n 5 xvfb-run -a -s "-screen 0 1280x720x24 +extension GLX" \
    env LIBGL_DRIVERS_PATH="$root/usr/lib/x86_64-linux-gnu/dri" LIBGL_ALWAYS_SOFTWARE=1 GALLIUM_DRIVER=llvmpipe __GLX_VENDOR_LIBRARY_NAME=mesa \
    timeout 900 "$godot" --rendering-driver opengl3 --audio-driver Dummy --resolution 1280x720 --path godot/demo client.tscn -- \
    --ready "$work/ready.json" --pictures "$folder" --views "$views" $more
