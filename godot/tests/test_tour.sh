# The demo plays as somebody would: through the tram, out at a stop, in again, up into the air. It checks itself that the
# avatar is seen in each frame, without a jump; here, that all of it has happened. Run by run.sh, which sets godot, work,
# precision, root and TRAMLINE_ADDON.
. "$here/demo.sh"
demo --tour
for step in 'sits' 'has walked to cabin 1' 'got off' 'boarded tram [0-3]'; do
    grep -q "^tour: $step, and is seen there$" "$work/log" || { echo "this did not happen: $step"; exit 1; }
done
grep -q '^tour: all steps succeeded' "$work/log"
