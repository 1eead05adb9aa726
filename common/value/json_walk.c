// SPDX-License-Identifier: MIT
#include "value/json_walk.h"

#include <yajl/yajl_parse.h>

#include "value/json_token.h"
#include "value/names.h"
#include "value/number.h"
#include "base/utf8.h"

/* An open list or map. */
struct frame {
    enum value_kind kind;
    uint32_t        count;
    size_t          first_name; /* its names lie from here on */
    size_t          mark;       /* the sink's */
};

struct walk {
    struct bytes               json;
    size_t                     at; /* behind the last token that was handed on */
    const struct value_limits *limits;
    size_t                     values;
    struct frame              *frames;
    unsigned                   depth;
    unsigned                   frames_room;
    struct name               *names; /* of all open maps, the innermost last */
    size_t                     names_count;
    size_t                     names_room;
    struct arena              *unescaped; /* names that were written with escapes */
    struct json_sink          *sink;
    struct err                *err;
};

/* What callbacks return to yajl. */
enum { STOP = 0, GO_ON = 1 };

static int refuse(struct walk *walk, size_t at, const char *why)
{
    (void)err_set(walk->err, ERR_MALFORMED, "byte %zu: %s", at, why);
    return STOP;
}

/* Finds the token that yajl calls us for. yajl takes form feeds for white space, and would take
 * comments or a byte order mark if it were built so: whatever it skipped that is no white space
 * of JSON is found here, because it does not look like the token. */
static bool find_token(struct walk *walk, uint8_t first, size_t *ret_at)
{
    *ret_at = json_token_start(walk->json, walk->at);
    if (*ret_at < walk->json.size && walk->json.data[*ret_at] == first) {
        return true;
    }
    (void)refuse(walk, *ret_at, "not allowed between values");
    return false;
}

static bool count_value(struct walk *walk, size_t at)
{
    if (++walk->values > walk->limits->values) {
        (void)err_set(walk->err, ERR_TOO_LARGE, "byte %zu: more than %zu values", at,
                      walk->limits->values);
        return false;
    }
    if (walk->depth > 0 && walk->frames[walk->depth - 1].kind == VALUE_LIST) {
        walk->frames[walk->depth - 1].count++;
    }
    return true;
}

static int hand_on(struct walk *walk, size_t start, size_t end, struct value scalar, bool lasting)
{
    if (!count_value(walk, start)) {
        return STOP;
    }
    walk->sink->put(walk->sink, &scalar, lasting);
    walk->at = end;
    return GO_ON;
}

static int on_null(void *ctx)
{
    struct walk *walk = ctx;
    size_t       at;

    return find_token(walk, 'n', &at) ? hand_on(walk, at, at + 4, value_null(), true) : STOP;
}

static int on_boolean(void *ctx, int flag)
{
    struct walk *walk = ctx;
    size_t       at;

    if (!find_token(walk, flag ? 't' : 'f', &at)) {
        return STOP;
    }
    return hand_on(walk, at, at + (flag ? 4 : 5), value_flag(flag != 0), true);
}

static int on_number(void *ctx, const char *text, size_t size)
{
    struct walk *walk = ctx;
    struct value number;
    size_t       at;

    if (!find_token(walk, (uint8_t)text[0], &at)) {
        return STOP;
    }
    switch (number_read((struct bytes){(const uint8_t *)text, size}, &number)) {
    case NUMBER_INEXACT:
        return refuse(walk, at, "an integer outside +-(2^53 - 1); send it as a string");
    case NUMBER_OVERFLOWS:
        return refuse(walk, at, "the number is too large for a double");
    case NUMBER_FITS:
        break;
    }
    return hand_on(walk, at, at + size, number, true);
}

/* Checks the string token that yajl decoded to `text`, which lies in the input if nothing was
 * escaped. */
static bool check_string(struct walk *walk, struct bytes text, size_t *ret_start, size_t *ret_end,
                         bool *ret_lasting)
{
    struct json_token token;
    size_t            start;
    size_t            utf8;

    if (!find_token(walk, '"', &start)) {
        return false;
    }
    *ret_start = start;
    *ret_lasting = text.data == walk->json.data + start + 1;
    if (*ret_lasting) {
        utf8 = utf8_wrong_at(text);
        if (utf8 < text.size) {
            (void)refuse(walk, start + 1 + utf8, "not UTF-8");
            return false;
        }
        *ret_end = start + text.size + 2;
        return true;
    }
    token = json_token_string(walk->json, start);
    if (token.why != NULL) {
        (void)refuse(walk, token.end, token.why);
        return false;
    }
    *ret_end = token.end;
    return true;
}

static int on_string(void *ctx, const unsigned char *data, size_t size)
{
    struct walk *walk = ctx;
    struct bytes text = {data, size};
    size_t       start;
    size_t       end;
    bool         lasting;

    if (!check_string(walk, text, &start, &end, &lasting)) {
        return STOP;
    }
    return hand_on(walk, start, end, value_bytes(text), lasting);
}

static void keep_name(struct walk *walk, struct bytes text, size_t at, bool lasting)
{
    if (walk->names_count == walk->names_room) {
        walk->names_room = walk->names_room == 0 ? 64 : walk->names_room * 2;
        walk->names = mem_more(walk->names, walk->names_room * sizeof(*walk->names));
    }
    if (!lasting) {
        if (walk->unescaped == NULL) {
            walk->unescaped = arena_new();
        }
        text = arena_bytes(walk->unescaped, text);
    }
    walk->names[walk->names_count++] = (struct name){text, at};
}

static int on_map_key(void *ctx, const unsigned char *data, size_t size)
{
    struct walk *walk = ctx;
    struct bytes text = {data, size};
    size_t       start;
    size_t       end;
    bool         lasting;

    if (!check_string(walk, text, &start, &end, &lasting)) {
        return STOP;
    }
    keep_name(walk, text, start, lasting);
    walk->frames[walk->depth - 1].count++;
    walk->sink->name(walk->sink, text, lasting);
    walk->at = end;
    return GO_ON;
}

static int open_frame(struct walk *walk, enum value_kind kind)
{
    size_t at;

    if (!find_token(walk, kind == VALUE_MAP ? '{' : '[', &at) || !count_value(walk, at)) {
        return STOP;
    }
    if (walk->depth >= walk->limits->depth) {
        (void)err_set(walk->err, ERR_MALFORMED, "byte %zu: nested deeper than %u levels", at,
                      walk->limits->depth);
        return STOP;
    }
    if (walk->depth == walk->frames_room) {
        walk->frames_room = walk->frames_room == 0 ? 16 : walk->frames_room * 2;
        walk->frames = mem_more(walk->frames, walk->frames_room * sizeof(*walk->frames));
    }
    walk->frames[walk->depth++] = (struct frame){
        .kind = kind,
        .first_name = walk->names_count,
        .mark = walk->sink->open(walk->sink, kind),
    };
    walk->at = at + 1;
    return GO_ON;
}

static int close_frame(struct walk *walk)
{
    struct frame *frame = &walk->frames[walk->depth - 1];
    struct name   repeat;
    size_t        at;

    if (!find_token(walk, frame->kind == VALUE_MAP ? '}' : ']', &at)) {
        return STOP;
    }
    if (frame->count > 0 && frame->kind == VALUE_MAP) {
        if (names_repeat(walk->names + frame->first_name, frame->count, &repeat)) {
            return refuse(walk, repeat.at, "the object has a member of this name already");
        }
        walk->names_count = frame->first_name;
    }
    walk->sink->close(walk->sink, frame->kind, frame->mark, frame->count);
    walk->depth--;
    walk->at = at + 1;
    return GO_ON;
}

static int on_start_map(void *ctx)
{
    return open_frame(ctx, VALUE_MAP);
}

static int on_start_array(void *ctx)
{
    return open_frame(ctx, VALUE_LIST);
}

static int on_end(void *ctx)
{
    return close_frame(ctx);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number, /* the text itself: integers stay exact */
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_map_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end,
};

/* yajl does not check what its allocator returns: ours never returns NULL. */
static void *yajl_get(void *ctx, size_t size)
{
    (void)ctx;
    return mem_get(size);
}

static void *yajl_more(void *ctx, void *old, size_t size)
{
    (void)ctx;
    return mem_more(old, size);
}

static void yajl_give_back(void *ctx, void *ptr)
{
    (void)ctx;
    mem_free(ptr);
}

/* yajl stopped after reading `consumed` bytes. Tokens that were right were handed on, so the wrong
 * one is the next; unless it is a comma, a colon or a bracket, which are not handed on or only
 * where they are right. */
static int refuse_rest(struct walk *walk, size_t consumed)
{
    size_t            at = json_token_start(walk->json, walk->at);
    struct json_token token;

    if (at >= consumed && consumed > walk->at) {
        at = consumed - 1;
    }
    token = json_token_any(walk->json, at);
    if (token.why != NULL && token.end != at) {
        return refuse(walk, token.end, token.why);
    }
    return refuse(walk, at, at >= walk->json.size ? token.why : "not expected here");
}

static int parse(struct walk *walk, yajl_handle handle)
{
    yajl_status status;
    size_t      end;

    /* Strings are checked here, more strictly than yajl would. */
    (void)yajl_config(handle, yajl_dont_validate_strings, 1);
    status = yajl_parse(handle, walk->json.data, walk->json.size);
    if (status == yajl_status_error) {
        (void)refuse_rest(walk, yajl_get_bytes_consumed(handle));
    } else if (status == yajl_status_ok) {
        status = yajl_complete_parse(handle);
        if (status == yajl_status_error) {
            (void)refuse_rest(walk, walk->json.size + 1);
        }
    }
    if (status != yajl_status_ok) {
        return -1;
    }
    end = json_token_start(walk->json, walk->at);
    if (end < walk->json.size) {
        (void)refuse(walk, end, "not allowed behind the value");
        return -1;
    }
    return 0;
}

int json_walk(struct bytes json, const struct value_limits *limits, struct json_sink *sink,
              struct err *err)
{
    yajl_alloc_funcs memory = {yajl_get, yajl_more, yajl_give_back, NULL};
    struct walk      walk = {.json = json, .limits = limits, .sink = sink, .err = err};
    yajl_handle      handle;
    int              result;

    if (json.size > limits->bytes) {
        return err_set(err, ERR_TOO_LARGE, "the JSON text has %zu bytes, at most %zu are read",
                       json.size, limits->bytes);
    }
    handle = yajl_alloc(&callbacks, &memory, &walk);
    result = parse(&walk, handle);
    yajl_free(handle);
    mem_free(walk.frames);
    mem_free(walk.names);
    arena_free(walk.unescaped);
    return result;
}
