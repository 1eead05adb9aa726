#!/bin/bash
# What many models do although they were told not to.
. ./farm.sh
. ./judge.sh

judge_farm fenced
judged_one
expect_scores 4
expect "$(model_server asked/fenced)" = 1
