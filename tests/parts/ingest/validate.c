// SPDX-License-Identifier: MIT
/* validate: chunks in any order, twice, at once; what is stored and what is answered. */
#include <unistd.h>

#include "questions.h"
#include "world.h"

TEST(validate, chains_a_chunk_and_says_so)
{
    CLEANUP(world) struct world *world = world_new();

    put_open(world, "t");
    put_chunk(world, "t", 0, 1, 10);
    validated(world);
    CHECK_NUMBER(http_of(world, 1), 200);
    CHECK_TEXT(answer_of(world, 1),
               "{\"status\":\"success\",\"chunk_id\":\"c0\",\"events_added\":10,"
               "\"events_duplicate\":0,\"artifacts_added\":0,\"total_events\":10,\"rejected\":[]}");
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 10);
    CHECK_NUMBER(ask(world, NUM_EVENTS, "t"), 10);
    CHECK_NUMBER(ask(world, NEXT_CHUNK, "t"), 1);
    CHECK_NUMBER(ask(world, SEGMENTS, NULL), 1);
}

TEST(validate, puts_a_batch_of_many_traces_into_one_segment)
{
    CLEANUP(world) struct world *world = world_new();

    for (int i = 0; i < 40; i++) {
        char trace[16];

        (void)snprintf(trace, sizeof(trace), "t%d", i % 20);
        put_chunk(world, trace, i / 20, i / 20 * 5, 5);
    }
    validated(world);
    for (size_t i = 0; i < 40; i++) {
        CHECK_NUMBER(world->in[i].err.code, ERR_NONE);
        CHECK(holds(answer_of(world, i), "\"status\":\"success\""));
    }
    CHECK_NUMBER(ask(world, SEGMENTS, NULL), 1);
    CHECK_NUMBER(ask(world, "SELECT sum(octet_length(event_keys)) / 16 FROM trace_chunks", NULL), 200);
    CHECK_NUMBER(ask(world,
                     "SELECT count(*) FROM traces WHERE num_events = 10 AND next_chunk_seq = 2",
                     NULL),
                 20);
}

TEST(validate, keeps_early_chunks_until_their_turn)
{
    CLEANUP(world) struct world *world = world_new();

    put_chunk(world, "t", 2, 20, 10);
    put_chunk(world, "t", 1, 10, 10);
    validated(world);
    CHECK(holds(answer_of(world, 0), "\"status\":\"pending\""));
    CHECK(holds(answer_of(world, 1), "\"status\":\"pending\""));
    CHECK_NUMBER(http_of(world, 0), 200);
    CHECK_NUMBER(ask(world, PENDING, "t"), 2);
    CHECK_NUMBER(ask(world, PENDING_EVENTS, "t"), 20);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 0);
    CHECK_NUMBER(ask(world, SEGMENTS, NULL), 0);
    put_chunk(world, "t", 0, 0, 10);
    validated(world);
    CHECK(holds(answer_of(world, 0), "\"total_events\":10"));
    CHECK_NUMBER(ask(world, PENDING, "t"), 0);
    CHECK_NUMBER(ask(world, PENDING_EVENTS, "t"), 0);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 30);
    CHECK_NUMBER(ask(world, "SELECT count(*) FROM trace_chunks WHERE payload IS NOT NULL", NULL),
                 0);
    /* Asked again, a chunk that was pending tells what became of it. */
    put_chunk(world, "t", 2, 20, 10);
    validated(world);
    CHECK(holds(answer_of(world, 0), "\"status\":\"success\""));
    CHECK(holds(answer_of(world, 0), "\"total_events\":30"));
}

TEST(validate, chains_a_batch_that_came_backwards)
{
    CLEANUP(world) struct world *world = world_new();

    for (int64_t seq = 9; seq >= 0; seq--) {
        put_chunk(world, "t", seq, seq * 10, 10);
    }
    validated(world);
    for (size_t i = 0; i < 10; i++) {
        CHECK(holds(answer_of(world, i), "\"status\":\"success\""));
    }
    CHECK(holds(answer_of(world, 9), "\"total_events\":10"));
    CHECK(holds(answer_of(world, 0), "\"total_events\":100"));
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 100);
    CHECK_NUMBER(ask(world, PENDING, "t"), 0);
}

TEST(validate, a_repeat_changes_nothing_and_gets_the_same_answer)
{
    CLEANUP(world) struct world *world = world_new();
    const char                  *first;

    put_chunk(world, "t", 0, 0, 10);
    put_chunk(world, "t", 0, 0, 10); /* in the same batch */
    validated(world);
    first = answer_of(world, 0);
    CHECK_TEXT(answer_of(world, 1), first);
    world->at_us += 5000000;
    put_chunk(world, "t", 0, 0, 10); /* and later */
    validated(world);
    CHECK_TEXT(answer_of(world, 0), first);
    CHECK_NUMBER(http_of(world, 0), 200);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 10);
    CHECK_NUMBER(ask(world, CHUNK_ROWS, "t"), 1);
    CHECK_NUMBER(ask(world, SEGMENTS, NULL), 1);
}

TEST(validate, other_content_under_a_known_name_is_a_conflict)
{
    CLEANUP(world) struct world *world = world_new();

    put_chunk(world, "t", 0, 0, 10);
    put_message(world, "t", MESSAGE_CHUNK,
                chunk_json(world, "c0", 0, 0, 9)); /* same id and place */
    put_message(world, "t", MESSAGE_CHUNK, chunk_json(world, "c0", 1, 10, 9));    /* same id */
    put_message(world, "t", MESSAGE_CHUNK, chunk_json(world, "other", 0, 10, 9)); /* same place */
    put_chunk(world, "u", 0, 0, 10);                                              /* a neighbour */
    validated(world);
    for (size_t i = 1; i <= 3; i++) {
        CHECK_NUMBER(world->in[i].err.code, ERR_CHUNK_CONFLICT);
        CHECK_NUMBER(http_of(world, i), 409);
        CHECK(holds(answer_of(world, i), "\"code\":\"chunk_conflict\""));
    }
    CHECK_NUMBER(world->in[4].err.code, ERR_NONE);
    put_message(world, "t", MESSAGE_CHUNK, chunk_json(world, "c0", 0, 0, 9)); /* in another batch */
    validated(world);
    CHECK_NUMBER(world->in[0].err.code, ERR_CHUNK_CONFLICT);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 10);
    CHECK_NUMBER(ask(world, EVENTS_OF, "u"), 10);
}

TEST(validate, events_sent_again_in_another_chunk_are_duplicates)
{
    CLEANUP(world) struct world *world = world_new();

    put_chunk(world, "t", 0, 0, 10);
    validated(world);
    put_chunk(world, "t", 1, 5, 10); /* five known, five new */
    put_chunk(world, "t", 2, 0, 15); /* all known, ten of them from this batch or before */
    validated(world);
    CHECK(holds(answer_of(world, 0), "\"status\":\"success\""));
    CHECK(holds(answer_of(world, 0), "\"events_added\":5,\"events_duplicate\":5"));
    CHECK(holds(answer_of(world, 1), "\"status\":\"duplicate\""));
    CHECK(holds(answer_of(world, 1), "\"events_added\":0,\"events_duplicate\":15"));
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 15);
    CHECK_NUMBER(ask(world, NEXT_CHUNK, "t"), 3);
}

TEST(validate, an_id_used_again_further_on_is_a_duplicate_too)
{
    CLEANUP(world) struct world *world = world_new();

    put_chunk(world, "t", 0, 0, 2); /* e0, e1 */
    put_chunk(world, "u", 0, 0, 2);
    validated(world);
    put_message(world, "t", MESSAGE_CHUNK,
                "{\"chunk_id\":\"x\",\"chunk_seq\":1,\"events\":["
                "{\"id\":\"e1\",\"seq\":7,\"ts_client_s\":1,\"type\":\"cmd_run\",\"cmd\":\"ls\","
                "\"exit_code\":0},"
                "{\"id\":\"e8\",\"seq\":8,\"ts_client_s\":1,\"type\":\"cmd_run\",\"cmd\":\"ls\","
                "\"exit_code\":0}]}");
    put_message(world, "t", MESSAGE_CHUNK, /* an id of this very batch */
                "{\"chunk_id\":\"y\",\"chunk_seq\":2,\"events\":["
                "{\"id\":\"e8\",\"seq\":9,\"ts_client_s\":1,\"type\":\"cmd_run\",\"cmd\":\"ls\","
                "\"exit_code\":0}]}");
    put_chunk(world, "u", 1, 2, 2);
    validated(world);
    CHECK(holds(answer_of(world, 0), "\"events_added\":1,\"events_duplicate\":1"));
    CHECK(holds(answer_of(world, 1), "\"status\":\"duplicate\""));
    CHECK(holds(answer_of(world, 2), "\"status\":\"success\""));
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 3);
    CHECK_NUMBER(ask(world, EVENTS_OF, "u"), 4);
    CHECK_NUMBER(ask(world, SEGMENTS, NULL), 2);
    CHECK_NUMBER(segment_objects(world), 2); /* the first attempt's is gone */
}

TEST(validate, a_seq_that_does_not_rise_costs_only_its_event)
{
    CLEANUP(world) struct world *world = world_new();

    put_chunk(world, "t", 0, 10, 2);
    put_message(world, "t", MESSAGE_CHUNK,
                "{\"chunk_id\":\"x\",\"chunk_seq\":1,\"events\":["
                "{\"id\":\"new\",\"seq\":3,\"ts_client_s\":1,\"type\":\"cmd_run\",\"cmd\":\"ls\","
                "\"exit_code\":0},"
                "{\"id\":\"good\",\"seq\":30,\"ts_client_s\":1,\"type\":\"cmd_run\",\"cmd\":\"ls\","
                "\"exit_code\":0}]}");
    validated(world);
    CHECK(holds(answer_of(world, 1), "\"status\":\"partial\""));
    CHECK(holds(answer_of(world, 1), "\"events_added\":1"));
    CHECK(holds(answer_of(world, 1), "\"code\":\"seq_not_increasing\""));
    CHECK(holds(answer_of(world, 1), "\"pointer\":\"/events/0/seq\""));
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 3);
}

#define BAD_CHUNK(id, seq)                                                                         \
    "{\"chunk_id\":\"" id "\",\"chunk_seq\":" #seq ",\"events\":[{\"id\":\"b\",\"seq\":100,"       \
    "\"ts_client_s\":1,\"type\":\"cmd_run\"}]}"

TEST(validate, a_chunk_of_bad_events_is_refused_and_may_be_corrected)
{
    CLEANUP(world) struct world *world = world_new();

    put_chunk(world, "t", 0, 0, 5);
    put_message(world, "t", MESSAGE_CHUNK, BAD_CHUNK("c1", 1));
    put_chunk(world, "t", 2, 10, 5);
    validated(world);
    CHECK_NUMBER(world->in[1].err.code, ERR_EVENTS_REFUSED);
    CHECK_NUMBER(http_of(world, 1), 422);
    CHECK(holds(answer_of(world, 1), "\"code\":\"events_refused\""));
    CHECK(holds(answer_of(world, 1), "\"pointer\":\"/events/0/cmd\""));
    CHECK(holds(answer_of(world, 2), "\"status\":\"pending\"")); /* its place is kept open */
    CHECK_NUMBER(ask(world, REFUSED_ROWS, "t"), 1);

    put_message(world, "t", MESSAGE_CHUNK, BAD_CHUNK("c1", 1)); /* the client asks again */
    validated(world);
    CHECK_NUMBER(world->in[0].err.code, ERR_NONE);
    CHECK_NUMBER(http_of(world, 0), 422);

    put_chunk(world, "t", 1, 5, 5);
    validated(world);
    CHECK(holds(answer_of(world, 0), "\"status\":\"success\""));
    CHECK_NUMBER(ask(world, REFUSED_ROWS, "t"), 0);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 15);
    CHECK_NUMBER(ask(world, PENDING, "t"), 0);
}

TEST(validate, a_refused_chunk_and_its_correction_may_share_a_batch)
{
    CLEANUP(world) struct world *world = world_new();

    put_message(world, "t", MESSAGE_CHUNK, BAD_CHUNK("c0", 0));
    put_chunk(world, "t", 0, 0, 5);
    put_message(world, "t", MESSAGE_CHUNK, BAD_CHUNK("c0", 0));
    validated(world);
    CHECK_NUMBER(http_of(world, 0), 422);
    CHECK(holds(answer_of(world, 1), "\"status\":\"success\""));
    CHECK_NUMBER(world->in[2].err.code, ERR_CHUNK_CONFLICT);
    CHECK_NUMBER(ask(world, CHUNK_ROWS, "t"), 1);
}

TEST(validate, a_refused_delivery_is_refused_again_after_a_crash)
{
    CLEANUP(world) struct world *world = world_new();

    put_message(world, "t", MESSAGE_CHUNK, BAD_CHUNK("c0", 0));
    validated(world);
    CHECK_NUMBER(world->in[0].err.code, ERR_EVENTS_REFUSED);
    world->seq--; /* the same message: it died between the commit and the dead letter */
    put_message(world, "t", MESSAGE_CHUNK, BAD_CHUNK("c0", 0));
    validated(world);
    CHECK_NUMBER(world->in[0].err.code, ERR_EVENTS_REFUSED);
}

TEST(validate, a_broken_envelope_is_answered_with_its_fields_and_hurts_nobody)
{
    CLEANUP(world) struct world *world = world_new();

    put_message(world, "t", MESSAGE_CHUNK, "{\"chunk_id\":\"x\",\"chunk_seq\":-1,\"events\":[]}");
    put_message(world, "t", MESSAGE_CHUNK, "{\"chunk_id\":7,\"chunk_seq\":0,\"events\":[]}");
    put_chunk(world, "t", 0, 0, 3);
    validated(world);
    CHECK_NUMBER(world->in[0].err.code, ERR_SCHEMA);
    CHECK(holds(answer_of(world, 0), "\"pointer\":\"/chunk_seq\""));
    CHECK_NUMBER(world->in[1].err.code, ERR_SCHEMA);
    CHECK_NUMBER(http_of(world, 1), 422);
    CHECK(holds(answer_of(world, 2), "\"status\":\"success\""));
}

TEST(validate, consent_travels_with_the_chunk)
{
    CLEANUP(world) struct world *world = world_new();
    size_t                       index = put_chunk(world, "t", 0, 0, 3);

    world->in[index].message.consent = CONSENT_ALL & ~CONSENT_COMMANDS;
    validated(world);
    CHECK_NUMBER(world->in[0].err.code, ERR_EVENTS_REFUSED);
    CHECK(holds(answer_of(world, 0), "\"code\":\"consent_denied\""));
}

TEST(validate, a_trace_takes_no_more_events_than_it_may)
{
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};

    validate_stage.close(world->validator);
    world->config.trace_events_max = 12;
    CHECK_WORKS(validate_stage.open(&world->farm, &world->validator, &err));
    put_chunk(world, "t", 0, 0, 10);
    put_chunk(world, "t", 1, 10, 10);
    put_chunk(world, "t", 3, 30, 10); /* would wait for ever */
    put_chunk(world, "t", 2, 20, 10);
    validated(world);
    CHECK(holds(answer_of(world, 1), "\"status\":\"partial\""));
    CHECK(holds(answer_of(world, 1), "\"events_added\":2"));
    CHECK(holds(answer_of(world, 1), "\"code\":\"too_large\""));
    CHECK_NUMBER(world->in[2].err.code, ERR_TOO_LARGE);
    CHECK_NUMBER(world->in[3].err.code, ERR_EVENTS_REFUSED);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 12);
}

/* Or each chunk would be a dead letter after its tries, and missing in a document that is signed. */
TEST(validate, takes_an_object_store_that_takes_nothing_for_an_outage)
{
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};

    CHECK_NUMBER(rmdir(arena_format(world->arena, "%s/pr-telemetry-chunks/~new", world->blob_dir)),
                 0);
    put_open(world, "t");
    put_chunk(world, "t", 0, 0, 3);
    CHECK_NUMBER(validate(world, &err), -1);
    CHECK_NUMBER(err_fate(err.code), FATE_WAIT);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 0);
}
