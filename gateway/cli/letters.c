// SPDX-License-Identifier: MIT
#include "gateway/cli/letters.h"

#include <stdio.h>
#include <string.h>

#include "trace/message.h"

#define DEAD "PRT_DEAD"

/* One that can't be read can still be looked at and dropped: it must not hide the others. */
static struct letter open_letter(struct arena *arena, const struct stored_msg *stored)
{
    struct subject subject = {.stage = "unknown", .tenant = "unknown", .trace = "unknown"};
    struct letter  letter = {.seq = stored->seq};
    struct err     err = {0};

    if (subject_read(arena, stored->subject, &subject, &err) < 0 ||
        dead_letter_read(arena, stored->body, &letter.letter, &err) < 0) {
        letter.letter = (struct dead_letter){
            .stage = subject.stage,
            .reason = err_reason(err.code),
            .code = err_name(err.code),
            .story = arena_text(arena, bytes_of(err.story)),
            .stream = DEAD,
            .subject = NULL,
            .at_us = stored->stored_us,
            .payload = stored->body,
        };
    }
    letter.tenant = subject.tenant;
    letter.trace = subject.trace;
    return letter;
}

static bool same(const char *wanted, const char *is)
{
    return wanted == NULL || strcmp(wanted, is) == 0;
}

static bool fits(const struct letter_filter *filter, const struct letter *letter)
{
    return same(filter->stage, letter->letter.stage) &&
           same(filter->reason, letter->letter.reason) && same(filter->code, letter->letter.code) &&
           same(filter->trace, letter->trace) && letter->letter.at_us >= filter->since_us &&
           (filter->until_us == 0 || letter->letter.at_us < filter->until_us);
}

int letters_find(struct stream *stream, const struct letter_filter *filter, letter_each each,
                 void *arg, struct err *err)
{
    CLEANUP(arena) struct arena   *arena = arena_new();
    CLEANUP(browse) struct browse *browse = NULL;
    char                           subject[SUBJECT_BYTES];
    struct browse_settings settings = {.stream_name = DEAD, .subject = subject, .bodies = true};
    bool                   there = true;

    subject_stage(subject, "dead", filter->stage == NULL ? "*" : filter->stage, "*",
                  filter->trace == NULL ? "*" : filter->trace);
    TRY(browse_open(&browse, stream, &settings, err));
    while (there) {
        struct stored_msg stored;
        struct letter     letter;

        arena_reset(arena);
        TRY(browse_next(browse, arena, &stored, &there, err));
        if (!there) {
            break;
        }
        letter = open_letter(arena, &stored);
        if (fits(filter, &letter)) {
            TRY(each(arg, &letter, err));
        }
    }
    return 0;
}

int letter_read(struct stream *stream, struct arena *arena, uint64_t seq, struct letter *ret_letter,
                struct err *err)
{
    struct stored_msg stored;

    if (stream_get(stream, arena, DEAD, seq, &stored, err) < 0) {
        return err->code != ERR_NOT_FOUND ? -1
                                          : err_set(err, ERR_NOT_FOUND,
                                                    "there is no dead letter %llu: it was retried, "
                                                    "dropped or is too old; prt dead"
                                                    " list shows those there are",
                                                    (unsigned long long)seq);
    }
    *ret_letter = open_letter(arena, &stored);
    return 0;
}

int letter_retry(struct stream *stream, const struct letter *letter, struct bytes payload,
                 uint64_t *ret_seq, struct err *err)
{
    char                     id[96];
    const struct publication what = {
        .subject = letter->letter.subject,
        .body = payload,
        .id = id,
        .parent = letter->letter.parent,
        .replay = id,
    };

    if (what.subject == NULL) {
        return err_set(err, ERR_MALFORMED,
                       "dead letter %llu can't be read, and so not be retried: %s",
                       (unsigned long long)letter->seq, letter->letter.story);
    }
    /* The time tells it from one of a stream that was made anew. */
    (void)snprintf(id, sizeof(id), "retry-%llu-%lld", (unsigned long long)letter->seq,
                   (long long)letter->letter.at_us);
    if (stream_publish(stream, &what, ret_seq, err) < 0 || letter_drop(stream, letter, err) < 0) {
        return err_add(err, "retrying dead letter %llu", (unsigned long long)letter->seq);
    }
    return 0;
}

int letter_drop(struct stream *stream, const struct letter *letter, struct err *err)
{
    if (stream_delete(stream, DEAD, letter->seq, err) < 0) {
        if (err->code != ERR_NOT_FOUND) {
            return -1;
        }
        err_clear(err); /* somebody else did it meanwhile */
    }
    return 0;
}
