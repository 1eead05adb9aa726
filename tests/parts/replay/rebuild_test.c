// SPDX-License-Identifier: MIT
#include "workers/replay/late.h"
#include "world.h"

/* Six chunks of ten events each, complete, and taken: two batches. */
static struct world *world_with_a_trace(void)
{
    struct world *world = world_new();

    if (world != NULL) {
        (void)put_open(world);
        for (int i = 0; i < 6; i++) {
            (void)put_chunk(world, i, 10 * i, 10);
        }
        (void)put_complete(world, 6);
        CHECK_TEXT(rebuild_end_name(replay(world)), "added");
        CHECK_NUMBER(ask(world, "SELECT num_events FROM traces WHERE trace_no = $1::bigint"), 60);
    }
    return world;
}

#define WORLD(make)                                                                                \
    CLEANUP(world) struct world *world = make();                                                   \
    if (world == NULL) {                                                                           \
        return;                                                                                    \
    }

TEST(replay, changes_nothing_that_is_right)
{
    WORLD(world_with_a_trace);
    const char *before = derived(world);

    CHECK_TEXT(rebuild_end_name(replay(world)), "right");
    CHECK_TEXT(rebuild_end_name(replay_dry(world)), "right");
    CHECK_TEXT(story(), "");
    CHECK_NUMBER(refused(), 0);
    CHECK_TEXT(derived(world), before);
}

TEST(replay, builds_anew_what_is_lost_as_it_was)
{
    static const char *const damage[] = {
        "UPDATE trace_chunks SET event_keys = NULL WHERE trace_no = $1::bigint AND first_seq > 20",
        "UPDATE trace_chunks SET event_keys = substr(event_keys, 17) || substr(event_keys, 1, 16)"
        " WHERE trace_no = $1::bigint",
        "UPDATE traces SET indexed_events = 5 WHERE trace_no = $1::bigint",
        "INSERT INTO event_ids VALUES ($1::bigint, '\\x00')",
        "UPDATE trace_chunks SET lines = NULL WHERE trace_no = $1::bigint AND chunk_seq = 3",
        "UPDATE trace_chunks SET lines = substr(lines, 2) WHERE trace_no = $1::bigint",
        "UPDATE trace_chunks SET first_seq = first_seq + 1 WHERE trace_no = $1::bigint",
        "DELETE FROM trace_chunks WHERE trace_no = $1::bigint",
        "DELETE FROM trace_chunks WHERE trace_no = $1::bigint AND chunk_seq = 5",
        "DELETE FROM trace_heads WHERE trace_no = $1::bigint",
        "DELETE FROM segments WHERE segment_no IN (SELECT segment_no FROM trace_chunks"
        " WHERE trace_no = $1::bigint)",
        "UPDATE trace_chunks SET seg_offset = seg_offset + 7 WHERE trace_no = $1::bigint",
    };
    WORLD(world_with_a_trace);
    const char *before = derived(world);

    for (size_t i = 0; i < COUNT_OF(damage); i++) {
        run(world, damage[i]);
        CHECK_TEXT(rebuild_end_name(replay(world)), "rebuilt");
        CHECK_TEXT(derived(world), before);
        CHECK_TEXT(rebuild_end_name(replay(world)), "right");
    }
    lose_segment(world);
    CHECK_TEXT(rebuild_end_name(replay_dry(world)), "rebuilt");
    CHECK_TEXT(rebuild_end_name(replay(world)), "rebuilt");
    CHECK(strstr(story(), "no such object") != NULL);
    CHECK_TEXT(derived(world), before);
}

/* Erasing the trace goes by its rows: lines that no row points to would stay. */
TEST(replay, that_makes_lines_anew_leaves_none_of_the_old_behind)
{
    WORLD(world_with_a_trace);
    struct err         err = {0};
    struct blob_entry *entries;
    size_t             objects = 0;

    run(world, "UPDATE trace_chunks SET event_keys = NULL WHERE trace_no = $1::bigint");
    CHECK_TEXT(rebuild_end_name(replay(world)), "rebuilt");
    CHECK_WORKS(blob_list(world->farm.blob, world->arena, BUCKET_CHUNKS, "segments/", "", 1000,
                          &entries, &objects, &err));
    CHECK_NUMBER((int64_t)objects,
                 ask(world, "SELECT count(DISTINCT segment_no) FROM trace_chunks"
                            " WHERE trace_no = $1::bigint"));
}

/* Its rows are damaged: what they say of its lines may be where another trace's lie. */
TEST(replay, of_a_damaged_trace_touches_no_lines_of_another)
{
    WORLD(world_with_a_trace);
    const char *damaged = world->trace;
    const char *beside = arena_format(world->arena, "%s-beside", damaged);
    const char *before;

    world->trace = beside;
    (void)put_open(world);
    (void)put_chunk(world, 0, 0, 10);
    CHECK_TEXT(rebuild_end_name(replay(world)), "added");
    before = derived(world);
    world->trace = damaged;
    run(world, "UPDATE trace_chunks SET seg_offset = 0, segment_no = (SELECT max(segment_no)"
               " FROM segments) WHERE trace_no = $1::bigint AND chunk_seq = 0");
    CHECK_TEXT(rebuild_end_name(replay(world)), "rebuilt");
    CHECK_TEXT(rebuild_end_name(replay(world)), "right");
    world->trace = beside;
    CHECK_TEXT(rebuild_end_name(replay_dry(world)), "right");
    CHECK_TEXT(derived(world), before);
}

TEST(replay, leaves_a_finalized_trace_finalized)
{
    WORLD(world_with_a_trace);
    int64_t work = in_stream(world, "PRT_WORK");

    run(world,
        "UPDATE traces SET status = 'finalized', document_key = 'k' WHERE trace_no = $1::bigint");
    run(world, "UPDATE trace_chunks SET event_keys = NULL WHERE trace_no = $1::bigint");
    CHECK_TEXT(rebuild_end_name(replay(world)), "rebuilt");
    CHECK_NUMBER(ask(world, "SELECT count(*) FROM traces WHERE trace_no = $1::bigint"
                            " AND status = 'finalized' AND document_key = 'k' AND num_events = 60"),
                 1);
    CHECK_NUMBER(in_stream(world, "PRT_WORK"), work);
}

/* finalize put them into segments, and does not come again. */
TEST(replay, leaves_no_lines_in_the_rows_of_a_finalized_trace)
{
    WORLD(world_with_a_trace);
    const char *before;

    world->config.keep_lines = 64 << 10;
    rebuilder_free(TAKE(world->rebuilder));
    world->rebuilder = rebuilder_new(&world->farm, "run-2");
    run(world,
        "UPDATE traces SET status = 'finalized', document_key = 'k' WHERE trace_no = $1::bigint");
    before = derived(world);
    run(world, "UPDATE trace_chunks SET event_keys = NULL WHERE trace_no = $1::bigint");
    CHECK_TEXT(rebuild_end_name(replay(world)), "rebuilt");
    CHECK_NUMBER(ask(world, "SELECT count(*) FROM trace_chunks WHERE trace_no = $1::bigint"
                            " AND (kept_lines IS NOT NULL OR segment_no IS NULL)"),
                 0);
    CHECK_TEXT(derived(world), before);
    CHECK_TEXT(rebuild_end_name(replay(world)), "right");
}

TEST(replay, takes_what_came_after_the_rows_were_saved)
{
    WORLD(world_new);
    const char *before;

    (void)put_open(world);
    (void)put_chunk(world, 0, 0, 5);
    CHECK_TEXT(rebuild_end_name(replay(world)), "added");
    (void)put_chunk(world, 2, 10, 5);
    CHECK_TEXT(rebuild_end_name(replay(world)), "added"); /* pending */
    before = derived(world);
    CHECK_TEXT(rebuild_end_name(replay(world)), "right");
    CHECK_TEXT(derived(world), before);
    run(world, "DELETE FROM trace_chunks WHERE trace_no = $1::bigint AND status = 'pending'");
    CHECK_TEXT(rebuild_end_name(replay(world)), "rebuilt");
    CHECK_TEXT(derived(world), before);
    (void)put_chunk(world, 1, 5, 5);
    CHECK_TEXT(rebuild_end_name(replay(world)), "added");
    CHECK_NUMBER(ask(world, "SELECT num_events FROM traces WHERE trace_no = $1::bigint"), 15);
}

TEST(replay, keeps_out_what_came_too_late_the_first_time)
{
    WORLD(world_new);
    const char *before;
    uint64_t    late;

    (void)put_open(world);
    (void)put_chunk(world, 0, 0, 5);
    (void)put_complete(world, 2);
    CHECK_TEXT(rebuild_end_name(replay(world)), "added");
    /* The second chunk did not come in time, and the trace was closed without it. */
    run(world,
        "UPDATE traces SET status = 'finalized', document_key = 'k' WHERE trace_no = $1::bigint");
    late = put_chunk(world, 1, 5, 5);
    bury(world, late, ERR_TRACE_CLOSED);
    before = derived(world);
    CHECK_TEXT(rebuild_end_name(replay(world)), "right");
    CHECK_NUMBER(refused(), 1);
    run(world, "UPDATE trace_chunks SET event_keys = NULL WHERE trace_no = $1::bigint");
    CHECK_TEXT(rebuild_end_name(replay(world)), "rebuilt");
    CHECK_TEXT(derived(world), before);
}

/* A client that went on sending after it was told: each letter holds what it sent. */
TEST(replay, keeps_in_memory_no_letter_of_what_came_too_late)
{
    enum { LETTERS = 1000, LEAST = 100 }; /* bytes of one */
    WORLD(world_new);
    CLEANUP(arena) struct arena *arena = arena_new();
    struct late                  late;
    struct err                   err = {0};

    for (uint64_t seq = 1; seq <= LETTERS; seq++) {
        bury(world, seq, ERR_TRACE_CLOSED);
    }
    CHECK_WORKS(late_find(world->farm.stream, arena, "acme", world->trace, &late, &err));
    CHECK_NUMBER((int64_t)late.count, LETTERS);
    CHECK(late_holds(&late, 1) && late_holds(&late, LETTERS) && !late_holds(&late, LETTERS + 1));
    CHECK(arena_size(arena) < (size_t)LETTERS * LEAST);
}

TEST(replay, changes_nothing_where_the_stream_no_longer_has_it_all)
{
    WORLD(world_with_a_trace);
    struct err  err = {0};
    const char *before;

    run(world, "UPDATE trace_chunks SET event_keys = substr(event_keys, 17) WHERE trace_no = $1::bigint");
    before = derived(world);
    CHECK_WORKS(stream_purge(world->farm.stream, "PRT_INGEST",
                             arena_format(world->arena, "prt.ingest.acme.%s.open", world->trace),
                             &err));
    (void)put_open(world); /* another time: another trace, for all that can be told */
    CHECK_WORKS(stream_purge(world->farm.stream, "PRT_INGEST",
                             arena_format(world->arena, "prt.ingest.acme.%s.chunk", world->trace),
                             &err));
    CHECK_TEXT(rebuild_end_name(replay(world)), "lost");
    CHECK(strstr(story(), "0 events, and it had 60") != NULL);
    CHECK_TEXT(derived(world), before);
}

static void forget_message(struct world *world, uint64_t seq)
{
    struct err err = {0};

    CHECK_WORKS(stream_delete(world->farm.stream, "PRT_INGEST", seq, &err));
}

/* It came days before those that it waits behind, and is in no stream any more: only in its row. */
TEST(replay, does_not_drop_a_waiting_chunk_that_the_stream_no_longer_has)
{
    WORLD(world_new);
    const char *before;
    uint64_t    early;

    early = put_chunk(world, 5, 50, 10);
    (void)put_open(world);
    (void)put_chunk(world, 0, 0, 10);
    CHECK_TEXT(rebuild_end_name(replay(world)), "added");
    forget_message(world, early);
    run(world, "UPDATE trace_chunks SET event_keys = substr(event_keys, 17) WHERE trace_no = $1::bigint");
    before = derived(world);
    CHECK_TEXT(rebuild_end_name(replay(world)), "lost");
    CHECK(strstr(story(), "no longer has 1 of its chunks") != NULL);
    CHECK_TEXT(derived(world), before);
}

/* Of a last chunk without events no event is missing, and all that come behind it would wait. */
TEST(replay, does_not_go_back_behind_a_chunk_without_events)
{
    WORLD(world_new);
    const char *before;
    uint64_t    seq;

    (void)put_open(world);
    (void)put_chunk(world, 0, 0, 10);
    seq = put_message(world, MESSAGE_CHUNK,
                      "{\"chunk_id\":\"c1\",\"chunk_seq\":1,\"events\":[],\"artifacts\":"
                      "{\"e3.stdout\":{\"type\":\"stdout\",\"event_id\":\"e3\",\"content\":\"x\"}}}");
    CHECK_TEXT(rebuild_end_name(replay(world)), "added");
    CHECK_NUMBER(ask(world, "SELECT next_chunk_seq FROM traces WHERE trace_no = $1::bigint"), 2);
    forget_message(world, seq);
    run(world, "UPDATE trace_chunks SET event_keys = substr(event_keys, 17) WHERE trace_no = $1::bigint");
    before = derived(world);
    CHECK_TEXT(rebuild_end_name(replay(world)), "lost");
    CHECK_TEXT(derived(world), before);
}

/* The first message of a trace is the first that the stream lets go of. */
TEST(replay, needs_no_open_message_while_the_head_is_there)
{
    WORLD(world_new);
    const char *before;
    uint64_t    seq = put_open(world);

    (void)put_chunk(world, 0, 0, 10);
    CHECK_TEXT(rebuild_end_name(replay(world)), "added");
    before = derived(world);
    forget_message(world, seq);
    run(world, "UPDATE trace_chunks SET event_keys = substr(event_keys, 17) WHERE trace_no = $1::bigint");
    CHECK_TEXT(rebuild_end_name(replay(world)), "rebuilt");
    CHECK_TEXT(derived(world), before);
    run(world, "DELETE FROM trace_heads WHERE trace_no = $1::bigint");
    CHECK_TEXT(rebuild_end_name(replay(world)), "lost");
    CHECK(strstr(story(), "opened") != NULL);
}

/* Completed before its last chunks came, and these are all that the stream still has. */
TEST(replay, leaves_a_trace_complete)
{
    WORLD(world_new);
    const char *before;
    uint64_t    seq;

    (void)put_open(world);
    seq = put_complete(world, 2);
    (void)put_chunk(world, 0, 0, 10);
    CHECK_TEXT(rebuild_end_name(replay(world)), "added");
    forget_message(world, seq);
    run(world, "UPDATE trace_chunks SET event_keys = substr(event_keys, 17) WHERE trace_no = $1::bigint");
    before = derived(world);
    CHECK_TEXT(rebuild_end_name(replay(world)), "lost");
    CHECK(strstr(story(), "completed it") != NULL);
    CHECK_TEXT(derived(world), before);
}

TEST(replay, changes_nothing_when_the_chain_comes_out_otherwise)
{
    WORLD(world_with_a_trace);
    const char *before;

    rebuilder_free(TAKE(world->rebuilder));
    memset(world->farm.chain_key, 8, KEY_BYTES);
    world->rebuilder = rebuilder_new(&world->farm, "run-2");
    before = derived(world);
    CHECK_TEXT(rebuild_end_name(replay(world)), "lost");
    CHECK(strstr(story(), "another chain") != NULL);
    CHECK_TEXT(derived(world), before);
}

TEST(replay, of_a_refused_chunk_refuses_it_again_and_buries_nothing)
{
    WORLD(world_new);
    int64_t     dead = in_stream(world, "PRT_DEAD");
    const char *before;

    (void)put_open(world);
    (void)put_message(world, MESSAGE_CHUNK,
                      "{\"chunk_id\":\"c0\",\"chunk_seq\":0,\"events\":[{\"id\":\"e\",\"seq\":0,"
                      "\"type\":\"?\"}]}");
    CHECK_TEXT(rebuild_end_name(replay(world)), "added");
    CHECK_NUMBER(refused(), 1);
    before = derived(world);
    CHECK_TEXT(rebuild_end_name(replay(world)), "right");
    CHECK_TEXT(derived(world), before);
    (void)put_chunk(world, 0, 0, 3); /* the corrected one takes its place, then and in a replay */
    CHECK_TEXT(rebuild_end_name(replay(world)), "added");
    before = derived(world);
    CHECK_TEXT(rebuild_end_name(replay(world)), "right");
    run(world, "DELETE FROM trace_chunks WHERE trace_no = $1::bigint");
    CHECK_TEXT(rebuild_end_name(replay(world)), "rebuilt");
    CHECK_TEXT(derived(world), before);
    CHECK_NUMBER(in_stream(world, "PRT_DEAD"), dead);
}

TEST(replay, dry_touches_nothing)
{
    WORLD(world_with_a_trace);
    int64_t            work = in_stream(world, "PRT_WORK");
    const char        *before;
    struct err         err = {0};
    size_t             objects = 0;
    size_t             after = 0;
    struct blob_entry *entries;

    run(world, "UPDATE trace_chunks SET event_keys = substr(event_keys, 17) WHERE trace_no = $1::bigint");
    before = derived(world);
    CHECK_WORKS(blob_list(world->farm.blob, world->arena, BUCKET_CHUNKS, "", "", 1000, &entries,
                          &objects, &err));
    CHECK_TEXT(rebuild_end_name(replay_dry(world)), "rebuilt");
    CHECK_TEXT(derived(world), before);
    CHECK_WORKS(blob_list(world->farm.blob, world->arena, BUCKET_CHUNKS, "", "", 1000, &entries,
                          &after, &err));
    CHECK_NUMBER(after, objects);
    CHECK_NUMBER(in_stream(world, "PRT_WORK"), work);
}

TEST(replay, that_comes_to_nothing_leaves_no_object_behind)
{
    WORLD(world_with_a_trace);
    struct err         err = {0};
    size_t             objects = 0;
    size_t             after = 0;
    struct blob_entry *entries;

    CHECK_WORKS(blob_list(world->farm.blob, world->arena, BUCKET_CHUNKS, "", "", 1000, &entries,
                          &objects, &err));
    CHECK(objects > 0);
    rebuilder_free(TAKE(world->rebuilder));
    memset(world->farm.chain_key, 8, KEY_BYTES);
    world->rebuilder = rebuilder_new(&world->farm, "run-2");
    CHECK_TEXT(rebuild_end_name(replay(world)), "lost");
    CHECK_WORKS(blob_list(world->farm.blob, world->arena, BUCKET_CHUNKS, "", "", 1000, &entries,
                          &after, &err));
    CHECK_NUMBER(after, objects);
}
