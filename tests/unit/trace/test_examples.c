// SPDX-License-Identifier: MIT
/* The recorded sessions of examples/: real diffs, commands and notes. */
#include <glob.h>
#include <string.h>

#include "base/fd.h"
#include "lib/test.h"
#include "trace/chunk.h"
#include "trace/event.h"
#include "trace/field.h"
#include "unit/trace/chunks.h"
#include "value/json.h"
#include "value/msgpack.h"

static const struct value_limits limits = {8 << 20, 32, 1 << 20};

static void check_chunk(const char *path)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      msgpack = {0};
    struct chunk_rules           rules = chunk_rules_usual();
    struct bytes                 json;
    struct chunk                 chunk;
    struct err                   err;

    CHECK_WORKS(file_read(arena, path, 8 << 20, &json, &err));
    CHECK_WORKS(json_to_msgpack(json, &limits, &msgpack, &err));
    CHECK_WORKS(chunk_read(arena, buf_bytes(&msgpack), &rules, &chunk, &err));
    CHECK(chunk.event_count > 0);
    if (chunk.refusal_count > 0) {
        test_failed(__FILE__, __LINE__, "%s: %s %s", path, chunk.refusals[0].pointer,
                    chunk.refusals[0].message);
    }
    for (int i = 0; i < SECRET_KINDS; i++) {
        CHECK_NUMBER(chunk.redactions.count[i], 0);
    }
}

static void check_head(const char *path)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct check                 check = {.arena = arena};
    struct value                 head;
    struct bytes                 json;
    struct err                   err;

    CHECK_WORKS(file_read(arena, path, 8 << 20, &json, &err));
    CHECK_WORKS(json_read(arena, json, &limits, &head, &err));
    CHECK_WORKS(trace_head_check(&check, &head, &err));
}

static size_t for_each(const char *pattern, void (*check)(const char *path))
{
    size_t count;
    glob_t found;

    if (glob(pattern, 0, NULL, &found) != 0) {
        return 0;
    }
    count = found.gl_pathc;
    for (size_t i = 0; i < count; i++) {
        check(found.gl_pathv[i]);
    }
    globfree(&found);
    return count;
}

TEST(examples, are_taken_whole_and_nothing_in_them_looks_like_a_secret)
{
    CHECK(for_each(SOURCE_DIR "/examples/*/chunks/*.json", check_chunk) >= 10);
    CHECK(for_each(SOURCE_DIR "/examples/*/session.json", check_head) >= 3);
}
