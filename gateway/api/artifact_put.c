// SPDX-License-Identifier: MIT
/*
 * artifact_put.c - PUT …/artifacts/{name}: bytes of any size go to the object store, under their
 * trace and their hash.
 *
 * Not under their hash alone: an object that two traces share may be deleted with one of them while the
 * message that tells of the other's upload is still on its way, and nobody has its bytes any more.
 *
 *   block --> held: a reader hashes it and writes it to an unlinked file --> resumed, next block
 *   whole --> held: hash checked, object put --> artifact message published --> verdict --> 201
 */
#include <string.h>
#include <strings.h>

#include "base/fd.h"
#include "gateway/api/publish.h"
#include "gateway/api/resources.h"
#include "trace/redact.h"
#include "value/msgpack.h"

enum { CONTENT_TYPE_MOST = 256 };

struct upload_state {
    int            fd; /* -1 until the first block */
    struct sha256 *sha;
    int64_t        size;
    const char    *promised; /* X-Content-SHA256, or NULL */
    const char    *content_type;
    char           hash[HASH_HEX];
    const char    *key, *uri;
    struct publish publish;
};

static void upload_done(void *arg)
{
    struct upload_state *upload = arg;

    fd_close(upload->fd);
    sha256_free(upload->sha);
}

/* ------------------------------------- names ------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text);

    return size > strlen(end) && strcmp(text + size - strlen(end), end) == 0;
}

static int check_name(struct exchange *x, struct err *err)
{
    const char       *name = x->param[1];
    struct redactions none = {{0}};

    /* First: the other refusals quote the name. */
    if (gateway_of(x)->config->redact &&
        redact_text(x->arena, bytes_of(name), &none).data != (const uint8_t *)name) {
        return err_set(err, ERR_SCHEMA,
                       "artifact: its name looks like a secret; names are stored as they are, give"
                       " the event another id");
    }
    if (strcmp(name, "final_workspace_snapshot") == 0 ||
        strcmp(name, "start_workspace_snapshot") == 0) {
        if ((caller_of(x)->consent & CONSENT_SNAPSHOTS) == 0) {
            return err_set(err, ERR_CONSENT_DENIED, "%s: workspace snapshots are not consented to",
                           name);
        }
        return 0;
    }
    if (!ends_with(name, ".stdout") && !ends_with(name, ".stderr") && !ends_with(name, ".report")) {
        return err_set(
            err, ERR_SCHEMA,
            "artifact \"%.160s\": the name is final_workspace_snapshot,"
            " start_workspace_snapshot, or an event's id and .stdout, .stderr or .report",
            name);
    }
    return 0;
}

static int upload_begin(struct exchange *x, struct err *err)
{
    struct upload_state *upload = x->work;

    if (upload != NULL) {
        return 0;
    }
    TRY(check_name(x, err));
    upload = arena_zero(x->arena, 1, sizeof(*upload));
    upload->fd = -1;
    upload->sha = sha256_new();
    sha256_start(upload->sha);
    x->work = upload;
    x->work_done = upload_done;
    return 0;
}

/* ------------------------------------- blocks ------------------------------------- */

static int keep_block(struct reader *reader, struct exchange *x, struct err *err)
{
    struct upload_state *upload = x->work;

    (void)reader;
    if (upload->fd < 0) {
        upload->fd = fd_temporary(gateway_of(x)->config->http_spool, err);
        if (upload->fd < 0) {
            return -1;
        }
    }
    sha256_add(upload->sha, buf_bytes(&x->body));
    TRY(fd_write_all(upload->fd, buf_bytes(&x->body), err));
    upload->size += (int64_t)x->body.size;
    x->body.size = 0;
    return READ_ANSWERED;
}

int artifact_piece(struct exchange *x, struct err *err)
{
    TRY(upload_begin(x, err));
    return readers_put(gateway_of(x)->readers, x, keep_block, err);
}

/* -------------------------------------- whole -------------------------------------- */

static void put_ref(struct exchange *x, struct value *answer)
{
    const struct upload_state *upload = x->work;

    value_put(x->arena, answer, "uri", value_text(upload->uri));
    value_put(x->arena, answer, "sha256", value_text(upload->hash));
    value_put(x->arena, answer, "size_bytes", value_whole(upload->size));
    if (upload->content_type != NULL) {
        value_put(x->arena, answer, "content_type", value_text(upload->content_type));
    }
}

static void came(struct exchange *x, struct bytes json)
{
    struct value answer = value_map();

    (void)json;
    put_ref(x, &answer);
    answer_value(x, 201, &answer);
}

static void stored(struct exchange *x)
{
    struct value answer = value_map();

    value_put(x->arena, &answer, "status", value_text("accepted"));
    put_ref(x, &answer);
    answer_value(x, 202, &answer);
}

static const struct publish_answers answers = {stored, came, NULL};

static int put_object(struct reader *reader, struct exchange *x, struct err *err)
{
    struct upload_state *upload = x->work;
    struct blob_store   *blob = reader_blob(reader, err);

    if (blob == NULL) {
        return -1;
    }
    upload->uri = blob_uri(blob, x->arena, BUCKET_ARTIFACTS, upload->key);
    /* Also where it is there already: it is young then, and no sweep takes it for forgotten. */
    return blob_put_file(
        blob, BUCKET_ARTIFACTS, upload->key, upload->fd, upload->size,
        upload->content_type == NULL ? "application/octet-stream" : upload->content_type, err);
}

static int finish(struct reader *reader, struct exchange *x, struct err *err)
{
    CLEANUP(buf) struct buf body = {0};
    struct upload_state    *upload = x->work;
    uint8_t                 hash[HASH_BYTES];

    TRY(keep_block(reader, x, err));
    sha256_finish(upload->sha, hash);
    hex_write(upload->hash, (struct bytes){hash, sizeof(hash)});
    if (upload->promised != NULL && strcasecmp(upload->promised, upload->hash) != 0) {
        return err_set(err, ERR_SCHEMA,
                       "X-Content-SHA256 is %.64s, the %lld bytes that came have %s",
                       upload->promised, (long long)upload->size, upload->hash);
    }
    upload->key = arena_format(x->arena, "uploads/%s/%s", x->param[0], upload->hash);
    TRY(put_object(reader, x, err));
    msgpack_put_map(&body, upload->content_type == NULL ? 4 : 5);
    msgpack_put_text(&body, BYTES("name"));
    msgpack_put_text(&body, bytes_of(x->param[1]));
    msgpack_put_text(&body, BYTES("key"));
    msgpack_put_text(&body, bytes_of(upload->key));
    msgpack_put_text(&body, BYTES("sha256"));
    msgpack_put_text(&body, bytes_of(upload->hash));
    msgpack_put_text(&body, BYTES("size_bytes"));
    msgpack_put_whole(&body, upload->size);
    if (upload->content_type != NULL) {
        msgpack_put_text(&body, BYTES("content_type"));
        msgpack_put_text(&body, bytes_of(upload->content_type));
    }
    upload->publish.body = buf_bytes(&body);
    TRY(publish_message(x, &upload->publish, err));
    return READ_HANDED_ON;
}

static int start(struct exchange *x, struct err *err)
{
    struct upload_state *upload;
    const char          *promised = exchange_field(x, "X-Content-SHA256");
    const char          *type = exchange_field(x, "Content-Type");

    TRY(upload_begin(x, err));
    upload = x->work;
    publish_start(x, MESSAGE_ARTIFACT, x->param[0], &upload->publish);
    upload->publish.answers = &answers;
    if (promised != NULL) {
        upload->promised = arena_text(x->arena, bytes_of(promised));
    }
    if (type != NULL && strlen(type) <= CONTENT_TYPE_MOST) {
        upload->content_type = arena_text(x->arena, bytes_of(type));
    }
    return readers_put(gateway_of(x)->readers, x, finish, err);
}

void artifact_put(struct exchange *x)
{
    struct err err = {0};

    if (start(x, &err) < 0) {
        exchange_refuse(x, &err);
    }
}
