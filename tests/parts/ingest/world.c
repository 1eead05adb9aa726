// SPDX-License-Identifier: MIT
#include "world.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "lib/postgres.h"
#include "value/json.h"
#include "value/msgpack.h"

/* -------------------------------- an outbox to look into -------------------------------- */

static struct letter *add_letter(struct outbox *out, const struct delivery *in, const char *family,
                                 const char *stage, struct bytes body)
{
    struct letter *letter = &out->letters[out->count++];

    if (out->count == COUNT_OF(out->letters)) {
        printf("    the test's outbox is full\n");
        exit(1);
    }
    *letter = (struct letter){
        .from = in, .family = family, .stage = stage, .body = arena_bytes(in->arena, body)};
    return letter;
}

void outbox_put(struct outbox *out, const struct delivery *in, const char *family,
                const char *stage, const char *id, struct bytes body, bool pass_reply)
{
    struct letter *letter = add_letter(out, in, family, stage, body);

    letter->id = id == NULL ? NULL : arena_text(in->arena, bytes_of(id));
    letter->pass_reply = pass_reply;
}

void outbox_put_ingest(struct outbox *out, const struct delivery *in, enum message_kind kind,
                       const char *id, struct bytes body, bool pass_reply)
{
    struct letter *letter = add_letter(out, in, "ingest", message_kind_name(kind), body);

    letter->id = id == NULL ? NULL : arena_text(in->arena, bytes_of(id));
    letter->pass_reply = pass_reply;
}

void outbox_answer(struct outbox *out, const struct delivery *in, int http, struct bytes json)
{
    add_letter(out, in, "answer", "", json)->http = http;
}

void (*extended)(struct world *other);
struct world *extended_other;

int delivery_extend(struct delivery *in, struct err *err)
{
    void (*then)(struct world *) = extended;

    (void)in;
    (void)err;
    extended = NULL;
    if (then != NULL) {
        then(extended_other);
    }
    return 0;
}

/* -------------------------------- the world -------------------------------- */

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
    .complete_wait = 30000,
    .redact = true,
};

static bool open_all(struct world *world)
{
    struct err                 err = {0};
    char                       url[128];
    const struct blob_settings blobs = {.url = url, .prefix = "pr-telemetry"};

    (void)snprintf(url, sizeof(url), "file://%s", world->blob_dir);
    memset(world->farm.chain_key, 7, KEY_BYTES);
    memset(world->farm.signing_key, 9, KEY_BYTES);
    world->config.blob_url = arena_text(world->arena, bytes_of(url));
    world->config.blob_prefix = blobs.prefix;
    world->farm.config = &world->config;
    log_setup(true, LOG_ERROR);
    CHECK_WORKS(crypto_setup(&err));
    CHECK_WORKS(store_open(&world->farm.store, world->url, "test", &err));
    CHECK_WORKS(blob_store_open(&world->farm.blob, &blobs, &err));
    CHECK_WORKS(validate_stage.open(&world->farm, &world->validator, &err));
    CHECK_WORKS(finalize_stage.open(&world->farm, &world->finalizer, &err));
    return world->validator != NULL && world->finalizer != NULL;
}

static struct world *world_at(const char *url, const char *blob_dir)
{
    struct world *world = mem_zero(1, sizeof(*world));

    world->arena = arena_new();
    world->config = settings;
    world->url = url;
    world->at_us = 1763000000123456;
    (void)snprintf(world->blob_dir, sizeof(world->blob_dir), "%s", blob_dir);
    if (!open_all(world)) {
        world_free(world);
        return NULL;
    }
    return world;
}

void reopened(struct world *world)
{
    struct err err = {0};

    validate_stage.close(world->validator);
    CHECK_WORKS(validate_stage.open(&world->farm, &world->validator, &err));
}

size_t segment_objects(struct world *world)
{
    struct err         err = {0};
    struct blob_entry *entries = NULL;
    size_t             count = 0;

    CHECK_WORKS(blob_list(world->farm.blob, world->arena, BUCKET_CHUNKS, "segments/", "", 1000,
                          &entries, &count, &err));
    return count;
}

struct world *world_new(void)
{
    char        dir[] = "/tmp/prt-blobs-XXXXXX";
    const char *url = postgres_tables();

    CHECK(url != NULL);
    return url == NULL || mkdtemp(dir) == NULL ? NULL : world_at(url, dir);
}

struct world *world_beside(const struct world *first)
{
    struct world *world = world_at(first->url, first->blob_dir);

    if (world != NULL) {
        world->blob_dir[0] = '\0'; /* the first one's to remove */
    }
    return world;
}

void world_free(struct world *world)
{
    struct err err = {0};

    if (world == NULL) {
        return;
    }
    validate_stage.close(world->validator);
    finalize_stage.close(world->finalizer);
    store_close(world->farm.store);
    blob_store_close(world->farm.blob);
    if (world->blob_dir[0] != '\0') {
        (void)!dir_remove(world->blob_dir, &err);
    }
    arena_free(world->arena);
    free(world);
}

/* -------------------------------- deliveries -------------------------------- */

static const struct value_limits limits = {.bytes = 64 << 20, .depth = 132, .values = 4 << 20};

/* The gateway puts an upload's object before it publishes the message; its bytes tell its key. */
static void put_object(struct world *world, struct bytes body)
{
    struct value message;
    struct bytes key;
    struct err   err = {0};

    CHECK_WORKS(msgpack_read(world->arena, body, &limits, true, &message, &err));
    key = value_text_or(value_get(&message, "key"), "");
    if (key.size > 0) {
        CHECK_WORKS(blob_put(world->farm.blob, BUCKET_ARTIFACTS, arena_text(world->arena, key), key,
                             "text/plain", &err));
    }
}

size_t put_message(struct world *world, const char *trace, enum message_kind kind, const char *json)
{
    struct err       err = {0};
    struct buf       body = {0};
    size_t           index = world->count;
    struct delivery *in = &world->in[index];

    if (json_to_msgpack(bytes_of(json), &limits, &body, &err) < 0) {
        test_failed(__FILE__, __LINE__, "the test's own JSON: %s", err.story);
    }
    *in = (struct delivery){
        .arena = world->arena,
        .to = {"ingest", NULL, "acme", arena_text(world->arena, bytes_of(trace)),
               message_kind_name(kind)},
        .message = {.kind = kind,
                    .at_us = world->at_us,
                    .consent = CONSENT_ALL,
                    .body = arena_bytes(world->arena, buf_bytes(&body))},
        .seq = ++world->seq,
        .tries = 1,
        .reply = "inbox.1",
    };
    buf_done(&body);
    if (kind == MESSAGE_ARTIFACT) {
        put_object(world, in->message.body);
    }
    world->count++;
    return index;
}

size_t put_open(struct world *world, const char *trace)
{
    return put_message(
        world, trace, MESSAGE_OPEN,
        "{\"session\":{\"participant_id\":\"p1\",\"role\":\"human_dev\",\"consent\":"
        "{\"rationales\":true,\"commands\":true,\"snapshots\":true}},"
        "\"task\":{\"id\":\"t1\",\"title\":\"Mend the gate\"},"
        "\"repo\":{\"origin\":\"https://example.org/gate\",\"start_commit\":\"abc\"}}");
}

const char *chunk_json(struct world *world, const char *chunk_id, int64_t chunk_seq, int64_t first,
                       int64_t count)
{
    struct buf  json = {0};
    const char *text;

    buf_format(&json, "{\"chunk_id\":\"%s\",\"chunk_seq\":%lld,\"events\":[", chunk_id,
               (long long)chunk_seq);
    for (int64_t seq = first; seq < first + count; seq++) {
        buf_format(&json,
                   "%s{\"id\":\"e%lld\",\"seq\":%lld,\"ts_client_s\":%lld.5,\"type\":\"cmd_run\","
                   "\"cmd\":\"make %lld\",\"exit_code\":0}",
                   seq == first ? "" : ",", (long long)seq, (long long)seq,
                   1763000000LL + (long long)seq, (long long)seq);
    }
    buf_put_text(&json, "]}");
    text = arena_text(world->arena, buf_bytes(&json));
    buf_done(&json);
    return text;
}

size_t put_chunk(struct world *world, const char *trace, int64_t chunk_seq, int64_t first,
                 int64_t count)
{
    char id[32];

    (void)snprintf(id, sizeof(id), "c%lld", (long long)chunk_seq);
    return put_message(world, trace, MESSAGE_CHUNK, chunk_json(world, id, chunk_seq, first, count));
}

int validate(struct world *world, struct err *err)
{
    size_t count = world->count;

    world->count = 0;
    world->out.count = 0;
    return validate_stage.handle_batch(world->validator, world->in, count, &world->out, err);
}

void validated(struct world *world)
{
    struct err err = {0};

    CHECK_WORKS(validate(world, &err));
}

int finalize(struct world *world, const char *trace, struct err *err)
{
    static const uint8_t nothing[] = {0x80};
    struct delivery     *in = &world->in[0];

    world->count = 0;
    world->out.count = 0;
    *in = (struct delivery){
        .arena = world->arena,
        .to = {"work", "finalize", "acme", arena_text(world->arena, bytes_of(trace)), NULL},
        .message = {.kind = MESSAGE_WORK,
                    .at_us = world->at_us,
                    .body = {nothing, sizeof(nothing)}},
        .seq = 1,
        .tries = 1,
        .reply = "inbox.1",
    };
    return finalize_stage.handle(world->finalizer, in, &world->out, err);
}

/* -------------------------------- looking -------------------------------- */

static const struct letter *answer_letter(struct world *world, size_t index)
{
    for (size_t i = 0; i < world->out.count; i++) {
        if (world->out.letters[i].from == &world->in[index] &&
            strcmp(world->out.letters[i].family, "answer") == 0) {
            return &world->out.letters[i];
        }
    }
    return NULL;
}

const char *answer_of(struct world *world, size_t index)
{
    const struct letter *letter = answer_letter(world, index);

    return letter == NULL ? "" : arena_text(world->arena, letter->body);
}

int http_of(struct world *world, size_t index)
{
    const struct letter *letter = answer_letter(world, index);

    return letter == NULL ? 0 : letter->http;
}

size_t letters_to(const struct world *world, const char *family, const char *stage)
{
    size_t count = 0;

    for (size_t i = 0; i < world->out.count; i++) {
        count += strcmp(world->out.letters[i].family, family) == 0 &&
                 strcmp(world->out.letters[i].stage, stage) == 0;
    }
    return count;
}

int64_t ask(struct world *world, const char *sql, const char *trace)
{
    struct err                 err = {0};
    CLEANUP(rows) struct rows *rows = NULL;
    static char                names[256][16];
    static int                 asked;
    static struct statement    questions[256];
    struct statement          *question = &questions[asked];
    struct args                args = args_start(world->arena);

    for (int i = 0; i < asked; i++) {
        if (questions[i].sql == sql) {
            question = &questions[i];
        }
    }
    if (question == &questions[asked]) {
        (void)snprintf(names[asked], sizeof(names[asked]), "ask_%d", asked);
        *question = (struct statement){names[asked++], sql, trace == NULL ? 0 : 1};
    }
    if (trace != NULL) {
        args_text(&args, trace);
    }
    CHECK_WORKS(store_run(world->farm.store, question, &args, &rows, &err));
    return rows == NULL || rows_count(rows) == 0 ? -1 : rows_whole(rows, 0, 0);
}

struct bytes document_of(struct world *world, const char *trace)
{
    struct err   err = {0};
    struct bytes bytes = {0};
    const char  *key = arena_format(world->arena, "%s/trace.json", trace);

    CHECK_WORKS(
        blob_get(world->farm.blob, world->arena, BUCKET_TRACES, key, 1 << 30, &bytes, &err));
    return bytes;
}

bool holds(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}
