-- SPDX-License-Identifier: MIT
--
-- Idempotency keys of writes, and API keys.

-- A key belongs to its sender and, for writes into a trace, to the trace (scope is the trace's id):
-- clients number their requests anew in every trace. Kept for at least 24 hours.
CREATE TABLE idempotency_keys (
    tenant       text     COLLATE "C" NOT NULL,
    scope        text     COLLATE "C" NOT NULL,
    key          text     COLLATE "C" NOT NULL,
    content_hash bytea    NOT NULL,
    http         smallint NOT NULL,
    answer       text,                              -- NULL: the answer is the chunk's verdict
    created_us   bigint   NOT NULL,
    PRIMARY KEY (tenant, scope, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_us);

CREATE TABLE api_keys (
    key_hash   bytea  PRIMARY KEY,                  -- SHA-256 of the key; the key itself is not kept
    tenant     text   COLLATE "C" NOT NULL,
    role       text   COLLATE "C" NOT NULL CHECK (role IN ('ingest', 'read', 'operate', 'admin')),
    label      text   NOT NULL DEFAULT '',
    created_us bigint NOT NULL,
    revoked_us bigint
);
