#!/bin/bash
# A document that is whole and signed, and another trace's: the rows were made to point to it.
. ./farm.sh

farm_up --workers qa=0,judge=0
prt submit "$examples/one_line_fix" >"$work/one"
prt submit "$examples/three_file_fix" >"$work/three"
one=$(cat "$work/one") three=$(cat "$work/three")
finalized() { [ "$(db "SELECT count(*) FROM traces WHERE status = 'finalized'")" = 2 ]; }
wait_until finalized
prt verify "$one" >/dev/null

db "UPDATE traces SET (document_key, document_sha256, document_bytes, qa_splice) =
    (SELECT document_key, document_sha256, document_bytes, qa_splice FROM traces WHERE trace_id = '$three') WHERE trace_id = '$one'"
code=0
prt verify "$one" >"$work/said" || code=$?
expect "$code" != 0
grep -q "NOT TRUE" "$work/said"
grep -q "document of $one is that of $three" "$work/said"
prt verify "$three" >/dev/null

# A file that is not there is no trace that the farm does not know, and nobody waits for a farm to say so.
for missing in "$work/none.json" none.json; do
    for command in verify view judge-prompt; do
        code=0
        "$build/prt" --data "$work/nowhere" $command "$missing" 2>"$work/said" || code=$?
        expect $code = 1
        grep -q "^prt: $missing: no such file" "$work/said"
    done
done
