// SPDX-License-Identifier: MIT
/* Any bytes as base64: what is taken has no other spelling, and bytes come back as they were. */
#include "fuzz/fuzz.h"

#include "crypto/crypto.h"

static void check(struct bytes input, bool (*read)(struct buf *, struct bytes),
                  void (*write)(struct buf *, struct bytes))
{
    CLEANUP(buf) struct buf raw = {0};
    CLEANUP(buf) struct buf text = {0};
    CLEANUP(buf) struct buf back = {0};

    if (read(&raw, input)) {
        write(&text, buf_bytes(&raw));
        MUST(bytes_equal(buf_bytes(&text), input));
    } else {
        MUST(raw.size == 0);
    }
    text.size = 0;
    write(&text, input);
    MUST(read(&back, buf_bytes(&text)));
    MUST(bytes_equal(buf_bytes(&back), input));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = {data, size};

    check(input, base64_read, base64_write);
    check(input, base64url_read, base64url_write);
    return 0;
}
