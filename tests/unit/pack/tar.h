// SPDX-License-Identifier: MIT
/*
 * tar.h - tar archives written by hand, so that they can say what no honest program would.
 */
#ifndef PRT_TESTS_TAR_H
#define PRT_TESTS_TAR_H

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

struct tar_entry {
    const char *name;
    char type; /* '0' file, '1' hard link, '2' symbolic link, '3' device, '5' directory, '6' fifo */
    unsigned    mode;
    const char *target;
    const char *data;
};

static inline void tar_put(struct buf *out, const struct tar_entry *entry)
{
    unsigned char header[512] = {0};
    size_t        size = entry->data == NULL ? 0 : strlen(entry->data);
    unsigned      sum = 0;

    (void)snprintf((char *)header, 100, "%s", entry->name);
    (void)snprintf((char *)header + 100, 8, "%07o",
                   (entry->mode == 0 ? 0644 : entry->mode) & 07777);
    (void)snprintf((char *)header + 108, 8, "%07o", 0);
    (void)snprintf((char *)header + 116, 8, "%07o", 0);
    (void)snprintf((char *)header + 124, 12, "%011o", (unsigned)size & 07777777);
    (void)snprintf((char *)header + 136, 12, "%011o", 0);
    memset(header + 148, ' ', 8);
    header[156] = (unsigned char)entry->type;
    (void)snprintf((char *)header + 157, 100, "%s", entry->target == NULL ? "" : entry->target);
    memcpy(header + 257, "ustar\00000", 8);
    for (size_t i = 0; i < sizeof(header); i++) {
        sum += header[i];
    }
    (void)snprintf((char *)header + 148, 8, "%06o", sum);
    buf_put(out, (struct bytes){header, sizeof(header)});
    if (size > 0) {
        buf_put(out, (struct bytes){(const uint8_t *)entry->data, size});
    }
    while (out->size % 512 != 0) {
        buf_put_byte(out, 0);
    }
}

static inline void tar_end(struct buf *out)
{
    static const uint8_t zeros[1024];

    buf_put(out, (struct bytes){zeros, sizeof(zeros)});
}

#endif
