// SPDX-License-Identifier: MIT
/* validate: a trace's beginning and end, its keys and artifacts, and outages. */
#include "lib/postgres.h"
#include "questions.h"
#include "value/msgpack.h"
#include "world.h"

/* -------------------------------- opening -------------------------------- */

TEST(validate, opening_fills_in_the_trace_even_after_its_chunks)
{
    CLEANUP(world) struct world *world = world_new();

    put_chunk(world, "t", 0, 0, 3);
    validated(world);
    CHECK_NUMBER(
        ask(world, "SELECT count(*) FROM traces WHERE trace_id = $1 AND open_hash IS NULL", "t"),
        1);
    put_open(world, "t");
    put_open(world, "t");
    validated(world);
    CHECK_NUMBER(http_of(world, 0), 200);
    CHECK_NUMBER(world->in[1].err.code, ERR_NONE);
    CHECK_NUMBER(
        ask(world,
            "SELECT count(*) FROM traces t JOIN trace_heads USING (trace_no) WHERE trace_id = $1"
            " AND task_id = 't1' AND participant_id = 'p1' AND task_title = 'Mend the gate'"
            " AND repo_origin = 'https://example.org/gate' AND start_commit = 'abc'"
            " AND experiment_id IS NULL",
            "t"),
        1);
    CHECK_NUMBER(ask(world, NUM_EVENTS, "t"), 3);
}

TEST(validate, opening_with_other_content_is_a_conflict)
{
    CLEANUP(world) struct world *world = world_new();

    put_open(world, "t");
    put_message(world, "t", MESSAGE_OPEN,
                "{\"session\":{\"participant_id\":\"p2\",\"role\":\"human_dev\",\"consent\":{"
                "\"rationales\":true,"
                "\"commands\":true,\"snapshots\":true}},\"task\":{\"id\":\"t2\",\"title\":\"x\"},"
                "\"repo\":{\"origin\":\"o\",\"start_commit\":\"c\"}}");
    put_message(world, "u", MESSAGE_OPEN, "{\"session\":{}}");
    validated(world);
    CHECK_NUMBER(world->in[0].err.code, ERR_NONE);
    CHECK_NUMBER(world->in[1].err.code, ERR_KEY_CONFLICT);
    CHECK_NUMBER(world->in[2].err.code, ERR_SCHEMA);
}

TEST(validate, another_tenant_can_not_write_into_a_trace)
{
    CLEANUP(world) struct world *world = world_new();

    put_chunk(world, "t", 0, 0, 3);
    validated(world);
    put_chunk(world, "t", 1, 3, 3);
    world->in[0].to.tenant = "other";
    validated(world);
    CHECK_NUMBER(world->in[0].err.code, ERR_FORBIDDEN);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 3);
}

/* -------------------------------- keys -------------------------------- */

static void put_keyed(struct world *world, const char *trace, int64_t chunk_seq, const char *key)
{
    size_t index = put_chunk(world, trace, chunk_seq, chunk_seq * 10, 2);

    world->in[index].message.idempotency_key = bytes_of(key);
}

TEST(validate, an_idempotency_key_stands_for_one_content)
{
    CLEANUP(world) struct world *world = world_new();
    const char                  *first;

    put_keyed(world, "t", 0, "k");
    put_keyed(world, "u", 0, "k"); /* another trace numbers its requests anew */
    validated(world);
    first = answer_of(world, 0);
    CHECK(holds(answer_of(world, 1), "\"status\":\"success\""));
    put_keyed(world, "t", 0, "k");
    put_keyed(world, "t", 1, "k");
    put_keyed(world, "t", 1, "k2");
    put_keyed(world, "t", 2, "k2"); /* within a batch */
    validated(world);
    CHECK_TEXT(answer_of(world, 0), first);
    CHECK_NUMBER(world->in[1].err.code, ERR_KEY_CONFLICT);
    CHECK_NUMBER(http_of(world, 1), 409);
    CHECK(holds(answer_of(world, 2), "\"status\":\"success\""));
    CHECK_NUMBER(world->in[3].err.code, ERR_KEY_CONFLICT);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 4);
    CHECK_NUMBER(ask(world, "SELECT count(*) FROM idempotency_keys", NULL), 3);
}

/* -------------------------------- artifacts -------------------------------- */

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ARTIFACT(hash)                                                                             \
    "{\"name\":\"final_workspace_snapshot\",\"key\":\"sha256/aa/x\",\"sha256\":\"" hash            \
    "\",\"size_bytes\":5}"

TEST(validate, the_newest_artifact_counts_until_the_trace_is_closed)
{
    CLEANUP(world) struct world *world = world_new();

    put_message(world, "t", MESSAGE_ARTIFACT, ARTIFACT(HASH_A));
    put_message(world, "t", MESSAGE_ARTIFACT, ARTIFACT(HASH_B));
    put_message(world, "t", MESSAGE_COMPLETE, "{\"force\":true}");
    validated(world);
    CHECK_NUMBER(ask(world, CLOSED, "t"), 1);
    CHECK_NUMBER(ask(world,
                     "SELECT count(*) FROM artifacts a JOIN traces t USING (trace_no)"
                     " WHERE t.trace_id = $1 AND a.sha256 = decode('" HASH_B "', 'hex')",
                     "t"),
                 1);
    put_message(world, "t", MESSAGE_ARTIFACT, ARTIFACT(HASH_B));
    put_message(world, "t", MESSAGE_ARTIFACT, ARTIFACT(HASH_A));
    put_message(world, "t", MESSAGE_ARTIFACT,
                "{\"name\":\"e1.stdout\",\"key\":\"sha256/aa/x\",\"sha256\":\"" HASH_A
                "\",\"size_bytes\":5}");
    validated(world);
    CHECK_NUMBER(world->in[0].err.code, ERR_NONE);
    CHECK_NUMBER(world->in[1].err.code, ERR_ARTIFACT_CONFLICT);
    CHECK_NUMBER(world->in[2].err.code, ERR_TRACE_CLOSED);
}

#define NEWEST "SELECT count(*) FROM artifacts WHERE sha256 = decode('" HASH_B "', 'hex')"

TEST(validate, the_upload_that_is_later_in_the_stream_counts_whoever_saves_last)
{
    CLEANUP(world) struct world *world = world_new();
    CLEANUP(world) struct world *other = world_beside(world);

    (void)put_open(world, "t");
    validated(world);
    put_message(other, "t", MESSAGE_ARTIFACT, ARTIFACT(HASH_B));
    other->in[0].seq = 12;
    validated(other);
    put_message(world, "t", MESSAGE_ARTIFACT, ARTIFACT(HASH_A));
    world->in[0].seq = 11;
    validated(world);
    CHECK_NUMBER(world->in[0].err.code, ERR_NONE);
    CHECK_NUMBER(ask(world, NEWEST, NULL), 1);
    put_message(world, "t", MESSAGE_ARTIFACT, ARTIFACT(HASH_A)); /* and the next one counts again */
    world->in[0].seq = 13;
    validated(world);
    CHECK_NUMBER(ask(world, NEWEST, NULL), 0);
}

#define SNAPSHOT_IN(id, seq, text)                                                                 \
    "{\"chunk_id\":\"" id "\",\"chunk_seq\":" #seq ",\"events\":[{\"id\":\"e" #seq                 \
    "\",\"seq\":" #seq ",\"ts_client_s\":1,\"type\":\"cmd_run\",\"cmd\":\"ls\",\"exit_code\":0}]," \
    "\"artifacts\":{\"final_workspace_snapshot\":"                                                 \
    "{\"type\":\"workspace_snapshot\",\"content\":\"" text "\"}}}"

TEST(validate, an_upload_is_not_undone_by_a_chunk_that_came_before_it_and_waited)
{
    CLEANUP(world) struct world *world = world_new();

    put_message(world, "t", MESSAGE_CHUNK, SNAPSHOT_IN("b", 1, "older"));
    put_message(world, "t", MESSAGE_ARTIFACT, ARTIFACT(HASH_B));
    validated(world);
    put_message(world, "t", MESSAGE_CHUNK, SNAPSHOT_IN("a", 0, "newer")); /* chains b, too */
    world->in[0].seq = 9;
    validated(world);
    CHECK_NUMBER(ask(world, "SELECT count(*) FROM artifacts", NULL), 1);
    CHECK_NUMBER(ask(world, "SELECT max(stream_seq) FROM artifacts", NULL), 9);
    CHECK_NUMBER(
        ask(world, "SELECT count(*) FROM artifacts WHERE sha256 = sha256('newer'::bytea)", NULL),
        1);
}

TEST(validate, a_snapshot_without_consent_is_refused)
{
    CLEANUP(world) struct world *world = world_new();

    put_message(world, "t", MESSAGE_ARTIFACT, ARTIFACT(HASH_A));
    world->in[0].message.consent = CONSENT_ALL & ~CONSENT_SNAPSHOTS;
    validated(world);
    CHECK_NUMBER(world->in[0].err.code, ERR_CONSENT_DENIED);
}

#define WITH_STDOUT(id, seq, n)                                                                    \
    "{\"chunk_id\":\"" id "\",\"chunk_seq\":" #seq ",\"events\":[{\"id\":\"e" #n "\",\"seq\":" #n  \
    ",\"ts_client_s\":1,\"type\":\"cmd_run\",\"cmd\":\"ls\",\"exit_code\":0}],\"artifacts\":{"     \
    "\"out\":"                                                                                     \
    "{\"type\":\"stdout\",\"event_id\":\"e" #n "\",\"content\":\"hello " #n "\"}}}"

TEST(validate, inline_artifacts_get_rows_and_bytes_also_after_waiting)
{
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};
    int64_t                      size = 0;

    put_message(world, "t", MESSAGE_CHUNK, WITH_STDOUT("b", 1, 2));
    validated(world);
    CHECK_NUMBER(ask(world, "SELECT count(*) FROM artifacts", NULL), 0);
    put_message(world, "t", MESSAGE_CHUNK, WITH_STDOUT("a", 0, 1));
    validated(world);
    CHECK(holds(answer_of(world, 0), "\"artifacts_added\":1"));
    CHECK_NUMBER(ask(world,
                     "SELECT count(*) FROM artifacts WHERE name IN ('e1.stdout', 'e2.stdout')"
                     " AND size_bytes = 7",
                     NULL),
                 2);
    CHECK_WORKS(blob_size(
        world->farm.blob, BUCKET_ARTIFACTS, /* sha256 of "hello 1" */
        "sha256/50/50db240d003e4fa4832a8e5f5b38d51f260a68f6337c0c16f960c4ccfb1ac028", &size, &err));
    CHECK_NUMBER(size, 7);
}

/* -------------------------------- completing -------------------------------- */

/* Its document would have to say how many are missing, and no number in JSON is so large. */
TEST(validate, refuses_to_wait_for_more_chunks_than_there_are_numbers)
{
    static const char *const     names[] = {"num_chunks", "last_chunk_seq"};
    CLEANUP(world) struct world *world = world_new();

    put_open(world, "t");
    validated(world);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        CLEANUP(buf) struct buf body = {0};

        msgpack_put_map(&body, 1); /* from JSON it would not get so far */
        msgpack_put_text(&body, bytes_of(names[i]));
        msgpack_put_whole(&body, INT64_MAX);
        put_message(world, "t", MESSAGE_COMPLETE, "{}");
        world->in[0].message.body = buf_bytes(&body);
        validated(world);
        CHECK_NUMBER(world->in[0].err.code, ERR_SCHEMA);
        CHECK_NUMBER(http_of(world, 0), 422);
    }
    CHECK_NUMBER(ask(world, "SELECT count(*) FROM traces WHERE status = 'open'", NULL), 1);
}

TEST(validate, complete_asks_for_the_document_and_passes_the_waiting_gateway_on)
{
    CLEANUP(world) struct world *world = world_new();

    put_chunk(world, "t", 0, 0, 3);
    put_message(world, "t", MESSAGE_COMPLETE, "{\"num_chunks\":2}");
    validated(world);
    CHECK_NUMBER(letters_to(world, "work", "finalize"), 1);
    CHECK_TEXT(answer_of(world, 1), "");
    CHECK_NUMBER(ask(world,
                     "SELECT count(*) FROM traces WHERE trace_id = $1 AND status = 'completing'"
                     " AND expected_chunks = 2 AND complete_seq = 2 AND completed_us > 0",
                     "t"),
                 1);
    for (size_t i = 0; i < world->out.count; i++) {
        CHECK(world->out.letters[i].pass_reply ==
              (strcmp(world->out.letters[i].family, "work") == 0));
    }
}

TEST(validate, a_completing_trace_takes_what_was_sent_before_or_declared)
{
    CLEANUP(world) struct world *world = world_new();

    put_chunk(world, "t", 0, 0, 3);
    world->seq += 5; /* five messages of the trace are still on their way */
    put_message(world, "t", MESSAGE_COMPLETE, "{\"last_chunk_seq\":2}");
    validated(world);
    put_chunk(world, "t", 1, 3, 3); /* declared */
    put_chunk(world, "t", 3, 9, 3); /* sent before */
    world->in[1].seq = 3;
    put_chunk(world, "t", 4, 12, 3); /* neither */
    validated(world);
    CHECK(holds(answer_of(world, 0), "\"status\":\"success\""));
    CHECK(holds(answer_of(world, 1), "\"status\":\"pending\""));
    CHECK_NUMBER(world->in[2].err.code, ERR_TRACE_CLOSED);
    CHECK_NUMBER(http_of(world, 2), 409);
}

TEST(validate, a_forced_complete_chains_across_the_gap_and_closes)
{
    CLEANUP(world) struct world *world = world_new();

    put_chunk(world, "t", 0, 0, 3);
    put_chunk(world, "t", 2, 20, 3);
    put_chunk(world, "t", 5, 50, 3);
    put_message(world, "t", MESSAGE_COMPLETE, "{\"force\":true}");
    validated(world);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 9);
    CHECK_NUMBER(ask(world, NEXT_CHUNK, "t"), 6);
    CHECK_NUMBER(ask(world, PENDING, "t"), 0);
    CHECK_NUMBER(ask(world, CLOSED, "t"), 1);
    CHECK_NUMBER(letters_to(world, "work", "finalize"), 1);
    put_chunk(world, "t", 1, 10, 3);
    put_chunk(world, "t", 2, 20, 3); /* a repeat */
    validated(world);
    CHECK_NUMBER(world->in[0].err.code, ERR_TRACE_CLOSED);
    CHECK(holds(answer_of(world, 1), "\"status\":\"success\""));
}

TEST(validate, drains_what_waited_in_rounds_of_bounded_size)
{
    CLEANUP(world) struct world *world = world_new();

    world->config.batch_bytes = 1000; /* less than two payloads */
    reopened(world);
    for (int64_t seq = 1; seq < 20; seq++) {
        put_chunk(world, "t", seq, seq * 10, 10);
        put_chunk(world, "u", seq, seq * 10, 10);
    }
    validated(world);
    CHECK_NUMBER(ask(world, PENDING, "t"), 19);
    put_chunk(world, "t", 0, 0, 10);
    put_message(world, "u", MESSAGE_COMPLETE, "{\"force\":true}");
    validated(world);
    CHECK(holds(answer_of(world, 0), "\"total_events\":10"));
    CHECK_NUMBER(letters_to(world, "work", "finalize"), 1);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 200);
    CHECK_NUMBER(ask(world, EVENTS_OF, "u"), 190);
    CHECK_NUMBER(ask(world, PENDING, "t"), 0);
    CHECK_NUMBER(ask(world, CLOSED, "u"), 1);
    CHECK(ask(world, SEGMENTS, NULL) > 10); /* rounds, each with its own */
}

/* Chunks 1, 2 and 4 of each wait, then 0 and, of half of them, 3 come: all that may be chained is,
 * however much of it is read at once. */
TEST(validate, many_traces_in_one_batch_chain_what_waited_in_each)
{
    enum { MANY = 6 };
    static const char *const many[MANY] = {"a", "b", "c", "d", "e", "f"};
    static const int64_t     limits[] = {8 << 20, 4000};

    for (size_t round = 0; round < COUNT_OF(limits); round++) {
        CLEANUP(world) struct world *world = world_new();

        world->config.batch_bytes = limits[round];
        reopened(world);
        for (int i = 0; i < MANY; i++) {
            (void)put_chunk(world, many[i], 2, 20, 10);
            (void)put_chunk(world, many[i], 1, 10, 10);
            (void)put_chunk(world, many[i], 4, 40, 10);
        }
        validated(world);
        for (int i = 0; i < MANY; i++) {
            (void)put_chunk(world, many[i], 0, 0, 10);
            if (i % 2 == 0) {
                (void)put_chunk(world, many[i], 3, 30, 10);
            }
        }
        validated(world);
        for (int i = 0; i < MANY; i++) {
            CHECK_NUMBER(ask(world, NUM_EVENTS, many[i]), i % 2 == 0 ? 50 : 30);
            CHECK_NUMBER(ask(world, EVENTS_OF, many[i]), i % 2 == 0 ? 50 : 30);
            CHECK_NUMBER(ask(world, PENDING, many[i]), i % 2 == 0 ? 0 : 1);
            CHECK_NUMBER(ask(world, NEXT_CHUNK, many[i]), i % 2 == 0 ? 5 : 3);
        }
    }
}

TEST(validate, a_drain_cut_short_by_a_crash_goes_on_with_the_redelivery)
{
    static const struct statement hide = {
        "hide", "UPDATE trace_chunks SET chunk_seq = 2, chunk_id = 'c2' WHERE chunk_seq = 1", 0};
    static const struct statement show = {
        "show", "UPDATE trace_chunks SET chunk_seq = 1, chunk_id = 'c1' WHERE chunk_seq = 2", 0};
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};

    put_chunk(world, "t", 1, 10, 10);
    validated(world);
    /* As if chunk 0 had been committed and the process had died before the round that chains 1. */
    CHECK_WORKS(store_run(world->farm.store, &hide, NULL, NULL, &err));
    put_chunk(world, "t", 0, 0, 10);
    validated(world);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 10);
    CHECK_WORKS(store_run(world->farm.store, &show, NULL, NULL, &err));
    put_chunk(world, "t", 0, 0, 10);
    validated(world);
    CHECK(holds(answer_of(world, 0), "\"total_events\":10"));
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 20);
    CHECK_NUMBER(ask(world, PENDING, "t"), 0);
}

/* -------------------------------- outages -------------------------------- */

TEST(validate, an_object_store_that_fails_leaves_nothing_half_done)
{
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};
    char                         segments[128];
    char                         away[128];
    FILE                        *in_the_way;

    put_chunk(world, "t", 0, 0, 10);
    validated(world);
    (void)snprintf(segments, sizeof(segments), "%s/pr-telemetry-chunks/segments", world->blob_dir);
    (void)snprintf(away, sizeof(away), "%s/away", world->blob_dir);
    CHECK(rename(segments, away) == 0);
    in_the_way = fopen(segments, "w"); /* a file where a directory should be */
    CHECK(in_the_way != NULL && fclose(in_the_way) == 0);
    put_chunk(world, "t", 1, 10, 10);
    CHECK(validate(world, &err) < 0);
    CHECK_NUMBER(world->out.count, 0);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 10);
    CHECK_NUMBER(ask(world, NEXT_CHUNK, "t"), 1);
    CHECK(remove(segments) == 0 && rename(away, segments) == 0);
    put_chunk(world, "t", 1, 10, 10);
    validated(world);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 20);
}

TEST(validate, a_killed_database_is_an_outage_and_the_redelivery_counts_once)
{
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};

    put_chunk(world, "t", 0, 0, 10);
    validated(world);
    postgres_kill();
    put_chunk(world, "t", 0, 0, 10);
    put_chunk(world, "t", 1, 10, 10);
    CHECK_FAILS(validate(world, &err), ERR_STORE_DOWN);
    CHECK(postgres_start_again());
    put_chunk(world, "t", 0, 0, 10);
    put_chunk(world, "t", 1, 10, 10);
    validated(world);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 20);
}
