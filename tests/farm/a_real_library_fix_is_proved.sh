#!/bin/bash
# A published library at two releases: the newer one's tests fail on the older code and pass on its own.
. ./farm.sh

code=0
"$examples/real_library/fetch" "$work/library" >"$work/fetch" 2>&1 || code=$?
if [ $code -eq 77 ]; then
    tail -n 1 "$work/fetch"
    exit 77
fi
expect $code = 0
prt qa-image >/dev/null
farm_up
trace=$(prt submit "$work/library")
WAIT_SECONDS=180 wait_until judged "$trace"
prt view "$trace" --field /qa/validation --json >"$work/validation"
expect "$(jq -c '[.status, .tests_passed, .num_passed, (.tests.fail_to_pass | length)]' "$work/validation")" = '["passed",true,96,2]'
prt verify "$trace"
