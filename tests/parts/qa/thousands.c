// SPDX-License-Identifier: MIT
/* Very many tests with very long names: each is told apart, run again by its name, and none is
 * taken for a lie. */
#include <string.h>

#include "lib/qa/world.h"
#include "lib/test.h"

/* Ids of 4,000 letters, quotes, tags and control characters; every hundredth test fails before. */
#define MANY                                                                                       \
    "import pytest\nfrom a import right\n"                                                         \
    "ids = ['%d<&\"\\x1b[2J\\x00\\x7f\\u2028' % n + 'n' * 4000 + str(n) for n in range(1000)]\n"   \
    "@pytest.mark.parametrize('n', range(1000), ids=ids)\n"                                        \
    "def test_many(n): assert n % 100 or right\n"

TEST(thousands, of_tests_with_long_names_are_told_apart)
{
    WORLD();
    const struct value *validation;
    const struct value *fixed;
    const struct value *kept;

    world->config.qa_repeats = 1;
    validation =
        world_examine(world, world_snapshot(world, FILES("a.py", "right = 1\n", "test_a.py", MANY)),
                      world_snapshot(world, FILES("a.py", "right = 0\n", "test_a.py", MANY)));
    world->config.qa_repeats = 0;
    fixed = value_at(validation, "/tests/fail_to_pass");
    kept = value_at(validation, "/tests/pass_to_pass");

    expect_status(validation, "passed", NULL);
    expect_whole(validation, "/num_passed", 1000);
    expect_json(validation, "/tests/flaky", "[]");
    expect_json(validation, "/arms/repeats", "2");
    expect_json(validation, "/tests/missing", "[]");
    CHECK(fixed != NULL && fixed->count == 10);
    CHECK(kept != NULL && kept->count == 990);
    for (uint32_t i = 0; fixed != NULL && i < fixed->count; i++) {
        CHECK(value_text_or(&fixed->as.items[i], "").size <= 1024);
    }
    /* Both repeats ran those ten and no other. */
    if (strstr(world_log(world, validation), "10 passed") == NULL ||
        strstr(world_log(world, validation), "10 failed") == NULL) {
        const char *log = world_log(world, validation);

        test_failed(__FILE__, __LINE__, "the repeats did not run them: %s",
                    log + strlen(log) - 3000);
    }
}

/* Five thousand of one function; before the fix every fiftieth fails. */
#define FIVE_THOUSAND                                                                              \
    "import pytest\nfrom a import right\n"                                                         \
    "@pytest.mark.parametrize('n', range(5000))\n"                                                 \
    "def test_many(n): assert n % 50 or right\n"

TEST(thousands, of_parametrized_tests_are_compared_one_by_one)
{
    WORLD();
    const struct sandbox_limits limits = world->examiner.limits;
    const struct value         *validation;
    const struct value         *fixed;
    const struct value         *kept;

    world->examiner.limits.wall_ms = 600000;
    validation = world_examine(
        world, world_snapshot(world, FILES("a.py", "right = 1\n", "test_a.py", FIVE_THOUSAND)),
        world_snapshot(world, FILES("a.py", "right = 0\n", "test_a.py", FIVE_THOUSAND)));
    world->examiner.limits = limits;
    fixed = value_at(validation, "/tests/fail_to_pass");
    kept = value_at(validation, "/tests/pass_to_pass");

    expect_status(validation, "passed", NULL);
    expect_whole(validation, "/num_passed", 5000);
    CHECK(fixed != NULL && fixed->count == 100);
    CHECK(kept != NULL && kept->count == 4900);
    CHECK(value_at(validation, "/tests/omitted") == NULL);
}
