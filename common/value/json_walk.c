// SPDX-License-Identifier: MIT
#include "value/json_walk.h"

#include "value/json_text.h"
#include "value/json_token.h"
#include "value/names.h"
#include "value/number.h"

/* What may come next. */
enum next { ITEM, ITEM_OR_END, NAME, NAME_OR_END, COLON, COMMA_OR_END, NOTHING };

static const char *const wanted[] = {
    [ITEM] = "a value is wanted here",
    [ITEM_OR_END] = "a value or ] is wanted here",
    [NAME] = "a member's name in quotes is wanted here",
    [NAME_OR_END] = "a member's name in quotes or } is wanted here",
    [COLON] = "a colon is wanted here",
    [COMMA_OR_END] = "a comma, or the end of the list or object, is wanted here",
    [NOTHING] = "not allowed behind the value",
};

/* An open list or map. */
struct frame {
    enum value_kind kind;
    uint32_t        count;
    size_t          first_name; /* its names lie from here on */
    size_t          mark;       /* the sink's */
};

struct walk {
    struct bytes               json;
    size_t                     at;
    enum next                  next;
    const struct value_limits *limits;
    size_t                     values;
    struct frame              *frames;
    unsigned                   depth;
    unsigned                   frames_room;
    struct name               *names; /* of all open maps, the innermost last */
    size_t                     names_count;
    size_t                     names_room;
    struct arena              *unescaped; /* names that were written with escapes */
    struct buf                 room;      /* for a text that was */
    struct json_sink          *sink;
    struct err                *err;
};

static bool refuse(struct walk *walk, size_t at, const char *why)
{
    (void)err_set(walk->err, ERR_MALFORMED, "byte %zu: %s", at, why);
    return false;
}

static bool count_value(struct walk *walk)
{
    if (++walk->values > walk->limits->values) {
        (void)err_set(walk->err, ERR_TOO_LARGE, "byte %zu: more than %zu values", walk->at,
                      walk->limits->values);
        return false;
    }
    if (walk->depth > 0 && walk->frames[walk->depth - 1].kind == VALUE_LIST) {
        walk->frames[walk->depth - 1].count++;
    }
    return true;
}

static void value_ended(struct walk *walk, size_t end)
{
    walk->at = end;
    walk->next = walk->depth > 0 ? COMMA_OR_END : NOTHING;
}

/* ---------------------------------- texts and names ---------------------------------- */

static bool read_text(struct walk *walk, struct bytes *ret_text, size_t *ret_end)
{
    struct json_token token;

    if (json_text_read(walk->json, walk->at, &walk->room, ret_text, ret_end)) {
        return true;
    }
    token = json_token_string(walk->json, walk->at);
    return refuse(walk, token.end, token.why);
}

/* Does it point into the input? */
static bool is_lasting(const struct walk *walk, struct bytes text)
{
    return text.data != walk->room.data;
}

static bool take_text(struct walk *walk)
{
    struct value text = {.kind = VALUE_TEXT};
    size_t       end;

    if (!read_text(walk, &text.as.text, &end) || !count_value(walk)) {
        return false;
    }
    walk->sink->put(walk->sink, &text, is_lasting(walk, text.as.text));
    value_ended(walk, end);
    return true;
}

static void keep_name(struct walk *walk, struct bytes text)
{
    if (walk->names_count == walk->names_room) {
        walk->names_room = walk->names_room == 0 ? 64 : walk->names_room * 2;
        walk->names = mem_more(walk->names, walk->names_room * sizeof(*walk->names));
    }
    if (!is_lasting(walk, text)) {
        if (walk->unescaped == NULL) {
            walk->unescaped = arena_new();
        }
        text = arena_bytes(walk->unescaped, text);
    }
    walk->names[walk->names_count++] = (struct name){text, walk->at};
}

static bool take_name(struct walk *walk)
{
    struct bytes name;
    size_t       end;

    if (!read_text(walk, &name, &end)) {
        return false;
    }
    keep_name(walk, name);
    walk->frames[walk->depth - 1].count++;
    walk->sink->name(walk->sink, name, is_lasting(walk, name));
    walk->at = end;
    walk->next = COLON;
    return true;
}

/* -------------------------------- the other scalars -------------------------------- */

static bool read_number(struct walk *walk, size_t end, struct value *ret_number)
{
    switch (number_read((struct bytes){walk->json.data + walk->at, end - walk->at}, ret_number)) {
    case NUMBER_INEXACT:
        return refuse(walk, walk->at, "an integer outside +-(2^53 - 1); send it as a string");
    case NUMBER_OVERFLOWS:
        return refuse(walk, walk->at, "the number is too large for a double");
    case NUMBER_FITS:
        break;
    }
    return true;
}

/* A number, true, false or null. */
static bool take_word(struct walk *walk)
{
    struct json_token token = json_token_any(walk->json, walk->at);
    uint8_t           first = walk->json.data[walk->at];
    struct value      value = value_null();

    if (token.why != NULL) {
        return refuse(walk, token.end, token.end == walk->at ? wanted[walk->next] : token.why);
    }
    if (first == 't' || first == 'f') {
        value = value_flag(first == 't');
    } else if (first != 'n' && !read_number(walk, token.end, &value)) {
        return false;
    }
    if (!count_value(walk)) {
        return false;
    }
    walk->sink->put(walk->sink, &value, true);
    value_ended(walk, token.end);
    return true;
}

/* ---------------------------------- lists and maps ---------------------------------- */

static bool open_frame(struct walk *walk, enum value_kind kind)
{
    if (!count_value(walk)) {
        return false;
    }
    if (walk->depth >= walk->limits->depth) {
        (void)err_set(walk->err, ERR_MALFORMED, "byte %zu: nested deeper than %u levels", walk->at,
                      walk->limits->depth);
        return false;
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
    walk->at++;
    walk->next = kind == VALUE_MAP ? NAME_OR_END : ITEM_OR_END;
    return true;
}

static bool close_frame(struct walk *walk)
{
    struct frame *frame = &walk->frames[walk->depth - 1];
    struct name   repeat;

    if (frame->count > 0 && frame->kind == VALUE_MAP) {
        if (names_repeat(walk->names + frame->first_name, frame->count, &repeat)) {
            return refuse(walk, repeat.at, "the object has a member of this name already");
        }
        walk->names_count = frame->first_name;
    }
    walk->sink->close(walk->sink, frame->kind, frame->mark, frame->count);
    walk->depth--;
    value_ended(walk, walk->at + 1);
    return true;
}

/* ------------------------------------- the walk ------------------------------------- */

static bool take_value(struct walk *walk)
{
    switch (walk->json.data[walk->at]) {
    case '"':
        return take_text(walk);
    case '{':
        return open_frame(walk, VALUE_MAP);
    case '[':
        return open_frame(walk, VALUE_LIST);
    default:
        return take_word(walk);
    }
}

static bool pass(struct walk *walk, enum next next)
{
    walk->at++;
    walk->next = next;
    return true;
}

/* The token at walk->at, or the bracket, comma or colon. */
static bool take(struct walk *walk)
{
    uint8_t first = walk->json.data[walk->at];
    bool    in_map = walk->depth > 0 && walk->frames[walk->depth - 1].kind == VALUE_MAP;

    if (walk->next == ITEM || (walk->next == ITEM_OR_END && first != ']')) {
        return take_value(walk);
    }
    if ((walk->next == NAME || walk->next == NAME_OR_END) && first == '"') {
        return take_name(walk);
    }
    if (walk->next == COLON && first == ':') {
        return pass(walk, ITEM);
    }
    if (walk->next == COMMA_OR_END && first == ',') {
        return pass(walk, in_map ? NAME : ITEM);
    }
    if (walk->next != NAME && walk->next != COLON && walk->next != NOTHING &&
        first == (in_map ? '}' : ']')) {
        return close_frame(walk);
    }
    return refuse(walk, walk->at, wanted[walk->next]);
}

static bool run(struct walk *walk)
{
    for (;;) {
        walk->at = json_token_start(walk->json, walk->at);
        if (walk->at == walk->json.size) {
            return walk->next == NOTHING || refuse(walk, walk->at, "the text ends too early");
        }
        if (!take(walk)) {
            return false;
        }
    }
}

int json_walk(struct bytes json, const struct value_limits *limits, struct json_sink *sink,
              struct err *err)
{
    struct walk walk = {.json = json, .limits = limits, .sink = sink, .err = err};
    bool        right;

    if (json.size > limits->bytes) {
        return err_set(err, ERR_TOO_LARGE, "the JSON text has %zu bytes, at most %zu are read",
                       json.size, limits->bytes);
    }
    right = run(&walk);
    mem_free(walk.frames);
    mem_free(walk.names);
    arena_free(walk.unescaped);
    buf_done(&walk.room);
    return right ? 0 : -1;
}
