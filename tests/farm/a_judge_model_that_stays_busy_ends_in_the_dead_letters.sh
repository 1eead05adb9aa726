#!/bin/bash
# 429 without Retry-After: asked with growing pauses, put back without costing a try, given up when patience ends.
. ./farm.sh
. ./judge.sh

export PRT_JUDGE_PATIENCE=4s
judge_farm busy
submit_one
wait_until given_up judge_gone
expect "$(model_server asked/busy)" -ge 6
