// SPDX-License-Identifier: MIT
#include "trace/dead_letter.h"

#include "value/msgpack.h"

enum { DEAD_LETTER_VERSION = 1, DEAD_LETTER_MOST = 64 << 20, DEAD_LETTER_VALUES = 128 };

static void put_text(struct buf *out, const char *name, const char *text)
{
    msgpack_put_text(out, bytes_of(name));
    if (text == NULL) {
        msgpack_put_null(out);
    } else {
        msgpack_put_text(out, bytes_of(text));
    }
}

static void put_whole(struct buf *out, const char *name, int64_t whole)
{
    msgpack_put_text(out, bytes_of(name));
    msgpack_put_whole(out, whole);
}

void dead_letter_write(struct buf *out, const struct dead_letter *letter)
{
    msgpack_put_map(out, 16);
    put_whole(out, "v", DEAD_LETTER_VERSION);
    put_text(out, "stage", letter->stage);
    put_text(out, "reason", letter->reason);
    put_text(out, "code", letter->code);
    put_text(out, "story", letter->story);
    put_whole(out, "tries", letter->tries);
    put_text(out, "stream", letter->stream);
    put_text(out, "subject", letter->subject);
    put_whole(out, "seq", letter->seq);
    put_whole(out, "stored_us", letter->stored_us);
    put_whole(out, "at_us", letter->at_us);
    put_text(out, "id", letter->id);
    put_text(out, "reply", letter->reply);
    put_text(out, "request", letter->request);
    put_text(out, "parent", letter->parent);
    msgpack_put_text(out, BYTES("payload"));
    msgpack_put_bin(out, letter->payload);
}

static const char *text_of(struct arena *arena, const struct value *map, const char *name)
{
    const struct value *value = value_get(map, name);

    return value == NULL || value->kind != VALUE_TEXT ? NULL : arena_text(arena, value->as.text);
}

int dead_letter_read(struct arena *arena, struct bytes bytes, struct dead_letter *ret_letter,
                     struct err *err)
{
    const struct value_limits limits = {
        .bytes = DEAD_LETTER_MOST, .depth = 4, .values = DEAD_LETTER_VALUES};
    struct value       map;
    struct dead_letter letter;

    if (msgpack_read(arena, bytes, &limits, true, &map, err) < 0) {
        return err_add(err, "the dead letter");
    }
    if (value_whole_or(value_get(&map, "v"), 0) != DEAD_LETTER_VERSION) {
        return err_set(err, ERR_MALFORMED,
                       "the dead letter is not of version %d; run the same"
                       " version everywhere",
                       DEAD_LETTER_VERSION);
    }
    letter = (struct dead_letter){
        .stage = text_of(arena, &map, "stage"),
        .reason = text_of(arena, &map, "reason"),
        .code = text_of(arena, &map, "code"),
        .story = text_of(arena, &map, "story"),
        .tries = value_whole_or(value_get(&map, "tries"), 0),
        .stream = text_of(arena, &map, "stream"),
        .subject = text_of(arena, &map, "subject"),
        .seq = value_whole_or(value_get(&map, "seq"), 0),
        .stored_us = value_whole_or(value_get(&map, "stored_us"), 0),
        .at_us = value_whole_or(value_get(&map, "at_us"), 0),
        .id = text_of(arena, &map, "id"),
        .reply = text_of(arena, &map, "reply"),
        .request = text_of(arena, &map, "request"),
        .parent = text_of(arena, &map, "parent"),
        .payload = arena_bytes(arena, value_text_or(value_get(&map, "payload"), "")),
    };
    if (letter.stage == NULL || letter.reason == NULL || letter.code == NULL ||
        letter.story == NULL || letter.stream == NULL || letter.subject == NULL) {
        return err_set(err, ERR_MALFORMED,
                       "the dead letter has no stage, reason, code, story, stream or subject");
    }
    *ret_letter = letter;
    return 0;
}
