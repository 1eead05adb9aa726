// SPDX-License-Identifier: MIT
/* prt submit - sends a recorded session: open, snapshots, chunks, complete. */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "crypto/crypto.h"
#include "gateway/cli/call.h"
#include "gateway/cli/local.h"
#include "gateway/cli/outcome.h"
#include "gateway/cli/plain.h"
#include "gateway/cli/whole.h"
#include "pack/pack.h"
#include "value/json.h"

enum { CHUNKS_MOST = 100000, LOOK_AGAIN_MS = 100, WAIT_MOST_MS = 20 * 60 * 1000 };

struct submission {
    const char  *session; /* file, or NULL when resuming */
    const char  *before;  /* directory or NULL */
    const char  *after;
    const char **chunks; /* files in order */
    size_t       chunk_count;
    struct bytes complete; /* body; size 0: none */
    int64_t      first;    /* < 0: all, and complete */
    const char  *trace;
    const char  *token;
    bool         wait;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int find_chunks(struct cli *cli, const char *dir, struct submission *what, struct err *err)
{
    const char    *folder = arena_format(cli->arena, "%s/chunks", dir);
    DIR           *list = opendir(folder);
    struct dirent *entry;

    if (list == NULL) {
        return err_errno(err, "%s wants a folder of chunks; opening %s", dir, folder);
    }
    what->chunks = arena_zero(cli->arena, CHUNKS_MOST, sizeof(*what->chunks));
    while ((entry = readdir(list)) != NULL && what->chunk_count < CHUNKS_MOST) {
        size_t size = strlen(entry->d_name);

        if (size > 5 && strcmp(entry->d_name + size - 5, ".json") == 0) {
            what->chunks[what->chunk_count++] =
                arena_format(cli->arena, "%s/%s", folder, entry->d_name);
        }
    }
    (void)closedir(list);
    qsort(what->chunks, what->chunk_count, sizeof(*what->chunks), by_name);
    return 0;
}

static const char *if_there(struct cli *cli, const char *dir, const char *name)
{
    const char *path = arena_format(cli->arena, "%s/%s", dir, name);

    return access(path, R_OK) == 0 ? path : NULL;
}

static int find_directory(struct cli *cli, const char *dir, struct submission *what, struct err *err)
{
    const char  *complete = if_there(cli, dir, "complete.json");
    struct value ignored;

    TRY(find_chunks(cli, dir, what, err));
    if (what->session == NULL) {
        what->session = arena_format(cli->arena, "%s/session.json", dir);
    }
    what->before = what->before == NULL ? if_there(cli, dir, "before") : what->before;
    what->after = what->after == NULL ? if_there(cli, dir, "after") : what->after;
    return complete == NULL ? 0 : cli_read_json(cli, complete, &what->complete, &ignored, err);
}

/* The token of a trace begun here is kept beside the farm, so that --resume can go on. */
static const char *token_file(struct cli *cli, const char *trace)
{
    return local_path(cli, arena_format(cli->arena, "submit/%s.token", trace));
}

static int begin(struct cli *cli, struct submission *what, struct err *err)
{
    struct bytes body;
    struct value value;
    struct value answer;
    uint8_t      random[16];
    char         key[2 * sizeof(random) + 1]; /* sent again, it is to open the same trace */

    TRY(cli_read_json(cli, what->session, &body, &value, err));
    random_bytes(random, sizeof(random));
    hex_write(key, (struct bytes){random, sizeof(random)});
    TRY(cli_call(cli,
                 &(struct call){
                     .method = "POST", .path = "/v1/traces", .json = body, .idempotency = key},
                 NULL, &answer, NULL, err));
    what->trace = arena_text(cli->arena, value_text_or(value_get(&answer, "trace_id"), ""));
    what->token = arena_text(cli->arena, value_text_or(value_get(&answer, "upload_token"), ""));
    TRY(dir_make(local_path(cli, "submit"), 0700, err));
    return file_replace(token_file(cli, what->trace), bytes_of(what->token), 0600, err);
}

static int resume(struct cli *cli, struct submission *what, struct err *err)
{
    struct bytes token;

    if (file_read(cli->arena, token_file(cli, what->trace), 4096, &token, err) < 0) {
        return err_add(err, "resuming %s: it was not begun with this data directory", what->trace);
    }
    what->token = arena_text(cli->arena, token);
    return 0;
}

static int send_snapshot(struct cli *cli, const struct submission *what, const char *dir,
                         const char *name, struct err *err)
{
    const char *temporary = getenv("TMPDIR") == NULL ? "/tmp" : getenv("TMPDIR");
    CLEANUP(fd) int fd = -1;
    struct stat     info;

    if (dir == NULL) {
        return 0;
    }
    fd = fd_temporary(temporary, err);
    TRY(fd);
    TRY(pack_directory(dir, fd, err));
    if (fstat(fd, &info) < 0) {
        return err_errno(err, "measuring the snapshot of %s", dir);
    }
    return cli_call(cli,
                    &(struct call){.method = "PUT",
                                   .path = arena_format(cli->arena, "/v1/traces/%s/artifacts/%s",
                                                        what->trace, name),
                                   .token = what->token,
                                   .file = fd,
                                   .file_bytes = info.st_size,
                                   .content_type = "application/gzip"},
                    NULL, NULL, NULL, err);
}

static int send_chunks(struct cli *cli, const struct submission *what, struct err *err)
{
    size_t      count = what->first < 0 || (size_t)what->first > what->chunk_count
                            ? what->chunk_count
                            : (size_t)what->first;
    const char *path = arena_format(cli->arena, "/v1/traces/%s/events:ingest", what->trace);
    size_t      unseen = 0; /* answered before validate has looked at them */

    for (size_t i = 0; i < count; i++) {
        struct bytes body;
        struct value value;
        struct value verdict;
        const struct value *rejected;

        TRY(cli_read_json(cli, what->chunks[i], &body, &value, err));
        if (cli_call(cli,
                     &(struct call){.method = "POST", .path = path, .token = what->token, .json = body},
                     NULL, &verdict, NULL, err) < 0) {
            return err_add(err, "chunk %zu of %zu", i + 1, count);
        }
        unseen += value_is_text(value_get(&verdict, "status"), "accepted");
        rejected = value_get(&verdict, "rejected");
        for (uint32_t k = 0; rejected != NULL && rejected->kind == VALUE_LIST && k < rejected->count; k++) {
            struct bytes pointer = value_text_or(value_get(&rejected->as.items[k], "pointer"), "");
            struct bytes message = value_text_or(value_get(&rejected->as.items[k], "message"), "");

            (void)fprintf(stderr, "%s: refused ", what->chunks[i]);
            plain_print(stderr, pointer);
            (void)fputs(": ", stderr);
            plain_print(stderr, message);
            (void)fputc('\n', stderr);
        }
        if (cli->bars) {
            (void)fprintf(stderr, "\rchunks sent: %zu of %zu%s", i + 1, count,
                          i + 1 == count ? "\n" : "");
        }
    }
    if (unseen > 0) {
        (void)fprintf(stderr,
                      "%zu of %zu chunks are stored, but validate has not come to them (prt status):"
                      " what it refuses of them is not told here\n",
                      unseen, count);
    }
    return 0;
}

/* Until the judge has spoken (or judging is off and qa has). */
static int wait_for_end(struct cli *cli, const struct submission *what, struct bytes *ret_document,
                        struct err *err)
{
    int64_t     deadline = clock_mono_us() + (int64_t)WAIT_MOST_MS * 1000;
    const char *shown = "";

    while (clock_mono_us() < deadline) {
        CLEANUP(arena) struct arena *round = arena_new();
        struct arena   *kept = cli->arena;
        struct outcome  outcome;
        int             status;
        int             asked;

        cli->arena = round; /* a poll leaves nothing behind */
        asked = cli_document(cli, what->trace, &status, ret_document, err);
        if (asked == 0) {
            asked = outcome_read(round, status, *ret_document, &outcome, err);
        }
        cli->arena = kept;
        TRY(asked);
        if (strcmp(shown, outcome.stage) != 0 && cli->bars) {
            (void)fprintf(stderr, "%s\n", outcome.stage);
        }
        shown = outcome.stage;
        if (outcome.ended) {
            *ret_document = arena_bytes(kept, *ret_document);
            return 0;
        }
        clock_sleep_ms(LOOK_AGAIN_MS);
    }
    return err_set(err, ERR_TRACE_NOT_READY, "%s is not judged after %d minutes: %s; prt status and"
                   " prt dead list --trace %s tell what holds it up", what->trace,
                   WAIT_MOST_MS / 60000, shown, what->trace);
}

/* Before anything is sent: a trace that is begun in vain stays open. */
static int check_directory(const char *dir, struct err *err)
{
    struct stat info;

    if (dir == NULL) {
        return 0;
    }
    if (stat(dir, &info) == 0) {
        errno = ENOTDIR;
        if (S_ISDIR(info.st_mode)) {
            return 0;
        }
    }
    return err_errno(err, "%s", dir);
}

static int send_all(struct cli *cli, const struct submission *what, struct err *err)
{
    TRY(send_snapshot(cli, what, what->before, "start_workspace_snapshot", err));
    TRY(send_chunks(cli, what, err));
    if (what->first < 0) {
        TRY(send_snapshot(cli, what, what->after, "final_workspace_snapshot", err));
        TRY(cli_call(cli,
                     &(struct call){.method = "POST",
                                    .path = arena_format(cli->arena, "/v1/traces/%s/complete",
                                                         what->trace),
                                    .token = what->token,
                                    .json = what->complete},
                     NULL, NULL, NULL, err));
    }
    return 0;
}

static int submit(struct cli *cli, struct submission *what, struct err *err)
{
    struct bytes document;

    TRY(crypto_setup(err));
    TRY(check_directory(what->before, err));
    TRY(check_directory(what->after, err));
    TRY(what->trace == NULL ? begin(cli, what, err) : resume(cli, what, err));
    if (send_all(cli, what, err) < 0) {
        return err_add(err, "not all is sent, prt submit --resume %s goes on", what->trace);
    }
    if (!what->wait || what->first >= 0) {
        printf(cli->json ? "{\"trace_id\":\"%s\"}\n" : "%s\n", what->trace);
        return EXIT_DONE;
    }
    if (wait_for_end(cli, what, &document, err) < 0) {
        return err_add(err, "%s is sent whole; waiting for its verdict", what->trace);
    }
    return outcome_print(cli, what->trace, document, err);
}

int submit_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    static const struct option options[] = {{"wait", no_argument, NULL, 'w'},
                                            {"snapshot-before", required_argument, NULL, 'b'},
                                            {"snapshot-after", required_argument, NULL, 'a'},
                                            {"session", required_argument, NULL, 's'},
                                            {"first", required_argument, NULL, 'f'},
                                            {"resume", required_argument, NULL, 'r'},
                                            {NULL, 0, NULL, 0}};
    struct submission what = {.first = -1};
    struct stat       info;
    int               option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'w': what.wait = true; break;
        case 'b': what.before = optarg; break;
        case 'a': what.after = optarg; break;
        case 's': what.session = optarg; break;
        case 'f': TRY(whole_read("--first", optarg, 0, CHUNKS_MOST, &what.first, err)); break;
        case 'r': what.trace = optarg; break;
        default: return err_set(err, ERR_USAGE, "prt submit --help tells its options");
        }
    }
    if (optind == argc) {
        return err_set(err, ERR_USAGE, "submit wants a session's directory or chunk files");
    }
    if (stat(argv[optind], &info) < 0) {
        return err_errno(err, "%s", argv[optind]);
    }
    if (S_ISDIR(info.st_mode)) {
        TRY(find_directory(cli, argv[optind], &what, err));
    } else {
        what.chunks = (const char **)(argv + optind);
        what.chunk_count = (size_t)(argc - optind);
        if (what.session == NULL && what.trace == NULL) {
            return err_set(err, ERR_USAGE, "chunk files want --session FILE beside them");
        }
    }
    return submit(cli, &what, err);
}
