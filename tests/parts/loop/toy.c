// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "value/msgpack.h"
#include "world.h"

int         toy_round;
atomic_int  toy_handled, toy_largest, toy_last_try, toy_begun, toy_stopped, toy_claimed;
atomic_bool toy_store_down, toy_let_go;

static bool is(const struct delivery *in, const char *word)
{
    size_t size = strlen(word);

    return strncmp(in->to.trace, word, size) == 0 &&
           (in->to.trace[size] == '-' || in->to.trace[size] == '\0');
}

static void leave(struct delivery *in, struct outbox *out)
{
    CLEANUP(buf) struct buf body = {0};

    msgpack_put_map(&body, 0);
    outbox_put(out, in, "result", "toy",
               arena_format(in->arena, "toy-%d-%s", toy_round, in->to.trace), buf_bytes(&body),
               false);
}

static int work_slowly(struct delivery *in, struct err *err)
{
    atomic_fetch_add(&toy_begun, 1);
    while (!atomic_load(&toy_let_go)) {
        clock_sleep_ms(10);
        if (delivery_extend(in, err) < 0) {
            atomic_fetch_add(&toy_stopped, err->code == ERR_STOPPING);
            return -1;
        }
    }
    return 0;
}

static int toy_handle(void *self, struct delivery *in, struct outbox *out, struct err *err)
{
    (void)self;
    atomic_fetch_add(&toy_handled, 1);
    if (in->claim != NULL && strcmp(in->claim, "claims/20261120/aa") == 0) {
        atomic_fetch_add(&toy_claimed, 1);
    }
    atomic_store(&toy_last_try, (int)in->tries);
    if (is(in, "refused")) {
        return err_set(err, ERR_SCHEMA, "a toy refused");
    }
    if (is(in, "answered")) {
        outbox_answer(out, in, 422, BYTES("{\"toy\":true}"));
        leave(in, out);
        return err_set(err, ERR_SCHEMA, "a toy refused, and said so");
    }
    if (is(in, "clash")) {
        return err_set(err, ERR_STORE_CLASH, "toys clashed");
    }
    if (is(in, "second")) {
        leave(in, out);
        return in->tries == 1 ? err_set(err, ERR_STORE_CLASH, "not at the first try") : 0;
    }
    if (is(in, "notready") && atomic_load(&toy_handled) <= 50) {
        (void)err_set(err, ERR_TRACE_NOT_READY, "%d of 50", atomic_load(&toy_handled));
        err->retry_after_ms = 1;
        return -1;
    }
    if (is(in, "down") && atomic_load(&toy_store_down)) {
        return err_set(err, ERR_STORE_DOWN, "no toys today");
    }
    if (is(in, "poison")) {
        _exit(13);
    }
    if (is(in, "slow")) {
        TRY(work_slowly(in, err));
    }
    leave(in, out);
    outbox_answer(out, in, 200, in->message.body);
    return 0;
}

static int toy_handle_batch(void *self, struct delivery *in, size_t count, struct outbox *out,
                            struct err *err)
{
    if ((int)count > atomic_load(&toy_largest)) {
        atomic_store(&toy_largest, (int)count);
    }
    for (size_t i = 0; i < count; i++) {
        if (is(&in[i], "bug")) {
            return err_set(err, ERR_BUG, "one toy broke them all");
        }
    }
    for (size_t i = 0; i < count; i++) {
        (void)!toy_handle(self, &in[i], out, &in[i].err);
    }
    return 0;
}

const struct stage toy_stage = {.handle = toy_handle};
const struct stage toy_batch_stage = {.handle_batch = toy_handle_batch};
