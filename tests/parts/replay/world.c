// SPDX-License-Identifier: MIT
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fd.h"
#include "lib/jetstream.h"
#include "lib/postgres.h"
#include "store/trace_store.h"
#include "trace/dead_letter.h"
#include "value/json.h"

static const struct config settings = {
    .body_max = 8 << 20,
    .chunk_events_max = 1000,
    .event_max = 1 << 20,
    .depth_max = 32,
    .id_max = 128,
    .path_max = 4096,
    .trace_events_max = 100000,
    .known_ids = 1 << 20,
    .batch_bytes = 8 << 20,
    .batch_messages = 4,
    .complete_wait = 30000,
    .redact = true,
};

static struct rebuild last;

static bool open_all(struct world *world)
{
    struct err             err = {0};
    char                   url[128];
    struct stream_settings stream = {.url = jetstream_url(),
                                     .name = "test",
                                     .replicas = 1,
                                     .ingest_keep_ms = 3600 * 1000,
                                     .ingest_bytes = 64 << 20,
                                     .dead_keep_ms = 3600 * 1000,
                                     .publish_window = 16};
    struct blob_settings   blobs = {.url = url, .prefix = "pr-telemetry"};
    const char            *database = postgres_tables();

    if (stream.url == NULL || database == NULL || mkdtemp(world->blob_dir) == NULL) {
        test_failed(__FILE__, __LINE__, "no world");
        return false;
    }
    (void)snprintf(url, sizeof(url), "file://%s", world->blob_dir);
    memset(world->farm.chain_key, 7, KEY_BYTES);
    world->farm.config = &world->config;
    CHECK_WORKS(crypto_setup(&err));
    CHECK_WORKS(stream_open(&world->farm.stream, &stream, &err));
    CHECK_WORKS(stream_setup(world->farm.stream, &err));
    CHECK_WORKS(store_open(&world->farm.store, database, "test", &err));
    CHECK_WORKS(blob_store_open(&world->farm.blob, &blobs, &err));
    return err.code == ERR_NONE;
}

struct world *world_new(void)
{
    static int    worlds;
    struct world *world = mem_zero(1, sizeof(*world));

    world->arena = arena_new();
    world->config = settings;
    world->trace = arena_format(world->arena, "t-%d", ++worlds);
    world->at_us = 1763000000123456;
    (void)snprintf(world->blob_dir, sizeof(world->blob_dir), "/tmp/prt-replay.XXXXXX");
    if (!open_all(world)) {
        world_free(world);
        return NULL;
    }
    world->rebuilder = rebuilder_new(&world->farm, "run-1");
    return world;
}

void world_free(struct world *world)
{
    struct err err = {0};

    if (world == NULL) {
        return;
    }
    rebuilder_free(world->rebuilder);
    blob_store_close(world->farm.blob);
    store_close(world->farm.store);
    stream_close(world->farm.stream);
    CHECK_WORKS(dir_remove(world->blob_dir, &err));
    arena_free(world->arena);
    mem_free(world);
}

/* ------------------------------------ sending ------------------------------------ */

uint64_t put_message(struct world *world, enum message_kind kind, const char *json)
{
    static const struct value_limits limits = {1 << 20, 32, 100000};
    CLEANUP(buf) struct buf          body = {0};
    CLEANUP(buf) struct buf          bytes = {0};
    char                             subject[SUBJECT_BYTES];
    struct publication               what = {.subject = subject};
    uint64_t                         seq = 0;
    struct err                       err = {0};

    CHECK_WORKS(json_to_msgpack(bytes_of(json), &limits, &body, &err));
    message_write(&bytes, &(struct message){.kind = kind,
                                            .at_us = world->at_us++,
                                            .consent = CONSENT_ALL,
                                            .body = buf_bytes(&body)});
    subject_ingest(subject, "acme", world->trace, kind);
    what.body = buf_bytes(&bytes);
    CHECK_WORKS(stream_publish(world->farm.stream, &what, &seq, &err));
    return seq;
}

uint64_t put_open(struct world *world)
{
    return put_message(
        world, MESSAGE_OPEN,
        "{\"session\":{\"participant_id\":\"p1\",\"role\":\"human_dev\",\"consent\":"
        "{\"rationales\":true,\"commands\":true,\"snapshots\":true}},"
        "\"task\":{\"id\":\"t1\",\"title\":\"Mend the gate\"},"
        "\"repo\":{\"origin\":\"https://example.org/gate\",\"start_commit\":\"abc\"}}");
}

uint64_t put_chunk(struct world *world, int64_t chunk_seq, int64_t first, int64_t count)
{
    CLEANUP(buf) struct buf json = {0};

    buf_format(&json, "{\"chunk_id\":\"c%lld\",\"chunk_seq\":%lld,\"events\":[",
               (long long)chunk_seq, (long long)chunk_seq);
    for (int64_t seq = first; seq < first + count; seq++) {
        buf_format(&json,
                   "%s{\"id\":\"e%lld\",\"seq\":%lld,\"ts_client_s\":%lld.5,\"type\":\"cmd_run\","
                   "\"cmd\":\"make %lld\",\"exit_code\":0}",
                   seq == first ? "" : ",", (long long)seq, (long long)seq,
                   1763000000LL + (long long)seq, (long long)seq);
    }
    buf_put_text(&json, "]}");
    return put_message(world, MESSAGE_CHUNK, buf_text(&json));
}

uint64_t put_complete(struct world *world, int64_t num_chunks)
{
    return put_message(world, MESSAGE_COMPLETE,
                       arena_format(world->arena, "{\"num_chunks\":%lld}", (long long)num_chunks));
}

void bury(struct world *world, uint64_t seq, enum err_code code)
{
    CLEANUP(buf) struct buf  body = {0};
    char                     subject[SUBJECT_BYTES];
    char                     from[SUBJECT_BYTES];
    const struct dead_letter letter = {.stage = "validate",
                                       .reason = err_reason(code),
                                       .code = err_name(code),
                                       .story = "buried",
                                       .tries = 1,
                                       .stream = "PRT_INGEST",
                                       .subject = from,
                                       .seq = (int64_t)seq,
                                       .at_us = clock_us(),
                                       .payload = BYTES("-")};
    struct err               err = {0};

    subject_ingest(from, "acme", world->trace, MESSAGE_CHUNK);
    subject_stage(subject, "dead", "validate", "acme", world->trace);
    dead_letter_write(&body, &letter);
    CHECK_WORKS(stream_publish(world->farm.stream,
                               &(struct publication){.subject = subject, .body = buf_bytes(&body)},
                               NULL, &err));
}

/* ------------------------------------ replaying ------------------------------------ */

static enum rebuild_end replay_as(struct world *world, bool dry)
{
    struct err err = {0};

    last = (struct rebuild){.end = REBUILD_ENDS};
    CHECK_WORKS(
        rebuild_trace(world->rebuilder, "acme", world->trace, world->at_us, dry, &last, &err));
    return last.end;
}

enum rebuild_end replay(struct world *world)
{
    return replay_as(world, false);
}

enum rebuild_end replay_dry(struct world *world)
{
    return replay_as(world, true);
}

const char *story(void)
{
    return last.story == NULL ? "" : last.story;
}

int64_t refused(void)
{
    return last.refused;
}

/* ------------------------------------ looking ------------------------------------ */

static int64_t number_of(struct world *world)
{
    struct trace_record row = {0};
    struct err          err = {0};

    CHECK_WORKS(trace_read(world->farm.store, world->arena, world->trace, &row, &err));
    return row.trace_no;
}

/* Statements are told apart by where they lie. */
static const struct statement *statement_of(const char *sql)
{
    static struct statement all[64];
    static char             names[64][16];
    static size_t           count;

    for (size_t i = 0; i < count; i++) {
        if (all[i].sql == sql) {
            return &all[i];
        }
    }
    if (count == COUNT_OF(all)) {
        printf("    more than %zu questions\n", count);
        exit(1);
    }
    (void)snprintf(names[count], sizeof(names[count]), "ask_%zu", count);
    all[count] = (struct statement){names[count], sql, 1};
    return &all[count++];
}

static struct rows *query(struct world *world, const char *sql)
{
    struct args  args = args_start(world->arena);
    struct rows *rows = NULL;
    struct err   err = {0};

    args_whole(&args, number_of(world));
    CHECK_WORKS(store_run(world->farm.store, statement_of(sql), &args, &rows, &err));
    return rows;
}

void run(struct world *world, const char *sql)
{
    rows_free(query(world, sql));
}

int64_t ask(struct world *world, const char *sql)
{
    CLEANUP(rows) struct rows *rows = query(world, sql);

    return rows == NULL || rows_count(rows) == 0 ? -1 : rows_whole(rows, 0, 0);
}

const char *derived(struct world *world)
{
    static const char *const parts[] = {
        "SELECT concat_ws(' ', status, encode(chain_head, 'hex'), num_events, last_seq, "
        "next_chunk_seq,"
        " pending_chunks, pending_events, opened_us, encode(open_hash, 'hex'), completed_us,"
        " complete_seq, expected_chunks) FROM traces WHERE trace_no = $1::bigint",
        "SELECT head FROM trace_heads WHERE trace_no = $1::bigint",
        "SELECT concat_ws(' ', chunk_seq, status, seg_length, received_us, stream_seq, num_events, "
        "http,"
        " chunk_id, encode(content_hash, 'hex'), verdict, redactions, encode(payload, 'hex'),"
        " first_seq, encode(lines, 'hex'), encode(event_keys, 'hex'))"
        " FROM trace_chunks WHERE trace_no = $1::bigint ORDER BY chunk_seq",
    };
    CLEANUP(buf) struct buf all = {0};

    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        CLEANUP(rows) struct rows *rows = query(world, parts[i]);

        for (size_t k = 0; rows != NULL && k < rows_count(rows); k++) {
            buf_put(&all, rows_bytes(rows, k, 0));
            buf_put_byte(&all, '\n');
        }
    }
    return arena_text(world->arena, buf_bytes(&all));
}

void lose_segment(struct world *world)
{
    CLEANUP(rows)
    struct rows *rows = query(world, "SELECT key FROM segments JOIN trace_chunks USING (segment_no)"
                                     " WHERE trace_no = $1::bigint ORDER BY chunk_seq LIMIT 1");
    struct err   err = {0};

    CHECK(rows != NULL && rows_count(rows) == 1);
    if (rows != NULL && rows_count(rows) == 1) {
        CHECK_WORKS(blob_delete(world->farm.blob, BUCKET_CHUNKS, rows_text(rows, 0, 0), &err));
    }
}

int64_t in_stream(struct world *world, const char *name)
{
    struct stream_state state = {0};
    struct err          err = {0};

    CHECK_WORKS(stream_state(world->farm.stream, name, &state, &err));
    return (int64_t)state.messages;
}
