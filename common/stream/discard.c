// SPDX-License-Identifier: MIT
/*
 * discard.c - done with a message of the library.
 *
 * Destroying one hands it to the library's collecting thread and wakes that thread, for each message
 * anew: 2.5 switches of threads a chunk in the gateway. So they are destroyed many at once.
 */
#include "stream/connection.h"

enum { DISCARD_BYTES = 512 * 1024 }; /* held back at most, and one message more */

void stream_discard(struct stream *stream, natsMsg *msg)
{
    struct discard *discard = &stream->discard;
    natsMsg        *done[DISCARD_MOST];
    int             count = 0;

    (void)pthread_mutex_lock(&discard->lock);
    discard->bytes += (size_t)natsMsg_GetDataLength(msg);
    discard->msgs[discard->count++] = msg;
    if (discard->count == DISCARD_MOST || discard->bytes > DISCARD_BYTES) {
        count = discard->count;
        for (int i = 0; i < count; i++) {
            done[i] = discard->msgs[i];
        }
        discard->count = 0;
        discard->bytes = 0;
    }
    (void)pthread_mutex_unlock(&discard->lock);
    for (int i = 0; i < count; i++) {
        natsMsg_Destroy(done[i]);
    }
}

void discard_done(struct stream *stream)
{
    struct discard *discard = &stream->discard;

    for (int i = 0; i < discard->count; i++) {
        natsMsg_Destroy(discard->msgs[i]);
    }
    discard->count = 0;
    (void)pthread_mutex_destroy(&discard->lock);
}
