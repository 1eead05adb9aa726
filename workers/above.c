// SPDX-License-Identifier: MIT
#include "workers/above.h"

#include <string.h>

#include "store/chunk_store.h"

enum { NEWEST = 256 };

static void note(struct arena *arena, struct above *above, const struct stored_msg *stored)
{
    const char *dot = strrchr(stored->subject, '.');
    const char *kind = dot == NULL ? "" : dot + 1;

    if (above->count == above->room) {
        size_t            room = above->room == 0 ? 16 : 2 * above->room;
        struct above_msg *more = arena_get(arena, room * sizeof(*more));

        if (above->count > 0) {
            memcpy(more, above->msgs, above->count * sizeof(*more));
        }
        above->msgs = more;
        above->room = room;
    }
    above->msgs[above->count++] = (struct above_msg){
        .seq = stored->seq,
        .brings = strcmp(kind, message_kind_name(MESSAGE_OPEN)) != 0 &&
                  strcmp(kind, message_kind_name(MESSAGE_COMPLETE)) != 0,
    };
}

/* Its rows name the messages that brought them. */
static int mark_taken(struct store *store, struct arena *arena, struct above *above,
                      struct err *err)
{
    int64_t *taken = NULL;
    size_t   count = 0;

    TRY(messages_taken(store, arena, above->trace, NEWEST, &taken, &count, err));
    for (size_t i = 0; i < above->count; i++) {
        for (size_t k = 0; k < count && !above->msgs[i].taken; k++) {
            above->msgs[i].taken = taken[k] == (int64_t)above->msgs[i].seq;
        }
    }
    return 0;
}

int above_look(struct stream *stream, struct store *store, struct arena *arena,
               const struct subject *of, uint64_t floor, struct above *ret_above, struct err *err)
{
    const struct browse_settings settings = {
        .stream_name = "PRT_INGEST",
        .subject = arena_format(arena, "prt.ingest.%s.%s.*", of->tenant, of->trace),
        .from_seq = floor + 1,
    };
    CLEANUP(browse) struct browse *browse = NULL;
    struct above                   above = {.trace = of->trace};
    bool                           there = true;

    TRY(browse_open(&browse, stream, &settings, err));
    for (;;) {
        struct stored_msg msg;

        TRY(browse_next(browse, arena, &msg, &there, err));
        if (!there) {
            break;
        }
        note(arena, &above, &msg);
    }
    if (above.count > 0) {
        TRY(mark_taken(store, arena, &above, err));
    }
    *ret_above = above;
    return 0;
}
