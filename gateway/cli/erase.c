// SPDX-License-Identifier: MIT
/* prt erase - a trace goes: rows, lines, artifacts, document and messages. */
#include <string.h>
#include <unistd.h>

#include "gateway/cli/call.h"
#include "gateway/cli/local.h"

static bool agreed(const char *trace)
{
    char answer[8];

    (void)fprintf(stderr, "Erase trace %s for good? [y/N] ", trace);
    return fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
}

int erase_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    CLEANUP(buf) struct buf path = {0};
    const char             *trace = NULL;
    bool                    yes = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--yes") == 0) {
            yes = true;
        } else if (trace == NULL && argv[i][0] != '-') {
            trace = argv[i];
        } else {
            return err_set(err, ERR_USAGE, "erase takes one trace and --yes, not \"%s\"", argv[i]);
        }
    }
    if (trace == NULL) {
        return err_set(err, ERR_USAGE, "erase takes one trace");
    }
    if (!yes && !isatty(STDIN_FILENO)) {
        return err_set(err, ERR_USAGE,
                       "what is erased is gone: say --yes where nobody can be asked");
    }
    if (!yes && !agreed(trace)) {
        return err_set(err, ERR_USAGE, "nothing was erased");
    }
    buf_put_text(&path, "/v1/traces/");
    http_encode(&path, bytes_of(trace), false);
    TRY(cli_call(cli, &(struct call){.method = "DELETE", .path = buf_text(&path)}, NULL, NULL, NULL,
                 err));
    if (strchr(trace, '/') == NULL) { /* what prt submit keeps to go on with */
        (void)unlink(local_path(cli, arena_format(cli->arena, "submit/%s.token", trace)));
    }
    if (cli->json) {
        printf("{\"trace_id\":\"%s\",\"status\":\"erasing\"}\n", trace); /* the gateway knew it: no odd characters */
    } else {
        (void)fprintf(stderr, "trace %s is being erased\n", trace);
    }
    return EXIT_DONE;
}
