// SPDX-License-Identifier: MIT
#include "workers/qa/layer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "crypto/crypto.h"
#include "pack/pack.h"

enum {
    FILE_MOST = 1024 * 1024,
    FILES_MOST = 32,
    LAYER_LEAST = 512 * 1024, /* what an empty one counts: it takes inodes and time to look at */
    LOOK_MS = 200
};

/* A layer that is being removed has another name from the start. */
#define GONE "gone-"

/* Say what a workspace depends on. */
static const char *const patterns[] = {"requirements*.txt", "pyproject.toml", "setup.cfg",
                                       "setup.py"};

struct named_file {
    const char  *name;
    struct bytes bytes;
};

struct project {
    struct named_file files[FILES_MOST + 1]; /* the last is never filled */
    size_t            count;
    char              key[HASH_HEX];
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_wanted(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        if (fnmatch(patterns[i], name, 0) == 0) {
            return true;
        }
    }
    return false;
}

static int project_read(struct arena *arena, const char *root, struct project *project,
                        struct err *err)
{
    const char **names;
    size_t       count;

    TRY(dir_list(arena, root, &names, &count, err));
    qsort(names, count, sizeof(*names), by_name);
    for (size_t i = 0; i < count; i++) {
        struct named_file *file = &project->files[project->count];
        const char        *path = arena_format(arena, "%s/%s", root, names[i]);
        struct stat        info;

        /* Links were followed when they were unpacked: they stay inside, but a link to one of these
         * files from another name says nothing new. */
        if (!is_wanted(names[i]) || lstat(path, &info) < 0 || !S_ISREG(info.st_mode)) {
            continue;
        }
        if (project->count == FILES_MOST) {
            return err_set(err, ERR_TOO_LARGE,
                           "there are more than %d files of requirements beside each other",
                           FILES_MOST);
        }
        if (info.st_size > FILE_MOST) {
            return err_set(err, ERR_TOO_LARGE, "%s has %lld bytes, at most %d are read", names[i],
                           (long long)info.st_size, FILE_MOST);
        }
        file->name = names[i];
        TRY(file_read(arena, path, FILE_MOST, &file->bytes, err));
        project->count++;
    }
    return 0;
}

static void sha_text(struct sha256 *sha, struct bytes text)
{
    uint64_t size = text.size;

    sha256_add(sha, (struct bytes){(const uint8_t *)&size, sizeof(size)});
    sha256_add(sha, text);
}

static void key_make(const struct image *base, struct project *project)
{
    CLEANUP(sha256) struct sha256 *sha = sha256_new();
    uint8_t                        hash[HASH_BYTES];

    sha256_start(sha);
    sha_text(sha, bytes_of(base->digest));
    sha_text(sha, runner_file("dependencies.py"));
    sha_text(sha, runner_file("dependencies_build.sh"));
    for (size_t i = 0; i < project->count; i++) {
        sha_text(sha, bytes_of(project->files[i].name));
        sha_text(sha, project->files[i].bytes);
    }
    sha256_finish(sha, hash);
    hex_write(project->key, (struct bytes){hash, sizeof(hash)});
}

/* -------------------------------------- the cache -------------------------------------- */

/* Does the open lock still belong to the layer's directory? Whoever removes a layer takes the lock
 * away with it, and another may have made a new one. */
static bool lock_stands(struct arena *arena, int lock, const char *dir)
{
    struct stat held;
    struct stat there;

    return fstat(lock, &held) == 0 && stat(arena_format(arena, "%s/lock", dir), &there) == 0 &&
           held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

static bool is_done(struct arena *arena, const char *dir)
{
    return access(arena_format(arena, "%s/bytes", dir), F_OK) == 0;
}

static int lock_open(struct arena *arena, const char *dir, int *ret_lock, struct err *err)
{
    const char *path = arena_format(arena, "%s/lock", dir);

    do {
        TRY(dir_make(dir, 0755, err));
        *ret_lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    } while (*ret_lock < 0 && errno == ENOENT); /* removed in between */
    return *ret_lock < 0 ? err_errno(err, "locking the layer %s", dir) : 0;
}

/* Locks the layer: shared when it is there (*ret_there), alone when it has to be built. Waits while
 * another builds it. */
static int layer_lock(struct arena *arena, const char *dir, struct heart *heart, int *ret_lock,
                      bool *ret_there, struct err *err)
{
    for (;;) {
        CLEANUP(fd) int lock = -1;
        bool            held;

        TRY(lock_open(arena, dir, &lock, err));
        held = flock(lock, LOCK_SH | LOCK_NB) == 0 && is_done(arena, dir);
        *ret_there = held;
        held = held || (flock(lock, LOCK_EX | LOCK_NB) == 0 && !is_done(arena, dir));
        if (held && lock_stands(arena, lock, dir)) {
            *ret_lock = lock;
            lock = -1;
            return 0;
        }
        (void)flock(lock, LOCK_UN); /* or two that wait would wait for each other */
        TRY(heart_beat(heart, err));
        clock_sleep_ms(LOOK_MS);
    }
}

/* From alone to shared, which is not one step: another may have removed the layer between. */
static bool layer_share(struct arena *arena, const char *dir, int lock)
{
    return flock(lock, LOCK_SH) == 0 && lock_stands(arena, lock, dir) && is_done(arena, dir);
}

/* Removes a layer that the caller has locked alone. It is gone at once and as a whole: what a kill
 * leaves of it has another name, and layers_shrink finds it. */
static int layer_drop(struct arena *arena, const char *layers, const char *dir, struct err *err)
{
    uint8_t     random[8];
    char        hex[17];
    const char *gone;

    random_bytes(random, sizeof(random));
    hex_write(hex, (struct bytes){random, sizeof(random)});
    gone = arena_format(arena, "%s/" GONE "%s", layers, hex);
    if (rename(dir, gone) < 0) {
        return err_errno(err, "removing the layer %s", dir);
    }
    TRY(dir_remove(arena_format(arena, "%s/tree", gone), err)); /* its lock goes last */
    return dir_remove(gone, err);
}

/* Drops the layer if nobody uses it or builds it; *ret_dropped says so. */
static int layer_drop_unused(struct arena *arena, const char *layers, const char *dir,
                             bool *ret_dropped, struct err *err)
{
    CLEANUP(fd)
    int lock = open(arena_format(arena, "%s/lock", dir), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    *ret_dropped =
        lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0 && lock_stands(arena, lock, dir);
    return *ret_dropped ? layer_drop(arena, layers, dir, err) : 0;
}

struct layer {
    const char *dir;
    int64_t     bytes;
    int64_t     used_ns;
};

static int by_use(const void *a, const void *b)
{
    const struct layer *one = a;
    const struct layer *two = b;

    return (one->used_ns > two->used_ns) - (one->used_ns < two->used_ns);
}

/* One that is not done, or on its way out, was used never and counts nothing. */
static struct layer layer_look(struct arena *arena, const char *layers, const char *name)
{
    const char  *dir = arena_format(arena, "%s/%s", layers, name);
    const char  *path = arena_format(arena, "%s/bytes", dir);
    struct layer layer = {.dir = dir};
    struct stat  info;
    struct bytes text;
    struct err   ignored = {0};

    if (strncmp(name, GONE, strlen(GONE)) != 0 && stat(path, &info) == 0 &&
        file_read(arena, path, 64, &text, &ignored) == 0) {
        layer.bytes = strtoll(arena_text(arena, text), NULL, 10);
        layer.bytes = layer.bytes < LAYER_LEAST ? LAYER_LEAST : layer.bytes;
        layer.used_ns = info.st_mtim.tv_sec * 1000000000LL + info.st_mtim.tv_nsec;
    }
    return layer;
}

/* Removes what builds left that were cut short, and the layers that were not used for longest until
 * the rest fits. Those in use stay, and what cannot be removed now is for the next build. */
static int layers_shrink(struct arena *arena, const char *layers, int64_t most, struct spool *log,
                         struct err *err)
{
    const char  **names;
    size_t        count;
    struct layer *all;
    int64_t       bytes = 0;

    TRY(dir_list(arena, layers, &names, &count, err));
    all = arena_zero(arena, count, sizeof(*all));
    for (size_t i = 0; i < count; i++) {
        all[i] = layer_look(arena, layers, names[i]);
        bytes += all[i].bytes;
    }
    if (count > 1) {
        qsort(all, count, sizeof(*all), by_use);
    }
    for (size_t i = 0; i < count && (all[i].bytes == 0 || bytes > most); i++) {
        struct err stays = {0};
        bool       dropped;

        if (layer_drop_unused(arena, layers, all[i].dir, &dropped, &stays) < 0) {
            TRY(spool_say(log, err, "== layers: %s ==\n", stays.story));
        }
        bytes -= dropped ? all[i].bytes : 0;
    }
    return 0;
}

/* -------------------------------------- building -------------------------------------- */

static int inputs_make(struct arena *arena, const char *dir, const struct project *project,
                       struct err *err)
{
    static const char *const scripts[] = {"dependencies.py", "dependencies_build.sh"};
    const char              *below = arena_format(arena, "%s/project", dir);

    TRY(dir_make(below, 0755, err));
    for (size_t i = 0; i < COUNT_OF(scripts); i++) {
        TRY(input_put(arena_format(arena, "%s/%s", dir, scripts[i]), runner_file(scripts[i]), err));
    }
    for (size_t i = 0; i < project->count; i++) {
        TRY(input_put(arena_format(arena, "%s/%s", below, project->files[i].name),
                      project->files[i].bytes, err));
    }
    return 0;
}

#define HOST_CERTIFICATES "/etc/ssl/certs/ca-certificates.crt"

/* The build trusts whom this machine trusts: a package index may have a certificate of its own. */
static int certificates_put(struct arena *arena, const char *dir, const char **env, size_t *count,
                            struct err *err)
{
    enum { CERTIFICATES_MOST = 16 * 1024 * 1024 };
    struct bytes bytes;

    if (file_read(arena, HOST_CERTIFICATES, CERTIFICATES_MOST, &bytes, err) < 0) {
        err_clear(err); /* then it is the base's own that count */
        return 0;
    }
    TRY(input_put(arena_format(arena, "%s/ca.crt", dir), bytes, err));
    env[(*count)++] = "PIP_CERT=" SANDBOX_INPUTS "/ca.crt";
    return 0;
}

struct building {
    struct spool *log;
    struct tail   tail;
};

static int building_log(void *self, struct bytes bytes, struct err *err)
{
    struct building *building = self;

    (void)tail_take(&building->tail, bytes, err);
    return spool_take(building->log, bytes, err);
}

static ssize_t spool_source(void *from, void *room, size_t size, struct err *err)
{
    ssize_t got;

    do {
        got = read(*(int *)from, room, size);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? err_errno(err, "reading the built layer") : got;
}

static int layer_unpack(struct examiner *examiner, struct arena *arena, const char *dir,
                        struct spool *tar, struct err *err)
{
    struct pack_limits limits = examiner->pack;
    struct pack_stats  stats = {0};
    const char        *tree = arena_format(arena, "%s/tree", dir);
    const char        *text;

    TRY(dir_remove(tree, err)); /* of a build that was cut short */
    TRY(dir_make(tree, 0755, err));
    limits.bytes = examiner->limits.disk_bytes;
    if (tar->bytes > 0) {
        TRY(spool_rewind(tar, err));
        TRY(pack_unpack(tree, (struct pack_source){spool_source, &tar->fd}, &limits, &stats, err));
    }
    text = arena_format(arena, "%lld\n", (long long)stats.bytes);
    return file_replace(arena_format(arena, "%s/bytes", dir), bytes_of(text), 0644, err);
}

static int layer_build(struct examiner *examiner, struct job *job, const char *arm,
                       const struct project *project, const char *dir, struct spool *log,
                       struct heart *heart, struct err *err)
{
    struct arena     *arena = job->arena;
    const char       *inputs = arena_format(arena, "%s/build-%s", job->dir, arm);
    const char *const argv[] = {"sh", SANDBOX_INPUTS "/dependencies_build.sh", NULL};
    const char       *env[8] = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/tmp", "LANG=C.UTF-8"};
    size_t            count = 3;
    struct sandbox_limits       limits = examiner->limits;
    struct building             building = {.log = log};
    CLEANUP(spool) struct spool tar = {.fd = -1};
    struct sandbox_end          end;
    struct sandbox_job          build = {.id = arena_format(arena, "%s-build-%s", job->id, arm),
                                         .image = sandbox_base(examiner->sandbox),
                                         .inputs = inputs,
                                         .argv = argv,
                                         .env = env,
                                         .cwd = "/",
                                         .network = examiner->config->qa_build_network,
                                         .limits = &limits,
                                         .log = {building_log, &building},
                                         .result = {spool_take, &tar},
                                         .tick = {heart_beat, heart}};

    if (examiner->config->qa_package_index[0] != '\0') {
        env[count++] = arena_format(arena, "PIP_INDEX_URL=%s", examiner->config->qa_package_index);
    }
    limits.result_bytes = limits.disk_bytes;
    TRY(inputs_make(arena, inputs, project, err));
    TRY(certificates_put(arena, inputs, env, &count, err));
    TRY(spool_open(&tar, job->dir, err));
    TRY(spool_say(log, err, "== %s: dependencies, network %s ==\n", arm,
                  build.network ? "on" : "off"));
    TRY(sandbox_run(examiner->sandbox, &build, &end, err));
    if (end.outcome != SANDBOX_EXITED || end.exit_status != 0 || end.result_dropped > 0) {
        return err_set(err, ERR_IMAGE_FAILED, "dependencies (network %s): %s%s",
                       build.network ? "on" : "off",
                       end.outcome == SANDBOX_OOM       ? "out of memory: "
                       : end.outcome == SANDBOX_TIMEOUT ? "out of time: "
                       : end.result_dropped > 0         ? "too large: "
                                                        : "",
                       tail_text(arena, &building.tail));
    }
    return layer_unpack(examiner, arena, dir, &tar, err);
}

/* The layer, built if it has to be, and held by the job from here on. */
static int layer_get(struct examiner *examiner, struct job *job, const char *arm,
                     const struct project *project, const char *layers, const char *dir,
                     struct spool *log, struct heart *heart, struct err *err)
{
    struct arena *arena = job->arena;
    struct err    ignored = {0};
    bool          there = false;
    bool          built = false;
    int           lock;

    while (!there) {
        TRY(layer_lock(arena, dir, heart, &lock, &there, err));
        job_hold(job, lock);
        if (there) {
            break;
        }
        built = true;
        if (layer_build(examiner, job, arm, project, dir, log, heart, err) < 0) {
            (void)(layer_drop(arena, layers, dir, &ignored) < 0); /* the next build finds it */
            return -1;
        }
        there = layer_share(arena, dir, lock);
    }
    if (utimensat(AT_FDCWD, arena_format(arena, "%s/bytes", dir), NULL, 0) < 0) {
        return err_errno(err, "marking the layer %s as used", dir);
    }
    return built ? layers_shrink(arena, layers, examiner->config->qa_layer_cache, log, err) : 0;
}

static bool is_empty(struct arena *arena, const char *tree)
{
    const char **names;
    size_t       count = 0;
    struct err   ignored = {0};

    return dir_list(arena, tree, &names, &count, &ignored) == 0 && count == 0;
}

int layer_image(struct examiner *examiner, struct job *job, const char *arm,
                const struct workspace *workspace, struct spool *log, struct heart *heart,
                struct image *ret_image, struct err *err)
{
    struct arena       *arena = job->arena;
    const struct image *base = sandbox_base(examiner->sandbox);
    struct project     *project = arena_zero(arena, 1, sizeof(*project));
    const char         *layers = arena_format(arena, "%s/layers", examiner->dir);
    const char         *dir, *tree;

    *ret_image = *base;
    TRY(project_read(arena, arena_format(arena, "%s/%s", workspace->dir, workspace->root), project,
                     err));
    if (project->count == 0) {
        return 0;
    }
    key_make(base, project);
    dir = arena_format(arena, "%s/%s", layers, project->key);
    tree = arena_format(arena, "%s/tree", dir);
    TRY(layer_get(examiner, job, arm, project, layers, dir, log, heart, err));
    ret_image->deps = is_empty(arena, tree) ? NULL : tree;
    return 0;
}
