#!/bin/bash
# 429 with Retry-After: the same delivery waits as long as asked, then goes on.
. ./farm.sh
. ./judge.sh

judge_farm busy-once
judged_one
expect_scores 4
expect "$(model_server asked/busy-once)" = 2
expect "$(model_server waited/busy-once | cut -d . -f 1)" -ge 1
no_dead_letters
