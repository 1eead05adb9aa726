// SPDX-License-Identifier: MIT
#include "workers/judge/patience.h"

#include "base/arena.h"

struct vain {
    uint64_t job;
    int64_t  since_us;
};

struct patience {
    int64_t     most_ms;
    struct vain jobs[PATIENCE_JOBS];
    size_t      count;
};

struct patience *patience_new(int64_t most_ms)
{
    struct patience *patience = mem_zero(1, sizeof(*patience));

    patience->most_ms = most_ms;
    return patience;
}

void patience_free(struct patience *patience)
{
    mem_free(patience);
}

static size_t find(const struct patience *patience, uint64_t job)
{
    size_t at = 0;

    while (at < patience->count && patience->jobs[at].job != job) {
        at++;
    }
    return at;
}

static size_t longest(const struct patience *patience)
{
    size_t best = 0;

    for (size_t at = 1; at < patience->count; at++) {
        if (patience->jobs[at].since_us < patience->jobs[best].since_us) {
            best = at;
        }
    }
    return best;
}

void patience_done(struct patience *patience, uint64_t job)
{
    size_t at = find(patience, job);

    if (at < patience->count) {
        patience->jobs[at] = patience->jobs[--patience->count];
    }
}

int patience_failed(struct patience *patience, uint64_t job, int64_t now_us, struct err *err)
{
    size_t at = find(patience, job);

    if (err->code != ERR_JUDGE_BUSY) {
        return -1;
    }
    if (at == patience->count) {
        at = patience->count < PATIENCE_JOBS ? patience->count++ : longest(patience);
        patience->jobs[at] = (struct vain){job, now_us};
    }
    if (now_us - patience->jobs[at].since_us < patience->most_ms * 1000) {
        return -1;
    }
    patience_done(patience, job);
    err->code = ERR_JUDGE_GONE;
    return err_add(err, "in vain for PRT_JUDGE_PATIENCE (%lld s); when the model answers again:"
                        " prt dead retry --code judge_gone", (long long)(patience->most_ms / 1000));
}
