// SPDX-License-Identifier: MIT
/*
 * Our own base64, because libsodium's reader takes some bytes of 0x80 and above for letters, so
 * that one token would have many spellings. Here a text is read only if writing gives it back.
 */
#include "crypto/crypto.h"

struct alphabet {
    char letters[65]; /* 64 and a NUL */
    bool padded;
};

static const struct alphabet standard = {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", true};
static const struct alphabet url = {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", false};

static void encode(struct buf *out, struct bytes bytes, const struct alphabet *alphabet)
{
    buf_reserve(out, bytes.size / 3 * 4 + 4);
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t   size = bytes.size - i < 3 ? bytes.size - i : 3;
        uint32_t bits = (uint32_t)bytes.data[i] << 16;

        bits |= size > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0;
        bits |= size > 2 ? (uint32_t)bytes.data[i + 2] : 0;
        for (size_t k = 0; k < 4; k++) {
            if (k <= size) {
                out->data[out->size++] = (uint8_t)alphabet->letters[bits >> (18 - 6 * k) & 63];
            } else if (alphabet->padded) {
                out->data[out->size++] = '=';
            }
        }
    }
}

/* The six bits a letter stands for, or -1. */
static int bits_of(uint8_t c, const struct alphabet *alphabet)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == (uint8_t)alphabet->letters[62] ? 62 : c == (uint8_t)alphabet->letters[63] ? 63 : -1;
}

/* The letters of the last group, without what pads it: 2, 3 or 4. */
static bool take_padding(struct bytes *text, const struct alphabet *alphabet)
{
    if (alphabet->padded) {
        if (text->size % 4 != 0) {
            return false;
        }
        for (int i = 0; i < 2 && text->size > 0 && text->data[text->size - 1] == '='; i++) {
            text->size--;
        }
    }
    return text->size % 4 != 1;
}

static bool decode(struct buf *out, struct bytes text, const struct alphabet *alphabet)
{
    size_t   before = out->size;
    uint32_t bits = 0;
    unsigned count = 0; /* bits that wait for their byte to be full */

    if (!take_padding(&text, alphabet)) {
        return false;
    }
    buf_reserve(out, text.size / 4 * 3 + 3);
    for (size_t i = 0; i < text.size; i++) {
        int six = bits_of(text.data[i], alphabet);

        if (six < 0) {
            out->size = before;
            return false;
        }
        bits = (bits << 6 | (uint32_t)six) & 0xffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            out->data[out->size++] = (uint8_t)(bits >> count);
        }
    }
    if ((bits & ((1u << count) - 1)) != 0) { /* another spelling of the same bytes */
        out->size = before;
        return false;
    }
    return true;
}

void base64url_write(struct buf *out, struct bytes bytes)
{
    encode(out, bytes, &url);
}

bool base64url_read(struct buf *out, struct bytes text)
{
    return decode(out, text, &url);
}

void base64_write(struct buf *out, struct bytes bytes)
{
    encode(out, bytes, &standard);
}

bool base64_read(struct buf *out, struct bytes text)
{
    return decode(out, text, &standard);
}
