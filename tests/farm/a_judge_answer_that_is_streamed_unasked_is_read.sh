#!/bin/bash
# A stream of events although none was asked for: put together, once its end is said.
. ./farm.sh
. ./judge.sh

judge_farm streamed
judged_one
expect_scores 4
expect "$(field '.tokens.answer > 100')" = true
expect "$(model_server asked/streamed)" = 1
