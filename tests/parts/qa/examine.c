// SPDX-License-Identifier: MIT
/* Snapshots in, findings out: real archives, a real sandbox, real pytest. */
#include "lib/test.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/fd.h"
#include "value/json.h"
#include "lib/qa/world.h"

static const struct value *example_read(struct world *world, const char *name)
{
    struct value_limits limits = {1 << 20, 32, 10000};
    struct value       *value = arena_zero(world->arena, 1, sizeof(*value));
    struct bytes        json;
    struct err          err = {0};
    const char *path = arena_format(world->arena, SOURCE_DIR "/examples/%s/expected.json", name);

    CHECK_WORKS(file_read(world->arena, path, 1 << 20, &json, &err));
    CHECK_WORKS(json_read(world->arena, json, &limits, value, &err));
    return value;
}

static void expect_as_example(struct world *world, const char *name)
{
    static const char *const parts[] = {
        "/tests/fail_to_pass", "/tests/pass_to_pass", "/tests/pass_to_fail",
        "/tests/fail_to_fail", "/num_passed",         "/num_failed",
        "/num_skipped",        "/num_errors",         "/tests_passed"};
    const char         *dir = arena_format(world->arena, SOURCE_DIR "/examples/%s", name);
    const struct value *expected = example_read(world, name);
    const struct value *validation =
        world_examine(world, world_snapshot_of(world, arena_format(world->arena, "%s/after", dir)),
                      world_snapshot_of(world, arena_format(world->arena, "%s/before", dir)));
    struct err err = {0};

    for (size_t i = 0; validation != NULL && i < COUNT_OF(parts); i++) {
        CLEANUP(buf) struct buf got = {0};
        CLEANUP(buf) struct buf want = {0};
        const struct value     *found = value_at(validation, parts[i]);

        CHECK(found != NULL && value_at(expected, parts[i]) != NULL);
        if (found != NULL && value_at(expected, parts[i]) != NULL) {
            CHECK_WORKS(jcs_write(&got, found, &err));
            CHECK_WORKS(jcs_write(&want, value_at(expected, parts[i]), &err));
            CHECK_TEXT(buf_text(&got), buf_text(&want));
        }
    }
}

TEST(examine, finds_of_the_examples_what_they_say_of_themselves)
{
    WORLD();
    expect_as_example(world, "one_line_fix");
    expect_as_example(world, "three_file_fix");
    expect_as_example(world, "auth_bug_fails");
}

TEST(examine, runs_one_arm_when_one_snapshot_was_sent)
{
    WORLD();
    const struct value *validation = world_examine(
        world,
        world_snapshot(world, FILES("test_a.py", "def test_a():\n    print('in the log')\n")),
        NULL);

    expect_status(validation, "passed", NULL);
    expect_whole(validation, "/num_passed", 1);
    expect_text(validation, "/framework", "pytest");
    CHECK(value_at(validation, "/tests/fail_to_pass")->count == 0);
    CHECK(value_flag_or(value_at(validation, "/tests_passed"), false));
    CHECK(strstr(world_log(world, validation), "== after: pytest in ") != NULL);
    CHECK(strstr(world_log(world, validation), "== ended by itself: exit status 1") != NULL);
    CHECK(value_at(validation, "/report/sha256") != NULL);
    CHECK(value_at(validation, "/sandbox/engine") != NULL);
}

TEST(examine, tells_where_its_time_went)
{
    WORLD();
    struct question question = {
        .after = world_snapshot(world, FILES("test_a.py", "def test_a(): pass\n")),
        .last_try = true};
    struct heart   heart = {0};
    struct finding finding;
    struct err     err = {0};
    int64_t        from_us = clock_mono_us();

    CHECK_WORKS(examine(&world->examiner, world->arena, &question, &heart, &finding, &err));
    from_us = clock_mono_us() - from_us;
    CHECK(finding.steps.unpack > 0 && finding.steps.start > 0 && finding.steps.ready > 0);
    CHECK(finding.steps.tests > 0 && finding.steps.judge > 0 && finding.steps.store > 0);
    CHECK(finding.steps.unpack + finding.steps.layer + finding.steps.start + finding.steps.ready +
              finding.steps.tests + finding.steps.remove + finding.steps.judge +
              finding.steps.store <=
          from_us);
}

TEST(examine, says_not_run_when_no_snapshot_was_sent)
{
    WORLD();
    const struct value *validation = world_examine(world, NULL, NULL);

    expect_status(validation, "not_run", "no_snapshot");
    expect_whole(validation, "/num_passed", 0);
    CHECK(value_at(validation, "/tests_passed")->kind == VALUE_NULL);
    CHECK(value_at(validation, "/log") == NULL);
}

TEST(examine, tells_classes_parameters_skips_expected_failures_and_broken_files_apart)
{
    WORLD();
    const struct value *validation = world_examine(
        world,
        world_snapshot(world, FILES("tests/test_a.py",
                                    "import pytest\n"
                                    "class TestB:\n"
                                    "    @pytest.mark.parametrize('n', [1, 2])\n"
                                    "    def test_c(self, n): assert n == 1\n"
                                    "@pytest.mark.skip\n"
                                    "def test_skip(): pass\n"
                                    "@pytest.mark.xfail\n"
                                    "def test_xfail(): assert 0\n"
                                    "@pytest.fixture\n"
                                    "def bad(): raise RuntimeError\n"
                                    "def test_error(bad): pass\n",
                                    "tests/test_broken.py", "import no_such_module\n")),
        NULL);

    expect_status(validation, "failed", "tests_failed");
    expect_whole(validation, "/num_passed", 1);
    expect_whole(validation, "/num_failed", 1);
    expect_whole(validation, "/num_skipped", 2);
    expect_whole(validation, "/num_errors", 2);
}

TEST(examine, keeps_its_sentinels_whatever_a_project_sets)
{
    WORLD();
    const struct value *validation = world_examine(
        world,
        world_snapshot(world, FILES("pytest.ini",
                                    "[pytest]\naddopts = -x -k check -m unit --strict-markers\n"
                                    "python_files = check_*.py\npython_functions = check_*\n"
                                    "testpaths = spec\nmarkers = unit\n",
                                    "spec/check_a.py",
                                    "import pytest\n@pytest.mark.unit\ndef check_a(): pass\n",
                                    "other/check_b.py", "def check_b(): assert 0\n")),
        NULL);

    expect_status(validation, "passed", NULL);
    expect_whole(validation, "/num_passed", 1);
}

TEST(examine, runs_without_the_addopts_that_need_plugins)
{
    WORLD();
    const struct value *validation = world_examine(
        world,
        world_snapshot(world, FILES("setup.cfg", "[tool:pytest]\naddopts = --cov=pkg -n 4\n",
                                    "test_a.py", "def test_a(): pass\n")),
        NULL);

    expect_status(validation, "passed", NULL);
    CHECK(strstr(world_log(world, validation), "without the workspace's own addopts") != NULL);
}

TEST(examine, fails_a_workspace_without_tests)
{
    WORLD();
    expect_status(world_examine(world, world_snapshot(world, FILES("a.py", "x = 1\n")), NULL),
                  "failed", "no_tests");
}

TEST(examine, enters_the_one_directory_that_holds_the_project)
{
    WORLD();
    const struct value *validation = world_examine(
        world,
        world_snapshot(world, FILES("pkg-1.0/README.md", "x", "pkg-1.0/pkg/__init__.py",
                                    "one = 1\n", "pkg-1.0/tests/test_a.py",
                                    "import pkg\ndef test_a(): assert pkg.one == 1\n")),
        NULL);

    expect_status(validation, "passed", NULL);
}

TEST(examine, refuses_hostile_archives_by_name_and_still_ends)
{
    WORLD();
    const struct value *validation =
        world_examine(world, world_snapshot_bytes(world, BYTES("not an archive at all")), NULL);

    expect_status(validation, "infra_error", "not_an_archive");
    CHECK(value_at(validation, "/tests_passed")->kind == VALUE_NULL);
    expect_whole(validation, "/num_passed", 0);
}

/* What the farm could not do is tried again, and only the last try makes a verdict of it: none. */
static void expect_infra(struct world *world, const struct snapshot *after, enum err_code code)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct question              question = {.after = after};
    struct heart                 heart = {0};
    struct finding               finding;
    struct err                   err = {0};

    CHECK_FAILS(examine(&world->examiner, arena, &question, &heart, &finding, &err), code);
    question.last_try = true;
    err_clear(&err);
    CHECK_WORKS(examine(&world->examiner, arena, &question, &heart, &finding, &err));
    expect_status(&finding.validation, "infra_error", err_name(code));
    CHECK(value_at(&finding.validation, "/tests_passed")->kind == VALUE_NULL);
}

TEST(examine, tries_what_failed_again_and_never_calls_it_failed)
{
    WORLD();
    const struct snapshot *good = world_snapshot(world, FILES("test_a.py", "def test_a(): pass\n"));
    struct snapshot        bad = *good;
    const struct sandbox_limits limits = world->examiner.limits;

    bad.sha256[0] ^= 1;
    expect_infra(world, &bad, ERR_BLOB_CORRUPT);
    bad = *good;
    bad.key = "sha256/00/nobody-put-it";
    expect_infra(world, &bad, ERR_BLOB_MISSING);
    world->examiner.limits.memory_bytes = 4096; /* no container starts in a page */
    expect_infra(world, good, ERR_SANDBOX_FAILED);
    world->examiner.limits = limits;
    expect_status(world_examine(world, good, NULL), "passed", NULL);
}

TEST(examine, names_the_limit_that_ended_a_run)
{
    WORLD();
    world->examiner.limits.wall_ms = 3000;
    expect_status(
        world_examine(world,
                      world_snapshot(world, FILES("test_a.py", "import time\ndef test_a(): "
                                                               "time.sleep(600)\n")),
                      NULL),
        "timeout", NULL);
    world->examiner.limits.wall_ms = 60000;
    expect_status(
        world_examine(
            world,
            world_snapshot(world, FILES("test_a.py", "def test_a(): x = b'x' * (1 << 30)\n")),
            NULL),
        "oom", NULL);
}

TEST(examine, fails_a_run_that_reports_more_than_is_read_and_names_that_limit)
{
    WORLD();
    int64_t             most = world->examiner.limits.result_bytes;
    const struct value *validation;
    struct bytes        detail;

    world->examiner.limits.result_bytes = 4000;
    validation = world_examine(
        world,
        world_snapshot(world, FILES("test_many.py", "import pytest\n"
                                                    "@pytest.mark.parametrize('n', range(200))\n"
                                                    "def test_many(n): pass\n")),
        NULL);
    world->examiner.limits.result_bytes = most;
    expect_status(validation, "failed", "report_too_large");
    detail = value_text_or(value_at(validation, "/detail"), "");
    CHECK(strstr(arena_text(world->arena, detail), "at most 4000 are read") != NULL);
}

TEST(examine, builds_no_layer_for_requirements_that_are_none)
{
    WORLD();
    expect_status(world_examine(world,
                                world_snapshot(world, FILES("requirements.txt",
                                                            "# nothing\n-e .\n"
                                                            "-i http://127.0.0.1:1/simple\n",
                                                            "test_a.py", "def test_a(): pass\n")),
                                NULL),
                  "passed", NULL);
}

TEST(examine, tells_dependencies_that_cannot_be_had_as_infra_error)
{
    WORLD();
    const char         *index = world->config.qa_package_index;
    const struct value *validation;

    /* Nobody listens there. */
    world->config.qa_package_index = "http://127.0.0.1:1/simple";
    validation =
        world_examine(world,
                      world_snapshot(world, FILES("requirements.txt", "prt-no-such-package==1.0\n",
                                                  "test_a.py", "def test_a(): pass\n")),
                      NULL);
    world->config.qa_package_index = index;
    expect_status(validation, "infra_error", "image_failed");
    CHECK(value_at(validation, "/tests_passed")->kind == VALUE_NULL);
    CHECK(strstr(world_log(world, validation), "prt-no-such-package") != NULL);
}

TEST(examine, keeps_ids_apart_that_differ_in_odd_characters_only)
{
    WORLD();
    const struct value *validation = world_examine(
        world,
        world_snapshot(world, FILES("test_a.py",
                                    "import pytest\n"
                                    "@pytest.mark.parametrize('x', ['a::b', 'a[b]', '\\u00e4', "
                                    "'\\x1b[31m', '<&\">', '\\ud83d\\ude00', 'a/b', ''])\n"
                                    "def test_x(x): assert x\n"
                                    "@pytest.mark.parametrize('y', [1, 1], ids=['same', 'same'])\n"
                                    "def test_y(y): pass\n"
                                    "def test_\u00fcmlaut(): pass\n"
                                    "@pytest.mark.xfail\ndef test_xpass(): pass\n"
                                    "@pytest.mark.xfail(strict=True)\ndef test_strict(): pass\n")),
        NULL);

    expect_status(validation, "failed", "tests_failed");
    expect_whole(validation, "/num_passed", 7 + 2 + 1 + 1);
    expect_whole(validation, "/num_failed", 2);
}

TEST(examine, believes_no_summary_that_a_test_prints)
{
    WORLD();
    const struct value *validation = world_examine(
        world,
        world_snapshot(world,
                       FILES("test_a.py",
                             "import os, sys\n"
                             "def test_a():\n"
                             "    for fd in (1, 2):\n"
                             "        os.write(fd, b'\\x1b[2J\\x00\\xff\\r== 9 passed ==\\n')\n"
                             "        os.write(fd, b'<testsuites><testcase name=\"z\"/>')\n"
                             "    sys.__stdout__.write('ready\\n')\n"
                             "    assert 0, '\\x00\\x1b]0;t\\x07</failure>&'\n")),
        NULL);

    expect_status(validation, "failed", "tests_failed");
    expect_whole(validation, "/num_passed", 0);
    expect_whole(validation, "/num_failed", 1);
}

TEST(examine, counts_thousands_of_tests)
{
    WORLD();
    const struct value *validation = world_examine(
        world,
        world_snapshot(world, FILES("test_a.py", "import pytest\n"
                                                 "@pytest.mark.parametrize('n', range(3000))\n"
                                                 "def test_n(n): assert n != 7\n")),
        NULL);

    expect_status(validation, "failed", "tests_failed");
    expect_whole(validation, "/num_passed", 2999);
    expect_whole(validation, "/num_failed", 1);
}
