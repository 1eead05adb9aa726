// SPDX-License-Identifier: MIT
/* runner_data.h - the files of runner/, compiled in; the table is made by the build. */
#ifndef PRT_WORKERS_QA_RUNNER_DATA_H
#define PRT_WORKERS_QA_RUNNER_DATA_H

#include "base/bytes.h"

struct runner_data {
    const char  *name;
    struct bytes bytes;
};

extern const struct runner_data runner_data[];
extern const size_t             runner_data_count;

#endif
