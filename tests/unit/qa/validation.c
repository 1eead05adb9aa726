// SPDX-License-Identifier: MIT
/* A document holds the names of thousands of tests, and not those of any number. */
#include "lib/test.h"

#include <string.h>

#include "value/json.h"
#include "workers/qa/validation.h"

enum { NAME_BYTES = 1000, DOCUMENT_MOST = 5 * 1024 * 1024 };

static const char **names_make(struct arena *arena, size_t count)
{
    const char **names = arena_get(arena, count * sizeof(char *));

    for (size_t i = 0; i < count; i++) {
        names[i] = arena_format(arena, "%0*zu", NAME_BYTES, i);
    }
    return names;
}

static struct value value_of(struct arena *arena, size_t mended, size_t passing)
{
    static const struct sandbox_limits limits;
    const struct comparison            compared = {.fail_to_pass = names_make(arena, mended),
                                                   .fail_to_pass_count = mended,
                                                   .pass_to_pass = names_make(arena, passing),
                                                   .pass_to_pass_count = passing};
    const struct validation            validation = {.framework = "pytest",
                                                     .compared = &compared,
                                                     .limits = &limits,
                                                     .engine = "runc",
                                                     .runtime = "runc"};

    return validation_value(arena, &validation);
}

static int64_t listed(const struct value *validation, const char *pointer)
{
    const struct value *list = value_at(validation, pointer);

    return list == NULL ? -1 : (int64_t)list->count;
}

TEST(validation, lists_every_test_of_a_large_suite)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct value                 validation = value_of(arena, 1000, 3000);

    CHECK_NUMBER(listed(&validation, "/tests/fail_to_pass"), 1000);
    CHECK_NUMBER(listed(&validation, "/tests/pass_to_pass"), 3000);
    CHECK(value_at(&validation, "/tests/omitted") == NULL);
}

TEST(validation, counts_the_tests_that_there_is_no_room_for_and_lists_what_changed_first)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      json = {0};
    struct value                 validation = value_of(arena, 3000, 20000);
    struct err                   err = {0};
    int64_t                      passing = listed(&validation, "/tests/pass_to_pass");

    CHECK_NUMBER(listed(&validation, "/tests/fail_to_pass"), 3000);
    CHECK(passing > 1000);
    CHECK_NUMBER(value_whole_or(value_at(&validation, "/tests/omitted/pass_to_pass"), 0),
                 20000 - passing);
    CHECK(value_at(&validation, "/tests/omitted/fail_to_pass") == NULL);
    CHECK_WORKS(jcs_write(&json, &validation, &err));
    CHECK(json.size < DOCUMENT_MOST);
}
