#!/bin/bash
# A trace is erased, messages and all, while accepted chunks of another one lie with a worker that stands still, or
# with nobody yet. The worker dies: they are given to the next one.
. ./farm.sh
. ./standing.sh

farm_up_to_stop
taken() { [ "$(db "SELECT num_events FROM traces WHERE trace_id = '$trace'")" = "$1" ]; }
erased() { grep -q '"event":"trace erased"' "$work/var/log/validate-beside.log"; }

token=$key
gone=$(prt submit "$examples/one_line_fix" --first 1)
open_trace
post events:ingest "$(chunk 0)"
expect "$(status)" = 200
kill -STOP "$stopped"
post events:ingest "$(chunk 1)" respond-async
expect "$(status)" = 202
prt erase "$gone" --yes
post events:ingest "$(chunk 2)" respond-async
expect "$(status)" = 202
start_beside
wait_until erased
kill -9 "$stopped"
WAIT_SECONDS=120 wait_until taken 3 # the dead worker's lease is 30 s
expect "$(prt --json status | jq '.streams[] | select(.stream == "PRT_DEAD") | .messages')" = 0
