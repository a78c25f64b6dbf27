# A game that was exported, for release and for debugging, with the engine's export templates, has the addon in it and
# runs. Run by run.sh, which sets godot, work, project, precision and root.
cat >"$project/main.tscn" <<'SCENE'
[gd_scene load_steps=2 format=3]

[ext_resource type="Script" path="res://export_main.gd" id="1"]

[node name="Main" type="Node"]
script = ExtResource("1")
SCENE
cat >>"$project/project.godot" <<'SETTINGS'
run/main_scene="res://main.tscn"
SETTINGS
mkdir -p "$work/game"
editor=$("$root/scripts/get-godot.sh") || exit 77
if [ $precision = single ]; then
    templates=$(dirname "$editor")
    debug=$templates/godot-template-debug release=$templates/godot-template-release kinds='debug release'
else
    # The build with doubles is itself an export template, for debugging. One for release would take as long to build, and
    # the addon has one library for both.
    debug=$godot release= kinds=debug
fi
[ -z "${TRAMLINE_GODOT:-}" ] || { echo "it takes the export templates of the Godot that is fetched"; exit 77; }
cat >"$project/export_presets.cfg" <<PRESETS
[preset.0]

name="Linux"
platform="Linux"
runnable=true
export_filter="all_resources"
include_filter=""
exclude_filter=""
export_path="$work/game/game"

[preset.0.options]

custom_template/debug="$debug"
custom_template/release="$release"
binary_format/embed_pck=false
binary_format/architecture="x86_64"
texture_format/s3tc_bptc=true
PRESETS

"$editor" --headless --path "$project" --import >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
for kind in $kinds; do
    rm -rf "$work/game" "$work/home"
    mkdir -p "$work/game" "$work/home"
    "$editor" --headless --path "$project" --export-$kind Linux "$work/game/game" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
    if [ $precision = double ]; then # an editor with doubles, which there is not, would have put this one there
        rm "$work/game/libtramline.linux.template_release.x86_64.so"
        cp "$TRAMLINE_ADDON/bin/libtramline.linux.template_release.double.x86_64.so" "$work/game"
    fi
    ls "$work/game"
    [ "$(ls "$work/game" | grep -c '^libtramline')" = 1 ] || { echo "there should be one library"; exit 1; }
    # Nothing of the project is there for it to fall back to.
    mv "$project" "$project.away"
    (cd "$work/game" && timeout 30 ./game --headless) >"$work/log" 2>&1 || { cat "$work/log"; echo "the $kind game failed"; exit 1; }
    mv "$project.away" "$project"
    cat "$work/log"
    grep -q '^GAME PASSED$' "$work/log"
    if grep -E '^(SCRIPT )?ERROR' "$work/log"; then
        echo "the $kind game complained"
        exit 1
    fi
    if [ $kind = debug ]; then wanted=true; else wanted=false; fi
    grep -q "^debug build: $wanted, exported: true, $precision precision$" "$work/log" || { echo "it is no $kind build of $precision precision"; exit 1; }
done
