// SPDX-License-Identifier: MIT
#include "workers/qa/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "value/json.h"
#include "workers/qa/pattern.h"
#include "workers/qa/runner_data.h"
#include "workers/qa/sandbox/sandbox.h"

static const struct runner runners[] = {
#define RUNNER(name, performer, command, evidence, ends, has, lacks, tests, control, config,       \
               selects)                                                                            \
    {#name, performer, command, evidence, ends, has, lacks, tests, control, config, selects},
#include "schemas/runner.def"
#undef RUNNER
};

/* Looking at a workspace: most of one file, most in all. */
enum { LOOK_FILE = 64 * 1024, LOOK_BYTES = 16 * 1024 * 1024 };

const struct runner *runner_named(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(runners); i++) {
        if (strcmp(runners[i].framework, name) == 0) {
            return &runners[i];
        }
    }
    return NULL;
}

/* -------------------------------------- which one -------------------------------------- */

struct look {
    const char *path;                /* of the file looked at */
    char        text[LOOK_FILE + 1]; /* how it begins, after a line feed */
    size_t      size;
    bool        read;
    int64_t     left;
};

static void text_read(struct look *look)
{
    CLEANUP(fd) int fd = open(look->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    size_t          got = 0;
    struct err      ignored = {0};

    look->read = true;
    look->text[0] = '\n';
    look->size = 1;
    if (fd < 0 || look->left < LOOK_FILE ||
        fd_read_all(fd, look->text + 1, LOOK_FILE - 1, &got, &ignored) < 0) {
        return; /* a file that cannot be looked into says nothing */
    }
    look->size += got;
    look->left -= (int64_t)got;
}

static bool text_holds(void *self, const char *text)
{
    struct look *look = self;

    if (!look->read) {
        text_read(look);
    }
    return memmem(look->text, look->size, text, strlen(text)) != NULL;
}

static void tree_shut(FTS *tree)
{
    if (tree != NULL) {
        (void)fts_close(tree);
    }
}
DEFINE_CLEANUP(tree, FTS *, tree_shut)

/* In one order on every machine: not all files may be looked into. */
static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* Per runner: has it seen one of its files, and one it must not have? */
struct marks {
    bool has, lacks;
};

static void file_mark(struct look *look, const char *relative, struct marks *marks)
{
    look->read = false;
    for (size_t i = 0; i < COUNT_OF(runners); i++) {
        marks[i].has =
            marks[i].has || pattern_fits_text(runners[i].has, relative, text_holds, look);
        marks[i].lacks =
            marks[i].lacks || pattern_fits_text(runners[i].lacks, relative, text_holds, look);
    }
}

/* An archive has no more entries than it may have, so all of them are seen. */
static int tree_mark(FTS *tree, struct look *look, size_t prefix, struct marks *marks,
                     struct err *err)
{
    FTSENT *entry;

    while ((entry = fts_read(tree)) != NULL) {
        switch (entry->fts_info) {
        case FTS_D:
            if (strcmp(entry->fts_name, "node_modules") == 0) {
                (void)fts_set(tree, entry, FTS_SKIP);
            }
            break;
        case FTS_F:
            look->path = entry->fts_path;
            file_mark(look, entry->fts_path + prefix, marks);
            break;
        case FTS_DNR:
        case FTS_ERR:
        case FTS_NS:
            errno = entry->fts_errno;
            return err_errno(err, "looking through %s", entry->fts_path);
        default:
            break;
        }
    }
    return errno == 0 ? 0 : err_errno(err, "looking through a workspace");
}

int runner_for(struct arena *arena, const char *dir, const struct runner **ret_runner,
               struct err *err)
{
    char              *roots[] = {arena_text(arena, bytes_of(dir)), NULL};
    CLEANUP(tree) FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, by_name);
    struct look       *look = arena_zero(arena, 1, sizeof(*look));
    struct marks       marks[COUNT_OF(runners)] = {0};
    size_t             prefix = strlen(dir);

    if (tree == NULL) {
        return err_errno(err, "looking through %s", dir);
    }
    look->left = LOOK_BYTES;
    prefix += prefix > 0 && dir[prefix - 1] == '/' ? 0 : 1;
    TRY(tree_mark(tree, look, prefix, marks, err));
    *ret_runner = &runners[COUNT_OF(runners) - 1];
    for (size_t i = COUNT_OF(runners); i-- > 0;) {
        if (marks[i].has && !marks[i].lacks) {
            *ret_runner = &runners[i];
        }
    }
    return 0;
}

/* -------------------------------------- how to start it -------------------------------------- */

const char *const *runner_argv(const struct runner *runner, struct arena *arena)
{
    const char *const argv[] = {"python3", "-s", SANDBOX_INPUTS "/witness.py", runner->performer,
                                NULL};
    const char      **copy = arena_get(arena, sizeof(argv));

    memcpy(copy, argv, sizeof(argv));
    return copy;
}

const char *const *runner_env(struct arena *arena, int hash_seed)
{
    const char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
                               "HOME=/tmp",
                               "USER=sandbox",
                               "LOGNAME=sandbox",
                               "LANG=C.UTF-8",
                               "TZ=UTC",
                               "CI=true",
                               "PYTHONDONTWRITEBYTECODE=1",
                               "PYTHONUNBUFFERED=1",
                               arena_format(arena, "PYTHONHASHSEED=%d", hash_seed),
                               "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1",
                               NULL};
    const char      **copy = arena_get(arena, sizeof(env));

    memcpy(copy, env, sizeof(env));
    return copy;
}

/* -------------------------------------- its files -------------------------------------- */

struct bytes runner_file(const char *name)
{
    for (size_t i = 0; i < runner_data_count; i++) {
        if (strcmp(runner_data[i].name, name) == 0) {
            return runner_data[i].bytes;
        }
    }
    return (struct bytes){NULL, 0};
}

const struct sandbox_file *runner_modules(struct arena *arena, size_t *ret_count)
{
    struct sandbox_file *files = arena_get(arena, runner_data_count * sizeof(*files));
    size_t               count = 0;

    for (size_t i = 0; i < runner_data_count; i++) {
        const char *name = runner_data[i].name;
        const char *end = strrchr(name, '.');

        if (end != NULL && strcmp(end, ".py") == 0 && strcmp(name, "dependencies.py") != 0) {
            files[count++] = (struct sandbox_file){name, runner_data[i].bytes};
        }
    }
    *ret_count = count;
    return files;
}

int input_put(const char *path, struct bytes bytes, struct err *err)
{
    CLEANUP(fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

    if (fd < 0 || fchmod(fd, 0644) < 0) { /* whatever our umask is */
        return err_errno(err, "creating %s", path);
    }
    return fd_write_all(fd, bytes, err);
}

static int order_put(const struct runner *runner, struct arena *arena, const char *path,
                     struct value *order, struct err *err)
{
    CLEANUP(buf) struct buf json = {0};

    value_put(arena, order, "command", value_text(runner->command));
    value_put(arena, order, "evidence", value_text(runner->evidence));
    value_put(arena, order, "ends", value_text(runner->ends));
    value_put(arena, order, "patterns", value_text(runner->tests));
    TRY(jcs_write(&json, order, err));
    return input_put(path, buf_bytes(&json), err);
}

int runner_put(const struct runner *runner, struct arena *arena, const char *dir, const char *nonce,
               const struct test_list *tests, const char *selection, struct err *err)
{
    const char *const files[] = {"witness.py", "prt_perform.py",
                                 arena_format(arena, "%s_perform.py", runner->performer)};
    const char       *own[] = {arena_format(arena, "%s_sentinel.", runner->framework),
                               arena_format(arena, "%s_evidence.", runner->framework),
                               arena_format(arena, "%s_evidence.", runner->performer)};
    struct value      order = value_map();
    struct value      ids = value_list();

    for (size_t i = 0; i < COUNT_OF(files); i++) {
        struct bytes bytes = runner_file(files[i]);

        if (bytes.data == NULL) {
            return err_set(err, ERR_BUG, "the runner's file %s is not built in", files[i]);
        }
        TRY(input_put(arena_format(arena, "%s/%s", dir, files[i]), bytes, err));
    }
    for (size_t i = 0; i < runner_data_count; i++) {
        const char *name = runner_data[i].name;

        for (size_t k = 0; k < COUNT_OF(own); k++) {
            if (strncmp(name, own[k], strlen(own[k])) == 0) {
                TRY(input_put(arena_format(arena, "%s/%s", dir, name), runner_data[i].bytes, err));
            }
        }
    }
    for (size_t i = 0; i < tests->count; i++) {
        value_append(arena, &ids, value_text(tests->ids[i]));
    }
    value_put(arena, &order, "nonce", value_text(nonce));
    value_put(arena, &order, "tests", ids);
    value_put(arena, &order, "selection", selection == NULL ? value_null() : value_text(selection));
    return order_put(runner, arena, arena_format(arena, "%s/" RUNNER_ORDER, dir), &order, err);
}
