// SPDX-License-Identifier: MIT
#include "gateway/cli/call.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "gateway/cli/local.h"
#include "value/json.h"

enum {
    ANSWER_MOST = 64 << 20,
    DOCUMENT_MOST = 2000 << 20,
    KEEP_TRYING_US = 30 * 1000000,
    SILENT_US = 2 * 1000000, /* who waits longer is told what for */
    AGAIN_MS = 200,
    STALL_MS = 120000
};

static const struct value_limits any_limits = {DOCUMENT_MOST, 128, 200u << 20};

static ssize_t read_file(void *from, void *room, size_t size)
{
    return read(*(int *)from, room, size);
}

static void put_fields(struct buf *story, const struct value *problem)
{
    const struct value *errors = value_get(problem, "errors");

    for (uint32_t i = 0; errors != NULL && errors->kind == VALUE_LIST && i < errors->count && i < 5; i++) {
        struct bytes pointer = value_text_or(value_get(&errors->as.items[i], "pointer"), "");
        struct bytes message = value_text_or(value_get(&errors->as.items[i], "message"), "");

        buf_format(story, "; %.*s: %.*s", (int)pointer.size, (const char *)pointer.data,
                   (int)message.size, (const char *)message.data);
    }
}

static int refused(struct cli *cli, const struct call *call, const struct http_answer *answer,
                   struct err *err)
{
    CLEANUP(buf) struct buf story = {0};
    struct value problem;
    struct err   unread = {0};
    struct bytes code = BYTES("");
    int          row;

    buf_format(&story, "%s %s was answered %d", call->method, call->path, answer->status);
    if (json_read(cli->arena, answer->body, &any_limits, &problem, &unread) == 0) {
        struct bytes detail = value_text_or(value_get(&problem, "detail"), "");

        code = value_text_or(value_get(&problem, "code"), "");
        buf_format(&story, ": %.*s", (int)detail.size, (const char *)detail.data);
        put_fields(&story, &problem);
    }
    if ((answer->status == 401 || answer->status == 403) && call->token == NULL) {
        buf_put_text(&story, "; prt sends the key in PRT_API_KEY; operators make one with prt keys create"
                             " --role ROLE");
    }
    row = err_by_name(arena_text(cli->arena, code));
    return err_set(err, row > 0 ? (enum err_code)row : ERR_HTTP_REFUSED, "%s", buf_text(&story));
}

static bool worth_again(int status)
{
    return status == 429 || status == 502 || status == 503 || status == 504;
}

static int send_once(struct cli *cli, const struct call *call, struct http_answer *ret_answer,
                     struct err *err)
{
    const char *token = call->token != NULL ? call->token : cli->config.api_key;
    int         file = call->file;
    struct http_header headers[5];
    size_t             count = 0;
    struct http_request request = {
        .method = call->method,
        .url = arena_format(cli->arena, "%s%s", cli->config.gateway_url, call->path),
        .headers = headers,
        .body = call->json,
        .answer_most = call->most == 0 ? ANSWER_MOST : call->most,
        .stall_ms = STALL_MS,
    };

    if (token[0] != '\0') {
        headers[count++] = (struct http_header){
            "Authorization", arena_format(cli->arena, "Bearer %s", token)};
    }
    if (call->json.size > 0 || file > 0) {
        headers[count++] = (struct http_header){
            "Content-Type", call->content_type == NULL ? "application/json" : call->content_type};
    }
    if (call->prefer != NULL) {
        headers[count++] = (struct http_header){"Prefer", call->prefer};
    }
    if (call->idempotency != NULL) {
        headers[count++] = (struct http_header){"Idempotency-Key", call->idempotency};
    }
    request.header_count = count;
    if (file > 0) {
        if (lseek(file, 0, SEEK_SET) < 0) {
            return err_errno(err, "rewinding the upload");
        }
        request.body_read = read_file;
        request.body_from = &file;
        request.body_size = call->file_bytes;
    }
    return http_send(cli->http, cli->arena, &request, ret_answer, err);
}

static void tell_waiting(const struct cli *cli, const struct http_answer *answer,
                         const struct err *down)
{
    if (answer == NULL) {
        (void)fprintf(stderr, "no answer from %s yet (%s); trying for %d s\n",
                      cli->config.gateway_url, down->story, KEEP_TRYING_US / 1000000);
    } else {
        (void)fprintf(stderr, "%s answers %d; trying again for %d s\n", cli->config.gateway_url,
                      answer->status, KEEP_TRYING_US / 1000000);
    }
}

int cli_call(struct cli *cli, const struct call *call, int *ret_status, struct value *ret_json,
             struct bytes *ret_body, struct err *err)
{
    int64_t            deadline = clock_mono_us() + KEEP_TRYING_US;
    bool               told = false;
    struct http_answer answer;

    for (;;) {
        int     sent = send_once(cli, call, &answer, err);
        int64_t pause_ms = AGAIN_MS;

        if (sent < 0 && err->code != ERR_HTTP_DOWN && err->code != ERR_HTTP_SLOW) {
            return -1;
        }
        if (sent == 0 && !worth_again(answer.status)) {
            break;
        }
        if (sent == 0 && http_retry_after_ms(&answer) > 0) {
            pause_ms = http_retry_after_ms(&answer);
        }
        if (clock_mono_us() + pause_ms * 1000 > deadline) {
            return sent < 0 ? err_add(err, "no farm answers at %s (%s)", cli->config.gateway_url,
                                      local_remedy(cli))
                            : refused(cli, call, &answer, err);
        }
        if (!told && clock_mono_us() + pause_ms * 1000 > deadline - KEEP_TRYING_US + SILENT_US) {
            tell_waiting(cli, sent < 0 ? NULL : &answer, err);
            told = true;
        }
        clock_sleep_ms(pause_ms);
    }
    if (answer.status < 200 || answer.status > 299) {
        return refused(cli, call, &answer, err);
    }
    if (ret_json != NULL && json_read(cli->arena, answer.body, &any_limits, ret_json, err) < 0) {
        return err_add(err, "the answer to %s %s", call->method, call->path);
    }
    if (ret_body != NULL) {
        *ret_body = answer.body;
    }
    if (ret_status != NULL) {
        *ret_status = answer.status;
    }
    return 0;
}

int cli_read_json(struct cli *cli, const char *path, struct bytes *ret_bytes,
                  struct value *ret_value, struct err *err)
{
    TRY(file_read(cli->arena, path, ANSWER_MOST, ret_bytes, err));
    if (json_read(cli->arena, *ret_bytes, &any_limits, ret_value, err) < 0) {
        return err_add(err, "%s", path);
    }
    return 0;
}

int cli_document(struct cli *cli, const char *trace_or_file, int *ret_status,
                 struct bytes *ret_document, struct err *err)
{
    return cli_document_with(cli, trace_or_file, "", ret_status, ret_document, err);
}

/* What no trace is called is meant as a file: to ask a farm for it would mislead. */
static bool looks_like_file(const char *name)
{
    const size_t size = strlen(name);

    return strchr(name, '/') != NULL || (size > 5 && strcmp(name + size - 5, ".json") == 0);
}

int cli_document_with(struct cli *cli, const char *trace_or_file, const char *query,
                      int *ret_status, struct bytes *ret_document, struct err *err)
{
    CLEANUP(buf) struct buf path = {0};

    if (looks_like_file(trace_or_file) || access(trace_or_file, F_OK) == 0) {
        *ret_status = 200;
        return file_read(cli->arena, trace_or_file, DOCUMENT_MOST, ret_document, err);
    }
    buf_put_text(&path, "/v1/traces/");
    http_encode(&path, bytes_of(trace_or_file), false);
    buf_put_text(&path, query);
    return cli_call(cli,
                    &(struct call){.method = "GET", .path = buf_text(&path), .most = DOCUMENT_MOST},
                    ret_status, NULL, ret_document, err);
}
