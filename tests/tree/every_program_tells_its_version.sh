#!/bin/sh
# The version stands in CMakeLists.txt alone: each program tells it, and images of another are not what deploy/ and k8s/ name.
. ./tree.sh
build=${PRT_TEST_BUILD:-$root/build/sanitized}
version=$(sed -n 's/^project(.* VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt)
[ -n "$version" ] || { echo "CMakeLists.txt names no version"; exit 1; }

for program in prt prt-gateway prt-worker; do
    [ -x "$build/$program" ] || { echo "$build/$program is not built"; exit 77; }
    told=$("$build/$program" --version) || complain "$program --version fails"
    [ "$told" = "$program $version" ] || complain "$program tells \"$told\", not \"$program $version\""
    "$build/$program" --help | grep -q -e '--version' || complain "$program --help does not tell of --version"
    "$build/$program" --version >/dev/full 2>/dev/null && complain "$program --version is content with a full disk"
done
[ "$("$build/prt" --json --version | jq -r .version)" = "$version" ] || complain "prt --json --version is no JSON of it"
"$build/prt" man | head -n 1 | grep -q "\"prt $version\"" || complain "the manual does not tell the version"

git grep -n -E 'pr-telemetry/[a-z-]+(:|, .*newTag: )[0-9]' -- deploy k8s | grep -v -E "[: ]$version\b" >&2 &&
    complain "these images are not of version $version"
exit $wrong
