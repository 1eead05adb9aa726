#!/bin/bash
# prt may be called where other settings stand than the farm's. What looks into the streams must not bring them up to
# these: a shorter PRT_DEAD_KEEP deletes dead letters, a smaller PRT_INGEST_BYTES has clients refused.
. ./farm.sh
export PRT_DEAD_KEEP=200d PRT_INGEST_BYTES=2G
farm_up --workers validate=1,finalize=1,qa=0,judge=0
limits() { find "$work/var" -path '*/PRT_*/meta.inf' | sort | xargs jq -c '[.name, .max_age, .max_bytes]'; }
limits >"$work/before"
grep -q '"PRT_DEAD",17280000000000000,' "$work/before"
export PRT_DEAD_KEEP=1h PRT_INGEST_BYTES=1G PRT_INGEST_KEEP=1h
prt status >/dev/null
prt dead list >/dev/null
prt replay --stage validate --dry-run >/dev/null
prt replay --stage qa --dry-run >/dev/null
limits | diff "$work/before" -
