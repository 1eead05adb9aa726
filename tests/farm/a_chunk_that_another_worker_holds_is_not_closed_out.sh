#!/bin/bash
# A declared chunk is answered 202 and lies with a worker that stands still as the deadline of its trace
# passes: whoever is to close the trace waits for it, and it is in the document.
. ./farm.sh

export PRT_COMPLETE_WAIT=2s PRT_BATCH_MESSAGES=1 # one that stands still holds no more than the chunk
farm_up --workers qa=0,judge=0
stopped=$(pid_of worker-validate-1)
beside=""
also_end() {
    kill -CONT "$stopped" 2>/dev/null || true
    [ -z "$beside" ] || kill -9 "$beside" 2>/dev/null || true
}
api POST /v1/traces -H 'Content-Type: application/json' \
    -d '{"participant_id":"p","task_id":"T-1","task_title":"t","repo_origin":"https://example.org/r.git","start_commit":"abc"}' >/dev/null
trace=$(jq -r .trace_id "$work/answer")
token=$(jq -r .upload_token "$work/answer")
post() {
    api POST "/v1/traces/$trace/$1" -H 'Content-Type: application/json' -H "Prefer: ${3:-wait=10}" -d "$2" >/dev/null
}
chunk() { echo "{\"chunk_id\":\"c-$1\",\"chunk_seq\":$1,\"events\":[{\"id\":\"e-$1\",\"seq\":$1,\"ts_client_s\":1,\"type\":\"cmd_run\",\"cmd\":\"make\",\"exit_code\":0}]}"; }
stage() { prt --json status | jq -r --arg field "$1" '.stages[] | select(.stage == "validate") | .[$field]'; }
ingested() { [ "$(prt --json status | jq '.streams[] | select(.stream == "PRT_INGEST") | .last_seq')" = "$1" ]; }
is() { [ "$(db "SELECT status FROM traces WHERE trace_id = '$trace'")" = "$1" ]; }
handed_out_again() { [ "$(stage redelivered)" -gt 0 ] || is finalized; }

post events:ingest "$(chunk 0)"
expect "$(status)" = 200
post complete '{"num_chunks":2}' respond-async
expect "$(status)" = 202
wait_until is completing
kill -STOP "$stopped"
post events:ingest "$(chunk 1)" respond-async
expect "$(status)" = 202
ingested 4
(
    set -a
    . "$work/var/farm.env"
    PRT_METRICS_PORT=0 exec "$build/prt-worker" validate >"$work/var/log/validate-beside.log" 2>&1 9>&-
) &
beside=$!
wait_until ingested 5 # the deadline has passed: the message that closes the trace
wait_until handed_out_again
is completing
kill -CONT "$stopped"
wait_until is finalized
expect "$(db "SELECT num_events FROM traces WHERE trace_id = '$trace'")" = 2
expect "$(prt view "$trace" --json | jq -c '.integrity.missing_chunks')" = "[]"
expect "$(prt --json status | jq '.streams[] | select(.stream == "PRT_DEAD") | .messages')" = 0
