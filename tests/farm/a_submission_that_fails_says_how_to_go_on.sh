#!/bin/bash
# What is wrong with a session's directories is said before anything is sent; what fails after that names the trace.
. ./farm.sh

farm_up --workers qa=0,judge=0
traces() { prt --json list | jq '.traces | length'; }
refused() { # OPTIONS...
    local code=0
    prt submit "$@" >"$work/out" 2>"$work/said" || code=$?
    expect $code = 1
    expect "$(cat "$work/out")" = ""
}

refused "$examples/one_line_fix" --snapshot-after "$work/none"
grep -q "$work/none: No such file or directory" "$work/said"
refused "$examples/one_line_fix" --snapshot-before "$examples/README.md"
grep -q "README.md: Not a directory" "$work/said"
expect "$(traces)" = 0

first=$(ls "$examples"/one_line_fix/chunks/*.json | head -n 1)
refused --session "$examples/one_line_fix/session.json" "$first" "$work/none.json"
grep -q "$work/none.json: no such file" "$work/said"
trace=$(sed -n 's/^prt: .*prt submit --resume \(trace-[0-9a-f]*\) .*/\1/p' "$work/said")
expect "$(prt submit "$examples/one_line_fix" --resume "$trace")" = "$trace"
expect "$(traces)" = 1

# Sent it is, also where the key is not to read what became of it.
writer=$(prt keys create --role ingest)
PRT_API_KEY=$writer refused "$examples/three_file_fix" --wait
grep -q '^prt: trace-[0-9a-f]* is sent whole; .*403' "$work/said"
