#!/bin/bash
# A good answer: six scores with reasons and events, and what it cost.
. ./farm.sh
. ./judge.sh

judge_farm good
judged_one
expect_scores 4
expect "$(field .model)" = good
expect "$(field .model_version)" = good-2025@fp_1
expect "$(field '.tokens.prompt > 500 and .tokens.answer > 100')" = true
expect "$(field .cost_usd)" = null
expect "$(model_server asked/good)" = 1
no_dead_letters
