// SPDX-License-Identifier: MIT
/* Any bytes around the sample of a rule (the first byte says which, the second where): what is
 * counted is replaced, and doing it again comes to an end. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "trace/redact.h"
#include "trace/secret.h"

static void put_text(struct buf *out, const uint8_t *data, size_t size)
{
    size_t at = size < 2 ? 0 : data[1] % (size - 1);

    if (size < 2) {
        return;
    }
    buf_put(out, (struct bytes){data + 2, at < size - 2 ? at : size - 2});
    buf_put_text(out, secret_rules[data[0] % secret_rule_count].good);
    if (at < size - 2) {
        buf_put(out, (struct bytes){data + 2 + at, size - 2 - at});
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      in = {0};
    struct redactions            found = {{0}};
    struct redactions            again = {{0}};
    uint64_t                     count = 0;
    struct bytes                 text;
    struct bytes                 once;

    put_text(&in, data, size);
    text = buf_bytes(&in);
    once = redact_text(arena, text, &found);
    for (int i = 0; i < SECRET_KINDS; i++) {
        count += found.count[i];
    }
    MUST((once.data == text.data) == (count == 0));
    MUST(count == 0 || memmem(once.data, once.size, "[REDACTED:", 10) != NULL);
    if (count > 0) { /* what stands beside a replaced secret may be one now, but that must end */
        for (int i = 0; i < 64 && once.data != text.data; i++) {
            text = once;
            once = redact_text(arena, text, &again);
        }
        MUST(once.data == text.data);
    }
    return 0;
}
