#!/bin/bash
# The connection closes in the middle of the answer: half of one is none.
. ./farm.sh
. ./judge.sh

judge_farm cut-once
judged_one
expect_scores 4
expect "$(model_server asked/cut-once)" = 2
no_dead_letters
