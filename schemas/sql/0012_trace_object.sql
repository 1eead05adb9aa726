-- SPDX-License-Identifier: MIT
--
-- Objects of the artifacts bucket are named by their content, so that two traces may have one of them.
-- Here stands which trace has put which, with or without a row of artifacts that refers to it: an
-- upload that another took the place of, an artifact of a chunk that waits or was refused. Erasing a
-- trace deletes what no other trace has.

CREATE TABLE trace_objects (
    object_key text   COLLATE "C" NOT NULL,
    trace_no   bigint NOT NULL,
    PRIMARY KEY (object_key, trace_no)
);
CREATE INDEX trace_objects_by_trace ON trace_objects (trace_no);

-- What may have been deleted with a trace, of late: whoever has put it before that, and commits after
-- it, has to look whether it is there.
CREATE TABLE gone_objects (
    object_key text   COLLATE "C" PRIMARY KEY,
    gone_us    bigint NOT NULL
);
CREATE INDEX gone_objects_by_age ON gone_objects (gone_us);

INSERT INTO trace_objects SELECT DISTINCT object_key, trace_no FROM artifacts;
INSERT INTO trace_objects SELECT key, trace_no FROM doomed_objects WHERE bucket = 'artifacts'
ON CONFLICT DO NOTHING;
DELETE FROM doomed_objects WHERE bucket = 'artifacts';
DROP INDEX artifacts_by_object;
