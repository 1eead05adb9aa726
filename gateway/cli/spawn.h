// SPDX-License-Identifier: MIT
/*
 * spawn.h - starting a program: its user, its environment, its log, and its end.
 */
#ifndef PRT_CLI_SPAWN_H
#define PRT_CLI_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"

struct spawn {
    const char *const *argv;     /* NULL-ended; argv[0] is looked up in PATH unless it has a / */
    const char        *user;     /* when we are root; NULL: as we are */
    const char *const *env;      /* NULL-ended NAME=value on top of ours; may be NULL */
    const char        *more_env; /* one more; may be NULL */
    const char        *log;      /* output is appended here; NULL: our own output */
    int                death_signal; /* what it gets when we die; 0: nothing */
    bool               own_group;    /* Ctrl-C is for us alone */
    bool               small_pages;  /* no transparent huge pages */
};

/* USAGE when the program or the user is not there. All signals are unblocked and at their default. */
WARN_UNUSED int spawn_start(const struct spawn *what, pid_t *ret_pid, struct err *err);

/* "exited with 3", "was ended by signal 9 (Killed)". */
void spawn_status_words(char *ret, size_t size, int status);

/* The last line of a file that is not empty, or "(nothing)". */
const char *spawn_last_line(struct arena *arena, const char *path);

#endif
