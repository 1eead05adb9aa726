// SPDX-License-Identifier: MIT
/*
 * blob.h - the object store: three buckets of bytes by key.
 *
 * Two backends behind one interface: file:// (a directory per bucket; written beside, synced,
 * renamed) and s3:// or s3s:// (MinIO, AWS, Ceph; our own SigV4 over libcurl). What was put is
 * there whole and durable when the call returns 0; until then nobody sees any of it. Putting the
 * same key again replaces it.
 *
 * Keys are 1..1024 bytes of [A-Za-z0-9._/-] in at most 32 segments of 1..255 bytes, none of them
 * "." or ".." (USAGE). A key is never the beginning of another's path (a and a/b): S3 would take
 * both, a directory can't (BLOB_REFUSED). BLOB_MISSING when a key is not there, BLOB_DOWN when the
 * store does not answer (three tries) or its disk fails, BLOB_DENIED when it does not let the farm in,
 * DISK_FULL: what an operator has to put right. BLOB_REFUSED when it is the object.
 *
 * One struct blob_store is for one thread at a time; any number of threads and processes may have
 * their own on the same buckets. crypto_setup first; the process ignores SIGPIPE.
 */
#ifndef PRT_BLOB_BLOB_H
#define PRT_BLOB_BLOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum {
    BLOB_KEY_MOST = 1024,
    BLOB_KEY_SEGMENTS = 32,
    BLOB_SEGMENT_MOST = 255,
    BLOB_LIST_MOST = 1000
};

bool blob_key_valid(const char *key);

enum bucket { BUCKET_CHUNKS, BUCKET_ARTIFACTS, BUCKET_TRACES, BUCKETS };

struct blob_settings {
    const char *url;    /* file:///dir, file://./dir, s3://host:port, s3s://host:port */
    const char *prefix; /* bucket names are <prefix>-chunks, -artifacts, -traces */
    const char *access_key, *secret_key, *region;
};

struct blob_store;

/* Opens and creates the buckets where missing. */
WARN_UNUSED int blob_store_open(struct blob_store **ret_store, const struct blob_settings *settings,
                                struct err *err);
void            blob_store_close(struct blob_store *store);
DEFINE_CLEANUP(blob_store, struct blob_store *, blob_store_close)

/* Does it answer? For /readyz; gives up after timeout_ms. */
WARN_UNUSED int blob_store_check(struct blob_store *store, int64_t timeout_ms, struct err *err);

WARN_UNUSED int blob_put(struct blob_store *store, enum bucket bucket, const char *key,
                         struct bytes bytes, const char *content_type, struct err *err);

/* From a seekable file, `size` bytes from offset 0; its position stays. */
WARN_UNUSED int blob_put_file(struct blob_store *store, enum bucket bucket, const char *key, int fd,
                              int64_t size, const char *content_type, struct err *err);

/* A new object of unknown size, in bounded memory (S3: multipart, one part of 8 MiB at a time,
 * 78 GiB at most). Without blob_writer_commit, close leaves nothing behind. After a failed put,
 * commit fails too. One writer may be open while its store does other things; close it before the
 * store. */
struct blob_writer;
WARN_UNUSED int blob_writer_open(struct blob_writer **ret_writer, struct blob_store *store,
                                 enum bucket bucket, const char *key, const char *content_type,
                                 struct err *err);
WARN_UNUSED int blob_writer_put(struct blob_writer *writer, struct bytes bytes, struct err *err);
WARN_UNUSED int blob_writer_commit(struct blob_writer *writer, struct err *err);
void            blob_writer_close(struct blob_writer *writer);
DEFINE_CLEANUP(blob_writer, struct blob_writer *, blob_writer_close)

/* The whole object, at most `most` bytes (TOO_LARGE above). */
WARN_UNUSED int blob_get(struct blob_store *store, struct arena *arena, enum bucket bucket,
                         const char *key, size_t most, struct bytes *ret_bytes, struct err *err);

/* `size` bytes from `offset` into room; fewer only at the end of the object. */
WARN_UNUSED int blob_read(struct blob_store *store, enum bucket bucket, const char *key,
                          int64_t offset, void *room, size_t size, size_t *ret_got,
                          struct err *err);

/* The whole object into a file descriptor, streamed. On failure a part may be there. */
WARN_UNUSED int blob_copy_to(struct blob_store *store, enum bucket bucket, const char *key, int fd,
                             struct err *err);

/* A descriptor to read the object's bytes from (file backend), or -1 with *err NONE where the
 * backend has none: then copy it. BLOB_MISSING as elsewhere. */
int blob_open_fd(struct blob_store *store, enum bucket bucket, const char *key, struct err *err);

WARN_UNUSED int blob_size(struct blob_store *store, enum bucket bucket, const char *key,
                          int64_t *ret_size, struct err *err);

/* Missing is fine. */
WARN_UNUSED int blob_delete(struct blob_store *store, enum bucket bucket, const char *key,
                            struct err *err);

/* Up to `most` (<= 1000) keys above `after` with this prefix, in byte order. */
struct blob_entry {
    const char *key;
    int64_t     size;
    int64_t     changed_us;
};
WARN_UNUSED int blob_list(struct blob_store *store, struct arena *arena, enum bucket bucket,
                          const char *prefix, const char *after, size_t most,
                          struct blob_entry **ret_entries, size_t *ret_count, struct err *err);

/* "s3://pr-telemetry-traces/<key>": how documents name objects, the same on both backends. */
const char *blob_uri(struct blob_store *store, struct arena *arena, enum bucket bucket,
                     const char *key);

#endif
