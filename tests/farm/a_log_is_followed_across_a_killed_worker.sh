#!/bin/bash
# A worker is killed in the middle of a run whose log is followed: the follower says that another run starts and shows
# that of the next worker, whole, however far it has come by then. What a killed worker had stored of a log stays to be read, and goes when the trace is erased.
. ./farm.sh

export PRT_QA_JOBS=2
prt qa-image >/dev/null
farm_up

# More than one piece of a log at once, and then on until it is let go.
session_make "$work/s" <<'END'
import os, time
def test_it(capfd):
    with capfd.disabled():
        print("run", time.time_ns(), "x" * 300000 + "\nflooded", flush=True)
    while not os.path.exists("/prt/in/go"):
        time.sleep(0.02)
END
followed=$(prt submit "$work/s")
erased=$(prt submit "$work/s")
prt log "$followed" --follow >"$work/follow" 2>"$work/follow.err" &
follower=$!

pieces() { find "$work/var" -type f -path "*$1/log/*"; }
both_stored() { pieces "$followed" | grep -q . && pieces "$erased" | grep -q .; }
follower_has() { grep -q xxx "$work/follow"; }
left_has() { prt log "$erased" 2>/dev/null | grep -q xxx; }
wait_until both_stored
wait_until follower_has
wait_until left_has
kill_one worker-qa-1

# Nobody has taken them over yet: that takes a lease.
expect "$(db 'SELECT count(*) FROM qa_results')" = 0
prt log "$erased" >"$work/left" 2>/dev/null
grep -q xxx "$work/left"
prt erase "$erased" --yes
all_gone() { ! pieces "$erased" | grep -q .; }
wait_until all_gone

verdict() { runs_let_go; [ "$(prt view "$followed" --field /qa/validation/status 2>/dev/null)" = passed ]; }
WAIT_SECONDS=180 wait_until verdict
wait "$follower"
prt log "$followed" >"$work/log"
expect "$(tail -c 300 "$work/follow")" = "$(tail -c 300 "$work/log")"
grep -q flooded "$work/follow"
grep -q "run 2 starts here" "$work/follow.err"
expect "$(grep -o 'run [0-9]\{12,\}' "$work/follow" | sort -u | wc -l)" = 2
expect "$(tail -c "$(wc -c <"$work/log")" "$work/follow" | sha256sum)" = "$(sha256sum <"$work/log")"
expect "$(pieces "$followed" | wc -l)" = 0
expect "$(db 'SELECT count(*) FROM qa_results')" = 1
