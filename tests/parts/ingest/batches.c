// SPDX-License-Identifier: MIT
/* Batches of /ingest: each gets its place in the trace of its pull request. */
#include <string.h>

#include "questions.h"
#include "value/json.h"
#include "world.h"

#define NOTE(ts, text)                                                                             \
    "{\"ts\":\"2024-05-01T10:00:0" ts "Z\",\"type\":\"annotation\",\"payload\":{\"text\":\"" text  \
    "\"}}"

static size_t put_batch(struct world *world, const char *name, const char *events)
{
    return put_message(
        world, "t", MESSAGE_BATCH,
        arena_format(world->arena,
                     "{\"batch_id\":\"%s\",\"batch\":{\"repo\":{\"name\":\"o/r\",\"branch\":\"main\","
                     "\"language\":[\"C\"]},\"pr\":{\"pr_id\":\"o/r#7\",\"title\":\"Fix\","
                     "\"status\":\"open\",\"created_at\":\"2024-05-01T09:00:00Z\","
                     "\"merged_at\":null},\"developer\":{\"user_id\":\"dev\",\"ide_version\":\"1\","
                     "\"os\":\"linux\"},\"events\":[%s]}}",
                     name, events));
}

static int count_of(struct world *world, size_t index, const char *pointer)
{
    const struct value_limits limits = {.bytes = 1 << 20, .depth = 32, .values = 10000};
    struct value              answer;
    struct err                err = {0};
    const struct value       *list;

    CHECK_WORKS(json_read(world->arena, bytes_of(answer_of(world, index)), &limits, &answer, &err));
    list = value_at(&answer, pointer);
    return list == NULL ? -1 : (int)list->count;
}

TEST(batches, open_the_trace_and_get_the_next_seqs)
{
    CLEANUP(world) struct world *world = world_new();

    put_batch(world, "b1", NOTE("1", "one") "," NOTE("2", "two"));
    put_batch(world, "b2", NOTE("3", "three"));
    validated(world);
    CHECK_NUMBER(http_of(world, 0), 200);
    CHECK_NUMBER(count_of(world, 0, "/accepted_event_ids"), 2);
    CHECK_NUMBER(count_of(world, 1, "/accepted_event_ids"), 1);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 3);
    CHECK_NUMBER(ask(world, NEXT_CHUNK, "t"), 2);
    CHECK_NUMBER(ask(world, "SELECT last_seq FROM traces WHERE trace_id = $1", "t"), 2);
    CHECK_NUMBER(ask(world,
                     "SELECT count(*) FROM traces WHERE trace_id = $1 AND task_id = 'o/r#7'"
                     " AND participant_id = 'dev' AND open_hash IS NOT NULL",
                     "t"),
                 1);
}

static const char *text_of(struct world *world, const char *pointer)
{
    const struct value_limits limits = {.bytes = 1 << 20, .depth = 32, .values = 10000};
    struct value              answer;
    struct err                err = {0};

    CHECK_WORKS(json_read(world->arena, bytes_of(answer_of(world, 0)), &limits, &answer, &err));
    return arena_text(world->arena, value_text_or(value_at(&answer, pointer), "-"));
}

TEST(batches, are_told_everything_that_is_wrong_by_the_names_they_sent)
{
    CLEANUP(world) struct world *world = world_new();

    put_batch(world, "b1",
              "{\"ts\":\"2024-05-01T10:00:01Z\",\"type\":\"dance\",\"payload\":{}}," NOTE("2", "two")
              ",{\"ts\":\"2024-05-01T10:00:03Z\",\"type\":\"command\",\"payload\":"
              "{\"command\":7,\"exit_code\":\"x\",\"cwd\":[]}},"
              "{\"ts\":\"2024-05-01T10:00:04Z\",\"type\":\"test\",\"payload\":"
              "{\"tests_passed\":\"many\",\"failed\":-1}}");
    validated(world);
    CHECK_NUMBER(count_of(world, 0, "/accepted_event_ids"), 1);
    CHECK_NUMBER(count_of(world, 0, "/rejected"), 3);
    CHECK_TEXT(text_of(world, "/rejected/0/pointer"), "/events/0/type");
    CHECK_TEXT(text_of(world, "/rejected/1/pointer"), "/events/2/payload/command");
    CHECK_NUMBER(count_of(world, 0, "/rejected/1/problems"), 3);
    CHECK_TEXT(text_of(world, "/rejected/1/problems/1/pointer"), "/events/2/payload/exit_code");
    CHECK_TEXT(text_of(world, "/rejected/1/problems/2/pointer"), "/events/2/payload/cwd");
    CHECK_TEXT(text_of(world, "/rejected/2/pointer"), "/events/3/payload/tests_passed");
    CHECK_TEXT(text_of(world, "/rejected/2/problems/1/pointer"), "/events/3/payload/failed");
}

TEST(batches, sent_again_add_nothing_and_one_changed_field_adds_one)
{
    CLEANUP(world) struct world *world = world_new();

    put_batch(world, "b1", NOTE("1", "one") "," NOTE("2", "two"));
    validated(world);
    put_batch(world, "b2", NOTE("1", "one") "," NOTE("2", "two"));
    validated(world);
    CHECK_NUMBER(count_of(world, 0, "/accepted_event_ids"), 0);
    CHECK_NUMBER(count_of(world, 0, "/duplicate_event_ids"), 2);
    put_batch(world, "b3", NOTE("1", "one") "," NOTE("2", "2"));
    put_batch(world, "b4", NOTE("1", "one") "," NOTE("2", "2")); /* in the same transaction */
    validated(world);
    CHECK_NUMBER(count_of(world, 0, "/accepted_event_ids"), 1);
    CHECK_NUMBER(count_of(world, 0, "/duplicate_event_ids"), 1);
    CHECK_NUMBER(count_of(world, 1, "/accepted_event_ids"), 0);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 3);
    CHECK_NUMBER(ask(world, "SELECT last_seq FROM traces WHERE trace_id = $1", "t"), 2);
}

#define COMMAND                                                                                    \
    "{\"ts\":\"2024-05-01T10:00:01Z\",\"type\":\"command\",\"payload\":{\"command\":\"make\","         \
    "\"exit_code\":0,\"stdout_sample\":\"done\"}}"

TEST(batches, with_the_same_event_twice_add_it_once_with_its_output)
{
    CLEANUP(world) struct world *world = world_new();

    put_batch(world, "b1", COMMAND "," NOTE("2", "two") "," COMMAND);
    validated(world);
    CHECK_NUMBER(http_of(world, 0), 200);
    CHECK_NUMBER(count_of(world, 0, "/accepted_event_ids"), 2);
    CHECK_NUMBER(count_of(world, 0, "/duplicate_event_ids"), 1);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 2);
    CHECK_NUMBER(ask(world, "SELECT count(*) FROM artifacts WHERE name LIKE '%.stdout'", NULL), 1);
}

TEST(batches, delivered_again_get_the_same_answer)
{
    CLEANUP(world) struct world *world = world_new();
    const char                  *first;

    put_batch(world, "b1", NOTE("1", "one"));
    validated(world);
    first = answer_of(world, 0);
    put_batch(world, "b1", NOTE("1", "one"));
    validated(world);
    CHECK_TEXT(answer_of(world, 0), first);
    CHECK_NUMBER(ask(world, CHUNK_ROWS, "t"), 1);
    put_batch(world, "b1", NOTE("1", "other"));
    validated(world);
    CHECK_NUMBER(http_of(world, 0), 409);
}

/* An earlier trace of the pull request was still being chained when it came first. */
TEST(batches, sent_again_are_the_same_whatever_is_known_meanwhile)
{
    static const char *const known[] = {"", ",\"known\":[0]", ",\"known\":[0,1]"};
    CLEANUP(world) struct world *world = world_new();
    const char                  *first = NULL;

    for (size_t i = 0; i < COUNT_OF(known); i++) {
        put_message(world, "t", MESSAGE_BATCH,
                    arena_format(world->arena,
                                 "{\"batch_id\":\"b1\",\"batch\":{\"repo\":{\"name\":\"o/r\","
                                 "\"branch\":\"main\",\"language\":[\"C\"]},\"pr\":{\"pr_id\":"
                                 "\"o/r#7\",\"title\":\"Fix\",\"status\":\"open\",\"created_at\":"
                                 "\"2024-05-01T09:00:00Z\",\"merged_at\":null},\"developer\":"
                                 "{\"user_id\":\"dev\",\"ide_version\":\"1\",\"os\":\"linux\"},"
                                 "\"events\":[" NOTE("1", "one") "," NOTE("2", "two") "]}%s}",
                                 known[i]));
        world->in[world->count - 1].message.idempotency_key = BYTES("key");
        validated(world);
        CHECK_NUMBER(http_of(world, 0), 200);
        if (i == 0) {
            first = answer_of(world, 0);
        }
        CHECK_TEXT(answer_of(world, 0), first);
    }
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 2);
}

TEST(batches, tell_where_an_event_is_wrong_and_keep_its_neighbours)
{
    CLEANUP(world) struct world *world = world_new();

    put_batch(world, "b1",
              NOTE("1", "one") ",{\"ts\":\"yesterday\",\"type\":\"edit\",\"payload\":{}},"
              "{\"ts\":\"2024-05-01T10:00:00\",\"type\":\"command\",\"payload\":{\"command\":7,"
              "\"exit_code\":0}},"
              "{\"ts\":\"2024-05-01T10:00:00.5+02:00\",\"type\":\"command\",\"payload\":"
              "{\"command\":\"make\",\"exit_code\":0,\"stdout_sample\":\"done\",\"shell\":\"sh\"}}");
    validated(world);
    CHECK_NUMBER(http_of(world, 0), 200);
    CHECK_NUMBER(count_of(world, 0, "/accepted_event_ids"), 2);
    CHECK_NUMBER(count_of(world, 0, "/rejected"), 2);
    CHECK(holds(answer_of(world, 0), "\"pointer\":\"/events/1/ts\""));
    CHECK(holds(answer_of(world, 0), "\"pointer\":\"/events/2/payload/command\""));
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 2);
    CHECK_NUMBER(ask(world, "SELECT count(*) FROM artifacts WHERE name LIKE '%.stdout'", NULL), 1);
}

TEST(batches, of_which_nothing_stands_are_refused)
{
    CLEANUP(world) struct world *world = world_new();

    put_batch(world, "b1", NOTE("1", "one"));
    put_batch(world, "b2",
              "{\"ts\":\"2024-05-01T10:00:00Z\",\"type\":\"commit\",\"payload\":{\"sha\":\"\"}}");
    put_batch(world, "b3", NOTE("2", "two"));
    validated(world);
    CHECK_NUMBER(http_of(world, 1), 422);
    CHECK(holds(answer_of(world, 1), "/events/0/payload"));
    CHECK_NUMBER(http_of(world, 2), 200);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 2);
}

/* Lists in a list. */
static const char *nested(struct world *world, int depth)
{
    char *text = arena_get(world->arena, 2 * (size_t)depth + 1);

    memset(text, '[', (size_t)depth);
    memset(text + depth, ']', (size_t)depth);
    text[2 * depth] = '\0';
    return text;
}

/* PRT_DEPTH_MAX can be 128; what lies around the lists makes that up. */
TEST(batches, and_heads_may_be_as_deep_as_can_be_set)
{
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};

    put_message(world, "deep", MESSAGE_OPEN,
                arena_format(world->arena,
                             "{\"session\":{\"participant_id\":\"p1\",\"role\":\"human_dev\","
                             "\"consent\":{\"rationales\":true,\"commands\":true,"
                             "\"snapshots\":true}},\"task\":{\"id\":\"t1\",\"title\":\"Mend\"},"
                             "\"repo\":{\"origin\":\"https://example.org/gate\","
                             "\"start_commit\":\"abc\"},"
                             "\"environment\":{\"metadata\":{\"lists\":%s}}}",
                             nested(world, 128 - 3)));
    put_batch(world, "b1",
              arena_format(world->arena,
                           "{\"ts\":\"2024-05-01T10:00:01Z\",\"type\":\"annotation\","
                           "\"payload\":{\"text\":\"one\",\"lists\":%s}}",
                           nested(world, 128 - 4)));
    validated(world);
    CHECK_NUMBER(http_of(world, 0), 200);
    CHECK_NUMBER(http_of(world, 1), 200);
    put_message(world, "t", MESSAGE_COMPLETE, "{}");
    validated(world);
    CHECK_WORKS(finalize(world, "t", &err));
    CHECK(holds(arena_text(world->arena, document_of(world, "t")), nested(world, 128 - 4)));
}

/* PRT_BODY_MAX can be 64 MiB, which is more than one event may have. */
TEST(batches, may_be_as_large_as_can_be_set)
{
    enum { NOTES = 20, NOTE_BYTES = 1000 * 1000 };
    CLEANUP(world) struct world *world = world_new();
    CLEANUP(buf) struct buf      events = {0};
    char                        *text = arena_get(world->arena, NOTE_BYTES + 1);

    memset(text, ' ', NOTE_BYTES);
    text[NOTE_BYTES] = '\0';
    for (int i = 0; i < NOTES; i++) {
        buf_format(&events,
                   "%s{\"ts\":\"2024-05-01T10:00:%02dZ\",\"type\":\"annotation\","
                   "\"payload\":{\"text\":\"%s\"}}",
                   i == 0 ? "" : ",", i, text);
    }
    put_batch(world, "b1", arena_text(world->arena, buf_bytes(&events)));
    validated(world);
    CHECK_NUMBER(http_of(world, 0), 200);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), NOTES);
}

static void write_raw(struct world *world)
{
    struct err err = {0};

    put_message(world, "t", MESSAGE_WORK, "{\"raw\":true}");
    world->count = 0;
    CHECK_WORKS(finalize_stage.handle(world->finalizer, &world->in[0], &world->out, &err));
}

static const char *raw_of(struct world *world)
{
    struct bytes raw;
    struct err   err = {0};

    CHECK_WORKS(blob_get(world->farm.blob, world->arena, BUCKET_TRACES, "raw/t.ndjson", 1 << 20,
                         &raw, &err));
    return arena_text(world->arena, raw);
}

TEST(batches, stand_as_lines_in_the_traces_bucket)
{
    CLEANUP(world) struct world *world = world_new();
    const char                  *raw;

    put_batch(world, "b1", NOTE("1", "one") "," NOTE("2", "two"));
    validated(world);
    CHECK_NUMBER((int64_t)letters_to(world, "work", "finalize"), 1);
    write_raw(world);
    raw = raw_of(world);
    CHECK(*raw != '\0' && raw[strlen(raw) - 1] == '\n');
    CHECK(holds(raw, "\"freeform\":\"two\""));
}

static void add_three(struct world *other)
{
    put_batch(other, "b2", NOTE("3", "three"));
    validated(other);
    write_raw(other);
    CHECK(holds(raw_of(other), "\"freeform\":\"three\""));
}

/* Two finalize workers: this one has read its lines, and the other puts more before it puts these.
 */
TEST(batches, stand_there_whole_whoever_puts_them_last)
{
    CLEANUP(world) struct world *world = world_new();
    CLEANUP(world) struct world *other = world_beside(world);

    other->seq = 100;
    put_batch(world, "b1", NOTE("1", "one"));
    validated(world);
    extended_other = other;
    extended = add_three;
    write_raw(world);
    CHECK(extended == NULL);
    CHECK(holds(raw_of(world), "\"freeform\":\"one\""));
    CHECK(holds(raw_of(world), "\"freeform\":\"three\""));
}

/* More waits than is chained at once: the batch comes while the trace's next place is taken. */
TEST(batches, take_no_place_that_a_waiting_chunk_has)
{
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};

    validate_stage.close(TAKE(world->validator));
    world->config.batch_bytes = 1;
    CHECK_WORKS(validate_stage.open(&world->farm, &world->validator, &err));
    for (int64_t place = 1; place <= 3; place++) {
        put_chunk(world, "t", place, place, 1);
    }
    validated(world);
    put_chunk(world, "t", 0, 0, 1);
    put_batch(world, "b1", NOTE("1", "one"));
    validated(world);
    CHECK_NUMBER(http_of(world, 1), 200);
    CHECK_NUMBER(ask(world, EVENTS_OF, "t"), 5);
    CHECK_NUMBER(ask(world, NEXT_CHUNK, "t"), 5);
    CHECK_NUMBER(ask(world,
                     "SELECT count(*) FROM traces WHERE trace_id = $1 AND pending_chunks = 0"
                     " AND pending_events = 0 AND accepted_events = num_events",
                     "t"),
                 1);
}
