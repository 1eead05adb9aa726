#!/bin/bash
# Malformed, oversized, unauthorized, unknown: the documented codes, problem+json, and a farm that
# goes on.
. ./farm.sh

export PRT_BODY_MAX=64K PRT_HTTP_BODY_TIME=2s
farm_up --workers qa=0,judge=0
json='Content-Type: application/json'
open='{"participant_id":"p","task_id":"t","task_title":"x"}'

# refused STATUS CODE METHOD PATH [curl options]
refused() {
    local want=$1 code=$2
    shift 2
    api "$@" >/dev/null
    expect "$(status)" = "$want"
    expect "$(jq -r .code "$work/answer")" = "$code"
    expect "$(jq -r 'has("type") and has("title") and has("detail") and .status == '"$want" "$work/answer")" = true
}

token=$key
api POST /v1/traces -H "$json" -d "$open" >/dev/null
trace=$(jq -r .trace_id "$work/answer")
upload=$(jq -r .upload_token "$work/answer")
api POST /v1/traces -H "$json" -d "$open" >/dev/null
other=$(jq -r .upload_token "$work/answer")
ingest=/v1/traces/$trace/events:ingest

token=nonsense
refused 401 unauthorized POST /v1/traces -H "$json" -d "$open"
refused 401 unauthorized POST "$ingest" -H "$json" -d '{}'
token=$other
refused 403 forbidden POST "$ingest" -H "$json" -d '{}'
token=${upload%?}A
[ "$token" != "$upload" ] || token=${upload%?}B
refused 401 unauthorized POST "$ingest" -H "$json" -d '{}'

token=$upload
refused 400 malformed POST "$ingest" -H "$json" -d '{"chunk_id": nope}'
jq -r .detail "$work/answer" | grep -q 'byte 14' # where "nope" stops being "null"
refused 400 malformed POST "$ingest" -H "$json" -d '{"a":1,"a":2}'
refused 415 media_unknown POST "$ingest" -H 'Content-Type: text/plain' -d hello
refused 422 schema POST "$ingest" -H "$json" -d '{"chunk_id":"c","events":[]}'
head -c 70000 /dev/zero | tr '\0' ' ' >"$work/large"
refused 413 too_large POST "$ingest" -H "$json" --data-binary "@$work/large"
refused 422 events_refused POST "$ingest" -H "$json" \
    -d '{"chunk_id":"c","chunk_seq":0,"events":[{"id":"e","seq":0,"ts_client_s":1,"type":"cmd_run","cmd":"ls"}]}'
expect "$(jq -r '.errors[0].pointer' "$work/answer")" = /events/0/exit_code

# One bad event never costs its good neighbours.
api POST "$ingest" -H "$json" -d '{"chunk_id":"c","chunk_seq":0,"events":[
  {"id":"good","seq":0,"ts_client_s":1,"type":"cmd_run","cmd":"ls","exit_code":0},
  {"id":"bad","seq":1,"ts_client_s":1,"type":"no_such_type"}]}' >/dev/null
expect "$(status)" = 200
expect "$(jq -c '[.status, .events_added, .rejected[0].id, .rejected[0].index]' "$work/answer")" = '["partial",1,"bad",1]'

token=$key
refused 404 trace_unknown GET /v1/traces/trace-00000000000000000000000000000000
refused 404 route_unknown GET /v1/nothing
refused 405 method_wrong DELETE /v1/limits

# What waits for a trace that is not done has a code of its own, whatever waits.
code=0
prt verify "$trace" 2>/dev/null || code=$?
expect "$code" = 4
code=0
prt view "$trace" 2>/dev/null || code=$?
expect "$code" = 4
code=0
prt view "$trace" --field /status >"$work/field" 2>/dev/null || code=$?
expect "$code" = 4
expect "$(cat "$work/field")" = ""

# A body that never comes is 408, and costs the others nothing.
python3 - "$url" "$upload" "$ingest" <<'P'
import socket, sys, urllib.parse
at = urllib.parse.urlparse(sys.argv[1])
s = socket.create_connection((at.hostname, at.port), timeout=20)
s.sendall((f"POST {sys.argv[3]} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {sys.argv[2]}\r\n"
           "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{").encode())
answer = s.recv(4096)
assert answer == b"" or b" 408 " in answer.split(b"\r\n")[0], answer
P
api GET /healthz >/dev/null
expect "$(status)" = 200
