// SPDX-License-Identifier: MIT
#include "workers/validate/sweep.h"

#include <stdio.h>
#include <string.h>

#include "store/chunk_store.h"
#include "store/erase_store.h"
#include "store/trace_object_store.h"
#include "workers/object.h"

/* What there is to know of a kind of objects. */
struct kind {
    enum bucket bucket;
    const char *prefix;
    /* Which of them somebody needs; NULL: none. */
    int (*needed)(struct store *store, struct arena *arena, const struct bytes *keys, size_t count,
                  bool **ret_needed, struct err *err);
    /* They are deleted; NULL: nobody wants to know. */
    int (*gone)(struct store *store, struct arena *arena, const struct bytes *keys, size_t count,
                struct err *err);
    bool named_by_content; /* somebody may be about to put the same one */
};

struct sweep {
    const struct kind *kind;
    struct store      *store;
    struct blob_store *blob;
    struct arena      *arena; /* of a page */
    bool               dry_run;
    struct swept       swept;
};

static int sweep_one(const struct sweep *sweep, const char *key, struct err *err)
{
    return sweep->kind->named_by_content
               ? object_drop(sweep->store, sweep->blob, sweep->arena, NULL, key, err)
               : blob_delete(sweep->blob, sweep->kind->bucket, key, err);
}

/* All of them are old enough. */
static int sweep_page(struct sweep *sweep, const struct blob_entry *entries, size_t count,
                      struct err *err)
{
    const struct kind *kind = sweep->kind;
    struct bytes      *keys = arena_get(sweep->arena, count * sizeof(*keys));
    bool              *needed = arena_zero(sweep->arena, count, sizeof(*needed));
    size_t             orphans = 0;

    for (size_t i = 0; i < count; i++) {
        keys[i] = bytes_of(entries[i].key);
    }
    if (kind->needed != NULL) {
        TRY(kind->needed(sweep->store, sweep->arena, keys, count, &needed, err));
    }
    for (size_t i = 0; i < count; i++) {
        if (needed[i]) {
            continue;
        }
        if (!sweep->dry_run) {
            TRY(sweep_one(sweep, entries[i].key, err));
        }
        keys[orphans++] = keys[i];
        sweep->swept.orphans++;
        sweep->swept.bytes += entries[i].size;
    }
    return kind->gone == NULL || sweep->dry_run || orphans == 0
               ? 0
               : kind->gone(sweep->store, sweep->arena, keys, orphans, err);
}

static int sweep_kind(const struct kind *kind, struct store *store, struct blob_store *blob,
                      int64_t before_us, bool dry_run, struct swept *ret_swept, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct sweep                 sweep = {
                        .kind = kind, .store = store, .blob = blob, .arena = arena, .dry_run = dry_run};
    char               after[BLOB_KEY_MOST + 1] = "";
    struct blob_entry *entries = NULL;
    size_t             count;

    do {
        size_t old = 0;

        arena_reset(arena);
        TRY(blob_list(blob, arena, kind->bucket, kind->prefix, after, BLOB_LIST_MOST, &entries,
                      &count, err));
        if (count > 0) {
            (void)snprintf(after, sizeof(after), "%s", entries[count - 1].key);
        }
        for (size_t i = 0; i < count; i++) {
            /* 0: the store does not say when, and so it is never old enough. */
            if (entries[i].changed_us > 0 && entries[i].changed_us < before_us) {
                entries[old++] = entries[i];
            }
        }
        sweep.swept.seen += (int64_t)count;
        TRY(sweep_page(&sweep, entries, old, err));
    } while (count == BLOB_LIST_MOST);
    *ret_swept = sweep.swept;
    return 0;
}

int sweep_segments(struct store *store, struct blob_store *blob, int64_t before_us, bool dry_run,
                   struct swept *ret_swept, struct err *err)
{
    static const struct kind segments = {
        .bucket = BUCKET_CHUNKS, .prefix = "segments/", .needed = segments_named};
    int64_t settled_us = 0;

    /* A replay, or the erasing of a long trace, puts segments and commits much later. */
    TRY(segments_settled(store, &settled_us, err));
    settled_us -= SWEEP_AGE_LEAST_S * 1000000LL; /* clocks differ */
    before_us = before_us < settled_us ? before_us : settled_us;
    return sweep_kind(&segments, store, blob, before_us, dry_run, ret_swept, err);
}

int sweep_claims(struct store *store, struct blob_store *blob, int64_t before_us, bool dry_run,
                 struct swept *ret_swept, struct err *err)
{
    static const struct kind claims = {
        .bucket = BUCKET_CHUNKS, .prefix = "claims/", .gone = objects_swept};

    return sweep_kind(&claims, store, blob, before_us, dry_run, ret_swept, err);
}

static int sweep_kinds(const struct kind *kinds, size_t count, struct store *store,
                       struct blob_store *blob, int64_t before_us, bool dry_run,
                       struct swept *ret_swept, struct err *err)
{
    struct swept all = {0};

    for (size_t i = 0; i < count; i++) {
        struct swept swept;

        TRY(sweep_kind(&kinds[i], store, blob, before_us, dry_run, &swept, err));
        all.seen += swept.seen;
        all.orphans += swept.orphans;
        all.bytes += swept.bytes;
    }
    *ret_swept = all;
    return 0;
}

int sweep_artifacts(struct store *store, struct blob_store *blob, int64_t before_us, bool dry_run,
                    struct swept *ret_swept, struct err *err)
{
    static const struct kind kinds[] = {
        {BUCKET_ARTIFACTS, "sha256/", objects_held, NULL, true},
        {BUCKET_ARTIFACTS, "uploads/", objects_held, NULL, true},
    };

    return sweep_kinds(kinds, COUNT_OF(kinds), store, blob, before_us, dry_run, ret_swept, err);
}

/* PRT_INGEST keeps a message somewhat longer than it must (stream/room.c): here twice as much. */
int64_t sweep_claims_before(int64_t now_us, int64_t oldest_us, int64_t ingest_keep_ms,
                            int64_t dead_keep_ms)
{
    int64_t kept_us = now_us - (ingest_keep_ms + ingest_keep_ms / 32) * 1000;

    return (oldest_us < kept_us ? oldest_us : kept_us) - dead_keep_ms * 1000 -
           SWEEP_AGE_LEAST_S * 1000000LL;
}

/* Nothing of a key that finalize does not make. */
static struct bytes trace_of_document(struct bytes key)
{
    static const struct {
        const char *begins, *ends;
    } forms[] = {{"", "/trace.json"}, {"raw/", ".ndjson"}};

    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        size_t begins = strlen(forms[i].begins);
        size_t ends = strlen(forms[i].ends);

        if (key.size > begins + ends && memcmp(key.data, forms[i].begins, begins) == 0 &&
            memcmp(key.data + key.size - ends, forms[i].ends, ends) == 0) {
            return (struct bytes){key.data + begins, key.size - begins - ends};
        }
    }
    return (struct bytes){key.data, 0};
}

/* "uploads/<trace>/...", "qa/<trace>/..." */
static struct bytes trace_of_artifact(struct bytes key)
{
    const uint8_t *end = key.data + key.size;
    const uint8_t *from = (const uint8_t *)memchr(key.data, '/', key.size) + 1;
    const uint8_t *slash = memchr(from, '/', (size_t)(end - from));

    return (struct bytes){from, slash == NULL ? 0 : (size_t)(slash - from)};
}

static int unless_erased(struct store *store, struct arena *arena, const struct bytes *keys,
                         size_t count, struct bytes (*trace_of)(struct bytes key),
                         bool **ret_needed, struct err *err)
{
    struct bytes *ids = arena_get(arena, count * sizeof(*ids));
    bool         *flags = NULL;

    for (size_t i = 0; i < count; i++) {
        ids[i] = trace_of(keys[i]);
    }
    TRY(traces_erased(store, arena, ids, count, &flags, err));
    for (size_t i = 0; i < count; i++) {
        flags[i] = !flags[i];
    }
    *ret_needed = flags;
    return 0;
}

static int documents_needed(struct store *store, struct arena *arena, const struct bytes *keys,
                            size_t count, bool **ret_needed, struct err *err)
{
    return unless_erased(store, arena, keys, count, trace_of_document, ret_needed, err);
}

static int artifacts_needed(struct store *store, struct arena *arena, const struct bytes *keys,
                            size_t count, bool **ret_needed, struct err *err)
{
    return unless_erased(store, arena, keys, count, trace_of_artifact, ret_needed, err);
}

int sweep_documents(struct store *store, struct blob_store *blob, int64_t before_us, bool dry_run,
                    struct swept *ret_swept, struct err *err)
{
    static const struct kind kinds[] = {
        {BUCKET_TRACES, "", documents_needed, NULL, false},
        {BUCKET_ARTIFACTS, "uploads/", artifacts_needed, NULL, false},
        {BUCKET_ARTIFACTS, "qa/", artifacts_needed, NULL, false},
    };

    return sweep_kinds(kinds, COUNT_OF(kinds), store, blob, before_us, dry_run, ret_swept, err);
}
