// SPDX-License-Identifier: MIT
#include "workers/qa/sandbox/place.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "workers/qa/sandbox/job.h"

#define PLACE_TMPFS "/run/pr-telemetry/qa"

int mounts_enter(struct err *err)
{
    static _Thread_local bool entered;

    if (entered) {
        return 0;
    }
    TRY(dir_make(PLACE_TMPFS, 0711, err));
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
        mount("prt-qa", PLACE_TMPFS, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0711,size=16m") < 0) {
        (void)err_errno(err, "making a mount namespace for sandboxes");
        err->code = ERR_SANDBOX_UNFIT;
        return -1;
    }
    entered = true;
    return 0;
}

void place_leave(const struct place *place)
{
    const char *const mounted[] = {place->ws, place->disk, place->root, place->in, place->deps};
    struct err        ignored = {0};

    for (size_t i = 0; i < COUNT_OF(mounted); i++) {
        (void)umount2(mounted[i], MNT_DETACH); /* not mounted: fine */
    }
    if (dir_remove(place->dir, &ignored) < 0) {
        return; /* it lies on a tmpfs that goes with this process */
    }
}

static int bind(const char *from, const char *to, unsigned long flags, struct err *err)
{
    if (mount(from, to, NULL, MS_BIND, NULL) < 0 ||
        mount(NULL, to, NULL, MS_BIND | MS_REMOUNT | MS_NOSUID | MS_NODEV | flags, NULL) < 0) {
        return err_errno(err, "mounting %s on %s", from, to);
    }
    return 0;
}

static int disk_mount(const struct place *place, const struct sandbox_limits *limits, uid_t uid,
                      struct err *err)
{
    static const char *const parts[] = {"upper", "work", "tmp", "shm"};
    const char              *options =
        arena_format(place->arena, "size=%lld,nr_inodes=%lld,mode=0711",
                     (long long)limits->disk_bytes, (long long)limits->disk_entries);

    if (mount("prt-disk", place->disk, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0) {
        return err_errno(err, "mounting the job's disk");
    }
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        const char *part = arena_format(place->arena, "%s/%s", place->disk, parts[i]);
        bool        shared = i >= 2;

        if (mkdir(part, 0755) < 0 || chown(part, uid, uid) < 0 ||
            chmod(part, shared ? 01777 : 0755) < 0) {
            return err_errno(err, "making %s", part);
        }
    }
    return 0;
}

int place_make(struct place *place, const char *id, const char *rootfs,
               const struct sandbox_limits *limits, uid_t uid, struct err *err)
{
    const char **const dirs[] = {&place->bundle, &place->root, &place->disk,
                                 &place->ws,     &place->in,   &place->deps};
    const char *const  names[] = {"bundle", "root", "disk", "ws", "in", "deps"};

    place->dir = arena_format(place->arena, PLACE_TMPFS "/%s", id);
    for (size_t i = 0; i < COUNT_OF(dirs); i++) {
        *dirs[i] = arena_format(place->arena, "%s/%s", place->dir, names[i]);
    }
    for (size_t i = 0; i < COUNT_OF(dirs); i++) {
        TRY(dir_make(*dirs[i], 0711, err));
    }
    TRY(bind(rootfs, place->root, MS_RDONLY, err));
    return disk_mount(place, limits, uid, err);
}

static int workspace_mount(const struct place *place, const struct sandbox_job *job,
                           struct err *err)
{
    const char *upper = arena_format(place->arena, "%s/upper", place->disk);
    const char *options;

    if (job->workspace == NULL) {
        return bind(upper, place->ws, 0, err);
    }
    /* The options are a list with commas and colons in it: our own paths have neither. */
    if (strpbrk(job->workspace, ",:\\") != NULL) {
        return err_set(err, ERR_CONFIG_WRONG,
                       "PRT_QA_DIR: %s holds a comma, colon or backslash; choose another path",
                       job->workspace);
    }
    options = arena_format(place->arena, "lowerdir=%s,upperdir=%s,workdir=%s/work", job->workspace,
                           upper, place->disk);
    if (mount("prt-ws", place->ws, "overlay", MS_NOSUID | MS_NODEV, options) < 0) {
        return err_errno(err, "mounting the workspace");
    }
    return 0;
}

int place_fill(const struct place *place, const struct sandbox_job *job, struct err *err)
{
    TRY(workspace_mount(place, job, err));
    if (job->inputs != NULL) {
        TRY(bind(job->inputs, place->in, MS_RDONLY | MS_NOEXEC, err));
    }
    if (job->image->deps != NULL) {
        TRY(bind(job->image->deps, place->deps, MS_RDONLY, err));
    }
    return 0;
}

/* -------------------- into a container that runs already -------------------- */

enum { PARTS = 3 };

/* From the place's namespace into the container's; *where is for the story. */
static int parts_move(const struct place *place, const struct sandbox_job *job, int place_ns,
                      int box_ns, struct err *err)
{
    const char *const from[PARTS] = {place->ws, job->inputs == NULL ? NULL : place->in,
                                     job->image->deps == NULL ? NULL : place->deps};
    const char *const to[PARTS] = {SANDBOX_WORKSPACE, SANDBOX_INPUTS, SANDBOX_DEPS};
    int               tree[PARTS] = {-1, -1, -1};
    int               moved = 0;

    if (setns(place_ns, CLONE_NEWNS) < 0) {
        return err_errno(err, "entering the mounts of the warm containers");
    }
    TRY(place_fill(place, job, err));
    for (size_t i = 0; i < PARTS && moved == 0; i++) {
        if (from[i] != NULL &&
            (tree[i] = open_tree(AT_FDCWD, from[i], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)) < 0) {
            moved = err_errno(err, "taking up %s", from[i]);
        }
    }
    if (moved == 0 && setns(box_ns, CLONE_NEWNS) < 0) {
        moved = err_errno(err, "entering a warm container");
    }
    for (size_t i = 0; i < PARTS && moved == 0; i++) {
        if (from[i] != NULL &&
            move_mount(tree[i], "", AT_FDCWD, to[i], MOVE_MOUNT_F_EMPTY_PATH) < 0) {
            moved = err_errno(err, "showing %s to a warm container", to[i]);
        }
    }
    for (size_t i = 0; i < PARTS; i++) {
        fd_close(tree[i]);
    }
    return moved;
}

int place_attach(const struct place *place, const struct sandbox_job *job, int place_ns, int box_ns,
                 struct err *err)
{
    CLEANUP(fd) int mine = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
    CLEANUP(fd) int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int             moved;

    if (mine < 0 || here < 0) {
        return err_errno(err, "looking for this thread's mounts");
    }
    moved = parts_move(place, job, place_ns, box_ns, err);
    if (setns(mine, CLONE_NEWNS) < 0 || fchdir(here) < 0) {
        abort(); /* a worker must not go on among a sandbox's files */
    }
    return moved;
}
