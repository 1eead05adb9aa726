// SPDX-License-Identifier: MIT
#include "workers/judge/score/chat.h"

#include <string.h>

#include "value/json.h"
#include "workers/judge/score/answer.h"

enum {
    BODY_MOST = 4 * 1024 * 1024, /* of an answer */
    ADAPT_MOST = 6,              /* refusals we learn from in one call */
    WORDS_MOST = 8 * 1024        /* of an error's body that is looked at */
};

static const struct value_limits limits = {BODY_MOST, 32, 200000};

/* -------- the request -------- */

static struct value format_value(struct arena *arena, enum chat_format format)
{
    struct value out = value_map();
    struct value schema = value_map();

    if (format == CHAT_OBJECT) {
        value_put(arena, &out, "type", value_text("json_object"));
        return out;
    }
    value_put(arena, &schema, "name", value_text("judgement"));
    value_put(arena, &schema, "strict", value_flag(true));
    value_put(arena, &schema, "schema", answer_schema(arena));
    value_put(arena, &out, "type", value_text("json_schema"));
    value_put(arena, &out, "json_schema", schema);
    return out;
}

int chat_body(struct buf *out, struct arena *arena, const struct chat_settings *settings,
              const struct chat_model *model, const struct chat_message *messages, size_t count,
              struct err *err)
{
    struct value body = value_map();
    struct value list = value_list();

    for (size_t i = 0; i < count; i++) {
        struct value message = value_map();

        value_put(arena, &message, "role", value_text(messages[i].role));
        value_put(arena, &message, "content", value_bytes(messages[i].content));
        value_append(arena, &list, message);
    }
    value_put(arena, &body, "model", value_text(model->name));
    value_put(arena, &body, "messages", list);
    value_put(arena, &body, "stream", value_flag(false));
    if (model->format != CHAT_FREE) {
        value_put(arena, &body, "response_format", format_value(arena, model->format));
    }
    if (!model->no_limit) {
        value_put(arena, &body, model->old_limit ? "max_tokens" : "max_completion_tokens",
                  value_whole(settings->answer_tokens));
    }
    if (!model->no_temperature) {
        value_put(arena, &body, "temperature", value_real(settings->temperature));
    }
    if (!model->no_seed) {
        value_put(arena, &body, "seed", value_whole(settings->seed));
    }
    return jcs_write(out, &body, err);
}

/* -------- the answer -------- */

static void read_usage(const struct value *answer, struct chat_reply *reply)
{
    const struct value *usage = value_get(answer, "usage");
    int64_t             prompt = value_whole_or(value_get(usage, "prompt_tokens"), 0);
    int64_t             tokens = value_whole_or(value_get(usage, "completion_tokens"), 0);

    if (usage != NULL && usage->kind == VALUE_MAP) {
        reply->tokens_prompt = prompt > 0 ? prompt : 0;
        reply->tokens_answer = tokens > 0 ? tokens : 0;
    }
}

/* Printable ASCII only, and short: it goes into results. */
static const char *plain_word(struct arena *arena, struct bytes text)
{
    CLEANUP(buf) struct buf out = {0};

    for (size_t i = 0; i < text.size && i < 100; i++) {
        bool plain = text.data[i] > ' ' && text.data[i] < 0x7f && text.data[i] != '"';

        buf_put_byte(&out, plain ? text.data[i] : '_');
    }
    return arena_text(arena, buf_bytes(&out));
}

static void read_version(struct arena *arena, const struct value *answer, struct chat_reply *reply)
{
    struct bytes model = value_text_or(value_get(answer, "model"), "");
    struct bytes print = value_text_or(value_get(answer, "system_fingerprint"), "");

    if (model.size > 0) {
        reply->version = plain_word(arena, model);
    }
    if (model.size > 0 && print.size > 0) {
        reply->version = arena_format(arena, "%s@%s", reply->version, plain_word(arena, print));
    }
}

static void read_choice(struct arena *arena, const struct value *answer, struct chat_reply *reply)
{
    const struct value *message = value_at(answer, "/choices/0/message");
    const struct value *content = value_get(message, "content");
    const struct value *refusal = value_get(message, "refusal");
    const struct value *finish = value_at(answer, "/choices/0/finish_reason");

    if (value_at(answer, "/choices/0") == NULL) {
        reply->why = "the server's answer has no choices";
    } else if (refusal != NULL && refusal->kind == VALUE_TEXT && refusal->as.text.size > 0) {
        reply->why = "the model refused to answer";
    } else if (value_is_text(finish, "content_filter")) {
        reply->why = "the server's content filter stopped the answer";
    } else if (value_is_text(finish, "length")) {
        reply->why = "the answer was cut at PRT_JUDGE_ANSWER_TOKENS";
    } else if (content == NULL || content->kind != VALUE_TEXT || content->as.text.size == 0) {
        reply->why = "the model's message is empty";
    } else {
        reply->content = arena_bytes(arena, content->as.text);
    }
}

static bool is_stream(struct bytes body)
{
    return body.size >= 5 && memcmp(body.data, "data:", 5) == 0;
}

static void read_event(struct arena *arena, struct bytes json, struct buf *content,
                       struct chat_reply *reply)
{
    struct value event;
    struct err   err = {0};

    if (json_read(arena, json, &limits, &event, &err) < 0) {
        reply->why = "the server's stream holds something that is no JSON";
        return;
    }
    buf_put(content, value_text_or(value_at(&event, "/choices/0/delta/content"), ""));
    if (value_is_text(value_at(&event, "/choices/0/finish_reason"), "length")) {
        reply->why = "the answer was cut at PRT_JUDGE_ANSWER_TOKENS";
    }
    read_usage(&event, reply);
    read_version(arena, &event, reply);
}

static void read_stream(struct arena *arena, struct bytes body, struct chat_reply *reply)
{
    CLEANUP(buf) struct buf content = {0};
    size_t                  at = 0;
    bool                    ended = false;

    while (at < body.size && reply->why == NULL) {
        const uint8_t *end = memchr(body.data + at, '\n', body.size - at);
        size_t         stop = end == NULL ? body.size : (size_t)(end - body.data);
        struct bytes   line = {body.data + at, stop - at};

        at = stop + 1;
        if (line.size > 0 && line.data[line.size - 1] == '\r') {
            line.size--;
        }
        if (line.size < 5 || memcmp(line.data, "data:", 5) != 0) {
            continue;
        }
        line = (struct bytes){line.data + 5, line.size - 5};
        while (line.size > 0 && line.data[0] == ' ') {
            line = (struct bytes){line.data + 1, line.size - 1};
        }
        ended = bytes_is(line, "[DONE]");
        if (!ended && line.size > 0) {
            read_event(arena, line, &content, reply);
        }
    }
    if (reply->why == NULL && !ended) {
        reply->why = "the server's stream ended before its end was said";
    }
    if (reply->why == NULL && content.size == 0) {
        reply->why = "the model's message is empty";
    }
    if (reply->why == NULL) {
        reply->content = arena_bytes(arena, buf_bytes(&content));
    }
}

void chat_read(struct arena *arena, struct bytes body, struct chat_reply *ret_reply)
{
    struct value answer;
    struct err   err = {0};

    *ret_reply = (struct chat_reply){0};
    if (is_stream(body)) {
        read_stream(arena, body, ret_reply);
        return;
    }
    if (json_read(arena, body, &limits, &answer, &err) < 0 || answer.kind != VALUE_MAP) {
        ret_reply->why = "the server's answer is no JSON object";
        return;
    }
    read_usage(&answer, ret_reply);
    read_version(arena, &answer, ret_reply);
    read_choice(arena, &answer, ret_reply);
}

/* -------- refusals -------- */

static bool mentions(struct bytes body, const char *word)
{
    size_t size = body.size < WORDS_MOST ? body.size : WORDS_MOST;

    return size > 0 && memmem(body.data, size, word, strlen(word)) != NULL;
}

/* Does the refusal name something that we can leave out? The order matters: a server that does not
 * know max_completion_tokens names both limits. */
static bool adapt(struct chat_model *model, struct bytes body)
{
    if (model->format != CHAT_FREE &&
        (mentions(body, "response_format") || mentions(body, "json_schema") ||
         mentions(body, "json_object") || mentions(body, "structured output"))) {
        model->format++;
        return true;
    }
    if (!model->no_limit &&
        (mentions(body, "max_completion_tokens") || mentions(body, "max_tokens"))) {
        model->no_limit = model->old_limit;
        model->old_limit = true;
        return true;
    }
    if (!model->no_temperature && mentions(body, "temperature")) {
        model->no_temperature = true;
        return true;
    }
    if (!model->no_seed && mentions(body, "seed")) {
        model->no_seed = true;
        return true;
    }
    return false;
}

static bool is_busy(int status)
{
    return status == 408 || status == 425 || status == 429 || status >= 500;
}

/* The server's code for an error, when it is one; its message may hold anything. */
static const char *code_of(struct arena *arena, struct bytes body)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
    struct value      answer;
    struct err        ignored = {0};
    const char       *code;

    if (json_read(arena, body, &limits, &answer, &ignored) < 0) {
        return "";
    }
    code = plain_word(arena, value_text_or(value_at(&answer, "/error/code"), ""));
    if (code[0] == '\0' || code[strspn(code, letters)] != '\0') {
        code = plain_word(arena, value_text_or(value_at(&answer, "/error/type"), ""));
    }
    if (strlen(code) > 40 || code[strspn(code, letters)] != '\0') {
        return "";
    }
    return code[0] == '\0' ? "" : arena_format(arena, " (%s)", code);
}

static int explain(struct arena *arena, const struct chat_model *model,
                   const struct http_answer *answer, struct err *err)
{
    int64_t     after_ms = http_retry_after_ms(answer);
    const char *code = code_of(arena, answer->body);

    if (is_busy(answer->status)) {
        (void)err_set(err, ERR_JUDGE_BUSY, "model %s: status %d%s", model->name, answer->status,
                      code);
        err->retry_after_ms = after_ms < 0           ? 0
                              : after_ms > INT32_MAX ? INT32_MAX
                                                     : (uint32_t)after_ms;
        return -1;
    }
    return err_set(err, ERR_JUDGE_REFUSED,
                   "model %s: status %d%s; check PRT_JUDGE_BASE_URL, PRT_JUDGE_API_KEY and"
                   " PRT_JUDGE_MODEL",
                   model->name, answer->status, code);
}

/* -------- a call -------- */

struct http_client *chat_client_new(const struct chat_settings *settings)
{
    const char         *ca_file = settings->ca_file[0] == '\0' ? NULL : settings->ca_file;
    struct http_client *client = http_client_new(NULL, ca_file);

    if (settings->proxy[0] != '\0') {
        http_client_use_proxy(client, strcmp(settings->proxy, "none") == 0 ? "" : settings->proxy);
    }
    return client;
}

static int send_once(struct chat *chat, struct arena *arena, const struct chat_model *model,
                     const struct chat_message *messages, size_t count,
                     struct http_answer *ret_answer, struct err *err)
{
    const struct chat_settings *settings = chat->settings;
    CLEANUP(buf) struct buf     body = {0};
    const char        *slash = settings->base_url[strlen(settings->base_url) - 1] == '/' ? "" : "/";
    struct http_header headers[] = {
        {"Content-Type", "application/json"},
        {"Accept", "application/json"},
        {"Authorization", arena_format(arena, "Bearer %s", settings->api_key)},
    };
    struct http_request request = {
        .method = "POST",
        .url = arena_format(arena, "%s%schat/completions", settings->base_url, slash),
        .headers = headers,
        .header_count = COUNT_OF(headers) - (settings->api_key[0] == '\0'),
        .answer_most = BODY_MOST,
        .timeout_ms = settings->timeout_ms,
        .stop = chat->stop,
        .unpack = true,
    };

    TRY(chat_body(&body, arena, settings, model, messages, count, err));
    request.body = buf_bytes(&body);
    if (http_send(chat->http, arena, &request, ret_answer, err) < 0) {
        err->code = err->code == ERR_HTTP_DOWN   ? ERR_JUDGE_BUSY
                    : err->code == ERR_HTTP_SLOW ? ERR_JUDGE_SLOW
                                                 : err->code;
        return err->code == ERR_TOO_LARGE || err->code == ERR_HTTP_REFUSED
                   ? err_set(err, ERR_JUDGE_REFUSED, "model %s: the answer is over %d bytes",
                             model->name, BODY_MOST)
                   : err_add(err, "model %s", model->name);
    }
    return 0;
}

int chat_call(struct chat *chat, struct arena *arena, struct chat_model *model,
              const struct chat_message *messages, size_t count, struct chat_reply *ret_reply,
              struct err *err)
{
    struct http_answer answer = {0};

    for (int tries = 0; tries <= ADAPT_MOST; tries++) {
        TRY(send_once(chat, arena, model, messages, count, &answer, err));
        if (answer.status >= 200 && answer.status <= 299) {
            chat_read(arena, answer.body, ret_reply);
            return 0;
        }
        if ((answer.status != 400 && answer.status != 422) || !adapt(model, answer.body)) {
            break;
        }
    }
    return explain(arena, model, &answer, err);
}
