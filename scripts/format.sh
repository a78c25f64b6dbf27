#!/bin/sh
# Formats all C and C++ files by .clang-format (clang-format 16, Debian's clang-format-16).
#   scripts/format.sh          rewrites what differs
#   scripts/format.sh --check  changes nothing, prints what differs, and fails if anything does
# src/wire/model_table.h is left as the training program writes it.
set -eu
cd "$(dirname "$0")/.."
case ${1-} in
'') mode=-i ;;
--check) mode='--dry-run --Werror --ferror-limit=1' ;;
*) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
command -v clang-format-16 >/dev/null || { echo "clang-format-16 is missing: scripts/install-packages.sh installs it" >&2; exit 1; }
find bench examples fuzz godot include scenario src tests -type f \( -name '*.[ch]' -o -name '*.cpp' -o -name '*.hpp' \) \
    ! -path src/wire/model_table.h -print 2>/dev/null | xargs clang-format-16 $mode
