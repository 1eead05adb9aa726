// SPDX-License-Identifier: MIT
/*
 * head.h - the head of a request (RFC 9112): taken apart strictly, so that no proxy before us can
 * have read it in another way. And the chunks of a body.
 *
 * Refused are: a line that does not end in CRLF, folded fields, blanks before a colon, control
 * characters, no Host or two, a length that is no number, two lengths, a length beside a transfer
 * coding, any coding but chunked.
 *
 * Pure.
 */
#ifndef PRT_GATEWAY_HTTP_HEAD_H
#define PRT_GATEWAY_HTTP_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

enum { HEAD_MOST = 16 * 1024, HEAD_FIELDS = 64 };

struct head {
    const char *method, *path;
    const char *query;   /* what stands behind the "?", or NULL */
    bool        keep;    /* the connection may serve another request */
    bool        expects; /* 100-continue: the body comes when it is asked for */
    bool        chunked;
    int64_t     length; /* Content-Length; -1: none */
    size_t      field_count;
    struct {
        const char *name, *value;
    } field[HEAD_FIELDS];
};

/* How long the head at the beginning of `bytes` is, its empty line included; 0: there is more to
 * come. HEAD_MALFORMED for a line that does not end properly, HEAD_TOO_LARGE over HEAD_MOST. */
WARN_UNUSED int head_find(struct bytes bytes, size_t *ret_size, struct err *err);

/* Takes `size` bytes that head_find found apart, in place: what it returns lies in them.
 * HEAD_MALFORMED, HEAD_TOO_LARGE (fields), VERSION_UNKNOWN, CODING_UNKNOWN. */
WARN_UNUSED int head_read(char *text, size_t size, struct head *ret_head, struct err *err);

/* The first field of this name, whatever its case; NULL: there is none. */
const char *head_field(const struct head *head, const char *name);

/* The first query parameter of this name, as it was sent; data NULL: there is none. */
struct bytes head_query(const struct head *head, const char *name);

/* The query parameter that *query begins with, as it was sent, and on to the next one; data of the
 * value NULL: it has no "=". False: there is none any more. *query may be NULL. */
bool head_query_next(const char **query, struct bytes *ret_name, struct bytes *ret_value);

/* -------- chunked bodies; begins as {0} -------- */

struct chunked {
    enum {
        CHUNKED_SIZE,
        CHUNKED_EXTENSION,
        CHUNKED_SIZE_END,
        CHUNKED_DATA,
        CHUNKED_DATA_CR,
        CHUNKED_DATA_LF,
        CHUNKED_LINE,
        CHUNKED_LINE_REST,
        CHUNKED_LINE_END,
        CHUNKED_LAST_LF,
        CHUNKED_OVER
    } at;
    int64_t  left;   /* of the chunk */
    unsigned digits; /* of its size */
    unsigned spare;  /* bytes of extensions and trailers so far, which nobody reads */
};

/* Takes bytes off the front of *bytes. 1: *ret_piece is data; 0: no more until more bytes come, or
 * CHUNKED_OVER; -1: HEAD_MALFORMED. */
WARN_UNUSED int chunked_next(struct chunked *chunked, struct bytes *bytes, struct bytes *ret_piece,
                             struct err *err);

#endif
