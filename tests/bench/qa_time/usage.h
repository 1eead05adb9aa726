// SPDX-License-Identifier: MIT
/*
 * usage.h - what this process costs.
 */
#ifndef PRT_TESTS_USAGE_H
#define PRT_TESTS_USAGE_H

/* CPU of this process and of everything below it, those that have ended included. getrusage knows
 * of children only what was waited for: the zygote of warm containers lives on, and the share of
 * every job with it. */
double tree_cpu_ms(void);

/* A line of /proc/self/status: "VmHWM:". */
long own_kib(const char *key);

#endif
