// SPDX-License-Identifier: MIT
#include "workers/qa/sandbox/escape.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "workers/qa/sandbox/job.h"

/* escape.py travels inside of the program. */
__asm__(".section .rodata\n"
        ".global escape_script\n"
        "escape_script:\n"
        ".incbin \"" ESCAPE_SCRIPT "\"\n"
        ".byte 0\n"
        ".previous\n");
extern const char escape_script[];

enum { ROWS_MOST = 512, SAID_BYTES = 256 * 1024, HANG_MS = 1500, START_WAIT_MS = 120000 };
enum { KILLED_FROM = 128 }; /* exit statuses that name a signal */

#define ORIGINAL "nobody may change this\n"

const struct sandbox_limits escape_limits = {.memory_bytes = 256 << 20,
                                             .cpus = 2,
                                             .pids = 40,
                                             .disk_bytes = 64 << 20,
                                             .disk_entries = 4000,
                                             .file_bytes = 16 << 20,
                                             .open_files = 128,
                                             .log_bytes = 100000,
                                             .result_bytes = 200000,
                                             .wall_ms = 60000};

static void row_put(struct escape_rows *rows, struct escape_row row)
{
    if (rows->count < ROWS_MOST) {
        rows->row[rows->count++] = row;
        rows->allowed += !row.denied;
    }
}

/* A limit may take the whole sandbox: gVisor's kernel is a process, and dies with what is inside.
 * That is a denial too; death of anything else is not, since nobody knows of what. */
static bool died_of_limit(struct escape_rows *rows, struct escape_row trying, const char *death)
{
    if (death == NULL || trying.group == NULL || strcmp(trying.group, "limits") != 0) {
        return false;
    }
    trying.how = death;
    trying.denied = true;
    row_put(rows, trying);
    return true;
}

int escape_read(struct arena *arena, const char *text, const char *death, struct escape_rows *rows,
                bool *ret_ended, struct err *err)
{
    char             *rest = NULL;
    struct escape_row trying = {0};
    bool              ended = false;

    if (rows->row == NULL) {
        rows->row = arena_zero(arena, ROWS_MOST, sizeof(*rows->row));
    }
    for (char *line = strtok_r(arena_text(arena, bytes_of(text)), "\n", &rest);
         line != NULL && !ended; line = strtok_r(NULL, "\n", &rest)) {
        char             *cells = NULL;
        struct escape_row row = {.group = strtok_r(line, "\t", &cells),
                                 .attempt = strtok_r(NULL, "\t", &cells)};
        const char       *verdict = strtok_r(NULL, "\t", &cells);

        ended = strcmp(line, "end") == 0;
        row.how = strtok_r(NULL, "\t", &cells);
        row.how = row.how == NULL ? "" : row.how;
        if (verdict != NULL && strcmp(verdict, "TRYING") == 0) {
            trying = row;
            continue;
        }
        if (!ended && (verdict == NULL ||
                       (strcmp(verdict, "DENIED") != 0 && strcmp(verdict, "ALLOWED") != 0))) {
            return err_set(err, ERR_SANDBOX_FAILED, "the escape suite said \"%.80s\"", line);
        }
        if (!ended) {
            row.denied = strcmp(verdict, "DENIED") == 0;
            row_put(rows, row);
            trying = (struct escape_row){0};
        }
    }
    if (!ended && !died_of_limit(rows, trying, death)) {
        return err_set(err, ERR_SANDBOX_FAILED,
                       "the escape suite did not come to its end; the last attempt it told of was"
                       " \"%s\"",
                       trying.attempt != NULL ? trying.attempt
                       : rows->count == 0     ? "none"
                                              : rows->row[rows->count - 1].attempt);
    }
    *ret_ended = ended;
    return 0;
}

struct suite {
    struct sandbox *sandbox;
    struct arena   *arena;
    struct job     *job;
    const char     *inputs, *workspace;
    bool            network;
};

static int suite_make(struct suite *suite, struct err *err)
{
    suite->inputs = arena_format(suite->arena, "%s/in", suite->job->dir);
    suite->workspace = arena_format(suite->arena, "%s/ws", suite->job->dir);
    TRY(dir_make(suite->inputs, 0755, err));
    TRY(dir_make(suite->workspace, 0755, err));
    TRY(file_replace(arena_format(suite->arena, "%s/escape.py", suite->inputs),
                     bytes_of(escape_script), 0644, err));
    TRY(file_replace(arena_format(suite->arena, "%s/original", suite->workspace),
                     bytes_of(ORIGINAL), 0644, err));
    return sandbox_own(suite->sandbox, suite->workspace, err);
}

/* One mode in a sandbox of its own. */
static int mode_run(const struct suite *suite, const char *mode, size_t from, struct sink result,
                    struct sandbox_end *ret_end, struct err *err)
{
    static const char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
                                      "HOME=/tmp",
                                      "LANG=C.UTF-8",
                                      "PYTHONDONTWRITEBYTECODE=1",
                                      "PYTHONUNBUFFERED=1",
                                      "PYTHONHASHSEED=0",
                                      NULL};
    struct sandbox_limits    limits = escape_limits;
    const char              *given = arena_format(
                     suite->arena,
                     "{\"memory\":%lld,\"pids\":%lld,\"disk\":%lld,\"entries\":%lld,\"file\":%lld,"
                                  "\"open_files\":%lld,\"inotify\":%d,\"worker\":%d,\"mode\":\"%s\",\"from\":%zu,\"own_"
                                  "kernel\":%s}",
                     (long long)limits.memory_bytes, (long long)limits.pids, (long long)limits.disk_bytes,
                     (long long)limits.disk_entries, (long long)limits.file_bytes, (long long)limits.open_files,
                     SANDBOX_INOTIFY, (int)getpid(), mode, from,
        runtime_has_kernel(sandbox_runtime(suite->sandbox)) ? "true" : "false");
    const char *const  argv[] = {"python3", "-s", SANDBOX_INPUTS "/escape.py", given, NULL};
    struct sandbox_job run = {
        .id = arena_format(suite->arena, "%s-%s%zu", suite->job->id, mode, from),
        .image = sandbox_base(suite->sandbox),
        .workspace = suite->workspace,
        .inputs = suite->inputs,
        .argv = argv,
        .env = env,
        .cwd = SANDBOX_WORKSPACE,
        .network = suite->network,
        .limits = &limits,
        .result = result};

    limits.wall_ms = strcmp(mode, "hang") == 0 ? HANG_MS : limits.wall_ms;
    TRY(sandbox_warm_wait(suite->sandbox, 1, START_WAIT_MS, err));
    return sandbox_run(suite->sandbox, &run, ret_end, err);
}

static const char *death_of(const struct suite *suite, const struct sandbox_end *end)
{
    return end->outcome == SANDBOX_OOM
               ? "killed at the memory limit, with its sandbox"
               : arena_format(suite->arena, "its sandbox died of it, exit %d", end->exit_status);
}

/* From the attempt on that so many came before. */
static int attempts_from(const struct suite *suite, struct escape_rows *rows, bool *ret_ended,
                         struct err *err)
{
    struct keep        said = {.most = SAID_BYTES};
    struct sandbox_end end;
    int ran = mode_run(suite, "attempts", rows->count, (struct sink){keep_take, &said}, &end, err);

    if (ran == 0) {
        rows->warm = end.warm;
        ran = escape_read(suite->arena, arena_text(suite->arena, buf_bytes(&said.buf)),
                          end.outcome == SANDBOX_TIMEOUT ? NULL : death_of(suite, &end), rows,
                          ret_ended, err);
    }
    buf_done(&said.buf);
    return ran;
}

static int attempts_run(const struct suite *suite, struct escape_rows *rows, struct err *err)
{
    bool ended = false;

    while (!ended) {
        TRY(attempts_from(suite, rows, &ended, err));
    }
    return 0;
}

static int files_run(const struct suite *suite, struct escape_rows *rows, struct err *err)
{
    struct keep        said = {.most = 200};
    struct sandbox_end end;
    int ran = mode_run(suite, "files", 0, (struct sink){keep_take, &said}, &end, err);

    if (ran == 0) {
        bool  died = end.outcome == SANDBOX_OOM || end.exit_status >= KILLED_FROM;
        char *how = arena_text(suite->arena, buf_bytes(&said.buf));

        how[strcspn(how, "\n")] = '\0';
        row_put(rows, (struct escape_row){"limits", "make files without end",
                                          died ? death_of(suite, &end) : how,
                                          died || end.exit_status == 1});
    }
    buf_done(&said.buf);
    return ran;
}

/* What only shows from outside. */
static int outside_run(const struct suite *suite, struct escape_rows *rows, struct err *err)
{
    struct arena       *arena = suite->arena;
    struct sandbox_end  end;
    const struct sink   nowhere = {0};
    struct sandbox_end *ended = &end;

    TRY(mode_run(suite, "signals", 0, nowhere, ended, err));
    row_put(rows, (struct escape_row){"processes", "kill every process it can name",
                                      arena_format(arena,
                                                   "its own at most: the worker lives, the "
                                                   "sandbox ended with %d",
                                                   end.exit_status),
                                      true});
    TRY(mode_run(suite, "hang", 0, nowhere, ended, err));
    row_put(rows, (struct escape_row){
                      "limits", "run without end, deaf to signals",
                      arena_format(arena, "%s after %lld ms",
                                   end.outcome == SANDBOX_TIMEOUT ? "killed" : "ended by itself",
                                   (long long)end.took_ms),
                      end.outcome == SANDBOX_TIMEOUT});
    TRY(files_run(suite, rows, err));
    TRY(mode_run(suite, "flood", 0, nowhere, ended, err));
    row_put(rows,
            (struct escape_row){"limits", "print without end",
                                arena_format(arena, "cut at %lld and %lld bytes",
                                             (long long)end.log_bytes, (long long)end.result_bytes),
                                end.log_bytes == escape_limits.log_bytes &&
                                    end.result_bytes == escape_limits.result_bytes &&
                                    end.log_dropped > 0 && end.result_dropped > 0});
    return 0;
}

static int snapshot_look(const struct suite *suite, struct escape_rows *rows, struct err *err)
{
    const char **names;
    size_t       count;
    struct bytes text;
    bool         same;

    TRY(dir_list(suite->arena, suite->workspace, &names, &count, err));
    TRY(file_read(suite->arena, arena_format(suite->arena, "%s/original", suite->workspace), 1024,
                  &text, err));
    same = count == 1 && bytes_is(text, ORIGINAL);
    row_put(rows, (struct escape_row){"files", "change the snapshot that its workspace is made of",
                                      same ? "nothing came back" : "it changed", same});
    return 0;
}

int escape_run(struct sandbox *sandbox, struct arena *arena, bool network,
               struct escape_rows *ret_rows, struct err *err)
{
    CLEANUP(job) struct job *job = NULL;
    struct suite             suite = {.sandbox = sandbox, .arena = arena, .network = network};

    *ret_rows = (struct escape_rows){0};
    TRY(job_open(&job, sandbox_dir(sandbox), err));
    suite.job = job;
    TRY(suite_make(&suite, err));
    TRY(attempts_run(&suite, ret_rows, err));
    TRY(outside_run(&suite, ret_rows, err));
    return snapshot_look(&suite, ret_rows, err);
}
