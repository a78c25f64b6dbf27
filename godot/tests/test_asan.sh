# Some of the tests once more, with the extension built with the address, leak and undefined-behaviour sanitizers. Run by
# run.sh. TRAMLINE_ASAN is the addon's folder, TRAMLINE_DEEPBIND the library of deepbind.c.
if [ ! -d "${TRAMLINE_ASAN:-}" ]; then
    echo "the extension was not built with sanitizers"
    exit 77
fi
rm -rf "$project/addons/tramline"
cp -r "$TRAMLINE_ASAN" "$project/addons/tramline"
libasan=$(ldd "$project"/addons/tramline/bin/*release.x86_64.so | awk '/libasan/ { print $3 }')
[ -n "$libasan" ] || { echo "the extension is not linked to the sanitizer"; exit 1; }

# Leaks are Godot's own unless one of our functions is among those that led to them; most of the tests have none at all.
our_leaks() {
    awk -v ours="$root/(godot/extension|src)/" '
        /^(Direct|Indirect) leak of/ { text = $0; inside = 1; found = 0; next }
        inside && /^ *#/ { text = text "\n" $0; found = found || $0 ~ ours; next }
        inside { if (found) print text; inside = 0 }' "$1"
}

echo 'leak:gd_instance_create' >"$work/lost" # whatever was made for a node that a script made and lost hold of
for name in share restart transport entity faults hostile; do
    [ $name = restart ] && suppressions=$work/lost || suppressions=/dev/null # it does so on purpose
    status=0
    LD_PRELOAD="$TRAMLINE_DEEPBIND:$libasan" \
        ASAN_OPTIONS=verbosity=1:detect_leaks=1:verify_asan_link_order=0:halt_on_error=1:abort_on_error=0:exitcode=86:allow_user_segv_handler=0 \
        LSAN_OPTIONS="exitcode=23:suppressions=$suppressions" \
        UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:exitcode=86 \
        timeout 150 "$godot" --headless --path "$project" --script "res://test_$name.gd" -- --work="$work/$name" \
        --precision="$precision" >"$work/log" 2>&1 || status=$?
    [ $status = 0 ] || [ $status = 23 ] || { tail -n 80 "$work/log"; echo "$name failed with sanitizers: $status"; exit 1; }
    grep -q '^TEST PASSED$' "$work/log" || { tail -n 80 "$work/log"; echo "$name did not come to its end"; exit 1; }
    grep -q 'AddressSanitizer Init done' "$work/log" || { echo "the sanitizer did not run"; exit 1; }
    if grep -E 'ERROR: AddressSanitizer|runtime error' "$work/log"; then
        exit 1
    fi
    leaks=$(our_leaks "$work/log")
    [ -z "$leaks" ] || { echo "$leaks" | head -n 60; echo "$name leaks"; exit 1; }
    echo "$name passed with sanitizers"
done
