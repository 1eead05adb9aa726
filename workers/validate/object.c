// SPDX-License-Identifier: MIT
/*
 * object.c - objects were put before this transaction began: are they still there, and whose are
 * they?
 *
 * Whatever becomes of an entry, its objects are its trace's, or erasing that would leave them
 * behind. A trace that is erased meanwhile may have taken one along that had the same content.
 */
#include <string.h>

#include "store/trace_object_store.h"
#include "workers/validate/batch.h"

/* Of all entries, side by side. */
struct holding {
    struct bytes                 *keys;
    int64_t                      *trace_nos;
    struct entry                **of;
    const struct chunk_artifact **sent; /* NULL: uploaded, and not at hand */
    size_t                        count;
};

static void hold(struct holding *holding, const struct trace *trace, struct entry *entry,
                 struct bytes key, const struct chunk_artifact *sent)
{
    holding->keys[holding->count] = key;
    holding->trace_nos[holding->count] = trace->row.trace_no;
    holding->of[holding->count] = entry;
    holding->sent[holding->count++] = sent;
}

static struct holding list_objects(struct batch *batch)
{
    struct holding holding = {0};
    size_t         most = 2 * batch->count; /* the message's own, and one that was uploaded */
    size_t         at = 0;

    for (size_t i = 0; i < batch->count; i++) {
        most += batch->entries[i]->content.artifact_count;
    }
    holding.keys = arena_get(batch->arena, most * sizeof(*holding.keys));
    holding.trace_nos = arena_get(batch->arena, most * sizeof(*holding.trace_nos));
    holding.of = arena_get(batch->arena, most * sizeof(struct entry *));
    holding.sent = arena_get(batch->arena, most * sizeof(struct chunk_artifact *));
    for (size_t i = 0; i < batch->count; i++) {
        struct entry *entry = batch->entries[i];

        at +=
            i > 0 && strcmp(batch->entries[i - 1]->in->to.trace, entry->in->to.trace) != 0 ? 1 : 0;
        if (entry->in->claim != NULL) {
            hold(&holding, &batch->traces[at], entry, bytes_of(entry->in->claim), NULL);
        }
        if (entry->in->message.kind == MESSAGE_ARTIFACT) {
            hold(&holding, &batch->traces[at], entry, entry->artifact.object_key, NULL);
        }
        for (size_t n = 0; n < entry->content.artifact_count; n++) {
            hold(&holding, &batch->traces[at], entry, entry->content.artifacts[n].object_key,
                 &entry->chunk.artifacts[n]);
        }
    }
    return holding;
}

/* Under the object's lock. What is not at hand has to be uploaded again. */
static int look(struct batch *batch, struct entry *entry, struct bytes key,
                const struct chunk_artifact *sent, struct err *err)
{
    const char *name = arena_text(batch->arena, key);
    struct err  missing = {0};
    int64_t     size = 0;

    if (blob_size(batch->blob, BUCKET_ARTIFACTS, name, &size, &missing) == 0) {
        return 0;
    }
    if (missing.code != ERR_BLOB_MISSING) {
        *err = missing;
        return -1;
    }
    if (sent != NULL) {
        return blob_put(batch->blob, BUCKET_ARTIFACTS, name, sent->content, sent->content_type,
                        err);
    }
    entry->err = missing;
    return 0;
}

int objects_hold(struct batch *batch, struct err *err)
{
    struct holding holding = list_objects(batch);
    bool          *gone = NULL;

    if (holding.count == 0) {
        return 0;
    }
    TRY(objects_note(batch->store, batch->arena, holding.keys, holding.trace_nos, holding.count,
                     &gone, err));
    for (size_t i = 0; i < holding.count; i++) {
        /* One that was uploaded is looked for in any case: it was put long ago, by another process.
         */
        if (!object_is_claim(holding.keys[i]) && (gone[i] || holding.sent[i] == NULL)) {
            TRY(look(batch, holding.of[i], holding.keys[i], holding.sent[i], err));
        }
    }
    return 0;
}
