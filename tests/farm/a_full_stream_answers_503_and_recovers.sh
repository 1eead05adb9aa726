#!/bin/bash
# While nothing is worked off the stream fills up to its limit: 503 with Retry-After, no message
# dropped. When validate goes on there is room again, and clients get through by themselves.
. ./farm.sh
. ./faults.sh

export PRT_INGEST_BYTES=1M PRT_VERDICT_WAIT=100ms
farm_up --workers validate=1,finalize=1,qa=0,judge=0

ingest_full() {
    curl -sS "$url/metrics" | grep -q '^prt_http_refusals_total{code="stream_full"} [1-9]'
}

json='Content-Type: application/json'
api POST /v1/traces -H "$json" -d '{"participant_id":"p","task_id":"t","task_title":"x"}' >/dev/null
trace=$(jq -r .trace_id "$work/answer")
token=$(jq -r .upload_token "$work/answer")
jq -n '{chunk_id: "large", chunk_seq: 0, events: [{id: "e", seq: 0, ts_client_s: 1, type: "cmd_run",
    cmd: ("x" * 200000), exit_code: 0}]}' >"$work/large"

load_begin --clients 6 --chunks 4 --body-bytes 4000
validate=$(pid_of worker-validate-1)
kill -STOP "$validate"
wait_until ingest_full
api POST "/v1/traces/$trace/events:ingest" -H "$json" -D "$work/headers" --data-binary "@$work/large" >/dev/null
expect "$(status)" = 503
grep -qi '^retry-after: [0-9]' "$work/headers"
expect "$(jq -r .code "$work/answer")" = stream_full
kill -CONT "$validate"
load_goes_on 20
load_end
expect_ledger_true
