#!/bin/bash
# Every derived row dropped, every segment and document removed: PRT_INGEST alone gives them back, byte by byte.
. ./farm.sh
. ./replay.sh

three_finalized_traces
derived >"$work/before"

db "TRUNCATE traces, trace_heads, trace_chunks, segments, artifacts, idempotency_keys CASCADE" 2>/dev/null
segments | xargs rm
rm -r "$work"/var/blobs/pr-telemetry-traces/trace-*

prt --json replay --stage validate >"$work/told" 2>/dev/null
expect "$(jq -c '[.traces, .added, .right, .rebuilt, .lost]' "$work/told")" = "[3,3,0,0,0]"
wait_until all_finalized
documents | cmp "$work/documents"
derived | cmp "$work/before"
for session in $sessions; do
    prt verify "$(trace_of "$session")" >/dev/null
done
