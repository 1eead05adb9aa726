-- SPDX-License-Identifier: MIT
--
-- What models were asked and what they said: the judge's cache and its ledger. A row for every call
-- (or pair of calls) that used tokens, also when its answer could not be used. An answer quotes its
-- trace: erasing the trace erases its rows.

CREATE TABLE judge_calls (
    call_no        bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    trace_no       bigint  NOT NULL REFERENCES traces,
    created_us     bigint  NOT NULL,
    cache_key      bytea   NOT NULL,   -- SHA-256 of document, prompt, model and parameters
    model          text    NOT NULL,
    model_version  text,
    tokens_prompt  bigint  NOT NULL,
    tokens_answer  bigint  NOT NULL,
    cost_micro_usd bigint,             -- NULL: no price known
    flags          integer NOT NULL,   -- what the farm itself found (enum judge_flag)
    answer         text                -- the opinion as canonical JSON; NULL: it could not be used
);
CREATE INDEX judge_calls_by_key   ON judge_calls (cache_key) WHERE answer IS NOT NULL;
CREATE INDEX judge_calls_by_time  ON judge_calls (created_us);
CREATE INDEX judge_calls_by_trace ON judge_calls (trace_no);

-- A job has one row, whoever adds it.
CREATE UNIQUE INDEX judge_results_by_job ON judge_results (trace_no, job_id);
