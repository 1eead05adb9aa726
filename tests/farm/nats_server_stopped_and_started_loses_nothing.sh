#!/bin/bash
# nats-server stands still (SIGSTOP), goes on, is ended and comes back, under load: the gateway says 503
# with Retry-After or 504 meanwhile, everything resumes by itself, nothing accepted is lost.
. ./farm.sh
. ./faults.sh

export PRT_VERDICT_WAIT=1s
farm_up --workers validate=1,finalize=1,qa=0,judge=0

stream_not_ready() { [ "$(curl -sS "$url/readyz" | jq -r .stream)" != ok ]; }
ready() { [ "$(curl -sS -o /dev/null -w '%{http_code}' "$url/readyz")" = 200 ]; }

load_begin
pid=$(pid_of nats-server)
kill -STOP "$pid"
wait_until stream_not_ready
kill -CONT "$pid"
wait_until ready
load_goes_on
kill -TERM "$pid"
wait_until alive_again nats-server "$pid"
wait_until ready
load_goes_on
load_end
expect_ledger_true
