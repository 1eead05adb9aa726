// SPDX-License-Identifier: MIT
/* prt qa-image - makes the image that tests run in and points this farm at it. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "gateway/cli/local.h"
#include "gateway/cli/spawn.h"

/* deploy/images/make-base travels inside prt: the script that made an image is the one that is run. */
__asm__(".section .rodata\n"
        ".global make_base_script\n"
        "make_base_script:\n"
        ".incbin \"" MAKE_BASE "\"\n"
        ".global make_base_end\n"
        "make_base_end:\n"
        ".byte 0\n"
        ".previous\n");
extern const uint8_t make_base_script[];
extern const uint8_t make_base_end[];

static int run_script(struct cli *cli, const char *script, const char *out, bool force,
                      struct err *err)
{
    const char *const argv[] = {
        "sh", "-c", "out=$1; shift; exec sh \"$@\" >\"$out\"", "prt-qa-image", out, script,
        "--image", cli->config.qa_base_image, force ? "--refresh" : NULL, NULL};
    struct spawn what = {.argv = argv};
    int          status;
    pid_t        pid;

    TRY(spawn_start(&what, &pid, err));
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return err_errno(err, "waiting for make-base");
        }
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return err_set(err, ERR_IMAGE_FAILED, "make-base did not end well; what it said is above%s",
                       geteuid() == 0 ? ""
                                      : " (run it as root; others need uidmap, and lines of their own"
                                        " in /etc/subuid and /etc/subgid)");
    }
    return 0;
}

int qa_image_make(struct cli *cli, bool force, const char **ret_path, struct err *err)
{
    struct bytes source = {make_base_script, (size_t)(make_base_end - make_base_script)};
    const char  *folder = local_path(cli, "qa");
    const char  *script = arena_format(cli->arena, "%s/make-base", folder);
    const char  *out = arena_format(cli->arena, "%s/made", folder);
    const char  *link = arena_format(cli->arena, "%s/base", folder);
    const char  *beside = arena_format(cli->arena, "%s/base.new", folder);
    struct bytes made;
    const char  *path;

    TRY(dir_make(folder, 0755, err));
    TRY(file_replace(script, source, 0755, err));
    TRY(run_script(cli, script, out, force, err));
    TRY(file_read(cli->arena, out, PATH_MAX, &made, err));
    while (made.size > 0 && made.data[made.size - 1] == '\n') {
        made.size--;
    }
    path = arena_text(cli->arena, made);
    (void)unlink(beside);
    if (symlink(path, beside) < 0 || rename(beside, link) < 0) {
        return err_errno(err, "pointing %s at %s", link, path);
    }
    (void)unlink(out);
    *ret_path = path;
    return 0;
}

int qa_image_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    static const struct option options[] = {{"force", no_argument, NULL, 'f'}, {NULL, 0, NULL, 0}};
    const char *path;
    bool        force = false;
    int         option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'f') {
            return err_set(err, ERR_USAGE, "prt qa-image --help tells its options");
        }
        force = true;
    }
    if (optind < argc) {
        return err_set(err, ERR_USAGE, "qa-image takes options only, and \"%s\" was given", argv[optind]);
    }
    TRY(qa_image_make(cli, force, &path, err));
    printf(cli->json ? "{\"base\":\"%s\"}\n" : "%s\n", path);
    return EXIT_DONE;
}
