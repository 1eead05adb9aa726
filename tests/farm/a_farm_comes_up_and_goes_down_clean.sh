#!/bin/bash
# prt up is ready when it says so, prt down leaves no process and no socket, data stays.
. ./farm.sh

unset PRT_TEST_CLUSTER # as for the first time
farm_up
expect "$(curl -s -o "$work/ready" -w '%{http_code}' "$url/readyz")" = 200
prt status >"$work/status.txt"
grep -q PRT_INGEST "$work/status.txt"
# Each column stands apart, however large its numbers are, and a terminal of eighty columns has room.
expect "$(awk '/^stream / { columns = NF } /^PRT_/ && NF != columns' "$work/status.txt")" = ""
expect "$(awk 'length > 80' "$work/status.txt")" = ""
pids=$(jq -r '.[].pid' "$work/var/up.json")
nats=$(jq -r '.[] | select(.name == "nats-server").pid' "$work/var/up.json")
expect "$(awk '/^THP_enabled:/ { print $2 }' "/proc/$nats/status")" = 0
trace=$(prt submit "$examples/one_line_fix" --first 1)
expect "$(prt --json list | jq -r '.traces[0].trace_id')" = "$trace"

# What could not be written is not done.
code=0
prt list >/dev/full 2>"$work/full" || code=$?
expect $code = 1
grep -q 'writing standard output: No space left' "$work/full"

# A second farm in the same place is refused.
code=0
prt up --port 0 --detach 2>"$work/second" || code=$?
expect $code = 2

prt down
for pid in $pids; do
    # One that is dead and only not yet buried by init does not count.
    if grep -qsE '^State:[[:space:]]+[^ZX[:space:]]' "/proc/$pid/status"; then
        echo "process $pid is still there"
        exit 1
    fi
done
[ ! -e "$work/var/up.json" ]

# A benchmark of what is not there says so instead of knocking for ever.
code=0
timeout 60 "$build/prt" --data "$work/var" bench --seconds 1 >"$work/bench" 2>&1 || code=$?
expect $code = 1
grep -q 'prt up starts' "$work/bench"

farm_up
expect "$(prt --json list | jq -r '.traces[0].trace_id')" = "$trace"
prt submit "$examples/one_line_fix" --resume "$trace" >/dev/null
WAIT_SECONDS=120 wait_until prt view "$trace" --field /integrity/event_hash_chain
prt down --wipe
[ ! -e "$work/var" ]

# Where it lies may have a name with a space; what would mislead libpq and others is refused.
also_end() { "$build/prt" --data "$work/a b/var" down 2>/dev/null || true; }
mkdir "$work/a b"
timeout 60 "$build/prt" --data "$work/a b/var" up --port 0 --workers qa=0,judge=0 --detach 9>&-
"$build/prt" --data "$work/a b/var" keys create --role read >/dev/null
expect "$(. "$work/a b/var/farm.env" && psql "$PRT_POSTGRES_URL" -AtXqc 'SELECT count(*) FROM api_keys')" = 1
"$build/prt" --data "$work/a b/var" down --wipe
code=0
"$build/prt" --data "$work/a,b/var" up --port 0 --detach 2>"$work/refused" || code=$?
expect $code = 2
grep -q -- '--data another' "$work/refused"

# Where a number stands that is none, nothing is started in its stead.
for options in "--port http" "--port 80x" "--port 65536" "--workers qa=two" "--workers qa" "--workers qa=65"; do
    code=0
    prt up $options --detach 2>"$work/refused" || code=$?
    expect "$options: $code" = "$options: 2"
    grep -qF -- "${options% *}: \"${options#* }\"" "$work/refused"
done
code=0
prt submit "$examples/one_line_fix" --first all 2>"$work/refused" || code=$?
expect $code = 2
grep -qF -- '--first: "all" is no whole number from 0' "$work/refused"
