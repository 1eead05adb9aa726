#!/bin/bash
# Chunks of one trace in the hands of two validators at once, and its document in those of two
# finalizers: every event once, in order, and one document.
. ./farm.sh
. ./faults.sh

export PRT_BATCH_MESSAGES=2 # so that each gets some
farm_up --workers validate=2,finalize=2,qa=0,judge=0
ledger load --clients 3 --traces 2 --chunks 120 --body-bytes 100 --pause-ms 0 >"$work/load"
expect_ledger_true
expect "$(db "SELECT count(*) FROM traces WHERE status = 'finalized'")" = 6

# Finalizing again what is finalized gives the same bytes.
(cd "$work/var/blobs/pr-telemetry-traces" && find . -name trace.json -exec sha256sum {} +) | sort >"$work/before"
prt replay --stage finalize --since 1h >/dev/null
settled() { [ "$(prt --json status | jq '.stages[] | select(.stage == "finalize") | .pending + .in_flight')" = 0 ]; }
wait_until settled
(cd "$work/var/blobs/pr-telemetry-traces" && find . -name trace.json -exec sha256sum {} +) | sort | cmp - "$work/before"
