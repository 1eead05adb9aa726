// SPDX-License-Identifier: MIT
/* prt log - what a trace's tests printed, also while they run. */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/cli/call.h"

enum { LOOK_AGAIN_MS = 2000 };

/* What strangers' code printed can't steer a terminal; a file or a pipe gets it as it is. */
static void print(struct bytes text, bool terminal)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        bool    control = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f;

        (void)putchar(terminal && control ? '?' : byte);
    }
    (void)fflush(stdout);
}

/* Prints what came after the first *printed bytes. */
static int print_more(struct cli *cli, const char *trace, int64_t *printed, bool *ret_done,
                      struct err *err)
{
    CLEANUP(arena) struct arena *round = arena_new();
    CLEANUP(buf) struct buf      path = {0};
    struct arena                *kept = cli->arena;
    struct bytes                 text = {0};
    int                          status = 0;
    int                          asked;

    buf_put_text(&path, "/v1/traces/");
    http_encode(&path, bytes_of(trace), false);
    buf_format(&path, "/qa/log?from=%lld", (long long)*printed);
    cli->arena = round;
    asked = cli_call(cli, &(struct call){.method = "GET", .path = buf_text(&path)}, &status, NULL,
                     &text, err);
    cli->arena = kept;
    if (asked < 0 && err->code == ERR_RANGE_WRONG && *printed > 0) {
        err_clear(err);
        (void)fprintf(stderr, "another worker began the tests anew\n");
        *printed = 0;
        *ret_done = false;
        return 0;
    }
    TRY(asked);
    print(text, isatty(STDOUT_FILENO) == 1);
    *printed += (int64_t)text.size;
    *ret_done = status == 200;
    return 0;
}

int log_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    const char *trace = NULL;
    bool        follow = false;
    bool        done = false;
    int64_t     printed = 0;

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
    for (;;) {
        TRY(print_more(cli, trace, &printed, &done, err));
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
