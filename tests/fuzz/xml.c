// SPDX-License-Identifier: MIT
/* Any bytes as the answer of an S3 server: elements lie within it, one behind the other. */
#include "fuzz/fuzz.h"

#include "blob/xml.h"

static void check_texts(struct arena *arena, struct bytes xml)
{
    static const char *const names[] = {"Code", "Key", "Size", "UploadId", "NextContinuationToken"};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const char *text = xml_text(arena, xml, names[i]);

        MUST(text == NULL || bytes_of(text).size <= xml.size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct bytes                 rest = {data, size};
    struct bytes                 item;

    check_texts(arena, rest);
    for (;;) {
        struct bytes before = rest;

        if (!xml_next(&rest, "Contents", &item)) {
            return 0;
        }
        MUST(rest.size < before.size && rest.data + rest.size == data + size);
        MUST(item.data >= before.data && item.data + item.size <= rest.data);
        check_texts(arena, item);
    }
}
