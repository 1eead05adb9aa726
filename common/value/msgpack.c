// SPDX-License-Identifier: MIT
/* Writing is msgpack-c's packer, straight into the buffer. Reading (msgpack_read.c) is not its
 * unpacker: that one stops at 32 levels, one less than a message around the deepest body we accept
 * needs, and makes a tree of its own without offsets for what is wrong in it. */
#include "value/msgpack.h"

#include <msgpack.h>

static int put(void *data, const char *bytes, size_t size)
{
    buf_put(data, (struct bytes){(const uint8_t *)bytes, size});
    return 0;
}

static inline msgpack_packer packer_of(struct buf *out)
{
    return (msgpack_packer){out, put};
}

void msgpack_put_map(struct buf *out, uint32_t members)
{
    msgpack_packer packer = packer_of(out);

    (void)msgpack_pack_map(&packer, members);
}

void msgpack_put_list(struct buf *out, uint32_t items)
{
    msgpack_packer packer = packer_of(out);

    (void)msgpack_pack_array(&packer, items);
}

void msgpack_put_text(struct buf *out, struct bytes text)
{
    msgpack_packer packer = packer_of(out);

    (void)msgpack_pack_str(&packer, text.size);
    buf_put(out, text);
}

void msgpack_put_bin(struct buf *out, struct bytes bin)
{
    msgpack_packer packer = packer_of(out);

    (void)msgpack_pack_bin(&packer, bin.size);
    buf_put(out, bin);
}

void msgpack_put_whole(struct buf *out, int64_t whole)
{
    msgpack_packer packer = packer_of(out);

    (void)msgpack_pack_int64(&packer, whole);
}

void msgpack_put_real(struct buf *out, double real)
{
    msgpack_packer packer = packer_of(out);

    (void)msgpack_pack_double(&packer, real);
}

void msgpack_put_flag(struct buf *out, bool flag)
{
    msgpack_packer packer = packer_of(out);

    (void)(flag ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer));
}

void msgpack_put_null(struct buf *out)
{
    msgpack_packer packer = packer_of(out);

    (void)msgpack_pack_nil(&packer);
}

void msgpack_write(struct buf *out, const struct value *value)
{
    switch (value->kind) {
    case VALUE_NULL:
        msgpack_put_null(out);
        return;
    case VALUE_FLAG:
        msgpack_put_flag(out, value->as.flag);
        return;
    case VALUE_WHOLE:
        msgpack_put_whole(out, value->as.whole);
        return;
    case VALUE_REAL:
        msgpack_put_real(out, value->as.real);
        return;
    case VALUE_TEXT:
        msgpack_put_text(out, value->as.text);
        return;
    case VALUE_LIST:
        msgpack_put_list(out, value->count);
        for (uint32_t i = 0; i < value->count; i++) {
            msgpack_write(out, &value->as.items[i]);
        }
        return;
    case VALUE_MAP:
        msgpack_put_map(out, value->count);
        for (uint32_t i = 0; i < value->count; i++) {
            msgpack_put_text(out, value->as.members[i].name);
            msgpack_write(out, &value->as.members[i].value);
        }
        return;
    }
}
