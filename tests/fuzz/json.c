// SPDX-License-Identifier: MIT
/* Any bytes as JSON: both readers say the same, and what is taken has one canonical form. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "value/json.h"
#include "value/msgpack.h"

static const struct value_limits limits = {1 << 16, 20, 2000};

/* Stories name the byte; it must lie in the input or just behind it. */
static void check_story(const struct err *err, size_t size)
{
    unsigned long long at;

    if (err->code == ERR_MALFORMED) {
        MUST(sscanf(err->story, "byte %llu: ", &at) == 1);
        MUST(at <= size);
    }
    MUST(err->code == ERR_MALFORMED || err->code == ERR_TOO_LARGE);
}

static void check_canonical(struct arena *arena, const struct value *value,
                            const struct value *packed)
{
    CLEANUP(buf) struct buf once = {0};
    CLEANUP(buf) struct buf twice = {0};
    CLEANUP(buf) struct buf by_msgpack = {0};
    CLEANUP(buf) struct buf pretty = {0};
    CLEANUP(buf) struct buf by_pretty = {0};
    struct err   err = {0};
    struct value again;

    if (jcs_write(&once, value, &err) < 0) {
        MUST(err.code == ERR_SCHEMA);
        MUST(jcs_write(&by_msgpack, packed, &err) < 0);
        return;
    }
    MUST(json_read(arena, buf_bytes(&once), &(struct value_limits){1 << 20, 20, 2000}, &again,
                   &err) == 0);
    MUST(jcs_write(&twice, &again, &err) == 0);
    MUST(bytes_equal(buf_bytes(&once), buf_bytes(&twice)));

    MUST(jcs_write(&by_msgpack, packed, &err) == 0);
    MUST(bytes_equal(buf_bytes(&once), buf_bytes(&by_msgpack)));

    json_pretty(&pretty, value);
    MUST(json_read(arena, buf_bytes(&pretty), &(struct value_limits){1 << 24, 20, 2000}, &again,
                   &err) == 0);
    MUST(jcs_write(&by_pretty, &again, &err) == 0);
    MUST(bytes_equal(buf_bytes(&once), buf_bytes(&by_pretty)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf packed = {0};
    struct bytes json = {data, size};
    struct err   err = {0};
    struct err   other = {0};
    struct value value;
    struct value unpacked;
    int          result = json_read(arena, json, &limits, &value, &err);

    MUST(json_to_msgpack(json, &limits, &packed, &other) == result);
    if (result < 0) {
        MUST(err.code == other.code && strcmp(err.story, other.story) == 0);
        MUST(packed.size == 0);
        check_story(&err, size);
        return 0;
    }
    MUST(msgpack_read(arena, buf_bytes(&packed), &limits, false, &unpacked, &err) == 0);
    check_canonical(arena, &value, &unpacked);
    return 0;
}
