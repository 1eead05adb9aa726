#!/bin/bash
# Ctrl-C in the middle of a replay: the same command goes on, and nothing is done twice.
. ./farm.sh
. ./replay.sh

three_finalized_traces
derived >"$work/before"
db "UPDATE trace_chunks SET event_keys = NULL"
started() { [ -n "$(ls "$work"/var/replay/*.json 2>/dev/null)" ]; }

# So slow that it can't get through before it is interrupted.
prt replay --stage validate --rate 2/s >"$work/first" 2>&1 &
replay=$!
wait_until started
kill -INT "$(pgrep -P "$replay" || echo "$replay")"
wait "$replay" && { echo "it was not interrupted"; exit 1; }
grep -q "the same command goes on from here" "$work/first"
done_before=$(jq .done "$work"/var/replay/*.json)
expect "$done_before" -gt 0

prt --json replay --stage validate >"$work/told" 2>"$work/second"
grep -q "going on with" "$work/second"
expect "$(jq .messages "$work/told")" = "$(messages_of PRT_INGEST)"
expect "$(ls "$work/var/replay")" = ""
derived | cmp "$work/before"

judged_times() { [ "$(db "SELECT count(*) FROM judge_results WHERE version = $1")" = 3 ]; }

# Work of an interrupted run keeps the run's name, so no job is done twice; another run is another job.
prt --json replay --stage judge >"$work/told" 2>/dev/null
wait_until judged_times 1
prt replay --stage judge --filter status=finalized >/dev/null 2>&1
wait_until judged_times 2
expect "$(db "SELECT count(DISTINCT job_id) FROM judge_results")" = 6
