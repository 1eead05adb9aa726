#!/bin/bash
# Tests that hang, fork without end, eat memory or write without end are stopped and reported as that.
. ./farm.sh

export PRT_QA_TIME=8s PRT_QA_MEMORY=128M PRT_QA_WORKSPACE=64M PRT_QA_FILE=16M PRT_QA_PIDS=40
prt qa-image >/dev/null
farm_up

make_session() {
    local name=$1
    mkdir -p "$work/s/$name/chunks" "$work/s/$name/after"
    echo '{"session":{"participant_id":"p","consent":{"rationales":true,"commands":true,"snapshots":true}},"task":{"id":"t","title":"'"$name"'"},"repo":{"origin":"https://example.org/r.git","start_commit":"0000000000000000000000000000000000000000"}}' >"$work/s/$name/session.json"
    echo '{"chunk_id":"c","chunk_seq":0,"events":[{"id":"e","seq":0,"ts_client_s":1,"type":"cmd_run","cmd":"pytest","exit_code":1}]}' >"$work/s/$name/chunks/0.json"
    cat >"$work/s/$name/after/test_it.py"
}
make_session hangs <<'P'
import signal
def test_it():
    signal.pause()
P
make_session forks <<'P'
import os
def test_it():
    children = 0
    while children < 5000:
        if os.fork() == 0:
            while True:
                os.fork()
        children += 1
P
make_session eats <<'P'
def test_it():
    held = []
    while True:
        held.append(bytearray(8 << 20))
P
make_session writes <<'P'
def test_it():
    for i in range(10000):
        with open(f"/tmp/{i}", "wb") as out:
            out.write(b"x" * (4 << 20))
P
make_session talks <<'P'
def test_it():
    line = "x" * 1000
    for i in range(20000):
        print(line)
    assert False
P
for name in hangs forks eats writes talks; do
    prt submit "$work/s/$name" >"$work/trace.$name"
done
# session, allowed statuses
check() {
    local trace
    trace=$(cat "$work/trace.$1")
    WAIT_SECONDS=120 wait_until judged "$trace"
    prt view "$trace" --field /qa/validation --json >"$work/validation"
    jq -e --arg allowed "$2" '.status as $s | $allowed | split(" ") | index($s) != null' "$work/validation" >/dev/null ||
        { echo "$1 ended as:"; cat "$work/validation"; return 1; }
    expect "$(jq '.tests_passed == true' "$work/validation")" = false
}
check hangs timeout
check forks "failed timeout tampered oom"
check eats "oom"
check writes failed
check talks failed
# Nothing of it is left.

