// SPDX-License-Identifier: MIT
#include "workers/qa/runner.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "workers/qa/runner_data.h"

static const char *const pytest_files[] = {"pytest_launch.py", "pytest_run.sh", NULL};

static const char *const python_env[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
                                         "HOME=/tmp",
                                         "USER=sandbox",
                                         "LOGNAME=sandbox",
                                         "LANG=C.UTF-8",
                                         "TZ=UTC",
                                         "CI=true",
                                         "PYTHONDONTWRITEBYTECODE=1",
                                         "PYTHONUNBUFFERED=1",
                                         "PYTHONHASHSEED=0",
                                         "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1",
                                         NULL};

static const struct runner runners[] = {
    {.framework = "pytest",
     .script = "pytest_run.sh",
     .sentinel = "pytest_sentinel.py",
     .sentinel_name = "sentinel_%s.py",
     .files = pytest_files,
     .env = python_env,
     .selects = true},
};

const struct runner *runner_for(const char *workspace)
{
    (void)workspace;
    return &runners[0];
}

struct bytes runner_file(const char *name)
{
    for (size_t i = 0; i < runner_data_count; i++) {
        if (strcmp(runner_data[i].name, name) == 0) {
            return runner_data[i].bytes;
        }
    }
    return (struct bytes){NULL, 0};
}

int input_put(const char *path, struct bytes bytes, struct err *err)
{
    CLEANUP(fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

    if (fd < 0 || fchmod(fd, 0644) < 0) { /* whatever our umask is */
        return err_errno(err, "creating %s", path);
    }
    return fd_write_all(fd, bytes, err);
}

/* The text with every @NONCE@ replaced. */
static void nonce_put(struct buf *out, struct bytes text, const char *nonce)
{
    static const char mark[] = "@NONCE@";
    const size_t      size = sizeof(mark) - 1;

    for (size_t i = 0; i < text.size;) {
        if (text.size - i >= size && memcmp(text.data + i, mark, size) == 0) {
            buf_put_text(out, nonce);
            i += size;
        } else {
            buf_put_byte(out, text.data[i++]);
        }
    }
}

int runner_put(const struct runner *runner, struct arena *arena, const char *dir, const char *nonce,
               struct err *err)
{
    CLEANUP(buf) struct buf sentinel = {0};
    const char             *before = strstr(runner->sentinel_name, "%s");

    for (size_t i = 0; runner->files[i] != NULL; i++) {
        struct bytes bytes = runner_file(runner->files[i]);

        if (bytes.data == NULL) {
            return err_set(err, ERR_BUG, "the runner's file %s is not built in", runner->files[i]);
        }
        TRY(input_put(arena_format(arena, "%s/%s", dir, runner->files[i]), bytes, err));
    }
    nonce_put(&sentinel, runner_file(runner->sentinel), nonce);
    return input_put(arena_format(arena, "%s/%.*s%s%s", dir, (int)(before - runner->sentinel_name),
                                  runner->sentinel_name, nonce, before + 2),
                     buf_bytes(&sentinel), err);
}
