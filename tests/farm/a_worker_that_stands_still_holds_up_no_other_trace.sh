#!/bin/bash
# A worker stands still with a chunk in its hands. Another trace is sent, taken by the other worker and
# finalized before the chunk is handed out again: it has nothing to do with it.
. ./farm.sh
. ./standing.sh

farm_up_to_stop
in_flight() { [ "$(stage in_flight)" -gt 0 ]; }
finalized() { [ "$(db "SELECT status FROM traces WHERE trace_id = '$trace'")" = finalized ]; }

open_trace
held=$trace
kill -STOP "$stopped"
post events:ingest "$(chunk 0)" respond-async
expect "$(status)" = 202
wait_until in_flight
start_beside
token=$key
open_trace
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
