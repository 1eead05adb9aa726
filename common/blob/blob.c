// SPDX-License-Identifier: MIT
#include "blob/blob.h"

#include <stdio.h>
#include <string.h>

#include "blob/backend.h"

static const char *const bucket_words[BUCKETS] = {
    [BUCKET_CHUNKS] = "chunks",
    [BUCKET_ARTIFACTS] = "artifacts",
    [BUCKET_TRACES] = "traces",
};

static const struct scheme {
    const char *begins;
    int (*open)(struct blob_store **ret_store, const struct blob_settings *settings,
                char **bucket_name, struct err *err);
} schemes[] = {
    {"file://", file_store_open},
    {"s3://", s3_store_open},
    {"s3s://", s3_store_open},
};

/* -------- names -------- */

static bool is_key_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool blob_key_valid(const char *key)
{
    size_t segments = 1;
    size_t size = 0; /* of the segment */
    size_t dots = 0;
    size_t at = 0;

    for (;; at++) {
        if (key[at] == '/' || key[at] == '\0') {
            if (size == 0 || size > BLOB_SEGMENT_MOST || (dots == size && size <= 2)) {
                return false;
            }
            if (key[at] == '\0') {
                break;
            }
            segments++;
            size = 0;
            dots = 0;
        } else if (is_key_character(key[at])) {
            size++;
            dots += key[at] == '.';
        } else {
            return false;
        }
    }
    return at <= BLOB_KEY_MOST && segments <= BLOB_KEY_SEGMENTS;
}

static int check_key(const char *key, struct err *err)
{
    if (!blob_key_valid(key)) {
        return err_set(err, ERR_USAGE,
                       "the object key \"%.100s\" is not 1 to %d of A-Z a-z 0-9 . _ - in segments"
                       " of up to %d between slashes (%d at most, none . or ..)",
                       key, BLOB_KEY_MOST, BLOB_SEGMENT_MOST, BLOB_KEY_SEGMENTS);
    }
    return 0;
}

/* S3's rules for bucket names, for both backends: a farm may move from one to the other. */
static int check_prefix(const char *prefix, struct err *err)
{
    size_t size = strlen(prefix);

    if (size < 1 || size > 50 || strspn(prefix, "abcdefghijklmnopqrstuvwxyz0123456789-") != size ||
        prefix[0] == '-') {
        return err_set(err, ERR_CONFIG_WRONG,
                       "blob_prefix is \"%.100s\"; it must be 1 to 50 of a-z 0-9 - and begin with"
                       " a letter or digit",
                       prefix);
    }
    return 0;
}

/* Tells which object a failure was about. */
static int tell(struct blob_store *store, const char *doing, struct blob_name name, struct err *err)
{
    return err_add(err, "%s %s/%s", doing, store->bucket_name[name.bucket], name.key);
}

/* -------- the store -------- */

static void free_names(char **names)
{
    if (names != NULL) {
        for (size_t i = 0; i < BUCKETS; i++) {
            mem_free(names[i]);
        }
        mem_free(names);
    }
}
DEFINE_CLEANUP(names, char **, free_names)

static char **make_names(const char *prefix)
{
    char **names = mem_zero(BUCKETS, sizeof(*names));

    for (size_t i = 0; i < BUCKETS; i++) {
        size_t size = strlen(prefix) + 1 + strlen(bucket_words[i]) + 1;

        names[i] = mem_get(size);
        (void)snprintf(names[i], size, "%s-%s", prefix, bucket_words[i]);
    }
    return names;
}

int blob_store_open(struct blob_store **ret_store, const struct blob_settings *settings,
                    struct err *err)
{
    CLEANUP(names) char **names = NULL;

    TRY(check_prefix(settings->prefix, err));
    names = make_names(settings->prefix);
    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        if (strncmp(settings->url, schemes[i].begins, strlen(schemes[i].begins)) != 0) {
            continue;
        }
        if (schemes[i].open(ret_store, settings, names, err) < 0) {
            return err_add(err, "opening the object store %.100s", settings->url);
        }
        (void)TAKE(names); /* the store has them */
        return 0;
    }
    return err_set(err, ERR_CONFIG_WRONG,
                   "blob_url is \"%.100s\"; it must begin with file://, s3:// or s3s://",
                   settings->url);
}

void blob_store_close(struct blob_store *store)
{
    if (store != NULL) {
        char **names = store->bucket_name;

        store->backend->close(store);
        free_names(names);
    }
}

int blob_store_check(struct blob_store *store, int64_t timeout_ms, struct err *err)
{
    return store->backend->check(store, timeout_ms, err) < 0
               ? err_add(err, "checking the object store")
               : 0;
}

/* -------- objects -------- */

int blob_put(struct blob_store *store, enum bucket bucket, const char *key, struct bytes bytes,
             const char *content_type, struct err *err)
{
    struct blob_name name = {bucket, key};

    TRY(check_key(key, err));
    return store->backend->put(store, name, bytes, content_type, err) < 0
               ? tell(store, "putting", name, err)
               : 0;
}

int blob_put_file(struct blob_store *store, enum bucket bucket, const char *key, int fd,
                  int64_t size, const char *content_type, struct err *err)
{
    struct blob_name name = {bucket, key};

    TRY(check_key(key, err));
    return store->backend->put_file(store, name, fd, size, content_type, err) < 0
               ? tell(store, "putting", name, err)
               : 0;
}

int blob_get(struct blob_store *store, struct arena *arena, enum bucket bucket, const char *key,
             size_t most, struct bytes *ret_bytes, struct err *err)
{
    struct blob_name name = {bucket, key};

    TRY(check_key(key, err));
    return store->backend->get(store, arena, name, most, ret_bytes, err) < 0
               ? tell(store, "getting", name, err)
               : 0;
}

int blob_read(struct blob_store *store, enum bucket bucket, const char *key, int64_t offset,
              void *room, size_t size, size_t *ret_got, struct err *err)
{
    struct blob_name  name = {bucket, key};
    struct blob_range range = {.offset = offset, .room = room, .size = size};

    TRY(check_key(key, err));
    if (offset < 0 || size > INT64_MAX || offset > INT64_MAX - (int64_t)size) {
        (void)err_set(err, ERR_RANGE_WRONG, "no object has %zu bytes from offset %lld", size,
                      (long long)offset);
        return tell(store, "reading", name, err);
    }
    if (store->backend->read(store, name, &range, err) < 0) {
        return tell(store, "reading", name, err);
    }
    *ret_got = range.got;
    return 0;
}

int blob_copy_to(struct blob_store *store, enum bucket bucket, const char *key, int fd,
                 struct err *err)
{
    struct blob_name name = {bucket, key};

    TRY(check_key(key, err));
    return store->backend->copy_to(store, name, fd, err) < 0 ? tell(store, "copying", name, err)
                                                             : 0;
}

int blob_open_fd(struct blob_store *store, enum bucket bucket, const char *key, struct err *err)
{
    struct blob_name name = {bucket, key};
    int              fd;

    err_clear(err);
    TRY(check_key(key, err));
    fd = store->backend->open_fd(store, name, err);
    if (fd < 0 && err->code != ERR_NONE) {
        return tell(store, "opening", name, err);
    }
    return fd;
}

int blob_size(struct blob_store *store, enum bucket bucket, const char *key, int64_t *ret_size,
              struct err *err)
{
    struct blob_name name = {bucket, key};

    TRY(check_key(key, err));
    return store->backend->size(store, name, ret_size, err) < 0
               ? tell(store, "measuring", name, err)
               : 0;
}

int blob_delete(struct blob_store *store, enum bucket bucket, const char *key, struct err *err)
{
    struct blob_name name = {bucket, key};

    TRY(check_key(key, err));
    return store->backend->remove(store, name, err) < 0 ? tell(store, "deleting", name, err) : 0;
}

int blob_list(struct blob_store *store, struct arena *arena, enum bucket bucket, const char *prefix,
              const char *after, size_t most, struct blob_entry **ret_entries, size_t *ret_count,
              struct err *err)
{
    struct blob_page page = {
        .bucket = bucket,
        .prefix = prefix == NULL ? "" : prefix,
        .after = after == NULL ? "" : after,
        .most = most > BLOB_LIST_MOST ? BLOB_LIST_MOST : most,
        .arena = arena,
    };

    page.entries = arena_zero(arena, page.most, sizeof(*page.entries));
    if (page.most > 0 && store->backend->list(store, &page, err) < 0) {
        return err_add(err, "listing %s/%.100s*", store->bucket_name[bucket], page.prefix);
    }
    *ret_entries = page.entries;
    *ret_count = page.count;
    return 0;
}

const char *blob_uri(struct blob_store *store, struct arena *arena, enum bucket bucket,
                     const char *key)
{
    return arena_format(arena, "s3://%s/%s", store->bucket_name[bucket], key);
}

/* -------- writers -------- */

int blob_writer_open(struct blob_writer **ret_writer, struct blob_store *store, enum bucket bucket,
                     const char *key, const char *content_type, struct err *err)
{
    struct blob_name    name = {bucket, key};
    struct blob_writer *writer;

    TRY(check_key(key, err));
    if (store->backend->writer_open(&writer, store, name, content_type, err) < 0) {
        return tell(store, "writing", name, err);
    }
    writer->store = store;
    writer->bucket = bucket;
    writer->key = mem_text(key);
    writer->state = WRITER_OPEN;
    *ret_writer = writer;
    return 0;
}

static int check_open(const struct blob_writer *writer, struct err *err)
{
    if (writer->state == WRITER_BROKEN) {
        return err_set(err, ERR_BLOB_REFUSED, "an earlier piece was not stored; write it anew");
    }
    if (writer->state == WRITER_COMMITTED) {
        return err_set(err, ERR_BUG, "the writer was already committed");
    }
    return 0;
}

int blob_writer_put(struct blob_writer *writer, struct bytes bytes, struct err *err)
{
    struct blob_name name = {writer->bucket, writer->key};

    if (check_open(writer, err) < 0 || writer->store->backend->writer_put(writer, bytes, err) < 0) {
        writer->state = WRITER_BROKEN;
        return tell(writer->store, "writing", name, err);
    }
    return 0;
}

int blob_writer_commit(struct blob_writer *writer, struct err *err)
{
    struct blob_name name = {writer->bucket, writer->key};

    if (check_open(writer, err) < 0 || writer->store->backend->writer_commit(writer, err) < 0) {
        writer->state = WRITER_BROKEN;
        return tell(writer->store, "committing", name, err);
    }
    writer->state = WRITER_COMMITTED;
    return 0;
}

void blob_writer_close(struct blob_writer *writer)
{
    if (writer != NULL) {
        char *key = writer->key;

        writer->store->backend->writer_close(writer);
        mem_free(key);
    }
}
