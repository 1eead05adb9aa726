// SPDX-License-Identifier: MIT
/*
 * cli_image.h - the base image of docker and podman: taken in from a made base, or pulled.
 */
#ifndef PRT_WORKERS_QA_CLI_IMAGE_H
#define PRT_WORKERS_QA_CLI_IMAGE_H

#include "base/arena.h"
#include "workers/qa/sandbox/sandbox.h"

enum { CLI_OPTIONS = 10 };

struct cli_program {
    const char *name; /* "podman" */
    bool        podman;
    const char *options[CLI_OPTIONS]; /* before the command; ends in NULL */
};

/* settings->base: its rootfs becomes a local image once. Else settings->base_image is pulled and
 * gets pytest, by a Dockerfile made for it, once. IMAGE_FAILED with the engine's last words. Text
 * in the arena. */
WARN_UNUSED int cli_image(const struct cli_program *program, struct arena *arena,
                          const struct sandbox_settings *settings, struct image *ret_image,
                          struct err *err);

/* The Dockerfile of a base made from `from`. */
const char *cli_dockerfile(struct arena *arena, const char *from);

#endif
