-- SPDX-License-Identifier: MIT
--
-- Where an event's line lies is told by its chunk's row. trace_events told it before, under a second
-- index, which every event paid for: now it only knows which ids a trace has, and has each once.
--
-- lines: of each line, in order, how far its seq lies above that of the line before (the first: 0),
-- its length without its newline, and the number of its type (enum event_type). Each is a whole
-- number of seven bits a byte, the lowest first, with the eighth set in all bytes but the last. The
-- first line begins at seg_offset, the others follow each other.

ALTER TABLE trace_chunks ADD COLUMN first_seq bigint, -- of its first line; NULL: it has none
                         ADD COLUMN lines     bytea;
ALTER TABLE trace_chunks ALTER COLUMN lines SET STORAGE EXTERNAL;

CREATE FUNCTION pg_temp.seven_bits(n bigint) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    packed bytea := '';
BEGIN
    WHILE n > 127 LOOP
        packed := packed || set_byte('\x00', 0, (n & 127)::integer | 128);
        n := n >> 7;
    END LOOP;
    RETURN packed || set_byte('\x00', 0, n::integer);
END
$$;

-- All rows are read once: what sessions of ours are denied because they ask for few rows.
SET LOCAL enable_seqscan = on;
SET LOCAL enable_hashjoin = on;
SET LOCAL enable_mergejoin = on;

-- A chunk's lines begin with the one at its seg_offset, and end before the next chunk's first.
WITH event AS (
    SELECT e.*, count(c.chunk_seq) OVER (PARTITION BY e.trace_no ORDER BY e.seq) AS chunk,
           c.chunk_seq
    FROM trace_events e
    LEFT JOIN trace_chunks c ON c.trace_no = e.trace_no AND c.segment_no = e.segment_no
                            AND c.seg_offset = e.line_offset AND c.seg_length > 0
), line AS (
    SELECT trace_no, chunk, chunk_seq, seq, line_length, type,
           seq - lag(seq, 1, seq) OVER (PARTITION BY trace_no, chunk ORDER BY seq) AS above
    FROM event
), packed AS (
    SELECT trace_no, max(chunk_seq) AS chunk_seq, min(seq) AS first_seq,
           string_agg(pg_temp.seven_bits(above) || pg_temp.seven_bits(line_length)
                      || pg_temp.seven_bits(type), '' ORDER BY seq) AS lines
    FROM line GROUP BY trace_no, chunk
)
UPDATE trace_chunks c SET first_seq = p.first_seq, lines = p.lines
FROM packed p WHERE c.trace_no = p.trace_no AND c.chunk_seq = p.chunk_seq;

SET LOCAL enable_seqscan = off;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;

CREATE INDEX trace_chunks_by_seq ON trace_chunks (trace_no, first_seq) WHERE first_seq IS NOT NULL;

-- Made anew, because dropped columns stay in its rows.
CREATE TABLE trace_event_ids (
    trace_no  bigint NOT NULL,
    seq       bigint NOT NULL,
    event_key uuid   NOT NULL -- first 16 bytes of SHA-256 of the event's id
);
INSERT INTO trace_event_ids SELECT trace_no, seq, event_key FROM trace_events;
DROP TABLE trace_events;
ALTER TABLE trace_event_ids RENAME TO trace_events;
ALTER TABLE trace_events ADD CONSTRAINT trace_events_once UNIQUE (trace_no, event_key);
