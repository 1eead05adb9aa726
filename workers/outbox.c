// SPDX-License-Identifier: MIT
#include "workers/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct letter {
    const struct delivery *from;
    struct publication     what;
};

struct answer {
    const struct delivery *from;
    int                    http;
    struct bytes           json;
    bool                   released, sent;
};

enum { BUNDLE_BYTES = 256 * 1024 }; /* of answers in one message; the broker takes a megabyte */

struct outbox {
    struct arena  *arena; /* of all texts and bodies */
    struct letter *letters;
    size_t         letter_count, letter_room;
    struct answer *answers;
    size_t         answer_count, answer_room;
};

struct outbox *outbox_new(void)
{
    struct outbox *out = mem_zero(1, sizeof(*out));

    out->arena = arena_new();
    return out;
}

void outbox_free(struct outbox *out)
{
    if (out != NULL) {
        arena_free(out->arena);
        mem_free(out->letters);
        mem_free(out->answers);
        mem_free(out);
    }
}

void outbox_clear(struct outbox *out)
{
    arena_reset(out->arena);
    out->letter_count = 0;
    out->answer_count = 0;
}

static const char *copy(struct outbox *out, const char *text)
{
    return text == NULL ? NULL : arena_text(out->arena, bytes_of(text));
}

/* A replay within the stream's duplicate window of the first time must not be taken for it. */
static const char *id_of(struct outbox *out, const struct delivery *in, const char *id)
{
    return id == NULL || in->replay == NULL ? copy(out, id)
                                            : arena_format(out->arena, "%s~%s", id, in->replay);
}

static struct bytes bytes_or_none(const char *text)
{
    return text == NULL ? BYTES("") : bytes_of(text);
}

static void put(struct outbox *out, const struct delivery *in, const char *subject,
                struct message message, const char *id, bool pass_reply)
{
    CLEANUP(buf) struct buf bytes = {0};

    message.reply = bytes_or_none(pass_reply ? in->reply : NULL);
    message.request = bytes_or_none(in->request);
    message_write(&bytes, &message);
    if (out->letter_count == out->letter_room) {
        out->letter_room = out->letter_room == 0 ? 64 : out->letter_room * 2;
        out->letters = mem_more(out->letters, out->letter_room * sizeof(*out->letters));
    }
    out->letters[out->letter_count++] = (struct letter){
        .from = in,
        .what = {.subject = copy(out, subject),
                 .body = arena_bytes(out->arena, buf_bytes(&bytes)),
                 .id = id_of(out, in, id),
                 .parent = copy(out, in->parent),
                 .replay = copy(out, in->replay)},
    };
}

void outbox_put(struct outbox *out, const struct delivery *in, const char *family,
                const char *stage, const char *id, struct bytes body, bool pass_reply)
{
    const struct message message = {
        .kind = strcmp(family, "result") == 0 ? MESSAGE_RESULT : MESSAGE_WORK,
        .at_us = clock_us(),
        .body = body,
    };
    char subject[SUBJECT_BYTES];

    subject_stage(subject, family, stage, in->to.tenant, in->to.trace);
    put(out, in, subject, message, id, pass_reply);
}

void outbox_put_ingest(struct outbox *out, const struct delivery *in, enum message_kind kind,
                       const char *id, struct bytes body, bool pass_reply)
{
    const struct message message = {.kind = kind, .at_us = clock_us(), .body = body};
    char                 subject[SUBJECT_BYTES];

    subject_ingest(subject, in->to.tenant, in->to.trace, kind);
    put(out, in, subject, message, id, pass_reply);
}

void outbox_answer(struct outbox *out, const struct delivery *in, int http, struct bytes json)
{
    if (in->reply == NULL) {
        return;
    }
    if (out->answer_count == out->answer_room) {
        out->answer_room = out->answer_room == 0 ? 64 : out->answer_room * 2;
        out->answers = mem_more(out->answers, out->answer_room * sizeof(*out->answers));
    }
    out->answers[out->answer_count++] =
        (struct answer){.from = in, .http = http, .json = arena_bytes(out->arena, json)};
}

/* Those of one delivery, or of all that have not failed (NULL). */
static size_t pick(const struct outbox *out, const struct delivery *of, struct publication *ret)
{
    size_t count = 0;

    for (size_t i = 0; i < out->letter_count; i++) {
        const struct letter *letter = &out->letters[i];

        if (letter->from->err.code == ERR_NONE && (of == NULL || letter->from == of)) {
            ret[count++] = letter->what;
        }
    }
    return count;
}

void outbox_publish(struct outbox *out, struct stream *stream, struct delivery *in, size_t count)
{
    struct publication *all = arena_get(out->arena, out->letter_count * sizeof(*all));
    size_t              picked = pick(out, NULL, all);
    struct err          err = {0};

    if (stream_publish_all(stream, all, picked, &err) == 0) {
        return;
    }
    /* Which one it was is found by trying each delivery's own; what was stored already is dropped
     * as a duplicate. In an outage the first of them says all there is to say. */
    for (size_t i = 0; i < count; i++) {
        picked = pick(out, &in[i], all);
        if (picked == 0) {
            continue;
        }
        if (err_fate(err.code) != FATE_WAIT) {
            err_clear(&err);
            if (stream_publish_all(stream, all, picked, &err) == 0) {
                continue;
            }
        }
        in[i].err = err;
        (void)err_add(&in[i].err, "the outbox");
    }
}

void answer_send(struct stream *stream, const struct delivery *in, int http, struct bytes json)
{
    const struct verdict_reply reply = {.http = http, .json = json};
    CLEANUP(buf) struct buf    bytes = {0};
    struct err                 err = {0};

    if (in->reply != NULL) {
        verdict_reply_write(&bytes, &reply);
        (void)!stream_reply(stream, in->reply, buf_bytes(&bytes), &err);
    }
}

bool outbox_release_answer(struct outbox *out, const struct delivery *in)
{
    for (size_t i = 0; i < out->answer_count; i++) {
        if (out->answers[i].from == in) {
            out->answers[i].released = true;
            return true;
        }
    }
    return false;
}

/* The length of "<inbox>" in a reply subject "<inbox>.<ticket>". */
static size_t inbox_length(const char *reply)
{
    const char *dot = strrchr(reply, '.');

    return dot == NULL ? 0 : (size_t)(dot - reply);
}

static bool same_inbox(const char *reply, const char *other, size_t length)
{
    return inbox_length(other) == length && memcmp(reply, other, length) == 0;
}

/* Those from `first` on that go where it goes, as far as they fit. */
static size_t bundle(struct outbox *out, size_t first, struct ticket_verdict *ret)
{
    const char *reply = out->answers[first].from->reply;
    size_t      length = inbox_length(reply);
    size_t      bytes = 0;
    size_t      count = 0;

    for (size_t i = first; i < out->answer_count && bytes < BUNDLE_BYTES; i++) {
        struct answer *answer = &out->answers[i];
        const char    *to = answer->from->reply;

        if (answer->released && !answer->sent && length > 0 && same_inbox(reply, to, length)) {
            ret[count++] =
                (struct ticket_verdict){bytes_of(to + length + 1), {answer->http, answer->json}};
            bytes += answer->json.size;
            answer->sent = true;
        }
    }
    return count;
}

void outbox_send_answers(struct outbox *out, struct stream *stream)
{
    struct ticket_verdict  *verdicts = arena_get(out->arena, out->answer_count * sizeof(*verdicts));
    CLEANUP(buf) struct buf bytes = {0};

    for (size_t i = 0; i < out->answer_count; i++) {
        const struct answer *answer = &out->answers[i];
        const char          *reply = answer->from->reply;
        size_t               count;
        struct err           err = {0};

        if (!answer->released || answer->sent) {
            continue;
        }
        count = bundle(out, i, verdicts);
        if (count < 2) {
            answer_send(stream, answer->from, answer->http, answer->json);
            continue;
        }
        bytes.size = 0;
        verdicts_write(&bytes, verdicts, count);
        (void)!stream_reply(
            stream,
            arena_format(out->arena, "%.*s." VERDICTS_TOKEN, (int)inbox_length(reply), reply),
            buf_bytes(&bytes), &err);
    }
}
