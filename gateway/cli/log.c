// SPDX-License-Identifier: MIT
/* prt log - what a trace's tests printed, also while they run. */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypto/crypto.h"
#include "gateway/cli/call.h"
#include "gateway/cli/plain.h"

enum { LOOK_AGAIN_MS = 2000 };

/* What was printed of the run that is followed. */
struct shown {
    struct sha256 *sha; /* of it: whether what comes next is of the same run */
    int64_t        bytes;
    int            run; /* 1: the first that was seen */
    bool           held; /* plain_lines() */
};

/* What strangers' code printed can't steer a terminal; a file or a pipe gets it as it is. */
static void print(struct bytes text, struct shown *shown)
{
    if (isatty(STDOUT_FILENO) == 1) {
        plain_lines(stdout, text, &shown->held);
    } else {
        (void)fwrite(text.data, 1, text.size, stdout);
    }
    (void)fflush(stdout);
}

static const char *path_of(struct arena *arena, const char *trace, const struct shown *shown)
{
    CLEANUP(buf) struct buf path = {0};
    uint8_t                 hash[HASH_BYTES];
    char                    hex[HASH_HEX];

    buf_put_text(&path, "/v1/traces/");
    http_encode(&path, bytes_of(trace), false);
    buf_put_text(&path, "/qa/log");
    if (shown->bytes > 0) {
        sha256_peek(shown->sha, hash);
        hex_write(hex, (struct bytes){hash, sizeof(hash)});
        buf_format(&path, "?from=%lld&seen=%s", (long long)shown->bytes, hex);
    }
    return arena_text(arena, buf_bytes(&path));
}

/* Prints what came after that. */
static int print_more(struct cli *cli, const char *trace, struct shown *shown, bool *ret_done,
                      struct err *err)
{
    CLEANUP(arena) struct arena *round = arena_new();
    struct arena                *kept = cli->arena;
    const char                  *path = path_of(round, trace, shown);
    struct bytes                 text = {0};
    int                          status = 0;
    int                          asked;

    cli->arena = round;
    asked = cli_call(cli, &(struct call){.method = "GET", .path = path}, &status, NULL, &text, err);
    cli->arena = kept;
    if (asked < 0 && err->code == ERR_RANGE_WRONG && shown->bytes > 0) {
        err_clear(err);
        shown->run++;
        (void)fprintf(stderr, "another worker began the tests anew; run %d starts here\n",
                      shown->run);
        sha256_start(shown->sha);
        shown->bytes = 0;
        shown->held = false;
        *ret_done = false;
        return 0;
    }
    TRY(asked);
    print(text, shown);
    sha256_add(shown->sha, text);
    shown->bytes += (int64_t)text.size;
    *ret_done = status == 200;
    return 0;
}

int log_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    CLEANUP(sha256) struct sha256 *sha = NULL;
    struct shown                   shown = {.run = 1};
    const char                    *trace = NULL;
    bool                           follow = false;
    bool                           done = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--follow") == 0) {
            follow = true;
        } else if (trace == NULL && argv[i][0] != '-') {
            trace = argv[i];
        } else {
            return err_set(err, ERR_USAGE, "log takes one trace and --follow, not \"%s\"", argv[i]);
        }
    }
    if (trace == NULL) {
        return err_set(err, ERR_USAGE, "log takes one trace");
    }
    TRY(crypto_setup(err));
    shown.sha = sha = sha256_new();
    for (;;) {
        TRY(print_more(cli, trace, &shown, &done, err));
        if (done || !follow) {
            break;
        }
        clock_sleep_ms(LOOK_AGAIN_MS);
    }
    if (!done) {
        (void)fprintf(stderr, "the tests are not done; --follow waits for them\n");
    }
    return EXIT_DONE;
}
