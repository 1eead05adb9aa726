#!/bin/bash
# Small chunks keep their lines in their rows until finalize puts them into a segment. Killed between that object and the
# rows that point to it, it leaves one object that nobody names, and who comes after it gathers them again.
. ./farm.sh
farm_up --workers validate=1,finalize=1,qa=0,judge=0
segments=$work/var/blobs/pr-telemetry-chunks/segments
objects() { find "$segments" -type f 2>/dev/null | wc -l; }
kept() { db "SELECT count(*) FROM trace_chunks WHERE kept_lines IS NOT NULL"; }
completed() { [ "$(db "SELECT completed_us > 0 FROM traces")" = t ]; }
some_objects() { [ "$(objects)" -gt 0 ]; }
all_gathered() { [ "$(kept)" = 0 ] && [ "$(db "SELECT status FROM traces")" = finalized ]; }

trace=$(prt submit "$examples/one_line_fix" --first 1)
expect "$(kept)" -ge 1
expect "$(objects)" = 0
api GET "/v1/traces/$trace/events.ndjson" >"$work/first"
expect "$(wc -l <"$work/first")" -ge 3

# Completed while finalize stands still; then rows can be read, but none can point to a new segment.
kill -STOP "$(pid_of worker-finalize-1)"
prt submit "$examples/one_line_fix" --resume "$trace" >"$work/submitted" &
submitting=$!
wait_until completed
mkfifo "$work/hold"
psql -h "$work/var/run" -U prt -d prt -Xq <"$work/hold" >"$work/held" &
exec 7>"$work/hold"
echo "BEGIN; LOCK TABLE segments IN EXCLUSIVE MODE; SELECT 'locked';" >&7
wait_until grep -q locked "$work/held"
kill -CONT "$(pid_of worker-finalize-1)"
wait_until some_objects
orphan=$(find "$segments" -type f)
kill_one worker-finalize-1
echo "ROLLBACK;" >&7
exec 7>&-
prt replay --stage finalize --trace "$trace" >/dev/null # its work comes again by itself when the dead worker's lease is over
wait_until all_gathered
kill $submitting
expect "$(db "SELECT count(*) FROM segments")" = 1
expect "$(objects)" = 2
api GET "/v1/traces/$trace/events.ndjson" >"$work/all"
expect "$(wc -l <"$work/all")" = "$(db "SELECT num_events FROM traces")"
head -c "$(stat -c %s "$work/first")" "$work/all" | cmp - "$work/first"
find "$segments" -type f -exec touch -d '2 hours ago' {} +
expect "$(prt --json sweep --before 1h | jq .orphans)" = 1
[ ! -e "$orphan" ] || exit 1
prt verify "$trace" >"$work/verified"
