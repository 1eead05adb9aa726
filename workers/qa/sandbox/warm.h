// SPDX-License-Identifier: MIT
/*
 * warm.h - containers made ahead, one for each job to come, in which a Python waits that has
 * imported pytest.
 *
 * A container is as any other of runc: the same limits, the same walls, never used twice. Only the
 * order differs: it waits, and the job's workspace, inputs and dependencies are mounted into it
 * when the job comes. runc starts a keeper in it, which does nothing; the job's process is forked
 * from a zygote into it (zygote.h says how, and why that is safe). A thread of the pool's own
 * makes them, removes those that were used, that died and that waited too long, and makes another
 * zygote where one dies. When its worker dies they end by themselves and are reaped as others
 * are.
 *
 * A job fits when it is a Python script, asks for the limits the pool was made for and for the same
 * settings of the interpreter. What does not fit, and what comes while none is ready, is run cold.
 */
#ifndef PRT_WORKERS_QA_WARM_H
#define PRT_WORKERS_QA_WARM_H

#include "workers/qa/sandbox/engine.h"
#include "workers/qa/sandbox/runc.h"

/* Comes back when the first container waits; SANDBOX_UNFIT says why this machine cannot keep any.
 */
WARN_UNUSED int warm_open(struct warm_pool **ret_pool, const struct runc *runc,
                          const struct sandbox_settings *settings, const struct image *base,
                          struct err *err);
void            warm_close(struct warm_pool *pool);

/* Runs it if it fits and a container is ready: *ret_ran. */
WARN_UNUSED int warm_run(struct warm_pool *pool, const struct engine_run *run, bool *ret_ran,
                         struct process_end *ret_end, bool *ret_oom, struct err *err);

/* Waits until `count` containers are ready. For tests and measurements. */
WARN_UNUSED int warm_wait(struct warm_pool *pool, size_t count, int64_t most_ms, struct err *err);

#endif
