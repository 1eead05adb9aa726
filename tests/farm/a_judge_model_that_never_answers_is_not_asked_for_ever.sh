#!/bin/bash
# A call without an answer in time may have been paid for: each costs a try, and the fifth is the last.
. ./farm.sh
. ./judge.sh

export PRT_JUDGE_TIME=1s
judge_farm slow
submit_one
wait_until given_up judge_slow
expect "$(model_server asked/slow)" = 5
