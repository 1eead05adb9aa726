// SPDX-License-Identifier: MIT
/* Any bytes as a model server's body and as a model's answer: read or refused with a reason, and
 * what is taken has finite scores, existing events, and comes back from the cache as it was. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "workers/judge/score/answer.h"
#include "workers/judge/score/chat.h"

static struct step steps[] = {{.kind = STEP_TEST, .seq = 0}, {.kind = STEP_EDIT, .seq = 10}};
static const struct session session = {.steps = steps, .count = COUNT_OF(steps)};

static void check_opinion(const struct opinion *opinion)
{
    for (int i = 0; i < DIMENSIONS; i++) {
        const struct finding *finding = &opinion->finding[i];

        MUST(finding->score >= 0 && finding->score <= SCORE_MOST);
        MUST(finding->reason.size > 0);
        MUST(finding->evidence_count <= EVIDENCE_MOST);
        for (size_t j = 0; j < finding->evidence_count; j++) {
            MUST(session_has_seq(&session, finding->evidence[j]));
        }
    }
    MUST(opinion->summary.size > 0);
    MUST((opinion->flags >> FLAG_injection_suspected & 1) == 0);
}

static void read_answer(struct arena *arena, struct bytes text)
{
    CLEANUP(buf) struct buf once = {0};
    CLEANUP(buf) struct buf twice = {0};
    struct err     err = {0};
    struct opinion opinion;
    struct opinion again;
    const char    *why = NULL;

    if (!answer_read(arena, text, &session, &opinion, &why)) {
        MUST(why != NULL && why[0] != '\0');
        return;
    }
    check_opinion(&opinion);
    MUST(answer_write(&once, arena, &opinion, &err) == 0);
    MUST(answer_read(arena, buf_bytes(&once), &session, &again, &why));
    MUST(answer_write(&twice, arena, &again, &err) == 0);
    MUST(bytes_equal(buf_bytes(&once), buf_bytes(&twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct bytes      body = {data, size};
    struct chat_reply reply;

    chat_read(arena, body, &reply);
    MUST((reply.why == NULL) == (reply.content.size > 0));
    MUST(reply.tokens_prompt >= 0 && reply.tokens_answer >= 0);
    read_answer(arena, body);
    if (reply.why == NULL) {
        read_answer(arena, reply.content);
    }
    return 0;
}
