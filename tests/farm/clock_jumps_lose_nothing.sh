#!/bin/bash
# Two validators and two finalizers whose clocks are hours apart and jump back and forth under load:
# everything is stored exactly once, traces are finalized, nothing waits for a clock.
. ./farm.sh
. ./faults.sh

faketime=$(ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null || true)
[ -n "$faketime" ] || { echo "skipped: libfaketime is not installed"; exit 77; }

farm_up --workers validate=0,finalize=0,qa=0,judge=0

workers=()
# a worker of its own, whose clock a file sets; the clock that only counts does not jump
worker() {
    local log=$work/var/log/$1-$2.log
    echo "$3" >"$work/clock.$1.$2"
    (
        set -a
        . "$work/var/farm.env"
        PRT_METRICS_PORT=0
        ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0"
        FAKETIME_TIMESTAMP_FILE=$work/clock.$1.$2 FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1
        LD_PRELOAD=$faketime
        exec "$build/prt-worker" "$1" >"$log" 2>&1
    ) &
    workers+=($!)
    wait_until grep -q '"event":"worker ready"' "$log"
}
also_end() {
    local pid
    for pid in "${workers[@]}"; do
        kill -9 "$pid" 2>/dev/null || true
        rm -f "/dev/shm/faketime_shm_$pid" "/dev/shm/sem.faketime_sem_$pid"
    done
}
worker validate 1 +0
worker validate 2 -5h
worker finalize 1 +26h
worker finalize 2 +0

load_begin
for jump in "+3h -30d +0 -2h" "-1h +0 -26h +400d" "+0 +1h +5h -1d"; do
    set -- $jump
    echo "$1" >"$work/clock.validate.1"
    echo "$2" >"$work/clock.validate.2"
    echo "$3" >"$work/clock.finalize.1"
    echo "$4" >"$work/clock.finalize.2"
    load_goes_on 60
done
load_end
expect_ledger_true
grep -h -o '"at":"....-..-..' "$work"/var/log/validate-*.log "$work"/var/log/finalize-*.log | sort -u >"$work/days"
expect "$(wc -l <"$work/days")" -ge 3 # the clocks did jump
kill -TERM "${workers[@]}"
for pid in "${workers[@]}"; do
    wait "$pid"
done
