#!/bin/bash
# One qa worker runs PRT_QA_JOBS sandboxes at once. Told to stop, it hands its jobs back within the grace
# period and another takes them up; killed, what it left behind is removed by the next. No verdict is made of it.
. ./farm.sh

export PRT_QA_JOBS=2 PRT_STOP_GRACE=2s
prt qa-image >/dev/null
farm_up

session_make "$work/s" <<END
import signal
def test_it():
    signal.pause()
END

# The runs that a sandbox was given so far, one line each.
runs() { find "$work/var/qa/jobs" -name in-after 2>/dev/null; }
two_run() { [ "$(runs | wc -l)" -eq 2 ]; }
two_others_run() { two_run && ! runs | grep -qF -f "$work/runs"; }
gone() { ! ls -d $(cat "$work/runs") 2>/dev/null | grep -q .; }

prt submit "$work/s" >"$work/trace.1"
prt submit "$work/s" >"$work/trace.2"
wait_until two_run
expect "$(jq '[.[] | select(.name | startswith("worker-qa"))] | length' "$work/var/up.json")" = 1

runs >"$work/runs"
pid=$(pid_of worker-qa-1)
kill -TERM "$pid"
wait_until alive_again worker-qa-1 "$pid"
grep -q 'prt up: worker-qa-1 exited with 0;' "$work/var/log/up.log"
! grep -q 'not gone within the grace period' "$work/var/log/up.log" || exit 1
wait_until two_others_run
expect "$(db 'SELECT count(*) FROM qa_results')" = 0
expect "$(prt --json status | jq '.streams[] | select(.stream == "PRT_DEAD") | .messages')" = 0

runs >"$work/runs"
pid=$(pid_of worker-qa-1)
kill_one worker-qa-1
wait_until alive_again worker-qa-1 "$pid"
wait_until gone
expect "$(runc --root "$work/var/qa/runc" list -q 2>/dev/null | grep -cF -f <(sed 's:.*/jobs/\([^/]*\)/.*:\1:' "$work/runs") || true)" = 0
expect "$(db 'SELECT count(*) FROM qa_results')" = 0
