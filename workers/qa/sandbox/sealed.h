// SPDX-License-Identifier: MIT
/*
 * sealed.h - a program in memory that nobody can write to any more.
 *
 * runc enters a container as itself, and a container that could write to it would own the host
 * (CVE-2019-5736). So each "runc init" makes a copy or a mount of its own file and starts that,
 * unless it sees that it is such a copy already: one for all of them spares each a start.
 */
#ifndef PRT_WORKERS_QA_SEALED_H
#define PRT_WORKERS_QA_SEALED_H

#include "base/arena.h"

/* Of the program that PATH means by the name: what to give to exec, as long as *ret_fd is open.
 * NULL, and *ret_fd -1, where there is none or the kernel runs nothing from memory: the program
 * itself does as well. */
const char *sealed_copy(struct arena *arena, const char *name, int *ret_fd);

#endif
