// SPDX-License-Identifier: MIT
/* The judge stage on a real database, a real object store and a server that speaks the protocol. */
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "lib/postgres.h"
#include "lib/test.h"
#include "store/judge_store.h"
#include "value/json.h"
#include "value/msgpack.h"
#include "workers/outbox.h"
#include "workers/stage.h"
#include "world.h"

static const char document[] =
    "{\"trace_version\":\"1.0\",\"trace_id\":\"trace-1\",\"task\":{\"id\":\"t\",\"title\":\"one"
    " short\"},\"events\":[\n"
    "{\"failed_tests\":[\"a\"],\"num_failed\":1,\"num_passed\":3,\"seq\":0,\"type\":"
    "\"test_run\"},\n"
    "{\"buffer_hash_after\":\"x\",\"diff_unified\":\"@@ -1 +1 @@\\n-a\\n+b\\n\",\"file_path\":"
    "\"a.py\",\"seq\":1,\"type\":\"file_edit\"},\n"
    "{\"num_failed\":0,\"num_passed\":4,\"seq\":2,\"type\":\"test_run\"}\n"
    "],\"metrics\":{\"num_events\":3},\"integrity\":{\"gaps\":[]}}";

static const struct statement add_trace = {
    "add_trace",
    "INSERT INTO traces (trace_id, tenant, status, opened_us, num_events, document_key,"
    " document_sha256, document_bytes) VALUES ('trace-1', 'acme', 'finalized', 1, 3, $1, $2, $3)",
    3};
static const struct statement add_qa = {
    "add_qa",
    "INSERT INTO qa_results (trace_no, version, job_id, created_us, status, validation) SELECT"
    " trace_no, 1, 'q', 1, 'passed', '{\"status\":\"passed\"}' FROM traces",
    0};
static const struct statement results = {
    "results", "SELECT result, overall, version, model FROM judge_results ORDER BY version", 0};
static const struct statement newest = {"newest", "SELECT judge_overall FROM traces", 0};
static const struct statement answers = {"answers",
                                         "SELECT count(*), count(answer) FROM judge_calls", 0};
static const struct statement erase = {"erase", "UPDATE traces SET status = 'erased'", 0};

/* A farm of one finalized trace. */
struct bench {
    struct arena *arena;
    char          dir[64];
    const char   *database;
    struct config config;
    struct farm   farm;
    void         *judge;
};

static void bench_done(struct bench *bench)
{
    struct err err = {0};

    judge_stage.close(bench->judge);
    store_close(bench->farm.store);
    blob_store_close(bench->farm.blob);
    if (bench->dir[0] != '\0') {
        CHECK_WORKS(dir_remove(bench->dir, &err));
    }
    arena_free(bench->arena);
}
static inline void bench_cleanup(struct bench *slot)
{
    bench_done(slot);
}

static void add_document(struct bench *bench)
{
    struct err  err = {0};
    struct args args = args_start(bench->arena);
    uint8_t     hash[HASH_BYTES];

    sha256_of(bytes_of(document), hash);
    CHECK_WORKS(blob_put(bench->farm.blob, BUCKET_TRACES, "trace-1/trace.json", bytes_of(document),
                         "application/json", &err));
    args_text(&args, "trace-1/trace.json");
    args_bin(&args, (struct bytes){hash, sizeof(hash)});
    args_whole(&args, (int64_t)sizeof(document) - 1);
    CHECK_WORKS(store_run(bench->farm.store, &add_trace, &args, NULL, &err));
    CHECK_WORKS(store_run(bench->farm.store, &add_qa, NULL, NULL, &err));
}

static struct bench bench_new(const char *mode, const char *models)
{
    struct bench bench = {.arena = arena_new(), .dir = "/tmp/prt-judge-XXXXXX"};
    const char  *url = postgres_tables();
    struct err   err = {0};

    CHECK(url != NULL && mkdtemp(bench.dir) != NULL);
    if (url == NULL) {
        exit(1);
    }
    CHECK_WORKS(crypto_setup(&err));
    bench.database = url;
    bench.config = (struct config){
        .judge = mode,
        .judge_base_url = server_url(),
        .judge_api_key = server_key(),
        .judge_model = models,
        .judge_quorum = 1,
        .judge_parallel = 4,
        .judge_rubric = "1.0",
        .judge_time = 5000,
        .judge_tokens = 8000,
        .judge_answer_tokens = 1000,
        .judge_temperature = "0",
        .judge_seed = 7,
        .judge_cache = true,
        .judge_prices = "",
        .judge_ca_file = "",
        .judge_proxy = "",
        .judge_patience = 60000,
    };
    CHECK_WORKS(store_open(&bench.farm.store, url, "test", &err));
    CHECK_WORKS(blob_store_open(
        &bench.farm.blob,
        &(struct blob_settings){.url = arena_format(bench.arena, "file://%s", bench.dir),
                                .prefix = "t"},
        &err));
    add_document(&bench);
    return bench;
}

/* The stage keeps pointers to farm and config: they must lie still before it is opened. */
static int open_judge(struct bench *bench, struct err *err)
{
    bench->farm.config = &bench->config;
    return judge_stage.open(&bench->farm, &bench->judge, err);
}

static int deliver_job(struct bench *bench, const char *job, const char *model, bool fresh,
                       struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      body = {0};
    struct outbox               *out = outbox_new();
    struct value                 map = value_map();
    int                          handled;
    struct delivery              in = {
                     .arena = arena, .to = {"work", "judge", "acme", "trace-1", NULL}, .seq = 5, .tries = 1};

    if (job != NULL) {
        value_put(arena, &map, "job_id", value_text(job));
    }
    if (model != NULL) {
        value_put(arena, &map, "model", value_text(model));
    }
    if (fresh) {
        value_put(arena, &map, "fresh", value_flag(true));
    }
    msgpack_write(&body, &map);
    in.message = (struct message){.kind = MESSAGE_WORK, .at_us = 77, .body = buf_bytes(&body)};
    handled = judge_stage.handle(bench->judge, &in, out, err);
    outbox_free(out);
    return handled;
}

static int deliver(struct bench *bench, const char *job, const char *model, struct err *err)
{
    return deliver_job(bench, job, model, false, err);
}

/* How many rows there are; the newest in *ret_result. */
static size_t read_results(struct bench *bench, struct value *ret_result)
{
    CLEANUP(rows) struct rows *rows = NULL;
    const struct value_limits  limits = {1 << 20, 32, 10000};
    struct err                 err = {0};
    size_t                     count;

    CHECK_WORKS(store_run(bench->farm.store, &results, NULL, &rows, &err));
    count = rows_count(rows);
    if (count > 0) {
        struct bytes json = arena_bytes(bench->arena, rows_bytes(rows, count - 1, 0));

        CHECK_WORKS(json_read(bench->arena, json, &limits, ret_result, &err));
    }
    return count;
}

static double overall_of_trace(struct bench *bench)
{
    CLEANUP(rows) struct rows *rows = NULL;
    struct err                 err = {0};

    CHECK_WORKS(store_run(bench->farm.store, &newest, NULL, &rows, &err));
    return rows_null(rows, 0, 0) ? -1 : rows_real(rows, 0, 0);
}

TEST(stage, adds_one_row_a_job_however_often_it_is_delivered)
{
    CLEANUP(bench) struct bench bench = bench_new("mock", "m");
    struct value                result = {0};
    struct err                  err = {0};

    CHECK_WORKS(open_judge(&bench, &err));
    for (int i = 0; i < 3; i++) {
        CHECK_WORKS(deliver(&bench, "job-1", NULL, &err));
    }
    CHECK_NUMBER(read_results(&bench, &result), 1);
    CHECK(value_is_text(value_get(&result, "model"), "mock"));
    CHECK(overall_of_trace(&bench) == value_real_or(value_at(&result, "/scores/overall"), -2));
    CHECK_WORKS(deliver(&bench, "job-2", NULL, &err));
    CHECK_WORKS(deliver(&bench, NULL, NULL, &err)); /* named by its place in the stream */
    CHECK_WORKS(deliver(&bench, NULL, NULL, &err));
    CHECK_NUMBER(read_results(&bench, &result), 3);
}

TEST(stage, judges_by_a_model_and_keeps_what_it_cost)
{
    CLEANUP(bench) struct bench bench = bench_new("openai", "good~stage");
    struct value                result = {0};
    struct err                  err = {0};

    CHECK_WORKS(open_judge(&bench, &err));
    CHECK_WORKS(deliver(&bench, "job-1", NULL, &err));
    CHECK_NUMBER(read_results(&bench, &result), 1);
    CHECK(value_is_text(value_get(&result, "status"), "scored"));
    CHECK(overall_of_trace(&bench) == 4);
    CHECK(value_whole_or(value_at(&result, "/tokens/prompt"), 0) > 0);
    CHECK(value_at(&result, "/cost_usd")->kind == VALUE_NULL); /* no price, none made up */
    CHECK(strstr(server_last(bench.arena, "good~stage"), "status: passed") != NULL);
}

TEST(stage, asks_nothing_twice_that_is_the_same_byte_for_byte)
{
    CLEANUP(bench) struct bench bench = bench_new("openai", "good~cache");
    struct value                result = {0};
    struct err                  err = {0};

    CHECK_WORKS(open_judge(&bench, &err));
    CHECK_WORKS(deliver(&bench, "job-1", NULL, &err));
    CHECK_WORKS(deliver(&bench, "job-2", NULL, &err));
    CHECK_NUMBER(server_asked("good~cache"), 1);
    CHECK_NUMBER(read_results(&bench, &result), 2);
    CHECK(value_flag_or(value_at(&result, "/panel/models/0/cached"), false));
    CHECK_NUMBER(value_whole_or(value_at(&result, "/tokens/prompt"), -1), 0);
    CHECK(value_real_or(value_at(&result, "/scores/overall"), 0) == 4);
}

TEST(stage, rejudges_by_the_model_a_job_names)
{
    CLEANUP(bench) struct bench bench = bench_new("openai", "good~first");
    struct value                result = {0};
    struct err                  err = {0};

    CHECK_WORKS(open_judge(&bench, &err));
    CHECK_WORKS(deliver(&bench, "job-1", NULL, &err));
    CHECK_WORKS(deliver(&bench, "job-2", "score-1", &err));
    CHECK_NUMBER(read_results(&bench, &result), 2);
    CHECK(value_is_text(value_get(&result, "model"), "score-1"));
    CHECK(overall_of_trace(&bench) == 1);
}

TEST(stage, leaves_a_trace_unscored_when_the_model_gives_no_usable_answer)
{
    CLEANUP(bench) struct bench bench = bench_new("openai", "six~stage");
    struct value                result = {0};
    struct err                  err = {0};

    CHECK_WORKS(open_judge(&bench, &err));
    CHECK_WORKS(deliver(&bench, "job-1", NULL, &err));
    CHECK_NUMBER(read_results(&bench, &result), 1);
    CHECK(value_is_text(value_get(&result, "status"), "unscored"));
    CHECK(value_at(&result, "/scores/overall")->kind == VALUE_NULL);
    CHECK(overall_of_trace(&bench) == -1);
}

TEST(stage, never_scores_by_the_mock_when_a_call_fails)
{
    CLEANUP(bench) struct bench bench = bench_new("openai", "busy-99~stage");
    struct value                result = {0};
    struct err                  err = {0};

    CHECK_WORKS(open_judge(&bench, &err));
    CHECK_FAILS(deliver(&bench, "job-1", NULL, &err), ERR_JUDGE_BUSY);
    CHECK_FAILS(deliver(&bench, "job-1", "error-401~stage", &err), ERR_JUDGE_REFUSED);
    CHECK(strstr(err.story, server_key()) == NULL);
    CHECK_NUMBER(read_results(&bench, &result), 0);
}

TEST(stage, goes_on_with_the_quorum_and_waits_without_it)
{
    CLEANUP(bench) struct bench bench = bench_new("openai", "score-2,score-4,error-403~quorum");
    struct value                result = {0};
    struct err                  err = {0};

    bench.config.judge_quorum = 2;
    CHECK_WORKS(open_judge(&bench, &err));
    CHECK_WORKS(deliver(&bench, "job-1", NULL, &err));
    CHECK_NUMBER(read_results(&bench, &result), 1);
    CHECK(value_real_or(value_at(&result, "/scores/overall"), 0) == 3);
    CHECK(value_is_text(value_at(&result, "/panel/abstained/0"), "error-403~quorum"));
    CHECK_FAILS(deliver(&bench, "job-2", "good~quorum,busy-99~quorum", &err), ERR_JUDGE_BUSY);
    CHECK_WORKS(deliver(&bench, "job-3", "good~quorum,six~quorum", &err));
    CHECK_NUMBER(server_asked("good~quorum"), 1); /* the second time from the cache */
    (void)read_results(&bench, &result);
    CHECK(value_is_text(value_get(&result, "status"), "unscored"));
}

TEST(stage, pays_once_for_a_job_that_asks_anew_however_often_it_is_put_back)
{
    CLEANUP(bench) struct bench bench = bench_new("openai", "good~anew,busy-99~anew");
    struct value                result = {0};
    struct err                  err = {0};

    bench.config.judge_quorum = 2;
    CHECK_WORKS(open_judge(&bench, &err));
    CHECK_FAILS(deliver_job(&bench, "job-1", NULL, true, &err), ERR_JUDGE_BUSY);
    CHECK_FAILS(deliver_job(&bench, "job-1", NULL, true, &err), ERR_JUDGE_BUSY);
    CHECK_WORKS(deliver_job(&bench, "job-1", "good~anew", true, &err));
    CHECK_NUMBER(server_asked("good~anew"), 1);
    CHECK_NUMBER(read_results(&bench, &result), 1);
    CHECK(!value_flag_or(value_at(&result, "/panel/models/0/cached"), true)); /* and tells what */
    CHECK_WORKS(deliver_job(&bench, "job-2", "good~anew", true, &err));
    CHECK_NUMBER(server_asked("good~anew"), 2);
}

TEST(stage, pays_once_for_an_answer_that_cannot_be_used_while_another_model_is_waited_for)
{
    CLEANUP(bench) struct bench bench = bench_new("openai", "six~useless,busy-99~useless");
    struct value                result = {0};
    struct err                  err = {0};

    CHECK_WORKS(open_judge(&bench, &err));
    CHECK_FAILS(deliver(&bench, "job-1", NULL, &err), ERR_JUDGE_BUSY);
    CHECK_FAILS(deliver(&bench, "job-1", NULL, &err), ERR_JUDGE_BUSY);
    CHECK_NUMBER(server_asked("six~useless"), 2); /* and told once why */
    CHECK_WORKS(deliver(&bench, "job-1", "six~useless", &err));
    CHECK_NUMBER(server_asked("six~useless"), 2);
    CHECK_NUMBER(read_results(&bench, &result), 1);
    CHECK(value_is_text(value_get(&result, "status"), "unscored"));
    CHECK(value_whole_or(value_at(&result, "/tokens/prompt"), 0) > 0);
    CHECK_WORKS(deliver(&bench, "job-2", "six~useless", &err)); /* another may have more luck */
    CHECK_NUMBER(server_asked("six~useless"), 4);
}

TEST(stage, rejudges_by_fewer_models_than_its_panel_needs)
{
    CLEANUP(bench) struct bench bench = bench_new("openai", "score-2~few,score-4~few");
    struct value                result = {0};
    struct err                  err = {0};

    bench.config.judge_quorum = 2;
    CHECK_WORKS(open_judge(&bench, &err));
    CHECK_WORKS(deliver(&bench, "job-1", "score-1~few", &err));
    CHECK_NUMBER(read_results(&bench, &result), 1);
    CHECK(value_is_text(value_get(&result, "status"), "scored"));
    CHECK(overall_of_trace(&bench) == 1);
}

TEST(stage, stops_calling_when_the_day_s_budget_is_spent)
{
    CLEANUP(bench) struct bench bench = bench_new("openai", "good~budget");
    struct err                  err = {0};

    bench.config.judge_budget_tokens = 6000;
    CHECK_WORKS(open_judge(&bench, &err));
    CHECK_WORKS(deliver(&bench, "job-1", NULL, &err));
    bench.config.judge_budget_tokens = 3000;
    CHECK_WORKS(deliver(&bench, "job-2", NULL, &err)); /* the cache costs nothing */
    CHECK_FAILS(deliver(&bench, "job-3", "score-3~budget", &err), ERR_BUDGET_SPENT);
    CHECK(err.retry_after_ms > 0);
    CHECK_NUMBER(server_asked("score-3~budget"), 0);
}

/* The model has been asked, and nobody is left who could say what it cost. */
TEST(stage, counts_what_a_killed_worker_had_asked_for)
{
    CLEANUP(bench) struct bench bench = bench_new("openai", "good~left");
    struct err                  err = {0};
    pid_t                       killed;

    bench.config.judge_budget_tokens = 3000; /* for one job */;
    CHECK_WORKS(open_judge(&bench, &err));
    killed = fork();
    if (killed == 0) {
        struct bench own = bench;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        own.judge = NULL;
        own.farm.store = NULL;
        own.config.judge_time = 60000;
        if (store_open(&own.farm.store, bench.database, "killed", &err) == 0 &&
            open_judge(&own, &err) == 0) {
            (void)deliver(&own, "job-1", "slow~killed", &err);
        }
        _exit(0);
    }
    for (int i = 0; i < 2000 && server_asked("slow~killed") == 0; i++) {
        clock_sleep_ms(10);
    }
    CHECK_NUMBER(server_asked("slow~killed"), 1);
    CHECK_NUMBER(kill(killed, SIGKILL), 0);
    CHECK(waitpid(killed, NULL, 0) == killed);
    CHECK_FAILS(deliver(&bench, "job-2", NULL, &err), ERR_BUDGET_SPENT);
    CHECK_NUMBER(server_asked("good~left"), 0);
}

TEST(stage, does_not_wait_for_a_day_that_no_budget_will_be_enough_on)
{
    CLEANUP(bench) struct bench bench = bench_new("openai", "good~toolittle");
    struct err                  err = {0};

    bench.config.judge_budget_tokens = 1000;
    CHECK_WORKS(open_judge(&bench, &err));
    CHECK_FAILS(deliver(&bench, "job-1", NULL, &err), ERR_CONFIG_WRONG);
    CHECK(strstr(err.story, "PRT_JUDGE_BUDGET_TOKENS is 1000") != NULL);
    CHECK_NUMBER(server_asked("good~toolittle"), 0);
}

TEST(stage, counts_money_only_for_models_with_a_price)
{
    CLEANUP(bench) struct bench bench = bench_new("openai", "good~money");
    struct err                  err = {0};

    bench.config.judge_budget_cents = 100;
    CHECK_FAILS(open_judge(&bench, &err), ERR_CONFIG_WRONG);
    CHECK(strstr(err.story, "good~money") != NULL);
}

TEST(stage, says_off_once_and_hides_nothing)
{
    CLEANUP(bench) struct bench bench = bench_new("off", "m");
    struct value                result = {0};
    struct err                  err = {0};

    CHECK_WORKS(open_judge(&bench, &err));
    CHECK_WORKS(deliver(&bench, "job-1", NULL, &err));
    CHECK_WORKS(deliver(&bench, "job-2", NULL, &err));
    CHECK_NUMBER(read_results(&bench, &result), 1);
    CHECK(value_is_text(value_get(&result, "status"), "off"));
    CHECK(overall_of_trace(&bench) == -1);
}

TEST(stage, refuses_a_document_that_is_not_the_one_that_was_finalized)
{
    CLEANUP(bench) struct bench bench = bench_new("mock", "m");
    struct err                  err = {0};
    const char *changed = arena_format(bench.arena, "%.*s ", (int)sizeof(document) - 2, document);

    CHECK_WORKS(open_judge(&bench, &err));
    CHECK_WORKS(blob_put(bench.farm.blob, BUCKET_TRACES, "trace-1/trace.json",
                         (struct bytes){(const uint8_t *)changed, sizeof(document) - 1},
                         "application/json", &err));
    CHECK_FAILS(deliver(&bench, "job-1", NULL, &err), ERR_BLOB_CORRUPT);
}

TEST(stage, calls_a_document_that_can_t_be_read_corrupt)
{
    CLEANUP(bench) struct bench bench = bench_new("mock", "m");
    struct err                  err = {0};
    const char *cut = arena_format(bench.arena, "%.*s", (int)sizeof(document) / 2, document);

    CHECK_WORKS(open_judge(&bench, &err));
    CHECK_WORKS(blob_put(bench.farm.blob, BUCKET_TRACES, "trace-1/trace.json", bytes_of(cut),
                         "application/json", &err));
    CHECK_FAILS(deliver(&bench, "job-1", NULL, &err), ERR_BLOB_CORRUPT);
    CHECK_WORKS(blob_put(bench.farm.blob, BUCKET_TRACES, "trace-1/trace.json",
                         BYTES("{\"trace_id\":\"trace-1\",\"events\":[\nno json\n]}"),
                         "application/json", &err));
    CHECK_FAILS(deliver(&bench, "job-1", NULL, &err), ERR_BLOB_CORRUPT);
}

TEST(stage, gives_a_job_up_when_its_models_stay_busy)
{
    CLEANUP(bench) struct bench bench = bench_new("openai", "busy-99~patience");
    struct err                  err = {0};

    bench.config.judge_patience = 1;
    CHECK_WORKS(open_judge(&bench, &err));
    CHECK_FAILS(deliver(&bench, "job-1", NULL, &err), ERR_JUDGE_BUSY);
    CHECK_FAILS(deliver(&bench, "job-1", NULL, &err), ERR_JUDGE_GONE);
    CHECK(strstr(err.story, "prt dead retry") != NULL);
}

TEST(stage, judges_by_the_rules_only_a_job_that_names_them)
{
    CLEANUP(bench) struct bench bench = bench_new("openai", "good~named");
    CLEANUP(bench) struct bench mock = bench_new("mock", "m");
    struct value                result = {0};
    struct err                  err = {0};

    CHECK_WORKS(open_judge(&bench, &err));
    CHECK_WORKS(deliver(&bench, "job-1", "mock", &err));
    CHECK_NUMBER(read_results(&bench, &result), 1);
    CHECK(value_is_text(value_get(&result, "model"), "mock"));
    CHECK_NUMBER(server_asked("good~named"), 0);
    CHECK_WORKS(open_judge(&mock, &err));
    CHECK_FAILS(deliver(&mock, "job-1", "good~named", &err), ERR_CONFIG_WRONG);
    CHECK_NUMBER(read_results(&mock, &result), 0);
}

/* The model may think for a minute, and the trace be erased in it. */
TEST(stage, keeps_no_answer_about_a_trace_that_was_erased_meanwhile)
{
    CLEANUP(bench) struct bench bench = bench_new("mock", "m");
    CLEANUP(rows) struct rows  *rows = NULL;
    const struct judge_call     call = {.cache_key = BYTES("key"),
                                        .created_us = 1,
                                        .model = "m",
                                        .tokens_prompt = 100,
                                        .tokens_answer = 10,
                                        .cost_usd = 0.5,
                                        .answer = BYTES("{\"feedback_summary\":\"a.py line 1\"}")};
    struct judge_spent          spent;
    int64_t                     before, after;
    struct err                  err = {0};

    CHECK_WORKS(judge_store_reserve(bench.farm.store, bench.arena, 1, &call, &before, &err));
    CHECK_WORKS(judge_store_reserve(bench.farm.store, bench.arena, 1, &call, &after, &err));
    CHECK_WORKS(judge_store_settle(bench.farm.store, bench.arena, before, &call, &err));
    CHECK_WORKS(store_run(bench.farm.store, &erase, NULL, NULL, &err));
    CHECK_WORKS(judge_store_settle(bench.farm.store, bench.arena, after, &call, &err));
    CHECK_WORKS(store_run(bench.farm.store, &answers, NULL, &rows, &err));
    CHECK_NUMBER(rows_whole(rows, 0, 0), 2);
    CHECK_NUMBER(rows_whole(rows, 0, 1), 1); /* the one from before, which erasing clears */
    CHECK_WORKS(judge_store_spent(bench.farm.store, bench.arena, 0, &spent, &err));
    CHECK_NUMBER(spent.tokens, 220);
}

TEST(stage, adds_nothing_to_an_erased_trace)
{
    CLEANUP(bench) struct bench bench = bench_new("mock", "m");
    struct err                  err = {0};
    struct value                result = {0};

    CHECK_WORKS(open_judge(&bench, &err));
    CHECK_WORKS(store_run(bench.farm.store, &erase, NULL, NULL, &err));
    CHECK_FAILS(deliver(&bench, "job-1", NULL, &err), ERR_TRACE_ERASED);
    CHECK_NUMBER(read_results(&bench, &result), 0);
}
