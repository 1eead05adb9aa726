// SPDX-License-Identifier: MIT
/* PRT_QA_BASE_IMAGE: a sandbox on an image that the engine has already, and one that nobody has. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "workers/qa/sandbox/process.h"
#include "world.h"

enum { ENGINE_MS = 300000, SAID_MOST = 64 * 1024 };

/* The engine's command line, as it works on any machine; what it says. */
static const char *engine_says(struct world *world, const char *words)
{
    const char *engine = sandbox_engine(world->sandbox);
    const char *options =
        strcmp(engine, "podman") == 0 ? "--runtime runc --cgroup-manager=cgroupfs" : "";
    const char *const argv[] = {
        "sh", "-c", arena_format(world->arena, "%s %s %s", engine, options, words), NULL};
    struct bytes out = {NULL, 0};
    struct err   err = {0};

    CHECK_WORKS(process_ask(world->arena, argv, SAID_MOST, ENGINE_MS, &out, &err));
    return arena_text(world->arena, out);
}

/* An image with Python, and a pip that may install and need not: pytest is there. */
static const char *image_make(struct world *world)
{
    const char *tag = arena_format(world->arena, "localhost/prt-test:%d", (int)getpid());
    const char *dir = arena_format(world->arena, "%s/image-%s", world->settings.dir, world->name);
    struct err  err = {0};

    CHECK_WORKS(dir_make(dir, 0755, &err));
    CHECK_WORKS(file_replace(arena_format(world->arena, "%s/Dockerfile", dir),
                             bytes_of(arena_format(world->arena,
                                                   "FROM %s\n"
                                                   "RUN rm -f /usr/lib/python3*/EXTERNALLY-MANAGED"
                                                   " && chmod 0755 /usr/bin/timeout\n",
                                                   sandbox_base(world->sandbox)->handle)),
                             0644, &err));
    (void)engine_says(world,
                      arena_format(world->arena, "build -q --network none -t %s %s", tag, dir));
    return tag;
}

static struct world on_image(const struct world *world, const char *image)
{
    struct world other = *world;

    other.sandbox = NULL;
    other.settings.base = "";
    other.settings.base_image = image;
    return other;
}

static void stands_on_an_image_in(struct world *world)
{
    const char  *image = image_make(world);
    struct world other = on_image(world, image);
    struct world again = on_image(world, image);
    struct ran   ran;
    const char  *made;
    struct err   err = {0};

    CHECK_WORKS(sandbox_open(&other.sandbox, &other.settings, &err));
    made = arena_text(world->arena, bytes_of(sandbox_base(other.sandbox)->handle));
    CHECK_TEXT(sandbox_base(other.sandbox)->name, image);
    CHECK(strlen(sandbox_base(other.sandbox)->digest) >= 64);
    CHECK(strcmp(made, sandbox_base(world->sandbox)->handle) != 0);
    ran = world_run(&other, NULL,
                    "python3 -m pytest --version; stat -c %a $(command -v timeout); id -u;"
                    " ls -d /workspace /prt/in /prt/snapshot /prt/deps");
    told(&ran);
    CHECK_TEXT(ran.result, "pytest 7.2.1\n711\n64537\n"
                           "/prt/deps\n/prt/in\n/prt/snapshot\n/workspace\n");
    /* What was built for the first one does for the second. */
    CHECK_WORKS(sandbox_open(&again.sandbox, &again.settings, &err));
    CHECK_TEXT(sandbox_base(again.sandbox)->digest, sandbox_base(other.sandbox)->digest);
    sandbox_close(again.sandbox);
    sandbox_close(other.sandbox);
    (void)engine_says(world, arena_format(world->arena, "rmi %s %s", made, image));
}
IN_ENGINE(podman, stands_on_an_image)
IN_ENGINE(docker, stands_on_an_image)

static void names_an_image_that_cannot_be_pulled_in(struct world *world)
{
    struct world other = on_image(world, "localhost:9/prt-no-such-image");
    struct err   err = {0};

    CHECK_FAILS(sandbox_open(&other.sandbox, &other.settings, &err), ERR_SANDBOX_UNFIT);
    CHECK(strstr(err.story, "localhost:9/prt-no-such-image") != NULL);
    CHECK(strstr(err.story, "PRT_QA_BASE_ROOTFS") != NULL);
}
IN_ENGINE(podman, names_an_image_that_cannot_be_pulled)
IN_ENGINE(docker, names_an_image_that_cannot_be_pulled)
