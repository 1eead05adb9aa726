// SPDX-License-Identifier: MIT
/* Any bytes as a JUnit report: read within its limits, or refused. */
#include "fuzz/fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "workers/qa/report/junit.h"

static const struct junit_limits limits = {.tests = 50, .id_bytes = 100, .token_bytes = 4096, .ids_bytes = 1 << 20};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    static int                   fd = -1;
    struct test_report           report;
    struct err                   err = {0};
    int64_t                      told = 0;

    MUST(crypto_setup(&err) == 0);
    fd = fd >= 0 ? fd : memfd_create("report", MFD_CLOEXEC);
    MUST(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    MUST(lseek(fd, 0, SEEK_SET) == 0);
    if (junit_read(arena, fd, &limits, &report, &err) < 0) {
        MUST(err.code == ERR_MALFORMED || err.code == ERR_TOO_LARGE);
        return 0;
    }
    MUST((int64_t)report.count <= limits.tests);
    for (size_t i = 0; i < report.count; i++) {
        MUST(strlen(report.tests[i].id) <= limits.id_bytes);
        MUST(i == 0 || strcmp(report.tests[i - 1].id, report.tests[i].id) < 0);
    }
    for (int state = TEST_SKIPPED; state <= TEST_ERROR; state++) {
        told += report_count(&report, (enum test_state)state);
    }
    MUST(told == (int64_t)report.count);
    return 0;
}
