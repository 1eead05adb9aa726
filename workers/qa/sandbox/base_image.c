// SPDX-License-Identifier: MIT
#include "workers/qa/sandbox/base_image.h"

#include "base/fd.h"

int base_read(struct arena *arena, const char *base, struct image *ret_base, struct err *err)
{
    static const char *const names[] = {"digest", "origin"};
    struct bytes             read[2];

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (file_read(arena, arena_format(arena, "%s/%s", base, names[i]), 4096, &read[i], err) <
            0) {
            err->code = ERR_SANDBOX_UNFIT;
            return err_add(err, "PRT_QA_BASE_ROOTFS is no base made by prt qa-image");
        }
        while (read[i].size > 0 && read[i].data[read[i].size - 1] == '\n') {
            read[i].size--;
        }
    }
    *ret_base = (struct image){.name = arena_text(arena, read[1]),
                               .digest = arena_text(arena, read[0]),
                               .handle = arena_format(arena, "%s/rootfs", base)};
    return 0;
}
