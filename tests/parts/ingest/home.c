// SPDX-License-Identifier: MIT
/* home: the object store is known by a word that the database has too. */
#include <stdlib.h>

#include "base/fd.h"
#include "store/home_store.h"
#include "world.h"

/* An object store in a directory of its own, as one looks whose volume is not mounted. */
static struct blob_store *empty_store(char dir[])
{
    struct blob_settings settings = {.prefix = "pr-telemetry"};
    struct blob_store   *blob = NULL;
    char                 url[64];
    struct err           err = {0};

    CHECK(mkdtemp(dir) != NULL);
    (void)snprintf(url, sizeof(url), "file://%s", dir);
    settings.url = url;
    CHECK_WORKS(blob_store_open(&blob, &settings, &err));
    return blob;
}

static bool has_home(struct blob_store *blob)
{
    struct err err = {0};
    int64_t    size;

    return blob_size(blob, BUCKET_CHUNKS, HOME_KEY, &size, &err) == 0;
}

TEST(home, is_found_once_and_known_from_then_on)
{
    CLEANUP(world) struct world *world = world_new();
    CLEANUP(world) struct world *other = world_beside(world);
    char                         word[HOME_WORD];
    char                         again[HOME_WORD];
    struct err                   err = {0};

    CHECK_WORKS(home_check(world->farm.store, world->farm.blob, false, word, &err));
    CHECK_TEXT(word, "");
    CHECK_WORKS(home_check(world->farm.store, world->farm.blob, true, word, &err));
    CHECK_NUMBER(strlen(word), HOME_WORD - 1);
    CHECK_WORKS(home_check(other->farm.store, other->farm.blob, true, again, &err));
    CHECK_TEXT(again, word);
    CHECK_WORKS(home_check(other->farm.store, other->farm.blob, false, again, &err));
    CHECK_TEXT(again, word);
    CHECK_WORKS(home_is(other->farm.blob, word, &err));
}

TEST(home, that_is_away_is_not_made_anew)
{
    char                                   dir[] = "/tmp/prt-blobs-XXXXXX";
    CLEANUP(world) struct world           *world = world_new();
    CLEANUP(blob_store) struct blob_store *away = empty_store(dir);
    char                                   word[HOME_WORD];
    struct err                             err = {0};

    CHECK_WORKS(home_check(world->farm.store, world->farm.blob, true, word, &err));
    CHECK_FAILS(home_check(world->farm.store, away, true, word, &err), ERR_BLOB_DENIED);
    CHECK(strstr(err.story, "volume") != NULL && strstr(err.story, "--new-store") != NULL);
    CHECK_FAILS(home_check(world->farm.store, away, false, word, &err), ERR_BLOB_DENIED);
    CHECK_FAILS(home_is(away, word, &err), ERR_BLOB_DENIED);
    CHECK(!has_home(away));

    CHECK_WORKS(home_take_any(world->farm.store, &err)); /* it is lost */
    CHECK_WORKS(home_check(world->farm.store, away, false, word, &err));
    CHECK_TEXT(word, "");
    CHECK_WORKS(home_check(world->farm.store, away, true, word, &err));
    CHECK_FAILS(home_check(world->farm.store, world->farm.blob, true, word, &err), ERR_BLOB_DENIED);
    CHECK_WORKS(dir_remove(dir, &err));
}

static const struct statement forget = {"forget_home", "DELETE FROM object_home", 0};
static const struct statement decide = {
    "decide_home",
    "INSERT INTO object_home (word) VALUES ('new:abc') ON CONFLICT (one) DO UPDATE SET word = 'new:abc'",
    0};
static const struct statement decide_otherwise = {
    "decide_home_otherwise", "UPDATE object_home SET word = 'new:other'", 0};

static void change_home(struct world *world, const struct statement *change)
{
    struct err err = {0};

    CHECK_WORKS(store_run(world->farm.store, change, NULL, NULL, &err));
}

/* A new farm with another one's settings for the store. */
TEST(home, of_another_farm_is_not_taken_by_a_new_database)
{
    CLEANUP(world) struct world *world = world_new();
    char                         word[HOME_WORD];
    char                         again[HOME_WORD];
    struct err                   err = {0};

    CHECK_WORKS(home_check(world->farm.store, world->farm.blob, true, word, &err));
    change_home(world, &forget);
    CHECK_FAILS(home_check(world->farm.store, world->farm.blob, true, again, &err),
                ERR_BLOB_DENIED);
    CHECK(strstr(err.story, "another farm's") != NULL && strstr(err.story, "--new-store") != NULL);
    CHECK_WORKS(home_take_any(world->farm.store, &err)); /* the other's database is lost */
    CHECK_WORKS(home_check(world->farm.store, world->farm.blob, true, again, &err));
    CHECK_TEXT(again, word);
}

/* Killed between two steps: the word is decided, and in the store or not. */
TEST(home, is_found_by_whoever_comes_after_one_that_was_killed)
{
    CLEANUP(world) struct world *world = world_new();
    char                         word[HOME_WORD];
    struct err                   err = {0};

    change_home(world, &decide);
    CHECK_WORKS(home_check(world->farm.store, world->farm.blob, false, word, &err));
    CHECK_TEXT(word, "");
    CHECK_WORKS(home_check(world->farm.store, world->farm.blob, true, word, &err));
    CHECK_TEXT(word, "abc");
    change_home(world, &decide);
    CHECK_WORKS(home_check(world->farm.store, world->farm.blob, true, word, &err));
    CHECK_TEXT(word, "abc");
    change_home(world, &decide_otherwise);
    CHECK_FAILS(home_check(world->farm.store, world->farm.blob, true, word, &err), ERR_BLOB_DENIED);
}
