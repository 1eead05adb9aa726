-- SPDX-License-Identifier: MIT
--
-- A trace, what it is made of, and where its bytes lie. All rows of a trace are written by validate
-- under the lock of its row in traces (finalize locks the same row), so that rows which come by the
-- hundred thousand a second need no foreign keys: no child is ever written without its parent.
--
-- Times are UTC microseconds. Ids compare byte by byte (COLLATE "C"): traces are locked in that order.

-- Updated once for every batch that touches the trace: small, with room on its page for new versions
-- (what was sent at opening lies in trace_heads), and no index on anything that changes often.
CREATE TABLE traces (
    trace_no         bigint   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    trace_id         text     COLLATE "C" NOT NULL UNIQUE,
    tenant           text     COLLATE "C" NOT NULL,
    status           text     COLLATE "C" NOT NULL DEFAULT 'open'
                     CHECK (status IN ('open', 'completing', 'closed', 'finalized', 'erased')),

    -- how far the chain is
    chain_head       bytea,                         -- 32 bytes; NULL: no event yet
    num_events       bigint   NOT NULL DEFAULT 0,   -- chained
    last_seq         bigint   NOT NULL DEFAULT -1,  -- of the last chained event
    next_chunk_seq   bigint   NOT NULL DEFAULT 0,   -- the chunk that is chained next
    pending_chunks   bigint   NOT NULL DEFAULT 0,   -- stored, waiting for an earlier one
    pending_events   bigint   NOT NULL DEFAULT 0,

    -- opened: NULL open_hash means that the open message has not been seen yet
    opened_us        bigint   NOT NULL,             -- until then, when the first message was sent
    open_hash        bytea,                         -- SHA-256 of the open message's body
    participant_id   text,
    task_id          text,
    task_title       text,
    repo_origin      text,
    start_commit     text,
    experiment_id    text,

    -- completed
    completed_us     bigint,                        -- when the client said so
    complete_seen_us bigint,                        -- when validate saw it: deadlines count from here
    complete_seq     bigint,                        -- the complete message's sequence in PRT_INGEST
    expected_chunks  bigint,                        -- chunks 0 .. n-1 were declared; NULL: none were

    -- finalized
    finalized_us     bigint,
    document_key     text,                          -- in the traces bucket
    document_sha256  bytea,
    document_bytes   bigint,
    qa_splice        bigint,                        -- byte offset where "qa":{...}, is put in on reading

    -- the newest results, for the filters of the listing
    qa_status        text,
    tests_passed     boolean,
    judge_overall    double precision
) WITH (fillfactor = 50);

-- Keyset pages of the listing, newest first, under each filter.
CREATE INDEX traces_by_time        ON traces (tenant, opened_us DESC, trace_no DESC);
CREATE INDEX traces_by_status      ON traces (tenant, status, opened_us DESC, trace_no DESC);
CREATE INDEX traces_by_task        ON traces (tenant, task_id, opened_us DESC, trace_no DESC);
CREATE INDEX traces_by_participant ON traces (tenant, participant_id, opened_us DESC, trace_no DESC);
CREATE INDEX traces_by_repo        ON traces (tenant, repo_origin, opened_us DESC, trace_no DESC);
CREATE INDEX traces_by_experiment  ON traces (tenant, experiment_id, opened_us DESC, trace_no DESC)
    WHERE experiment_id IS NOT NULL;

-- {session, task, repo, environment?, experiment_id?} as canonical JSON (RFC 8785): text and not
-- jsonb, because its bytes go into the document and its strings may hold \u0000.
CREATE TABLE trace_heads (
    trace_no bigint PRIMARY KEY REFERENCES traces,
    head     text   NOT NULL
);

-- One object in the chunks bucket: the lines of one batch, of many traces.
CREATE TABLE segments (
    segment_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key        text   COLLATE "C" NOT NULL UNIQUE,
    bytes      bigint NOT NULL,
    created_us bigint NOT NULL
);

-- chained: its lines lie in the segment. pending: stored in payload until its turn comes. refused: no
-- event of it stood; a corrected chunk may take its place.
CREATE TABLE trace_chunks (
    trace_no     bigint   NOT NULL,
    chunk_seq    bigint   NOT NULL,
    segment_no   bigint,                            -- NULL: no line of it was stored
    seg_offset   bigint   NOT NULL DEFAULT 0,
    seg_length   bigint   NOT NULL DEFAULT 0,       -- each line ends in a newline
    received_us  bigint   NOT NULL,
    stream_seq   bigint   NOT NULL,
    num_events   integer  NOT NULL DEFAULT 0,       -- chained, or waiting in payload
    http         smallint NOT NULL,
    status       text     COLLATE "C" NOT NULL CHECK (status IN ('pending', 'chained', 'refused')),
    chunk_id     text     COLLATE "C" NOT NULL,
    content_hash bytea    NOT NULL,                 -- of the chunk's msgpack as sent
    verdict      text     NOT NULL,                 -- JSON, what ingest answers
    redactions   text,                              -- JSON {kind: count}; NULL: nothing was redacted
    payload      bytea,                             -- checked lines that are not chained (msgpack)
    PRIMARY KEY (trace_no, chunk_seq),
    UNIQUE (trace_no, chunk_id)
);
ALTER TABLE trace_chunks ALTER COLUMN payload SET STORAGE EXTERNAL;
CREATE INDEX trace_chunks_waiting ON trace_chunks (trace_no, chunk_seq) WHERE status = 'pending';

CREATE TABLE trace_events (
    trace_no    bigint   NOT NULL,
    seq         bigint   NOT NULL,
    segment_no  bigint   NOT NULL,
    line_offset integer  NOT NULL,
    line_length integer  NOT NULL,                  -- without its newline
    type        smallint NOT NULL,                  -- enum event_type
    event_key   uuid     NOT NULL,                  -- first 16 bytes of SHA-256 of the event's id
    PRIMARY KEY (trace_no, seq),
    CONSTRAINT trace_events_once UNIQUE (trace_no, event_key)
);

-- final_workspace_snapshot, start_workspace_snapshot, or <event_id>.<stdout|stderr|report>
CREATE TABLE artifacts (
    trace_no     bigint NOT NULL REFERENCES traces,
    name         text   COLLATE "C" NOT NULL,
    sha256       bytea  NOT NULL,
    size_bytes   bigint NOT NULL,
    content_type text,
    object_key   text   COLLATE "C" NOT NULL,       -- in the artifacts bucket
    created_us   bigint NOT NULL,
    PRIMARY KEY (trace_no, name)
);
CREATE INDEX artifacts_by_object ON artifacts (object_key);
