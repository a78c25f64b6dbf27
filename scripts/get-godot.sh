#!/bin/sh
# Brings a Godot 4 (editor build, single precision) and its export templates from Debian's testing suite into
# build/godot/single, with all libraries that they need, down to the C library: nothing else on this machine changes, and
# no rights are needed. A second call does nothing. Says the program's path.
#
#   scripts/get-godot.sh [--render] [DEST]
#
# --render fetches a second one, with Mesa's software renderer, into build/godot/render: for pictures under Xvfb. It needs
# LIBGL_DRIVERS_PATH=DEST/usr/lib/x86_64-linux-gnu/dri and __GLX_VENDOR_LIBRARY_NAME=mesa. SUITE and MIRROR, if set, say
# where from. The exit status is 3 where it cannot be had: no Debian, no apt, no network.
set -eu

recipe=1 # raise it when what is unpacked changes: older folders are then made anew
suite=${SUITE:-forky}
here=$(cd "$(dirname "$0")/.." && pwd)
render=0
if [ "${1:-}" = --render ]; then
    render=1
    shift
fi
case ${1:-} in -*) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2 ;; esac
if [ $render = 1 ]; then
    # The renderer is opened by name while it runs: no package asks for it.
    dest=${1:-$here/build/godot/render} programs=godot
    more='libgl1 libglx-mesa0 libegl1 libegl-mesa0 libgl1-mesa-dri'
else
    dest=${1:-$here/build/godot/single} programs='godot godot-template-release godot-template-debug'
    more=
fi
wanted="recipe $recipe, $suite, $programs, render $render"
me=get-godot what='everything that runs Godot' program=usr/bin/godot
. "$here/scripts/get-godot-common.sh"
end_if_ready
needs dpkg-deb
[ "$(dpkg --print-architecture)" = amd64 ] || cannot "Godot is fetched for amd64 only"
wait_for_others
echo "get-godot: fetching Godot into $dest (about 110 MB, 300 MB unpacked)" >&2
make_folder_anew
make_apt deb arch=amd64
: >"$apt/status" # no package is installed: it resolves the whole closure
own="$own -oDir::State=$apt -oDir::State::status=$apt/status -oAPT::Architecture=amd64 -oAPT::Install-Recommends=0 -oDebug::NoLocking=1"

# What a program without a window never opens: drivers, fonts, icons, sound, what only installing needs.
needless='mesa-libgallium|libllvm.*|libz3-4|libelf1.*|libdrm-.*|libsensors.*|libpciaccess0|libxshmfence1|libedit2|libbsd0|libmd0'
needless="$needless|libtinfo6|libxml2-.*|libxcb-(dri3|present|sync|xfixes|randr).*|fonts-.*|fontconfig-config|pci\\.ids|xkb-data"
needless="$needless|x11-common|libx11-data|libc-gconv-modules-extra|debconf|libudev1|libhwloc15|libtbbbind.*|libtbbmalloc.*"
needless="$needless|libmount1|libblkid1|libselinux1|libasound2-data|.*-support|sysvinit-utils|lsb-base|gcc-.*-base"
[ $render = 0 ] || needless=none
list=$(apt-get $own -s install $programs $more patchelf | awk '/^Inst/ { print $2 }' | grep -vxE "$needless") || true
[ -n "$list" ] || cannot "the suite $suite has no Godot"
(cd "$apt/packages" && apt-get $own -qq download $list) || cannot "a package cannot be fetched"
for package in "$apt"/packages/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -C "$dest" -x --no-same-owner --exclude=./usr/share/doc \
        --exclude=./usr/share/locale --exclude=./usr/share/man --exclude=./usr/include --exclude=./etc --exclude=./var \
        --exclude='*/gconv'
done
rm -rf "$apt"

# The programs are bound to the unpacked loader and libraries, which are newer than this machine's.
libraries=$dest/usr/lib/x86_64-linux-gnu
loader=$dest/usr/lib64/ld-linux-x86-64.so.2
path=$libraries:$libraries/pulseaudio
patch() { "$loader" --library-path "$path" "$dest/usr/bin/patchelf" "$@"; }
for library in "$libraries"/libpulse.so.0.* "$libraries"/libpulse-simple.so.0.* "$libraries"/libLLVM*.so.*; do
    [ ! -f "$library" ] || patch --remove-rpath "$library" # a search path of its own would hide the program's
done
for bound in $programs; do
    patch --set-interpreter "$loader" --force-rpath --set-rpath "$path" "$dest/usr/bin/$bound"
    # What is missing the loader would take from this machine in silence, and that may work or not.
    if "$loader" --list "$dest/usr/bin/$bound" | grep '=>' | grep -v "=> $dest/" >&2; then
        echo "get-godot: these libraries of $bound were not fetched" >&2
        exit 1
    fi
done
finish
