// SPDX-License-Identifier: MIT
#include "http/client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

enum {
    CONNECT_MS = 5000,
    HEADER_BYTES_MOST = 64 * 1024,
    HEADERS_MOST = 128,
    TRANSFER_BYTES = 128 * 1024
};

struct http_client {
    CURL *curl;
    char *unix_socket;
    char *ca_file;
    char *proxy; /* NULL: the environment's */
    char  words[CURL_ERROR_SIZE];
};

/* Why one of our callbacks stopped curl. */
enum stop {
    STOP_NOT,
    STOP_BY_CALLER,
    STOP_BODY_TOO_LARGE,
    STOP_HEADERS_TOO_LARGE,
    STOP_STALLED,
    STOP_ASKED
};

/* One request on its way. */
struct exchange {
    struct http_client        *client;
    struct arena              *arena;
    const struct http_request *request;
    struct http_header         headers[HEADERS_MOST];
    size_t                     header_count;
    size_t                     header_bytes;
    struct buf                 body;
    enum stop                  stop;
    curl_off_t                 moved;    /* bytes in both directions when last looked at ... */
    int64_t                    moved_us; /* ... and when that last changed */
};

static void headers_done(struct curl_slist *list)
{
    curl_slist_free_all(list);
}
DEFINE_CLEANUP(headers, struct curl_slist *, headers_done)

static void curl_setup(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct http_client *http_client_new(const char *unix_socket, const char *ca_file)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct http_client   *client = mem_zero(1, sizeof(*client));

    (void)pthread_once(&once, curl_setup);
    client->curl = curl_easy_init();
    if (client->curl == NULL) {
        mem_gone(sizeof(client));
    }
    client->unix_socket = unix_socket == NULL ? NULL : mem_text(unix_socket);
    client->ca_file = ca_file == NULL ? NULL : mem_text(ca_file);
    return client;
}

void http_client_use_proxy(struct http_client *client, const char *proxy)
{
    mem_free(client->proxy);
    client->proxy = mem_text(proxy);
}

void http_client_free(struct http_client *client)
{
    if (client != NULL) {
        curl_easy_cleanup(client->curl);
        mem_free(client->unix_socket);
        mem_free(client->ca_file);
        mem_free(client->proxy);
        mem_free(client);
    }
}

/* -------- what curl calls -------- */

static size_t read_body(char *room, size_t one, size_t count, void *from)
{
    struct exchange *exchange = from;
    ssize_t          got;

    got = exchange->request->body_read(exchange->request->body_from, room, one * count);
    if (got < 0) {
        exchange->stop = STOP_BY_CALLER;
        return CURL_READFUNC_ABORT;
    }
    return (size_t)got;
}

static bool is_success(struct exchange *exchange)
{
    long status = 0;

    (void)curl_easy_getinfo(exchange->client->curl, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status <= 299;
}

static size_t keep_body(char *data, size_t one, size_t count, void *to)
{
    struct exchange           *exchange = to;
    const struct http_request *request = exchange->request;
    struct bytes               piece = {(const uint8_t *)data, one * count};
    curl_off_t                 announced = -1;

    if (request->answer_write != NULL && is_success(exchange)) {
        if (request->answer_write(request->answer_to, piece) < 0) {
            exchange->stop = STOP_BY_CALLER;
            return CURL_WRITEFUNC_ERROR;
        }
        return piece.size;
    }
    if (exchange->body.size == 0) {
        (void)curl_easy_getinfo(exchange->client->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T,
                                &announced);
        if (announced > 0 && (uint64_t)announced <= request->answer_most) {
            buf_reserve(&exchange->body, (size_t)announced);
        }
    }
    if (piece.size > request->answer_most - exchange->body.size ||
        (announced > 0 && (uint64_t)announced > request->answer_most)) {
        exchange->stop = STOP_BODY_TOO_LARGE;
        return CURL_WRITEFUNC_ERROR;
    }
    buf_put(&exchange->body, piece);
    return piece.size;
}

static struct bytes trimmed(const char *data, size_t size)
{
    while (size > 0 && strchr(" \t\r\n", data[0]) != NULL) {
        data++;
        size--;
    }
    while (size > 0 && strchr(" \t\r\n", data[size - 1]) != NULL) {
        size--;
    }
    return (struct bytes){(const uint8_t *)data, size};
}

static size_t keep_header(char *data, size_t one, size_t count, void *to)
{
    struct exchange    *exchange = to;
    size_t              size = one * count;
    const char         *colon = memchr(data, ':', size);
    struct http_header *header;
    char               *name;

    if (size >= 5 && memcmp(data, "HTTP/", 5) == 0) {
        /* Also after a 1xx answer: only the last one's headers count. */
        exchange->header_count = 0;
        exchange->header_bytes = 0;
        return size;
    }
    exchange->header_bytes += size;
    if (exchange->header_bytes > HEADER_BYTES_MOST || exchange->header_count == HEADERS_MOST) {
        exchange->stop = STOP_HEADERS_TOO_LARGE;
        return 0;
    }
    if (colon == NULL) {
        return size;
    }
    name = arena_text(exchange->arena, trimmed(data, (size_t)(colon - data)));
    for (char *at = name; *at != '\0'; at++) {
        if (*at >= 'A' && *at <= 'Z') {
            *at = (char)(*at - 'A' + 'a');
        }
    }
    header = &exchange->headers[exchange->header_count++];
    header->name = name;
    header->value =
        arena_text(exchange->arena, trimmed(colon + 1, size - (size_t)(colon + 1 - data)));
    return size;
}

/* curl's own low-speed limit knows seconds only and averages; this one knows when a byte moved. */
static int watch_progress(void *of, curl_off_t down_of, curl_off_t down, curl_off_t up_of,
                          curl_off_t up)
{
    struct exchange *exchange = of;
    int64_t          now_us = clock_mono_us();

    (void)down_of;
    (void)up_of;
    if (exchange->request->stop != NULL && atomic_load(exchange->request->stop)) {
        exchange->stop = STOP_ASKED;
        return 1;
    }
    if (down + up != exchange->moved) {
        exchange->moved = down + up;
        exchange->moved_us = now_us;
    } else if (exchange->request->stall_ms > 0 &&
               now_us - exchange->moved_us > exchange->request->stall_ms * 1000) {
        exchange->stop = STOP_STALLED;
        return 1;
    }
    return 0;
}

/* -------- a request -------- */

static bool is_one_line(const char *text)
{
    return strpbrk(text, "\r\n") == NULL;
}

static void put_header(struct curl_slist **list, const char *line)
{
    struct curl_slist *more = curl_slist_append(*list, line);

    if (more == NULL) {
        mem_gone(strlen(line));
    }
    *list = more;
}

static int make_headers(struct curl_slist **ret_list, struct exchange *exchange, struct err *err)
{
    const struct http_request *request = exchange->request;
    bool                       typed = false;

    for (size_t i = 0; i < request->header_count; i++) {
        const struct http_header *header = &request->headers[i];

        if (header->name[0] == '\0' || strpbrk(header->name, " :\r\n") != NULL ||
            !is_one_line(header->value)) {
            return err_set(err, ERR_USAGE,
                           "the header \"%.64s\" has a line break or a wrong name;"
                           " send it without",
                           header->name);
        }
        typed = typed || strcasecmp(header->name, "content-type") == 0;
        /* curl's way to write an empty header is a semicolon. */
        put_header(ret_list,
                   header->value[0] == '\0'
                       ? arena_format(exchange->arena, "%s;", header->name)
                       : arena_format(exchange->arena, "%s: %s", header->name, header->value));
    }
    if (!typed) {
        put_header(ret_list, "Content-Type:"); /* no form's type of curl's own */
    }
    /* The wait for "100 Continue" costs a second at servers that never say it. */
    put_header(ret_list, "Expect:");
    return 0;
}

static void set_body(CURL *curl, const struct http_request *request, struct exchange *exchange)
{
    bool takes_body = strcmp(request->method, "PUT") == 0 || strcmp(request->method, "POST") == 0 ||
                      strcmp(request->method, "PATCH") == 0;

    if (strcmp(request->method, "HEAD") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else if (request->body_read != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_body);
        (void)curl_easy_setopt(curl, CURLOPT_READDATA, exchange);
        (void)curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body_size);
    } else if (takes_body || request->body.size > 0) {
        (void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
                               request->body.size == 0 ? "" : (const char *)request->body.data);
    }
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_options(struct exchange *exchange, struct curl_slist *headers)
{
    struct http_client        *client = exchange->client;
    const struct http_request *request = exchange->request;
    CURL                      *curl = client->curl;

    curl_easy_reset(curl); /* keeps the connections */
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->words);
    (void)curl_easy_setopt(curl, CURLOPT_URL, request->url);
    (void)curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "pr-telemetry");
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, (long)TRANSFER_BYTES);
    (void)curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, (long)TRANSFER_BYTES);
    (void)curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, keep_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch_progress);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, exchange);
    if (request->unpack) {
        (void)curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
    }
    if (client->unix_socket != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, client->unix_socket);
        (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    }
    if (client->proxy != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_PROXY, client->proxy);
        (void)curl_easy_setopt(curl, CURLOPT_NOPROXY,
                               ""); /* a proxy that was asked for has no exceptions */
    }
    if (client->ca_file != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, client->ca_file);
    }
    set_body(curl, request, exchange);
}

/* What a story may show of a URL: no user and password, no query (it may be signed). */
static const char *url_words(struct arena *arena, const char *url)
{
    size_t      size = strcspn(url, "?#");
    const char *host = strstr(url, "://");
    const char *at;

    if (host == NULL || (size_t)(host - url) > size) {
        return arena_text(arena, (struct bytes){(const uint8_t *)url, size});
    }
    host += 3;
    at = memchr(host, '@', strcspn(host, "/?#"));
    return arena_format(
        arena, "%.*s%.*s", (int)(host - url), url,
        (int)(at == NULL ? size - (size_t)(host - url) : size - (size_t)(at + 1 - url)),
        at == NULL ? host : at + 1);
}

/* Time was up after the request could be sent: the server may have done the work. */
static bool is_late(struct exchange *exchange, CURLcode code)
{
    curl_off_t ready_us = 0;

    (void)curl_easy_getinfo(exchange->client->curl, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
    return code == CURLE_OPERATION_TIMEDOUT && ready_us > 0;
}

static int explain(struct exchange *exchange, CURLcode code, struct err *err)
{
    const struct http_request *request = exchange->request;
    const char                *words =
        exchange->client->words[0] != '\0' ? exchange->client->words : curl_easy_strerror(code);

    switch (exchange->stop) {
    case STOP_BY_CALLER:
        return err_set(err, ERR_SYSTEM, "stopped by the caller's own reading or writing");
    case STOP_BODY_TOO_LARGE:
        return err_set(err, ERR_TOO_LARGE, "the answer's body is over %zu bytes",
                       request->answer_most);
    case STOP_HEADERS_TOO_LARGE:
        return err_set(err, ERR_HTTP_REFUSED, "the answer's headers are over %d lines or %d bytes",
                       HEADERS_MOST, HEADER_BYTES_MOST);
    case STOP_STALLED:
        return err_set(err, ERR_HTTP_DOWN, "no byte moved for %lld ms",
                       (long long)request->stall_ms);
    case STOP_ASKED:
        return err_set(err, ERR_STOPPING, "stopped before the answer came");
    case STOP_NOT:
        break;
    }
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        mem_gone(TRANSFER_BYTES);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_SSL_CACERT_BADFILE:
        return err_set(err, ERR_CONFIG_WRONG, "%s", words);
    default:
        return err_set(err, is_late(exchange, code) ? ERR_HTTP_SLOW : ERR_HTTP_DOWN, "%s", words);
    }
}

static void take_answer(struct exchange *exchange, struct http_answer *ret_answer)
{
    size_t headers_size = exchange->header_count * sizeof(exchange->headers[0]);
    long   status = 0;

    (void)curl_easy_getinfo(exchange->client->curl, CURLINFO_RESPONSE_CODE, &status);
    ret_answer->status = (int)status;
    ret_answer->body = arena_bytes(exchange->arena, buf_bytes(&exchange->body));
    ret_answer->headers = arena_get(exchange->arena, headers_size);
    memcpy(ret_answer->headers, exchange->headers, headers_size);
    ret_answer->header_count = exchange->header_count;
}

int http_send(struct http_client *client, struct arena *arena, const struct http_request *request,
              struct http_answer *ret_answer, struct err *err)
{
    CLEANUP(headers) struct curl_slist *headers = NULL;
    struct exchange exchange = {.client = client, .arena = arena, .request = request};
    CURLcode        code;

    exchange.moved_us = clock_mono_us();
    client->words[0] = '\0';
    if (make_headers(&headers, &exchange, err) < 0) {
        return err_add(err, "%s %s", request->method, url_words(arena, request->url));
    }
    set_options(&exchange, headers);
    code = curl_easy_perform(client->curl);
    if (code == CURLE_OK) {
        take_answer(&exchange, ret_answer);
    } else {
        (void)explain(&exchange, code, err);
        (void)err_add(err, "%s %s", request->method, url_words(arena, request->url));
    }
    buf_done(&exchange.body);
    return code == CURLE_OK ? 0 : -1;
}
