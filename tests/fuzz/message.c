// SPDX-License-Identifier: MIT
/* Any bytes as a message, a verdict, a subject: what is read is written and read again the same. */
#include "fuzz/fuzz.h"

#include "trace/message.h"

static void check_message(struct bytes bytes)
{
    CLEANUP(buf) struct buf out = {0};
    struct message          message;
    struct message          again;
    struct bytes            reply;
    struct bytes            request;
    struct err              err = {0};

    message_asker(bytes, &reply, &request);
    if (message_read(bytes, &message, &err) < 0) {
        MUST(err.code == ERR_MALFORMED);
        return;
    }
    message_write(&out, &message);
    MUST(message_read(buf_bytes(&out), &again, &err) == 0);
    MUST(again.kind == message.kind && again.at_us == message.at_us);
    MUST(again.consent == message.consent);
    MUST(bytes_equal(again.body, message.body));
    MUST(bytes_equal(again.idempotency_key, message.idempotency_key));
    MUST(bytes_equal(again.reply, message.reply) && bytes_equal(reply, message.reply));
    MUST(bytes_equal(again.request, message.request) && bytes_equal(request, message.request));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct bytes                 bytes = {data, size};
    struct verdict_reply         reply;
    struct subject               subject;
    struct err                   err = {0};

    check_message(bytes);
    (void)(verdict_reply_read(bytes, &reply, &err) == 0);
    if (subject_read(arena, arena_text(arena, bytes), &subject, &err) == 0) {
        MUST(subject_name_ok(bytes_of(subject.tenant)) && subject_name_ok(bytes_of(subject.trace)));
    }
    return 0;
}
