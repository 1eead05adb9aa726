// SPDX-License-Identifier: MIT
/*
 * world.h - sessions to judge, written down in a few letters.
 */
#ifndef PRT_TESTS_JUDGE_WORLD_H
#define PRT_TESTS_JUDGE_WORLD_H

#include "workers/judge/score/mock.h"

/* An example of examples/, with QA's true verdict or (qa false) without one. */
struct session session_of_example(struct arena *arena, const char *name, bool qa);

/* One event a word: "note" (observation, hypothesis), "plan", "free"; "red", "green" (the whole
 * suite), "broken" (one more fails), "red1", "green1" (a selection); "look", "run", "rm" (a
 * dangerous one); "edit", "other" (another file), "undo" (takes edit back), "weaken" (edits a test
 * file), "secret"; "commit", "subject" (a commit without reason). */
struct session session_of_words(struct arena *arena, const char *words);

/* What the mock says of it. */
struct opinion opinion_on(struct arena *arena, const struct session *session);

const char *text_of(struct arena *arena, struct bytes bytes);

/* The document of an example as finalize lays it out. */
struct bytes document_of_example(struct arena *arena, const char *name);

#endif
