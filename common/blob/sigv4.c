// SPDX-License-Identifier: MIT
#include "blob/sigv4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "http/client.h"

enum { DAY = 8 }; /* the date's first eight characters */

struct sigv4 {
    char   *access_key;
    char   *secret; /* with "AWS4" in front */
    char   *region;
    char   *service;
    char    day[DAY + 1]; /* of the key below */
    uint8_t key[HASH_BYTES];
};

struct sigv4 *sigv4_new(const char *access_key, const char *secret_key, const char *region,
                        const char *service)
{
    struct sigv4 *signer = mem_zero(1, sizeof(*signer));
    size_t        size = strlen(secret_key) + sizeof("AWS4");

    signer->access_key = mem_text(access_key);
    signer->secret = mem_get(size);
    (void)snprintf(signer->secret, size, "AWS4%s", secret_key);
    signer->region = mem_text(region);
    signer->service = mem_text(service);
    return signer;
}

void sigv4_free(struct sigv4 *signer)
{
    if (signer != NULL) {
        wipe(signer->secret, strlen(signer->secret));
        wipe(signer->key, sizeof(signer->key));
        mem_free(signer->access_key);
        mem_free(signer->secret);
        mem_free(signer->region);
        mem_free(signer->service);
        mem_free(signer);
    }
}

void sigv4_date(char ret_date[SIGV4_DATE], int64_t at_us)
{
    time_t    seconds = (time_t)(at_us / 1000000);
    struct tm parts;

    (void)gmtime_r(&seconds, &parts);
    if (strftime(ret_date, SIGV4_DATE, "%Y%m%dT%H%M%SZ", &parts) == 0) {
        ret_date[0] = '\0'; /* a year of five digits: the server will say no */
    }
}

/* -------- the canonical request -------- */

static int compare_pairs(const void *a, const void *b)
{
    const struct sigv4_pair *left = a;
    const struct sigv4_pair *right = b;
    int                      order = strcmp(left->name, right->name);

    return order != 0 ? order : strcmp(left->value, right->value);
}

static const char *encoded(struct arena *arena, const char *text)
{
    CLEANUP(buf) struct buf out = {0};

    http_encode(&out, bytes_of(text), false);
    return arena_text(arena, buf_bytes(&out));
}

void sigv4_query(struct buf *out, const struct sigv4_pair *query, size_t count)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct sigv4_pair           *pairs = arena_get(arena, (count + 1) * sizeof(*pairs));

    for (size_t i = 0; i < count; i++) {
        pairs[i].name = encoded(arena, query[i].name);
        pairs[i].value = encoded(arena, query[i].value);
    }
    qsort(pairs, count, sizeof(*pairs), compare_pairs); /* by what is sent, not by what is meant */
    for (size_t i = 0; i < count; i++) {
        buf_format(out, "%s%s=%s", i == 0 ? "" : "&", pairs[i].name, pairs[i].value);
    }
}

static struct sigv4_pair *sorted_headers(struct arena *arena, const struct sigv4_request *request)
{
    struct sigv4_pair *headers = arena_get(arena, (request->header_count + 1) * sizeof(*headers));

    memcpy(headers, request->headers, request->header_count * sizeof(*headers));
    qsort(headers, request->header_count, sizeof(*headers), compare_pairs);
    return headers;
}

/* Trimmed, and runs of spaces become one. */
static void put_header_value(struct buf *out, const char *value)
{
    bool space = false;

    value += strspn(value, " \t");
    for (; *value != '\0'; value++) {
        if (*value == ' ' || *value == '\t') {
            space = true;
            continue;
        }
        if (space) {
            buf_put_byte(out, ' ');
            space = false;
        }
        buf_put_byte(out, (uint8_t)*value);
    }
}

static void put_signed_names(struct buf *out, const struct sigv4_pair *sorted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_put_byte(out, ';');
        }
        buf_put_text(out, sorted[i].name);
    }
}

void sigv4_canonical(struct buf *out, const struct sigv4_request *request)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct sigv4_pair           *headers = sorted_headers(arena, request);

    buf_format(out, "%s\n%s\n", request->method, request->path);
    sigv4_query(out, request->query, request->query_count);
    buf_put_byte(out, '\n');
    for (size_t i = 0; i < request->header_count; i++) {
        buf_format(out, "%s:", headers[i].name);
        put_header_value(out, headers[i].value);
        buf_put_byte(out, '\n');
    }
    buf_put_byte(out, '\n');
    put_signed_names(out, headers, request->header_count);
    buf_format(out, "\n%s", request->payload);
}

/* -------- the signature -------- */

static void mac(struct bytes key, const char *text, size_t size, uint8_t ret_mac[HASH_BYTES])
{
    CLEANUP(hmac) struct hmac *hmac = hmac_new(key);
    struct bytes               piece = {(const uint8_t *)text, size};

    hmac_of(hmac, &piece, 1, ret_mac);
}

void sigv4_key(const struct sigv4 *signer, const char *date, uint8_t ret_key[HASH_BYTES])
{
    const struct bytes link = {ret_key, HASH_BYTES};

    mac(bytes_of(signer->secret), date, DAY, ret_key);
    mac(link, signer->region, strlen(signer->region), ret_key);
    mac(link, signer->service, strlen(signer->service), ret_key);
    mac(link, "aws4_request", strlen("aws4_request"), ret_key);
}

const char *sigv4_authorize(struct sigv4 *signer, struct arena *arena,
                            const struct sigv4_request *request, const char *date)
{
    CLEANUP(buf) struct buf canonical = {0};
    CLEANUP(buf) struct buf names = {0};
    char                    hash[HASH_HEX];
    uint8_t                 signature[HASH_BYTES];
    char                    signature_hex[HASH_HEX];
    const char             *scope;
    const char             *text;

    if (strncmp(signer->day, date, DAY) != 0) {
        sigv4_key(signer, date, signer->key);
        memcpy(signer->day, date, DAY);
    }
    sigv4_canonical(&canonical, request);
    sha256_hex(buf_bytes(&canonical), hash);
    scope = arena_format(arena, "%.8s/%s/%s/aws4_request", date, signer->region, signer->service);
    text = arena_format(arena, "AWS4-HMAC-SHA256\n%s\n%s\n%s", date, scope, hash);
    mac((struct bytes){signer->key, HASH_BYTES}, text, strlen(text), signature);
    hex_write(signature_hex, (struct bytes){signature, HASH_BYTES});
    put_signed_names(&names, sorted_headers(arena, request), request->header_count);
    return arena_format(arena, "AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s",
                        signer->access_key, scope, buf_text(&names), signature_hex);
}
