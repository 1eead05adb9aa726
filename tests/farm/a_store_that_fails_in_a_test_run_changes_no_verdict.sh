#!/bin/bash
# The object store goes away while tests run: their result cannot be stored, so they are run again when it is back,
# and the verdict is what the tests say: never failed, and never twice.
. ./farm.sh
. ./faults.sh

prt qa-image >/dev/null
store_behind_proxy
farm_up

session_make "$work/s" <<'END'
import os, time
def test_it():
    while not os.path.exists("/prt/in/go"):
        time.sleep(0.02)
END
runs() { find "$work/var/qa/jobs" -name in-after 2>/dev/null | grep -q .; }
over_for_want_of_it() { runs_let_go; ! runs && grep -q blob_down "$work/var/log/worker-qa-1.log"; }
let_go_and_judged() { runs_let_go; judged "$1"; }

for mode in refuse busy; do
    trace=$(prt submit "$work/s")
    wait_until runs
    echo $mode >"$work/mode"
    wait_until over_for_want_of_it
    expect "$(db "SELECT count(*) FROM qa_results JOIN traces USING (trace_no) WHERE trace_id = '$trace'")" = 0
    echo pass >"$work/mode"
    WAIT_SECONDS=180 wait_until let_go_and_judged "$trace"
    expect "$(prt view "$trace" --field /qa/validation/status)" = passed
    expect "$(db "SELECT count(*) FROM qa_results JOIN traces USING (trace_no) WHERE trace_id = '$trace'")" = 1
    : >"$work/var/log/worker-qa-1.log"
done
expect "$(prt --json status | jq '.streams[] | select(.stream == "PRT_DEAD") | .messages')" = 0
