#!/bin/bash
# DELETE of a trace: its rows, its bytes in every object, its messages in every stream. Its
# neighbours stay as they were, and it stays gone.
. ./farm.sh

export PRT_CLAIM_CHECK_FROM=4K # the larger chunks travel as claim checks
farm_up --workers qa=0
prt submit "$examples/three_file_fix" >"$work/gone"
prt submit "$examples/one_line_fix" >"$work/kept"
gone=$(cat "$work/gone") kept=$(cat "$work/kept")
finalized() { [ "$(db "SELECT count(*) FROM traces WHERE status = 'finalized'")" = 2 ]; }
wait_until finalized

of_gone() { db "SELECT count(*) FROM trace_objects JOIN traces USING (trace_no) WHERE trace_id = '$gone' AND object_key LIKE '$1'"; }
expect "$(of_gone 'claims/%')" -gt 0
expect "$(of_gone 'sha256/%')" -gt 0

# Who may: an admin's key alone.
prt keys create --role read --tenant dev >"$work/reader"
token=$(cat "$work/reader")
api DELETE "/v1/traces/$gone" >/dev/null
expect "$(status)" = 403
token=$key
api DELETE /v1/traces/trace-nobody >/dev/null
expect "$(status)" = 404

prt erase "$gone" --yes
erased() { [ "$(db "SELECT status FROM traces WHERE trace_id = '$gone'")" = erased ]; }
wait_until erased
no_messages() { [ -z "$(prt --json dead list | jq -r --arg t "$gone" '.. | objects | select(.trace? == $t)')" ]; }
wait_until no_messages
no_objects() {
    [ -z "$(find "$work/var" -path "*$gone*" -type f)" ] && [ "$(db "SELECT count(*) FROM doomed_objects")" = 0 ]
}
wait_until no_objects
expect "$(of_gone '%')" = 0
kept_objects() { db "SELECT DISTINCT object_key FROM trace_objects WHERE object_key LIKE '$1' ORDER BY 1"; }
there() { (cd "$work/var/blobs/$1" && find "$2" -type f | sort); }
there pr-telemetry-chunks claims | cmp - <(kept_objects 'claims/%')
there pr-telemetry-artifacts sha256 | cmp - <(kept_objects 'sha256/%')
expect "$(db "SELECT count(*) FROM trace_chunks c JOIN traces t USING (trace_no) WHERE trace_id = '$gone'")" = 0
api GET "/v1/traces/$gone" >/dev/null
expect "$(status)" = 410
api GET /v1/traces >/dev/null
expect "$(jq -r '[.traces[].trace_id] | join(",")' "$work/answer")" = "$kept"

prt verify "$kept" >/dev/null
api GET "/v1/traces/$kept/events.ndjson" >"$work/lines"
expect "$(wc -l <"$work/lines")" = "$(cat "$examples"/one_line_fix/chunks/*.json | jq -s 'map(.events | length) | add')"

# Again: nothing to do, and no harm.
prt erase "$gone" --yes
