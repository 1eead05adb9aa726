-- SPDX-License-Identifier: MIT
--
-- What was replaced in the head of a trace counts in integrity.redactions like what was replaced in
-- its events.

ALTER TABLE trace_heads ADD COLUMN redactions text; -- JSON {kind: count}; NULL: nothing was redacted
