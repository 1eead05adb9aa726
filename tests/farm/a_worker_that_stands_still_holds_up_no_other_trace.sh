#!/bin/bash
# A worker stands still with a chunk in its hands. Another trace is sent, taken by the other worker and
# finalized before the chunk is handed out again: it has nothing to do with it.
. ./farm.sh

export PRT_BATCH_MESSAGES=1 # one that stands still holds no more than the chunk
farm_up --workers qa=0,judge=0
stopped=$(pid_of worker-validate-1)
beside=""
also_end() {
    kill -CONT "$stopped" 2>/dev/null || true
    [ -z "$beside" ] || kill -9 "$beside" 2>/dev/null || true
}
open() {
    api POST /v1/traces -H 'Content-Type: application/json' -d '{"participant_id":"p","task_id":"T-1","task_title":"t",
        "repo_origin":"https://example.org/r.git","start_commit":"abc"}' >/dev/null
    trace=$(jq -r .trace_id "$work/answer")
    token=$(jq -r .upload_token "$work/answer")
}
post() {
    api POST "/v1/traces/$trace/$1" -H 'Content-Type: application/json' -H "Prefer: ${3:-wait=10}" -d "$2" >/dev/null
}
chunk() { echo "{\"chunk_id\":\"c-$1\",\"chunk_seq\":$1,\"events\":[{\"id\":\"e-$1\",\"seq\":$1,\"ts_client_s\":1,\"type\":\"cmd_run\",\"cmd\":\"make\",\"exit_code\":0}]}"; }
stage() { prt --json status | jq -r --arg field "$1" '.stages[] | select(.stage == "validate") | .[$field]'; }
in_flight() { [ "$(stage in_flight)" -gt 0 ]; }
finalized() { [ "$(db "SELECT status FROM traces WHERE trace_id = '$trace'")" = finalized ]; }

open
held=$trace
kill -STOP "$stopped"
post events:ingest "$(chunk 0)" respond-async
expect "$(status)" = 202
wait_until in_flight
(
    set -a
    . "$work/var/farm.env"
    PRT_METRICS_PORT=0 exec "$build/prt-worker" validate >"$work/var/log/validate-beside.log" 2>&1 9>&-
) &
beside=$!
token=$key
open
post events:ingest "$(chunk 0)"
expect "$(status)" = 200
api PUT "/v1/traces/$trace/artifacts/final_workspace_snapshot" -d 'not looked at here' >/dev/null
expect "$(status)" = 201
post complete '{"num_chunks":1}' respond-async
expect "$(status)" = 202
wait_until finalized
expect "$(db "SELECT count(*) FROM trace_chunks JOIN traces USING (trace_no) WHERE trace_id = '$held'")" = 0
expect "$(db "SELECT num_events FROM traces WHERE trace_id = '$trace'")" = 1
kill -CONT "$stopped"
trace=$held
taken() { [ "$(db "SELECT num_events FROM traces WHERE trace_id = '$trace'")" = 1 ]; }
wait_until taken
