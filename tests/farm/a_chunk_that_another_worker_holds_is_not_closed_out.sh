#!/bin/bash
# A declared chunk is answered 202 and lies with a worker that stands still as the deadline of its trace
# passes: whoever is to close the trace waits for it, and it is in the document.
. ./farm.sh
. ./standing.sh

export PRT_COMPLETE_WAIT=2s
farm_up_to_stop
open_trace
ingested() { [ "$(prt --json status | jq '.streams[] | select(.stream == "PRT_INGEST") | .messages')" = "$1" ]; }
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
start_beside
wait_until ingested 5 # the deadline has passed: the message that closes the trace
wait_until handed_out_again
is completing
kill -CONT "$stopped"
wait_until is finalized
expect "$(db "SELECT num_events FROM traces WHERE trace_id = '$trace'")" = 2
expect "$(prt view "$trace" --json | jq -c '.integrity.missing_chunks')" = "[]"
expect "$(prt --json status | jq '.streams[] | select(.stream == "PRT_DEAD") | .messages')" = 0
