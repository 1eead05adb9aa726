// SPDX-License-Identifier: MIT
/*
 * rubric.h - what is scored, by which weights, and what a score means; what one scorer thinks.
 *
 * Pure but for the arena.
 */
#ifndef PRT_JUDGE_RUBRIC_H
#define PRT_JUDGE_RUBRIC_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "value/value.h"

enum dimension {
#define DIMENSION(name, words) DIMENSION_##name,
#include "schemas/judge/dimension.def"
#undef DIMENSION
    DIMENSIONS
};
const char *dimension_name(enum dimension dimension);  /* "causal_linking" */
const char *dimension_words(enum dimension dimension); /* "causal linking" */

enum judge_flag {
#define FLAG(name, words) FLAG_##name,
#include "schemas/judge/dimension.def"
#undef FLAG
    FLAGS
};
const char *flag_name(enum judge_flag flag);
const char *flag_words(enum judge_flag flag);

enum { SCORE_MOST = 5, RUBRIC_ANCHORS = SCORE_MOST + 1, EVIDENCE_MOST = 16 };

struct rubric {
    const char *version;
    struct {
        double       weight;
        struct bytes question;
        struct bytes anchor[RUBRIC_ANCHORS]; /* what 0, 1 ... 5 mean */
    } dimension[DIMENSIONS];
};

/* schemas/judge/rubric-<version>.json. CONFIG_WRONG: no such version (the story lists those there
 * are), or the file does not name the six dimensions with weights that sum to 1. */
WARN_UNUSED int rubric_load(struct arena *arena, const char *version, struct rubric *ret_rubric,
                            struct err *err);
#define RUBRIC_VERSION "1.0"

/* One dimension as a scorer sees it. */
struct finding {
    double       score; /* 0..5 */
    struct bytes reason;
    int64_t      evidence[EVIDENCE_MOST]; /* seqs of events */
    size_t       evidence_count;
};

/* What one scorer says of one session. */
struct opinion {
    struct finding finding[DIMENSIONS];
    struct bytes   summary;
    unsigned       flags; /* 1 << enum judge_flag */
};

/* The weighted mean, rounded to thousandths; never taken from a model. */
double rubric_overall(const struct rubric *rubric, const struct opinion *opinion);

#endif
