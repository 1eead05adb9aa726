#!/bin/bash
# A worker whose program is not there, as in an upgrade, is started once it is back; until then prt up
# says so now and then, and not in every round.
. ./farm.sh

mkdir "$work/bin"
cp "$build/prt" "$build/prt-gateway" "$build/prt-worker" "$work/bin"
build=$work/bin
farm_up --workers validate=1,finalize=0,qa=0,judge=0
complaints() { grep -c 'worker-validate-1, again in 5 s: .*No such file' "$work/var/log/up.log"; }
old=$(pid_of worker-validate-1)

mv "$work/bin/prt-worker" "$work/bin/gone"
kill_one worker-validate-1
wait_until complaints
for _ in $(seq 20); do
    prt status >/dev/null
done
expect "$(complaints)" -lt 10
mv "$work/bin/gone" "$work/bin/prt-worker"
wait_until alive_again worker-validate-1 "$old"
prt submit "$examples/one_line_fix" --first 1 >/dev/null
wait_until test "$(db 'SELECT sum(num_events) FROM traces')" -gt 0
