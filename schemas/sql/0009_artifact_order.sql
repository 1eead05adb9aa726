-- SPDX-License-Identifier: MIT
--
-- Of two uploads of one name the later one in PRT_INGEST counts, whichever is worked on last.

ALTER TABLE artifacts ADD COLUMN stream_seq bigint NOT NULL DEFAULT 0; -- 0: from before this column
