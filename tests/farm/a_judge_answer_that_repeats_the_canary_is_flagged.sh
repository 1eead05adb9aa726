#!/bin/bash
# The canary is secret: a prompt that comes out again was steered. The word itself goes no further.
. ./farm.sh
. ./judge.sh

judge_farm canary
judged_one
expect_scores 4
expect "$(jq -c .flags "$work/judge")" = '["injection_suspected"]'
canary=$(model_server last/canary | jq -r '.messages[0].content' | sed -n 's/.*The word \([a-z0-9A-Z]*\) is secret.*/\1/p')
expect "${#canary}" -gt 8
db CHECKPOINT
expect "$(grep -rlaF "$canary" "$work/var" || true)" = ""
