// SPDX-License-Identifier: MIT
#include "value/msgpack.h"

#include <math.h>
#include <string.h>

#include "value/names.h"
#include "base/utf8.h"

enum kind { NEVER, NIL, FLAG, UINT, INT, FLOAT, TEXT, BIN, LIST, MAP, EXT };

/* What one value starts with. `number` is the number, or how much belongs to it: bytes of text and
 * bin, items of a list, members of a map. */
struct head {
    enum kind kind;
    uint64_t  number;
    size_t    size;
};

/* Tags 0xc0 to 0xdf: what follows, and in how many bytes its number stands. */
static const struct {
    enum kind kind;
    uint8_t   size;
} tags[32] = {
    {NIL, 0},  {NEVER, 0}, {FLAG, 0}, {FLAG, 0}, {BIN, 1},  {BIN, 2},  {BIN, 4},  {EXT, 1},
    {EXT, 2},  {EXT, 4},   {FLOAT, 4}, {FLOAT, 8}, {UINT, 1}, {UINT, 2}, {UINT, 4}, {UINT, 8},
    {INT, 1},  {INT, 2},   {INT, 4},  {INT, 8},  {EXT, 0},  {EXT, 0},  {EXT, 0},  {EXT, 0},
    {EXT, 0},  {TEXT, 1},  {TEXT, 2}, {TEXT, 4}, {LIST, 2}, {LIST, 4}, {MAP, 2},  {MAP, 4},
};

static uint64_t big_endian(const uint8_t *at, size_t size)
{
    uint64_t number = 0;

    for (size_t i = 0; i < size; i++) {
        number = number << 8 | at[i];
    }
    return number;
}

/* False if the bytes end inside the head. */
static bool head_read(struct bytes left, struct head *ret)
{
    uint8_t tag;
    size_t  size;

    if (left.size == 0) {
        return false;
    }
    tag = left.data[0];
    if (tag < 0x80) {
        *ret = (struct head){UINT, tag, 1};
    } else if (tag < 0x90) {
        *ret = (struct head){MAP, tag & 15, 1};
    } else if (tag < 0xa0) {
        *ret = (struct head){LIST, tag & 15, 1};
    } else if (tag < 0xc0) {
        *ret = (struct head){TEXT, tag & 31, 1};
    } else if (tag >= 0xe0) {
        *ret = (struct head){INT, (uint64_t)(int64_t)(int8_t)tag, 1};
    } else {
        size = tags[tag - 0xc0].size;
        if (left.size - 1 < size) {
            return false;
        }
        *ret = (struct head){tags[tag - 0xc0].kind, big_endian(left.data + 1, size), 1 + size};
        if (ret->kind == FLAG) {
            ret->number = tag == 0xc3;
        } else if (ret->kind == INT && size < 8 && ret->number >> (8 * size - 1) != 0) {
            ret->number |= UINT64_MAX << (8 * size);
        }
    }
    return true;
}

struct reader {
    struct bytes               whole;
    size_t                     at;
    struct arena              *arena;
    const struct value_limits *limits;
    size_t                     values;
    unsigned                   depth;
    bool                       allow_bin;
    struct err                *err;
};

static int refuse(struct reader *reader, size_t at, const char *why)
{
    return err_set(reader->err, ERR_MALFORMED, "byte %zu: %s", at, why);
}

static struct bytes left_of(const struct reader *reader)
{
    return (struct bytes){reader->whole.data + reader->at, reader->whole.size - reader->at};
}

static int count_values(struct reader *reader, uint64_t more, size_t at)
{
    if (more > reader->limits->values - reader->values) {
        return err_set(reader->err, ERR_TOO_LARGE, "byte %zu: more than %zu values", at,
                       reader->limits->values);
    }
    reader->values += more;
    return 0;
}

/* The bytes of a text or bin whose head ends at reader->at. */
static int read_run(struct reader *reader, const struct head *head, bool is_text,
                    struct bytes *ret_run)
{
    struct bytes run = left_of(reader);
    size_t       utf8;

    if (run.size < head->number) {
        return refuse(reader, reader->whole.size, "the message ends too early");
    }
    run.size = head->number;
    utf8 = is_text ? utf8_wrong_at(run) : run.size;
    if (utf8 < run.size) {
        return refuse(reader, reader->at + utf8, "not UTF-8");
    }
    reader->at += run.size;
    *ret_run = run;
    return 0;
}

static int read_float(struct reader *reader, const struct head *head, size_t at, double *ret)
{
    if (head->size == 5) {
        uint32_t bits = (uint32_t)head->number;
        float    real;

        memcpy(&real, &bits, sizeof(real));
        *ret = (double)real;
    } else {
        memcpy(ret, &head->number, sizeof(*ret));
    }
    return isfinite(*ret) ? 0 : refuse(reader, at, "the number is not finite");
}

static int read_value(struct reader *reader, struct value *ret);

static int read_list(struct reader *reader, uint32_t count, struct value *ret)
{
    struct value *items = arena_get(reader->arena, count * sizeof(*items));

    for (uint32_t i = 0; i < count; i++) {
        TRY(read_value(reader, &items[i]));
    }
    *ret = (struct value){.kind = VALUE_LIST, .count = count, .as.items = items};
    return 0;
}

static int read_name(struct reader *reader, struct bytes *ret_name)
{
    size_t      at = reader->at;
    struct head head;

    if (!head_read(left_of(reader), &head)) {
        return refuse(reader, reader->whole.size, "the message ends too early");
    }
    if (head.kind != TEXT) {
        return refuse(reader, at, "a map key that is no string");
    }
    reader->at += head.size;
    return read_run(reader, &head, true, ret_name);
}

static int read_map(struct reader *reader, uint32_t count, struct value *ret)
{
    struct value_member *members = arena_get(reader->arena, count * sizeof(*members));
    struct name         *names = arena_get(reader->arena, count * sizeof(*names));
    struct name          repeat;

    for (uint32_t i = 0; i < count; i++) {
        names[i].at = reader->at;
        TRY(read_name(reader, &names[i].text));
        members[i].name = names[i].text;
        TRY(read_value(reader, &members[i].value));
    }
    if (names_repeat(names, count, &repeat)) {
        return refuse(reader, repeat.at, "the map has a member of this name already");
    }
    *ret = (struct value){.kind = VALUE_MAP, .count = count, .as.members = members};
    return 0;
}

/* A list or map. What it claims to hold is believed only as far as bytes are there for it, and is
 * counted before memory is taken for it. */
static int read_container(struct reader *reader, const struct head *head, size_t at,
                          struct value *ret)
{
    size_t each = head->kind == MAP ? 2 : 1;
    int    result;

    if (reader->depth >= reader->limits->depth) {
        return err_set(reader->err, ERR_MALFORMED, "byte %zu: nested deeper than %u levels", at,
                       reader->limits->depth);
    }
    if (head->number > left_of(reader).size / each) {
        return refuse(reader, at, "the message ends before its items do");
    }
    TRY(count_values(reader, head->number, at));
    reader->depth++;
    result = head->kind == MAP ? read_map(reader, (uint32_t)head->number, ret)
                               : read_list(reader, (uint32_t)head->number, ret);
    reader->depth--;
    return result;
}

static int read_value(struct reader *reader, struct value *ret)
{
    size_t       at = reader->at;
    struct head  head;
    struct bytes run;
    double       real;

    if (!head_read(left_of(reader), &head)) {
        return refuse(reader, reader->whole.size, "the message ends too early");
    }
    reader->at += head.size;
    switch (head.kind) {
    case NIL:
        *ret = value_null();
        return 0;
    case FLAG:
        *ret = value_flag(head.number != 0);
        return 0;
    case UINT:
        if (head.number > INT64_MAX) {
            return refuse(reader, at, "an integer above 2^63 - 1");
        }
        *ret = value_whole((int64_t)head.number);
        return 0;
    case INT:
        *ret = value_whole((int64_t)head.number);
        return 0;
    case FLOAT:
        TRY(read_float(reader, &head, at, &real));
        *ret = value_real(real);
        return 0;
    case TEXT:
    case BIN:
        if (head.kind == BIN && !reader->allow_bin) {
            return refuse(reader, at, "binary data; send it as a base64 string");
        }
        TRY(read_run(reader, &head, head.kind == TEXT, &run));
        *ret = value_bytes(run);
        return 0;
    case LIST:
    case MAP:
        return read_container(reader, &head, at, ret);
    case EXT:
        return refuse(reader, at, "extension types are not read");
    case NEVER:
        break;
    }
    return refuse(reader, at, "no value starts like this");
}

int msgpack_read(struct arena *arena, struct bytes msgpack, const struct value_limits *limits,
                 bool allow_bin, struct value *ret_value, struct err *err)
{
    struct reader reader = {
        .whole = msgpack,
        .arena = arena,
        .limits = limits,
        .allow_bin = allow_bin,
        .err = err,
    };
    struct value value;

    if (msgpack.size > limits->bytes) {
        return err_set(err, ERR_TOO_LARGE, "the message has %zu bytes, at most %zu are read",
                       msgpack.size, limits->bytes);
    }
    if (msgpack.size == 0) {
        return refuse(&reader, 0, "the message is empty");
    }
    TRY(count_values(&reader, 1, 0));
    TRY(read_value(&reader, &value));
    if (reader.at < msgpack.size) {
        return refuse(&reader, reader.at, "bytes behind the value");
    }
    *ret_value = value;
    return 0;
}

/* Size of the value that `left` starts with, 0 if it is none. */
static size_t value_size(struct bytes left)
{
    size_t   size = 0;
    uint64_t open = 1; /* values still to come; each takes a byte, so this cannot overflow */

    for (; open > 0; open--) {
        struct bytes rest = {left.data + size, left.size - size};
        struct head  head;

        if (!head_read(rest, &head) || head.kind == NEVER || head.kind == EXT) {
            return 0;
        }
        size += head.size;
        if (head.kind == LIST || head.kind == MAP) {
            open += head.kind == MAP ? 2 * head.number : head.number;
        } else if (head.kind == TEXT || head.kind == BIN) {
            if (head.number > left.size - size) {
                return 0;
            }
            size += head.number;
        }
    }
    return size;
}

bool msgpack_find(struct bytes msgpack, const char *name, struct bytes *ret_raw)
{
    struct head  map;
    struct bytes wanted = bytes_of(name);
    struct bytes left = msgpack;

    if (!head_read(left, &map) || map.kind != MAP) {
        return false;
    }
    left.data += map.size;
    left.size -= map.size;
    for (uint64_t i = 0; i < map.number; i++) {
        struct head  head;
        size_t       key = value_size(left);
        struct bytes value = {left.data + key, left.size - key};
        size_t       size = key == 0 ? 0 : value_size(value);

        if (size == 0 || !head_read(left, &head)) {
            return false;
        }
        if (head.kind == TEXT &&
            bytes_equal((struct bytes){left.data + head.size, head.number}, wanted)) {
            *ret_raw = (struct bytes){value.data, size};
            return true;
        }
        left = (struct bytes){value.data + size, value.size - size};
    }
    return false;
}
