// SPDX-License-Identifier: MIT
/*
 * questions.h - what the tests ask the database; those with $1 ask about one trace.
 */
#ifndef PRT_TESTS_INGEST_QUESTIONS_H
#define PRT_TESTS_INGEST_QUESTIONS_H

#define EVENTS_OF                                                                                  \
    "SELECT coalesce(sum(octet_length(event_keys)), 0) / 16 FROM trace_chunks c"                    \
    " JOIN traces t USING (trace_no) WHERE t.trace_id = $1"
#define NUM_EVENTS     "SELECT num_events FROM traces WHERE trace_id = $1"
#define NEXT_CHUNK     "SELECT next_chunk_seq FROM traces WHERE trace_id = $1"
#define PENDING        "SELECT pending_chunks FROM traces WHERE trace_id = $1"
#define PENDING_EVENTS "SELECT pending_events FROM traces WHERE trace_id = $1"
#define SEGMENTS       "SELECT count(*) FROM segments"
#define CHUNK_ROWS                                                                                 \
    "SELECT count(*) FROM trace_chunks c JOIN traces t USING (trace_no) WHERE t.trace_id = $1"
#define REFUSED_ROWS CHUNK_ROWS " AND c.status = 'refused'"
#define CLOSED       "SELECT count(*) FROM traces WHERE trace_id = $1 AND status = 'closed'"

#endif
