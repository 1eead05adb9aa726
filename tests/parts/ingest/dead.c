// SPDX-License-Identifier: MIT
/* validate: what was answered "pending" and can't be taken at its turn goes to the dead letters. */
#include "questions.h"
#include "store/dead_store.h"
#include "value/json.h"
#include "value/msgpack.h"
#include "world.h"

/* Events 2 and 12 of chunk 1: with 10..14 in chunk 0 the first is too low; with 0..4 both stand. */
#define EVENT(id, seq)                                                                             \
    "{\"id\":\"" id "\",\"seq\":" #seq ",\"ts_client_s\":1,\"type\":\"cmd_run\",\"cmd\":\"ls\","     \
    "\"exit_code\":0}"
#define CHUNK(events) "{\"chunk_id\":\"low\",\"chunk_seq\":1,\"events\":[" events "]}"
#define DEAD          "SELECT count(*) FROM dead_outbox JOIN traces USING (trace_no) WHERE trace_id = $1"

static void wait_then_fall(struct world *world, const char *chunk)
{
    put_message(world, "t", MESSAGE_CHUNK, chunk);
    validated(world);
    CHECK(holds(answer_of(world, 0), "\"status\":\"pending\""));
    CHECK_NUMBER(ask(world, DEAD, "t"), 0);
    put_chunk(world, "t", 0, 10, 5);
    validated(world);
    CHECK_NUMBER(ask(world, PENDING, "t"), 0);
    CHECK_NUMBER(ask(world, PENDING_EVENTS, "t"), 0);
}

/* The one letter; its message's body as JSON. */
static const char *letter_of(struct world *world, struct dead_record *ret_letter,
                             struct message *ret_message)
{
    static const struct value_limits limits = {.bytes = 1 << 20, .depth = 16, .values = 1000};
    struct buf                       json = {0};
    struct dead_record              *rows = NULL;
    struct err                       err = {0};
    struct value                     body;
    size_t                           count = 0;
    const char                      *text;

    CHECK_WORKS(store_begin(world->farm.store, &err));
    CHECK_WORKS(dead_take(world->farm.store, world->arena, 10, &rows, &count, &err));
    store_rollback(world->farm.store);
    CHECK_NUMBER(count, 1);
    *ret_letter = rows[0];
    CHECK_WORKS(message_read(rows[0].message, ret_message, &err));
    CHECK_WORKS(msgpack_read(world->arena, ret_message->body, &limits, false, &body, &err));
    CHECK_WORKS(jcs_write(&json, &body, &err));
    text = arena_text(world->arena, buf_bytes(&json));
    buf_done(&json);
    return text;
}

TEST(dead, a_pending_chunk_that_falls_at_its_turn_is_a_dead_letter)
{
    CLEANUP(world) struct world *world = world_new();
    struct dead_record           letter;
    struct message               message;
    const char                  *body;

    wait_then_fall(world, CHUNK(EVENT("l", 2)));
    CHECK_NUMBER(ask(world, NEXT_CHUNK, "t"), 1);
    CHECK_NUMBER(ask(world, REFUSED_ROWS, "t"), 1);
    body = letter_of(world, &letter, &message);
    CHECK_TEXT(letter.code, "seq_not_increasing");
    CHECK_TEXT(letter.tenant, "acme");
    CHECK_TEXT(letter.trace, "t");
    CHECK_NUMBER(letter.stream_seq, 1);
    CHECK(holds(letter.story, "1 of its 1 events"));
    CHECK(holds(letter.story, "/events/0/seq must be above 14"));
    CHECK_NUMBER(message.kind, MESSAGE_CHUNK);
    CHECK_NUMBER(message.consent, CONSENT_COMMANDS);
    CHECK_NUMBER(message.at_us, world->at_us);
    CHECK(holds(body, "\"chunk_id\":\"low\",\"chunk_seq\":1,\"events\":[{\"cmd\":\"ls\""));
    CHECK(holds(body, "\"id\":\"l\""));
    put_message(world, "t", MESSAGE_CHUNK, chunk_json(world, "low", 1, 20, 1)); /* corrected */
    validated(world);
    CHECK(holds(answer_of(world, 0), "\"status\":\"success\""));
    CHECK_NUMBER(ask(world, NEXT_CHUNK, "t"), 2);
    CHECK_NUMBER(ask(world, DEAD, "t"), 1);
}

TEST(dead, of_a_chunk_that_falls_in_part_only_the_fallen_events_are)
{
    CLEANUP(world) struct world *world = world_new();
    struct dead_record           letter;
    struct message               message;
    const char                  *body;

    wait_then_fall(world, CHUNK(EVENT("stands", 20) "," EVENT("falls", 3) "," EVENT("too", 4)));
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 6);
    CHECK_NUMBER(ask(world, NEXT_CHUNK, "t"), 2);
    body = letter_of(world, &letter, &message);
    CHECK(holds(letter.story, "2 of its 3 events"));
    CHECK(holds(body, "\"id\":\"falls\""));
    CHECK(holds(body, "\"id\":\"too\""));
    CHECK(!holds(body, "\"id\":\"stands\""));
    CHECK_NUMBER(ask(world,
                     "SELECT count(*) FROM traces WHERE trace_id = $1 AND dead_events = 2"
                     " AND accepted_events = num_events + dead_events",
                     "t"),
                 1);
}

/* The place of its chunk is taken by what stood of it. */
TEST(dead, what_fell_in_part_is_told_where_it_can_be_taken_when_it_is_put_back)
{
    CLEANUP(world) struct world *world = world_new();

    wait_then_fall(world, CHUNK(EVENT("stands", 20) "," EVENT("falls", 3)));
    put_message(world, "t", MESSAGE_CHUNK, CHUNK(EVENT("falls", 3)));
    world->in[0].replay = "retry-1-1";
    validated(world);
    CHECK_NUMBER(world->in[0].err.code, ERR_CHUNK_CONFLICT);
    CHECK(holds(world->in[0].err.story, "chunk_seq 2 and seqs above 20"));
    put_message(world, "t", MESSAGE_CHUNK,
                "{\"chunk_id\":\"low-2\",\"chunk_seq\":2,\"events\":[" EVENT("falls", 21) "]}");
    world->in[0].replay = "retry-2-1";
    validated(world);
    CHECK_NUMBER(http_of(world, 0), 200);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 7);

    put_message(world, "t", MESSAGE_CHUNK, CHUNK(EVENT("other", 30))); /* its client's mistake */
    validated(world);
    CHECK_NUMBER(http_of(world, 0), 409);
    CHECK(!holds(answer_of(world, 0), "prt dead edit"));
    CHECK(holds(answer_of(world, 0), "with another chunk_id and chunk_seq, and seqs above 21"));
}

TEST(dead, what_falls_when_the_trace_is_closed_across_a_gap_is_a_dead_letter)
{
    CLEANUP(world) struct world *world = world_new();
    struct dead_record           letter;
    struct message               message;

    put_chunk(world, "t", 0, 10, 5);
    put_message(world, "t", MESSAGE_CHUNK,
                "{\"chunk_id\":\"far\",\"chunk_seq\":7,\"events\":[" EVENT("l", 2) "]}");
    validated(world);
    put_message(world, "t", MESSAGE_COMPLETE, "{\"num_chunks\":8}");
    put_message(world, "t", MESSAGE_COMPLETE, "{\"force\":true}");
    validated(world);
    CHECK_NUMBER(ask(world, CLOSED, "t"), 1);
    CHECK(holds(letter_of(world, &letter, &message), "\"chunk_id\":\"far\",\"chunk_seq\":7"));
}

TEST(dead, what_stands_or_is_answered_at_once_is_none)
{
    CLEANUP(world) struct world *world = world_new();

    wait_then_fall(world, CHUNK(EVENT("stands", 20) "," EVENT("too", 21)));
    put_message(world, "u", MESSAGE_CHUNK, CHUNK(EVENT("low", 2)));
    put_chunk(world, "u", 0, 10, 5); /* its turn comes in the same batch: the answer says it */
    validated(world);
    CHECK_NUMBER(http_of(world, 0), 422);
    CHECK_NUMBER(world->in[0].err.code, ERR_EVENTS_REFUSED);
    CHECK_NUMBER(ask(world, "SELECT count(*) FROM dead_outbox", NULL), 0);
}

TEST(dead, an_erased_trace_leaves_none)
{
    CLEANUP(world) struct world *world = world_new();

    wait_then_fall(world, CHUNK(EVENT("l", 2)));
    CHECK_NUMBER(ask(world, DEAD, "t"), 1);
    put_message(world, "t", MESSAGE_ERASE, "{}");
    validated(world);
    CHECK_NUMBER(ask(world, DEAD, "t"), 0);
}
