#!/bin/sh
# Builds a Godot 4 whose floats are doubles (precision=double) into build/godot/double, from Debian's source package of
# the testing suite, with this machine's compiler: a small one without a window, physics or editor, which runs scripts,
# nodes and networks; three minutes on 2 cores. A second call does nothing. Says the program's path.
#
#   scripts/get-godot-double.sh [DEST]
#
# SUITE and MIRROR, if set, say where from. The exit status is 3 where it cannot be had: no Debian, no apt, no network.
set -eu

recipe=1 # raise it when the build changes: older ones are then made anew
suite=${SUITE:-forky}
here=$(cd "$(dirname "$0")/.." && pwd)
case ${1:-} in -*) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2 ;; esac
dest=${1:-$here/build/godot/double}
wanted="recipe $recipe, $suite"
me=get-godot-double what='everything that runs Godot in double precision' program=godot
. "$here/scripts/get-godot-common.sh"
end_if_ready
needs dpkg-query
wait_for_others
"$here/scripts/install-packages.sh" "$here/scripts/packages-godot-double" >&2 || cannot "what building it needs is missing"

make_folder_anew
echo "get-godot-double: fetching Godot's source" >&2
make_apt deb-src
mkdir -p "$dest/source"
(cd "$apt" && apt-get $own -qq source --download-only godot >/dev/null) || cannot "Godot's source cannot be fetched"
tar -xf "$apt"/godot_*.orig.tar.xz -C "$dest/source" --strip-components=1

cd "$dest/source"
# An older zstd declares its error codes in a header of their own; a newer one has that header too.
sed -i 's@#include <zstd.h>@&\n#include <zstd_errors.h>@' core/io/delta_encoding.cpp
install -D /dev/null thirdparty/certs/ca-bundle.crt # it is looked for even where the system's certificates are used
build="platform=linuxbsd arch=x86_64 target=template_debug precision=double disable_path_overrides=no"
speed="use_llvm=yes linker=lld optimize=none lto=none debug_symbols=no scu_build=yes warnings=no tests=no progress=yes"
modules="modules_enabled_by_default=no module_gdscript_enabled=yes module_multiplayer_enabled=yes module_enet_enabled=yes
    module_mbedtls_enabled=yes module_text_server_fb_enabled=yes"
without="disable_physics_2d=yes disable_physics_3d=yes disable_navigation_2d=yes disable_navigation_3d=yes disable_xr=yes
    disable_advanced_gui=yes x11=no wayland=no libdecor=no vulkan=no use_volk=no opengl3=no pulseaudio=no alsa=no dbus=no
    udev=no speechd=no fontconfig=no sdl=no accesskit=no touch=no use_sowrap=no use_static_cpp=no brotli=no engine_update_check=no"
system="builtin_zlib=no builtin_zstd=no builtin_libpng=no builtin_enet=no builtin_mbedtls=no builtin_certs=no
    system_certs_path=/etc/ssl/certs/ca-certificates.crt"
echo "get-godot-double: building, for some three minutes; what the compiler says goes to $dest/build.log" >&2
if ! scons -j"$(nproc)" $build $speed $modules $without $system >"$dest/build.log" 2>&1; then
    tail -n 20 "$dest/build.log" >&2
    echo "get-godot-double: the build failed (above; all of it is in $dest/build.log)" >&2
    exit 1
fi
cp bin/godot.linuxbsd.template_debug.double.x86_64.llvm "$dest/godot"
cd "$dest"
rm -rf "$apt" "$dest/source"
finish
