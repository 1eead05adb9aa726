#!/bin/sh
# Every library that a program loads is in a package of the group "image".
. ./tree.sh
build=${PRT_TEST_BUILD:-}
[ -x "$build/prt-worker" ] || { echo "no programs in PRT_TEST_BUILD ($build)"; exit 77; }
packages=$(awk '$1 == "image" && $2 != "ca-certificates" { print $2 }' deploy/packages)
for library in $(readelf -d "$build/prt" "$build/prt-gateway" "$build/prt-worker" |
    sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u); do
    case $library in
    libc.so.* | libm.so.* | ld-linux* | libgcc_s.so.*) continue ;;     # in every Debian image
    libasan.so.* | libubsan.so.* | libtsan.so.*) continue ;;           # in test builds alone
    esac
    package=$(dpkg-query -S "*/$library" | sed 's/:.*//' | sort -u | head -n 1)
    echo "$packages" | grep -qx "$package" || complain "$library of $package is loaded, and in no image"
done
exit $wrong
