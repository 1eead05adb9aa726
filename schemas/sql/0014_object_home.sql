-- SPDX-License-Identifier: MIT
--
-- Which object store holds what the rows name: an object of its own has the same word in it
-- (common/farm/home.h). No row: no worker has begun in one yet.

CREATE TABLE object_home (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    word text    COLLATE "C" NOT NULL
);
