// SPDX-License-Identifier: MIT
/*
 * backend.h - what a backend of the object store does; private to common/blob.
 *
 * blob.c checks keys and arguments and puts bucket and key into the story of every failure; the
 * backends do neither. A backend's own store and writer begin with the structs here.
 */
#ifndef PRT_BLOB_BACKEND_H
#define PRT_BLOB_BACKEND_H

#include "blob/blob.h"

struct blob_name {
    enum bucket bucket;
    const char *key;
};

/* A piece of an object and where it goes. */
struct blob_range {
    int64_t  offset;
    uint8_t *room;
    size_t   size;
    size_t   got; /* set on success */
};

struct blob_page {
    enum bucket        bucket;
    const char        *prefix;
    const char        *after;
    size_t             most;
    struct blob_entry *entries; /* room for `most` */
    size_t             count;
    struct arena      *arena; /* for the keys */
};

struct blob_backend {
    void (*close)(struct blob_store *store);
    int (*check)(struct blob_store *store, int64_t timeout_ms, struct err *err);
    int (*put)(struct blob_store *store, struct blob_name name, struct bytes bytes,
               const char *content_type, struct err *err);
    int (*put_file)(struct blob_store *store, struct blob_name name, int fd, int64_t size,
                    const char *content_type, struct err *err);
    int (*get)(struct blob_store *store, struct arena *arena, struct blob_name name, size_t most,
               struct bytes *ret_bytes, struct err *err);
    int (*read)(struct blob_store *store, struct blob_name name, struct blob_range *range,
                struct err *err);
    int (*copy_to)(struct blob_store *store, struct blob_name name, int fd, struct err *err);
    int (*open_fd)(struct blob_store *store, struct blob_name name, struct err *err);
    int (*size)(struct blob_store *store, struct blob_name name, int64_t *ret_size,
                struct err *err);
    int (*remove)(struct blob_store *store, struct blob_name name, struct err *err);
    int (*list)(struct blob_store *store, struct blob_page *page, struct err *err);

    int (*writer_open)(struct blob_writer **ret_writer, struct blob_store *store,
                       struct blob_name name, const char *content_type, struct err *err);
    int (*writer_put)(struct blob_writer *writer, struct bytes bytes, struct err *err);
    int (*writer_commit)(struct blob_writer *writer, struct err *err);
    void (*writer_close)(struct blob_writer *writer);
};

struct blob_store {
    const struct blob_backend *backend;
    char                     **bucket_name; /* BUCKETS of them, owned by blob.c */
};

enum writer_state { WRITER_OPEN, WRITER_BROKEN, WRITER_COMMITTED };

/* The backend fills its own members, blob.c these. */
struct blob_writer {
    struct blob_store *store;
    enum bucket        bucket;
    char              *key;
    enum writer_state  state;
};

/* Open the store and its buckets. bucket_name is borrowed until the store is closed. */
int file_store_open(struct blob_store **ret_store, const struct blob_settings *settings,
                    char **bucket_name, struct err *err);
int s3_store_open(struct blob_store **ret_store, const struct blob_settings *settings,
                  char **bucket_name, struct err *err);

#endif
