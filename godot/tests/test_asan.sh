# Some of the tests once more, with the extension built with the address and undefined-behaviour sanitizers. Run by run.sh.
# TRAMLINE_ASAN is the addon's folder, TRAMLINE_DEEPBIND the library of deepbind.c.
if [ ! -d "${TRAMLINE_ASAN:-}" ]; then
    echo "the extension was not built with sanitizers"
    exit 77
fi
rm -rf "$project/addons/tramline"
cp -r "$TRAMLINE_ASAN" "$project/addons/tramline"
libasan=$(ldd "$project"/addons/tramline/bin/*release.x86_64.so | awk '/libasan/ { print $3 }')
[ -n "$libasan" ] || { echo "the extension is not linked to the sanitizer"; exit 1; }
for name in share restart transport entity hostile; do
    # Godot itself gives back little at its end: leaks are not looked for.
    LD_PRELOAD="$TRAMLINE_DEEPBIND:$libasan" \
        ASAN_OPTIONS=verbosity=1:detect_leaks=0:verify_asan_link_order=0:halt_on_error=1:abort_on_error=0:exitcode=86:allow_user_segv_handler=0 \
        UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:exitcode=86 \
        timeout 120 "$godot" --headless --path "$project" --script "res://test_$name.gd" -- --work="$work/$name" \
        --precision=single >"$work/log" 2>&1 || { tail -n 80 "$work/log"; echo "$name failed with sanitizers"; exit 1; }
    grep -q '^TEST PASSED$' "$work/log" || { tail -n 80 "$work/log"; echo "$name did not come to its end"; exit 1; }
    grep -q 'AddressSanitizer Init done' "$work/log" || { echo "the sanitizer did not run"; exit 1; }
    if grep -E 'ERROR: AddressSanitizer|runtime error' "$work/log"; then
        exit 1
    fi
    echo "$name passed with sanitizers"
done
