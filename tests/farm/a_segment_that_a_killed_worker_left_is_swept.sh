#!/bin/bash
# A validate worker killed between writing a segment and its commit leaves an object that no row names; prt sweep takes
# that one away, not the others, and not what is young. So it does with claim checks whose messages are in no stream.
. ./farm.sh
export PRT_JUDGE=mock PRT_KEEP_LINES=0
farm_up --workers validate=1,finalize=1,qa=0,judge=0
segments=$work/var/blobs/pr-telemetry-chunks/segments
[ -d "$(dirname "$segments")" ] || segments=$(find "$work/var" -type d -name '*-chunks' -print -quit)/segments
claims=$(dirname "$segments")/claims/20260101
documents=$(dirname "$segments" | sed s/-chunks$/-traces/)
objects() { find "$segments" -type f 2>/dev/null | wc -l; }
more_objects_than() { [ "$(objects)" -gt "$1" ]; }
field() { jq -r ".$1" <<<"$said"; }

trace=$(prt submit "$examples/one_line_fix" --first 1)
before=$(objects)
expect "$before" -ge 1

# The commit waits for this lock; the object is written before.
mkfifo "$work/hold"
psql -h "$work/var/run" -U prt -d prt -Xq <"$work/hold" >"$work/held" &
exec 7>"$work/hold"
echo "BEGIN; LOCK TABLE segments IN ACCESS EXCLUSIVE MODE; SELECT 'locked';" >&7
wait_until grep -q locked "$work/held"
prt submit "$examples/one_line_fix" --resume "$trace" >"$work/submitted" &
submitting=$!
wait_until more_objects_than "$before"
kill_one worker-validate-1
echo "ROLLBACK;" >&7
exec 7>&-
wait $submitting
# The chunk comes again when the dead worker's lease is over, and is written anew: whoever is quicker.
orphan=$(find "$segments" -type f -newer "$work/held" -print -quit)
expect "$(db "SELECT count(*) FROM segments WHERE key LIKE '%$(basename "$orphan")'")" = 0

# Young: nothing goes. At least ten minutes must be asked for.
said=$(prt --json sweep)
expect "$(field orphans)" = 0
! prt sweep --before 1m 2>"$work/refused" || exit 1
grep -q -- '--before 1m: what is younger than 10 minutes' "$work/refused"

find "$segments" -type f -exec touch -d '2 hours ago' {} +
said=$(prt --json sweep --before 1h --dry-run)
expect "$(field orphans)" = 1
expect "$(field deleted)" = false
[ -e "$orphan" ] || exit 1
said=$(prt --json sweep --before 1h)
expect "$(field orphans)" = 1
[ ! -e "$orphan" ] || exit 1
expect "$(api GET "/v1/traces/$trace/events.ndjson" | wc -l)" -ge 3
expect "$(status)" = 200

# A body that was too large for the stream, and whose message no stream can have any more.
mkdir -p "$claims"
echo old >"$claims/old" && touch -d '98 days ago' "$claims/old"
echo young >"$claims/young" && touch -d '96 days ago' "$claims/young"
said=$(prt --json sweep --dry-run)
expect "$(field claims.orphans)" = 1
[ -e "$claims/old" ] || exit 1
prt sweep | grep -q '^2 claim checks, 1 of them .*: deleted$' || exit 1
expect "$(ls "$claims")" = young
said=$(prt --json sweep)
expect "$(field claims.seen) $(field claims.orphans)" = "1 0"

# Of a farm whose rows are elsewhere, everything would be an orphan.
mkdir -p "$segments/20260101"
for i in 1 2 3 4 5; do : >"$segments/20260101/$i"; done
find "$segments" -type f -exec touch -d '2 hours ago' {} +
! prt sweep --before 1h 2>"$work/refused" || exit 1
grep -q 'is PRT_POSTGRES_URL the database of the farm' "$work/refused"
expect "$(find "$segments/20260101" -type f | wc -l)" = 5
said=$(prt --json sweep --before 1h --force)
expect "$(field orphans)" = 5

# What a finalize leaves that is killed as the trace is erased; of a trace that nobody knows it may be all there is.
prt erase "$trace" --yes
erased() { grep -q "\"event\":\"trace erased\".*$trace" "$work/var/log/worker-validate-1.log"; } # its rows say so before its documents go
wait_until erased
for id in "$trace" unknown; do
    mkdir -p "$documents/$id"
    echo '{}' >"$documents/$id/trace.json" && touch -d '2 hours ago' "$documents/$id/trace.json"
done
prt sweep --before 1h | grep -q '^2 documents, uploads and pieces of logs, 1 of them .* of an erased trace: deleted$' || exit 1
[ ! -e "$documents/$trace/trace.json" ] || exit 1
[ -e "$documents/unknown/trace.json" ] || exit 1

# With PRT_KEEP_LINES the lines of small batches lie in the database until their trace is finalized; of one that nobody
# completes, until they are swept.
kept() { db "SELECT count(*) FROM trace_chunks WHERE kept_lines IS NOT NULL"; }
prt down >/dev/null
export PRT_KEEP_LINES=64K
farm_up --workers validate=1,finalize=1,qa=0,judge=0
trace=$(prt submit "$examples/one_line_fix" --first 1)
api GET "/v1/traces/$trace/events.ndjson" >"$work/lines"
expect "$(kept)" = 1
prt sweep | grep -q '^0 traces that are not complete' || exit 1
db "UPDATE trace_chunks SET received_us = received_us - 2 * 86400::bigint * 1000000 WHERE kept_lines IS NOT NULL"
said=$(prt --json sweep --dry-run)
expect "$(field kept.traces) $(field kept.chunks) $(kept)" = "1 1 1"
prt sweep | grep -q '^1 traces that are not complete have lines .* of 1 chunks .*: put into segments$' || exit 1
expect "$(kept)" = 0
api GET "/v1/traces/$trace/events.ndjson" | cmp - "$work/lines"
