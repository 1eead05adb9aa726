// SPDX-License-Identifier: MIT
/* A session's edits and test runs against its snapshots: a real sandbox, real pytest. */
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "crypto/crypto.h"
#include "lib/test.h"
#include "value/json.h"
#include "lib/qa/world.h"

#define WORLD()                                                                                    \
    struct world *world = world_get();                                                             \
    if (world == NULL) {                                                                           \
        return;                                                                                    \
    }

static const struct value_limits limits = {1 << 24, 64, 100000};

/* -------- documents -------- */

/* A session of these events, as finalize would have stored it. */
static const struct qa_document *document_of(struct world *world, struct bytes lines)
{
    CLEANUP(buf) struct buf json = {0};
    struct qa_document     *document = arena_zero(world->arena, 1, sizeof(*document));
    struct err              err = {0};

    buf_put_text(&json, "{\"trace_version\":\"1.0\",\"events\":[\n");
    buf_put(&json, lines);
    buf_put_text(&json, "],\"integrity\":{}}");
    sha256_of(buf_bytes(&json), document->sha256);
    document->bytes = (int64_t)json.size;
    document->key = arena_format(world->arena, "test/%d", rand());
    CHECK_WORKS(blob_put(world->blob, BUCKET_TRACES, document->key, buf_bytes(&json),
                         "application/json", &err));
    return document;
}

static void line_put(struct buf *lines, const struct value *event)
{
    struct err err = {0};

    buf_put_text(lines, lines->size == 0 ? "" : ",\n");
    CHECK_WORKS(jcs_write(lines, event, &err));
}

/* The events of an example; `seq`'s member is given another value, if there is one. */
static const struct qa_document *example_document(struct world *world, const char *name,
                                                  int64_t seq, const char *member,
                                                  struct value other)
{
    CLEANUP(buf) struct buf lines = {0};
    struct err              err = {0};

    for (int i = 0;; i++) {
        const char *path =
            arena_format(world->arena, SOURCE_DIR "/examples/%s/chunks/%03d.json", name, i);
        struct bytes  json;
        struct value  chunk;
        struct value *events;

        if (file_read(world->arena, path, 1 << 24, &json, &err) < 0) {
            break;
        }
        CHECK_WORKS(json_read(world->arena, json, &limits, &chunk, &err));
        events = (struct value *)(uintptr_t)value_get(&chunk, "events");
        for (uint32_t k = 0; k < events->count; k++) {
            struct value *found =
                (struct value *)(uintptr_t)value_get(&events->as.items[k], member);

            if (value_whole_or(value_get(&events->as.items[k], "seq"), -1) == seq &&
                found != NULL) {
                *found = other;
            }
            line_put(&lines, &events->as.items[k]);
        }
    }
    buf_put_text(&lines, "\n");
    return document_of(world, buf_bytes(&lines));
}

/* An edit event without hashes to check. */
static const char *edit(struct world *world, int seq, const char *path, const char *diff)
{
    CLEANUP(buf) struct buf line = {0};
    struct value            event = value_map();
    struct err              err = {0};

    value_put(world->arena, &event, "type", value_text("file_edit"));
    value_put(world->arena, &event, "seq", value_whole(seq));
    value_put(world->arena, &event, "file_path", value_text(path));
    value_put(world->arena, &event, "diff_unified", value_text(diff));
    value_put(world->arena, &event, "buffer_hash_after", value_text("unknown"));
    CHECK_WORKS(jcs_write(&line, &event, &err));
    return arena_text(world->arena, buf_bytes(&line));
}

static const struct qa_document *document_lines(struct world *world, const char *const *lines)
{
    CLEANUP(buf) struct buf all = {0};

    for (; *lines != NULL; lines++) {
        buf_format(&all, "%s%s", *lines, lines[1] == NULL ? "\n" : ",\n");
    }
    return document_of(world, buf_bytes(&all));
}
#define EVENTS(world, ...) document_lines(world, (const char *const[]){__VA_ARGS__, NULL})

/* -------- what came of it -------- */

static const struct value *ask(struct world *world, const struct snapshot *after,
                               const struct snapshot *before, const struct qa_document *document)
{
    struct finding *finding = arena_zero(world->arena, 1, sizeof(*finding));
    struct question question = {
        .after = after, .before = before, .document = document, .last_try = true};
    struct heart heart = {0};
    struct err   err = {0};

    if (examine(&world->examiner, world->arena, &question, &heart, finding, &err) < 0) {
        test_failed(__FILE__, __LINE__, "examining failed: %s: %s", err_name(err.code), err.story);
        return NULL;
    }
    return &finding->validation;
}

static const char *json_of(struct world *world, const struct value *value)
{
    CLEANUP(buf) struct buf json = {0};
    struct err              err = {0};

    if (value == NULL) {
        return "(absent)";
    }
    CHECK_WORKS(jcs_write(&json, value, &err));
    return arena_text(world->arena, buf_bytes(&json));
}

static const struct snapshot *example_tree(struct world *world, const char *name, const char *side)
{
    return world_snapshot_of(world,
                             arena_format(world->arena, SOURCE_DIR "/examples/%s/%s", name, side));
}

static const struct value *ask_example(struct world *world, const char *name, int64_t seq,
                                       const char *member, struct value other)
{
    return ask(world, example_tree(world, name, "after"), example_tree(world, name, "before"),
               example_document(world, name, seq, member, other));
}

static void expect(struct world *world, const struct value *validation, const char *pointer,
                   const char *want)
{
    if (validation != NULL) {
        CHECK_TEXT(json_of(world, value_at(validation, pointer)), want);
    }
}

TEST(retrace, believes_a_session_that_tells_the_truth)
{
    WORLD();
    const struct value *validation = ask_example(world, "one_line_fix", -1, "", value_null());

    expect(world, validation, "/status", "\"passed\"");
    expect(world, validation, "/after_tree", "\"final_snapshot\"");
    expect(world, validation, "/replay",
           "{\"edits_applied\":1,\"final_tree\":\"same\",\"hashes_unverifiable\":0,"
           "\"hashes_verified\":2,\"replayable\":true,\"test_runs\":3}");
    expect(world, validation, "/claims/0",
           "{\"agrees\":true,\"claimed\":{\"failed\":2,\"passed\":13},\"observed\":{\"failed\":2,"
           "\"passed\":13},\"seq\":1}");
    expect(world, validation, "/claims/1/observed", "{\"failed\":1,\"passed\":0}");
    expect(world, validation, "/claims/2/observed", "{\"failed\":0,\"passed\":15}");
}

TEST(retrace, catches_a_test_run_that_was_made_up)
{
    WORLD();
    const struct value *validation =
        ask_example(world, "one_line_fix", 1, "num_failed", value_whole(0));

    expect(world, validation, "/replay/replayable", "true");
    expect(world, validation, "/claims/0",
           "{\"agrees\":false,\"claimed\":{\"failed\":0,\"passed\":13},\"observed\":{\"failed\":2,"
           "\"passed\":13},\"seq\":1}");
    expect(world, validation, "/claims/1/agrees", "true");
}

TEST(retrace, names_the_first_edit_that_does_not_fit_and_runs_nothing_behind_it)
{
    WORLD();
    const struct value *validation =
        ask_example(world, "one_line_fix", 6, "diff_unified",
                    value_text("--- a/pagecache/cache.py\n+++ b/pagecache/cache.py\n"
                               "@@ -1,1 +1,2 @@\n nothing like this\n+x\n"));

    expect(world, validation, "/status", "\"passed\"");
    expect(world, validation, "/replay/replayable", "false");
    expect(world, validation, "/replay/first_divergence",
           "{\"file\":\"pagecache/cache.py\",\"reason\":\"context_differs\",\"seq\":6}");
    expect(world, validation, "/replay/final_tree", "\"not_compared\"");
    expect(world, validation, "/claims/1/agrees", "true");
    expect(world, validation, "/claims/2",
           "{\"agrees\":null,\"claimed\":{\"failed\":0,\"passed\":15},"
           "\"reason\":\"diverged\",\"seq\":7}");
}

static const char *const fixed[] = {"test_a.py",
                                    "from a import f\n\ndef test_a(): assert f() == 2\n", "a.py",
                                    "def f():\n    return 2\n", NULL};
static const char *const broken[] = {"test_a.py",
                                     "from a import f\n\ndef test_a(): assert f() == 2\n", "a.py",
                                     "def f():\n    return 1\n", NULL};
#define FIX "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n def f():\n-    return 1\n+    return 2\n"

TEST(retrace, tests_what_the_edits_made_when_no_final_snapshot_was_sent)
{
    WORLD();
    const struct value *validation =
        ask(world, NULL, world_snapshot(world, broken), EVENTS(world, edit(world, 3, "a.py", FIX)));

    expect(world, validation, "/status", "\"passed\"");
    expect(world, validation, "/after_tree", "\"replay\"");
    expect(world, validation, "/tests/fail_to_pass", "[\"test_a.py::test_a\"]");
    expect(world, validation, "/replay/final_tree", "\"not_sent\"");
    expect(world, validation, "/replay/hashes_unverifiable", "1");
    expect(world, validation, "/replay/replayable", "true");
}

TEST(retrace, guesses_nothing_when_a_snapshot_is_missing)
{
    WORLD();
    const struct value *validation =
        ask(world, world_snapshot(world, fixed), NULL, EVENTS(world, edit(world, 3, "a.py", FIX)));

    expect(world, validation, "/status", "\"passed\"");
    expect(world, validation, "/replay/replayable", "false");
    expect(world, validation, "/replay/reason", "\"no_start_snapshot\"");
    expect(world, validation, "/claims", "[]");

    validation =
        ask(world, NULL, world_snapshot(world, fixed), EVENTS(world, edit(world, 3, "a.py", FIX)));
    expect(world, validation, "/status", "\"not_run\"");
    expect(world, validation, "/reason", "\"not_replayable\"");
    expect(world, validation, "/replay/first_divergence/reason", "\"context_differs\"");
}

TEST(retrace, finds_what_was_changed_behind_the_recorders_back)
{
    WORLD();
    const struct value *validation =
        ask(world, world_snapshot(world, FILES("a.py", "def f():\n    return 2\n", "b.py", "")),
            world_snapshot(world, FILES("a.py", "def f():\n    return 1\n")),
            EVENTS(world, edit(world, 3, "a.py", FIX)));

    expect(world, validation, "/replay/first_divergence",
           "{\"file\":\"b.py\",\"reason\":\"only_in_final_snapshot\"}");
    expect(world, validation, "/replay/final_tree", "\"differs\"");
    expect(world, validation, "/replay/edits_applied", "1");
}

TEST(retrace, holds_nothing_against_a_session_that_a_secret_was_taken_out_of)
{
    WORLD();
    const struct value *validation = ask(
        world, world_snapshot(world, fixed), world_snapshot(world, broken),
        EVENTS(world,
               edit(world, 3, "a.py",
                    "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n def f():\n-    [REDACTED:password]\n"
                    "+    return 2\n"),
               "{\"framework\":\"pytest\",\"num_failed\":0,\"num_passed\":1,\"seq\":4,"
               "\"type\":\"test_run\"}"));

    expect(world, validation, "/status", "\"passed\"");
    expect(world, validation, "/replay/replayable", "false");
    expect(world, validation, "/replay/reason", "\"redacted\"");
    expect(world, validation, "/replay/first_divergence", "(absent)");
    expect(world, validation, "/claims/0/reason", "\"redacted\"");
}

/* How often this stands in the log. */
static int log_count(struct world *world, const struct value *validation, const char *words)
{
    const char *at = world_log(world, validation);
    int         count = 0;

    while ((at = strstr(at, words)) != NULL) {
        at++;
        count++;
    }
    return count;
}

#define RUN(seq, passed, failed, more)                                                             \
    "{\"framework\":\"pytest\",\"num_failed\":" #failed ",\"num_passed\":" #passed                 \
    ",\"seq\":" #seq more ",\"type\":\"test_run\"}"

TEST(retrace, makes_no_run_twice_on_the_same_tree)
{
    WORLD();
    const struct qa_document *document =
        EVENTS(world, RUN(1, 0, 1, ""), RUN(2, 0, 1, ""), edit(world, 3, "a.py", FIX),
               RUN(4, 1, 0, ""), RUN(5, 0, 1, ""));
    const struct value *validation =
        ask(world, world_snapshot(world, fixed), world_snapshot(world, broken), document);

    expect(world, validation, "/status", "\"passed\"");
    expect(world, validation, "/tests/fail_to_pass", "[\"test_a.py::test_a\"]");
    for (int i = 0; i < 3; i++) {
        expect(world, validation, arena_format(world->arena, "/claims/%d/agrees", i), "true");
    }
    expect(world, validation, "/claims/3/observed", "{\"failed\":0,\"passed\":1}");
    expect(world, validation, "/claims/3/agrees", "false");
    CHECK(log_count(world, validation, ": pytest in ") == 2); /* claim-0 and after */

    /* Without a final snapshot the after arm has the very tree. */
    validation = ask(world, NULL, world_snapshot(world, broken), document);
    expect(world, validation, "/claims/2/agrees", "true");
    CHECK(log_count(world, validation, ": pytest in ") == 2);

    /* Another final tree is another run; so is a selection. */
    validation = ask(world,
                     world_snapshot(world, FILES("a.py", "def f():\n    return 2\n", "test_a.py",
                                                 "def test_b(): pass\n")),
                     world_snapshot(world, broken),
                     EVENTS(world, edit(world, 3, "a.py", FIX), RUN(4, 1, 0, ""),
                            RUN(5, 1, 0, ",\"selection\":\"-k test_a\"")));
    expect(world, validation, "/replay/final_tree", "\"differs\"");
    expect(world, validation, "/claims/0/agrees", "true");
    expect(world, validation, "/claims/1/agrees", "true");
    CHECK(log_count(world, validation, "== claim-") == 2);
}

/* A repeat of the start's tests has a tree that they may write to, as their first run had. */
TEST(retrace, repeats_a_run_that_a_claim_had_made)
{
    WORLD();
    static const char   tests[] = "from a import f\n\ndef test_a():\n"
                                  "    open('sub/written', 'w').write('x')\n    assert f() == 1\n";
    const struct value *validation;

    world->config.qa_repeats = 1;
    validation =
        ask(world, world_snapshot(world, FILES("test_a.py", tests, "a.py", fixed[3], "sub/x", "")),
            world_snapshot(world, FILES("test_a.py", tests, "a.py", broken[3], "sub/x", "")),
            EVENTS(world, RUN(1, 1, 0, ""), edit(world, 3, "a.py", FIX)));
    world->config.qa_repeats = 0;
    CHECK(log_count(world, validation, "== before: as for the test run at the start ==") == 1);
    expect(world, validation, "/status", "\"failed\"");
    expect(world, validation, "/tests/flaky", "[]");
    expect(world, validation, "/tests/pass_to_fail", "[\"test_a.py::test_a\"]");
    expect(world, validation, "/arms/repeats", "2");
}

/* Each run asks for the dependency layer and keeps it for the job. */
TEST(retrace, makes_many_runs_of_a_project_that_names_dependencies)
{
    WORLD();
    enum { RUNS = 7 };
    const char            *lines[RUNS + 1] = {NULL};
    int64_t                most = world->config.qa_claims;
    const struct snapshot *tree =
        world_snapshot(world, FILES("pyproject.toml", "[project]\nname = 'a'\nversion = '1'\n",
                                    "test_a.py", "def test_a(): pass\n"));
    const struct value *validation;

    for (int i = 0; i < RUNS; i++) {
        lines[i] = arena_format(world->arena,
                                "{\"framework\":\"pytest\",\"num_failed\":0,\"num_passed\":1,"
                                "\"selection\":\"-k 'test_a and not no_%d'\",\"seq\":%d,"
                                "\"type\":\"test_run\"}",
                                i, i);
    }
    world->config.qa_claims = RUNS;
    validation = ask(world, tree, tree, document_lines(world, lines));
    world->config.qa_claims = most;
    expect(world, validation, "/status", "\"passed\"");
    expect(world, validation, arena_format(world->arena, "/claims/%d/agrees", RUNS - 1), "true");
}

TEST(retrace, says_why_a_test_run_could_not_be_made_again)
{
    WORLD();
    const struct value *validation =
        ask(world, world_snapshot(world, fixed), world_snapshot(world, fixed),
            EVENTS(world,
                   "{\"framework\":\"jest\",\"num_failed\":0,\"num_passed\":1,\"seq\":1,"
                   "\"type\":\"test_run\"}",
                   "{\"framework\":\"pytest\",\"num_failed\":0,\"num_passed\":1,\"selection\":"
                   "\"--junitxml=x\",\"seq\":2,\"type\":\"test_run\"}",
                   "{\"framework\":\"pytest\",\"num_failed\":0,\"num_passed\":1,\"selection\":"
                   "\"-k 'test_a and not b'\",\"seq\":3,\"type\":\"test_run\"}"));

    expect(world, validation, "/claims/0/reason", "\"other_framework\"");
    expect(world, validation, "/claims/0/agrees", "null");
    expect(world, validation, "/claims/1/observed", "(absent)");
    expect(world, validation, "/claims/2/agrees", "true");
}

TEST(retrace, runs_no_more_claims_than_it_may)
{
    WORLD();
    const char *run = "{\"framework\":\"pytest\",\"num_failed\":0,\"num_passed\":1,\"seq\":%d,"
                      "\"type\":\"test_run\"}";
    const char *lines[8] = {NULL};
    const struct value *validation;
    int64_t             most = world->config.qa_claims;

    for (int i = 0; i < 7; i++) {
        CLEANUP(buf) struct buf line = {0};

        buf_format(&line, "%.*s%d%s", (int)(strstr(run, "%d") - run), run, i,
                   strstr(run, "%d") + 2);
        lines[i] = arena_text(world->arena, buf_bytes(&line));
    }
    world->config.qa_claims = 2;
    validation = ask(world, world_snapshot(world, fixed), world_snapshot(world, fixed),
                     document_lines(world, lines));
    world->config.qa_claims = most;
    expect(world, validation, "/replay/test_runs", "7");
    expect(world, validation, "/claims/0/seq", "0");
    expect(world, validation, "/claims/1/seq", "6");
    expect(world, validation, "/claims/2", "(absent)");
}
