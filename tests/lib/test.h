// SPDX-License-Identifier: MIT
/*
 * test.h - a test is a sentence that stays true: TEST(chain, refuses_an_event_...) { CHECK(...); }
 *
 * Every test of a program registers itself; main (test_main.c) runs them all, or those whose name
 * holds argv[1]. A failed CHECK is told with file and line and the test goes on; a test that cannot
 * run calls SKIP("why") first. Each test prints "ok"/"FAILED"/"skipped" and the program ends with
 * `N passed, N failed, N skipped`.
 */
#ifndef PRT_TESTS_TEST_H
#define PRT_TESTS_TEST_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

struct test {
    const char  *area;
    const char  *name;
    void       (*run)(void);
    struct test *next;
};

void test_register(struct test *test);
void test_failed(const char *file, int line, const char *fmt, ...) PRINTF_LIKE(3, 4);
void test_skip(const char *why);

#define TEST(area, name)                                                                           \
    static void test_##area##_##name(void);                                                        \
    __attribute__((constructor)) static void register_##area##_##name(void)                        \
    {                                                                                              \
        static struct test row = {#area, #name, test_##area##_##name, NULL};                       \
        test_register(&row);                                                                       \
    }                                                                                              \
    static void test_##area##_##name(void)

#define CHECK(truth)                                                                               \
    do {                                                                                           \
        if (!(truth)) {                                                                            \
            test_failed(__FILE__, __LINE__, "not true: %s", #truth);                               \
        }                                                                                          \
    } while (0)

#define CHECK_TEXT(got, want)                                                                      \
    do {                                                                                           \
        const char *got_ = (got);                                                                  \
        const char *want_ = (want);                                                                \
        if (got_ == NULL || strcmp(got_, want_) != 0) {                                            \
            test_failed(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #got,                      \
                        got_ == NULL ? "(null)" : got_, want_);                                    \
        }                                                                                          \
    } while (0)

#define CHECK_NUMBER(got, want)                                                                    \
    do {                                                                                           \
        long long got_ = (long long)(got);                                                         \
        long long want_ = (long long)(want);                                                       \
        if (got_ != want_) {                                                                       \
            test_failed(__FILE__, __LINE__, "%s is %lld, not %lld", #got, got_, want_);            \
        }                                                                                          \
    } while (0)

/* The call gives 0 (or a non-negative number); needs a struct err err in scope. */
#define CHECK_WORKS(call)                                                                          \
    do {                                                                                           \
        err_clear(&err);                                                                           \
        if ((call) < 0) {                                                                          \
            test_failed(__FILE__, __LINE__, "%s failed: %s: %s", #call, err_name(err.code),        \
                        err.story);                                                                \
        }                                                                                          \
    } while (0)

/* The call fails with this row. */
#define CHECK_FAILS(call, want)                                                                    \
    do {                                                                                           \
        err_clear(&err);                                                                           \
        if ((call) >= 0) {                                                                         \
            test_failed(__FILE__, __LINE__, "%s worked, and should not have", #call);              \
        } else if (err.code != (want)) {                                                           \
            test_failed(__FILE__, __LINE__, "%s failed with %s (%s), not %s", #call,               \
                        err_name(err.code), err.story, err_name(want));                            \
        }                                                                                          \
    } while (0)

#define SKIP(why)                                                                                  \
    do {                                                                                           \
        test_skip(why);                                                                            \
        return;                                                                                    \
    } while (0)

#endif
