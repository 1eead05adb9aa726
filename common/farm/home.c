// SPDX-License-Identifier: MIT
#include "farm/home.h"

#include <stdio.h>
#include <string.h>

#include "crypto/crypto.h"
#include "store/home_store.h"

enum { OBJECT_MOST = 1024 };

/* In the database, in place of a word. */
#define ANY "any"
#define NEW "new:"

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

static const char *new_word(struct arena *arena)
{
    uint8_t random[(HOME_WORD - 1) / 2];
    char   *word = arena_get(arena, HOME_WORD);

    random_bytes(random, sizeof(random));
    hex_write(word, (struct bytes){random, sizeof(random)});
    return word;
}

static bool is_any(const char *word)
{
    return word != NULL && strcmp(word, ANY) == 0;
}

/* What it will be; NULL: that is not decided, or it is already. */
static const char *will_be(const char *word)
{
    return word != NULL && strncmp(word, NEW, strlen(NEW)) == 0 ? word + strlen(NEW) : NULL;
}

static bool is_settled(const char *word)
{
    return word != NULL && !is_any(word) && will_be(word) == NULL;
}

static int anothers(struct err *err)
{
    return err_set(err, ERR_BLOB_DENIED,
                   "it is another farm's: its %s says so, and the database knows no store yet. Are"
                   " PRT_BLOB_URL, PRT_BLOB_PREFIX and PRT_POSTGRES_URL right? If this database takes"
                   " the place of that farm's, which is lost: prt migrate --new-store",
                   HOME_KEY);
}

/* Under the lock. *ret_word NULL: this was one step, and another one is to come. */
static int find_step(struct store *store, struct blob_store *blob, struct arena *arena,
                     const char **ret_word, struct err *err)
{
    const char *known = NULL;
    const char *there = NULL;

    *ret_word = NULL;
    TRY(home_read(store, arena, &known, err));
    if (is_settled(known)) {
        *ret_word = known;
        return 0;
    }
    TRY(read_object(blob, arena, &there, err));
    if (there == NULL && will_be(known) == NULL) {
        return home_save(store, arena, arena_format(arena, NEW "%s", new_word(arena)), err);
    }
    if (there == NULL) {
        there = will_be(known);
        TRY(blob_put(blob, BUCKET_CHUNKS, HOME_KEY, bytes_of(there), "text/plain", err));
    } else if (!is_any(known) && (known == NULL || strcmp(there, will_be(known)) != 0)) {
        return anothers(err);
    }
    TRY(home_save(store, arena, there, err));
    *ret_word = there;
    return 0;
}

static int find_home(struct store *store, struct blob_store *blob, struct arena *arena,
                     const char **ret_word, struct err *err)
{
    do {
        CLEANUP(store_rollback) struct store *transaction = store;

        TRY(store_begin(transaction, err));
        TRY(home_lock(store, err));
        TRY(find_step(store, blob, arena, ret_word, err));
        TRY(store_commit(store, err));
    } while (*ret_word == NULL);
    return 0;
}

int home_take_any(struct store *store, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();

    return home_save(store, arena, ANY, err);
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
    if (!is_settled(word)) {
        word = NULL;
        TRY(found ? find_home(store, blob, arena, &word, err) : 0);
    }
    if (word != NULL) {
        TRY(home_is(blob, word, err));
    }
    (void)snprintf(ret_word, HOME_WORD, "%s", word == NULL ? "" : word);
    return 0;
}
