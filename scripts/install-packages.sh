#!/bin/sh
# Installs those of scripts/packages (or of the list that is given) that are missing. Does nothing, and needs no rights, if
# none is.
#
#   scripts/install-packages.sh [LIST]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
list=${1:-$here/packages}
wanted=$(grep -v '^#' "$list")
if ! command -v dpkg-query >/dev/null; then
    echo "This is no Debian: install what $list names by your system's means, and go on with cmake --preset default." >&2
    exit 1
fi
missing=
for package in $wanted; do
    dpkg-query -W -f '${db:Status-Abbrev}\n' "$package" 2>/dev/null | grep -q '^ii' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "These packages are missing:$missing" >&2
        echo "Run this as root once, or: apt-get install$missing" >&2
        exit 1
    fi
    as_root=sudo
fi
echo "installing$missing"
$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
