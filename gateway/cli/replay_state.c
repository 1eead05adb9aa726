// SPDX-License-Identifier: MIT
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "gateway/cli/local.h"
#include "gateway/cli/replay.h"
#include "value/json.h"

enum { SAVE_US = 500000, SHOW_US = 100000, BAR = 24, PAUSE_MOST_MS = 100, STATE_MOST = 1 << 20 };

/* -------------------------------- how far it is -------------------------------- */

static const char *state_path(struct replay *replay)
{
    char hash[HASH_HEX];

    sha256_hex(bytes_of(replay->selection), hash);
    return local_path(
        replay->cli, arena_format(replay->cli->arena, "replay/%s-%.16s.json", replay->stage, hash));
}

static const char *new_run(struct arena *arena)
{
    time_t    now = (time_t)(clock_us() / 1000000);
    uint8_t   random[3];
    char      hex[2 * sizeof(random) + 1];
    struct tm parts;

    random_bytes(random, sizeof(random));
    hex_write(hex, (struct bytes){random, sizeof(random)});
    (void)gmtime_r(&now, &parts);
    return arena_format(arena, "%04d%02d%02dT%02d%02d%02d-%s", parts.tm_year + 1900,
                        parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                        hex);
}

static int read_state(struct replay *replay, struct value *ret_state, struct err *err)
{
    const struct value_limits limits = {.bytes = STATE_MOST, .depth = 2, .values = 100};
    const char               *path = state_path(replay);
    struct bytes              text;

    TRY(file_read(replay->cli->arena, path, STATE_MOST, &text, err));
    if (json_read(replay->cli->arena, text, &limits, ret_state, err) < 0) {
        return err_add(err, "%s (--anew begins from the start)", path);
    }
    return 0;
}

int replay_resume(struct replay *replay, struct err *err)
{
    struct arena *arena = replay->cli->arena;
    struct value  state;

    replay->run = new_run(arena);
    replay->began_us = clock_mono_us();
    if (replay->dry || replay->anew) {
        return 0;
    }
    if (read_state(replay, &state, err) < 0) {
        if (err->code != ERR_NOT_FOUND) {
            return -1;
        }
        err_clear(err);
        return 0;
    }
    replay->run = arena_text(arena, value_text_or(value_get(&state, "run"), replay->run));
    replay->after = value_whole_or(value_get(&state, "after"), 0);
    replay->done = value_whole_or(value_get(&state, "done"), 0);
    replay->filter.since_us = value_whole_or(value_get(&state, "since_us"), 0);
    replay->filter.until_us = value_whole_or(value_get(&state, "until_us"), 0);
    replay->resumed = true;
    return 0;
}

int replay_keep(struct replay *replay, bool now, struct err *err)
{
    struct arena           *arena = replay->cli->arena;
    CLEANUP(buf) struct buf json = {0};
    struct value            state = value_map();

    if (replay->dry || (!now && clock_mono_us() - replay->saved_us < SAVE_US)) {
        return 0;
    }
    replay->saved_us = clock_mono_us();
    value_put(arena, &state, "selection", value_text(replay->selection));
    value_put(arena, &state, "run", value_text(replay->run));
    value_put(arena, &state, "after", value_whole(replay->after));
    value_put(arena, &state, "done", value_whole(replay->done));
    value_put(arena, &state, "since_us", value_whole(replay->filter.since_us));
    value_put(arena, &state, "until_us", value_whole(replay->filter.until_us));
    json_pretty(&json, &state);
    TRY(dir_make(local_path(replay->cli, "replay"), 0700, err));
    return file_replace(state_path(replay), buf_bytes(&json), 0600, err);
}

int replay_forget(struct replay *replay, struct err *err)
{
    const char *path = state_path(replay);

    if (!replay->dry && unlink(path) < 0 && errno != ENOENT) {
        return err_errno(err, "removing %s", path);
    }
    return 0;
}

/* -------------------------------- stopping -------------------------------- */

static volatile sig_atomic_t stop_asked;

static void ask_stop(int number)
{
    (void)number;
    stop_asked = 1;
}

void replay_catch_stop(void)
{
    const struct sigaction action = {.sa_handler = ask_stop};

    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

int replay_go_on(const struct replay *replay, struct err *err)
{
    if (stop_asked == 0) {
        return 0;
    }
    return err_set(err, ERR_STOPPING, "interrupted after %lld of %lld; %s", (long long)replay->done,
                   (long long)replay->total,
                   replay->dry ? "nothing was changed"
                               : "the same command goes on from here, with --anew from the start");
}

/* -------------------------------- progress -------------------------------- */

static void keep_rate(struct replay *replay)
{
    int64_t due_us;

    while (replay->rate > 0 && stop_asked == 0) {
        due_us = replay->began_us + replay->paced * 1000000 / replay->rate - clock_mono_us();
        if (due_us < 1000) {
            return;
        }
        clock_sleep_ms(due_us / 1000 < PAUSE_MOST_MS ? due_us / 1000 : PAUSE_MOST_MS);
    }
}

void replay_progress(struct replay *replay, int64_t more, const char *what, const char *detail)
{
    int64_t total = replay->total > 0 ? replay->total : 1;
    int64_t full;

    replay->done += more;
    replay->paced += more;
    keep_rate(replay);
    if (isatty(STDERR_FILENO) != 1 || clock_mono_us() - replay->shown_us < SHOW_US) {
        return;
    }
    replay->shown_us = clock_mono_us();
    full = replay->done * BAR / total;
    full = full > BAR ? BAR : full;
    (void)fprintf(stderr, "\r\033[K[%.*s%.*s] %lld/%lld %s%s", (int)full,
                  "########################", (int)(BAR - full), "------------------------",
                  (long long)replay->done, (long long)replay->total, what, detail);
}

void replay_clear_bar(struct replay *replay)
{
    if (replay->shown_us > 0) {
        (void)fputs("\r\033[K", stderr);
        replay->shown_us = 0;
    }
}
