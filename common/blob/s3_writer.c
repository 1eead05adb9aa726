// SPDX-License-Identifier: MIT
/*
 * s3_writer.c - an object of unknown size in one PUT if it fits a part, else as a multipart upload.
 *
 *     pieces ──▶ part (8 MiB) ── full ──▶ begin upload once, PUT part n
 *     commit:    no upload begun ──▶ one PUT; else last part, then complete
 *     close:     an upload that was begun and not completed is aborted
 *
 * A process that dies in between leaves an upload that nobody sees; the bucket's lifecycle rule for
 * incomplete uploads clears it away.
 */
#include <string.h>

#include "blob/s3.h"
#include "blob/xml.h"

enum { PARTS_MOST = 10000, ETAG_MOST = 128 };

struct s3_writer {
    struct blob_writer writer;
    char              *content_type;
    struct buf         part;
    char              *upload; /* NULL: not begun */
    int                parts;
    struct buf         list; /* the parts, as completing wants them */
    int64_t            size; /* of the parts sent */
    bool               completed;
};

static struct s3_store *store_of(struct s3_writer *writer)
{
    return (struct s3_store *)writer->writer.store;
}

int s3_writer_open(struct blob_writer **ret_writer, struct blob_store *store, struct blob_name name,
                   const char *content_type, struct err *err)
{
    struct s3_writer *writer = mem_zero(1, sizeof(*writer));

    (void)store;
    (void)name;
    (void)err;
    writer->content_type = content_type == NULL ? NULL : mem_text(content_type);
    *ret_writer = &writer->writer;
    return 0;
}

static struct s3_call call_of(struct s3_writer *writer, const char *method)
{
    return (struct s3_call){
        .method = method, .bucket = writer->writer.bucket, .key = writer->writer.key};
}

/* Not quite without a trace when sent twice: the first upload then stays behind, invisible. */
static int begin_upload(struct s3_writer *writer, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct http_answer           answer;
    struct s3_call               call = call_of(writer, "POST");
    const char                  *upload;

    call.content_type = writer->content_type;
    call.query[call.query_count++] = (struct sigv4_pair){"uploads", ""};
    TRY(s3_send(store_of(writer), arena, &call, &answer, err));
    upload = xml_text(arena, answer.body, "UploadId");
    if (upload == NULL || *upload == '\0') {
        return err_set(err, ERR_BLOB_REFUSED, "the server began an upload without an UploadId");
    }
    writer->upload = mem_text(upload);
    buf_put_text(&writer->list, "<CompleteMultipartUpload"
                                " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    return 0;
}

static int send_part(struct s3_writer *writer, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct http_answer           answer;
    struct s3_call               call = call_of(writer, "PUT");
    const char                  *etag;

    if (writer->upload == NULL) {
        TRY(begin_upload(writer, err));
    }
    if (writer->parts == PARTS_MOST) {
        return err_set(err, ERR_TOO_LARGE, "an object has %d parts of %d bytes at most", PARTS_MOST,
                       S3_PART);
    }
    call.body = buf_bytes(&writer->part);
    call.query[call.query_count++] =
        (struct sigv4_pair){"partNumber", arena_format(arena, "%d", writer->parts + 1)};
    call.query[call.query_count++] = (struct sigv4_pair){"uploadId", writer->upload};
    TRY(s3_send(store_of(writer), arena, &call, &answer, err));
    etag = http_answer_header(&answer, "etag");
    if (etag == NULL || strlen(etag) > ETAG_MOST || strpbrk(etag, "<>&") != NULL) {
        return err_set(err, ERR_BLOB_REFUSED, "the server tells no good ETag for part %d",
                       writer->parts + 1);
    }
    writer->parts++;
    buf_format(&writer->list, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>",
               writer->parts, etag);
    writer->size += (int64_t)writer->part.size;
    writer->part.size = 0;
    return 0;
}

/* Room grows by doubling up to exactly one part. */
static void make_room(struct buf *part, size_t more)
{
    size_t room = part->room < 64 * 1024 ? 64 * 1024 : part->room;

    while (room < part->size + more) {
        room *= 2;
    }
    if (room > S3_PART) {
        room = S3_PART;
    }
    buf_reserve(part, room - part->size);
}

int s3_writer_put(struct blob_writer *base, struct bytes bytes, struct err *err)
{
    struct s3_writer *writer = (struct s3_writer *)base;

    while (bytes.size > 0) {
        size_t room = S3_PART - writer->part.size;
        size_t size = bytes.size < room ? bytes.size : room;

        make_room(&writer->part, size);
        buf_put(&writer->part, (struct bytes){bytes.data, size});
        bytes.data += size;
        bytes.size -= size;
        if (writer->part.size == S3_PART) {
            TRY(send_part(writer, err));
        }
    }
    return 0;
}

/* After a second try the upload may be gone because the first completed it. */
static bool is_there(struct s3_writer *writer)
{
    struct err err = {0};
    int64_t    size;

    return blob_size(writer->writer.store, writer->writer.bucket, writer->writer.key, &size,
                     &err) == 0 &&
           size == writer->size;
}

static int complete_upload(struct s3_writer *writer, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct http_answer           answer;
    struct s3_call               call = call_of(writer, "POST");

    buf_put_text(&writer->list, "</CompleteMultipartUpload>");
    call.body = buf_bytes(&writer->list);
    call.content_type = "application/xml";
    call.told_late = true; /* the server works on it after it has said 200 */
    call.query[call.query_count++] = (struct sigv4_pair){"uploadId", writer->upload};
    if (s3_send(store_of(writer), arena, &call, &answer, err) < 0) {
        if (call.tries == 1 || strcmp(call.code, "NoSuchUpload") != 0 || !is_there(writer)) {
            return -1;
        }
        err_clear(err);
    }
    writer->completed = true;
    return 0;
}

int s3_writer_commit(struct blob_writer *base, struct err *err)
{
    struct s3_writer *writer = (struct s3_writer *)base;
    struct blob_name  name = {base->bucket, base->key};

    if (writer->upload == NULL) {
        return s3_put(base->store, name, buf_bytes(&writer->part), writer->content_type, err);
    }
    if (writer->part.size > 0) {
        TRY(send_part(writer, err));
    }
    return complete_upload(writer, err);
}

static void abort_upload(struct s3_writer *writer)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err                   ignored = {0}; /* the lifecycle rule is the net below */
    struct http_answer           answer;
    struct s3_call               call = call_of(writer, "DELETE");

    call.query[call.query_count++] = (struct sigv4_pair){"uploadId", writer->upload};
    (void)!s3_send(store_of(writer), arena, &call, &answer, &ignored);
}

void s3_writer_close(struct blob_writer *base)
{
    struct s3_writer *writer = (struct s3_writer *)base;

    if (writer->upload != NULL && !writer->completed) {
        abort_upload(writer);
    }
    mem_free(writer->upload);
    mem_free(writer->content_type);
    buf_done(&writer->part);
    buf_done(&writer->list);
    mem_free(writer);
}
