// SPDX-License-Identifier: MIT
/*
 * home.h - is this object store the one that holds what the database's rows name?
 *
 * A directory whose volume is not mounted, or the buckets of another server, look like a store that
 * was just made: who began to work in it would find every object missing, and what it puts there is
 * missing when the right one is back. So the store has an object with a random word in it, and the
 * database has the same word (0014_object_home.sql).
 *
 *   database    store     what the first worker does
 *   no row      none      "new:<word>", then the object, then the word: whoever dies on the way is followed
 *   no row      a word    refuses: it is another farm's, whose objects no row here names
 *   "any"       a word    takes it (prt migrate --new-store: this database takes another's place, or
 *   "any"       none      makes a new one                    that store another's)
 *   a word      another, or none: refuses
 */
#ifndef PRT_FARM_HOME_H
#define PRT_FARM_HOME_H

#include "blob/blob.h"
#include "store/store.h"

#define HOME_KEY "farm/home" /* in the chunks bucket */

enum { HOME_WORD = 33 /* 32 hex digits and a NUL */ };

/* BLOB_DENIED if it is not, and then nothing may be put there. Where `found`, a database that has no word
 * gets one; otherwise any store will do for it, and ret_word is "". Not inside a transaction. */
WARN_UNUSED int home_check(struct store *store, struct blob_store *blob, bool found,
                           char ret_word[HOME_WORD], struct err *err);

/* The same for one that knows the word: BLOB_DENIED if the store has another, or none. */
WARN_UNUSED int home_is(struct blob_store *blob, const char *word, struct err *err);

/* The next store that is found is taken, whatever it is. */
WARN_UNUSED int home_take_any(struct store *store, struct err *err);

#endif
