// SPDX-License-Identifier: MIT
/*
 * answer.c - what a handler said, given to libmicrohttpd.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "gateway/http/inside.h"

enum { SPLICE_BLOCK = 64 * 1024 };

struct splice {
    int          fd;
    int64_t      at;
    struct bytes insert; /* on the heap */
};

static void splice_free(void *arg)
{
    struct splice *splice = arg;

    fd_close(splice->fd);
    mem_free((void *)splice->insert.data);
    mem_free(splice);
}

static ssize_t splice_read(void *arg, uint64_t pos, char *room, size_t size)
{
    struct splice *splice = arg;
    int64_t        from = (int64_t)pos;
    ssize_t        got;

    if (from >= splice->at && from < splice->at + (int64_t)splice->insert.size) {
        size_t skip = (size_t)(from - splice->at);
        size_t left = splice->insert.size - skip;

        left = left < size ? left : size;
        memcpy(room, splice->insert.data + skip, left);
        return (ssize_t)left;
    }
    if (from < splice->at && (int64_t)size > splice->at - from) {
        size = (size_t)(splice->at - from);
    }
    if (from >= splice->at) {
        from -= (int64_t)splice->insert.size;
    }
    do {
        got = pread(splice->fd, room, size, from);
    } while (got < 0 && errno == EINTR);
    return got > 0 ? got : MHD_CONTENT_READER_END_WITH_ERROR;
}

static struct MHD_Response *spliced_response(struct answer *answer)
{
    struct splice       *splice = mem_zero(1, sizeof(*splice));
    struct MHD_Response *response;
    uint8_t             *copy = mem_get(answer->bytes.size + 1);

    memcpy(copy, answer->bytes.data, answer->bytes.size);
    splice->fd = answer->fd;
    splice->at = answer->at;
    splice->insert = (struct bytes){copy, answer->bytes.size};
    response = MHD_create_response_from_callback((uint64_t)answer->size + answer->bytes.size,
                                                 SPLICE_BLOCK, splice_read, splice, splice_free);
    if (response == NULL) {
        splice_free(splice);
    }
    return response;
}

static struct MHD_Response *response_of(struct answer *answer)
{
    if (answer->kind == ANSWER_SPLICED) {
        return spliced_response(answer);
    }
    if (answer->kind == ANSWER_FD && answer->size > 0) {
        struct MHD_Response *response = MHD_create_response_from_fd_at_offset64(
            (uint64_t)answer->size, answer->fd, (uint64_t)answer->offset);

        if (response == NULL) {
            fd_close(answer->fd);
        }
        return response;
    }
    if (answer->kind == ANSWER_FD) {
        fd_close(answer->fd);
        answer->bytes = BYTES("");
    }
    /* The bytes are the exchange's, which outlives the sending of its answer. */
    return MHD_create_response_from_buffer(answer->bytes.size, (void *)answer->bytes.data,
                                           MHD_RESPMEM_PERSISTENT);
}

enum MHD_Result answer_queue(struct exchange *x)
{
    struct answer       *answer = &x->inside->answer;
    struct MHD_Response *response = response_of(answer);
    enum MHD_Result      queued;

    answer->fd = -1;
    answer->kind = ANSWER_BYTES;
    if (response == NULL) {
        return MHD_NO;
    }
    if (answer->content_type != NULL) {
        (void)MHD_add_response_header(response, "Content-Type", answer->content_type);
    }
    (void)MHD_add_response_header(response, "X-Request-Id", x->request_id);
    for (size_t i = 0; i < answer->header_count; i++) {
        (void)MHD_add_response_header(response, answer->header[i].name, answer->header[i].value);
    }
    if (atomic_load(&x->server->draining)) {
        (void)MHD_add_response_header(response, "Connection", "close");
    }
    queued = MHD_queue_response(x->inside->connection, (unsigned)answer->status, response);
    MHD_destroy_response(response);
    return queued;
}
