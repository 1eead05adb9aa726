// SPDX-License-Identifier: MIT
/*
 * payload.h - a checked chunk that waits for an earlier one, as it lies in trace_chunks.payload.
 *
 * msgpack: {"v":1, "e":[[index, id, key, seq, type, line]...], "r":[[index, id, seq, code, message,
 * pointer]...], "a":[[name, sha256, size_bytes, content_type or null, object_key, created_us]...]};
 * code is the error's name, index -1 means that the refused thing is no event.
 */
#ifndef PRT_WORKERS_VALIDATE_PAYLOAD_H
#define PRT_WORKERS_VALIDATE_PAYLOAD_H

#include "workers/validate/intake.h"

void payload_write(struct buf *out, const struct content *content);

/* Points into `payload`. BUG if it is not what payload_write makes. */
WARN_UNUSED int payload_read(struct arena *arena, struct bytes payload, struct content *ret_content,
                             struct err *err);

#endif
