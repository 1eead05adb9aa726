// SPDX-License-Identifier: MIT
/* The same chunks, however they come: shuffled, again and again, cut into batches in any way,
 * handled by several processes at once, by processes that are killed. The document has the same
 * bytes. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "world.h"

enum { CHUNKS = 24, DELIVERIES = 60 };

static const struct statement forget = {"forget",
                                        "TRUNCATE traces, trace_heads, segments, trace_chunks, "
                                        "artifacts, idempotency_keys"
                                        " CASCADE",
                                        0};

/* Chunk n has 1 to 7 events; some repeat events of the chunk before, some hold a bad one. */
static void put_nth(struct world *world, int64_t n)
{
    int64_t    first = n * 10;
    int64_t    count = 1 + n % 7;
    struct buf json = {0};

    if (n % 5 == 4) {
        first -= 10; /* overlaps: what is known is a duplicate */
        count = 12;
    }
    buf_format(&json, "{\"chunk_id\":\"n%lld\",\"chunk_seq\":%lld,\"events\":[", (long long)n,
               (long long)n);
    for (int64_t seq = first; seq < first + count; seq++) {
        buf_format(
            &json,
            "%s{\"id\":\"e%lld\",\"seq\":%lld,\"ts_client_s\":%lld,\"type\":\"rationale_note\""
            ",\"freeform\":\"step %lld\"}",
            seq == first ? "" : ",", (long long)seq, (long long)seq, 1763000000LL + (long long)seq,
            (long long)seq);
    }
    buf_put_text(&json, n % 6 == 3 ? ",{\"id\":\"bad\",\"seq\":1}]}" : "]}");
    world->at_us = 1763000000000000 + n * 1000000;
    put_message(world, "t", MESSAGE_CHUNK, buf_text(&json));
    buf_done(&json);
}

/* A little generator of our own: the same on every machine, and each round says its seed. */
static uint32_t draw(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525U + 1013904223U;
    return (uint32_t)(((uint64_t)*seed * below) >> 32);
}

/* Every chunk once, then more of them at random; in random order. */
static void deal(uint32_t *seed, int64_t order[DELIVERIES])
{
    for (int i = 0; i < DELIVERIES; i++) {
        order[i] = i < CHUNKS ? i : (int64_t)draw(seed, CHUNKS);
    }
    for (uint32_t i = DELIVERIES - 1; i > 0; i--) {
        uint32_t j = draw(seed, i + 1);
        int64_t  swap = order[i];

        order[i] = order[j];
        order[j] = swap;
    }
}

/* Hands them over in batches of random size; a batch that clashed or met an outage is handed over
 * again, as JetStream would. `told` hears of every batch that is done. */
static bool hand_over(struct world *world, uint32_t *seed, int told)
{
    int64_t order[DELIVERIES];
    int     from = 0;

    deal(seed, order);
    while (from < DELIVERIES) {
        int        size = 1 + (int)draw(seed, 9);
        struct err err = {0};

        for (int i = from; i < from + size && i < DELIVERIES; i++) {
            put_nth(world, order[i]);
        }
        if (validate(world, &err) == 0) {
            from += size;
        } else if (err_fate(err.code) == FATE_REJECT) {
            printf("    %s: %s\n", err_name(err.code), err.story);
            return false;
        }
        if (told >= 0 && write(told, "", 1) != 1) {
            return false;
        }
    }
    return true;
}

/* Of batches with fewer bytes, lines stay in the rows. */
static void kept_below(struct world *world, uint32_t bytes)
{
    world->config.keep_lines = bytes;
    reopened(world);
}

static struct bytes document_now(struct world *world)
{
    struct err err = {0};

    world->at_us = 1763009999000000;
    put_message(world, "t", MESSAGE_COMPLETE, "{\"num_chunks\":24}");
    put_open(world, "t");
    validated(world);
    CHECK_WORKS(finalize(world, "t", &err));
    return document_of(world, "t");
}

static void start_again(struct world *world)
{
    struct err err = {0};

    CHECK_WORKS(store_run(world->farm.store, &forget, NULL, NULL, &err));
    CHECK_WORKS(blob_delete(world->farm.blob, BUCKET_TRACES, "t/trace.json", &err));
}

static struct bytes in_order(struct world *world)
{
    for (int64_t n = 0; n < CHUNKS; n++) {
        put_nth(world, n);
        validated(world);
    }
    return document_now(world);
}

static void same(struct world *world, struct bytes want, uint32_t seed)
{
    struct bytes got = document_now(world);

    if (!bytes_equal(got, want)) {
        test_failed(__FILE__, __LINE__, "the document differs; seed %u", seed);
    }
}

TEST(any_way, shuffled_repeated_and_cut_anyhow_gives_the_same_bytes)
{
    CLEANUP(world) struct world *world = world_new();
    struct bytes                 want = in_order(world);

    CHECK(want.size > 5000);
    for (uint32_t seed = 1; seed <= 25; seed++) {
        uint32_t now = seed;

        start_again(world);
        kept_below(world, draw(&now, 4000));
        CHECK(hand_over(world, &now, -1));
        same(world, want, seed);
    }
}

/* A process of its own, with its own connections. It never returns. */
static pid_t in_a_process(const struct world *first, uint32_t seed, int told)
{
    pid_t pid = fork();

    if (pid == 0) {
        struct world *world = world_beside(first);

        kept_below(world, 2000);
        _exit(hand_over(world, &seed, told) ? 0 : 1);
    }
    return pid;
}

TEST(any_way, processes_that_race_for_one_trace_give_the_same_bytes)
{
    CLEANUP(world) struct world *world = world_new();
    struct bytes                 want = in_order(world);

    for (uint32_t seed = 100; seed < 105; seed++) {
        pid_t racers[3];

        start_again(world);
        for (uint32_t i = 0; i < COUNT_OF(racers); i++) {
            racers[i] = in_a_process(world, seed * 10 + i, -1);
        }
        for (size_t i = 0; i < COUNT_OF(racers); i++) {
            int status = -1;

            CHECK(waitpid(racers[i], &status, 0) == racers[i]);
            CHECK_NUMBER(status, 0);
        }
        same(world, want, seed);
    }
}

TEST(any_way, a_process_killed_at_any_moment_leaves_what_a_redelivery_completes)
{
    CLEANUP(world) struct world *world = world_new();
    struct bytes                 want = in_order(world);

    for (uint32_t seed = 200; seed < 215; seed++) {
        uint32_t now = seed;
        int      told[2];
        pid_t    victim;
        char     done;

        start_again(world);
        CHECK(pipe(told) == 0);
        victim = in_a_process(world, seed, told[1]);
        (void)close(told[1]);
        for (uint32_t i = draw(&now, 10) + 1; i > 0; i--) {
            (void)!read(told[0], &done, 1);
        }
        (void)kill(victim, SIGKILL); /* in the middle of what comes next */
        CHECK(waitpid(victim, NULL, 0) == victim);
        (void)close(told[0]);
        CHECK(hand_over(world, &now, -1));
        same(world, want, seed);
    }
}
