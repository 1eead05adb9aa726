// SPDX-License-Identifier: MIT
/*
 * pattern.h - the lists of file patterns in schemas/runner.def.
 *
 * Pure.
 */
#ifndef PRT_WORKERS_QA_PATTERN_H
#define PRT_WORKERS_QA_PATTERN_H

#include <stdbool.h>

/* Does one of the list's patterns fit this path, which is relative to the project? */
bool pattern_fits(const char *list, const char *path);

/* The same of a list whose patterns may ask for a text: calls `holds` for those that fit by name.
 * `holds` says whether the file has the text; it is never called with an empty one. */
bool pattern_fits_text(const char *list, const char                      *path,
                       bool (*holds)(void *self, const char *text), void *self);

#endif
