// SPDX-License-Identifier: MIT
/* The recorded sessions of examples/, from their first message to a document that verifies. */
#include <glob.h>

#include "base/fd.h"
#include "trace/document.h"
#include "value/json.h"
#include "world.h"

static const char *example_file(struct world *world, const char *path)
{
    struct err   err = {0};
    struct bytes bytes = {0};

    CHECK_WORKS(file_read(world->arena, path, 8 << 20, &bytes, &err));
    return arena_text(world->arena, bytes);
}

/* Returns how many chunks there were. */
static size_t send_session(struct world *world, const char *name)
{
    const char *folder = arena_format(world->arena, "%s/examples/%s", SOURCE_DIR, name);
    glob_t      chunks = {0};
    size_t      count;

    put_message(world, name, MESSAGE_OPEN,
                example_file(world, arena_format(world->arena, "%s/session.json", folder)));
    CHECK(glob(arena_format(world->arena, "%s/chunks/*.json", folder), 0, NULL, &chunks) == 0);
    count = chunks.gl_pathc;
    for (size_t i = count; i > 0; i--) { /* the last first */
        put_message(world, name, MESSAGE_CHUNK, example_file(world, chunks.gl_pathv[i - 1]));
    }
    put_message(world, name, MESSAGE_COMPLETE,
                example_file(world, arena_format(world->arena, "%s/complete.json", folder)));
    globfree(&chunks);
    return count;
}

TEST(examples, become_documents_that_verify)
{
    static const char *const     names[] = {"one_line_fix", "three_file_fix", "auth_bug_fails"};
    CLEANUP(world) struct world *world = world_new();
    const struct document_keys   keys = {.chain_key = world->farm.chain_key};
    struct document_report       report;
    struct err                   err = {0};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        size_t chunks = send_session(world, names[i]);

        validated(world);
        CHECK_NUMBER(world->in[0].err.code, ERR_NONE);
        for (size_t chunk = 1; chunk <= chunks; chunk++) {
            CHECK_NUMBER(world->in[chunk].err.code, ERR_NONE);
            CHECK(holds(answer_of(world, chunk), "\"status\":\"success\""));
        }
        CHECK_WORKS(finalize(world, names[i], &err));
        document_verify(world->arena, document_of(world, names[i]), &keys, &report);
        CHECK(report.ok && report.as_stored);
        CHECK(report.num_events >= 9);
    }
}
