// SPDX-License-Identifier: MIT
/*
 * steps.h - where the time of a job goes: microseconds by step, of all its arms together. What
 * falls between the steps is the rest.
 */
#ifndef PRT_WORKERS_QA_STEPS_H
#define PRT_WORKERS_QA_STEPS_H

#include <stdint.h>

struct steps {
    int64_t unpack; /* fetch and unpack snapshots */
    int64_t layer;  /* find or build the layer of dependencies */
    int64_t start;  /* the engine, until the container runs its first command */
    int64_t ready;  /* Python and the witness, until the order can be withdrawn */
    int64_t tests;  /* the framework: import, collect, run, report */
    int64_t remove; /* the container, once its first process has ended */
    int64_t judge;  /* read the report and check its seal */
    int64_t store;  /* log and report into the object store */
};

#endif
