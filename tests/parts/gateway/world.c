// SPDX-License-Identifier: MIT
#include "world.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "crypto/crypto.h"
#include "lib/jetstream.h"
#include "lib/postgres.h"
#include "lib/test.h"
#include "value/json.h"

enum { PATIENCE_US = 20 * 1000 * 1000, LOOK_MS = 10, SETTINGS_MOST = 40 };

extern char **environ;

/* ------------------------------------ the gateway ------------------------------------ */

/* Its log goes to our standard error where PRT_TEST_LOG is set, and nowhere else. */
static void *read_log(void *arg)
{
    struct world *world = arg;
    char          block[4096];
    ssize_t       size;
    bool          shown = getenv("PRT_TEST_LOG") != NULL;

    while ((size = read(world->log_fd, block, sizeof(block))) > 0) {
        (void)pthread_mutex_lock(&world->lock);
        buf_put(&world->log, (struct bytes){(uint8_t *)block, (size_t)size});
        (void)pthread_mutex_unlock(&world->lock);
        if (shown && write(STDERR_FILENO, block, (size_t)size) < 0) {
            shown = false;
        }
    }
    return NULL;
}

const char *world_log(struct world *world)
{
    const char *text;

    (void)pthread_mutex_lock(&world->lock);
    text = arena_text(world->arena, buf_bytes(&world->log));
    (void)pthread_mutex_unlock(&world->lock);
    return text;
}

/* Reads until it says on which port it listens. */
static bool find_port(struct world *world)
{
    CLEANUP(buf) struct buf log = {0};
    char        block[1024];
    const char *at;
    ssize_t     size;

    while ((size = read(world->log_fd, block, sizeof(block))) > 0) {
        buf_put(&log, (struct bytes){(uint8_t *)block, (size_t)size});
        at = strstr(buf_text(&log), "\"event\":\"gateway opened\"");
        at = at == NULL || strchr(at, '\n') == NULL ? NULL : strstr(at, "\"port\":");
        if (at != NULL) {
            world->port = atoi(at + strlen("\"port\":"));
            return true;
        }
    }
    printf("    the gateway did not open: %s\n", buf_text(&log));
    return false;
}

static char **settings_of(struct world *world, const char *const *settings)
{
    struct arena *arena = world->arena;
    char        **list = arena_zero(arena, SETTINGS_MOST + 1, sizeof(*list));
    size_t        count = 0;

    list[count++] = arena_format(arena, "PATH=%s", getenv("PATH"));
    for (char **at = environ; *at != NULL && count < SETTINGS_MOST / 2; at++) {
        if (strstr(*at, "SAN_OPTIONS=") != NULL) {
            list[count++] = *at;
        }
    }
    /* What the test says comes first: the first of two is what counts. */
    for (; settings != NULL && *settings != NULL && count < SETTINGS_MOST - 9; settings++) {
        list[count++] = (char *)*settings;
    }
    list[count++] = arena_format(arena, "PRT_NATS_URL=%s", jetstream_url());
    list[count++] = arena_format(arena, "PRT_POSTGRES_URL=%s", world->database);
    list[count++] = arena_format(arena, "PRT_BLOB_URL=file://%s/blobs", world->dir);
    list[count++] = arena_format(arena, "PRT_HTTP_SPOOL=%s", world->dir);
    list[count++] = "PRT_HTTP_LISTEN=127.0.0.1";
    list[count++] = "PRT_HTTP_PORT=0";
    list[count++] = "PRT_DEV_KEY=on";
    list[count++] = "PRT_INGEST_BYTES=64M";
    list[count++] =
        "PRT_TOKEN_KEY=1111111111111111111111111111111111111111111111111111111111111111";
    return list;
}

static bool gateway_start(struct world *world, const char *const *settings)
{
    char  *argv[] = {BUILD_DIR "/prt-gateway", NULL};
    char **list = settings_of(world, settings);
    int    log[2];

    if (pipe2(log, O_CLOEXEC) < 0) {
        return false;
    }
    world->gateway = fork();
    if (world->gateway == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that dies leaves nothing running */
        (void)dup2(log[1], STDERR_FILENO);
        (void)execve(argv[0], argv, list);
        _exit(127);
    }
    (void)close(log[1]);
    world->log_fd = log[0];
    return world->gateway > 0 && find_port(world) &&
           pthread_create(&world->log_reader, NULL, read_log, world) == 0;
}

void world_tell_to_stop(struct world *world)
{
    (void)kill(world->gateway, SIGTERM);
}

int world_wait_stopped(struct world *world)
{
    int status = -1;

    if (world->gateway > 0) {
        (void)waitpid(world->gateway, &status, 0);
        (void)pthread_join(world->log_reader, NULL);
        world->gateway = 0;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ------------------------------------ the stand-in ------------------------------------ */

/* In one message with a ticket that is none, one that nobody holds, and the same once more. */
static void send_bundle(struct world *world, const char *reply, const struct verdict_reply *verdict)
{
    CLEANUP(buf) struct buf     out = {0};
    const char                 *ticket = strrchr(reply, '.') + 1;
    char                        inbox[256];
    const struct ticket_verdict verdicts[] = {{BYTES("no ticket at all"), *verdict},
                                              {BYTES("ffff"), *verdict},
                                              {bytes_of(ticket), *verdict},
                                              {bytes_of(ticket), *verdict}};
    struct err                  err = {0};

    (void)snprintf(inbox, sizeof(inbox), "%.*s" VERDICTS_TOKEN, (int)(ticket - reply), reply);
    verdicts_write(&out, verdicts, COUNT_OF(verdicts));
    CHECK_WORKS(stream_reply(world->stream, inbox, buf_bytes(&out), &err));
}

static void send_verdict(struct world *world, const char *reply, enum judging judging)
{
    CLEANUP(buf) struct buf out = {0};
    struct err           err = {0};
    struct verdict_reply verdict = {200, BYTES("{\"status\":\"success\",\"judged\":true}")};

    if (judging == JUDGE_REFUSES) {
        verdict.http = world->refuse_http;
        verdict.json = BYTES("{\"status\":409,\"code\":\"key_conflict\",\"title\":\"x\"}");
    }
    if (judging == JUDGE_BUNDLES) {
        send_bundle(world, reply, &verdict);
        return;
    }
    verdict_reply_write(&out, &verdict);
    CHECK_WORKS(stream_reply(world->stream, reply, buf_bytes(&out), &err));
    stream_flush(world->stream);
}

static void note(char *room, size_t size, struct bytes value)
{
    (void)snprintf(room, size, "%.*s", (int)value.size, (const char *)value.data);
}

static void judge_one(struct world *world, struct stream_msg *msg)
{
    struct seen *seen = mem_zero(1, sizeof(*seen));
    struct bytes body = msg_body(msg);
    const char  *parent = msg_header(msg, STREAM_HEADER_PARENT);
    uint8_t     *copy = mem_get(body.size + 1);
    struct bytes reply;
    struct bytes request;
    enum judging judging;

    note(seen->subject, sizeof(seen->subject), bytes_of(msg_subject(msg)));
    message_asker(body, &reply, &request);
    note(seen->reply, sizeof(seen->reply), reply);
    note(seen->request, sizeof(seen->request), request);
    note(seen->parent, sizeof(seen->parent),
         bytes_of(parent == NULL ? "" : parent));
    memcpy(copy, body.data, body.size);
    seen->bytes = (struct bytes){copy, body.size};
    (void)pthread_mutex_lock(&world->lock);
    seen->next = world->seen;
    world->seen = seen;
    world->seen_count++;
    judging = world->judging;
    (void)pthread_mutex_unlock(&world->lock);
    msg_ack(msg, false);
    if (judging != JUDGE_SILENT && seen->reply[0] != '\0') {
        send_verdict(world, seen->reply, judging);
        seen->reply[0] = '\0';
    }
}

static bool judge_stops(struct world *world)
{
    bool stop;

    (void)pthread_mutex_lock(&world->lock);
    stop = world->judge_stop;
    (void)pthread_mutex_unlock(&world->lock);
    return stop;
}

static void *judge_run(void *arg)
{
    const struct pull_settings settings = {"PRT_INGEST", "validate", 64, 1, 0};
    struct world              *world = arg;
    struct pull               *pull = NULL;

    while (!judge_stops(world)) {
        struct stream_msg *msgs[64];
        size_t             count = 0;
        struct err         err = {0};

        if ((pull == NULL &&
             pull_open(&pull, world->stream, &settings, &err) < 0) ||
            pull_next(pull, COUNT_OF(msgs), 1 << 22, 50, 0, msgs, &count, &err) < 0) {
            clock_sleep_ms(LOOK_MS); /* the server is down: a test took it away */
        }
        for (size_t i = 0; i < count; i++) {
            judge_one(world, msgs[i]);
            msg_free(msgs[i]);
        }
    }
    pull_close(pull);
    return NULL;
}

void world_judge(struct world *world, enum judging judging, int refuse_http)
{
    (void)pthread_mutex_lock(&world->lock);
    world->judging = judging;
    world->refuse_http = refuse_http;
    (void)pthread_mutex_unlock(&world->lock);
}

void world_answer_all(struct world *world)
{
    (void)pthread_mutex_lock(&world->lock);
    for (struct seen *seen = world->seen; seen != NULL; seen = seen->next) {
        if (seen->reply[0] != '\0') {
            send_verdict(world, seen->reply, JUDGE_ACCEPTS);
            seen->reply[0] = '\0';
        }
    }
    (void)pthread_mutex_unlock(&world->lock);
}

int world_seen(struct world *world)
{
    int count;

    (void)pthread_mutex_lock(&world->lock);
    count = world->seen_count;
    (void)pthread_mutex_unlock(&world->lock);
    return count;
}

const struct seen *world_message(struct world *world, const char *kind, struct message *ret_message)
{
    int64_t    deadline = clock_mono_us() + PATIENCE_US;
    struct err err = {0};

    while (clock_mono_us() < deadline) {
        struct seen *seen;

        (void)pthread_mutex_lock(&world->lock);
        seen = world->seen;
        while (seen != NULL && strcmp(strrchr(seen->subject, '.') + 1, kind) != 0) {
            seen = seen->next;
        }
        (void)pthread_mutex_unlock(&world->lock);
        if (seen != NULL) {
            CHECK_WORKS(message_read(seen->bytes, ret_message, &err));
            return seen;
        }
        clock_sleep_ms(LOOK_MS);
    }
    return NULL;
}

/* ------------------------------------ the world ------------------------------------ */

static bool open_rest(struct world *world)
{
    struct err                   err = {0};
    const struct stream_settings stream = {.url = jetstream_url(), .user = "", .password = "",
                                           .name = "stand-in", .replicas = 1,
                                           .ingest_keep_ms = 604800000, .ingest_bytes = 64 << 20,
                                           .dead_keep_ms = 604800000, .publish_window = 64};
    const struct blob_settings   blob = {
          .url = arena_format(world->arena, "file://%s/blobs", world->dir),
          .prefix = "pr-telemetry",
          .access_key = "",
          .secret_key = "",
          .region = ""};

    if (crypto_setup(&err) < 0 || stream_open(&world->stream, &stream, &err) < 0 ||
        stream_setup(world->stream, &err) < 0 ||
        stream_purge(world->stream, "PRT_INGEST", "prt.ingest.>", &err) < 0 ||
        store_open(&world->store, world->database, "test", &err) < 0 ||
        blob_store_open(&world->blob, &blob, &err) < 0) {
        printf("    %s: %s\n", err_name(err.code), err.story);
        return false;
    }
    world->client = http_client_new(NULL, NULL);
    return pthread_create(&world->judge, NULL, judge_run, world) == 0;
}

struct world *world_open(const char *const *settings)
{
    struct world *world = mem_zero(1, sizeof(*world));

    world->arena = arena_new();
    (void)pthread_mutex_init(&world->lock, NULL);
    (void)snprintf(world->dir, sizeof(world->dir), "/tmp/prt-gateway-XXXXXX");
    world->database = postgres_tables();
    if (jetstream_url() == NULL || world->database == NULL || mkdtemp(world->dir) == NULL ||
        !open_rest(world) || !gateway_start(world, settings)) {
        test_failed(__FILE__, __LINE__, "no world for this test");
        world_close(world);
        return NULL;
    }
    return world;
}

void world_close(struct world *world)
{
    struct err err = {0};

    if (world == NULL) {
        return;
    }
    if (world->gateway > 0) {
        world_tell_to_stop(world);
        CHECK_NUMBER(world_wait_stopped(world), 0); /* the sanitizers' last word too */
    }
    if (world->client != NULL) {
        (void)pthread_mutex_lock(&world->lock);
        world->judge_stop = true;
        (void)pthread_mutex_unlock(&world->lock);
        (void)pthread_join(world->judge, NULL);
    }
    while (world->seen != NULL) {
        struct seen *seen = world->seen;

        world->seen = seen->next;
        mem_free((void *)seen->bytes.data);
        mem_free(seen);
    }
    http_client_free(world->client);
    stream_close(world->stream);
    store_close(world->store);
    blob_store_close(world->blob);
    if (world->log_fd > 0) {
        fd_close(world->log_fd);
    }
    buf_done(&world->log);
    CHECK_WORKS(dir_remove(world->dir, &err));
    (void)pthread_mutex_destroy(&world->lock);
    arena_free(world->arena);
    mem_free(world);
}

void world_sql(struct world *world, const char *sql)
{
    static int             number;
    CLEANUP(rows) struct rows *rows = NULL;
    struct statement       *statement = arena_zero(world->arena, 1, sizeof(*statement));
    struct args             args = args_start(world->arena);
    struct err              err = {0};

    statement->name = arena_format(world->arena, "test_%d", number++);
    statement->sql = sql;
    CHECK_WORKS(store_run(world->store, statement, &args, &rows, &err));
}
