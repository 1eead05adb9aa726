// SPDX-License-Identifier: MIT
/*
 * clock.h - the two clocks.
 *
 * clock_us is UTC since 1970 in microseconds: for what is stored and shown. clock_mono_us only
 * ever grows: for durations and deadlines. Safe from any thread.
 */
#ifndef PRT_BASE_CLOCK_H
#define PRT_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_us(void);
int64_t clock_mono_us(void);
void    clock_sleep_ms(int64_t ms); /* wakes early on a signal */
void    clock_sleep_us(int64_t us); /* the same */

/* "2026-11-20T23:44:41.123456Z"; ret_text has room for CLOCK_TEXT bytes. */
enum { CLOCK_TEXT = 40 };
void clock_text(char *ret_text, int64_t at_us);

#endif
