// SPDX-License-Identifier: MIT
/*
 * vocabulary.h - the words of a session: does a note speak of it? Inside of mock.
 *
 * Words are runs of letters of at least four, split where under_scores and camelCase split them, and
 * compared by stem, in lower case. Bytes beyond ASCII are letters. Words of empty_word.def never
 * count. What does not fit any more is not learned: sessions are bounded, and so is this.
 */
#ifndef PRT_JUDGE_VOCABULARY_H
#define PRT_JUDGE_VOCABULARY_H

#include <stdbool.h>

#include "base/arena.h"

struct vocabulary;

struct vocabulary *vocabulary_new(struct arena *arena);
void               vocabulary_learn(struct vocabulary *vocabulary, struct bytes text);
bool               vocabulary_knows(const struct vocabulary *vocabulary, struct bytes text);

#endif
