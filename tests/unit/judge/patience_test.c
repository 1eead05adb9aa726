// SPDX-License-Identifier: MIT
#include "workers/judge/patience.h"

#include "lib/test.h"

enum { SECOND_US = 1000000, MOST_MS = 60 * 1000 };

static enum err_code fail(struct patience *patience, uint64_t job, int64_t second,
                          enum err_code code)
{
    struct err err = {0};

    (void)err_set(&err, code, "as the test wants it");
    CHECK_NUMBER(patience_failed(patience, job, second * SECOND_US, &err), -1);
    return err.code;
}

TEST(patience, ends_when_a_job_was_asked_for_in_vain_for_long)
{
    CLEANUP(patience) struct patience *patience = patience_new(MOST_MS);

    CHECK(fail(patience, 7, 1000, ERR_JUDGE_BUSY) == ERR_JUDGE_BUSY);
    CHECK(fail(patience, 7, 1059, ERR_JUDGE_BUSY) == ERR_JUDGE_BUSY);
    CHECK(fail(patience, 8, 1059, ERR_JUDGE_BUSY) == ERR_JUDGE_BUSY); /* has just begun to wait */
    CHECK(fail(patience, 7, 1060, ERR_JUDGE_BUSY) == ERR_JUDGE_GONE);
    CHECK(fail(patience, 7, 1061, ERR_JUDGE_BUSY) == ERR_JUDGE_BUSY); /* put back by a person */
}

TEST(patience, begins_anew_after_an_answer)
{
    CLEANUP(patience) struct patience *patience = patience_new(MOST_MS);

    CHECK(fail(patience, 7, 1000, ERR_JUDGE_BUSY) == ERR_JUDGE_BUSY);
    patience_done(patience, 7);
    CHECK(fail(patience, 7, 1100, ERR_JUDGE_BUSY) == ERR_JUDGE_BUSY);
}

TEST(patience, leaves_other_errors_as_they_are)
{
    CLEANUP(patience) struct patience *patience = patience_new(MOST_MS);

    CHECK(fail(patience, 7, 1000, ERR_JUDGE_BUSY) == ERR_JUDGE_BUSY);
    CHECK(fail(patience, 7, 9000, ERR_BUDGET_SPENT) == ERR_BUDGET_SPENT);
    CHECK(fail(patience, 9, 9000, ERR_STORE_DOWN) == ERR_STORE_DOWN);
}

TEST(patience, gives_nobody_up_when_more_wait_than_it_remembers)
{
    CLEANUP(patience) struct patience *patience = patience_new(MOST_MS);

    for (int64_t second = 0; second < 2; second++) {
        for (uint64_t job = 0; job < PATIENCE_JOBS + 1; job++) {
            int64_t at = second * 10000 + (int64_t)job;

            CHECK(fail(patience, job, at, ERR_JUDGE_BUSY) == ERR_JUDGE_BUSY);
        }
    }
}
