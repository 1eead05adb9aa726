// SPDX-License-Identifier: MIT
#include "gateway/api/keys.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "config/config.h"
#include "crypto/crypto.h"
#include "metric/metric.h"
#include "store/read_store.h"

enum { REFRESH_US = 5 * 1000 * 1000, FRESH_US = 1500 * 1000 };

struct keys {
    bool             dev_key;
    pthread_rwlock_t lock;
    struct arena    *arena; /* of the copy */
    struct api_key_row  *rows;  /* sorted by hash */
    size_t           count;
    pthread_mutex_t  reading; /* one reading at a time */
    _Atomic int64_t  read_us; /* when the copy was read, 0: never */
    _Atomic int64_t  due_us;
};

struct keys *keys_new(bool dev_key)
{
    struct keys *keys = mem_zero(1, sizeof(*keys));

    keys->dev_key = dev_key;
    (void)pthread_rwlock_init(&keys->lock, NULL);
    (void)pthread_mutex_init(&keys->reading, NULL);
    return keys;
}

void keys_free(struct keys *keys)
{
    if (keys != NULL) {
        arena_free(keys->arena);
        (void)pthread_rwlock_destroy(&keys->lock);
        (void)pthread_mutex_destroy(&keys->reading);
        mem_free(keys);
    }
}

static const struct {
    const char *name;
    unsigned    roles;
} role_names[] = {
    {"ingest", ROLE_INGEST},
    {"read", ROLE_READ},
    {"operate", ROLE_OPERATE},
    {"admin", ROLE_EVERY_KEY},
};

static unsigned roles_of(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(role_names); i++) {
        if (strcmp(name, role_names[i].name) == 0) {
            return role_names[i].roles;
        }
    }
    return 0;
}

static uint64_t hash_start(const uint8_t *hash)
{
    uint64_t start;

    memcpy(&start, hash, sizeof(start));
    return start;
}

static int compare_rows(const void *a, const void *b)
{
    uint64_t left = hash_start(((const struct api_key_row *)a)->hash);
    uint64_t right = hash_start(((const struct api_key_row *)b)->hash);

    return left < right ? -1 : left > right;
}

bool keys_find(struct keys *keys, struct arena *arena, const char *secret, struct caller *caller)
{
    struct api_key_row        wanted;
    const struct api_key_row *row;
    bool                  found = false;

    if (keys->dev_key && equal_in_constant_time(bytes_of(secret), BYTES(CONFIG_DEV_KEY))) {
        caller->roles = ROLE_EVERY_KEY;
        caller->tenant = "dev";
        caller->rate = 0;
        return true;
    }
    sha256_of(bytes_of(secret), wanted.hash);
    (void)pthread_rwlock_rdlock(&keys->lock);
    /* Which hashes exist may show in the time this takes; which key has one does not. */
    row = keys->count == 0
              ? NULL
              : bsearch(&wanted, keys->rows, keys->count, sizeof(*keys->rows), compare_rows);
    if (row != NULL && equal_in_constant_time((struct bytes){row->hash, HASH_BYTES},
                                              (struct bytes){wanted.hash, HASH_BYTES})) {
        caller->roles = roles_of(row->role);
        caller->tenant = arena_text(arena, bytes_of(row->tenant));
        caller->rate = hash_start(row->hash);
        found = true;
    }
    (void)pthread_rwlock_unlock(&keys->lock);
    return found;
}

static int read_again(struct keys *keys, struct store *store, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct arena   *old;
    struct api_key_row *rows;
    size_t          count;
    int64_t         now = clock_mono_us();

    TRY(read_api_keys(store, arena, &rows, &count, err));
    qsort(rows, count, sizeof(*rows), compare_rows);
    (void)pthread_rwlock_wrlock(&keys->lock);
    old = keys->arena;
    keys->arena = TAKE(arena);
    keys->rows = rows;
    keys->count = count;
    (void)pthread_rwlock_unlock(&keys->lock);
    arena_free(old);
    atomic_store(&keys->read_us, now);
    atomic_store(&keys->due_us, now + REFRESH_US);
    return 0;
}

int keys_refresh(struct keys *keys, struct store *store, int64_t since_us, struct err *err)
{
    int result = 0;

    (void)pthread_mutex_lock(&keys->reading);
    if (atomic_load(&keys->read_us) <= since_us) {
        result = read_again(keys, store, err);
    }
    (void)pthread_mutex_unlock(&keys->reading);
    return result;
}

bool keys_fresh(struct keys *keys)
{
    int64_t now = clock_mono_us();
    int64_t read = atomic_load(&keys->read_us);

    if (read != 0 && now - read <= FRESH_US) {
        return true;
    }
    atomic_store(&keys->due_us, now);
    return false;
}

bool keys_due(struct keys *keys)
{
    int64_t now = clock_mono_us();
    int64_t due = atomic_load(&keys->due_us);

    metric_set(METRIC_gateway_keys_age, 0,
               atomic_load(&keys->read_us) == 0 ? -1
                                                : (now - atomic_load(&keys->read_us)) / 1000000);
    return due <= now && atomic_compare_exchange_strong(&keys->due_us, &due, now + REFRESH_US);
}
