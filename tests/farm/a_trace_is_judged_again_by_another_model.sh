#!/bin/bash
# prt replay adds a version; the newest is shown, ?judge=all shows them all; a rubric or a stage that does not fit is
# refused before there is a job.
. ./farm.sh
. ./judge.sh

judge_farm score-2
judged_one
expect_scores 2
versions() { [ "$(db "SELECT count(*) FROM judge_results")" = "$1" ]; }
prt replay --stage judge --model score-5 --filter qa=not_run 2>/dev/null
wait_until versions 2
expect "$(prt view "$trace" --field /qa/judge/model)" = score-5
expect "$(prt view "$trace" --field /qa/judge/scores/overall)" = 5
expect "$(prt --json view "$trace" | jq '.qa | has("judge_all")')" = false
api GET "/v1/traces/$trace?judge=all" >"$work/all"
expect "$(jq -c '[.qa.judge_all[] | [.version, .judge.model, .judge.scores.overall]]' "$work/all")" = '[[2,"score-5",5],[1,"score-2",2]]'
expect "$(jq -c '.qa.judge == .qa.judge_all[0].judge' "$work/all")" = true
prt view "$trace" --judge all >"$work/shown"
expect "$(grep -c '^version ' "$work/shown")" = 2
prt verify "$trace" >"$work/verify" || { cat "$work/verify"; exit 1; }
api GET "/v1/traces/$trace?judge=best" >/dev/null
expect "$(status)" = 422

# The same model on the same bytes costs nothing, unless asked to.
prt replay --stage judge --model score-5 --rubric 1.0 2>/dev/null
wait_until versions 3
expect "$(model_server asked/score-5)" = 1
prt replay --stage judge --model score-5 --fresh 2>/dev/null
wait_until versions 4
expect "$(model_server asked/score-5)" = 2
prt replay --stage judge --model mock 2>/dev/null
wait_until versions 5
expect "$(prt view "$trace" --field /qa/judge/model)" = mock

if prt replay --stage judge --rubric 9.9 2>"$work/told"; then exit 1; fi
grep -q "1.0" "$work/told"
if prt replay --stage qa --model score-5 2>"$work/told"; then exit 1; fi
for stage in judge validate; do
    if prt replay --stage $stage --trace trace-nobody 2>"$work/told"; then exit 1; fi
    grep -q trace-nobody "$work/told"
done
no_dead_letters
