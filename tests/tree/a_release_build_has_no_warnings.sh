#!/bin/sh
# What the README says builds: everything, with gcc -O2 and -Werror, which sees what a sanitized build does not.
. ./tree.sh
build=${PRT_TEST_BUILD:-$root/build/sanitized}/release
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=gcc >/dev/null
exec nice ninja -C "$build" --quiet
