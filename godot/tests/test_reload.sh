# The editor opens a project with the addon, and reloads the extension. Run by run.sh, which sets godot, work and
# project. In single precision only: only editors reload extensions, Debian has none with doubles, and building
# one is too long for a test: it needs all that get-godot-double.sh leaves out (the whole of the gui, physics, importers), and
# the editor beside. What is reloaded is the same code.
if ! "$godot" --headless --help | grep -q -- --export-release; then
    echo "this Godot is no editor"
    exit 77
fi
mkdir -p "$project/addons/reload"
mv "$project/reload_plugin.gd" "$project/addons/reload/plugin.gd"
cat >"$project/addons/reload/plugin.cfg" <<'PLUGIN'
[plugin]

name="Reload"
description="Reloads the extension"
author="Tramline"
version="1"
script="plugin.gd"
PLUGIN
cat >>"$project/project.godot" <<'SETTINGS'

[editor_plugins]

enabled=PackedStringArray("res://addons/reload/plugin.cfg")
SETTINGS
"$godot" --headless --path "$project" --import >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
timeout 90 "$godot" --headless --editor --path "$project" >"$work/log" 2>&1 || { cat "$work/log"; echo "the editor failed"; exit 1; }
cat "$work/log"
grep -q '^EDITOR PASSED$' "$work/log"
if grep -E 'AddressSanitizer|handle_crash|^SCRIPT ERROR' "$work/log"; then
    exit 1
fi
