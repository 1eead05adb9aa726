// SPDX-License-Identifier: MIT
/* Each row of schemas/runner.def: taken for what it fits, and run for real. */
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "lib/test.h"
#include "workers/qa/pattern.h"
#include "lib/qa/world.h"

TEST(pattern, fits_names_directories_and_whole_paths)
{
    CHECK(pattern_fits("test_*.py", "test_a.py"));
    CHECK(pattern_fits("a|test_*.py|b", "deep/down/test_a.py"));
    CHECK(!pattern_fits("test_*.py", "test_a.pyc"));
    CHECK(pattern_fits("tests/", "src/tests/data/x"));
    CHECK(!pattern_fits("tests/", "src/tests"));
    CHECK(!pattern_fits("tests/", "mytests/x"));
    CHECK(pattern_fits("src/*.py", "src/a.py"));
    CHECK(!pattern_fits("src/*.py", "src/b/a.py"));
    CHECK(!pattern_fits("", "a"));
    CHECK(!pattern_fits("||", "a"));
}

static void expect_runner(const char *want, const char *const *files)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    char                         dir[] = "/tmp/prt-runner-XXXXXX";
    const struct runner         *runner;
    struct err                   err = {0};

    CHECK(mkdtemp(dir) != NULL);
    for (; files[0] != NULL; files += 2) {
        CHECK_WORKS(file_replace(arena_format(arena, "%s/%s", dir, files[0]), bytes_of(files[1]),
                                 0644, &err));
    }
    CHECK_WORKS(runner_for(arena, dir, &runner, &err));
    CHECK_TEXT(runner->framework, want);
    CHECK_WORKS(dir_remove(dir, &err));
}

TEST(runner, is_told_by_the_files_of_a_project)
{
    expect_runner("pytest", FILES("a.py", ""));
    expect_runner("pytest", FILES("test_a.py", "def test_a(): pass\n"));
    expect_runner("unittest", FILES("test_a.py", "import unittest\n"));
    expect_runner("pytest", FILES("test_a.py", "import unittest\ndef test_b(): pass\n"));
    expect_runner("pytest",
                  FILES("test_a.py", "import unittest\n", "test_b.py", "import pytest\n"));
    expect_runner("pytest", FILES("test_a.py", "import unittest\n", "conftest.py", ""));
    expect_runner("pytest",
                  FILES("test_a.py", "import unittest\n", "setup.cfg", "[tool:pytest]\n"));
    expect_runner("node", FILES("package.json", "{}", "a.test.js", ""));
    expect_runner("pytest", FILES("package.json", "{}", "a.test.js", "", "test_a.py", ""));
    CHECK(runner_named("node") != NULL && runner_named("cobol") == NULL);
}

#define UNITTEST                                                                                   \
    "import unittest\nfrom sums import add\n"                                                      \
    "class TestAdd(unittest.TestCase):\n"                                                          \
    "    def test_add(self): self.assertEqual(add(1, 2), 3)\n"                                     \
    "    def test_none(self): self.assertEqual(add(1, 0), 1)\n"                                    \
    "    @unittest.skip('later')\n    def test_later(self): self.fail()\n"                         \
    "    @unittest.expectedFailure\n    def test_expected(self): self.fail()\n"                    \
    "    def test_parts(self):\n"                                                                  \
    "        for i in range(3):\n"                                                                 \
    "            with self.subTest(i=i): self.assertEqual(add(0, i), i)\n"

TEST(unittest, compares_two_arms_like_pytest)
{
    WORLD();
    const struct value *validation = world_examine(
        world,
        world_snapshot(world, FILES("sums.py", "def add(a, b): return a + b\n", "tests/__init__.py",
                                    "", "tests/test_sums.py", UNITTEST)),
        world_snapshot(world, FILES("sums.py", "def add(a, b): return a - b\n", "tests/__init__.py",
                                    "", "tests/test_sums.py", UNITTEST)));

    expect_status(validation, "passed", NULL);
    expect_text(validation, "/framework", "unittest");
    expect_whole(validation, "/num_passed", 3);
    expect_whole(validation, "/num_skipped", 2);
    expect_json(validation, "/tests/fail_to_pass",
                "[\"tests/test_sums.py::TestAdd::test_add\","
                "\"tests/test_sums.py::TestAdd::test_parts\"]");
    expect_json(validation, "/tests/pass_to_pass", "[\"tests/test_sums.py::TestAdd::test_none\"]");
}

TEST(unittest, tells_a_file_that_cannot_be_imported_and_a_class_that_cannot_be_set_up)
{
    WORLD();
    const struct value *validation = world_examine(
        world,
        world_snapshot(
            world,
            FILES("test_a.py", "import unittest\nimport no_such_module\n", "test_d.py",
                  "import unittest\nclass TestD(unittest.TestCase):\n"
                  "    @classmethod\n    def setUpClass(cls): raise unittest.SkipTest('no')\n"
                  "    def test_d(self): pass\n",
                  "test_b.py",
                  "import unittest\nclass TestB(unittest.TestCase):\n"
                  "    @classmethod\n    def setUpClass(cls): raise ValueError\n"
                  "    def test_b(self): pass\n",
                  "test_c.py",
                  "import unittest\nclass TestC(unittest.TestCase):\n"
                  "    def test_c(self): pass\n")),
        NULL);

    expect_status(validation, "failed", "tests_failed");
    expect_whole(validation, "/num_passed", 1);
}

/* unittest's own name for what a subtest belongs to. */
TEST(unittest, runs_a_test_named_test_case)
{
    WORLD();
    const struct value *validation = world_examine(
        world,
        world_snapshot(world,
                       FILES("test_a.py", "import unittest\nclass TestA(unittest.TestCase):\n"
                                          "    def test_case(self): pass\n")),
        NULL);

    expect_status(validation, "passed", NULL);
}

/* The one file that says which is somewhere among the others. */
TEST(runner, is_found_in_a_tree_of_many_files)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    char                         dir[] = "/tmp/prt-many-XXXXXX";
    const char                  *first;
    const struct runner         *runner = NULL;
    struct err                   err = {0};

    CHECK(mkdtemp(dir) != NULL);
    first = arena_format(arena, "%s/first", dir);
    CHECK_WORKS(file_replace(first, BYTES("x"), 0644, &err));
    for (int i = 0; i < 40000; i++) {
        CHECK(link(first, arena_format(arena, "%s/%d", dir, i)) == 0);
    }
    CHECK_WORKS(file_replace(arena_format(arena, "%s/test_a.py", dir),
                             BYTES("import unittest\nclass TestA(unittest.TestCase): pass\n"), 0644,
                             &err));
    CHECK_WORKS(runner_for(arena, dir, &runner, &err));
    CHECK_TEXT(runner->framework, "unittest");
    CHECK_WORKS(dir_remove(dir, &err));
}

/* An image from a registry may have no node; the one made of packages has. */
static bool node_is_missing(const struct value *validation)
{
    bool missing = bytes_is(value_text_or(value_at(validation, "/reason"), ""), "image_failed");

    if (missing) {
        test_skip("the base has no node; prt qa-image --image '' makes one that has");
    }
    return missing;
}

#define NODE                                                                                       \
    "const test = require('node:test');\nconst assert = require('node:assert');\n"                 \
    "const { add } = require('./sums.js');\n"                                                      \
    "test('adds', () => { assert.strictEqual(add(1, 2), 3); });\n"                                 \
    "test('nothing', () => { assert.strictEqual(add(1, 0), 1); });\n"                              \
    "test('later', { skip: true }, () => {});\n"                                                   \
    "test.describe('more', () => { test.it('adds <& more>', async () => { "                        \
    "assert.ok(add(1, 1) === 2); }); });\n"

TEST(node, compares_two_arms_through_junit_xml)
{
    WORLD();
    const struct value *validation = world_examine(
        world,
        world_snapshot(world, FILES("package.json", "{}", "sums.js",
                                    "exports.add = (a, b) => a + b;\n", "sums.test.js", NODE)),
        world_snapshot(world, FILES("package.json", "{}", "sums.js",
                                    "exports.add = (a, b) => a - b;\n", "sums.test.js", NODE)));

    if (node_is_missing(validation)) {
        return;
    }
    expect_status(validation, "passed", NULL);
    expect_text(validation, "/framework", "node");
    expect_whole(validation, "/num_skipped", 1);
    expect_json(validation, "/tests/fail_to_pass",
                "[\"sums.test.js::adds\",\"sums.test.js::more::adds <& more>\"]");
    expect_json(validation, "/tests/pass_to_pass", "[\"sums.test.js::nothing\"]");
}

TEST(node, does_not_make_the_python_tests_of_the_start_go_away)
{
    WORLD();
    const struct value *validation = world_examine(
        world,
        world_snapshot(world, FILES("sums.py", "def add(a, b): return a - b\n", "package.json",
                                    "{}", "a.test.js", "require('node:test')('a', () => {});\n")),
        world_snapshot(world, FILES("sums.py", "def add(a, b): return a - b\n", "test_sums.py",
                                    "from sums import add\n"
                                    "def test_add(): assert add(1, 2) == 3\n")));

    if (node_is_missing(validation)) {
        return;
    }
    expect_text(validation, "/framework", "node");
    expect_status(validation, "failed", "original_tests_failed");
    expect_json(validation, "/tests_edited", "true");
}

/* Node's report leaves out a test that has subtests, and what failed in it itself. */
TEST(node, tells_of_a_test_that_fails_beside_its_subtests)
{
    WORLD();
    const struct value *validation =
        world_examine(world,
                      world_snapshot(world, FILES("package.json", "{}", "a.test.mjs",
                                                  "import test from 'node:test';\n"
                                                  "test('outer one', async (t) => {\n"
                                                  "    await t.test('inner', () => {});\n"
                                                  "    throw new Error('no');\n});\n")),
                      NULL);

    if (node_is_missing(validation)) {
        return;
    }
    expect_status(validation, "failed", "tests_failed");
    expect_whole(validation, "/num_passed", 1);
    expect_whole(validation, "/num_failed", 1);
}

/* Whoever waits for tests of a file that has none does so with a processor. */
TEST(node, does_not_wait_for_tests_of_a_module_that_has_none)
{
    WORLD();
    const struct value *validation = world_examine(
        world,
        world_snapshot(world,
                       FILES("package.json", "{}", "test/helper.mjs",
                             "import { writeFileSync } from 'node:fs';\n"
                             "export const helped = await Promise.resolve(1);\n"
                             "process.on('exit', () => {\n"
                             "    writeFileSync('used', String(process.cpuUsage().user));\n"
                             "});\n",
                             "test/used.test.mjs",
                             "import test from 'node:test';\nimport assert from 'node:assert';\n"
                             "import { readFileSync } from 'node:fs';\n"
                             "test('used', () => {\n"
                             "    const used = Number(readFileSync('used'));\n"
                             "    assert.ok(used < 2e6, `${used} us`);\n});\n")),
        NULL);

    if (node_is_missing(validation)) {
        return;
    }
    expect_status(validation, "passed", NULL);
    expect_whole(validation, "/num_passed", 1);
}

TEST(node, believes_hooks_callbacks_todos_subtests_and_modules)
{
    WORLD();
    static const char text[] =
        "import test, { describe, it, beforeEach, after } from 'node:test';\n"
        "import assert from 'node:assert/strict';\n"
        "import { spawnSync } from 'node:child_process';\n"
        "test('called back', (t, done) => { setTimeout(done, 2); });\n"
        "test('later', { todo: true }, () => { throw new Error('not yet'); });\n"
        "test('twice', () => {});\ntest('twice', () => {});\n"
        "test('without a function');\n"
        "test('a\\nname <of> \"lines\"', () => {});\n"
        "describe('many', () => {\n"
        "    let before = 0;\n"
        "    beforeEach(() => { before++; });\n"
        "    it('waits', async () => { await null; assert.equal(before, 1); });\n"
        "    it('has subtests', async (t) => { await t.test('one', () => {}); });\n"
        "});\n"
        "test('starts node', () => {\n"
        "    assert.equal(spawnSync(process.execPath, ['-p', '1']).stdout + '', '1\\n');\n"
        "});\n"
        "after(() => {});\n";
    const struct value *validation = world_examine(
        world,
        world_snapshot(world, FILES("package.json", "{}", "a.test.mjs", text, "b.test.cjs",
                                    "require('node:test')('b', () => {});\n")),
        NULL);

    if (node_is_missing(validation)) {
        return;
    }
    if (!bytes_is(value_text_or(value_at(validation, "/status"), ""), "passed")) {
        test_failed(__FILE__, __LINE__, "the log says:\n%s", world_log(world, validation));
    }
    expect_whole(validation, "/num_failed", 0);
}
