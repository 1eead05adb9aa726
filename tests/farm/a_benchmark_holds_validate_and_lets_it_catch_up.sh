#!/bin/bash
# prt bench --outage: what is acknowledged while validate stands still, and how fast it catches up.
. "$(dirname "$0")/farm.sh"
farm_up --workers validate=2,finalize=0,qa=0,judge=0

prt bench --json --outage --connections 8 --events 2 --seconds 1 >"$work/bench.json"
figure() { jq -r "$1" "$work/bench.json"; }
figure '"\(.chunks) chunks taken, \(.outage_chunks) waited, then \(.caught_up_events_per_s) events/s"'
expect "$(figure .refused)" = 0
expect "$(figure '.outage and .respond_async')" = true
expect "$(figure '.outage_chunks >= .chunks')" = true # all that was counted waited for its turn
expect "$(figure '.caught_up_events_per_s > 0 and .caught_up_after_s > 0')" = true
expect "$(figure .caught_up_by_workers)" = 2
expect "$(db "SELECT sum(num_events) FROM traces")" = "$(figure .committed_events)"

# Whatever ends it ends the hold.
holds() { [ "$(db "SELECT count(*) FROM pg_locks WHERE mode = 'ExclusiveLock' AND granted AND relation = 'traces'::regclass")" = "$1" ]; }
"$build/prt" --data "$work/var" bench --outage --connections 8 --events 2 --seconds 20 >"$work/out" 9>&- &
bench=$!
wait_until holds 1
kill -9 $bench
wait $bench 2>/dev/null || true
wait_until holds 0
prt bench --json --connections 8 --events 2 --seconds 1 >"$work/bench.json"
expect "$(figure .refused)" = 0
expect "$(figure '.chunks > 0')" = true

code=0
prt bench --outage --seconds 21 >"$work/out" 2>&1 || code=$?
expect $code = 2
grep -q -- '--outage wants --seconds 20 or fewer' "$work/out"
prt down --wipe
