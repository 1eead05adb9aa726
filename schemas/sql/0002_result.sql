-- SPDX-License-Identifier: MIT
--
-- What the tests said and what the judge said. Versioned rows, never overwritten: version counts from
-- 1 within the trace, the newest is the one that is shown.

CREATE TABLE qa_results (
    result_no    bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    trace_no     bigint  NOT NULL REFERENCES traces,
    version      integer NOT NULL,
    job_id       text    NOT NULL,
    created_us   bigint  NOT NULL,
    status       text    COLLATE "C" NOT NULL,
    tests_passed boolean,                           -- NULL: can't be said
    validation   text    NOT NULL,                  -- qa.validation as canonical JSON
    UNIQUE (trace_no, version)
);

CREATE TABLE judge_results (
    result_no       bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    trace_no        bigint  NOT NULL REFERENCES traces,
    version         integer NOT NULL,
    job_id          text    NOT NULL,
    created_us      bigint  NOT NULL,
    model           text    NOT NULL,
    model_version   text,
    rubric_version  text    NOT NULL,
    prompt_version  text    NOT NULL,
    document_sha256 bytea   NOT NULL,               -- of the document that was judged
    overall         double precision,               -- NULL: unscored
    result          text    NOT NULL,               -- qa.judge as canonical JSON
    UNIQUE (trace_no, version)
);
