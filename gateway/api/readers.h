// SPDX-License-Identifier: MIT
/*
 * readers.h - the few threads that wait for the database and the object store, so that no event
 * loop does. Each has a connection of its own to both, opened when first needed.
 *
 * The queue is bounded: beyond it requests are refused, OVERLOADED. A database that hangs is waited
 * for by one reader at a time; the others refuse what needs it, and are there for what does not.
 */
#ifndef PRT_GATEWAY_API_READERS_H
#define PRT_GATEWAY_API_READERS_H

#include "blob/blob.h"
#include "config/config.h"
#include "gateway/api/keys.h"
#include "gateway/http/exchange.h"
#include "store/store.h"

struct readers;
struct reader;

/* keys: those that they keep fresh beside their work, as they do the accounts; NULL: neither. */
WARN_UNUSED int readers_open(struct readers **ret_readers, const struct config *config,
                             size_t count, struct keys *keys, struct err *err);
void            readers_close(struct readers *readers); /* after the last exchange has come back */

/* Runs on a reader's thread, with the exchange held. READ_ANSWERED: the answer was said, the reader
 * resumes. READ_HANDED_ON: the exchange is somebody else's now. -1: refused with *err. */
enum { READ_ANSWERED = 0, READ_HANDED_ON = 1 };
typedef int (*read_job)(struct reader *reader, struct exchange *x, struct err *err);

/* Holds the exchange and queues it; -1 leaves it where it is. */
WARN_UNUSED int readers_put(struct readers *readers, struct exchange *x, read_job job,
                            struct err *err);
/* The same for what only reads: it waits behind what is sent, and never takes the last reader. */
WARN_UNUSED int readers_put_read(struct readers *readers, struct exchange *x, read_job job,
                                 struct err *err);
/* The way most handlers end: what can't be queued is refused. */
void read_with(struct exchange *x, read_job job);

/* The thread's own; NULL with *err set when it can't be opened. */
struct store      *reader_store(struct reader *reader, struct err *err);
struct blob_store *reader_blob(struct reader *reader, struct err *err);

/* An open file with the bytes of an object: the backend's own, or a copy in an unlinked file. Only
 * `size` bytes from `offset` are sure to be in it, at *ret_offset. */
WARN_UNUSED int reader_object(struct reader *reader, enum bucket bucket, const char *key,
                              int64_t offset, int64_t size, int *ret_fd, int64_t *ret_offset,
                              struct err *err);
/* Only whether it is there, for HEAD. */
WARN_UNUSED int reader_look(struct reader *reader, enum bucket bucket, const char *key,
                            struct err *err);

#endif
