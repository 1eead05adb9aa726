// SPDX-License-Identifier: MIT
/* Any bytes as the head of a request, and as chunks: refused, or taken apart within themselves; and
 * the same however the bytes are cut. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "gateway/http/head.h"

static void within(const char *text, const char *room, size_t size)
{
    MUST(text == NULL || *text == '\0' || (text >= room && text + strlen(text) < room + size));
}

static void check_head(struct bytes input)
{
    static const char *const names[] = {"Host", "content-length", "A", ""};
    struct head              head;
    struct err               err = {0};
    size_t                   size = 0;
    char                    *room;

    if (head_find(input, &size, &err) < 0 || size == 0) {
        return;
    }
    MUST(size <= input.size && size <= HEAD_MOST);
    room = mem_get(size + 1);
    memcpy(room, input.data, size);
    room[size] = '\0';
    if (head_read(room, size, &head, &err) == 0) {
        MUST(!(head.chunked && head.length >= 0));
        MUST(head.path[0] == '/' || strcmp(head.path, "*") == 0);
        within(head.method, room, size);
        within(head.path, room, size);
        within(head.query, room, size);
        for (size_t i = 0; i < head.field_count; i++) {
            within(head.field[i].name, room, size);
            within(head.field[i].value, room, size);
            MUST(strpbrk(head.field[i].value, "\r\n") == NULL);
        }
        for (size_t i = 0; i < COUNT_OF(names); i++) {
            (void)head_field(&head, names[i]);
            (void)head_query(&head, names[i]);
        }
    } else {
        MUST(err.code == ERR_HEAD_MALFORMED || err.code == ERR_HEAD_TOO_LARGE ||
             err.code == ERR_VERSION_UNKNOWN || err.code == ERR_CODING_UNKNOWN);
    }
    mem_free(room);
}

/* Joined `step` bytes at a time. -1: refused; else how many bytes were used. */
static int64_t join(struct bytes input, size_t step, struct buf *out)
{
    struct chunked chunked = {0};
    size_t         used = 0;

    while (used < input.size && chunked.at != CHUNKED_OVER) {
        struct bytes bytes = {input.data + used,
                              input.size - used < step ? input.size - used : step};
        size_t       size = bytes.size;
        struct bytes piece = {0};
        struct err   err = {0};
        int          there;

        while ((there = chunked_next(&chunked, &bytes, &piece, &err)) > 0) {
            MUST(piece.size > 0);
            buf_put(out, piece);
        }
        if (there < 0) {
            return -1;
        }
        MUST(bytes.size == 0 || chunked.at == CHUNKED_OVER);
        used += size - bytes.size;
    }
    return (int64_t)used;
}

static void check_chunks(struct bytes input)
{
    CLEANUP(buf) struct buf whole = {0};
    CLEANUP(buf) struct buf pieces = {0};
    int64_t                 used = join(input, input.size + 1, &whole);

    for (size_t step = 1; step < 8; step += 3) {
        pieces.size = 0;
        MUST(join(input, step, &pieces) == used);
        MUST(used < 0 || bytes_equal(buf_bytes(&pieces), buf_bytes(&whole)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_head((struct bytes){data, size});
    check_chunks((struct bytes){data, size});
    return 0;
}
