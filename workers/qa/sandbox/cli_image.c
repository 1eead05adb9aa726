// SPDX-License-Identifier: MIT
#include "workers/qa/sandbox/cli_image.h"

#include <string.h>

#include "base/fd.h"
#include "crypto/crypto.h"
#include "workers/qa/sandbox/base_image.h"

#define PYTEST "pytest==7.2.1"
#define BASES  "localhost/pr-telemetry-base"

enum { ARGS_MOST = 32, ASK_MS = 60000, BUILD_MS = 900000, KEY_HEX = 16 };

/* program, its options, then args up to NULL. */
static int ask(const struct cli_program *program, struct arena *arena, const char *const *args,
               int64_t wall_ms, struct bytes *ret_out, struct err *err)
{
    const char *argv[ARGS_MOST + CLI_OPTIONS];
    size_t      count = 0;

    argv[count++] = program->name;
    for (size_t i = 0; program->options[i] != NULL; i++) {
        argv[count++] = program->options[i];
    }
    for (size_t i = 0; args[i] != NULL && i < ARGS_MOST - 2; i++) {
        argv[count++] = args[i];
    }
    argv[count] = NULL;
    return process_ask(arena, argv, 64 * 1024, wall_ms, ret_out, err);
}

static bool image_there(const struct cli_program *program, struct arena *arena, const char *tag)
{
    const char *const args[] = {"image", "inspect", "--format", "{{.Id}}", tag, NULL};
    struct bytes      out;
    struct err        err = {0};

    return ask(program, arena, args, ASK_MS, &out, &err) == 0;
}

/* Newest first. Those beyond have been replaced so often that no worker of this machine starts
 * containers from them; one that a container stands on is refused by the engine and stays. */
enum { IMAGES_KEPT = 8 };

static void old_images_remove(const struct cli_program *program, struct arena *arena)
{
    const char *const args[] = {"images", "--format", "{{.Repository}}:{{.Tag}}", BASES, NULL};
    struct bytes      out;
    struct err        ignored = {0};
    char             *rest = NULL;
    int               seen = 0;

    if (ask(program, arena, args, ASK_MS, &out, &ignored) < 0) {
        return;
    }
    for (char *tag = strtok_r(arena_text(arena, out), "\n", &rest); tag != NULL;
         tag = strtok_r(NULL, "\n", &rest)) {
        const char *const remove[] = {"rmi", tag, NULL};

        if (seen++ >= IMAGES_KEPT && ask(program, arena, remove, ASK_MS, &out, &ignored) < 0) {
            continue; /* it is in use, or another worker was faster */
        }
    }
}

/* A made base: its files through tar into the engine's store, tagged with their digest once they
 * are there: a shell knows the last status of a pipe only. */
static int import(const struct cli_program *program, struct arena *arena, const char *base,
                  struct image *ret_image, struct err *err)
{
    static const char script[] = "rootfs=$1; tag=$2; new=$2-$$; shift 2\n"
                                 "cut=$({ { tar -C \"$rootfs\" -c . || echo cut >&3; } |"
                                 " \"$@\" import - \"$new\" >/dev/null; } 3>&1) || exit 1\n"
                                 "[ -z \"$cut\" ] && \"$@\" tag \"$new\" \"$tag\"; status=$?\n"
                                 "\"$@\" rmi \"$new\"; exit $status";
    const char       *digest;
    const char       *tag;
    const char       *argv[ARGS_MOST];
    size_t            count = 0;
    struct bytes      out;

    TRY(base_read(arena, base, ret_image, err));
    digest = strchr(ret_image->digest, ':');
    digest = digest == NULL ? ret_image->digest : digest + 1;
    tag = arena_format(arena, BASES ":%.12s", digest);
    if (!image_there(program, arena, tag)) {
        const char *const head[] = {"sh", "-c",         script, "sh", ret_image->handle,
                                    tag,  program->name};

        for (size_t i = 0; i < COUNT_OF(head); i++) {
            argv[count++] = head[i];
        }
        for (size_t i = 0; program->options[i] != NULL; i++) {
            argv[count++] = program->options[i];
        }
        argv[count] = NULL;
        if (process_ask(arena, argv, 64 * 1024, BUILD_MS, &out, err) < 0) {
            err->code = ERR_IMAGE_FAILED;
            return err_add(err, "taking the base into %s", program->name);
        }
        old_images_remove(program, arena);
    }
    ret_image->handle = tag;
    return 0;
}

const char *cli_dockerfile(struct arena *arena, const char *from)
{
    return arena_format(arena,
                        "FROM %s\n"
                        "RUN pip install --no-cache-dir " PYTEST "\n"
                        "RUN mkdir -p /workspace /prt/in /prt/snapshot /prt/deps"
                        " && chmod 1777 /workspace"
                        " && chmod 0711 \"$(command -v timeout)\""
                        " && echo 'sandbox:x:%d:%d::/tmp:/bin/sh' >>/etc/passwd\n",
                        from, SANDBOX_UID, SANDBOX_UID);
}

static int pull(const struct cli_program *program, struct arena *arena,
                const struct sandbox_settings *settings, struct image *ret_image, struct err *err)
{
    const char  *dockerfile = cli_dockerfile(arena, settings->base_image);
    const char  *dir = arena_format(arena, "%s/dockerfile", settings->dir);
    const char  *path = arena_format(arena, "%s/Dockerfile", dir);
    char         hex[HASH_HEX];
    const char  *tag;
    struct bytes out;

    sha256_hex(bytes_of(dockerfile), hex);
    tag = arena_format(arena, BASES ":%.*s", KEY_HEX, hex);
    if (!image_there(program, arena, tag)) {
        const char *const args[] = {"build", "-q", "-t", tag, "-f", path, dir, NULL};

        TRY(dir_make(dir, 0755, err));
        TRY(file_replace(path, bytes_of(dockerfile), 0644, err));
        if (ask(program, arena, args, BUILD_MS, &out, err) < 0) {
            err->code = ERR_IMAGE_FAILED;
            return err_add(err,
                           "pulling %s (offline? make a base with prt qa-image and set"
                           " PRT_QA_BASE_ROOTFS)",
                           settings->base_image);
        }
        old_images_remove(program, arena);
    }
    {
        const char *const args[] = {"image", "inspect", "--format", "{{.Id}}", tag, NULL};

        TRY(ask(program, arena, args, ASK_MS, &out, err));
    }
    while (out.size > 0 && out.data[out.size - 1] == '\n') {
        out.size--;
    }
    *ret_image = (struct image){
        .name = settings->base_image, .digest = arena_text(arena, out), .handle = tag};
    return 0;
}

int cli_image(const struct cli_program *program, struct arena *arena,
              const struct sandbox_settings *settings, struct image *ret_image, struct err *err)
{
    if (settings->base[0] != '\0') {
        return import(program, arena, settings->base, ret_image, err);
    }
    return pull(program, arena, settings, ret_image, err);
}
