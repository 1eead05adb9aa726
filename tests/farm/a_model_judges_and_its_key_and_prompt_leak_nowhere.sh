#!/bin/bash
# A panel of models judges a session; the refusal of one repeats key and prompt. Neither is in the logs, the
# database, the streams or the object store afterwards.
. ./farm.sh
. ./judge.sh

export PRT_JUDGE_QUORUM=2
judge_farm score-2,canary,error-401,busy-99,six
judged_one
expect "$(jq -r .status "$work/judge")" = scored
expect "$(jq .scores.causal_linking "$work/judge")" = 3
expect "$(jq .panel.spread.causal_linking "$work/judge")" = 2
expect "$(jq -c .panel.abstained "$work/judge")" = '["error-401","busy-99","six"]'
expect "$(jq -c .flags "$work/judge")" = '["injection_suspected"]'
expect "$(jq '[.reasons[].evidence[]] | unique | length' "$work/judge")" = 2
expect "$(db "SELECT count(*) FROM judge_results")" = 1
expect "$(db "SELECT judge_overall = (result::jsonb #>> '{scores,overall}')::float8 FROM traces JOIN judge_results USING (trace_no)")" = t

# What would have been sent is shown without asking; the server was asked once by each, twice where it erred.
prt judge-prompt "$trace" >"$work/prompt" 2>&1
grep -q "status: not_run" "$work/prompt"
expect "$(model_server asked/score-2)" = 1
expect "$(model_server asked/six)" = 2

expect "$(prt --json status | jq -c '.judging[0] | [.calls > 0, .tokens > 1000, .paused]')" = '[true,true,false]'

db CHECKPOINT
for secret in "$model_key" "You judge how well a developer" "BEGIN DATA"; do
    expect "$(grep -rlaF "$secret" "$work/var" | grep -v /farm.env || true)" = ""
done
