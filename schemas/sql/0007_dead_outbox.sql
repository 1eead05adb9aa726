-- SPDX-License-Identifier: MIT
--
-- Events that were answered "pending" and refused when their turn came: nobody but us has them any
-- more. Written in the transaction that refused them; a validator puts each into PRT_DEAD and then
-- takes its row away, so that a crash in between costs nothing.

CREATE TABLE dead_outbox (
    letter_no  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    trace_no   bigint NOT NULL,
    stream_seq bigint NOT NULL,               -- of the chunk's message in PRT_INGEST
    stored_us  bigint NOT NULL,               -- when it was sent
    code       text   COLLATE "C" NOT NULL,   -- of the first event that was refused
    story      text   NOT NULL,
    message    bytea  NOT NULL                -- a chunk message with the refused events
);
ALTER TABLE dead_outbox ALTER COLUMN message SET STORAGE EXTERNAL;
CREATE INDEX dead_outbox_by_trace ON dead_outbox (trace_no);
