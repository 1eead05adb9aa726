// SPDX-License-Identifier: MIT
#include "lib/test.h"

#include <stdarg.h>

static struct test *first;
static struct test *last;
static int          failures; /* of the test that runs */
static const char  *skipped;

void test_register(struct test *test)
{
    if (last == NULL) {
        first = test;
    } else {
        last->next = test;
    }
    last = test;
}

void test_failed(const char *file, int line, const char *fmt, ...)
{
    va_list args;

    failures++;
    printf("    %s:%d: ", file, line);
    va_start(args, fmt);
    (void)vprintf(fmt, args);
    va_end(args);
    printf("\n");
}

void test_skip(const char *why)
{
    skipped = why;
}

int main(int argc, char **argv)
{
    int passed = 0;
    int failed = 0;
    int skips = 0;

    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    for (struct test *test = first; test != NULL; test = test->next) {
        if (argc > 1 && strstr(test->name, argv[1]) == NULL && strcmp(test->area, argv[1]) != 0) {
            continue;
        }
        failures = 0;
        skipped = NULL;
        test->run();
        if (failures > 0) {
            failed++;
        } else if (skipped != NULL) {
            skips++;
        } else {
            passed++;
        }
        printf("%s %s.%s%s%s\n", failures > 0 ? "FAILED " : skipped != NULL ? "skipped" : "ok     ",
               test->area, test->name, skipped == NULL ? "" : ": ", skipped == NULL ? "" : skipped);
    }
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skips);
    return failed > 0 ? 1 : 0;
}
