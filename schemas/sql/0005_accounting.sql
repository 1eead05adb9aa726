-- SPDX-License-Identifier: MIT
--
-- Every event of every chunk that validate took is booked here once, in the transaction that took it,
-- and is chained, pending or dead: accepted_events = num_events + pending_events + dead_events.
-- Dead events were refused: their chunk's verdict names them.

ALTER TABLE traces ADD COLUMN accepted_events bigint NOT NULL DEFAULT 0,
                   ADD COLUMN dead_events     bigint NOT NULL DEFAULT 0;
UPDATE traces SET accepted_events = num_events + pending_events;
