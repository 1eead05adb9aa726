-- SPDX-License-Identifier: MIT
--
-- The keys of a chunk's events lie in the chunk's row. trace_events had each in a row of its own under
-- a unique index, in random order, which was half of what an event cost here. That no event is chained
-- twice is seen to by the validate worker under the lock of the trace's row, which remembers the keys of
-- the traces it works on. Where there are too many to remember, those of long traces are put into an index
-- as well: who does not remember them asks there, and reads what is not in it yet.
--
-- event_keys: of each line of the chunk, in order, the first 16 bytes of SHA-256 of the event's id.

ALTER TABLE trace_chunks ADD COLUMN event_keys bytea;
ALTER TABLE trace_chunks ALTER COLUMN event_keys SET STORAGE EXTERNAL;
-- A row of a hundred events fits a page; outside of it its keys would cost an index of their own.
ALTER TABLE trace_chunks SET (toast_tuple_target = 4080);

CREATE TABLE event_ids (
    trace_no  bigint NOT NULL,
    event_key bytea  NOT NULL,
    PRIMARY KEY (trace_no, event_key)
);
ALTER TABLE traces ADD COLUMN indexed_below  bigint NOT NULL DEFAULT 0, -- chunks below this chunk_seq,
                   ADD COLUMN indexed_events bigint NOT NULL DEFAULT 0; -- and so many events in them

-- How often a replay has made a trace's chunks anew: what a worker remembers of them is of one count.
ALTER TABLE traces ADD COLUMN rebuilt integer NOT NULL DEFAULT 0;

-- All rows are read once: what sessions of ours are denied because they ask for few rows.
SET LOCAL enable_seqscan = on;
SET LOCAL enable_hashjoin = on;
SET LOCAL enable_mergejoin = on;

-- An event is of the last chunk whose first line is not behind it.
WITH mark AS (
    SELECT trace_no, first_seq AS seq, chunk_seq, NULL::uuid AS event_key
    FROM trace_chunks WHERE first_seq IS NOT NULL
    UNION ALL
    SELECT trace_no, seq, NULL, event_key FROM trace_events
), placed AS (
    SELECT trace_no, seq, event_key,
           max(chunk_seq) OVER (PARTITION BY trace_no ORDER BY seq, event_key NULLS FIRST) AS chunk_seq
    FROM mark
), packed AS (
    SELECT trace_no, chunk_seq, string_agg(uuid_send(event_key), '' ORDER BY seq) AS event_keys
    FROM placed WHERE event_key IS NOT NULL GROUP BY trace_no, chunk_seq
)
UPDATE trace_chunks c SET event_keys = p.event_keys
FROM packed p WHERE c.trace_no = p.trace_no AND c.chunk_seq = p.chunk_seq;

SET LOCAL enable_seqscan = off;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;

DROP TABLE trace_events;
