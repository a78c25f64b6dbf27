#!/bin/sh
# pkgconfig.sh LIBRARIES COMPILER SOURCE FOLDER [FLAG...]: builds and runs a program with what pkg-config says.
set -eu
libraries=$1 compiler=$2 source=$3 folder=$4
shift 4
export PKG_CONFIG_PATH="$libraries/pkgconfig"
program=$folder/pkgconfig-consumer
"$compiler" "$@" "$source" -o "$program" $(pkg-config --cflags --libs tramline)
LD_LIBRARY_PATH="$libraries" "$program"
