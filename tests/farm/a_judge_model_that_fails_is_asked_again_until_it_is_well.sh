#!/bin/bash
# 500 seven times: more than one delivery bears, and no try of the job.
. ./farm.sh
. ./judge.sh

judge_farm down-7
judged_one
expect_scores 4
expect "$(model_server asked/down-7)" = 8
no_dead_letters
