// SPDX-License-Identifier: MIT
#include "workers/validate/sweep.h"

#include <stdio.h>

#include "store/chunk_store.h"

static int sweep_page(struct store *store, struct blob_store *blob, struct arena *arena,
                      const struct blob_entry *entries, size_t count, bool dry_run,
                      struct swept *swept, struct err *err)
{
    struct bytes *keys = arena_get(arena, count * sizeof(*keys));
    bool         *named;

    for (size_t i = 0; i < count; i++) {
        keys[i] = bytes_of(entries[i].key);
    }
    TRY(segments_named(store, arena, keys, count, &named, err));
    for (size_t i = 0; i < count; i++) {
        if (named[i]) {
            continue;
        }
        if (!dry_run) {
            TRY(blob_delete(blob, BUCKET_CHUNKS, entries[i].key, err));
        }
        swept->orphans++;
        swept->bytes += entries[i].size;
    }
    return 0;
}

int sweep_segments(struct store *store, struct blob_store *blob, int64_t before_us, bool dry_run,
                   struct swept *ret_swept, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    char                         after[BLOB_KEY_MOST + 1] = "";
    struct blob_entry           *entries = NULL;
    size_t                       count;

    *ret_swept = (struct swept){0};
    do {
        size_t old = 0;

        arena_reset(arena);
        TRY(blob_list(blob, arena, BUCKET_CHUNKS, "segments/", after, BLOB_LIST_MOST, &entries,
                      &count, err));
        if (count > 0) {
            (void)snprintf(after, sizeof(after), "%s", entries[count - 1].key);
        }
        for (size_t i = 0; i < count; i++) {
            if (entries[i].changed_us < before_us) {
                entries[old++] = entries[i];
            }
        }
        ret_swept->seen += (int64_t)count;
        TRY(sweep_page(store, blob, arena, entries, old, dry_run, ret_swept, err));
    } while (count == BLOB_LIST_MOST);
    return 0;
}
