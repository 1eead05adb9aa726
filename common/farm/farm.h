// SPDX-License-Identifier: MIT
/*
 * farm.h - what every program of the farm opens at start and closes at the end.
 *
 * One struct farm per process; store and blob are for its main thread. More threads open their own
 * with farm_store_open and farm_blob_open.
 */
#ifndef PRT_FARM_FARM_H
#define PRT_FARM_FARM_H

#include "blob/blob.h"
#include "config/config.h"
#include "crypto/crypto.h"
#include "farm/home.h"
#include "store/store.h"
#include "stream/stream.h"

/* FARM_STREAM makes the streams, and brings those that are there up to the settings: for who serves.
 * A tool takes them as they are: its machine may have other settings, and a shorter PRT_DEAD_KEEP
 * deletes. */
enum farm_parts {
    FARM_STREAM = 1,
    FARM_STORE = 2,
    FARM_BLOB = 4,
    FARM_KEYS = 8,
    FARM_STREAM_AS_IS = 16
};

struct farm {
    const struct config *config;
    struct stream       *stream; /* NULL unless asked for */
    struct store        *store;
    struct blob_store   *blob;
    char                 home[HOME_WORD]; /* the word it is known by; "": none */
    uint8_t              chain_key[KEY_BYTES]; /* with FARM_KEYS; CONFIG_WRONG if not set */
    uint8_t              signing_key[KEY_BYTES];
};

/* For servers that are still starting: how long they are waited for, and who is told of it, once for
 * each kind of failure. */
struct farm_wait {
    int64_t most_ms;
    void (*told)(const struct err *err);
};

/* Opens the parts asked for; the object store, where the database is as well, only if it is the one that
 * the rows are about (home.h). With `wait`, tries again where a server does not answer yet. */
WARN_UNUSED int farm_open(struct farm *ret_farm, const struct config *config, unsigned parts,
                          const char *program, const struct farm_wait *wait, struct err *err);
void            farm_close(struct farm *farm);

/* A connection; the streams themselves are made by farm_open. `program` as the server shows it. */
WARN_UNUSED int farm_stream_open(struct stream **ret_stream, const struct config *config,
                                 const char *program, struct err *err);
WARN_UNUSED int farm_store_open(struct store **ret_store, const struct config *config,
                                struct err *err);
WARN_UNUSED int farm_blob_open(struct blob_store **ret_blob, const struct config *config,
                               struct err *err);

/* One more connection to the object store that the farm has open, and to no other. */
WARN_UNUSED int farm_blob_again(struct blob_store **ret_blob, const struct farm *farm,
                                struct err *err);

#endif
