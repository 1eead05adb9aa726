#!/bin/bash
# Titles, names of tests, what a model said, stories of dead letters, a forged document: none of it
# reaches the terminal with a control character in it.
. ./farm.sh

farm_up --workers qa=0,judge=0
evil='\u001b]0;pwned\u0007\u009b31m\r'
plain() { # COMMAND...: what it says has no control characters but newlines
    "$@" >"$work/said" 2>&1 || true
    [ -s "$work/said" ]
    if LC_ALL=C grep -q $'[\x01-\x09\x0b-\x1f\x7f]\|\xc2[\x80-\x9f]' "$work/said"; then
        cat -v "$work/said"
        return 1
    fi
}

api POST /v1/traces -H 'Content-Type: application/json' \
    -d '{"participant_id":"p","task_id":"t","task_title":"a '"$evil"' title"}' >/dev/null
trace=$(jq -r .trace_id "$work/answer")
token=$(jq -r .upload_token "$work/answer")
api POST "/v1/traces/$trace/events:ingest" -H 'Content-Type: application/json' \
    -d '{"chunk_id":"'"$evil"'","chunk_seq":0,"events":[{"id":"'"$evil"'","seq":0,"type":"'"$evil"'"}]}' >/dev/null
expect "$(status)" = 422
api POST "/v1/traces/$trace/events:ingest" -H 'Content-Type: application/json' \
    -d '{"chunk_id":"c","chunk_seq":1,"events":[{"id":"'"$evil"'","seq":0,"ts_client_s":1,"type":"commit","sha":"0123456789","message":"'"$evil"'"}]}' >/dev/null
api POST "/v1/traces/$trace/complete" >/dev/null
finalized() { prt view "$trace" --json | jq -e .integrity; }
wait_until finalized

plain prt list
grep -q "a  .* title" "$work/said"
plain prt report "$trace"
plain prt view "$trace"
plain prt view "$work/no such file: $(printf '\033[31m')"
dead() { [ "$(prt --json dead list | jq '.dead_letters | length')" = 1 ]; }
wait_until dead
plain prt dead list
plain prt dead show "$(prt --json dead list | jq '.dead_letters[0].seq')"
grep -q '^story .* with chunk_seq 0: /events/0/' "$work/said"

# Nor what was refused of a session that somebody else recorded.
mkdir -p "$work/session/chunks"
echo '{"participant_id":"p","task_id":"t","task_title":"t"}' >"$work/session/session.json"
echo '{"chunk_id":"c","chunk_seq":0,"events":[
    {"id":"a","seq":0,"ts_client_s":1,"type":"commit","sha":"0123456789","message":"m"},
    {"id":"b","seq":1,"ts_client_s":1,"type":"'"$evil"'","'"$evil"'":1}]}' >"$work/session/chunks/000.json"
plain prt submit "$work/session"
grep -q "refused" "$work/said"

prt view "$trace" --json | jq '.trace_id = "'"$evil"'" | .integrity.signing_key_id = "'"$evil"'" | .qa = {
    judge: {model: "'"$evil"'", scores: {overall: 5}, feedback_summary: "'"$evil"'"},
    validation: {status: "'"$evil"'", reason: "'"$evil"'", tests: {fail_to_pass: ["'"$evil"'"]}}}' >"$work/forged.json"
plain prt view "$work/forged.json"
plain prt verify "$work/forged.json"
! prt verify "$work/forged.json" >/dev/null || exit 1
# A script gets a field as it is.
expect "$(prt view "$work/forged.json" --field trace_id | head -c 4)" = "$(printf '\033]0;')"

# A terminal gets colours unless NO_COLOR is set, and strangers' control characters in neither case.
escapes() { # COMMAND...: how many a terminal gets
    script -qec "$build/prt --data $work/var $*" "$work/typed" </dev/null >/dev/null
    grep -c $'\033' <(sed -e 1d -e '$d' "$work/typed") || true
}
[ "$(escapes list)" -gt 0 ]
[ "$(NO_COLOR='' escapes list)" -gt 0 ]
expect "$(NO_COLOR=1 escapes list)" = 0
for no_color in '' 1; do
    expect "$(NO_COLOR=$no_color escapes view "$work/forged.json" --field trace_id)" = 0
    grep -q 'pwned' "$work/typed"
done
