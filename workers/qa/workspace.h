// SPDX-License-Identifier: MIT
/*
 * workspace.h - a snapshot out of the object store, unpacked and handed to the sandbox.
 */
#ifndef PRT_WORKERS_QA_WORKSPACE_H
#define PRT_WORKERS_QA_WORKSPACE_H

#include "blob/blob.h"
#include "pack/pack.h"
#include "workers/qa/heart.h"
#include "workers/qa/sandbox/sandbox.h"

/* As the farm recorded it. */
struct snapshot {
    const char *key; /* in the artifacts bucket */
    uint8_t     sha256[32];
    int64_t     size_bytes;
};

struct workspace {
    const char       *dir;  /* what is shown at SANDBOX_WORKSPACE */
    const char       *root; /* of the project: "" or one directory below, that holds everything */
    struct pack_stats stats;
};

/* Streams the snapshot into the new directory `dir`. ARCHIVE_REFUSED with a named reason;
 * BLOB_MISSING, BLOB_CORRUPT when its bytes have another hash. Text in the arena. */
WARN_UNUSED int workspace_fetch(struct arena *arena, struct blob_store *blob,
                                const struct snapshot *snapshot, const struct pack_limits *limits,
                                const char *dir, struct heart *heart,
                                struct workspace *ret_workspace, struct err *err);

#endif
