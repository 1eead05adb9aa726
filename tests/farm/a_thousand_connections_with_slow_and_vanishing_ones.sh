#!/bin/bash
# 1,000 connections at once, thousands of open traces, 100 clients that send a byte now and then and
# 20 that vanish in the middle of a large body again and again: the memory of the gateway stays small,
# everybody else is served, slow bodies are refused in time, and no connection stays behind.
# PRT_TEST_TRACES=10000 has so many traces open at once, for a run by hand.
. ./farm.sh
. ./faults.sh

ulimit -n 4096 2>/dev/null || { echo "skipped: needs 4096 open files"; exit 77; }
export PRT_HTTP_BODY_TIME=3s PRT_HTTP_CONNECTIONS=2000 PRT_VERDICT_WAIT=5s
farm_up --workers validate=1,finalize=0,qa=0,judge=0

memory_kib() { awk '/^'"$1"':/ {print $2}' "/proc/$(pid_of gateway)/status"; }
before=$(memory_kib VmRSS)
python3 "$root/tests/lib/crowd.py" "$url" "$key" "$work/ledger" --traces "${PRT_TEST_TRACES:-2000}" >"$work/crowd" ||
    { cat "$work/crowd"; exit 1; }
cat "$work/crowd"
expect "$(jq -c '.slow_ended | keys' "$work/crowd")" = '["408"]'
expect "$(jq '.slow_ended["408"]' "$work/crowd")" -ge 100
expect "$(jq '.alone_p50_s < 0.5 and .alone_most_s < 3' "$work/crowd")" = true
expect "$(jq .vanished "$work/crowd")" -ge 20
most=$(memory_kib VmHWM)
echo "gateway: $before KiB before, $most KiB at most"
room=$((80 * 1024))
! ldd "$build/prt-gateway" | grep -q libasan || room=$((512 * 1024)) # it keeps what was freed for a while
expect "$most" -le $((before + room))
gone() { [ "$(curl -sS "$url/metrics" | sed -n 's/^prt_http_connections //p')" -le 2 ]; }
wait_until gone
expect_ledger_true
