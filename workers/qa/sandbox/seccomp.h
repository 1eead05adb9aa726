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

struct value seccomp_profile(struct arena *arena);

#endif
