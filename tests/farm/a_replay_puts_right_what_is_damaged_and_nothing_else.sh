#!/bin/bash
# A lost segment, lost rows and a lost index are built anew; what is right is not touched, nor is anything by a dry run.
. ./farm.sh
. ./replay.sh

three_finalized_traces
derived >"$work/before"
segments | sort >"$work/segments"
result() { jq -c '[.right, .added, .rebuilt, .lost]' "$work/told"; }

prt --json replay --stage validate >"$work/told" 2>/dev/null
expect "$(result)" = "[3,0,0,0]"
derived | cmp "$work/before"
segments | sort | cmp "$work/segments"

rm "$(db "SELECT '$work/var/blobs/pr-telemetry-chunks/' || key FROM segments JOIN trace_chunks USING (segment_no)
          JOIN traces USING (trace_no) WHERE trace_id = '$(trace_of one_line_fix)' LIMIT 1")"
segments | sort >"$work/segments"
prt --json replay --stage validate --dry-run >"$work/told" 2>/dev/null
expect "$(jq -r '.changes | map(.trace_id) | index($trace) != null' --arg trace "$(trace_of one_line_fix)" "$work/told")" = true
derived | cmp "$work/before"
segments | sort | cmp "$work/segments"
expect "$(messages_of PRT_DEAD)" = 0

prt --json replay --stage validate --trace "$(trace_of one_line_fix)" >"$work/told" 2>/dev/null
expect "$(result)" = "[0,0,1,0]"
db "UPDATE trace_chunks SET event_keys = substr(event_keys, 17) WHERE chunk_seq % 2 = 0"
prt --json replay --stage validate >"$work/told" 2>/dev/null
expect "$(result)" = "[0,0,3,0]"
db "DELETE FROM trace_chunks; DELETE FROM trace_heads"
prt --json replay --stage validate >"$work/told" 2>/dev/null
expect "$(result)" = "[0,0,3,0]"
derived | cmp "$work/before"
documents | cmp "$work/documents"
expect "$(messages_of PRT_DEAD)" = 0
