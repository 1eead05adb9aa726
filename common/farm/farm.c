// SPDX-License-Identifier: MIT
#include "farm/farm.h"

#include <string.h>

#include "base/clock.h"

enum { TRY_AGAIN_MS = 100 };

struct key_row {
    const char *variable;
    const char *hex;
    uint8_t    *slot;
};

static int read_key(const struct key_row *key, struct err *err)
{
    if (key->hex[0] == '\0') {
        return err_set(
            err, ERR_CONFIG_WRONG,
            "%s is not set: give 32 bytes as 64 hex digits (openssl rand -hex 32), the same"
            " to every process of the farm, or name a file in %s_FILE",
            key->variable, key->variable);
    }
    if (!hex_read(key->slot, KEY_BYTES, bytes_of(key->hex))) {
        return err_set(err, ERR_CONFIG_WRONG, "%s is not 64 hex digits", key->variable);
    }
    return 0;
}

static int read_keys(struct farm *farm, struct err *err)
{
    const struct config *config = farm->config;
    const struct key_row keys[] = {
        {"PRT_CHAIN_KEY", config->chain_key, farm->chain_key},
        {"PRT_SIGNING_KEY", config->signing_key, farm->signing_key},
    };

    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        TRY(read_key(&keys[i], err));
    }
    return 0;
}

int farm_store_open(struct store **ret_store, const struct config *config, struct err *err)
{
    if (config->postgres_url[0] == '\0') {
        return err_set(err, ERR_CONFIG_WRONG,
                       "PRT_POSTGRES_URL is not set: give a libpq connection string, for example"
                       " \"host=/run/postgresql dbname=prt user=prt\"");
    }
    return store_open(ret_store, config->postgres_url, "prt", err);
}

int farm_blob_open(struct blob_store **ret_blob, const struct config *config, struct err *err)
{
    const struct blob_settings settings = {
        .url = config->blob_url,
        .prefix = config->blob_prefix,
        .access_key = config->s3_access_key,
        .secret_key = config->s3_secret_key,
        .region = config->s3_region,
    };

    return blob_store_open(ret_blob, &settings, err);
}

int farm_stream_open(struct stream **ret_stream, const struct config *config, const char *program,
                     struct err *err)
{
    const struct stream_settings settings = {
        .url = config->nats_url,
        .user = config->nats_user,
        .password = config->nats_password,
        .name = program,
        .replicas = (int)config->nats_replicas,
        .ingest_keep_ms = config->ingest_keep,
        .ingest_bytes = config->ingest_bytes,
        .dead_keep_ms = config->dead_keep,
        .publish_window = (int)config->publish_window,
    };

    return stream_open(ret_stream, &settings, err);
}

static int open_stream(struct farm *farm, const char *program, bool as_is, struct err *err)
{
    TRY(farm_stream_open(&farm->stream, farm->config, program, err));
    if (!as_is && stream_setup(farm->stream, err) < 0) {
        stream_close(TAKE(farm->stream));
        return -1;
    }
    return 0;
}

/* Opened anew each time: what is mounted meanwhile would lie above the directories held open. */
static int open_blob(struct farm *farm, unsigned parts, struct err *err)
{
    const bool serves = (parts & FARM_STREAM) != 0;

    TRY(farm_blob_open(&farm->blob, farm->config, err));
    if ((parts & FARM_STORE) != 0 &&
        home_check(farm->store, farm->blob, serves, farm->home, err) < 0) {
        blob_store_close(TAKE(farm->blob));
        return err_add(err, "PRT_BLOB_URL %.120s", farm->config->blob_url);
    }
    return 0;
}

static int open_missing(struct farm *farm, unsigned parts, const char *program, struct err *err)
{
    if ((parts & (FARM_STREAM | FARM_STREAM_AS_IS)) != 0 && farm->stream == NULL) {
        TRY(open_stream(farm, program, (parts & FARM_STREAM) == 0, err));
    }
    if ((parts & FARM_STORE) != 0 && farm->store == NULL) {
        TRY(farm_store_open(&farm->store, farm->config, err));
    }
    if ((parts & FARM_STORE) != 0) {
        TRY(store_schema_check(farm->store, err));
    }
    if ((parts & FARM_BLOB) != 0 && farm->blob == NULL) {
        TRY(open_blob(farm, parts, err));
    }
    return 0;
}

int farm_blob_again(struct blob_store **ret_blob, const struct farm *farm, struct err *err)
{
    CLEANUP(blob_store) struct blob_store *blob = NULL;

    TRY(farm_blob_open(&blob, farm->config, err));
    if (farm->home[0] != '\0' && home_is(blob, farm->home, err) < 0) {
        return err_add(err, "PRT_BLOB_URL %.120s", farm->config->blob_url);
    }
    *ret_blob = TAKE(blob);
    return 0;
}

/* A key that is not let in at the start is a wrong setting: said at once. */
static bool may_come(const struct err *err)
{
    return err_fate(err->code) == FATE_WAIT && err->code != ERR_BLOB_DENIED;
}

int farm_open(struct farm *ret_farm, const struct config *config, unsigned parts,
              const char *program, const struct farm_wait *wait, struct err *err)
{
    const int64_t deadline = wait == NULL ? 0 : clock_mono_us() + wait->most_ms * 1000;
    enum err_code told = ERR_NONE;

    *ret_farm = (struct farm){.config = config};
    TRY(crypto_setup(err));
    if ((parts & FARM_KEYS) != 0) {
        TRY(read_keys(ret_farm, err));
    }
    while (open_missing(ret_farm, parts, program, err) < 0) {
        if (!may_come(err) || clock_mono_us() >= deadline) {
            farm_close(ret_farm);
            return err_add(err, "opening the farm");
        }
        if (err->code != told) {
            wait->told(err);
            told = err->code;
        }
        clock_sleep_ms(TRY_AGAIN_MS);
    }
    return 0;
}

void farm_close(struct farm *farm)
{
    stream_close(TAKE(farm->stream));
    store_close(TAKE(farm->store));
    blob_store_close(TAKE(farm->blob));
    wipe(farm->chain_key, sizeof(farm->chain_key));
    wipe(farm->signing_key, sizeof(farm->signing_key));
}
