// SPDX-License-Identifier: MIT
#include "trace/claim.h"

#include <string.h>

#include "value/msgpack.h"

enum { CLAIM_MOST = 4096, CLAIM_VALUES = 64, HASH_DIGITS = 64 };

void claim_write(struct buf *out, const struct claim *claim)
{
    msgpack_put_map(out, 4);
    msgpack_put_text(out, BYTES("bucket"));
    msgpack_put_text(out, BYTES("chunks"));
    msgpack_put_text(out, BYTES("key"));
    msgpack_put_text(out, bytes_of(claim->key));
    msgpack_put_text(out, BYTES("size_bytes"));
    msgpack_put_whole(out, claim->size_bytes);
    msgpack_put_text(out, BYTES("sha256"));
    msgpack_put_text(out, bytes_of(claim->sha256));
}

int claim_read(struct arena *arena, struct bytes body, struct claim *ret_claim, struct err *err)
{
    const struct value_limits limits = {.bytes = CLAIM_MOST, .depth = 4, .values = CLAIM_VALUES};
    struct value              map;
    struct claim              claim;

    if (msgpack_read(arena, body, &limits, false, &map, err) < 0) {
        return err_add(err, "the claim check");
    }
    if (!value_is_text(value_get(&map, "bucket"), "chunks")) {
        return err_set(err, ERR_MALFORMED, "the claim check names another bucket than chunks");
    }
    claim.key = arena_text(arena, value_text_or(value_get(&map, "key"), ""));
    claim.size_bytes = value_whole_or(value_get(&map, "size_bytes"), -1);
    claim.sha256 = arena_text(arena, value_text_or(value_get(&map, "sha256"), ""));
    if (claim.key[0] == '\0' || claim.size_bytes < 0 || strlen(claim.sha256) != HASH_DIGITS) {
        return err_set(err, ERR_MALFORMED, "the claim check has no key, size_bytes or sha256");
    }
    *ret_claim = claim;
    return 0;
}
