// SPDX-License-Identifier: MIT
#include "gateway/api/token.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "trace/message.h"

#define TOKEN_START "prtu1."

enum { TOKEN_PARTS = 6, TOKEN_MOST = 512 };

struct tokens {
    pthread_mutex_t lock; /* a prepared HMAC is for one thread; held for about a microsecond */
    struct hmac    *hmac;
    struct hmac    *old; /* or NULL */
};

struct tokens *tokens_new(const uint8_t key[KEY_BYTES], const uint8_t *old_key)
{
    struct tokens *tokens = mem_zero(1, sizeof(*tokens));

    (void)pthread_mutex_init(&tokens->lock, NULL);
    tokens->hmac = hmac_new((struct bytes){key, KEY_BYTES});
    if (old_key != NULL) {
        tokens->old = hmac_new((struct bytes){old_key, KEY_BYTES});
    }
    return tokens;
}

void tokens_free(struct tokens *tokens)
{
    if (tokens != NULL) {
        hmac_free(tokens->hmac);
        hmac_free(tokens->old);
        (void)pthread_mutex_destroy(&tokens->lock);
        mem_free(tokens);
    }
}

static void mac_of(struct tokens *tokens, struct hmac *hmac, const struct bytes *pieces,
                   size_t count, uint8_t ret_mac[HASH_BYTES])
{
    (void)pthread_mutex_lock(&tokens->lock);
    hmac_of(hmac, pieces, count, ret_mac);
    (void)pthread_mutex_unlock(&tokens->lock);
}

static void token_mac(struct tokens *tokens, struct hmac *hmac, struct bytes claims,
                      uint8_t ret_mac[HASH_BYTES])
{
    const struct bytes pieces[] = {BYTES("prt-upload-v1\0"), claims};

    mac_of(tokens, hmac, pieces, COUNT_OF(pieces), ret_mac);
}

void upload_token_write(struct tokens *tokens, struct buf *out, const struct upload *upload)
{
    size_t  start = out->size;
    uint8_t mac[HASH_BYTES];

    buf_format(out, TOKEN_START "%s.%s.%u.%lld", upload->tenant, upload->trace, upload->consent,
               (long long)upload->expires_s);
    token_mac(tokens, tokens->hmac, (struct bytes){out->data + start, out->size - start}, mac);
    buf_put_byte(out, '.');
    base64url_write(out, (struct bytes){mac, sizeof(mac)});
}

bool upload_token_is(struct bytes text)
{
    return text.size > strlen(TOKEN_START) &&
           memcmp(text.data, TOKEN_START, strlen(TOKEN_START)) == 0;
}

/* Does the MAC fit, with the key in force or the one before? */
static bool token_genuine(struct tokens *tokens, struct bytes claims, struct bytes mac)
{
    struct hmac *keys[] = {tokens->hmac, tokens->old};
    uint8_t      want[HASH_BYTES];

    for (size_t i = 0; i < COUNT_OF(keys) && keys[i] != NULL; i++) {
        token_mac(tokens, keys[i], claims, want);
        if (equal_in_constant_time((struct bytes){want, sizeof(want)}, mac)) {
            return true;
        }
    }
    return false;
}

int upload_token_read(struct tokens *tokens, struct arena *arena, struct bytes text, int64_t now_us,
                      struct upload *ret_upload, struct err *err)
{
    CLEANUP(buf) struct buf mac = {0};
    char  *part[TOKEN_PARTS];
    char  *copy;
    size_t parts = 0;

    if (!upload_token_is(text) || text.size > TOKEN_MOST) {
        return err_set(err, ERR_UNAUTHORIZED, "this is no upload token");
    }
    copy = arena_text(arena, text);
    for (char *at = copy; at != NULL && parts < TOKEN_PARTS; parts++) {
        part[parts] = at;
        at = strchr(at, '.');
        if (at != NULL && parts + 1 < TOKEN_PARTS) {
            *at++ = '\0';
        }
    }
    if (parts != TOKEN_PARTS || strlen(part[TOKEN_PARTS - 1]) > HASH_BYTES * 2 ||
        !base64url_read(&mac, bytes_of(part[TOKEN_PARTS - 1])) || mac.size != HASH_BYTES ||
        !token_genuine(tokens, (struct bytes){text.data, (size_t)(part[5] - copy) - 1},
                       buf_bytes(&mac))) {
        return err_set(err, ERR_UNAUTHORIZED,
                       "the upload token was not given out by this farm, or was changed");
    }
    /* Genuine: the parts are as upload_token_write wrote them. */
    ret_upload->tenant = part[1];
    ret_upload->trace = part[2];
    ret_upload->consent = (unsigned)strtoul(part[3], NULL, 10);
    ret_upload->expires_s = strtoll(part[4], NULL, 10);
    if (ret_upload->expires_s <= now_us / 1000000) {
        int64_t since_s = ret_upload->expires_s < 0 ? 0 : ret_upload->expires_s; /* 0: 1970 */

        return err_set(err, ERR_FORBIDDEN, "the upload token expired %lld s ago; open a new trace",
                       (long long)(now_us / 1000000 - since_s));
    }
    return 0;
}

static void trace_id_write(char ret_id[TRACE_ID], const uint8_t bytes[16])
{
    memcpy(ret_id, "trace-", 6);
    hex_write(ret_id + 6, (struct bytes){bytes, 16});
}

void trace_id_random(char ret_id[TRACE_ID])
{
    uint8_t bytes[16];

    random_bytes(bytes, sizeof(bytes));
    trace_id_write(ret_id, bytes);
}

/* While keys are exchanged names follow from the one before: from the only key of gateways that do
 * not have the new one yet, and from which they followed for what is sent again. */
static struct hmac *names_key(struct tokens *tokens)
{
    return tokens->old != NULL ? tokens->old : tokens->hmac;
}

void trace_id_for_key(struct tokens *tokens, char ret_id[TRACE_ID], const char *tenant,
                      struct bytes key)
{
    const struct bytes pieces[] = {BYTES("prt-trace-id-v1\0"), bytes_of(tenant), BYTES("\0"), key};
    uint8_t            mac[HASH_BYTES];

    mac_of(tokens, names_key(tokens), pieces, COUNT_OF(pieces), mac);
    trace_id_write(ret_id, mac);
}

void trace_id_for_pr(struct tokens *tokens, char ret_id[TRACE_ID], const char *tenant,
                     const char *pr_id, const char *user_id, unsigned generation)
{
    const uint8_t      count[] = {(uint8_t)(generation >> 8), (uint8_t)generation};
    const struct bytes pieces[] = {BYTES("prt-pr-trace-v1\0"), bytes_of(tenant), BYTES("\0"),
                                   bytes_of(pr_id),           BYTES("\0"),     bytes_of(user_id),
                                   BYTES("\0"),               {count, sizeof(count)}};
    uint8_t            mac[HASH_BYTES];

    mac_of(tokens, names_key(tokens), pieces, COUNT_OF(pieces), mac);
    trace_id_write(ret_id, mac);
}
