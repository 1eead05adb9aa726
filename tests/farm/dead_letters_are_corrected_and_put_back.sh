#!/bin/bash
# A refused chunk lies in the dead letters with its reason and its content; corrected there, it takes its place.
. ./farm.sh
. ./replay.sh

farm_up --workers qa=0
api POST /v1/traces -H 'Content-Type: application/json' \
    -d '{"participant_id":"dev_001","task_id":"T-1","task_title":"Fix","repo_origin":"https://example.org/r.git","start_commit":"abc"}' >/dev/null
trace=$(jq -r .trace_id "$work/answer")
token=$(jq -r .upload_token "$work/answer")
post() {
    api POST "/v1/traces/$trace/events:ingest" -H 'Content-Type: application/json' \
        -d "{\"chunk_id\":\"c-$1\",\"chunk_seq\":$1,\"events\":[{\"id\":\"e-$1\",\"seq\":$1,\"ts_client_s\":1,\"type\":\"cmd_run\",\"cmd\":\"make\",\"exit_code\":$2}]}" >/dev/null
}
post 0 '"nought"'
expect "$(status)" = 422
events() { [ "$(db "SELECT num_events FROM traces WHERE trace_id = '$trace'")" = "$1" ]; }
dead() { [ "$(prt --json dead list "$@" | jq '.dead_letters | length')" = 1 ]; }
wait_until dead --trace "$trace"

# By stage, reason and time; the payload can be read.
letter=$(prt --json dead list --stage validate --reason schema --since 1h | jq '.dead_letters[0].seq')
expect "$(prt --json dead list --stage judge | jq '.dead_letters | length')" = 0
expect "$(prt dead show "$letter" --payload | jq -r '.body.events[0].exit_code')" = nought
prt dead show "$letter" | grep -q "every event of the chunk was refused"

# Retried as it is, it is refused again, and nothing is lost.
prt dead retry "$letter" 2>/dev/null
again() { [ "$(prt --json dead list | jq ".dead_letters | length == 1 and .[0].seq != $letter")" = true ]; }
wait_until again
letter=$(prt --json dead list | jq '.dead_letters[0].seq')

# Nothing changed in the editor: it stays. Made worse: it stays, and the text is kept.
EDITOR=true prt dead edit "$letter" 2>/dev/null
dead
printf '#!/bin/sh\necho "{" >"$1"\n' >"$work/worse"
printf '#!/bin/sh\nsed -i "s/\\"nought\\"/0/" "$1"\n' >"$work/better"
chmod 755 "$work/worse" "$work/better"
if EDITOR="$work/worse" TMPDIR=$work prt dead edit "$letter" 2>"$work/told"; then exit 1; fi
grep -q -- "--from $work/prt-dead" "$work/told"
dead
EDITOR="$work/better" prt dead edit "$letter" 2>/dev/null
wait_until events 1
expect "$(prt --json dead list | jq '.dead_letters | length')" = 0
post 1 0
expect "$(status)" = 200
events 2

# A chunk that waits, and whose turn comes only after its seqs have gone by: answered "pending", it ends
# in the dead letters too, with what was refused of it; corrected, it takes its place.
api POST "/v1/traces/$trace/events:ingest" -H 'Content-Type: application/json' \
    -d '{"chunk_id":"c-3","chunk_seq":3,"events":[{"id":"e-3","seq":1,"ts_client_s":1,"type":"cmd_run","cmd":"make","exit_code":0}]}' >/dev/null
expect "$(jq -r .status "$work/answer")" = pending
post 2 0
expect "$(status)" = 200
wait_until dead --trace "$trace" --reason schema
letter=$(prt --json dead list | jq '.dead_letters[0].seq')
expect "$(prt --json dead list | jq -r '.dead_letters[0].code')" = seq_not_increasing
expect "$(prt dead show "$letter" --payload | jq -c '.body | [.chunk_id, .chunk_seq, .events[0].id]')" = '["c-3",3,"e-3"]'
expect "$(db "SELECT count(*) FROM dead_outbox")" = 0
printf '#!/bin/sh\nsed -i "s/\\"seq\\": 1/\\"seq\\": 3/" "$1"\n' >"$work/later"
chmod 755 "$work/later"
EDITOR="$work/later" prt dead edit "$letter" 2>/dev/null
wait_until events 4

# What is dropped is gone, and only after a yes.
post 4 '"nought"'
wait_until dead
if prt dead drop --all </dev/null 2>/dev/null; then exit 1; fi
if prt dead drop --yes 2>/dev/null; then exit 1; fi
dead
prt dead drop --reason schema --yes 2>/dev/null
expect "$(messages_of PRT_DEAD)" = 0
