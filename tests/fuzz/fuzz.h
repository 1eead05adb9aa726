// SPDX-License-Identifier: MIT
/*
 * fuzz.h - what every fuzzer needs: the entry that libFuzzer calls, and a check that ends it.
 */
#ifndef PRT_TESTS_FUZZ_H
#define PRT_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(truth)                                                                                \
    do {                                                                                           \
        if (!(truth)) {                                                                            \
            (void)fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #truth);            \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
