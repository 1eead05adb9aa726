// SPDX-License-Identifier: MIT
#include "blob/s3.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "blob/xml.h"

enum {
    MULTIPART_FROM = 64 * 1024 * 1024, /* a broken upload is then resumed by the part */
    MAKE_ROUNDS = 5
};

static struct s3_store *of(struct blob_store *store)
{
    return (struct s3_store *)store;
}

/* -------- objects -------- */

int s3_put(struct blob_store *store, struct blob_name name, struct bytes bytes,
           const char *content_type, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct http_answer           answer;
    struct s3_call               call = {.method = "PUT",
                                         .bucket = name.bucket,
                                         .key = name.key,
                                         .content_type = content_type,
                                         .body = bytes};

    return s3_send(of(store), arena, &call, &answer, err);
}

static int put_parts(struct blob_store *store, struct blob_name name, struct s3_source *source,
                     const char *content_type, struct err *err)
{
    CLEANUP(blob_writer) struct blob_writer *writer = NULL;
    CLEANUP(text) char                      *piece = mem_get(S3_PART / 8);

    TRY(blob_writer_open(&writer, store, name.bucket, name.key, content_type, err));
    while (source->at < source->size) {
        ssize_t got = s3_source_read(source, piece, S3_PART / 8);

        if (got < 0) {
            *err = source->err;
            return -1;
        }
        TRY(s3_writer_put(writer, (struct bytes){(const uint8_t *)piece, (size_t)got}, err));
    }
    return s3_writer_commit(writer, err);
}

static int s3_put_file(struct blob_store *store, struct blob_name name, int fd, int64_t size,
                       const char *content_type, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct s3_source             source = {.fd = fd, .size = size};
    struct http_answer           answer;
    struct s3_call               call = {.method = "PUT",
                                         .bucket = name.bucket,
                                         .key = name.key,
                                         .content_type = content_type,
                                         .source = &source};

    if (size >= MULTIPART_FROM) {
        return put_parts(store, name, &source, content_type, err);
    }
    return s3_send(of(store), arena, &call, &answer, err);
}

static int s3_get(struct blob_store *store, struct arena *arena, struct blob_name name, size_t most,
                  struct bytes *ret_bytes, struct err *err)
{
    struct http_answer answer;
    struct s3_call call = {.method = "GET", .bucket = name.bucket, .key = name.key, .most = most};

    TRY(s3_send(of(store), arena, &call, &answer, err));
    if (answer.body.size > most) { /* errors have more room than a small object */
        return err_set(err, ERR_TOO_LARGE, "the object has %zu bytes, %zu are taken at most",
                       answer.body.size, most);
    }
    *ret_bytes = answer.body;
    return 0;
}

static int s3_size(struct blob_store *store, struct blob_name name, int64_t *ret_size,
                   struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct http_answer           answer;
    struct s3_call               call = {.method = "HEAD", .bucket = name.bucket, .key = name.key};

    TRY(s3_send(of(store), arena, &call, &answer, err));
    return s3_length(&answer, ret_size, err);
}

static int s3_read(struct blob_store *store, struct blob_name name, struct blob_range *range,
                   struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct s3_sink               sink = {.fd = -1, .room = range->room, .size = range->size};
    struct http_answer           answer;
    int64_t                      size;
    struct s3_call call = {.method = "GET", .bucket = name.bucket, .key = name.key, .sink = &sink};

    call.also = 416;
    range->got = 0;
    if (range->size == 0) {
        return s3_size(store, name, &size, err); /* no range is empty, but missing is missing */
    }
    call.range = arena_format(arena, "bytes=%lld-%lld", (long long)range->offset,
                              (long long)(range->offset + (int64_t)range->size - 1));
    TRY(s3_send(of(store), arena, &call, &answer, err));
    if (answer.status == 416) {
        return 0; /* the object ends before */
    }
    if (answer.status != 206 && range->offset > 0) {
        return err_set(err, ERR_BLOB_REFUSED, "the server ignores the Range of the request");
    }
    range->got = sink.got;
    return 0;
}

static int s3_copy_to(struct blob_store *store, struct blob_name name, int fd, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct s3_sink               sink = {.fd = fd};
    struct http_answer           answer;
    struct s3_call call = {.method = "GET", .bucket = name.bucket, .key = name.key, .sink = &sink};

    return s3_send(of(store), arena, &call, &answer, err);
}

static int s3_open_fd(struct blob_store *store, struct blob_name name, struct err *err)
{
    (void)store;
    (void)name;
    err_clear(err); /* nothing failed: there is none */
    return -1;
}

static int s3_remove(struct blob_store *store, struct blob_name name, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct http_answer           answer;
    struct s3_call call = {.method = "DELETE", .bucket = name.bucket, .key = name.key};

    if (s3_send(of(store), arena, &call, &answer, err) < 0) {
        if (err->code != ERR_BLOB_MISSING) {
            return -1; /* also where the whole bucket is not there: it may come back with the object */
        }
        err_clear(err);
    }
    return 0;
}

/* -------- listing -------- */

/* "2026-11-20T23:44:41.123Z" as microseconds; 0 if it is not that. */
static int64_t time_of(const char *text)
{
    struct tm   parts = {0};
    const char *rest = text == NULL ? NULL : strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    int64_t     at_us;
    int64_t     unit = 100000;

    if (rest == NULL) {
        return 0;
    }
    at_us = (int64_t)timegm(&parts) * 1000000;
    if (*rest == '.') {
        for (rest++; *rest >= '0' && *rest <= '9'; rest++) {
            at_us += (*rest - '0') * unit;
            unit /= 10;
        }
    }
    return at_us;
}

static void put_entries(struct arena *arena, struct blob_page *page, struct bytes xml)
{
    struct bytes item;

    while (page->count < page->most && xml_next(&xml, "Contents", &item)) {
        const char *key = xml_text(arena, item, "Key");
        const char *size = xml_text(arena, item, "Size");

        if (key == NULL || size == NULL || !blob_key_valid(key)) {
            continue; /* never came from here */
        }
        page->entries[page->count++] = (struct blob_entry){
            .key = arena_text(page->arena, bytes_of(key)),
            .size = strtoll(size, NULL, 10),
            .changed_us = time_of(xml_text(arena, item, "LastModified")),
        };
    }
}

static int s3_list(struct blob_store *store, struct blob_page *page, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(text) char          *more = NULL;
    const char                  *truncated;

    do {
        struct http_answer answer;
        struct s3_call     call = {.method = "GET", .bucket = page->bucket, .most = S3_ANSWER_MOST};
        const char        *next;

        call.query[call.query_count++] = (struct sigv4_pair){"list-type", "2"};
        call.query[call.query_count++] =
            (struct sigv4_pair){"max-keys", arena_format(arena, "%zu", page->most - page->count)};
        call.query[call.query_count++] = (struct sigv4_pair){"prefix", page->prefix};
        if (more != NULL) {
            call.query[call.query_count++] = (struct sigv4_pair){"continuation-token", more};
        } else if (page->after[0] != '\0') {
            call.query[call.query_count++] = (struct sigv4_pair){"start-after", page->after};
        }
        TRY(s3_send(of(store), arena, &call, &answer, err));
        put_entries(arena, page, answer.body);
        truncated = xml_text(arena, answer.body, "IsTruncated");
        next = xml_text(arena, answer.body, "NextContinuationToken");
        if (truncated == NULL || strcmp(truncated, "true") != 0 || page->count == page->most) {
            return 0;
        }
        if (next == NULL || *next == '\0') {
            return err_set(err, ERR_BLOB_REFUSED,
                           "the server's list is cut but has no NextContinuationToken");
        }
        mem_free(more);
        more = mem_text(next);
        arena_reset(arena);
    } while (true);
}

/* -------- buckets -------- */

/* A list of nothing much instead of HEAD: only a body can tell why not. */
static struct s3_call look_into(enum bucket bucket)
{
    return (struct s3_call){.method = "GET",
                            .bucket = bucket,
                            .query = {{"list-type", "2"}, {"max-keys", "1"}},
                            .query_count = 2};
}

static int find_bucket(struct s3_store *store, enum bucket bucket, bool *ret_found, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct http_answer           answer;
    struct s3_call               call = look_into(bucket);

    call.also = 404;
    TRY(s3_send(store, arena, &call, &answer, err));
    *ret_found = answer.status != 404;
    return 0;
}

/* Regions but the first want to be named; a server of one's own often knows no region at all. */
static int make_bucket(struct s3_store *store, enum bucket bucket, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct http_answer           answer;
    struct s3_call               call = {.method = "PUT", .bucket = bucket, .also = 409};

    if (strcmp(store->region, "us-east-1") != 0) {
        call.body = bytes_of(arena_format(
            arena,
            "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
            "<LocationConstraint>%s</LocationConstraint></CreateBucketConfiguration>",
            store->region));
        if (s3_send(store, arena, &call, &answer, err) == 0) {
            return 0;
        }
        if (strcmp(call.code, "InvalidLocationConstraint") != 0) {
            return -1;
        }
        call.body.size = 0;
    }
    return s3_send(store, arena, &call, &answer, err);
}

/* Several processes start at once: a 409 says that another one was faster, or still is at it. */
static int ensure_bucket(struct s3_store *store, enum bucket bucket, struct err *err)
{
    bool found = false;

    for (int round = 0; round < MAKE_ROUNDS && !found; round++) {
        TRY(find_bucket(store, bucket, &found, err));
        if (found) {
            return 0;
        }
        TRY(make_bucket(store, bucket, err));
    }
    TRY(find_bucket(store, bucket, &found, err));
    return found ? 0
                 : err_set(err, ERR_BLOB_REFUSED,
                           "it is not there and can't be made: its name is taken by somebody else;"
                           " choose another PRT_BLOB_PREFIX");
}

static int s3_check(struct blob_store *store, int64_t timeout_ms, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct http_answer           answer;
    struct s3_call               call = look_into(BUCKET_CHUNKS);

    call.timeout_ms = timeout_ms;
    call.once = true;
    if (s3_send(of(store), arena, &call, &answer, err) < 0) {
        return err_add(err, "bucket %s", store->bucket_name[BUCKET_CHUNKS]);
    }
    return 0;
}

/* -------- opening -------- */

static void s3_close(struct blob_store *base)
{
    struct s3_store *store = of(base);

    http_client_free(store->http);
    sigv4_free(store->signer);
    mem_free(store->base_text);
    mem_free(store->region);
    mem_free(store);
}

static const struct blob_backend s3_backend = {
    .close = s3_close,
    .check = s3_check,
    .put = s3_put,
    .put_file = s3_put_file,
    .get = s3_get,
    .read = s3_read,
    .copy_to = s3_copy_to,
    .open_fd = s3_open_fd,
    .size = s3_size,
    .remove = s3_remove,
    .list = s3_list,
    .writer_open = s3_writer_open,
    .writer_put = s3_writer_put,
    .writer_commit = s3_writer_commit,
    .writer_close = s3_writer_close,
};

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static int check_settings(const struct blob_settings *settings, const char *host, struct err *err)
{
    size_t size = strlen(host);

    if (size == 0 || strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789.-_:[]") != size) {
        return err_set(err, ERR_CONFIG_WRONG,
                       "behind s3:// there must be host or host:port and nothing else");
    }
    if (!is_given(settings->access_key) || !is_given(settings->secret_key)) {
        return err_set(err, ERR_CONFIG_WRONG,
                       "s3_access_key or s3_secret_key is not set; set PRT_S3_ACCESS_KEY and"
                       " PRT_S3_SECRET_KEY");
    }
    if (!is_given(settings->region)) {
        return err_set(err, ERR_CONFIG_WRONG, "s3_region is not set; set PRT_S3_REGION");
    }
    return 0;
}

int s3_store_open(struct blob_store **ret_store, const struct blob_settings *settings,
                  char **bucket_name, struct err *err)
{
    bool             tls = strncmp(settings->url, "s3s://", strlen("s3s://")) == 0;
    const char      *scheme = tls ? "https://" : "http://";
    const char      *host = strstr(settings->url, "://") + strlen("://");
    size_t           size = strlen(scheme) + strlen(host) + 1;
    struct s3_store *store;

    TRY(check_settings(settings, host, err));
    store = mem_zero(1, sizeof(*store));
    store->store = (struct blob_store){&s3_backend, bucket_name};
    store->http = http_client_new(NULL, NULL);
    store->signer = sigv4_new(settings->access_key, settings->secret_key, settings->region, "s3");
    store->region = mem_text(settings->region);
    store->base_text = mem_get(size);
    (void)snprintf(store->base_text, size, "%s%s", scheme, host);
    store->base = store->base_text;
    store->host = store->base_text + strlen(scheme);
    for (size_t i = 0; i < BUCKETS; i++) {
        if (ensure_bucket(store, (enum bucket)i, err) < 0) {
            (void)err_add(err, "bucket %s", bucket_name[i]);
            s3_close(&store->store);
            return -1;
        }
    }
    *ret_store = &store->store;
    return 0;
}
