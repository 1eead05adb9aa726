#!/bin/bash
# SIGTERM under load: each process finishes or hands back what it holds, ends with exit code 0
# within the grace period, and nothing accepted is lost.
. ./farm.sh
. ./faults.sh

export PRT_VERDICT_WAIT=1s
farm_up --workers validate=2,finalize=1,qa=0,judge=0
load_begin
for name in worker-validate-1 worker-finalize-1 gateway worker-validate-2; do
    pid=$(pid_of "$name")
    load_goes_on
    kill -TERM "$pid"
    wait_until alive_again "$name" "$pid"
done
load_goes_on
load_end
expect_ledger_true
! grep -q 'not gone within the grace period\|was ended by signal' "$work/var/log/up.log" || exit 1
for name in worker-validate-1 worker-finalize-1 gateway worker-validate-2; do
    grep -q "prt up: $name exited with 0;" "$work/var/log/up.log"
done
