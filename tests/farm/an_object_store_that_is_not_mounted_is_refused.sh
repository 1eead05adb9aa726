#!/bin/bash
# The object store's directory is away, as if its volume were not mounted, when the farm starts again: no worker
# and no gateway makes a new one, and with the directory back everything is there.
. ./farm.sh
. ./standing.sh

export PRT_KEEP_LINES=0
farm_up --workers qa=0,judge=0
open_trace
post events:ingest "$(chunk 0)"
expect "$(status)" = 200
prt down
mv "$work/var/blobs" "$work/mounted"
! farm_up --workers qa=0,judge=0 || exit 1
prt down >/dev/null 2>&1 || true
cat "$work"/var/log/worker-*.log >"$work/logs"
grep -q '"why":"blob_denied".*Is the volume mounted' "$work/logs"
expect "$(find "$work/var/blobs" -type f | wc -l)" = 0
rm -r "$work/var/blobs"
mv "$work/mounted" "$work/var/blobs"
farm_up --workers qa=0,judge=0
post complete '{"num_chunks":1}'
expect "$(status)" = 200
expect "$(prt view "$trace" --json | jq '.events | length')" = 1
