// SPDX-License-Identifier: MIT
/*
 * data.h - the files of schemas/judge that travel inside of the programs: rubrics, prompts, prices.
 */
#ifndef PRT_JUDGE_DATA_H
#define PRT_JUDGE_DATA_H

#include "base/bytes.h"

struct data_file {
    const char  *name; /* "rubric-1.0.json" */
    struct bytes bytes;
};

extern const struct data_file data_files[];
extern const size_t           data_file_count;

#endif
