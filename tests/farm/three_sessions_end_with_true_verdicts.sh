#!/bin/bash
# The main job: sessions go in, tests really run, scores come out, documents verify.
. ./farm.sh

export PRT_QA_CLAIMS=4
prt qa-image >/dev/null
farm_up
submit_all
expect_all_true

# Their edits lead from the start to the end, and what they said of their test runs is so.
for session in $sessions; do
    trace=$(trace_of $session)
    prt view "$trace" --field /qa/validation --json >"$work/validation"
    expect "$(jq -c '[.replay | .replayable, .final_tree, .hashes_unverifiable]' "$work/validation")" = '[true,"same",0]'
    expect "$(jq '.replay.edits_applied' "$work/validation")" = "$(cat "$examples/$session"/chunks/*.json | jq -s '[.[].events[] | select(.type == "file_edit")] | length')"
    expect "$(jq '.claims | length' "$work/validation")" = "$(cat "$examples/$session"/chunks/*.json | jq -s '[.[].events[] | select(.type == "test_run")] | length')"
    expect "$(jq -c '[.claims[].agrees] | unique' "$work/validation")" = '[true]'
    prt log "$trace" --follow >"$work/log"
    grep -q '^== after: pytest in ' "$work/log"
    grep -q '^== ended by itself: ' "$work/log"
    prt view "$trace" >"$work/view"
    grep -q 'replay .*yes' "$work/view"
    expect "$(grep -c '^      .*(seq [0-9][0-9, ]*)$' "$work/view")" = "$(prt view "$trace" --json |
        jq '[.qa.judge.reasons[] | select(.evidence | length > 0)] | length')"
    expect "$(jq -r '.[0].honest' <(prt --json report "$trace"))" = true
done

expect "$(prt --json list --since 1h | jq '.traces | length')" = 3
expect "$(prt --json list --until 1h | jq '.traces | length')" = 0
! prt list --since soon 2>"$work/refused" || exit 1
grep -q -- '--since' "$work/refused"

# Different traces get different scores, each between 0 and 5, with reasons that cite real events.
for session in $sessions; do prt view "$(trace_of $session)" --json; done >"$work/documents"
expect "$(jq -s '[.[].qa.judge.scores.overall] | unique | length' "$work/documents")" = 3
expect "$(jq -s '[.[].qa.judge.scores[] | select(. < 0 or . > 5)] | length' "$work/documents")" = 0
prt --json report $(cat "$work"/trace.*) >"$work/report"
expect "$(jq '[.[].seconds | select(.collect != null and .finalize != null and .qa != null and .judge != null)] | length' "$work/report")" = 3

# One byte of one event: verify names that event.
trace=$(trace_of three_file_fix)
prt view "$trace" --json >"$work/document"
prt verify "$work/document"
id=$(jq -r '.events[7].id' "$work/document")
grep -n "\"id\":\"$id\"" "$work/document" | cut -d: -f1 >"$work/line"
sed "$(cat "$work/line")s/\"type\":\"/\"type\":\"X/" "$work/document" >"$work/changed"
code=0
prt verify "$work/changed" >"$work/said" 2>&1 || code=$?
expect $code = 3
grep -q "$id" "$work/said" || { cat "$work/said"; exit 1; }
