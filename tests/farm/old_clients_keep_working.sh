#!/bin/bash
# The requests and answers that clients in the field send and read, key by key.
. ./farm.sh

prt qa-image >/dev/null
farm_up

token=$key
api POST /v1/traces -H 'Content-Type: application/json' -H 'Idempotency-Key: open-1' \
    -d '{"participant_id":"dev_001","task_id":"T-1","task_title":"Fix the parser","repo_origin":"https://example.org/r.git","start_commit":"abc123"}' >/dev/null
expect "$(status)" = 201
trace=$(jq -r .trace_id "$work/answer")
upload=$(jq -r .upload_token "$work/answer")
token=$upload
expect "${trace#trace-}" != "$trace"

chunk='{"chunk_id":"c-0","chunk_seq":0,"events":[
 {"id":"e-0","seq":0,"ts_client_s":1700000000.5,"type":"rationale_note","freeform":"the parser drops the last byte"},
 {"id":"e-1","seq":1,"ts_client_s":1700000001.5,"type":"file_edit","file_path":"p.py","diff_unified":"--- a/p.py\n+++ b/p.py\n@@ -1 +1 @@\n-a\n+b\n","buffer_hash_after":"placeholder"},
 {"id":"e-2","seq":2,"ts_client_s":1700000002.5,"type":"cmd_run","cmd":"pytest","exit_code":0}]}'
api POST "/v1/traces/$trace/events:ingest" -H 'Content-Type: application/json' -H 'Idempotency-Key: k-1' -d "$chunk" >/dev/null
expect "$(status)" = 200
expect "$(jq -r '.status, .chunk_id, .events_added, .total_events' "$work/answer" | tr '\n' ' ')" = "success c-0 3 3 "
cp "$work/answer" "$work/first"

# Again: the first answer again, nothing twice. Other content under the same key: 409.
api POST "/v1/traces/$trace/events:ingest" -H 'Content-Type: application/json' -H 'Idempotency-Key: k-1' -d "$chunk" >/dev/null
expect "$(status)" = 200
cmp "$work/first" "$work/answer"
api POST "/v1/traces/$trace/events:ingest" -H 'Content-Type: application/json' -H 'Idempotency-Key: k-1' -d "${chunk/last byte/first byte}" >/dev/null
expect "$(status)" = 409

token=$key
api GET "/v1/traces/$trace" >/dev/null
expect "$(status)" = 202
expect "$(jq -c '[has("status"), has("message"), .num_events]' "$work/answer")" = '[true,true,3]'

# complete is answered when the trace is finalized.
token=$upload
api POST "/v1/traces/$trace/complete" >/dev/null
expect "$(status)" = 200
expect "$(jq -c '[has("status"), .trace_id, .num_events, has("qa_job_id")]' "$work/answer")" = "[true,\"$trace\",3,true]"

# A trace without a snapshot still ends: not run, judged.
token=$key
wait_until judged "$trace"
api GET "/v1/traces/$trace" >/dev/null
expect "$(status)" = 200
expect "$(jq -c '.qa.validation | [.status, .tests_passed, .num_passed, .num_failed, .runtime_s, has("framework")]' "$work/answer")" = '["not_run",null,0,0,0,true]'
expect "$(jq -c '.qa.judge | [has("model"), has("feedback_summary"), (.scores | length), (.scores.overall | type)]' "$work/answer")" = '[true,true,7,"number"]'

# A chunk for a complete trace is refused.
token=$upload
api POST "/v1/traces/$trace/events:ingest" -H 'Content-Type: application/json' \
    -d '{"chunk_id":"c-9","chunk_seq":9,"events":[{"id":"e-9","seq":9,"ts_client_s":1,"type":"cmd_run","cmd":"ls","exit_code":0}]}' >/dev/null
expect "$(status)" = 409
