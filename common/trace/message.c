// SPDX-License-Identifier: MIT
#include "trace/message.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "value/msgpack.h"

enum { MESSAGE_VERSION = 1 };

static const char *const kind_names[] = {
    [MESSAGE_OPEN] = "open",         [MESSAGE_CHUNK] = "chunk", [MESSAGE_ARTIFACT] = "artifact",
    [MESSAGE_COMPLETE] = "complete", [MESSAGE_BATCH] = "batch", [MESSAGE_ERASE] = "erase",
    [MESSAGE_WORK] = "work",         [MESSAGE_RESULT] = "result", [MESSAGE_CLAIM] = "claim",
};

const char *message_kind_name(enum message_kind kind)
{
    return kind_names[kind];
}

void message_write(struct buf *out, const struct message *message)
{
    buf_reserve(out, message->body.size + message->idempotency_key.size + message->reply.size +
                         message->request.size + 128);
    msgpack_put_map(out, 8);
    msgpack_put_text(out, BYTES("v"));
    msgpack_put_whole(out, MESSAGE_VERSION);
    msgpack_put_text(out, BYTES("kind"));
    msgpack_put_text(out, bytes_of(kind_names[message->kind]));
    msgpack_put_text(out, BYTES("at_us"));
    msgpack_put_whole(out, message->at_us);
    msgpack_put_text(out, BYTES("consent"));
    msgpack_put_whole(out, message->consent);
    /* Also when empty, and before the body: looking for what is not there walks over all of it. */
    msgpack_put_text(out, BYTES("idempotency_key"));
    msgpack_put_text(out, message->idempotency_key);
    msgpack_put_text(out, BYTES("reply"));
    msgpack_put_text(out, message->reply);
    msgpack_put_text(out, BYTES("request"));
    msgpack_put_text(out, message->request);
    msgpack_put_text(out, BYTES("body"));
    buf_put(out, message->body);
}

/* -------- single values of a map, without a tree -------- */

static uint64_t big_endian(const uint8_t *at, size_t size)
{
    uint64_t number = 0;

    for (size_t i = 0; i < size; i++) {
        number = number << 8 | at[i];
    }
    return number;
}

static bool read_whole(struct bytes raw, int64_t *ret_whole)
{
    static const size_t sizes[] = {1, 2, 4, 8, 1, 2, 4, 8}; /* 0xcc .. 0xd3 */
    uint8_t             tag = raw.data[0];
    uint64_t            number;
    size_t              size;

    if (tag <= 0x7f || tag >= 0xe0) {
        *ret_whole = (int8_t)tag;
        return raw.size == 1;
    }
    if (tag < 0xcc || tag > 0xd3) {
        return false;
    }
    size = sizes[tag - 0xcc];
    if (raw.size != 1 + size) {
        return false;
    }
    number = big_endian(raw.data + 1, size);
    if (tag >= 0xd0 && size < 8 && (number >> (8 * size - 1) & 1) != 0) {
        number |= UINT64_MAX << (8 * size); /* its sign */
    }
    *ret_whole = (int64_t)number;
    return tag != 0xcf || number <= INT64_MAX;
}

/* str and bin alike. */
static bool read_text(struct bytes raw, struct bytes *ret_text)
{
    uint8_t tag = raw.data[0];
    size_t  head;
    size_t  size;

    if ((tag & 0xe0) == 0xa0) {
        head = 1;
        size = tag & 0x1f;
    } else if (tag >= 0xd9 && tag <= 0xdb) {
        head = 1 + ((size_t)1 << (tag - 0xd9));
    } else if (tag >= 0xc4 && tag <= 0xc6) {
        head = 1 + ((size_t)1 << (tag - 0xc4));
    } else {
        return false;
    }
    if (raw.size < head) {
        return false;
    }
    if (head > 1) {
        size = (size_t)big_endian(raw.data + 1, head - 1);
    }
    if (raw.size - head != size) {
        return false;
    }
    *ret_text = (struct bytes){raw.data + head, size};
    return true;
}

static int member_raw(struct bytes map, const char *name, struct bytes *ret_raw, struct err *err)
{
    if (!msgpack_find(map, name, ret_raw) || ret_raw->size == 0) {
        return err_set(err, ERR_MALFORMED, "the message has no member %s", name);
    }
    return 0;
}

static int member_whole(struct bytes map, const char *name, int64_t *ret_whole, struct err *err)
{
    struct bytes raw;

    TRY(member_raw(map, name, &raw, err));
    if (!read_whole(raw, ret_whole)) {
        return err_set(err, ERR_MALFORMED, "the message's %s is no whole number", name);
    }
    return 0;
}

static int member_text(struct bytes map, const char *name, struct bytes *ret_text, struct err *err)
{
    struct bytes raw;

    TRY(member_raw(map, name, &raw, err));
    if (!read_text(raw, ret_text)) {
        return err_set(err, ERR_MALFORMED, "the message's %s is no text", name);
    }
    return 0;
}

static int text_if_any(struct bytes map, const char *name, struct bytes *ret_text, struct err *err)
{
    struct bytes raw;

    if (msgpack_find(map, name, &raw) && (raw.size == 0 || !read_text(raw, ret_text))) {
        return err_set(err, ERR_MALFORMED, "the message's %s is no text", name);
    }
    return 0;
}

/* May it stand in a column of text? The database refuses all that comes with what may not. */
static bool is_row_text(struct bytes text)
{
    return utf8_wrong_at(text) == text.size &&
           (text.size == 0 || memchr(text.data, '\0', text.size) == NULL);
}

/* Version first: a form of tomorrow may have everything else in other places. */
static int check_version(struct bytes map, struct err *err)
{
    int64_t version;

    TRY(member_whole(map, "v", &version, err));
    if (version != MESSAGE_VERSION) {
        return err_set(err, ERR_MALFORMED,
                       "the message has version %lld, this program reads version %d; run the same"
                       " version everywhere",
                       (long long)version, MESSAGE_VERSION);
    }
    return 0;
}

static int kind_by_name(struct bytes name, enum message_kind *ret_kind, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(kind_names); i++) {
        if (bytes_is(name, kind_names[i])) {
            *ret_kind = (enum message_kind)i;
            return 0;
        }
    }
    return err_set(err, ERR_MALFORMED, "the message is of no known kind");
}

int message_read(struct bytes bytes, struct message *ret_message, struct err *err)
{
    struct message message = {0};
    struct bytes   name;
    int64_t        consent;

    TRY(check_version(bytes, err));
    TRY(member_text(bytes, "kind", &name, err));
    TRY(kind_by_name(name, &message.kind, err));
    TRY(member_whole(bytes, "at_us", &message.at_us, err));
    TRY(member_whole(bytes, "consent", &consent, err));
    if (consent < 0 || consent > CONSENT_ALL) {
        return err_set(err, ERR_MALFORMED, "the message's consent is %lld, not 0 to %d",
                       (long long)consent, CONSENT_ALL);
    }
    message.consent = (unsigned)consent;
    TRY(text_if_any(bytes, "idempotency_key", &message.idempotency_key, err));
    if (!is_row_text(message.idempotency_key)) {
        return err_set(err, ERR_MALFORMED,
                       "the message's idempotency_key is not UTF-8 without NULs");
    }
    TRY(text_if_any(bytes, "reply", &message.reply, err));
    TRY(text_if_any(bytes, "request", &message.request, err));
    TRY(member_raw(bytes, "body", &message.body, err));
    *ret_message = message;
    return 0;
}

void message_asker(struct bytes bytes, struct bytes *ret_reply, struct bytes *ret_request)
{
    struct err ignored = {0};

    *ret_reply = *ret_request = BYTES("");
    (void)!text_if_any(bytes, "reply", ret_reply, &ignored);
    (void)!text_if_any(bytes, "request", ret_request, &ignored);
}

/* -------- verdicts -------- */

void verdict_reply_write(struct buf *out, const struct verdict_reply *reply)
{
    msgpack_put_map(out, 3);
    msgpack_put_text(out, BYTES("v"));
    msgpack_put_whole(out, MESSAGE_VERSION);
    msgpack_put_text(out, BYTES("http"));
    msgpack_put_whole(out, reply->http);
    msgpack_put_text(out, BYTES("json"));
    msgpack_put_bin(out, reply->json);
}

static int check_http(int64_t http, struct err *err)
{
    if (http < 200 || http > 599) {
        return err_set(err, ERR_MALFORMED, "the verdict's http is %lld, not 200 to 599",
                       (long long)http);
    }
    return 0;
}

int verdict_reply_read(struct bytes bytes, struct verdict_reply *ret_reply, struct err *err)
{
    struct bytes json;
    int64_t      http;

    TRY(check_version(bytes, err));
    TRY(member_whole(bytes, "http", &http, err));
    TRY(check_http(http, err));
    TRY(member_text(bytes, "json", &json, err));
    *ret_reply = (struct verdict_reply){.http = (int)http, .json = json};
    return 0;
}

void verdicts_write(struct buf *out, const struct ticket_verdict *verdicts, size_t count)
{
    msgpack_put_map(out, 2);
    msgpack_put_text(out, BYTES("v"));
    msgpack_put_whole(out, MESSAGE_VERSION);
    msgpack_put_text(out, BYTES(VERDICTS_TOKEN));
    msgpack_put_list(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        msgpack_put_list(out, 3);
        msgpack_put_text(out, verdicts[i].ticket);
        msgpack_put_whole(out, verdicts[i].reply.http);
        msgpack_put_bin(out, verdicts[i].reply.json);
    }
}

static int ticket_verdict_read(const struct value *item, struct ticket_verdict *ret, struct err *err)
{
    const struct value *parts = item->as.items;
    int64_t             http;

    if (item->kind != VALUE_LIST || item->count != 3 || parts[0].kind != VALUE_TEXT ||
        parts[2].kind != VALUE_TEXT) {
        return err_set(err, ERR_MALFORMED, "a verdict is not a list of ticket, http and json");
    }
    http = value_whole_or(&parts[1], 0);
    TRY(check_http(http, err));
    *ret = (struct ticket_verdict){parts[0].as.text, {(int)http, parts[2].as.text}};
    return 0;
}

int verdicts_read(struct arena *arena, struct bytes bytes, struct ticket_verdict **ret_verdicts,
                  size_t *ret_count, struct err *err)
{
    const struct value_limits limits = {.bytes = bytes.size, .depth = 4, .values = bytes.size};
    struct ticket_verdict    *verdicts;
    const struct value       *list;
    struct value              root;

    TRY(check_version(bytes, err));
    TRY(msgpack_read(arena, bytes, &limits, true, &root, err));
    list = value_get(&root, VERDICTS_TOKEN);
    if (list == NULL || list->kind != VALUE_LIST) {
        return err_set(err, ERR_MALFORMED, "the message has no list of verdicts");
    }
    verdicts = arena_zero(arena, list->count, sizeof(*verdicts));
    for (uint32_t i = 0; i < list->count; i++) {
        TRY(ticket_verdict_read(&list->as.items[i], &verdicts[i], err));
    }
    *ret_verdicts = verdicts;
    *ret_count = list->count;
    return 0;
}
