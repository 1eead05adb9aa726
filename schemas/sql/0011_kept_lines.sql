-- SPDX-License-Identifier: MIT
--
-- The lines of a small batch stay in the rows of its chunks: an object for a few lines costs a file
-- of its own and two syncs, or a request to S3, and its verdicts wait for it. What is kept is put
-- into a segment when its trace is finalized.

ALTER TABLE trace_chunks ADD COLUMN kept_lines bytea; -- then segment_no is NULL and seg_offset 0
ALTER TABLE trace_chunks ALTER COLUMN kept_lines SET STORAGE EXTERNAL;
