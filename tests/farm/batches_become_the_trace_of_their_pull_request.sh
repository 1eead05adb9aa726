#!/bin/bash
# Older IDE plugins post batches: one open trace a pull request and developer, whatever comes twice
# counts once, also after the trace was completed and from many connections at once.
. ./farm.sh

farm_up --workers qa=0,judge=0

# batch TITLE NOTE... : events that differ by their note
batch() {
    local title=$1
    shift
    printf '%s\n' "$@" | jq -R . | jq -sc --arg title "$title" '{repo: {name: "acme/shop", branch: "main", language: ["Python"]},
        pr: {pr_id: "acme/shop#12", title: $title, status: "open", created_at: "2024-05-01T09:00:00Z", merged_at: null},
        developer: {user_id: "dev-1", ide_version: "2023.3", os: "linux"},
        events: [.[] | {ts: "2024-05-01T10:00:00Z", type: "annotation", payload: {text: .}}]}'
}
post() { api POST /ingest -H 'Content-Type: application/json' "${@:2}" -d "$1"; }
counts() { jq -c '[.accepted_event_ids, .duplicate_event_ids, .rejected | length]' "$work/answer"; }

post "$(batch first a b c)" >/dev/null
expect "$(status)" = 200
expect "$(counts)" = '[3,0,0]'
trace=$(jq -r .trace_id "$work/answer")

post "$(batch second a b c)" >/dev/null
expect "$(counts)" = '[0,3,0]'
expect "$(jq -r .trace_id "$work/answer")" = "$trace"
post "$(batch second a b d)" >/dev/null
expect "$(counts)" = '[1,2,0]'

# The same key gets the first answer again, and not another content's.
post "$(batch second e)" -H 'Idempotency-Key: once' >"$work/first"
expect "$(counts)" = '[1,0,0]'
post "$(batch second e)" -H 'Idempotency-Key: once' >"$work/again"
expect "$(cat "$work/again")" = "$(cat "$work/first")"
post "$(batch second f)" -H 'Idempotency-Key: once' >/dev/null
expect "$(status)" = 409

# Many at once: each event once, no seq twice.
for note in 1 2 3 4 5 6 7 8; do
    curl -sS -H "Authorization: Bearer $key" -H 'Content-Type: application/json' -o "$work/many.$note" \
        -d "$(batch second "n$note" shared)" "$url/ingest" &
done
wait
expect "$(cat "$work"/many.* | jq -s 'map(.accepted_event_ids | length) | add')" = 9
expect "$(db "SELECT num_events || ',' || last_seq FROM traces WHERE trace_id = '$trace'")" = 14,13

api GET /v1/prs/acme/shop/12 >/dev/null
expect "$(jq -r '[.traces[].trace_id] | join(",")' "$work/answer")" = "$trace"
expect "$(jq -r '.traces[0].num_events' "$work/answer")" = 14
raw_lines() { raw=$(find "$work/var" -path "*raw/$trace.ndjson" | head -1); [ -n "$raw" ] && [ "$(wc -l <"$raw")" = 14 ]; }
wait_until raw_lines

# Complete: what is known stays known, what is new begins the next trace.
api POST "/v1/traces/$trace/complete" -H 'Content-Type: application/json' -d '{}' >/dev/null
finalized() { [ "$(db "SELECT status FROM traces WHERE trace_id = '$trace'")" = finalized ]; }
wait_until finalized
prt verify "$trace" >/dev/null
post "$(batch third a b c)" >/dev/null
expect "$(status)" = 200
expect "$(counts)" = '[0,3,0]'
post "$(batch third a b new)" >/dev/null
expect "$(counts)" = '[1,2,0]'
expect "$(jq -r .trace_id "$work/answer")" != "$trace"

# What is wrong is named.
post '{"pr":{"pr_id":"nonsense"}}' >/dev/null
expect "$(status)" = 422
post "$(batch third x | jq -c '.events += [{ts: "soon", type: "edit", payload: {}}]')" >/dev/null
expect "$(counts)" = '[1,0,1]'
expect "$(jq -r '.rejected[0].pointer' "$work/answer")" = /events/1/ts
