// SPDX-License-Identifier: MIT
/*
 * spool.h - bytes of a job on their way to the artifacts bucket: an unlinked file that is hashed as
 * it grows, so that its key and its name in the document are known when it is whole.
 */
#ifndef PRT_WORKERS_QA_SPOOL_H
#define PRT_WORKERS_QA_SPOOL_H

#include "blob/blob.h"
#include "store/artifact_store.h"
#include "value/value.h"
#include "workers/qa/sandbox/process.h"

struct spool {
    int            fd;
    int64_t        bytes;
    struct sha256 *sha;
};

WARN_UNUSED int    spool_open(struct spool *ret_spool, const char *dir, struct err *err);
void               spool_done(struct spool *spool);
static inline void spool_cleanup(struct spool *slot)
{
    spool_done(slot);
}

/* Fits struct sink. */
int             spool_take(void *spool, struct bytes bytes, struct err *err);
WARN_UNUSED int spool_say(struct spool *spool, struct err *err, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* Reads from the beginning again. */
WARN_UNUSED int spool_rewind(struct spool *spool, struct err *err);

/* It is whole, and has its hash for a key. *ret_record lacks trace_no, name and time; *ret_ref is a
 * BlobRef. */
void spool_name(struct spool *spool, struct arena *arena, struct blob_store *blob,
                const char *content_type, struct artifact_record *ret_record,
                struct value *ret_ref);

/* Stores it there. */
WARN_UNUSED int spool_store(struct spool *spool, struct arena *arena, struct blob_store *blob,
                            const struct artifact_record *record, struct err *err);

#endif
