// SPDX-License-Identifier: MIT
/*
 * name.h - names out of foreign archives, taken apart before anything touches the disk.
 *
 * Pure: no I/O.
 */
#ifndef PRT_PACK_NAME_H
#define PRT_PACK_NAME_H

#include <stdbool.h>

#include "base/err.h"

enum { PACK_NAME_MOST = 4096 };

/* "./a//b/" to "a/b"; the archive's own root ("." or "./") to "". ret_name has room for
 * PACK_NAME_MOST bytes. ARCHIVE_REFUSED: absolute_path, parent_path, odd_name. */
WARN_UNUSED int name_clean(char *ret_name, const char *raw, struct err *err);

/* Does a symbolic link at `link` (a clean name) that says `target` point inside by its words alone?
 */
bool name_link_inside(const char *link, const char *target);

/* Is any part of a clean name ".git"? */
bool name_is_git(const char *name);

#endif
