// SPDX-License-Identifier: MIT
/* Any bytes as a document: never a crash, always a sentence; and what is accepted is accepted in
 * another layout too. */
#include "fuzz/fuzz.h"

#include "trace/document.h"
#include "value/json.h"

static const struct value_limits limits = {1 << 20, 128, 1 << 20};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t         chain_key[KEY_BYTES] = "a chain key of thirty-two bytes";
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      pretty = {0};
    struct document_keys         keys = {.chain_key = chain_key};
    struct document_report       report;
    struct err                   err = {0};
    struct value                 value;

    MUST(crypto_setup(&err) == 0);
    document_verify(arena, (struct bytes){data, size}, &keys, &report);
    MUST(report.sentence != NULL && report.sentence[0] != '\0');
    MUST(report.readable || !report.ok);
    if (!report.ok) {
        return 0;
    }
    MUST(report.changed_index == -1);
    MUST(json_read(arena, (struct bytes){data, size}, &limits, &value, &err) == 0);
    json_pretty(&pretty, &value);
    document_verify(arena, buf_bytes(&pretty), &keys, &report);
    MUST(report.ok && !report.as_stored);
    return 0;
}
