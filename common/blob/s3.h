// SPDX-License-Identifier: MIT
/*
 * s3.h - the S3 backend, between its three files; private to common/blob.
 *
 * s3_call.c signs, sends, tries again and turns answers into errors; s3_store.c is the backend's
 * table; s3_writer.c is the multipart upload. Buckets are addressed by path
 * (http://host/bucket/key), which every S3 server takes.
 */
#ifndef PRT_BLOB_S3_H
#define PRT_BLOB_S3_H

#include "blob/backend.h"
#include "blob/sigv4.h"
#include "http/client.h"

enum {
    S3_PART = 8 * 1024 * 1024,
    S3_QUERY_MOST = 6,
    S3_ANSWER_MOST = 8 * 1024 * 1024, /* a page of 1,000 keys of 1,024 bytes fits many times */
};

struct s3_store {
    struct blob_store   store;
    struct http_client *http;
    struct sigv4       *signer;
    const char         *base; /* "http://host:port" */
    const char         *host;
    char               *base_text;
    char               *region;
};

/* A file as a request's body. */
struct s3_source {
    int        fd;
    int64_t    size;
    int64_t    at;
    bool       failed; /* *err says how */
    struct err err;
};

/* Where an answer's body goes: fd, or (fd -1) room for `size` bytes. */
struct s3_sink {
    int        fd;
    uint8_t   *room;
    size_t     size;
    size_t     got;
    bool       failed;
    struct err err;
};

struct s3_call {
    const char       *method;
    enum bucket       bucket;
    const char       *key; /* NULL: the bucket itself */
    struct sigv4_pair query[S3_QUERY_MOST];
    size_t            query_count;
    const char       *content_type; /* or NULL */
    const char       *range;        /* or NULL */
    struct bytes      body;
    struct s3_source *source; /* instead of body */
    struct s3_sink   *sink;   /* or NULL: the body is kept, `most` bytes at most */
    size_t            most;
    int               also;       /* a status that is no failure besides 2xx, or 0 */
    int64_t           timeout_ms; /* 0: only a stall ends it */
    bool              once;       /* no second try */
    bool              told_late;  /* a failure may come as the body of a 200 */

    /* Filled in by s3_send. */
    int  tries;
    char code[48]; /* S3's word for the last failure, or "" */
};

/* Sends, and sends again when the store does not answer or asks for it: three tries within fifteen
 * seconds, none once a descriptor has got bytes. Everything sent here has the same effect when sent
 * twice. *ret_answer lies in the arena. */
WARN_UNUSED int s3_send(struct s3_store *store, struct arena *arena, struct s3_call *call,
                        struct http_answer *ret_answer, struct err *err);

/* Fills room from the source, as http_request's body_read. */
ssize_t s3_source_read(void *source, void *room, size_t size);

/* An answer's content-length; BLOB_REFUSED if it has none. */
WARN_UNUSED int s3_length(const struct http_answer *answer, int64_t *ret_size, struct err *err);

int s3_put(struct blob_store *store, struct blob_name name, struct bytes bytes,
           const char *content_type, struct err *err);

int s3_writer_open(struct blob_writer **ret_writer, struct blob_store *store, struct blob_name name,
                   const char *content_type, struct err *err);
int s3_writer_put(struct blob_writer *base, struct bytes bytes, struct err *err);
int s3_writer_commit(struct blob_writer *base, struct err *err);
void s3_writer_close(struct blob_writer *base);

#endif
