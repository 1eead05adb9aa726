#!/bin/bash
# accepted = chained + pending + dead, in prt status and in the gateway's metrics, at every moment of
# a load with kills, refused events and chunks that wait for an earlier one; at the end the same
# numbers are found by counting.
. ./farm.sh
. ./faults.sh

export PRT_VERDICT_WAIT=1s
farm_up --workers validate=2,finalize=1,qa=0,judge=0
json='Content-Type: application/json'

account() { prt --json status | jq ".accounting[0].$1"; }
looks=0
look() {
    local unaccounted
    unaccounted=$(account unaccounted)
    [ "$unaccounted" = null ] || { # null: the database was just killed
        expect "$unaccounted" = 0
        looks=$((looks + 1))
    }
}

load_begin
for name in worker-validate-1 postgres worker-validate-2 nats-server gateway; do
    pid=$(pid_of "$name")
    look
    kill -9 "$pid"
    wait_until alive_again "$name" "$pid"
    load_goes_on
    look
done
load_end
expect "$looks" -ge 8
ledger check >"$work/checked"

# Two good events, one of them told twice, one refused, three that wait: chunk 1 never comes.
token=$key
api POST /v1/traces -H "$json" -d '{"participant_id":"p","task_id":"t","task_title":"x"}' >/dev/null
trace=$(jq -r .trace_id "$work/answer")
token=$(jq -r .upload_token "$work/answer")
put() { # SEQ EVENTS as [id, seq, exit_code]...
    api POST "/v1/traces/$trace/events:ingest" -H "$json" -d "$(jq -n --argjson seq "$1" --argjson events "$2" \
        '{chunk_id: "c\($seq)", chunk_seq: $seq, events: [$events[] |
          {id: .[0], seq: .[1], ts_client_s: 1, type: "cmd_run", cmd: "ls", exit_code: .[2]}]}')" >/dev/null
}
put 0 '[["a", 0, 0], ["b", 1, "not a number"], ["c", 2, 0]]'
expect "$(jq -r .status "$work/answer")" = partial
put 2 '[["d", 5, 0], ["e", 6, 0], ["f", 7, 0]]'
put 2 '[["d", 5, 0], ["e", 6, 0], ["f", 7, 0]]'
expect "$(jq -r .status "$work/answer")" = pending
accepted=$(jq .events "$work/checked")
expect "$(prt --json status | jq -c '.accounting[0] | [.accepted, .chained, .pending, .dead, .unaccounted]')" = \
    "[$((accepted + 6)),$((accepted + 2)),3,1,0]"
expect "$(db 'SELECT coalesce(sum(octet_length(event_keys)), 0) / 16 FROM trace_chunks')" = $((accepted + 2))

put 1 '[["c", 2, 0], ["g", 4, 0]]' # c is there already
expect "$(jq -c '[.status, .events_added, .events_duplicate]' "$work/answer")" = '["success",1,1]'
expect "$(prt --json status | jq -c '.accounting[0] | [.accepted, .chained, .pending, .dead, .unaccounted]')" = \
    "[$((accepted + 7)),$((accepted + 6)),0,1,0]"

metric() { curl -sS "$url/metrics" | sed -n "s/^prt_accounting_events{state=\"$1\"} //p"; }
metrics_follow() { [ "$(metric accepted) $(metric chained) $(metric pending) $(metric dead)" = "$((accepted + 7)) $((accepted + 6)) 0 1" ]; }
wait_until metrics_follow

# Lost rows show.
db "UPDATE traces SET num_events = num_events - 1 WHERE trace_id = '$trace'"
expect "$(account unaccounted)" = 1
