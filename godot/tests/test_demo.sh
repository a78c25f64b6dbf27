# The demo plays by itself, without a window, and compares every place that it shows with the truth. Run by run.sh, which
# sets godot, work, precision, root and TRAMLINE_ADDON.
. "$here/demo.sh"
demo --bot --seconds 5
