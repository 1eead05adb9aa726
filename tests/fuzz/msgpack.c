// SPDX-License-Identifier: MIT
/* Any bytes as msgpack: what is taken writes back to one form, and every member is found in it. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "value/json.h"
#include "value/msgpack.h"

static const struct value_limits limits = {1 << 20, 20, 2000};

static void check_find(struct arena *arena, struct bytes msgpack, const struct value *map)
{
    for (uint32_t i = 0; map->kind == VALUE_MAP && i < map->count; i++) {
        CLEANUP(buf) struct buf one = {0};
        CLEANUP(buf) struct buf other = {0};
        struct bytes name = map->as.members[i].name;
        struct bytes raw;
        struct err   err = {0};
        struct value found;

        if (name.size > 0 && memchr(name.data, '\0', name.size) != NULL) {
            continue;
        }
        MUST(msgpack_find(msgpack, arena_text(arena, name), &raw));
        MUST(msgpack_read(arena, raw, &limits, true, &found, &err) == 0);
        msgpack_write(&one, &map->as.members[i].value);
        msgpack_write(&other, &found);
        MUST(bytes_equal(buf_bytes(&one), buf_bytes(&other)));
    }
}

static void check_as_json(struct arena *arena, const struct value *value)
{
    CLEANUP(buf) struct buf json = {0};
    CLEANUP(buf) struct buf packed = {0};
    CLEANUP(buf) struct buf again = {0};
    struct err   err = {0};
    struct value back;

    if (jcs_write(&json, value, &err) < 0) {
        MUST(err.code == ERR_SCHEMA);
        return;
    }
    MUST(json_to_msgpack(buf_bytes(&json), &limits, &packed, &err) == 0);
    MUST(msgpack_read(arena, buf_bytes(&packed), &limits, false, &back, &err) == 0);
    MUST(jcs_write(&again, &back, &err) == 0);
    MUST(bytes_equal(buf_bytes(&json), buf_bytes(&again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf once = {0};
    CLEANUP(buf) struct buf twice = {0};
    struct bytes msgpack = {data, size};
    struct bytes raw;
    struct err   err = {0};
    struct value value;
    struct value again;

    (void)msgpack_find(msgpack, "a", &raw);
    if (msgpack_read(arena, msgpack, &limits, true, &value, &err) < 0) {
        MUST(err.code == ERR_MALFORMED || err.code == ERR_TOO_LARGE);
        MUST(msgpack_read(arena, msgpack, &limits, false, &value, &err) < 0);
        return 0;
    }
    check_find(arena, msgpack, &value);
    if (msgpack_read(arena, msgpack, &limits, false, &value, &err) < 0) {
        return 0; /* it has bin in it */
    }
    msgpack_write(&once, &value);
    MUST(msgpack_read(arena, buf_bytes(&once), &limits, false, &again, &err) == 0);
    msgpack_write(&twice, &again);
    MUST(bytes_equal(buf_bytes(&once), buf_bytes(&twice)));
    check_as_json(arena, &value);
    return 0;
}
