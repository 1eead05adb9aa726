// SPDX-License-Identifier: MIT
#include "farm/home.h"

#include <stdio.h>
#include <string.h>

#include "crypto/crypto.h"
#include "store/home_store.h"

enum { OBJECT_MOST = 1024 };

/* What the store's object says; NULL: it has none. */
static int read_object(struct blob_store *blob, struct arena *arena, const char **ret_word,
                       struct err *err)
{
    struct bytes word;

    *ret_word = NULL;
    if (blob_get(blob, arena, BUCKET_CHUNKS, HOME_KEY, OBJECT_MOST, &word, err) < 0) {
        if (err->code != ERR_BLOB_MISSING) {
            return -1;
        }
        err_clear(err);
        return 0;
    }
    *ret_word = arena_text(arena, word);
    return 0;
}

static int put_object(struct blob_store *blob, struct arena *arena, const char **ret_word,
                      struct err *err)
{
    uint8_t random[(HOME_WORD - 1) / 2];
    char   *word = arena_get(arena, HOME_WORD);

    random_bytes(random, sizeof(random));
    hex_write(word, (struct bytes){random, sizeof(random)});
    *ret_word = word;
    return blob_put(blob, BUCKET_CHUNKS, HOME_KEY, bytes_of(word), "text/plain", err);
}

/* The object first: who dies in between leaves one that the next takes. */
static int found_home(struct store *store, struct blob_store *blob, struct arena *arena,
                      const char **ret_word, struct err *err)
{
    CLEANUP(store_rollback) struct store *transaction = store;

    TRY(store_begin(transaction, err));
    TRY(home_lock(store, err));
    TRY(home_read(store, arena, ret_word, err));
    if (*ret_word == NULL) {
        TRY(read_object(blob, arena, ret_word, err));
        if (*ret_word == NULL) {
            TRY(put_object(blob, arena, ret_word, err));
        }
        TRY(home_save(store, arena, *ret_word, err));
    }
    return store_commit(store, err);
}

int home_is(struct blob_store *blob, const char *word, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char                  *there = NULL;

    TRY(read_object(blob, arena, &there, err));
    return there != NULL && strcmp(there, word) == 0
               ? 0
               : err_set(err, ERR_BLOB_DENIED,
                         "it is not the store that the database's rows are about: its %s %s. Is the"
                         " volume mounted, are PRT_BLOB_URL and PRT_POSTGRES_URL right? If that store"
                         " is lost: prt migrate --new-store",
                         HOME_KEY, there == NULL ? "is not there" : "is another farm's");
}

int home_check(struct store *store, struct blob_store *blob, bool found, char ret_word[HOME_WORD],
               struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char                  *word = NULL;

    TRY(home_read(store, arena, &word, err));
    if (word == NULL && found) {
        TRY(found_home(store, blob, arena, &word, err));
    }
    if (word != NULL) {
        TRY(home_is(blob, word, err));
    }
    (void)snprintf(ret_word, HOME_WORD, "%s", word == NULL ? "" : word);
    return 0;
}
