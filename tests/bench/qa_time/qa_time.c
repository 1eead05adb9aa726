// SPDX-License-Identifier: MIT
/*
 * qa_time - how long the tests of a workspace with one test file take, bare and in each engine.
 *
 * usage: qa_time starts BASE DIR [N]             a row per way of running it, N times in turns
 *        qa_time jobs BASE DIR WARM AT_ONCE S    jobs a minute through examine(), for S seconds
 *        qa_time steps BASE DIR WARM N          where the time of one job goes, mean of N
 *        qa_time big BASE DIR MIB                memory while a workspace of that size is fetched
 *
 * BASE is what deploy/images/make-base printed, DIR an empty directory. Run by tests/bench/qa.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "crypto/crypto.h"
#include "workers/qa/examine.h"
#include "workers/qa/sandbox/job.h"
#include "workers/stage.h"

#include "usage.h"

enum { RUNS_MOST = 200, ASK_MS = 60000, THREADS_MOST = 16, WARM_KEPT = 2, BARE_RUNS = 8 };

static const char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
                                  "HOME=/tmp",
                                  "LANG=C.UTF-8",
                                  "PYTHONDONTWRITEBYTECODE=1",
                                  "PYTHONUNBUFFERED=1",
                                  "PYTHONHASHSEED=0",
                                  "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1",
                                  NULL};

static _Noreturn void give_up(const char *what, const struct err *err)
{
    (void)fprintf(stderr, "qa_time: %s: %s\n", what, err->story);
    exit(1);
}
#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) < 0) {                                                                          \
            give_up(#call, &err);                                                                  \
        }                                                                                          \
    } while (0)

/* The examiner's doors to the stream, which is not there. */
int delivery_extend(struct delivery *in, struct err *err)
{
    (void)in;
    (void)err;
    return 0;
}

static int by_size(const void *a, const void *b)
{
    const double *one = a;
    const double *two = b;

    return (*one > *two) - (*one < *two);
}

static double middle(double *of, int count)
{
    qsort(of, (size_t)count, sizeof(*of), by_size);
    return of[count / 2];
}

/* -------------------------------------- starts -------------------------------------- */

struct way {
    const char             *name, *engine; /* NULL: bare */
    int64_t                 warm;
    bool                    idle; /* /bin/true instead of the tests */
    bool                    own;  /* the engine's own command line */
    struct sandbox_settings settings;
    struct sandbox         *sandbox;
    struct err              err;
    const char             *options; /* of its own command line */
    double                  took[RUNS_MOST];
    int                     runs;
};

static struct way ways[] = {
    {.name = "bare pytest"},
    {.name = "runc, /bin/true", .engine = "runc", .idle = true},
    {.name = "runc", .engine = "runc"},
    {.name = "runc, made ahead", .engine = "runc", .warm = WARM_KEPT},
    {.name = "podman run /bin/true", .engine = "podman", .idle = true, .own = true},
    {.name = "podman", .engine = "podman"},
    {.name = "docker run /bin/true", .engine = "docker", .idle = true, .own = true},
    {.name = "docker", .engine = "docker"},
};

struct bench {
    struct arena *arena;
    const char   *base, *dir, *inputs, *tree;
    int           bare_runs;
};

static void tree_make(struct bench *bench)
{
    struct err err = {0};

    bench->inputs = arena_format(bench->arena, "%s/in", bench->dir);
    bench->tree = arena_format(bench->arena, "%s/tree", bench->dir);
    MUST(dir_make(bench->inputs, 0755, &err));
    MUST(dir_make(bench->tree, 0755, &err));
    MUST(file_replace(arena_format(bench->arena, "%s/run.py", bench->inputs),
                      bytes_of("import sys\nimport pytest\n"
                               "sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider']))\n"),
                      0644, &err));
    MUST(file_replace(arena_format(bench->arena, "%s/test_one.py", bench->tree),
                      bytes_of("def test_sum():\n    assert 1 + 1 == 2\n"), 0644, &err));
}

static const char *settings_dir(struct bench *bench, const struct way *way)
{
    const char *dir = arena_format(bench->arena, "%s/state-%zu", bench->dir, (size_t)(way - ways));
    struct err  err = {0};

    MUST(dir_make(dir, 0755, &err));
    return dir;
}

static void way_open(struct bench *bench, struct way *way)
{
    struct err err = {0};

    if (way->engine == NULL) {
        return;
    }
    way->settings = (struct sandbox_settings){.engine = way->engine,
                                              .runtime = "",
                                              .dir = settings_dir(bench, way),
                                              .base = bench->base,
                                              .base_image = "",
                                              .warm = way->warm,
                                              .limits = {.memory_bytes = 1 << 30,
                                                         .cpus = 2,
                                                         .pids = 100,
                                                         .disk_bytes = 1LL << 31,
                                                         .disk_entries = 110000,
                                                         .file_bytes = 512 << 20,
                                                         .open_files = 1024,
                                                         .log_bytes = 4 << 20,
                                                         .result_bytes = 4 << 20,
                                                         .wall_ms = ASK_MS}};
    if (sandbox_open(&way->sandbox, &way->settings, &way->err) < 0) {
        way->sandbox = NULL;
        return;
    }
    MUST(sandbox_own(way->sandbox, bench->tree, &err));
    way->options =
        strcmp(way->engine, "podman") == 0 && strcmp(sandbox_runtime(way->sandbox), "runc") == 0
            ? "--runtime runc --cgroup-manager=cgroupfs"
            : "";
}

/* In the same root, with nothing around it but chroot. */
static void bare_run(struct bench *bench)
{
    const char *const root = arena_format(bench->arena, "%s/rootfs", bench->base);
    const char *const argv[] = {
        "chroot",
        root,
        "sh",
        "-c",
        "cd " SANDBOX_WORKSPACE " && exec python3 -s " SANDBOX_INPUTS "/run.py",
        NULL};
    struct process     process = {.argv = argv, .env = env, .wall_ms = ASK_MS};
    struct process_end end;
    struct err         err = {0};

    MUST(process_run(&process, &end, &err));
    if (end.exit_status != 0) {
        (void)err_set(&err, ERR_BUG, "exit status %d", end.exit_status);
        give_up("bare pytest", &err);
    }
}

static void own_run(struct bench *bench, const struct way *way)
{
    const char *const words = arena_format(
        bench->arena,
        "%s %s run --rm --network none --ulimit nofile=1024:1024 --ulimit nproc=6400:6400 %s "
        "/bin/true",
        way->engine, way->options, sandbox_base(way->sandbox)->handle);
    const char *const argv[] = {"sh", "-c", words, NULL};
    struct bytes      out;
    struct err        err = {0};

    MUST(process_ask(bench->arena, argv, 4096, ASK_MS, &out, &err));
}

static void sandbox_once(struct bench *bench, struct way *way)
{
    static const char *const tests[] = {"python3", "-s", SANDBOX_INPUTS "/run.py", NULL};
    static const char *const idle[] = {"/bin/true", NULL};
    CLEANUP(job) struct job *job = NULL;
    struct sandbox_end       end;
    struct err               err = {0};
    int64_t                  from_us;

    MUST(job_open(&job, way->settings.dir, &err));
    MUST(sandbox_warm_wait(way->sandbox, (size_t)way->warm, ASK_MS, &err));
    from_us = clock_mono_us();
    {
        struct sandbox_job run = {.id = arena_format(bench->arena, "%s-t", job->id),
                                  .image = sandbox_base(way->sandbox),
                                  .workspace = bench->tree,
                                  .inputs = bench->inputs,
                                  .argv = way->idle ? idle : tests,
                                  .env = env,
                                  .cwd = SANDBOX_WORKSPACE,
                                  .limits = &way->settings.limits};

        MUST(sandbox_run(way->sandbox, &run, &end, &err));
    }
    way->took[way->runs++] = (double)(clock_mono_us() - from_us) / 1e3;
    MUST(
        sandbox_warm_wait(way->sandbox, (size_t)way->warm, ASK_MS, &err)); /* not beside the next */
    if (end.exit_status != 0 || end.warm != (way->warm > 0)) {
        (void)err_set(&err, ERR_BUG, "exit status %d, %s", end.exit_status,
                      end.warm ? "made ahead" : "not made ahead");
        give_up(way->name, &err);
    }
}

static void way_run(struct bench *bench, struct way *way)
{
    int64_t from_us = clock_mono_us();

    if (way->engine != NULL && way->sandbox == NULL) {
        return;
    }
    if (way->engine != NULL && !way->own) {
        sandbox_once(bench, way);
        return;
    }
    if (way->own) {
        own_run(bench, way);
    } else {
        bare_run(bench);
    }
    way->took[way->runs++] = (double)(clock_mono_us() - from_us) / 1e3;
}

static void bare_mount(struct bench *bench)
{
    const char *const at[] = {SANDBOX_WORKSPACE, SANDBOX_INPUTS, "/dev", "/tmp"};
    const char *const from[] = {bench->tree, bench->inputs, "/dev", "/tmp"};
    struct err        err = {0};

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) {
        (void)err_errno(&err, "making a mount namespace; this wants root");
        give_up("bare pytest", &err);
    }
    for (size_t i = 0; i < COUNT_OF(at); i++) {
        const char *to = arena_format(bench->arena, "%s/rootfs%s", bench->base, at[i]);

        if (mount(from[i], to, NULL, MS_BIND, NULL) < 0) {
            (void)err_errno(&err, "mounting %s", to);
            give_up("bare pytest", &err);
        }
    }
}

static void *bare_thread(void *self)
{
    struct bench *bench = self;

    bare_mount(bench); /* of this thread only: sandboxes must not see it */
    for (int i = 0; i < bench->bare_runs; i++) {
        way_run(bench, &ways[0]);
    }
    return NULL;
}

static void bare_in_thread(struct bench *bench, int count)
{
    pthread_t thread;

    bench->bare_runs = count;
    if (pthread_create(&thread, NULL, bare_thread, bench) == 0) {
        (void)pthread_join(thread, NULL);
    }
}

static void row_print(const struct way *way, double bare, double own)
{
    double took;

    if (way->runs == 0) {
        printf("| %-21s | not measured: %.90s |\n", way->name, way->err.story);
        return;
    }
    took = middle((double *)(uintptr_t)way->took, way->runs);
    printf("| %-21s | %7.0f | %7.0f | %7.0f | %5.2f | ", way->name, took, way->took[0], took - bare,
           took / bare);
    if (own > 0 && !way->own) {
        printf("%7.0f |\n", took - bare - own);
    } else {
        printf("%7s |\n", "");
    }
}

static void starts(struct bench *bench, int count)
{
    double bare;
    double own = 0;

    tree_make(bench);
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        way_open(bench, &ways[i]);
    }
    for (int run = 0; run <= count; run++) {
        for (size_t i = 0; i < COUNT_OF(ways); i++) {
            if (i == 0) {
                bare_in_thread(bench, 1);
            } else {
                way_run(bench, &ways[i]);
            }
            ways[i].runs = run == 0 ? 0 : ways[i].runs; /* the first round warms caches */
        }
    }
    bare = middle(ways[0].took, ways[0].runs);
    printf("| one test file         | ms      | fastest | - bare  | ratio | - bare - own true |\n");
    printf("| --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        own = ways[i].own && ways[i].runs > 0 ? middle(ways[i].took, ways[i].runs)
              : ways[i].engine != NULL && strcmp(ways[i].engine, "runc") == 0 ? 0
                                                                              : own;
        row_print(&ways[i], bare, own);
    }
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        sandbox_close(ways[i].sandbox);
    }
}

/* -------------------------------------- jobs -------------------------------------- */

struct lane {
    struct arena          *arena;
    struct config          config;
    struct blob_store     *blob;
    struct examiner        examiner;
    const struct snapshot *snapshot;
    int64_t                until_us;
    pthread_t              thread;
    int                    jobs, wrong;
};

static struct snapshot *snapshot_put(struct arena *arena, struct blob_store *blob, const char *tree)
{
    struct snapshot               *snapshot = arena_zero(arena, 1, sizeof(*snapshot));
    char                           hex[HASH_HEX];
    uint8_t                       *piece = mem_get(1 << 20);
    size_t                         got;
    struct err                     err = {0};
    CLEANUP(fd) int                fd = fd_temporary("/tmp", &err);
    CLEANUP(sha256) struct sha256 *sha = sha256_new();

    MUST(fd);
    MUST(pack_directory(tree, fd, &err));
    snapshot->size_bytes = lseek(fd, 0, SEEK_CUR);
    MUST(lseek(fd, 0, SEEK_SET) < 0 ? -1 : 0);
    sha256_start(sha);
    do {
        MUST(fd_read_all(fd, piece, 1 << 20, &got, &err));
        sha256_add(sha, (struct bytes){piece, got});
    } while (got == 1 << 20);
    mem_free(piece);
    sha256_finish(sha, snapshot->sha256);
    hex_write(hex, (struct bytes){snapshot->sha256, sizeof(snapshot->sha256)});
    snapshot->key = arena_format(arena, "sha256/%.2s/%s", hex, hex);
    MUST(blob_put_file(blob, BUCKET_ARTIFACTS, snapshot->key, fd, snapshot->size_bytes,
                       "application/gzip", &err));
    return snapshot;
}

static void lane_open(struct bench *bench, struct lane *lane, int64_t warm)
{
    struct blob_settings settings = {.prefix = "bench"};
    struct err           err = {0};

    lane->arena = bench->arena;
    settings.url = arena_format(bench->arena, "file://%s/blobs", bench->dir);
    MUST(blob_store_open(&lane->blob, &settings, &err));
    MUST(config_load(&lane->config, &err));
    lane->config.qa_dir = arena_format(bench->arena, "%s/qa", bench->dir);
    lane->config.qa_base_rootfs = bench->base;
    lane->config.sandbox = "runc";
    lane->config.qa_warm = warm;
    MUST(examiner_open(&lane->examiner, lane->arena, &lane->config, lane->blob, &err));
}

static void *lane_run(void *self)
{
    struct lane *lane = self;

    while (clock_mono_us() < lane->until_us) {
        CLEANUP(arena) struct arena *arena = arena_new();
        struct question              question = {.after = lane->snapshot, .last_try = true};
        struct heart                 heart = {0};
        struct finding               finding = {0};
        struct err                   err = {0};

        if (examine(&lane->examiner, arena, &question, &heart, &finding, &err) < 0 ||
            finding.status != VERDICT_PASSED) {
            (void)fprintf(stderr, "a job did not pass: %s %s\n", finding.reason, err.story);
            lane->wrong++;
        }
        lane->jobs++;
    }
    return NULL;
}

/* Of the same tests without a sandbox: what CPU a job is held against, on a machine that is never
 * quiet. */
static double bare_cpu_ms(struct bench *bench)
{
    double before = tree_cpu_ms();

    bare_in_thread(bench, BARE_RUNS);
    ways[0].runs = 0;
    return (tree_cpu_ms() - before) / BARE_RUNS;
}

static void jobs(struct bench *bench, int64_t warm, int at_once, int seconds)
{
    struct lane lanes[THREADS_MOST] = {0};
    double      bare;
    double      cpu;
    int         done = 0;
    int         wrong = 0;
    int64_t     from_us;
    int64_t     took_us;
    struct err  err = {0};

    tree_make(bench);
    bare = bare_cpu_ms(bench);
    at_once = at_once < THREADS_MOST ? at_once : THREADS_MOST;
    for (int i = 0; i < at_once; i++) {
        lane_open(bench, &lanes[i], warm);
        lanes[i].snapshot =
            i == 0 ? snapshot_put(bench->arena, lanes[0].blob, bench->tree) : lanes[0].snapshot;
        MUST(sandbox_warm_wait(lanes[i].examiner.sandbox, (size_t)warm, ASK_MS, &err));
    }
    cpu = tree_cpu_ms();
    from_us = clock_mono_us();
    for (int i = 0; i < at_once; i++) {
        lanes[i].until_us = from_us + seconds * 1000000LL;
        if (pthread_create(&lanes[i].thread, NULL, lane_run, &lanes[i]) != 0) {
            exit(1);
        }
    }
    for (int i = 0; i < at_once; i++) {
        (void)pthread_join(lanes[i].thread, NULL);
        done += lanes[i].jobs;
        wrong += lanes[i].wrong;
    }
    took_us = clock_mono_us() - from_us;
    cpu = (tree_cpu_ms() - cpu) / done;
    bare = (bare + bare_cpu_ms(bench)) / 2;
    printf("| %-18s | %7d | %8.0f | %12.0f | %11.0f | %5.2f | %10ld | %5d |\n",
           warm > 0 ? arena_format(bench->arena, "%lld made ahead", (long long)warm) : "runc",
           at_once, (double)done * 60e6 / (double)took_us, cpu, bare, cpu / bare,
           own_kib("VmHWM:") / 1024, wrong);
    for (int i = 0; i < at_once; i++) {
        examiner_close(&lanes[i].examiner);
        blob_store_close(lanes[i].blob);
    }
}

/* -------------------------------------- where the time goes --------------------------------------
 */

static void steps(struct bench *bench, int64_t warm, int count)
{
    struct lane  lane = {0};
    struct steps sum = {0};
    int64_t      all_us = 0;
    int64_t      known_us;
    struct err   err = {0};

    tree_make(bench);
    lane_open(bench, &lane, warm);
    lane.snapshot = snapshot_put(bench->arena, lane.blob, bench->tree);
    for (int i = 0; i <= count; i++) { /* the first warms caches */
        CLEANUP(arena) struct arena *arena = arena_new();
        struct question              question = {.after = lane.snapshot, .last_try = true};
        struct heart                 heart = {0};
        struct finding               finding = {0};
        int64_t                      from_us;

        MUST(sandbox_warm_wait(lane.examiner.sandbox, (size_t)warm, ASK_MS, &err));
        from_us = clock_mono_us();
        MUST(examine(&lane.examiner, arena, &question, &heart, &finding, &err));
        if (i == 0) {
            continue;
        }
        all_us += clock_mono_us() - from_us;
        sum.unpack += finding.steps.unpack;
        sum.layer += finding.steps.layer;
        sum.start += finding.steps.start;
        sum.ready += finding.steps.ready;
        sum.tests += finding.steps.tests;
        sum.remove += finding.steps.remove;
        sum.judge += finding.steps.judge;
        sum.store += finding.steps.store;
    }
    known_us = sum.unpack + sum.layer + sum.start + sum.ready + sum.tests + sum.remove + sum.judge +
               sum.store;
    const double ms = 1e3 * count;
    printf("| %-10s | %6.1f | %6.1f | %6.1f | %6.1f | %6.1f | %6.1f | %6.1f | %6.1f | %6.1f | "
           "%6.1f |\n",
           warm > 0 ? "made ahead" : "runc", (double)sum.unpack / ms, (double)sum.layer / ms,
           (double)sum.start / ms, (double)sum.ready / ms, (double)sum.tests / ms,
           (double)sum.remove / ms, (double)sum.judge / ms, (double)sum.store / ms,
           (double)(all_us - known_us) / ms, (double)all_us / ms);
    examiner_close(&lane.examiner);
    blob_store_close(lane.blob);
}

/* -------------------------------------- a big workspace -------------------------------------- */

static void big(struct bench *bench, int mib)
{
    struct lane      lane = {0};
    struct workspace workspace;
    struct heart     heart = {0};
    struct err       err = {0};
    uint8_t         *piece = mem_get(1 << 20);
    long             before;
    int64_t          from_us;

    tree_make(bench);
    for (int i = 0; i < mib; i++) {
        random_bytes(piece, 1 << 20);
        MUST(file_replace(arena_format(bench->arena, "%s/data%d", bench->tree, i),
                          (struct bytes){piece, 1 << 20}, 0644, &err));
    }
    mem_free(piece);
    lane_open(bench, &lane, 0);
    lane.snapshot = snapshot_put(bench->arena, lane.blob, bench->tree);
    before = own_kib("VmHWM:");
    from_us = clock_mono_us();
    MUST(workspace_fetch(bench->arena, lane.blob, lane.snapshot, &lane.examiner.pack,
                         arena_format(bench->arena, "%s/fetched", bench->dir), &heart, &workspace,
                         &err));
    printf(
        "| %d MiB workspace fetched and unpacked | %.1f s | %ld MiB before | %ld MiB at most |\n",
        mib, (double)(clock_mono_us() - from_us) / 1e6, before / 1024, own_kib("VmHWM:") / 1024);
    examiner_close(&lane.examiner);
    blob_store_close(lane.blob);
}

int main(int argc, char **argv)
{
    struct bench bench = {.arena = arena_new()};
    struct err   err = {0};

    MUST(crypto_setup(&err));
    if (argc >= 4) {
        bench.base = argv[2];
        bench.dir = argv[3];
    }
    if (argc >= 4 && strcmp(argv[1], "starts") == 0) {
        int count = argc > 4 ? atoi(argv[4]) : 11;

        starts(&bench, count < RUNS_MOST ? count : RUNS_MOST - 1);
    } else if (argc == 7 && strcmp(argv[1], "jobs") == 0) {
        jobs(&bench, atoi(argv[4]), atoi(argv[5]), atoi(argv[6]));
    } else if (argc == 6 && strcmp(argv[1], "steps") == 0) {
        steps(&bench, atoi(argv[4]), atoi(argv[5]));
    } else if (argc == 5 && strcmp(argv[1], "big") == 0) {
        big(&bench, atoi(argv[4]));
    } else {
        (void)fprintf(stderr, "usage: qa_time starts|jobs|steps|big BASE DIR ...\n");
        return 2;
    }
    arena_free(bench.arena);
    return 0;
}
