#!/bin/bash
# As somebody who is not root, with the PATH that Debian gives them: all but the tests in containers.
. ./farm.sh

user() { setpriv --reuid nobody --regid nogroup --clear-groups env -i PATH=/usr/bin:/bin HOME="$work/home" "$@" 9>&-; }
[ "$(id -u)" = 0 ] || user() { env -i PATH=/usr/bin:/bin HOME="$work/home" "$@" 9>&-; }
mkdir "$work/home"
[ "$(id -u)" != 0 ] || chown nobody: "$work/home"
user test -x "$build/prt" -a -r "$examples/one_line_fix/session.json" || { echo "others may not read $build"; exit 77; }
also_end() { user "$build/prt" --data "$work/home/var" down 2>/dev/null || true; }

user timeout 60 "$build/prt" --data "$work/home/var" up --port 0 --workers qa=0 --detach
trace=$(user "$build/prt" --data "$work/home/var" submit "$examples/one_line_fix")
finalized() { user "$build/prt" --data "$work/home/var" verify "$trace"; }
wait_until finalized
