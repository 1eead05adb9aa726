// SPDX-License-Identifier: MIT
#include "workers/tries.h"

#include <stdlib.h>

/* The record is "<used> <stored_us>". */

static const char *subject_of(struct arena *arena, const struct tries_of *of)
{
    return arena_format(arena, "prt.tries.%s.%s.%llu", of->stream, of->role,
                        (unsigned long long)of->seq);
}

int tries_read(struct stream *stream, struct arena *arena, struct tries_of *of, struct err *err)
{
    struct stored_msg stored;
    const char       *text;
    char             *end;
    uint64_t          used;

    of->used = 0;
    if (stream_get_last(stream, arena, "PRT_TRIES", subject_of(arena, of), &stored, err) < 0) {
        if (err->code != ERR_NOT_FOUND) {
            return err_add(err, "reading the count of tries");
        }
        err_clear(err);
        return 0;
    }
    text = arena_text(arena, stored.body);
    used = strtoull(text, &end, 10);
    if (strtoll(end, NULL, 10) == of->stored_us) {
        of->used = used;
    }
    return 0;
}

int tries_write(struct stream *stream, struct arena *arena, const struct tries_of *of, size_t count,
                struct err *err)
{
    struct publication *all = arena_zero(arena, count, sizeof(*all));

    for (size_t i = 0; i < count; i++) {
        all[i].subject = subject_of(arena, &of[i]);
        all[i].body = bytes_of(arena_format(arena, "%llu %lld", (unsigned long long)of[i].used,
                                            (long long)of[i].stored_us));
    }
    if (stream_publish_all(stream, all, count, err) < 0) {
        return err_add(err, "counting tries");
    }
    return 0;
}
