// SPDX-License-Identifier: MIT
/* heart.h - keeps a delivery's lease alive through long work, from inside of that work. */
#ifndef PRT_WORKERS_QA_HEART_H
#define PRT_WORKERS_QA_HEART_H

#include "workers/stage.h"

struct heart {
    struct delivery *in; /* NULL: nothing to keep alive */
    int64_t          last_us;
};

/* Cheap; call it often. Extends the lease when a while has passed. LEASE_LOST and STOPPING end the
 * work. Fits struct tick. */
int heart_beat(void *heart, struct err *err);

#endif
