// SPDX-License-Identifier: MIT
#include "workers/qa/spool.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "crypto/crypto.h"

int spool_open(struct spool *ret_spool, const char *dir, struct err *err)
{
    struct spool spool = {.fd = fd_temporary(dir, err)};

    if (spool.fd < 0) {
        return -1;
    }
    spool.sha = sha256_new();
    sha256_start(spool.sha);
    *ret_spool = spool;
    return 0;
}

void spool_done(struct spool *spool)
{
    if (spool->sha != NULL) {
        fd_close(spool->fd);
        sha256_free(spool->sha);
        *spool = (struct spool){.fd = -1};
    }
}

int spool_take(void *self, struct bytes bytes, struct err *err)
{
    struct spool *spool = self;

    TRY(fd_write_all(spool->fd, bytes, err));
    sha256_add(spool->sha, bytes);
    spool->bytes += (int64_t)bytes.size;
    return 0;
}

int spool_say(struct spool *spool, struct err *err, const char *fmt, ...)
{
    char    line[1024];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    return spool_take(spool, bytes_of(line), err);
}

int spool_rewind(struct spool *spool, struct err *err)
{
    if (lseek(spool->fd, 0, SEEK_SET) < 0) {
        return err_errno(err, "reading a temporary file again");
    }
    return 0;
}

void spool_name(struct spool *spool, struct arena *arena, struct blob_store *blob,
                const char *content_type, struct artifact_record *ret_record, struct value *ret_ref)
{
    struct artifact_record record = {.size_bytes = spool->bytes,
                                     .content_type = bytes_of(content_type)};
    struct value           ref = value_map();
    char                   hex[HASH_HEX];
    const char            *key;

    sha256_finish(spool->sha, record.sha256);
    hex_write(hex, (struct bytes){record.sha256, sizeof(record.sha256)});
    /* As everything that lies in this bucket by its content. */
    key = arena_format(arena, "sha256/%.2s/%s", hex, hex);
    record.object_key = bytes_of(key);
    value_put(arena, &ref, "uri", value_text(blob_uri(blob, arena, BUCKET_ARTIFACTS, key)));
    value_put(arena, &ref, "sha256", value_bytes(arena_bytes(arena, bytes_of(hex))));
    value_put(arena, &ref, "size_bytes", value_whole(spool->bytes));
    value_put(arena, &ref, "content_type", value_text(content_type));
    *ret_record = record;
    *ret_ref = ref;
}

int spool_store(struct spool *spool, struct arena *arena, struct blob_store *blob,
                const struct artifact_record *record, struct err *err)
{
    TRY(spool_rewind(spool, err));
    return blob_put_file(blob, BUCKET_ARTIFACTS, arena_text(arena, record->object_key), spool->fd,
                         spool->bytes, arena_text(arena, record->content_type), err);
}
