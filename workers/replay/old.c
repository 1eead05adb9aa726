// SPDX-License-Identifier: MIT
#include "workers/replay/old.h"

#include "store/read_store.h"

/* data NULL: there are not so many bytes, or no such object. */
static int read_range(const struct old_lines *old, struct arena *arena, const char *key,
                      int64_t offset, int64_t size, struct bytes *ret_bytes, struct err *err)
{
    uint8_t *room = arena_get(arena, (size_t)size);
    size_t   got = 0;

    *ret_bytes = (struct bytes){NULL, 0};
    if (blob_read(old->blob, BUCKET_CHUNKS, key, offset, room, (size_t)size, &got, err) < 0) {
        if (err->code != ERR_BLOB_MISSING) {
            return -1;
        }
        err_clear(err);
        return 0;
    }
    if ((int64_t)got == size) {
        *ret_bytes = (struct bytes){room, got};
    }
    return 0;
}

/* The lines of the range's chunk as they are now; data NULL: it has none. */
static int read_now(const struct old_lines *old, struct arena *arena,
                    const struct erase_range *range, struct bytes *ret_lines, struct err *err)
{
    struct kept_lines now = {0};

    *ret_lines = (struct bytes){NULL, 0};
    if (read_kept_lines(old->store, arena, old->trace_no, range->chunk_seq, &now, err) < 0) {
        if (err->code != ERR_STORE_CLASH) {
            return -1;
        }
        err_clear(err);
        return 0;
    }
    if (now.lines.data != NULL) {
        *ret_lines = now.lines;
        return 0;
    }
    return read_range(old, arena, now.key, now.offset, range->length, ret_lines, err);
}

static int is_own(const struct old_lines *old, const struct erase_range *range, bool *ret_own,
                  struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct bytes                 was;
    struct bytes                 now;

    *ret_own = false;
    if (range->offset < 0 || range->offset > range->segment_bytes ||
        range->length > range->segment_bytes - range->offset) {
        return 0;
    }
    TRY(read_range(old, arena, range->key, range->offset, range->length, &was, err));
    TRY(read_now(old, arena, range, &now, err));
    *ret_own = was.data != NULL && now.data != NULL && bytes_equal(was, now);
    return 0;
}

int old_lines_own(struct old_lines *old, struct err *err)
{
    size_t count = 0;

    for (size_t i = 0; i < old->count; i++) {
        bool own = false;

        TRY(is_own(old, &old->ranges[i], &own, err));
        if (own) {
            old->ranges[count++] = old->ranges[i];
        }
    }
    old->count = count;
    return 0;
}
