// SPDX-License-Identifier: MIT
/*
 * access.c - may this caller do this? Asked when a request's head is in, before its body is kept.
 */
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "gateway/api/gateway.h"
#include "gateway/api/openapi.h"
#include "gateway/api/rate.h"
#include "gateway/http/field.h"
#include "gateway/http/head.h"
#include "log/log.h"
#include "trace/message.h"

static int check_media(struct exchange *x, struct err *err)
{
    const char *type = exchange_field(x, "Content-Type");
    const char *coding = exchange_field(x, "Content-Encoding");

    if (x->route->most_bytes == MOST_NONE) {
        return 0;
    }
    if (coding != NULL && strcasecmp(coding, "identity") != 0) {
        return err_set(err, ERR_MEDIA_UNKNOWN, "Content-Encoding is %.60s; send the body as it is",
                       coding);
    }
    /* Streamed bodies are whatever the client says they are. */
    if (x->route->piece == NULL && type != NULL && !field_type_is(type, "application/json") &&
        !field_type_is(type, "application/msgpack") &&
        !field_type_is(type, "application/x-msgpack")) {
        return err_set(err, ERR_MEDIA_UNKNOWN,
                       "Content-Type is %.60s; send application/json or application/msgpack", type);
    }
    return 0;
}

enum { KEY_MOST = 255 }; /* bytes of an Idempotency-Key */

/* A key becomes text in a row: the database would refuse what is none, and the whole batch of
 * validate's that it came with. */
static int check_key(struct exchange *x, struct err *err)
{
    const char  *field = exchange_field(x, "Idempotency-Key");
    struct bytes key = bytes_of(field == NULL ? "" : field);
    size_t       wrong = utf8_wrong_at(key);

    if (field != NULL && (key.size == 0 || key.size > KEY_MOST)) {
        return err_set(err, ERR_MALFORMED, "Idempotency-Key has %zu bytes, 1 to %d are allowed",
                       key.size, KEY_MOST);
    }
    return wrong == key.size ? 0
                             : err_set(err, ERR_MALFORMED,
                                       "Idempotency-Key is not UTF-8 from byte %zu on", wrong);
}

static bool came_before(struct exchange *x, struct bytes name)
{
    const char  *at = exchange_query_text(x);
    struct bytes other, value;

    while (head_query_next(&at, &other, &value) && other.data != name.data) {
        if (bytes_equal(other, name)) {
            return true;
        }
    }
    return false;
}

/* A parameter that nobody looks at, such as a mistyped one, changes nothing and looks as if it
 * had. */
static int check_query(struct exchange *x, struct err *err)
{
    const char  *at = exchange_query_text(x);
    struct bytes name, value;

    while (head_query_next(&at, &name, &value)) {
        const char *wrong = !openapi_query_has(x->route, name) ? "is none of this route's"
                            : value.data == NULL               ? "has no value"
                            : came_before(x, name)             ? "comes twice"
                                                               : NULL;

        if (wrong != NULL) {
            return err_set(err, ERR_SCHEMA, "query parameter \"%.*s\" %s; it takes %s",
                           name.size < 40 ? (int)name.size : 40, (const char *)name.data, wrong,
                           openapi_query_names(x->arena, x->route));
        }
    }
    return 0;
}

static int check_trace(struct exchange *x, struct err *err)
{
    struct caller *caller = caller_of(x);

    if (caller->trace != NULL && strcmp(caller->trace, x->param[0]) != 0) {
        return err_set(err, ERR_FORBIDDEN, "the upload token is for another trace than %.160s",
                       x->param[0]);
    }
    return 0;
}

static int check_roles(struct exchange *x, struct err *err)
{
    struct caller *caller = caller_of(x);
    unsigned       needs = x->route->needs;

    if ((caller->roles & needs) == 0) {
        return err_set(err, ERR_FORBIDDEN, "this needs %s",
                       needs == ROLE_UPLOAD            ? "the trace's upload token"
                       : (needs & ROLE_INGEST) != 0    ? "an API key with the role ingest"
                       : (needs & ROLE_READ) != 0      ? "an API key with the role read"
                       : (needs & ROLE_OPERATE) != 0   ? "an API key with the role operate"
                                                       : "an API key with the role admin");
    }
    TRY(check_trace(x, err));
    return rate_take(gateway_of(x)->rates, caller->rate, err);
}

static int read_bearer(struct exchange *x, const char **ret_secret, struct err *err)
{
    const char *field = exchange_field(x, "Authorization");

    if (field == NULL) {
        return err_set(err, ERR_UNAUTHORIZED,
                       "there is no Authorization header; send Bearer and a key");
    }
    if (strncasecmp(field, "Bearer ", 7) != 0) {
        return err_set(err, ERR_UNAUTHORIZED,
                       "the Authorization header is not \"Bearer \" and a key");
    }
    field += 7;
    *ret_secret = field + strspn(field, " ");
    return 0;
}

/* Everybody knows the dev key. A web page could use it on its reader's own farm, from under a name
 * that has come to mean this machine: but then Host says that name. */
static int check_dev_key(struct exchange *x, const char *secret, struct err *err)
{
    const char *host = exchange_field(x, "Host");

    if (!gateway_of(x)->config->dev_key || strcmp(secret, CONFIG_DEV_KEY) != 0 || host == NULL ||
        field_host_is_own(host)) {
        return 0;
    }
    return err_set(err, ERR_FORBIDDEN,
                   "Host is \"%.100s\"; the dev key is good at localhost and at an address only,"
                   " for other names make a key (prt keys create)",
                   host);
}

static int admit_upload(struct exchange *x, const char *secret, struct err *err)
{
    struct caller *caller = caller_of(x);
    struct upload  upload;

    TRY(upload_token_read(gateway_of(x)->tokens, x->arena, bytes_of(secret), x->began_us, &upload,
                          err));
    caller->roles = ROLE_UPLOAD;
    caller->tenant = upload.tenant;
    caller->rate = rate_of_tokens(upload.tenant, upload.trace);
    caller->trace = upload.trace;
    caller->consent = upload.consent;
    TRY(check_roles(x, err));
    return rate_take(gateway_of(x)->tenant_rates, rate_of_tenant(upload.tenant), err) == 0
               ? 0
               : err_add(err, "of all upload tokens of this tenant");
}

enum { UNKNOWN_BODY_MOST = 64 * 1024, UNKNOWN_AT_ONCE = 64 };

static int refuse_key(struct err *err)
{
    return err_set(err, ERR_UNAUTHORIZED, "the farm does not know this API key, or it was revoked");
}

/* It may have been made a moment ago. Where the body is small it is kept, and gateway_enter looks
 * again; where not, the key is looked up until the request is sent again: who is nobody yet gets
 * little of the memory for bodies, or anybody could fill it. */
static int admit_unknown(struct exchange *x, const char *secret, struct err *err)
{
    if (x->body_promised >= 0 && x->body_promised <= UNKNOWN_BODY_MOST) {
        caller_of(x)->unknown = arena_text(x->arena, bytes_of(secret));
        return 0;
    }
    return keys_fresh(gateway_of(x)->keys)
               ? refuse_key(err)
               : err_set(err, ERR_KEY_NEW, "the body of a key that is not known yet is not read");
}

int gateway_admit(struct exchange *x, struct err *err)
{
    struct caller *caller = arena_zero(x->arena, 1, sizeof(*caller));
    const char    *secret;

    x->caller = caller;
    caller->msgpack = field_accepts(exchange_field(x, "Accept"), "application/msgpack");
    if (x->route->needs != 0) {
        TRY(read_bearer(x, &secret, err));
        TRY(check_dev_key(x, secret, err));
        if (upload_token_is(bytes_of(secret))) {
            TRY(admit_upload(x, secret, err));
        } else if (keys_find(gateway_of(x)->keys, x->arena, secret, caller)) {
            TRY(check_roles(x, err));
        } else if (x->route->piece != NULL || x->route->most_bytes == MOST_STREAM) {
            return err_set(err, ERR_UNAUTHORIZED, "this needs the trace's upload token");
        } else {
            TRY(admit_unknown(x, secret, err));
        }
    }
    TRY(check_key(x, err));
    TRY(check_media(x, err));
    return x->route->needs == 0 ? 0 : check_query(x, err);
}

/* ------------------------------ keys not seen before ------------------------------ */

static int look_up(struct reader *reader, struct exchange *x, struct err *err)
{
    struct gateway *gateway = gateway_of(x);
    struct caller  *caller = caller_of(x);
    struct store   *store = reader_store(reader, err);

    if (store == NULL || keys_refresh(gateway->keys, store, x->began_mono_us, err) < 0) {
        LOG(NULL, DEBUG, "API key not looked up", KV("story", err->story));
        return err_set(err, err->code, "this API key is new here and can't be looked up now");
    }
    if (!keys_find(gateway->keys, x->arena, caller->unknown, caller)) {
        return refuse_key(err);
    }
    caller->unknown = NULL;
    TRY(check_roles(x, err));
    exchange_again(x);
    return READ_HANDED_ON;
}

static int look_again(struct reader *reader, struct exchange *x, struct err *err)
{
    struct gateway *gateway = gateway_of(x); /* x may be gone afterwards */
    int             result = look_up(reader, x, err);

    atomic_fetch_sub(&gateway->unknown, 1);
    return result;
}

/* Anybody may send keys that are none: they get little of the queue that readers of the farm's own
 * wait in. */
static int ask_for_key(struct exchange *x, struct err *err)
{
    struct gateway *gateway = gateway_of(x);
    int             before = atomic_fetch_add(&gateway->unknown, 1);
    int             result;

    result = before < UNKNOWN_AT_ONCE
                 ? readers_put_read(gateway->readers, x, look_again, err)
                 : err_set(err, ERR_KEY_NEW, "%d others are looked up already", UNKNOWN_AT_ONCE);
    if (result < 0) {
        atomic_fetch_sub(&gateway->unknown, 1);
    }
    return result;
}

bool gateway_enter(struct exchange *x)
{
    struct err err = {0};

    if (caller_of(x)->unknown == NULL) {
        return true;
    }
    if (ask_for_key(x, &err) < 0) {
        exchange_refuse(x, &err);
    }
    return false;
}
