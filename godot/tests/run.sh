#!/bin/sh
# Runs one test of the addon in a real Godot: test_NAME.gd, or test_NAME.sh where it takes more than a script.
#
#   godot/tests/run.sh single|double NAME
#
# The project is copied into a folder of its own, with the addon in it, as a user would have it. TRAMLINE_ADDON is the
# addon's folder; TRAMLINE_PROGRAM and TRAMLINE_TRUTH are programs that some tests start (see CMakeLists.txt, which sets
# all of them). TRAMLINE_GODOT names another Godot than the one that is fetched or built. KEEP_LOG names a file for all that
# was said. The exit status is 77 where Godot cannot be had, or not in that precision: CTest then reports the test as skipped.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
precision=$1 name=$2
case $precision in
single) fetch=get-godot.sh ;;
double) fetch=get-godot-double.sh ;;
*) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
status=0
if [ -n "${TRAMLINE_GODOT:-}" ]; then
    godot=$TRAMLINE_GODOT
    version=$("$godot" --headless --version)
    case $version in *.double*) its=double ;; *) its=single ;; esac
    [ $its = "$precision" ] || { echo "$version is of $its precision"; exit 77; }
    echo "in Godot $version"
else
    godot=$("$root/scripts/$fetch") || status=$?
fi
[ $status != 3 ] || exit 77
[ $status = 0 ] || exit 1
: "${TRAMLINE_ADDON:=$root/build/release/godot/addons/tramline}"
: "${TRAMLINE_PROGRAM:=$root/build/release/src/app/tramline}"
: "${TRAMLINE_TRUTH:=$root/build/release/godot/tests/tramline_truth}"
: "${TIMEOUT_S:=170}"

work=$(mktemp -d "${TMPDIR:-/tmp}/tramline-godot.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
project=$work/project
mkdir -p "$project/addons" "$project/.godot" "$work/home"
cp "$here"/*.gd "$here"/project.godot "$project"
cp -r "$TRAMLINE_ADDON" "$project/addons/tramline"
# Without an editor Godot does not search for extensions: this list names them.
echo res://addons/tramline/tramline.gdextension >"$project/.godot/extension_list.cfg"
echo 'list=[]' >"$project/.godot/global_script_class_cache.cfg"
export HOME="$work/home" # Godot's user folder and settings
unset XDG_DATA_HOME XDG_CONFIG_HOME XDG_CACHE_HOME

if [ -f "$here/test_$name.sh" ]; then
    export godot work project precision root here TRAMLINE_ADDON
    exec timeout --kill-after 5 "$TIMEOUT_S" sh -eu "$here/test_$name.sh"
fi

# A script that breaks off leaves Godot running: so it has a time limit, and must say at its end that it came there.
timeout --kill-after 5 "$TIMEOUT_S" env ${PRELOAD:+LD_PRELOAD="$PRELOAD"} "$godot" --headless --path "$project" \
    --script "res://test_$name.gd" -- --work="$work" --precision="$precision" --program="$TRAMLINE_PROGRAM" \
    --truth="$TRAMLINE_TRUTH" >"$work/log" 2>&1 || status=$?
# Where errors are provoked they are many: only what is not one of them is of interest, and how it ended.
if grep -q '^# Provokes errors' "$project/test_$name.gd"; then
    grep -vE '^ *(ERROR|WARNING|at|GDScript backtrace|\[[0-9]+\])' "$work/log" | head -c 20000 || true
    echo ...
    tail -n 20 "$work/log"
else
    head -c 100000 "$work/log"
fi
[ -z "${KEEP_LOG:-}" ] || cp "$work/log" "$KEEP_LOG"
if [ $status != 0 ]; then
    echo "run.sh: exit status $status (124: it did not end within $TIMEOUT_S s)"
    exit 1
fi
grep -q '^TEST PASSED$' "$work/log" || { echo "run.sh: it did not come to its end"; exit 1; }
# These errors are reported once, and not each time.
sed -n 's/^# Provokes once: //p' "$project/test_$name.gd" >"$work/wanted"
while read -r text; do
    count=$(grep -cF "ERROR: $text" "$work/log") || true
    [ "$count" = 1 ] || { echo "run.sh: reported $count times: $text"; exit 1; }
done <"$work/wanted"
# What the engine complains of is a fault, unless the test provokes it.
if ! grep -q '^# Provokes errors' "$project/test_$name.gd" && grep -E '^(SCRIPT ERROR|ERROR|USER ERROR|WARNING|USER WARNING):' "$work/log"; then
    echo "run.sh: the lines above are errors"
    exit 1
fi
if grep -qE 'SCRIPT ERROR|AddressSanitizer|handle_crash' "$work/log"; then
    echo "run.sh: a script, or the engine, failed"
    exit 1
fi
