// SPDX-License-Identifier: MIT
#include "gateway/cli/letters.h"

#include <stdio.h>

#include "base/clock.h"
#include "lib/jetstream.h"
#include "lib/test.h"
#include "trace/message.h"

static struct stream *world(void)
{
    const struct stream_settings settings = {
        .url = jetstream_url(),
        .name = "test",
        .replicas = 1,
        .ingest_keep_ms = 3600 * 1000,
        .ingest_bytes = 64 << 20,
        .dead_keep_ms = 3600 * 1000,
        .publish_window = 16,
    };
    struct stream *stream = NULL;
    struct err     err = {0};

    if (settings.url == NULL || stream_open(&stream, &settings, &err) < 0 ||
        stream_setup(stream, &err) < 0 || stream_purge(stream, "PRT_INGEST", ">", &err) < 0 ||
        stream_purge(stream, "PRT_DEAD", ">", &err) < 0) {
        test_failed(__FILE__, __LINE__, "no world: %s", err.story);
        stream_close(stream);
        return NULL;
    }
    return stream;
}

static void bury(struct stream *stream, const char *trace, const char *stage, enum err_code code)
{
    CLEANUP(buf) struct buf  body = {0};
    char                     subject[SUBJECT_BYTES];
    char                     from[SUBJECT_BYTES];
    const struct dead_letter letter = {
        .stage = stage,
        .reason = err_reason(code),
        .code = err_name(code),
        .story = "it was not to be",
        .tries = 3,
        .stream = "PRT_INGEST",
        .subject = from,
        .seq = 7,
        .stored_us = clock_us(),
        .at_us = clock_us(),
        .reply = "_INBOX.gone.1",
        .request = "r-1",
        .parent = "00-1-2-01",
        .payload = BYTES("the message"),
    };
    struct err err = {0};

    subject_ingest(from, "acme", trace, MESSAGE_CHUNK);
    subject_stage(subject, "dead", stage, "acme", trace);
    dead_letter_write(&body, &letter);
    CHECK_WORKS(stream_publish(
        stream, &(struct publication){.subject = subject, .body = buf_bytes(&body)}, NULL, &err));
}

struct seen {
    int      count;
    uint64_t seq; /* of the last */
};

static int see(void *arg, const struct letter *letter, struct err *err)
{
    struct seen *seen = arg;

    (void)err;
    seen->count++;
    seen->seq = letter->seq;
    return 0;
}

static struct seen find(struct stream *stream, struct letter_filter filter)
{
    struct seen seen = {0};
    struct err  err = {0};

    CHECK_WORKS(letters_find(stream, &filter, see, &seen, &err));
    return seen;
}

TEST(letters, are_found_by_stage_reason_trace_and_time)
{
    CLEANUP(stream) struct stream *stream = world();
    int64_t                        between;

    bury(stream, "t-1", "validate", ERR_SCHEMA);
    bury(stream, "t-1", "qa", ERR_SANDBOX_FAILED);
    between = clock_us();
    bury(stream, "t-2", "validate", ERR_TRACE_CLOSED);
    CHECK_NUMBER(find(stream, (struct letter_filter){0}).count, 3);
    CHECK_NUMBER(find(stream, (struct letter_filter){.stage = "validate"}).count, 2);
    CHECK_NUMBER(find(stream, (struct letter_filter){.trace = "t-1"}).count, 2);
    CHECK_NUMBER(find(stream, (struct letter_filter){.reason = "sandbox"}).count, 1);
    CHECK_NUMBER(find(stream, (struct letter_filter){.code = "trace_closed"}).count, 1);
    CHECK_NUMBER(find(stream, (struct letter_filter){.since_us = between}).count, 1);
    CHECK_NUMBER(find(stream, (struct letter_filter){.until_us = between}).count, 2);
    CHECK_NUMBER(find(stream, (struct letter_filter){.stage = "qa", .trace = "t-2"}).count, 0);
}

/* nats-server 2.9 does not say what is left when the newest of a stream was deleted. */
TEST(letters, are_found_when_the_newest_is_gone)
{
    CLEANUP(stream) struct stream *stream = world();
    CLEANUP(arena) struct arena   *arena = arena_new();
    struct letter                  letter;
    struct err                     err = {0};

    for (int i = 0; i < 3; i++) {
        bury(stream, "t-1", "validate", ERR_SCHEMA);
    }
    CHECK_WORKS(
        letter_read(stream, arena, find(stream, (struct letter_filter){0}).seq, &letter, &err));
    CHECK_WORKS(letter_drop(stream, &letter, &err));
    CHECK_NUMBER(find(stream, (struct letter_filter){0}).count, 2);
    CHECK_NUMBER(find(stream, (struct letter_filter){.trace = "t-1"}).count, 2);
    CHECK_WORKS(letter_drop(stream, &letter, &err)); /* by somebody else meanwhile */
}

TEST(letters, go_back_where_they_failed_and_only_then_leave)
{
    CLEANUP(stream) struct stream *stream = world();
    CLEANUP(arena) struct arena   *arena = arena_new();
    struct letter                  letter;
    struct stored_msg              back;
    uint64_t                       seq = 0;
    struct err                     err = {0};

    bury(stream, "t-1", "validate", ERR_POISON);
    CHECK_WORKS(
        letter_read(stream, arena, find(stream, (struct letter_filter){0}).seq, &letter, &err));
    CHECK_WORKS(letter_retry(stream, &letter, letter.letter.payload, &seq, &err));
    CHECK_WORKS(stream_get(stream, arena, "PRT_INGEST", seq, &back, &err));
    CHECK_TEXT(back.subject, "prt.ingest.acme.t-1.chunk");
    CHECK(bytes_is(back.body, "the message"));
    CHECK(back.id != NULL);
    CHECK_NUMBER(find(stream, (struct letter_filter){0}).count, 0);
    CHECK_FAILS(letter_read(stream, arena, letter.seq, &letter, &err), ERR_NOT_FOUND);
}

TEST(letters, are_put_back_once_however_often_a_retry_is_broken_off)
{
    CLEANUP(stream) struct stream *stream = world();
    CLEANUP(arena) struct arena   *arena = arena_new();
    struct stream_state            state;
    struct letter                  letter;
    struct err                     err = {0};

    bury(stream, "t-1", "validate", ERR_POISON);
    CHECK_WORKS(
        letter_read(stream, arena, find(stream, (struct letter_filter){0}).seq, &letter, &err));
    CHECK_WORKS(letter_retry(stream, &letter, letter.letter.payload, NULL, &err));
    /* As one who died between the two steps would do it again. */
    CHECK_WORKS(letter_retry(stream, &letter, letter.letter.payload, NULL, &err));
    CHECK_WORKS(stream_state(stream, "PRT_INGEST", &state, &err));
    CHECK_NUMBER(state.messages, 1);
}

TEST(letters, stay_while_the_stream_does_not_take_them_back)
{
    CLEANUP(stream) struct stream *stream = world();
    CLEANUP(arena) struct arena   *arena = arena_new();
    struct letter                  letter;
    struct err                     err = {0};

    bury(stream, "t-1", "validate", ERR_POISON);
    CHECK_WORKS(
        letter_read(stream, arena, find(stream, (struct letter_filter){0}).seq, &letter, &err));
    letter.letter.subject = "nobody.takes.this";
    CHECK_FAILS(letter_retry(stream, &letter, letter.letter.payload, NULL, &err), ERR_STREAM_DOWN);
    CHECK_NUMBER(find(stream, (struct letter_filter){0}).count, 1);
}

TEST(letters, that_cannot_be_read_are_shown_and_dropped_and_never_retried)
{
    CLEANUP(stream) struct stream *stream = world();
    CLEANUP(arena) struct arena   *arena = arena_new();
    const struct publication       garbage = {.subject = "prt.dead.qa.acme.t-9",
                                              .body = BYTES("garbage")};
    struct letter                  letter;
    struct err                     err = {0};

    CHECK_WORKS(stream_publish(stream, &garbage, NULL, &err));
    bury(stream, "t-1", "validate", ERR_SCHEMA);
    CHECK_NUMBER(find(stream, (struct letter_filter){0}).count, 2);
    CHECK_WORKS(letter_read(stream, arena, find(stream, (struct letter_filter){.stage = "qa"}).seq,
                            &letter, &err));
    CHECK_TEXT(letter.trace, "t-9");
    CHECK_TEXT(letter.letter.reason, "malformed");
    CHECK(bytes_is(letter.letter.payload, "garbage"));
    CHECK_FAILS(letter_retry(stream, &letter, letter.letter.payload, NULL, &err), ERR_MALFORMED);
    CHECK_WORKS(letter_drop(stream, &letter, &err));
    CHECK_NUMBER(find(stream, (struct letter_filter){0}).count, 1);
}
