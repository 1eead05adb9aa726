// SPDX-License-Identifier: MIT
#include "blob/s3.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "blob/xml.h"

enum {
    TRIES = 3,
    TRY_WINDOW_MS = 15 * 1000, /* a store that hangs for longer is not asked again */
    WAIT_MS = 100,             /* before the second try, four times that before the third */
    WAIT_MOST_MS = 2000,       /* whatever Retry-After says; the caller gets to know the rest */
    STALL_MS = 30 * 1000,
    ERROR_MOST = 64 * 1024,
    HEADERS_MOST = 6
};

/* -------- bodies -------- */

ssize_t s3_source_read(void *from, void *room, size_t size)
{
    struct s3_source *source = from;
    int64_t           left = source->size - source->at;
    ssize_t           got;

    if (left == 0) {
        return 0;
    }
    do {
        got = pread(source->fd, room, left < (int64_t)size ? (size_t)left : size, source->at);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        source->failed = true;
        return got < 0 ? err_errno(&source->err, "reading the file to store at %lld",
                                   (long long)source->at)
                       : err_set(&source->err, ERR_SYSTEM,
                                 "the file to store ends at %lld of %lld bytes",
                                 (long long)source->at, (long long)source->size);
    }
    source->at += got;
    return got;
}

static int write_sink(void *to, struct bytes piece)
{
    struct s3_sink *sink = to;

    if (sink->fd >= 0) {
        sink->failed = fd_write_all(sink->fd, piece, &sink->err) < 0;
    } else if (piece.size > sink->size - sink->got) {
        sink->failed = true;
        (void)err_set(&sink->err, ERR_BLOB_REFUSED, "the server sent more than the %zu bytes asked",
                      sink->size);
    } else {
        memcpy(sink->room + sink->got, piece.data, piece.size);
    }
    sink->got += piece.size;
    return sink->failed ? -1 : 0;
}

/* -------- one try -------- */

static void put_path(struct buf *out, const struct s3_store *store, const struct s3_call *call)
{
    buf_format(out, "/%s", store->store.bucket_name[call->bucket]);
    if (call->key != NULL) {
        buf_put_byte(out, '/');
        http_encode(out, bytes_of(call->key), true);
    }
}

static const char *payload_hash(struct arena *arena, const struct s3_call *call)
{
    char hex[HASH_HEX];

    if (call->source != NULL) {
        return SIGV4_UNSIGNED; /* hashing it first would read it twice */
    }
    if (call->body.size == 0) {
        return SIGV4_EMPTY;
    }
    sha256_hex(call->body, hex);
    return arena_text(arena, bytes_of(hex));
}

static int try_once(struct s3_store *store, struct arena *arena, const struct s3_call *call,
                    struct http_answer *ret_answer, struct err *err)
{
    CLEANUP(buf) struct buf path = {0};
    CLEANUP(buf) struct buf url = {0};
    struct sigv4_pair       headers[HEADERS_MOST];
    struct http_header      lines[HEADERS_MOST + 1];
    char                    date[SIGV4_DATE];
    struct sigv4_request    signed_part = {.method = call->method,
                                           .query = call->query,
                                           .query_count = call->query_count,
                                           .headers = headers,
                                           .payload = payload_hash(arena, call)};
    struct http_request     request = {.method = call->method,
                                       .headers = lines,
                                       .body = call->body,
                                       .stall_ms = STALL_MS,
                                       .timeout_ms = call->timeout_ms};
    size_t                  count = 0;

    request.answer_most = call->most > ERROR_MOST ? call->most : ERROR_MOST;
    put_path(&path, store, call);
    buf_format(&url, "%s%s", store->base, buf_text(&path));
    if (call->query_count > 0) {
        buf_put_byte(&url, '?');
        sigv4_query(&url, call->query, call->query_count);
    }
    sigv4_date(date, clock_us());
    headers[count++] = (struct sigv4_pair){"host", store->host};
    headers[count++] = (struct sigv4_pair){"x-amz-date", date};
    headers[count++] = (struct sigv4_pair){"x-amz-content-sha256", signed_part.payload};
    if (call->content_type != NULL) {
        headers[count++] = (struct sigv4_pair){"content-type", call->content_type};
    }
    if (call->range != NULL) {
        headers[count++] = (struct sigv4_pair){"range", call->range};
    }
    signed_part.path = buf_text(&path);
    signed_part.header_count = count;
    for (size_t i = 0; i < count; i++) {
        lines[i] = (struct http_header){headers[i].name, headers[i].value};
    }
    lines[count].name = "authorization";
    lines[count].value = sigv4_authorize(store->signer, arena, &signed_part, date);
    request.header_count = count + 1;
    request.url = buf_text(&url);
    if (call->source != NULL) {
        request.body_read = s3_source_read;
        request.body_from = call->source;
        request.body_size = call->source->size;
    }
    if (call->sink != NULL) {
        request.answer_write = write_sink;
        request.answer_to = call->sink;
    }
    return http_send(store->http, arena, &request, ret_answer, err);
}

/* -------- what an answer means -------- */

static const struct meaning {
    const char   *code;   /* S3's word, or NULL: any */
    int           status; /* or 0: any */
    enum err_code means;
    const char   *remedy;
} meanings[] = {
    {"NoSuchBucket", 0, ERR_BLOB_DENIED, "; the bucket was removed: restart to create it"},
    {"NoSuchKey", 0, ERR_BLOB_MISSING, ""},
    {"NoSuchUpload", 0, ERR_BLOB_REFUSED, "; the upload was aborted meanwhile"},
    {"SlowDown", 0, ERR_BLOB_DOWN, ""},
    {"InternalError", 0, ERR_BLOB_DOWN, ""}, /* also in a 200 */
    {"RequestTimeout", 0, ERR_BLOB_DOWN, ""},
    {"QuotaExceeded", 0, ERR_DISK_FULL, ""},
    {"XMinioStorageFull", 0, ERR_DISK_FULL, ""},
    {"InvalidAccessKeyId", 0, ERR_BLOB_DENIED, "; set PRT_S3_ACCESS_KEY"},
    {"SignatureDoesNotMatch", 0, ERR_BLOB_DENIED, "; set PRT_S3_SECRET_KEY and PRT_S3_REGION"},
    {"AuthorizationHeaderMalformed", 0, ERR_BLOB_DENIED, "; set PRT_S3_REGION"},
    {"ExpiredToken", 0, ERR_BLOB_DENIED, "; set PRT_S3_ACCESS_KEY and PRT_S3_SECRET_KEY"},
    {"RequestTimeTooSkewed", 0, ERR_BLOB_DENIED, "; set this machine's clock"},
    {NULL, 401, ERR_BLOB_DENIED, "; set PRT_S3_ACCESS_KEY and PRT_S3_SECRET_KEY"},
    {NULL, 403, ERR_BLOB_DENIED, "; give the key rights on the bucket"},
    {NULL, 404, ERR_BLOB_MISSING, ""},
    {NULL, 408, ERR_BLOB_DOWN, ""},
    {NULL, 429, ERR_BLOB_DOWN, ""},
    {NULL, 500, ERR_BLOB_DOWN, ""},
    {NULL, 502, ERR_BLOB_DOWN, ""},
    {NULL, 503, ERR_BLOB_DOWN, ""},
    {NULL, 504, ERR_BLOB_DOWN, ""},
    {NULL, 507, ERR_DISK_FULL, ""},
    {NULL, 0, ERR_BLOB_REFUSED, ""},
};

static int explain(struct arena *arena, struct s3_call *call, const struct http_answer *answer,
                   struct err *err)
{
    const char *code = xml_text(arena, answer->body, "Code");
    const char *message = xml_text(arena, answer->body, "Message");
    int64_t     retry_after_ms = http_retry_after_ms(answer);
    size_t      row = 0;

    (void)snprintf(call->code, sizeof(call->code), "%s", code == NULL ? "" : code);
    while ((meanings[row].code != NULL && strcmp(call->code, meanings[row].code) != 0) ||
           (meanings[row].status != 0 && meanings[row].status != answer->status)) {
        row++;
    }
    (void)err_set(err, meanings[row].means, "the server answers %d%s%s%s%.160s%s", answer->status,
                  call->code[0] == '\0' ? "" : " ", call->code,
                  message == NULL || *message == '\0' ? "" : ": ", message == NULL ? "" : message,
                  meanings[row].remedy);
    if (meanings[row].means == ERR_BLOB_DOWN && retry_after_ms > 0) {
        err->retry_after_ms = retry_after_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)retry_after_ms;
    }
    return -1;
}

static int settle_try(struct arena *arena, struct s3_call *call, int sent,
                      const struct http_answer *answer, struct err *err)
{
    bool success;

    if (sent < 0 && call->source != NULL && call->source->failed) {
        *err = call->source->err;
        return -1;
    }
    if (sent < 0 && call->sink != NULL && call->sink->failed) {
        *err = call->sink->err;
        return -1;
    }
    if (sent < 0 && (err->code == ERR_HTTP_DOWN || err->code == ERR_HTTP_SLOW)) {
        err->code = ERR_BLOB_DOWN;
    } else if (sent < 0 && err->code == ERR_HTTP_REFUSED) {
        err->code = ERR_BLOB_REFUSED;
    }
    if (sent < 0) {
        return -1;
    }
    success = answer->status >= 200 && answer->status <= 299;
    if (success && call->told_late && xml_text(arena, answer->body, "Error") != NULL) {
        success = false;
    }
    return success || (call->also != 0 && answer->status == call->also)
               ? 0
               : explain(arena, call, answer, err);
}

int s3_send(struct s3_store *store, struct arena *arena, struct s3_call *call,
            struct http_answer *ret_answer, struct err *err)
{
    int64_t            begin_us = clock_mono_us();
    int64_t            wait_ms = WAIT_MS;
    struct http_answer answer;

    for (call->tries = 1;; call->tries++) {
        int sent;

        if (call->source != NULL) {
            call->source->at = 0;
        }
        if (call->sink != NULL) {
            call->sink->got = 0;
        }
        call->code[0] = '\0';
        err_clear(err);
        sent = try_once(store, arena, call, &answer, err);
        if (settle_try(arena, call, sent, &answer, err) == 0) {
            *ret_answer = answer;
            return 0;
        }
        if (err->code != ERR_BLOB_DOWN || call->once || call->tries == TRIES ||
            (call->sink != NULL && call->sink->fd >= 0 && call->sink->got > 0) ||
            clock_mono_us() - begin_us > TRY_WINDOW_MS * 1000LL) {
            return call->tries > 1 ? err_add(err, "try %d", call->tries) : -1;
        }
        clock_sleep_ms(err->retry_after_ms < wait_ms        ? wait_ms
                       : err->retry_after_ms > WAIT_MOST_MS ? WAIT_MOST_MS
                                                            : err->retry_after_ms);
        wait_ms *= 4;
    }
}

int s3_length(const struct http_answer *answer, int64_t *ret_size, struct err *err)
{
    const char *text = http_answer_header(answer, "content-length");

    if (text == NULL || *text == '\0' || strlen(text) > 18 ||
        strspn(text, "0123456789") != strlen(text)) {
        return err_set(err, ERR_BLOB_REFUSED, "the server tells no Content-Length");
    }
    *ret_size = strtoll(text, NULL, 10);
    return 0;
}
