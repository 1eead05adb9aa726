#!/bin/bash
# A farm of its own for one test: free ports, own directory, gone when the script ends. Source it.
#
#   prt ...                 the command line against this farm
#   wait_until COMMAND...   until the command succeeds (at most 60 s); the only way to wait
#   expect A = B            fails the test and says both
#   pid_of NAME             pid of a process of this farm: gateway, worker-validate-1, nats-server ...
#   kill_one NAME           kill -9
#   db SQL                  one value from the farm's Postgres
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${PRT_TEST_BUILD:-$root/build/sanitized}
examples=$root/examples
key=dev_token_12345
work=$(mktemp -d /tmp/prt-farm.XXXXXX)
chmod 755 "$work"
# Each claim is one more run in the sandbox; the script that is about claims asks for more.
export PRT_QA_CLAIMS=${PRT_QA_CLAIMS:-1}
unset PRT_DATA_DIR PRT_GATEWAY_URL PRT_API_KEY PRT_POSTGRES_URL PRT_NATS_URL PRT_BLOB_URL PRT_HTTP_PORT

# What the script says even while a function of it is redirected; not for what it starts.
exec 9>&1
prt() { "$build/prt" --data "$work/var" "$@" 9>&-; }

# Where the script is, innermost first.
where() {
    local i
    for ((i = 1; i < ${#FUNCNAME[@]}; i++)); do
        echo "  in ${FUNCNAME[i]}, ${BASH_SOURCE[i]##*/} line ${BASH_LINENO[i - 1]}"
    done
}

# What can be learned of a farm that did not do what it should: read by who has only this output.
farm_tell() {
    local process
    echo "--- state of the farm"
    timeout 10 "$build/prt" --data "$work/var" status 2>&1 | head -n 60
    echo "--- its processes: pid, state, waits in, for seconds, command"
    for process in $(jobs -p) $(jq -r '.[].pid' "$work/var/up.json" 2>/dev/null); do
        ps -o pid=,stat=,wchan:24=,etimes=,args= -p "$process" | cut -c 1-160
    done
    echo "--- last wait"
    tail -n 20 "$work/wait.out" 2>/dev/null | cut -c 1-400
    echo "--- last lines of the logs"
    tail -n 8 "$work"/var/log/*.log 2>/dev/null | cut -c 1-400
}

also_end() { :; } # what a test has started besides, it ends here
farm_end() {
    code=$?
    trap - EXIT
    exec 1>&9 2>&9
    if [ $code -ne 0 ] && [ $code -ne 77 ]; then
        set +eE
        farm_tell
    fi
    also_end
    prt down >>"$work/down.log" 2>&1 || { cat "$work/down.log"; [ $code -ne 0 ] || code=1; }
    if [ $code -eq 0 ] || [ -z "${PRT_TEST_KEEP:-}" ]; then
        rm -rf "$work"
    else
        echo "kept $work"
    fi
    exit $code
}
trap farm_end EXIT
set -E
trap 'echo "failed at line $LINENO of $0: $BASH_COMMAND" >&9' ERR
trap 'echo "ended by a signal in: $BASH_COMMAND" >&9; where >&9; exit 143' TERM INT

# farm_up [options of prt up]: settings come from PRT_* variables set before.
farm_up() {
    cluster_copy
    prt up --port 0 --detach "$@" 2>"$work/up.log" || { cat "$work/up.log"; return 1; }
    url=$(sed -n 's/^PRT_GATEWAY_URL=//p' "$work/var/farm.env")
}

# To make Postgres' files is most of what a start costs: tests/run has them made once (make_cluster), by prt up.
cluster_copy() {
    [ -n "${PRT_TEST_CLUSTER:-}" ] && [ ! -e "$work/var/postgres" ] || return 0
    mkdir -p "$work/var"
    cp -a "$PRT_TEST_CLUSTER" "$work/var/postgres"
}

# The longer it waits the less often it looks: to look is work, for prt and the farm, which others beside it want to do.
wait_until() {
    local deadline=$((SECONDS + ${WAIT_SECONDS:-60})) began_us=${EPOCHREALTIME/./} pause_us
    until "$@" >"$work/wait.out" 2>&1; do
        if [ $SECONDS -ge $deadline ]; then
            echo "never became true: $*"
            tail -n 5 "$work/wait.out"
            return 1
        fi
        pause_us=$(((${EPOCHREALTIME/./} - began_us) / 10))
        pause_us=$((pause_us < 50000 ? 50000 : pause_us > 900000 ? 900000 : pause_us))
        read -r -t "0.$(printf %06d $pause_us)" <> <(:) || true
    done
}

expect() {
    if ! [ "$1" "$2" "$3" ]; then
        echo "expected $1 $2 $3"
        caller
        return 1
    fi
}

pid_of() { jq -r --arg name "$1" '.[] | select(.name == $name) | .pid' "$work/var/up.json"; }

alive_again() { local now; now=$(pid_of "$1"); [ -n "$now" ] && [ "$now" != "$2" ] && kill -0 "$now"; }

kill_one() { kill -9 "$(pid_of "$1")"; }

db() { psql -h "$work/var/run" -U prt -d prt -AtXq -c "$1"; }

# api METHOD PATH [curl options]: body on standard output, status in $work/status.
api() {
    local method=$1 path=$2
    shift 2
    curl -sS -X "$method" -H "Authorization: Bearer ${token:-$key}" -o "$work/answer" -w '%{http_code}' "$@" "$url$path" >"$work/status"
    cat "$work/answer"
}
status() { cat "$work/status"; }

# session_make DIR: one command and, as its final workspace, one test file with the text on standard input.
session_make() {
    mkdir -p "$1/chunks" "$1/after"
    echo '{"session":{"participant_id":"p","consent":{"rationales":true,"commands":true,"snapshots":true}},"task":{"id":"t","title":"made"},"repo":{"origin":"https://example.org/r.git","start_commit":"0000000000000000000000000000000000000000"}}' >"$1/session.json"
    echo '{"chunk_id":"c","chunk_seq":0,"events":[{"id":"e","seq":0,"ts_client_s":1,"type":"cmd_run","cmd":"pytest","exit_code":1}]}' >"$1/chunks/0.json"
    cat >"$1/after/test_it.py"
}

# Tests that run now and wait for the file go among their inputs (/prt/in) go on.
runs_let_go() { find "$work/var/qa/jobs" -type d -name 'in-*' -exec touch {}/go \; 2>/dev/null || true; }

judged() { [ "$(prt view "$1" --field /qa/judge/model 2>/dev/null)" != "" ]; }

# Sends the three examples at once; their ids end up in $work/trace.<session>.
sessions="one_line_fix three_file_fix auth_bug_fails"
submit_all() {
    local session
    for session in $sessions; do
        prt submit "$examples/$session" >"$work/trace.$session"
    done
}
trace_of() { cat "$work/trace.$1"; }

# What each example must end with, whatever happened to the farm meanwhile: every event once, the
# document true, the tests' verdict and the judge's one result.
expect_all_true() {
    local session trace
    for session in $sessions; do
        trace=$(trace_of "$session")
        WAIT_SECONDS=180 wait_until judged "$trace"
        prt view "$trace" --json >"$work/document"
        prt verify "$trace" >"$work/verify" || { cat "$work/verify"; return 1; }
        expect "$(jq '.events | length' "$work/document")" = "$(cat "$examples/$session"/chunks/*.json | jq -s 'map(.events | length) | add')"
        expect "$(jq '[.events[].seq] == ([.events[].seq] | unique)' "$work/document")" = true
        expect "$(jq -c '.qa.validation.tests.fail_to_pass | length' "$work/document")" = "$(jq '.tests.fail_to_pass | length' "$examples/$session/expected.json")"
        expect "$(db "SELECT count(*) FROM judge_results JOIN traces USING (trace_no) WHERE trace_id = '$trace'")" = 1
        expect "$(db "SELECT count(*) FROM qa_results JOIN traces USING (trace_no) WHERE trace_id = '$trace'")" = 1
    done
    expect "$(prt view "$(trace_of one_line_fix)" --field /qa/validation/status)" = passed
    expect "$(prt view "$(trace_of three_file_fix)" --field /qa/validation/status)" = passed
    expect "$(prt view "$(trace_of auth_bug_fails)" --field /qa/validation/status)" = failed
    expect "$(prt --json status | jq '.streams[] | select(.stream == "PRT_DEAD") | .messages')" = 0
}

# Sets the caller's pid. A PostgreSQL that was killed may end by itself as it starts again, while the
# processes of the one before still go: then the next one is taken.
kill_it() { pid=$(pid_of "$1") && kill -9 "$pid" 2>/dev/null; }
# kill -9 of one process while the sessions are on their way, several times.
killed_in_the_middle() {
    local name=$1 round pid
    prt qa-image >/dev/null
    farm_up
    submit_all &
    sender=$!
    for round in 1 2 3; do
        wait_until kill_it "$name"
        wait_until alive_again "$name" "$pid"
    done
    wait "$sender"
    wait_until kill_it "$name"
    wait_until alive_again "$name" "$pid"
    expect_all_true
}
