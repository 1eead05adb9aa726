// SPDX-License-Identifier: MIT
/*
 * field.h - reading what clients write into paths and header fields. Pure.
 */
#ifndef PRT_GATEWAY_HTTP_FIELD_H
#define PRT_GATEWAY_HTTP_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/* Percent-decoded text in the arena; NULL if it is not proper percent-encoding, not UTF-8, or holds
 * a NUL. `plus`: "+" is a space, as in queries. */
const char *field_decode(struct arena *arena, struct bytes raw, bool plus);

/* Prefer (RFC 7240). A malformed or unknown preference is ignored, as the RFC asks. */
struct prefer {
    bool    respond_async;
    int64_t wait_ms; /* -1: not given */
};
struct prefer field_prefer(const char *value); /* NULL: no such field */

/* Range (RFC 9110) of one "bytes=" range against an object of `size` bytes. */
enum range_kind { RANGE_WHOLE, RANGE_PART, RANGE_OUTSIDE }; /* WHOLE: absent, or ignored */
struct range {
    enum range_kind kind;
    int64_t         first;
    int64_t         size;
};
struct range field_range(const char *value, int64_t size);

/* The media type without parameters equals `type`, whatever its case. */
bool field_type_is(const char *value, const char *type);

/* Does an Accept field name `type`, with a quality that is not below JSON's? Absent: no. */
bool field_accepts(const char *value, const char *type);

/* Does If-None-Match hold this strong tag? As RFC 9110 compares there: weakly, which is how a proxy
 * that compresses gives tags on; "*" is any. */
bool field_holds_tag(const char *value, const char *tag);
/* The same for If-Match, which compares strongly. */
bool field_holds_strong_tag(const char *value, const char *tag);

/* Does Host name localhost, or an address: what a name that somebody else gives out can't be? */
bool field_host_is_own(const char *value);

/* May a client's X-Request-Id be used as ours: 1..64 of [A-Za-z0-9._-]. A traceparent in the form
 * of W3C Trace Context, version 00? */
bool field_request_id_ok(const char *value);
bool field_traceparent_ok(const char *value);

/* A whole number in [least, most], all of the text. */
WARN_UNUSED int field_whole(const char *name, const char *text, int64_t least, int64_t most,
                            int64_t *ret_whole, struct err *err);

#endif
