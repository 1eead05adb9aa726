# What the tests of replays and dead letters share; not a test. Source it after farm.sh.

# Sends the three examples and waits until they are finalized (no tests are run, nothing is judged);
# their documents' hashes end up in $work/documents.
three_finalized_traces() {
    farm_up --workers qa=0
    submit_all
    wait_until all_finalized
    documents >"$work/documents"
    expect "$(wc -l <"$work/documents")" = 3
}

# ... and their lines lie in segments.
all_finalized() {
    [ "$(db "SELECT count(*) FROM traces WHERE status = 'finalized'")" = 3 ] &&
        [ "$(db "SELECT count(*) FROM trace_chunks WHERE kept_lines IS NOT NULL")" = 0 ]
}

documents() {
    local session
    for session in $sessions; do
        (cd "$work/var/blobs/pr-telemetry-traces" && sha256sum "$(trace_of "$session")/trace.json")
    done
}

# All that validate derived, but for the numbers of rows and segments.
derived() {
    db "SELECT trace_id, status, encode(chain_head, 'hex'), num_events, last_seq, next_chunk_seq, pending_chunks, opened_us,
               encode(open_hash, 'hex'), completed_us, complete_seq, expected_chunks, document_key, encode(document_sha256, 'hex')
        FROM traces ORDER BY trace_id"
    db "SELECT trace_id, chunk_seq, c.status, seg_length, received_us, stream_seq, c.num_events, http, chunk_id,
               encode(content_hash, 'hex'), verdict, redactions, first_seq, encode(lines, 'hex')
        FROM trace_chunks c JOIN traces USING (trace_no) ORDER BY trace_id, chunk_seq"
    db "SELECT trace_id, chunk_seq, event_keys FROM trace_chunks JOIN traces USING (trace_no) ORDER BY trace_id, chunk_seq"
    db "SELECT trace_id, head FROM trace_heads JOIN traces USING (trace_no) ORDER BY trace_id"
    db "SELECT trace_id, name, encode(sha256, 'hex'), size_bytes, content_type, object_key, a.created_us
        FROM artifacts a JOIN traces USING (trace_no) ORDER BY trace_id, name"
}

messages_of() { prt --json status | jq --arg stream "$1" '.streams[] | select(.stream == $stream) | .messages'; }

segments() { find "$work/var/blobs/pr-telemetry-chunks/segments" -type f; }
