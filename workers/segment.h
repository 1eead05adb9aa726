// SPDX-License-Identifier: MIT
/*
 * segment.h - the objects that hold lines of many chunks. A row may point to one as soon as
 * segment_put is back; what was put for rows that never came is swept (validate/sweep.h).
 *
 * A batch's lies with the rows in time, not before them:
 *
 *     store_push --+-- segment_put: write, sync, rename (or PUT) --+-- store_wait -- commit
 *                  +-- rows, by the database ----------------------+
 */
#ifndef PRT_WORKERS_SEGMENT_H
#define PRT_WORKERS_SEGMENT_H

#include "blob/blob.h"

enum { SEGMENT_KEY = 64 };

/* segments/<YYYYMMDD>/<random hex> */
void segment_name(char ret_key[SEGMENT_KEY]);

/* On 0 the object is there. */
WARN_UNUSED int segment_put(struct blob_store *blob, const char *key, struct bytes lines,
                            struct err *err);

#endif
