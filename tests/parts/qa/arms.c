// SPDX-License-Identifier: MIT
/* The arms beside "after": what they add to a verdict, and what they take from it. */
#include "lib/test.h"
#include "lib/qa/world.h"

#define WRONG "def one():\n    return 2\n"
#define RIGHT "def one():\n    return 1\n"
#define TESTS "from code_ import one\ndef test_one(): assert one() == 1\ndef test_two(): pass\n"

TEST(arms, compare_a_fix_with_the_start_and_find_the_tests_untouched)
{
    WORLD();
    const struct value *validation =
        world_examine(world, world_snapshot(world, FILES("code_.py", RIGHT, "test_a.py", TESTS)),
                      world_snapshot(world, FILES("code_.py", WRONG, "test_a.py", TESTS)));

    expect_status(validation, "passed", NULL);
    expect_json(validation, "/tests",
                "{\"fail_to_fail\":[],\"fail_to_pass\":[\"test_a.py::test_one\"],\"flaky\":[],"
                "\"missing\":[],\"pass_to_fail\":[],\"pass_to_pass\":[\"test_a.py::test_two\"]}");
    expect_json(validation, "/arms",
                "{\"after\":\"passed\",\"before\":\"failed\",\"original_tests\":\"not_run\","
                "\"repeats\":0}");
    expect_json(validation, "/tests_edited", "false");
    CHECK(value_at(validation, "/edited_files") == NULL);
}

TEST(arms, say_nothing_of_edited_tests_when_no_start_was_sent)
{
    WORLD();
    const struct value *validation = world_examine(
        world, world_snapshot(world, FILES("code_.py", RIGHT, "test_a.py", TESTS)), NULL);

    expect_status(validation, "passed", NULL);
    expect_json(validation, "/tests_edited", "null");
    expect_json(validation, "/arms/before", "\"not_run\"");
}

TEST(arms, take_new_tests_with_their_fixtures_for_what_they_are)
{
    WORLD();
    const struct value *validation = world_examine(
        world,
        world_snapshot(world,
                       FILES("code_.py", RIGHT, "tests/test_a.py", TESTS, "tests/test_new.py",
                             "def test_new(two): assert two == 2\n", "tests/conftest.py",
                             "import pytest\n@pytest.fixture\ndef two(): return 2\n")),
        world_snapshot(world, FILES("code_.py", WRONG, "tests/test_a.py", TESTS)));

    expect_status(validation, "passed", NULL);
    expect_whole(validation, "/num_passed", 3);
    expect_json(validation, "/tests_edited", "false");
    expect_json(validation, "/edited_files",
                "[{\"path\":\"tests/conftest.py\",\"what\":\"added\"}]");
    expect_json(validation, "/arms/original_tests", "\"passed\"");
}

TEST(arms, let_an_edit_of_tests_pass_that_the_original_tests_do_not_need)
{
    WORLD();
    const struct value *validation =
        world_examine(world,
                      world_snapshot(world, FILES("code_.py", RIGHT, "test_a.py",
                                                  TESTS "def test_three(): assert one() < 2\n")),
                      world_snapshot(world, FILES("code_.py", WRONG, "test_a.py", TESTS)));

    expect_status(validation, "passed", NULL);
    expect_json(validation, "/tests_edited", "true");
    expect_json(validation, "/edited_files", "[{\"path\":\"test_a.py\",\"what\":\"edited\"}]");
}

TEST(arms, fail_a_fix_that_deletes_what_it_does_not_fix)
{
    WORLD();
    const struct value *validation =
        world_examine(world,
                      world_snapshot(world, FILES("code_.py", WRONG, "tests/test_b.py",
                                                  "def test_two(): pass\n")),
                      world_snapshot(world, FILES("code_.py", WRONG, "tests/test_a.py", TESTS,
                                                  "tests/test_b.py", "def test_two(): pass\n")));

    expect_status(validation, "failed", "original_tests_failed");
    expect_json(validation, "/tests_edited", "true");
    expect_json(validation, "/edited_files",
                "[{\"path\":\"tests/test_a.py\",\"what\":\"deleted\"}]");
    expect_json(validation, "/arms",
                "{\"after\":\"passed\",\"before\":\"failed\",\"original_tests\":\"failed\","
                "\"repeats\":0}");
    CHECK(!value_flag_or(value_at(validation, "/tests_passed"), true));
}

/* What was there is run as it was: a tree that another runner fits now has no fewer tests for it.
 */
TEST(arms, run_the_tests_of_the_start_by_its_own_runner)
{
    WORLD();
    static const char      unittests[] = "import unittest\n"
                                         "class TestB(unittest.TestCase):\n"
                                         "    def test_b(self): pass\n";
    static const char      plain[] = "from code_ import one\nclass TestA:\n"
                                     "    def test_one(self): assert one() == 1\n";
    const struct snapshot *start =
        world_snapshot(world, FILES("code_.py", WRONG, "test_a.py", TESTS));
    const struct value *validation = world_examine(
        world, world_snapshot(world, FILES("code_.py", WRONG, "test_b.py", unittests)), start);

    expect_text(validation, "/framework", "unittest");
    expect_status(validation, "failed", "original_tests_failed");
    expect_json(validation, "/edited_files", "[{\"path\":\"test_a.py\",\"what\":\"deleted\"}]");

    /* Honest work may do the same. */
    validation = world_examine(
        world, world_snapshot(world, FILES("code_.py", RIGHT, "test_b.py", unittests)), start);
    expect_status(validation, "passed", NULL);
    expect_json(validation, "/arms",
                "{\"after\":\"passed\",\"before\":\"failed\",\"original_tests\":\"passed\","
                "\"repeats\":0}");
    expect_json(validation, "/tests_edited", "true");

    /* No test is edited, and the runner that fits now does not see them all. */
    validation = world_examine(
        world,
        world_snapshot(world, FILES("code_.py", WRONG, "test_a.py", plain, "test_b.py", unittests)),
        world_snapshot(world, FILES("code_.py", "import pytest\n" WRONG, "test_a.py", plain,
                                    "test_b.py", unittests)));
    expect_text(validation, "/framework", "unittest");
    expect_status(validation, "failed", "original_tests_failed");
    expect_json(validation, "/tests_edited", "false");
}

TEST(arms, let_no_pass_stand_that_a_start_which_was_sent_cannot_check)
{
    WORLD();
    const char            *index = world->config.qa_package_index;
    const struct snapshot *after =
        world_snapshot(world, FILES("code_.py", WRONG, "test_a.py", "def test_one(): pass\n"));
    const struct value *validation =
        world_examine(world, after, world_snapshot_bytes(world, BYTES("not an archive at all")));

    expect_status(validation, "infra_error", "not_an_archive");
    expect_json(validation, "/tests_passed", "null");
    expect_json(validation, "/arms/after", "\"passed\"");

    /* Its tree is there, only not what it depends on. Nobody listens there. */
    world->config.qa_package_index = "http://127.0.0.1:1/simple";
    validation = world_examine(world, after,
                               world_snapshot(world, FILES("requirements.txt", "prt-no-such==1.0\n",
                                                           "code_.py", WRONG, "test_a.py", TESTS)));
    world->config.qa_package_index = index;
    expect_status(validation, "failed", "original_tests_failed");
    expect_json(validation, "/tests_edited", "true");
    expect_json(validation, "/arms/before", "\"not_run\"");
}

/* What is a test file is for the project to say. */
TEST(arms, put_back_tests_whatever_their_files_are_called)
{
    WORLD();
    static const char edited[] = "def test_one(): pass\n";
    static const char unittests[] = "import unittest\nfrom code_ import one\n"
                                    "class TestA(unittest.TestCase):\n"
                                    "    def test_one(self): self.assertEqual(one(), 1)\n";
    static const char broken[] = "from code_ import one, two\ndef test_one(): assert two() == 2\n";
    static const char *const ini = "[pytest]\npython_files = check_*.py\n";
    const struct value      *validation =
        world_examine(world,
                      world_snapshot(world, FILES("code_.py", WRONG, "testsums.py",
                                                  "import unittest\n"
                                                  "class TestA(unittest.TestCase):\n"
                                                  "    def test_one(self): pass\n")),
                      world_snapshot(world, FILES("code_.py", WRONG, "testsums.py", unittests)));

    expect_text(validation, "/framework", "unittest");
    expect_status(validation, "failed", "original_tests_failed");
    expect_json(validation, "/tests_edited", "true");

    validation =
        world_examine(world,
                      world_snapshot(world, FILES("code_.py", WRONG, "pytest.ini", ini,
                                                  "check_a.py", edited, "check_b.py", edited)),
                      world_snapshot(world, FILES("code_.py", WRONG, "pytest.ini", ini,
                                                  "check_a.py", TESTS, "check_b.py", broken)));
    expect_status(validation, "failed", "original_tests_failed");
    expect_json(validation, "/tests_edited", "true");
    expect_json(validation, "/edited_files",
                "[{\"path\":\"check_a.py\",\"what\":\"edited\"},"
                "{\"path\":\"check_b.py\",\"what\":\"edited\"}]");
}

TEST(arms, put_back_tests_of_a_start_that_cannot_be_run)
{
    WORLD();
    static const char *const ini = "[pytest]\npython_files = check_*.py\n";
    const struct value      *validation = world_examine(
             world,
             world_snapshot(world, FILES("code_.py", WRONG, "pytest.ini", ini, "check_a.py",
                                         "def test_one(): pass\n")),
             world_snapshot(world, FILES("code_.py", "import os\nos.kill(os.getpid(), 9)\n" WRONG,
                                         "pytest.ini", ini, "check_a.py", TESTS)));

    expect_status(validation, "failed", "original_tests_failed");
    expect_json(validation, "/arms/before", "\"failed\"");
    expect_json(validation, "/edited_files", "[{\"path\":\"check_a.py\",\"what\":\"edited\"}]");
}

/* What is fixed must not be put back, though tests are in its documentation. */
TEST(arms, take_code_with_tests_in_its_documentation_for_code)
{
    WORLD();
    static const char *const ini = "[pytest]\naddopts = --doctest-modules\n";
#define DOCUMENTED(value)                                                                          \
    "def one():\n    \"\"\"\n    >>> one()\n    1\n    \"\"\"\n    return " value "\n"
    const struct value *validation =
        world_examine(world,
                      world_snapshot(world, FILES("code_.py", DOCUMENTED("1"), "pytest.ini", ini,
                                                  "test_a.py", TESTS "# more\n")),
                      world_snapshot(world, FILES("code_.py", DOCUMENTED("2"), "pytest.ini", ini,
                                                  "test_a.py", TESTS)));

    expect_status(validation, "passed", NULL);
    expect_json(validation, "/arms/original_tests", "\"passed\"");
    expect_json(validation, "/tests/fail_to_pass",
                "[\"code_.py::code_.one\",\"test_a.py::test_one\"]");
}

TEST(arms, find_what_a_repeat_changes)
{
    WORLD();
    /* Each repeat has another seed. */
    static const char   after[] = "import os\nfrom code_ import one\n"
                                  "def test_one(): assert one() == 1\n"
                                  "def test_luck(): assert one() == 1 and "
                                  "os.environ['PYTHONHASHSEED'] == '0'\n";
    const struct value *validation;

    world->config.qa_repeats = 2;
    validation =
        world_examine(world, world_snapshot(world, FILES("code_.py", RIGHT, "test_a.py", after)),
                      world_snapshot(world, FILES("code_.py", WRONG, "test_a.py", after)));
    world->config.qa_repeats = 0;
    expect_status(validation, "flaky", "flaky_tests");
    expect_json(validation, "/tests_passed", "false");
    expect_json(validation, "/tests/flaky", "[\"test_a.py::test_luck\"]");
    expect_json(validation, "/tests/fail_to_pass", "[\"test_a.py::test_one\"]");
    expect_json(validation, "/arms/repeats", "4");
}

/* Code that knows a repeat by its seed gains nothing by ending it. */
TEST(arms, let_no_pass_stand_that_a_repeat_does_not_live_to_confirm)
{
    WORLD();
    static const char *const ends[][3] = {
        {"os._exit(0)", "tampered", "ended"},
        {"os.kill(os.getpid(), 9)", "flaky", "flaky_tests"},
    };

    world->config.qa_repeats = 1;
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        const struct value *validation = world_examine(
            world,
            world_snapshot(world,
                           FILES("code_.py",
                                 arena_format(world->arena,
                                              "import os\n"
                                              "if os.environ['PYTHONHASHSEED'] != '0': %s\n" RIGHT,
                                              ends[i][0]),
                                 "test_a.py", TESTS)),
            world_snapshot(world, FILES("code_.py", WRONG, "test_a.py", TESTS)));

        expect_status(validation, ends[i][1], ends[i][2]);
        expect_json(validation, "/tests_passed", "false");
        expect_json(validation, "/tests/flaky", "[\"test_a.py::test_one\"]");
    }
    world->config.qa_repeats = 0;
}

/* The tests of the start are no steadier than others. */
TEST(arms, hold_no_test_of_the_start_against_a_fix_that_fails_now_and_then)
{
    WORLD();
    static const char   luck[] = "import os\n"
                                 "def test_luck(): assert os.environ['PYTHONHASHSEED'] != '0'\n"
                                 "def test_two(): pass\n";
    const struct value *validation;

    world->config.qa_repeats = 1;
    validation =
        world_examine(world,
                      world_snapshot(world, FILES("code_.py", RIGHT, "test_a.py",
                                                  "def test_luck(): pass\ndef test_two(): pass\n")),
                      world_snapshot(world, FILES("code_.py", WRONG, "test_a.py", luck)));
    world->config.qa_repeats = 0;
    expect_status(validation, "flaky", "flaky_tests");
    expect_json(validation, "/arms/original_tests", "\"failed\"");
    expect_json(validation, "/tests/flaky", "[\"test_a.py::test_luck\"]");
}

TEST(arms, call_a_failure_flaky_that_a_repeat_does_not_confirm)
{
    WORLD();
    static const char after[] = "import os\ndef test_one(): assert os.environ['PYTHONHASHSEED'] != "
                                "'0'\ndef test_two(): pass\n";
    const struct value *validation;

    world->config.qa_repeats = 1;
    validation = world_examine(world, world_snapshot(world, FILES("test_a.py", after)), NULL);
    expect_status(validation, "flaky", "flaky_tests");
    expect_json(validation, "/arms/repeats", "1");
    validation = world_examine(
        world, world_snapshot(world, FILES("test_a.py", "def test_one(): assert 0\n")), NULL);
    expect_status(validation, "failed", "tests_failed");
    validation = world_examine(
        world, world_snapshot(world, FILES("test_a.py", "def test_one(): pass\n")), NULL);
    expect_json(validation, "/arms/repeats", "0");
    world->config.qa_repeats = 0;
}

TEST(arms, put_back_tests_through_no_link)
{
    WORLD();
    const struct value *validation =
        world_examine(world,
                      world_snapshot(world, FILES("code_.py", WRONG, "tests@", "elsewhere",
                                                  "elsewhere/test_a.py", "def test_one(): pass\n")),
                      world_snapshot(world, FILES("code_.py", WRONG, "tests/test_a.py", TESTS)));

    expect_status(validation, "failed", "original_tests_failed");
    expect_json(validation, "/edited_files",
                "[{\"path\":\"tests/test_a.py\",\"what\":\"deleted\"}]");
}
