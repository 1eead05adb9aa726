// SPDX-License-Identifier: MIT
/*
 * seccomp.h - the system call filter of a sandbox, made from syscall.def.
 *
 * The same object serves runc (linux.seccomp of config.json) and, as a file, docker and podman.
 */
#ifndef PRT_WORKERS_QA_SECCOMP_H
#define PRT_WORKERS_QA_SECCOMP_H

#include "base/arena.h"
#include "value/value.h"

/* With inotify instances only where the user namespace limits them: else they are counted with those
 * of every sandbox. */
struct value seccomp_profile(struct arena *arena, bool inotify);

/* The same, and setns besides: for the zygote (zygote.h). Who is forked from it takes that away
 * from itself with the filter that seccomp_without_setns writes: an array of struct sock_filter. */
struct value seccomp_zygote(struct arena *arena);
void         seccomp_without_setns(struct buf *out);

#endif
