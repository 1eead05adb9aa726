// SPDX-License-Identifier: MIT
/*
 * iso_time.h - a time as text: "2024-05-01T12:34:56.789+02:00" (RFC 3339, and what Python's
 * isoformat makes of it: a blank for the T, no seconds' fraction, no zone, which then is UTC).
 *
 * Pure.
 */
#ifndef PRT_TRACE_ISO_TIME_H
#define PRT_TRACE_ISO_TIME_H

#include <stdbool.h>

#include "base/bytes.h"

/* Unix seconds; false: it is no such time, or one before 1970. */
bool iso_time_read(struct bytes text, double *ret_seconds);

#endif
