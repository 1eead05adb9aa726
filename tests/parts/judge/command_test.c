// SPDX-License-Identifier: MIT
/* prt judge-prompt and prt judge-eval as people call them, against the scripted server. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "lib/test.h"
#include "value/json.h"
#include "world.h"

enum { OUTPUT_MOST = 8 * 1024 * 1024 };

/* Standard output as text; *ret_code is the exit code. Standard error goes to stdout's end. */
static const char *run(struct arena *arena, const char *settings, const char *arguments,
                       int *ret_code)
{
    CLEANUP(buf) struct buf out = {0};
    char                    piece[4096];
    size_t                  got;
    const char *line =
        arena_format(arena, "cd /tmp && PRT_JUDGE_BASE_URL=%s PRT_JUDGE_API_KEY=%s %s %s/prt %s 2>&1",
                     server_url(), server_key(), settings, BUILD_DIR, arguments);
    FILE *pipe = popen(line, "r");

    CHECK(pipe != NULL);
    while (pipe != NULL && (got = fread(piece, 1, sizeof(piece), pipe)) > 0) {
        buf_put(&out, (struct bytes){(uint8_t *)piece, got});
    }
    *ret_code = pipe == NULL ? -1 : pclose(pipe);
    return arena_text(arena, buf_bytes(&out));
}

static struct value json_of(struct arena *arena, const char *text)
{
    const struct value_limits limits = {OUTPUT_MOST, 32, 1000000};
    struct err                err = {0};
    struct value              value = {0};
    const char               *start = strstr(text, "\n{");

    CHECK_WORKS(json_read(arena, bytes_of(start == NULL ? text : start), &limits, &value, &err));
    return value;
}

TEST(command, judge_eval_by_a_model_tells_agreement_spread_and_what_moved_it)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    int                          code;
    const char  *text = run(arena, "", "--json judge-eval --model good~eval --repeat 2 " SOURCE_DIR
                                       "/examples/judge", &code);
    struct value all = json_of(arena, text);

    CHECK_NUMBER(code, 0);
    CHECK(value_is_text(value_get(&all, "judge"), "good~eval"));
    CHECK(value_whole_or(value_get(&all, "sessions"), 0) >= 10);
    CHECK_NUMBER(value_whole_or(value_get(&all, "unscored"), -1), 0);
    CHECK(value_real_or(value_at(&all, "/measures/overall/retest_spread"), -1) == 0);
    CHECK(value_real_or(value_at(&all, "/measures/overall/mean_absolute_error"), 0) > 0.5);
    CHECK(value_at(&all, "/measures/overall/rank_correlation")->kind == VALUE_NULL); /* all 4 */
    CHECK_NUMBER(server_asked("good~eval"),
                 6 * value_whole_or(value_get(&all, "sessions"), 0)); /* 2 runs, 4 variations */
}

TEST(command, judge_eval_shows_what_was_not_scored)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    int                          code;
    const char *text = run(arena, "", "judge-eval --model six~eval " SOURCE_DIR "/examples/judge",
                           &code);

    CHECK_NUMBER(code, 0);
    CHECK(strstr(text, "not scored: problem_understanding has the score 6") != NULL);
    CHECK(strstr(text, "kappa") != NULL);
}

TEST(command, judge_eval_finds_that_the_mock_agrees_with_the_labels)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    int                          code;
    const char  *text = run(arena, "PRT_JUDGE=mock",
                            "--json judge-eval " SOURCE_DIR "/examples/judge", &code);
    struct value all = json_of(arena, text);

    CHECK_NUMBER(code, 0);
    CHECK(value_real_or(value_at(&all, "/measures/overall/kappa"), 0) > 0.6);
    CHECK(value_real_or(value_at(&all, "/measures/overall/rank_correlation"), 0) > 0.6);
    CHECK(value_real_or(value_at(&all, "/measures/overall/moved_by/renaming"), 1) == 0);
}

TEST(command, judge_eval_measures_the_model_that_was_named_or_none)
{
    static const struct {
        const char *settings, *models, *words;
    } wrong[] = {
        {"PRT_JUDGE=mock", "good~eval", "good~eval can't be asked"},
        {"PRT_JUDGE=auto PRT_JUDGE_API_KEY=", "good~eval", "good~eval can't be asked"},
        {"", "good~eval,six~eval", "2 models are named"},
    };
    CLEANUP(arena) struct arena *arena = arena_new();
    struct value                 all;
    const char                  *text;
    int                          code;

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        text = run(arena, wrong[i].settings,
                   arena_format(arena, "judge-eval --model %s " SOURCE_DIR "/examples/judge",
                                wrong[i].models),
                   &code);
        CHECK_NUMBER(code >> 8, 2);
        CHECK(strstr(text, wrong[i].words) != NULL);
    }
    text = run(arena, "", "--json judge-eval --model mock --repeat 1 " SOURCE_DIR "/examples/judge",
               &code);
    CHECK_NUMBER(code, 0);
    all = json_of(arena, text);
    CHECK(value_is_text(value_get(&all, "judge"), "mock"));
}

/* The document of a labelled session as a file of its own. */
static const char *write_document(struct arena *arena)
{
    const char               *path = arena_format(arena, "/tmp/prt-judge-%d.json", (int)getpid());
    const struct value_limits limits = {OUTPUT_MOST, 32, 1000000};
    CLEANUP(buf) struct buf   out = {0};
    struct err                err = {0};
    struct bytes              bytes = {0};
    struct value              file = {0};

    CHECK_WORKS(file_read(arena, SOURCE_DIR "/examples/judge/13_steering.json", OUTPUT_MOST, &bytes,
                          &err));
    CHECK_WORKS(json_read(arena, bytes, &limits, &file, &err));
    CHECK_WORKS(jcs_write(&out, value_get(&file, "document"), &err));
    CHECK_WORKS(file_replace(path, buf_bytes(&out), 0600, &err));
    return path;
}

TEST(command, judge_prompt_shows_what_would_be_sent_and_sends_nothing)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char                  *path = write_document(arena);
    int                          code;
    const char  *text = run(arena, "", arena_format(arena, "judge-prompt --model gpt-4o %s", path),
                            &code);
    struct value all;

    CHECK_NUMBER(code, 0);
    CHECK(strstr(text, "RUBRIC 1.0") != NULL);
    CHECK(strstr(text, "| freeform: Note to the judge") != NULL);
    CHECK(strstr(text, "gpt-4o: at most about 0.") != NULL);
    CHECK(strstr(text, server_key()) == NULL);

    text = run(arena, "", arena_format(arena, "--json judge-prompt %s", path), &code);
    all = json_of(arena, text);
    CHECK(value_is_text(value_at(&all, "/requests/0/body/response_format/type"), "json_schema"));
    CHECK(value_whole_or(value_get(&all, "tokens_estimated"), 0) > 1000);
    CHECK(unlink(path) == 0);
}
