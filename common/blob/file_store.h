// SPDX-License-Identifier: MIT
/*
 * file_store.h - the directory backend, between its three files; private to common/blob.
 *
 *     <root>/<prefix>-traces/            a bucket
 *     <root>/<prefix>-traces/a/b.json    the object a/b.json
 *     <root>/<prefix>-traces/~new/       objects being written; no key begins with ~
 *
 * Paths are walked one segment at a time from the bucket's descriptor and links are never followed,
 * so no key and no planted link leads out of the bucket. The directory of the last object is kept
 * open, and not walked to again while it is still what its path leads to.
 */
#ifndef PRT_BLOB_FILE_STORE_H
#define PRT_BLOB_FILE_STORE_H

#include "base/fd.h"
#include "blob/backend.h"

enum { FILE_STORE_DIR_MODE = 0700, FILE_NEW_NAME = 25 /* 24 hex digits and a NUL */ };

struct file_store {
    struct blob_store store;
    int               bucket_fd[BUCKETS];
    int               new_fd[BUCKETS];

    /* Where the last object went; itself and all above it synced since. -1: nowhere yet. */
    int         last_fd;
    enum bucket last_bucket;
    char        last_path[BLOB_KEY_MOST + 1];
};

/* From errno: ENOSPC and EDQUOT are DISK_FULL, having no right to write BLOB_DENIED, what tells of this
 * one object BLOB_REFUSED, and everything else, of the disk, BLOB_DOWN. */
int file_refused(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* What common/base told as SYSTEM becomes `means`. Returns -1. */
int file_refused_below(struct err *err, enum err_code means);

/* The directory `segment` (its first `size` bytes) of `dir`, or -1 with errno. */
int file_enter(int dir, const char *segment, size_t size);

/* A new empty file in the bucket's ~new; -1 on failure. */
int file_new(struct file_store *store, enum bucket bucket, char ret_name[FILE_NEW_NAME],
             struct err *err);

/* The backend's writing and listing half. */
int  file_writer_open(struct blob_writer **ret_writer, struct blob_store *store,
                      struct blob_name name, const char *content_type, struct err *err);
int  file_writer_put(struct blob_writer *base, struct bytes bytes, struct err *err);
int  file_writer_commit(struct blob_writer *base, struct err *err);
void file_writer_close(struct blob_writer *base);
int  file_put(struct blob_store *store, struct blob_name name, struct bytes bytes,
              const char *content_type, struct err *err);
int  file_put_file(struct blob_store *store, struct blob_name name, int from, int64_t size,
                   const char *content_type, struct err *err);
int  file_list(struct blob_store *store, struct blob_page *page, struct err *err);

#endif
