#!/bin/sh
# What the library adds to a program's names begins with tl_. Prints each symbol that does not.
#   test_symbols.sh LIBRARY.a
set -eu
symbols=$(nm -g --defined-only "$1" 2>/dev/null | awk 'NF == 3 && $3 !~ /^__/ { print $3 }' | sort -u)
[ "$(printf '%s\n' "$symbols" | wc -l)" -gt 100 ] || { echo "$1 has hardly any symbols: is it the library?"; exit 1; }
if printf '%s\n' "$symbols" | grep -v '^tl_'; then
    echo "These need the prefix tl_, or should be static."
    exit 1
fi
