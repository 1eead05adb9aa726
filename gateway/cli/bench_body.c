// SPDX-License-Identifier: MIT
#include <string.h>

#include "gateway/cli/bench.h"

enum { DIGITS = 12, TRACE_HEX = 32, TRACE_PREFIX = 6, FIRST_TS = 1770000000 };

/* Appends a place for a number, and says where it is. */
static size_t put_place(struct buf *bytes)
{
    size_t at = bytes->size;

    buf_put_text(bytes, "            ");
    return at;
}

void bench_body_make(struct arena *arena, const struct bench_plan *plan,
                     struct bench_body *ret_body)
{
    struct bench_body body = {.events = plan->events};
    struct buf       *bytes = &body.bytes;

    body.event_id = arena_zero(arena, (size_t)plan->events, sizeof(size_t));
    body.event_seq = arena_zero(arena, (size_t)plan->events, sizeof(size_t));
    body.event_ts = arena_zero(arena, (size_t)plan->events, sizeof(size_t));
    buf_put_text(bytes, "{\"chunk_id\":\"");
    body.chunk_id = put_place(bytes);
    buf_put_text(bytes, "\",\"chunk_seq\":");
    body.chunk_seq = put_place(bytes);
    buf_put_text(bytes, ",\"events\":[");
    for (int64_t i = 0; i < plan->events; i++) {
        size_t began = bytes->size;

        buf_put_text(bytes, i == 0 ? "{\"id\":\"" : ",{\"id\":\"");
        body.event_id[i] = bytes->size;
        buf_put_text(bytes, "00000000000000000000000000000000-");
        (void)put_place(bytes);
        buf_put_text(bytes, "\",\"seq\":");
        body.event_seq[i] = put_place(bytes);
        buf_put_text(bytes, ",\"ts_client_s\":");
        body.event_ts[i] = put_place(bytes);
        buf_format(
            bytes,
            ".25,\"type\":\"file_edit\",\"file_path\":\"src/module_%d.py\","
            "\"buffer_hash_after\":"
            "\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\","
            "\"diff_unified\":\"--- a/src/module.py\\n+++ b/src/module.py\\n@@ -1,4 +1,4 @@\\n",
            (int)(i % 37));
        while (bytes->size - began + 3 < (size_t)plan->event_bytes) {
            buf_format(bytes, "+    total += weight[%zu] * value\\n", bytes->size);
        }
        buf_put_text(bytes, "\"}");
    }
    buf_put_text(bytes, "]}");
    *ret_body = body;
}

/* Right-aligned: JSON lets a number have spaces before it, and no zeros. */
static void write_number(uint8_t digits[DIGITS], int64_t number, uint8_t pad)
{
    memset(digits, pad, DIGITS);
    for (int i = DIGITS - 1; i >= 0 && (number > 0 || i == DIGITS - 1); i--) {
        digits[i] = (uint8_t)('0' + number % 10);
        number /= 10;
    }
}

static void set_digits(struct bench_body *body, size_t at, const uint8_t digits[DIGITS])
{
    memcpy(body->bytes.data + at, digits, DIGITS);
}

/* The next number, in the digits of this one: dividing for each digit of each event would be half
 * of what the load generator itself does for a chunk. */
static void count_up(uint8_t digits[DIGITS])
{
    int i = DIGITS - 1;

    while (i > 0 && digits[i] == '9') {
        digits[i--] = '0';
    }
    digits[i] = digits[i] == ' ' ? '1' : (uint8_t)(digits[i] + 1);
}

void bench_body_set(struct bench_body *body, const char *trace, int64_t chunk, int64_t seq)
{
    uint8_t id[DIGITS], number[DIGITS], ts[DIGITS];
    uint8_t digits[DIGITS];

    write_number(digits, chunk, '0');
    set_digits(body, body->chunk_id, digits);
    write_number(digits, chunk, ' ');
    set_digits(body, body->chunk_seq, digits);
    write_number(id, seq, '0');
    write_number(number, seq, ' ');
    write_number(ts, FIRST_TS + seq, ' ');
    for (int64_t i = 0; i < body->events; i++) {
        memcpy(body->bytes.data + body->event_id[i], trace + TRACE_PREFIX, TRACE_HEX);
        set_digits(body, body->event_id[i] + TRACE_HEX + 1, id);
        set_digits(body, body->event_seq[i], number);
        set_digits(body, body->event_ts[i], ts);
        count_up(id);
        count_up(number);
        count_up(ts);
    }
}
