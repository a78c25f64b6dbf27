# Sourced by the tests that run the demo: makes it ready, in $work/demo.
editor=$("$root/scripts/get-godot.sh") || exit 77 # the build with doubles cannot import
mkdir -p "$work/demo"
(cd "$root/godot/demo" && tar -c --exclude=./.godot --exclude=./addons .) | tar -x -C "$work/demo"
mkdir -p "$work/demo/addons" "$work/demo/.godot"
cp -r "$TRAMLINE_ADDON" "$work/demo/addons/tramline"
echo res://addons/tramline/tramline.gdextension >"$work/demo/.godot/extension_list.cfg"
"$editor" --headless --path "$work/demo" --import >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }

# demo OPTION...: plays the small city, server and client in one; what it said is in $work/log.
demo() {
    timeout 150 "$godot" --headless --path "$work/demo" both.tscn -- --store "$work/store" "$@" >"$work/log" 2>&1 ||
        { tail -n 40 "$work/log"; echo "the demo does not hold what it should"; exit 1; }
    tail -n 20 "$work/log"
    if grep -E '^(SCRIPT )?ERROR' "$work/log"; then
        exit 1
    fi
}
