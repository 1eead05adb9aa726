#!/bin/bash
# prt keys: a key is shown once, kept as its hash only, good for its role and tenant, and refused
# once it is revoked.
. ./farm.sh

farm_up --workers qa=0,judge=0
open='{"participant_id":"p","task_id":"t","task_title":"x"}'
create() { api POST /v1/traces -H 'Content-Type: application/json' -d "$open" >/dev/null; }

writer=$(prt keys create --role ingest --tenant acme --label "IDE plugins")
reader=$(prt keys create --role read --tenant acme)
expect "${writer%%_[A-Za-z0-9-]*}" = prt
case $writer in prt_ingest_*) ;; *) expect "$writer" = prt_ingest_...; esac
expect "$(db "SELECT count(*) FROM api_keys WHERE api_keys::text LIKE '%$writer%'")" = 0
expect "$(db "SELECT count(*) FROM api_keys WHERE key_hash = sha256('$writer')")" = 1

token=$writer
create
expect "$(status)" = 201
trace=$(jq -r .trace_id "$work/answer")
api GET "/v1/traces/$trace" >/dev/null
expect "$(status)" = 403
token=$reader
create
expect "$(status)" = 403
there() { api GET "/v1/traces/$trace" >/dev/null; [ "$(status)" = 202 ]; }
wait_until there
# Who uses prt is told where the key comes from.
! PRT_API_KEY=$writer prt view "$trace" 2>"$work/said" || exit 1
grep -q 'role read; prt sends the key in PRT_API_KEY' "$work/said"
token=$key # another tenant's
api GET "/v1/traces/$trace" >/dev/null
expect "$(status)" = 404

expect "$(prt --json keys list | jq -r '[.[] | .role] | join(",")')" = ingest,read
expect "$(prt --json keys list | jq -r '.[0].label')" = "IDE plugins"
prt keys revoke "$(prt --json keys list | jq -r '.[0].id')"
token=$writer
refused() { create; [ "$(status)" = 401 ]; }
wait_until refused
expect "$(prt --json keys list | jq -r '.[0].revoked_at != null')" = true
! prt keys revoke 0123456789ab 2>/dev/null || exit 1
! prt keys create --role king 2>/dev/null || exit 1
