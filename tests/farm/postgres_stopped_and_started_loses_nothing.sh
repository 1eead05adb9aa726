#!/bin/bash
# Postgres stands still (SIGSTOP), goes on, is ended and comes back, under load: chunks are still
# accepted meanwhile (202), everything resumes by itself, nothing accepted is lost.
. ./farm.sh
. ./faults.sh

export PRT_VERDICT_WAIT=200ms
farm_up --workers validate=2,finalize=1,qa=0,judge=0

# postgres NAME: its processes; only the server and those it started
postgres_signal() {
    local server=$1 signal=$2
    kill -"$signal" "$server" $(pgrep -P "$server")
}
accepted_meanwhile() { [ "$(grep -c '"http": 202' "$work/ledger")" -ge $((accepted_before + 20)) ]; }
store_not_ready() { [ "$(curl -sS "$url/readyz" | jq -r .store)" != ok ]; }
ready() { [ "$(curl -sS -o /dev/null -w '%{http_code}' "$url/readyz")" = 200 ]; }

load_begin
pid=$(pid_of postgres)
accepted_before=$(grep -c '"http": 202' "$work/ledger" || true)
postgres_signal "$pid" STOP
wait_until store_not_ready
wait_until accepted_meanwhile
postgres_signal "$pid" CONT
wait_until ready
load_goes_on
kill -INT "$pid" # a fast shutdown: connections are cut
wait_until alive_again postgres "$pid"
wait_until ready
load_goes_on
load_end
expect_ledger_true
