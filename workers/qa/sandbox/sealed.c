// SPDX-License-Identifier: MIT
#include "workers/qa/sandbox/sealed.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "workers/qa/sandbox/process.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

enum { SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE, TRY_MS = 30000 };

static int program_open(struct arena *arena, const char *name)
{
    const char *const argv[] = {"sh", "-c", "command -v \"$1\"", "sh", name, NULL};
    struct bytes      path;
    struct err        ignored = {0};

    if (process_ask(arena, argv, PATH_MAX, TRY_MS, &path, &ignored) < 0 || path.size < 2) {
        return -1;
    }
    path.size--; /* the newline */
    return open(arena_text(arena, path), O_RDONLY | O_CLOEXEC);
}

static int memory_open(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

    /* A kernel before 6.3 knows no MFD_EXEC, and needs none. */
    return fd >= 0 ? fd : memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

static bool copy_all(int from, int to)
{
    struct stat info;
    ssize_t     sent = 1;

    if (fstat(from, &info) < 0) {
        return false;
    }
    for (off_t left = info.st_size; left > 0 && sent > 0; left -= sent) {
        sent = sendfile(to, from, NULL, (size_t)left);
    }
    return sent > 0 && fcntl(to, F_ADD_SEALS, SEALS) == 0;
}

const char *sealed_copy(struct arena *arena, const char *name, int *ret_fd)
{
    CLEANUP(fd) int    from = program_open(arena, name);
    CLEANUP(fd) int    to = from < 0 ? -1 : memory_open(name);
    const char        *path = arena_format(arena, "/proc/self/fd/%d", to);
    const char *const  argv[] = {name, "--version", NULL};
    struct process     process = {.argv = argv, .program = path, .wall_ms = TRY_MS};
    struct process_end end;
    struct err         ignored = {0};

    *ret_fd = -1;
    if (to < 0 || !copy_all(from, to) || process_run(&process, &end, &ignored) < 0 ||
        end.exit_status != 0) {
        return NULL;
    }
    *ret_fd = to;
    to = -1;
    return path;
}
