#!/bin/bash
# 6.0 is not cut down to 5.
. ./farm.sh
. ./judge.sh

judge_farm six
judged_one
expect_unscored "score 6"
no_dead_letters
