#!/bin/bash
# Coordinated omission: at a given rate a chunk's wait counts from when it was due, so that a second in
# which nothing was validated shows in every chunk that was due in it, not only in the few under way.
. "$(dirname "$0")/farm.sh"
farm_up --workers validate=1,finalize=0,qa=0,judge=0
rate=100 warm=2 seconds=4 kept=$work/traces

prt bench --json --rate $rate --connections 16 --events 1 --seconds $seconds --keep "$kept" >"$work/bench.json" &
bench=$!
stored() { [ "$(db "SELECT count(*) FROM trace_chunks")" -ge "$1" ]; }
wait_until stored $((rate * warm + rate / 2)) # counting has begun: no more than rate * warm were due before
validate=$(pid_of worker-validate-1)
also_end() { kill -CONT "$validate" 2>/dev/null || true; }
kill -STOP "$validate"
stopped_for() { [ $((${EPOCHREALTIME/./} - stopped_us)) -ge 1200000 ]; }
stopped_us=${EPOCHREALTIME/./}
wait_until stopped_for
kill -CONT "$validate"
wait $bench
figure() { jq -r "$1" "$work/bench.json"; }
# 120 of 400 were due meanwhile: the slowest tenth of all waited 0.8 s or longer. Of what was under way,
# sixteen, the slowest tenth would tell nothing.
figure '"p50 \(.p50_ms) p90 \(.p90_ms) p99 \(.p99_ms) ms, \(.unanswered) unanswered"'
expect "$(figure '.p90_ms >= 600 and .max_ms >= 1000')" = true
expect "$(figure .refused)" = 0

# The traces go on where they were.
expect "$(stat -c %a "$kept")" = 600
expect "$(wc -l <"$kept")" = 16
had=$(figure .committed_events)
prt bench --json --connections 2 --events 10 --seconds 1 --keep "$kept" >"$work/bench.json"
expect "$(figure .traces)" = 16
expect "$(figure '.refused')" = 0
expect "$(figure ".committed_events >= $had + .chunks * 10")" = true
expect "$(db "SELECT sum(num_events) FROM traces")" = "$(figure .committed_events)"

# What is no number says so, and what it should be.
refuses() { local code=0; prt bench "${@:2}" >"$work/out" 2>&1 || code=$?; expect $code = 2; grep -q -- "$1" "$work/out"; }
refuses '--rate: "fast" is no whole number from 1 to' --rate fast
refuses '--events: "0" is no whole number from 1 to 1000' --events 0
refuses '--traces 3: each of the 5 connections' --traces 3 --connections 5
echo "no trace" >"$work/other"
refuses 'line 1 is not what prt bench --keep wrote' --keep "$work/other"
prt down --wipe
