#!/bin/bash
# Batches of one pull request from many clients at once, taken by two validators: they get their places in the
# order of the stream, whoever takes them. So a replay from nothing numbers them the same.
. ./farm.sh
. ./replay.sh

export PRT_BATCH_MESSAGES=2 # the two share what comes
farm_up --workers validate=2,qa=0,judge=0

# client NUMBER: 20 batches, each with an event of its own, one that the other clients send too, and no seq
client() {
    local round
    for round in $(seq 20); do
        printf '{"repo":{"name":"acme/shop","branch":"main"},"pr":{"pr_id":"acme/shop#12","title":"t","status":"open","created_at":"2024-05-01T09:00:00Z"},
            "developer":{"user_id":"dev-1"},"events":[{"ts":"2024-05-01T10:00:00Z","type":"annotation","payload":{"text":"%s"}},
            {"ts":"2024-05-01T10:00:00Z","type":"annotation","payload":{"text":"%s"}}]}' "client $1 round $round" "round $round" |
            curl -sS -H "Authorization: Bearer $key" -H 'Content-Type: application/json' -o "$work/last.$1" -d @- "$url/ingest"
    done
}
for number in 1 2 3 4 5 6; do
    client $number &
done
wait
all_taken() { [ "$(db "SELECT num_events FROM traces")" = 140 ]; } # 6 times 20, and 20
wait_until all_taken
trace=$(db "SELECT trace_id FROM traces")
expect "$(db "SELECT count(*) FROM (SELECT stream_seq, lag(stream_seq) OVER (ORDER BY chunk_seq) AS before FROM trace_chunks) c WHERE before > stream_seq")" = 0
expect "$(prt --json status | jq '.streams[] | select(.stream == "PRT_DEAD") | .messages')" = 0

api POST "/v1/traces/$trace/complete" -H 'Content-Type: application/json' -d '{}' >/dev/null
finalized() { [ "$(db "SELECT count(*) FROM traces WHERE status = 'finalized'")" = 1 ]; }
wait_until finalized
sessions=prs
echo "$trace" >"$work/trace.prs"
documents >"$work/documents"
derived >"$work/before"
db "TRUNCATE traces, trace_heads, trace_chunks, segments, artifacts, idempotency_keys CASCADE" 2>/dev/null
segments | xargs rm
rm -r "$work"/var/blobs/pr-telemetry-traces/trace-*
prt --json replay --stage validate >"$work/told" 2>/dev/null
expect "$(jq -c '[.traces, .added, .lost]' "$work/told")" = "[1,1,0]"
wait_until finalized
documents | cmp "$work/documents"
derived | cmp "$work/before"
prt verify "$trace" >/dev/null
