// SPDX-License-Identifier: MIT
/* Writes schemas/generated from the tables. The target `generate` runs it; unit_trace and
 * unit_gateway hold the files against the tables. */
#include <stdio.h>

#include "base/arena.h"
#include "base/fd.h"
#include "gateway/api/openapi.h"
#include "trace/event.h"

int main(int argc, char **argv)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      out = {0};
    struct err                   err;

    if (argc != 2) {
        (void)fprintf(stderr, "usage: generate_schemas DIRECTORY\n");
        return 2;
    }
    trace_schema_write(&out);
    if (file_replace(arena_format(arena, "%s/trace-1.0.json", argv[1]), buf_bytes(&out), 0644,
                     &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.story);
        return 1;
    }
    out.size = 0;
    if (openapi_write(&out, &err) < 0 ||
        file_replace(arena_format(arena, "%s/openapi.json", argv[1]), buf_bytes(&out), 0644, &err) <
            0) {
        (void)fprintf(stderr, "%s\n", err.story);
        return 1;
    }
    return 0;
}
