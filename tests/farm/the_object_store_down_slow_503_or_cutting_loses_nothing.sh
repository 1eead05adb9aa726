#!/bin/bash
# The object store refuses, stalls, answers 503 and 403, cuts connections and is slow, one after the other
# and under load: chunks are accepted all the while (202) and reach their traces when it is well again.
. ./farm.sh
. ./faults.sh

store_behind_proxy
export PRT_VERDICT_WAIT=200ms
farm_up --workers validate=2,finalize=1,qa=0,judge=0

chained() { db "SELECT coalesce(sum(octet_length(event_keys)), 0) / 16 FROM trace_chunks"; }
accepted_since() { [ "$(grep -c '"http": 202' "$work/ledger")" -ge $((accepted_before + 15)) ]; }
chained_more() { [ "$(chained)" -gt "$chained_before" ]; }

load_begin --clients 6
for mode in refuse busy deny stall cut slow; do
    echo $mode >"$work/mode"
    accepted_before=$(grep -c '"http": 202' "$work/ledger" || true)
    wait_until accepted_since
    chained_before=$(chained)
    [ $mode = slow ] || echo pass >"$work/mode"
    wait_until chained_more
done
echo pass >"$work/mode"
load_goes_on
load_end
expect_ledger_true

# What can't be taken over at once is refused, and taken when it can be.
echo refuse >"$work/mode"
token=$key
api POST /v1/traces -H 'Content-Type: application/json' -d '{"participant_id":"p","task_id":"t","task_title":"x"}' >/dev/null
trace=$(jq -r .trace_id "$work/answer")
token=$(jq -r .upload_token "$work/answer")
put() { api PUT "/v1/traces/$trace/artifacts/final_workspace_snapshot" -D "$work/headers" --data-binary "@$0" >/dev/null; }
put
expect "$(status)" = 503
grep -qi '^retry-after: [0-9]' "$work/headers"
echo pass >"$work/mode"
put_taken() { put; [ "$(status)" = 201 ]; }
wait_until put_taken
