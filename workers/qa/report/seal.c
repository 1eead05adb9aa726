// SPDX-License-Identifier: MIT
#include "workers/qa/report/seal.h"

#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "crypto/crypto.h"

#define OPENING "<!--"
#define CLOSING "-->\n"

enum { READ_BYTES = 64 * 1024, HEX = HASH_HEX - 1, SEAL_BYTES = sizeof(OPENING CLOSING) - 1 + HEX };

/* OPENING hex CLOSING, as it must stand there. */
static void seal_make(const uint8_t *body_hash, const char *nonce, char *ret_seal)
{
    CLEANUP(sha256) struct sha256 *sha = sha256_new();
    uint8_t                        hash[HASH_BYTES];
    char                           hex[HASH_HEX];

    hex_write(hex, (struct bytes){body_hash, HASH_BYTES});
    sha256_start(sha);
    sha256_add(sha, bytes_of(nonce));
    sha256_add(sha, bytes_of(hex));
    sha256_add(sha, bytes_of(nonce));
    sha256_finish(sha, hash);
    hex_write(hex, (struct bytes){hash, sizeof(hash)});
    (void)snprintf(ret_seal, SEAL_BYTES + 1, OPENING "%s" CLOSING, hex);
}

int seal_check(int fd, int64_t bytes, const char *nonce, struct err *err)
{
    CLEANUP(sha256) struct sha256 *sha = sha256_new();
    CLEANUP(text) char            *room = mem_get(READ_BYTES);
    int64_t                        left = bytes - SEAL_BYTES;
    char                           want[SEAL_BYTES + 1];
    uint8_t                        hash[HASH_BYTES];
    size_t                         got;

    if (lseek(fd, 0, SEEK_SET) < 0) {
        return err_errno(err, "reading the report again");
    }
    sha256_start(sha);
    while (left > 0) {
        TRY(fd_read_all(fd, room, left < READ_BYTES ? (size_t)left : READ_BYTES, &got, err));
        if (got == 0) {
            break;
        }
        sha256_add(sha, (struct bytes){(uint8_t *)room, got});
        left -= (int64_t)got;
    }
    sha256_finish(sha, hash);
    seal_make(hash, nonce, want);
    if (left != 0 || fd_read_all(fd, room, SEAL_BYTES, &got, err) < 0 || got != SEAL_BYTES ||
        memcmp(room, want, SEAL_BYTES) != 0) {
        return err_set(err, ERR_MALFORMED, "the report's seal is missing or wrong");
    }
    return 0;
}
