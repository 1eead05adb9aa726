-- SPDX-License-Identifier: MIT
--
-- Objects that nothing refers to any more because their trace was erased: written in the transaction
-- that erased it, deleted after it. A crash in between leaves the row, and the erase message is
-- delivered again.

CREATE TABLE doomed_objects (
    bucket   text   COLLATE "C" NOT NULL CHECK (bucket IN ('chunks', 'artifacts')),
    key      text   COLLATE "C" NOT NULL,
    trace_no bigint NOT NULL,
    PRIMARY KEY (bucket, key)
);
CREATE INDEX doomed_objects_by_trace ON doomed_objects (trace_no);
