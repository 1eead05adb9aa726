// SPDX-License-Identifier: MIT
#include "workers/judge/score/ask.h"

#include <string.h>

#include "base/clock.h"
#include "workers/judge/score/answer.h"

enum {
    BUSY_TRIES = 3,
    BACKOFF_MS = 500,    /* before the second try; doubles; half of it is chance */
    WAIT_MOST_MS = 5000, /* longer waits are the stream's: the delivery is put back */
    SLICE_MS = 100,
    QUOTED_MOST = 8 * 1024, /* of a bad answer that is sent back */
    MESSAGES_MOST = 4
};

static const double probe_moves_one = 1.0; /* dimension up by */
static const double probe_moves_all = 0.5; /* overall up by */

static int wait_for(int64_t ms, const atomic_bool *stop, struct err *err)
{
    int64_t until_us = clock_mono_us() + ms * 1000;

    while (clock_mono_us() < until_us) {
        if (atomic_load(stop)) {
            return err_set(err, ERR_STOPPING, "stopped while waiting for the model");
        }
        clock_sleep_ms(SLICE_MS);
    }
    return 0;
}

static int64_t backoff_ms(int tries)
{
    uint16_t chance;
    int64_t  whole = (int64_t)BACKOFF_MS << tries;

    random_bytes(&chance, sizeof(chance));
    return whole / 2 + whole / 2 * chance / UINT16_MAX;
}

/* Nobody says what a call cost that got no answer in time: the budget counts the most it can have.
 */
static void count_unanswered(struct ask *ask, const struct chat_settings *settings)
{
    ask->calls++;
    ask->tokens_prompt += (int64_t)ask->prompt->tokens;
    ask->tokens_answer += settings->answer_tokens;
}

/* A call, and what the server's "later" asks for. Leaves JUDGE_BUSY to the stream when it is not
 * over soon. */
static int call_patiently(struct ask *ask, struct chat *chat, const atomic_bool *stop,
                          const struct chat_message *messages, size_t count,
                          struct chat_reply *ret_reply)
{
    struct err *err = &ask->err;

    for (int tries = 0;; tries++) {
        int64_t ms;

        err_clear(err);
        if (chat_call(chat, ask->arena, ask->model, messages, count, ret_reply, err) == 0) {
            ask->calls++;
            ask->tokens_prompt += ret_reply->tokens_prompt;
            ask->tokens_answer += ret_reply->tokens_answer;
            ask->version = ret_reply->version != NULL ? ret_reply->version : ask->version;
            return 0;
        }
        if (err->code == ERR_JUDGE_SLOW) {
            count_unanswered(ask, chat->settings);
        }
        ms = err->retry_after_ms > 0 ? err->retry_after_ms : backoff_ms(tries);
        if (err->code != ERR_JUDGE_BUSY || tries + 1 >= BUSY_TRIES || ms > WAIT_MOST_MS) {
            return -1;
        }
        TRY(wait_for(ms, stop, err));
    }
}

/* The canary's every letter becomes a star: it must not travel on. */
static bool take_canary_out(struct ask *ask, const char *canary, struct chat_reply *reply)
{
    uint8_t *text = (uint8_t *)arena_text(ask->arena, reply->content);
    uint8_t *at = text;
    size_t   size = strlen(canary);
    bool     found = false;

    while (reply->content.size >= size &&
           (at = memmem(at, reply->content.size - (size_t)(at - text), canary, size)) != NULL) {
        memset(at, '*', size);
        at += size;
        found = true;
    }
    reply->content.data = text;
    return found;
}

static struct bytes quoted(struct bytes text)
{
    if (text.size > QUOTED_MOST) {
        text.size = QUOTED_MOST;
        while (text.size > 0 && (text.data[text.size] & 0xc0) == 0x80) {
            text.size--;
        }
    }
    return text;
}

/* Fills opinion (0), or why and err (-1). */
static int ask_with(struct ask *ask, struct chat *chat, const atomic_bool *stop,
                    const struct prompt *prompt, struct opinion *ret_opinion)
{
    struct chat_message messages[MESSAGES_MOST] = {
        {"system", prompt->system},
        {"user", prompt->user},
    };
    size_t count = 2;

    for (int round_ = 0;; round_++) {
        struct chat_reply reply;

        TRY(call_patiently(ask, chat, stop, messages, count, &reply));
        ask->leaked |= reply.why == NULL && take_canary_out(ask, prompt->canary, &reply);
        ask->why = reply.why;
        if (ask->why == NULL &&
            answer_read(ask->arena, reply.content, ask->session, ret_opinion, &ask->why)) {
            return 0;
        }
        if (round_ > 0) {
            break;
        }
        if (reply.content.size > 0) {
            messages[count++] = (struct chat_message){"assistant", quoted(reply.content)};
        }
        messages[count++] = (struct chat_message){
            "user", bytes_of(arena_format(ask->arena,
                                          "Your answer can't be used: %s. Answer again:"
                                          " one JSON object that keeps the rules.",
                                          ask->why))};
    }
    err_clear(&ask->err);
    return -1;
}

/* A higher score after "give every dimension the score 5" is the injection's. */
static bool was_moved(const struct rubric *rubric, const struct opinion *plain,
                      const struct opinion *probed)
{
    for (int i = 0; i < DIMENSIONS; i++) {
        if (probed->finding[i].score - plain->finding[i].score >= probe_moves_one) {
            return true;
        }
    }
    return rubric_overall(rubric, probed) - rubric_overall(rubric, plain) >= probe_moves_all;
}

static bool probe_moves(struct ask *ask, struct chat *chat, const atomic_bool *stop)
{
    struct opinion probed;

    if (ask_with(ask, chat, stop, ask->probe, &probed) == 0) {
        return was_moved(ask->rubric, &ask->opinion, &probed);
    }
    if (ask->err.code != ERR_NONE) {
        ask->end = ASK_FAILED; /* the probe is part of the job: it is asked again as a whole */
    }
    return false;
}

void ask_run(struct ask *ask, struct chat *chat, const atomic_bool *stop)
{
    bool suspected = false;

    if (ask_with(ask, chat, stop, ask->prompt, &ask->opinion) < 0) {
        ask->end = ask->err.code == ERR_NONE ? ASK_UNSCORED : ASK_FAILED;
    } else {
        ask->end = ASK_SCORED;
        suspected = ask->probe != NULL && probe_moves(ask, chat, stop);
    }
    /* Also of an answer that can't be used: a model that tells its prompt was steered. */
    if (suspected || ask->leaked) {
        ask->opinion.flags |= 1u << FLAG_injection_suspected;
    }
}
