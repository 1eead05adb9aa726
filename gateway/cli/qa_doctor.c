// SPDX-License-Identifier: MIT
/* prt qa-doctor - which container engines can run tests on this machine, and which limits hold. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "crypto/crypto.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/qa_remedy.h"
#include "workers/qa/sandbox/cgroup.h"
#include "workers/qa/sandbox/escape.h"
#include "workers/qa/sandbox/job.h"
#include "workers/qa/sandbox/probe.h"

enum { STARTS = 5, ASK_MS = 30000 };

static const char *const engines[] = {"runc", "podman", "docker"};

struct finding {
    const char        *engine, *version, *runtime, *image, *digest;
    bool               works;
    const char        *story, *remedy; /* when it does not */
    struct probe_rows  limits;
    int64_t            start_ms;
    struct escape_rows escape;
    const char        *escape_failed;
};

static const char *version_of(struct arena *arena, const char *engine)
{
    const char *const argv[] = {engine, "--version", NULL};
    struct bytes      out;
    struct err        ignored = {0};
    char             *text;

    if (process_ask(arena, argv, 4096, ASK_MS, &out, &ignored) < 0) {
        return "";
    }
    text = arena_text(arena, out);
    text[strcspn(text, "\n")] = '\0';
    return text;
}

static int by_size(const void *a, const void *b)
{
    const int64_t *one = a;
    const int64_t *two = b;

    return (*one > *two) - (*one < *two);
}

/* The middle of some runs of /bin/true, from asking for it to nothing of it being left. */
static int start_measure(struct sandbox *sandbox, struct finding *finding,
                         const struct sandbox_limits *limits, struct err *err)
{
    static const char *const     env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", NULL};
    const char *const            argv[] = {"true", NULL};
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(job) struct job     *job = NULL;
    int64_t                      took[STARTS];

    TRY(job_open(&job, sandbox_dir(sandbox), err));
    for (int i = 0; i < STARTS; i++) {
        struct sandbox_job run = {.id = arena_format(arena, "%s-start%d", job->id, i),
                                  .image = sandbox_base(sandbox),
                                  .argv = argv,
                                  .env = env,
                                  .cwd = "/",
                                  .limits = limits};
        struct sandbox_end end;
        int64_t            from_us = clock_mono_us();

        TRY(sandbox_run(sandbox, &run, &end, err));
        took[i] = (clock_mono_us() - from_us) / 1000;
    }
    qsort(took, STARTS, sizeof(took[0]), by_size);
    finding->start_ms = took[STARTS / 2];
    return 0;
}

static struct sandbox_limits limits_of(const struct config *config)
{
    return (struct sandbox_limits){.memory_bytes = config->qa_memory,
                                   .cpus = config->qa_cpus,
                                   .pids = config->qa_pids,
                                   .disk_bytes = config->qa_workspace,
                                   .disk_entries = config->archive_entries + SANDBOX_SPARE_ENTRIES,
                                   .file_bytes = config->qa_file,
                                   .open_files = config->qa_open_files,
                                   .log_bytes = config->qa_output,
                                   .result_bytes = config->qa_output,
                                   .wall_ms = ASK_MS};
}

static int settings_make(struct cli *cli, struct sandbox_settings *ret_settings, struct err *err)
{
    const struct config *config = &cli->config;
    const char          *dir =
        config->qa_dir[0] != '\0' ? config->qa_dir : arena_format(cli->arena, "%s/qa", cli->data);
    const char *made = arena_format(cli->arena, "%s/base", dir);

    TRY(dir_make(dir, 0755, err));
    *ret_settings =
        (struct sandbox_settings){.runtime = config->sandbox_runtime,
                                  .dir = dir,
                                  .base = config->qa_base_rootfs[0] != '\0' ? config->qa_base_rootfs
                                          : access(made, F_OK) == 0         ? made
                                                                            : "",
                                  .base_image = config->qa_base_image,
                                  .limits = limits_of(config)};
    return 0;
}

static void escape_look(struct cli *cli, struct sandbox_settings settings, struct finding *finding)
{
    struct sandbox *sandbox = NULL;
    struct err      err = {0};

    settings.limits = escape_limits;
    settings.seen = NULL;
    settings.warm = strcmp(settings.engine, "runc") == 0 ? cli->config.qa_warm : 0;
    if (sandbox_open(&sandbox, &settings, &err) < 0 ||
        escape_run(sandbox, cli->arena, false, &finding->escape, &err) < 0) {
        finding->escape_failed = arena_text(cli->arena, bytes_of(err.story));
    }
    sandbox_close(sandbox);
}

static void engine_look(struct cli *cli, struct sandbox_settings settings, const char *engine,
                        bool escape, struct finding *finding)
{
    struct sandbox *sandbox = NULL;
    struct err      err = {0};

    finding->engine = settings.engine = engine;
    finding->version = version_of(cli->arena, engine);
    settings.seen = &finding->limits;
    finding->works = sandbox_open(&sandbox, &settings, &err) == 0 &&
                     start_measure(sandbox, finding, &settings.limits, &err) == 0;
    if (finding->works) {
        const struct image *base = sandbox_base(sandbox);

        finding->runtime = arena_text(cli->arena, bytes_of(sandbox_runtime(sandbox)));
        finding->image = arena_text(cli->arena, bytes_of(base->name));
        finding->digest = arena_text(cli->arena, bytes_of(base->digest));
    } else {
        finding->story = arena_text(cli->arena, bytes_of(err.story));
        finding->remedy = qa_remedy(engine, finding->story);
    }
    sandbox_close(sandbox);
    if (finding->works && escape) {
        escape_look(cli, settings, finding);
    }
}

/* -------------------------------------- the machine -------------------------------------- */

static const char *first_line(struct arena *arena, const char *path)
{
    struct bytes bytes;
    struct err   ignored = {0};
    char        *text;

    if (file_read(arena, path, 64 * 1024, &bytes, &ignored) < 0) {
        return "";
    }
    text = arena_text(arena, bytes);
    text[strcspn(text, "\n")] = '\0';
    return text;
}

static const char *swap_words(struct arena *arena)
{
    struct bytes bytes;
    struct err   ignored = {0};
    const char  *second;

    if (file_read(arena, "/proc/swaps", 64 * 1024, &bytes, &ignored) < 0) {
        return "none";
    }
    second = strchr(arena_text(arena, bytes), '\n');
    return second != NULL && second[1] != '\0' ? "in use" : "none";
}

static bool has_overlay(struct arena *arena)
{
    struct bytes bytes;
    struct err   ignored = {0};

    return file_read(arena, "/proc/filesystems", 64 * 1024, &bytes, &ignored) == 0 &&
           strstr(arena_text(arena, bytes), "\toverlay\n") != NULL;
}

static struct value machine_look(struct arena *arena)
{
    struct value   map = value_map();
    struct utsname name;
    struct cgroups cgroups = {0};
    struct err     err = {0};
    bool           found = cgroups_find(CGROUP_ROOT, &cgroups, &err) == 0;

    value_put(arena, &map, "kernel",
              value_text(uname(&name) == 0 ? arena_text(arena, bytes_of(name.release)) : ""));
    value_put(
        arena, &map, "cgroups",
        value_text(found ? (cgroups.v2 ? "v2" : "v1") : arena_text(arena, bytes_of(err.story))));
    value_put(arena, &map, "swap", value_text(swap_words(arena)));
    value_put(arena, &map, "swap_limit", value_flag(found && cgroups.swap_limit));
    value_put(arena, &map, "seccomp",
              value_flag(first_line(arena, "/proc/sys/kernel/seccomp/actions_avail")[0] != '\0'));
    value_put(
        arena, &map, "user_namespaces",
        value_whole(strtoll(first_line(arena, "/proc/sys/user/max_user_namespaces"), NULL, 10)));
    value_put(arena, &map, "overlay", value_flag(has_overlay(arena)));
    value_put(arena, &map, "root", value_flag(geteuid() == 0));
    return map;
}

/* -------------------------------------- the answer -------------------------------------- */

static struct value limits_value(struct arena *arena, const struct probe_rows *rows)
{
    struct value list = value_list();

    for (size_t i = 0; i < rows->count; i++) {
        struct value map = value_map();

        value_put(arena, &map, "limit", value_text(rows->row[i].what));
        value_put(arena, &map, "held", value_flag(rows->row[i].held));
        value_put(arena, &map, "inside", value_text(rows->row[i].value));
        value_append(arena, &list, map);
    }
    return list;
}

static struct value escape_value(struct arena *arena, const struct escape_rows *rows)
{
    struct value list = value_list();

    for (size_t i = 0; i < rows->count; i++) {
        struct value map = value_map();

        value_put(arena, &map, "group", value_text(rows->row[i].group));
        value_put(arena, &map, "attempt", value_text(rows->row[i].attempt));
        value_put(arena, &map, "denied", value_flag(rows->row[i].denied));
        value_put(arena, &map, "how", value_text(rows->row[i].how));
        value_append(arena, &list, map);
    }
    return list;
}

/* What pip, and nothing else, reaches while a dependency layer is built. */
static const char *build_network(const struct cli *cli, const char *engine)
{
    return !cli->config.qa_build_network ? "none" : strcmp(engine, "runc") == 0 ? "host" : "engine";
}

static struct value finding_value(const struct cli *cli, const struct finding *finding, bool escape)
{
    struct arena *arena = cli->arena;
    struct value  map = value_map();

    value_put(arena, &map, "engine", value_text(finding->engine));
    value_put(arena, &map, "works", value_flag(finding->works));
    value_put(arena, &map, "version", value_text(finding->version));
    value_put(arena, &map, "build_network", value_text(build_network(cli, finding->engine)));
    if (finding->works) {
        value_put(arena, &map, "runtime", value_text(finding->runtime));
        value_put(arena, &map, "image", value_text(finding->image));
        value_put(arena, &map, "image_digest", value_text(finding->digest));
        value_put(arena, &map, "start_ms", value_whole(finding->start_ms));
    } else {
        value_put(arena, &map, "why", value_text(finding->story));
        value_put(arena, &map, "remedy", value_text(finding->remedy));
    }
    value_put(arena, &map, "limits", limits_value(arena, &finding->limits));
    if (escape && finding->works) {
        value_put(arena, &map, "escape", escape_value(arena, &finding->escape));
        if (finding->escape_failed != NULL) {
            value_put(arena, &map, "escape_failed", value_text(finding->escape_failed));
        }
    }
    return map;
}

static void escape_print(const struct cli *cli, const struct finding *finding)
{
    for (size_t i = 0; i < finding->escape.count; i++) {
        const struct escape_row *row = &finding->escape.row[i];

        printf("  %s%-8s%s%-13s%-58s%s\n", row->denied ? GREEN(cli) : RED(cli),
               row->denied ? "denied" : "ALLOWED", PLAIN(cli), row->group, row->attempt, row->how);
    }
    if (finding->escape_failed != NULL) {
        printf("  %sthe attempts could not be made:%s %s\n", RED(cli), PLAIN(cli),
               finding->escape_failed);
    } else if (finding->escape.count > 0) {
        printf("  %zu attempts to escape%s, %zu not denied\n", finding->escape.count,
               finding->escape.warm ? " from a container made ahead" : "", finding->escape.allowed);
    }
}

static void finding_print(const struct cli *cli, const struct finding *finding)
{
    if (finding->works) {
        printf("%s%-8s%s%sworks%s           starts and ends in %lld ms; %s; runtime %s; image %s\n",
               BOLD(cli), finding->engine, PLAIN(cli), GREEN(cli), PLAIN(cli),
               (long long)finding->start_ms, finding->version, finding->runtime, finding->image);
    } else {
        printf("%s%-8s%s%sdoes not work%s   %s\n", BOLD(cli), finding->engine, PLAIN(cli), RED(cli),
               PLAIN(cli), finding->story);
        printf("                       remedy: %s\n", finding->remedy);
    }
    for (size_t i = 0; i < finding->limits.count; i++) {
        const struct probe_row *row = &finding->limits.row[i];

        printf("  %s%-10s%s%-40s%s\n", row->held ? GREEN(cli) : RED(cli),
               row->held ? "held" : "NOT HELD", PLAIN(cli), row->what, row->value);
    }
    if (finding->works && strcmp(build_network(cli, finding->engine), "host") == 0) {
        printf(
            "  %sopen%s      a dependency layer's build (pip, wheels only) sees this machine's own"
            " network, its\n            loopback too; PRT_QA_BUILD_NETWORK=off closes it, podman"
            " gives it one apart\n",
            BOLD(cli), PLAIN(cli));
    }
    escape_print(cli, finding);
}

static void machine_print(const struct value *machine)
{
    struct bytes kernel = value_text_or(value_get(machine, "kernel"), "");
    struct bytes cgroups = value_text_or(value_get(machine, "cgroups"), "");
    struct bytes swap = value_text_or(value_get(machine, "swap"), "");

    printf(
        "machine  kernel %.*s; cgroups %.*s; swap %.*s, %s; seccomp %s; user namespaces %s; overlay"
        " %s; %s\n",
        (int)kernel.size, kernel.data, (int)cgroups.size, cgroups.data, (int)swap.size, swap.data,
        value_flag_or(value_get(machine, "swap_limit"), false) ? "can be limited"
                                                               : "cannot be limited",
        value_flag_or(value_get(machine, "seccomp"), false) ? "yes" : "no",
        value_whole_or(value_get(machine, "user_namespaces"), 0) > 0 ? "yes" : "no",
        value_flag_or(value_get(machine, "overlay"), false) ? "yes" : "no",
        value_flag_or(value_get(machine, "root"), false) ? "root" : "not root");
}

static int exit_code(const struct cli *cli, const struct finding *findings, size_t count,
                     const char *only)
{
    const char *wanted = only != NULL ? only : cli->config.sandbox;
    bool        works = false;

    for (size_t i = 0; i < count; i++) {
        if (findings[i].escape.allowed > 0 || findings[i].escape_failed != NULL) {
            return EXIT_UNTRUE;
        }
        works = works || (findings[i].works &&
                          (strcmp(wanted, "auto") == 0 || strcmp(wanted, findings[i].engine) == 0));
    }
    return works ? EXIT_DONE : EXIT_FAILED;
}

static bool is_engine(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(engines); i++) {
        if (strcmp(engines[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static int options_read(int argc, char **argv, const char **ret_only, const char **runtime,
                        bool *ret_escape, struct err *err)
{
    static const struct option options[] = {{"engine", required_argument, NULL, 'e'},
                                            {"runtime", required_argument, NULL, 'r'},
                                            {"escape", no_argument, NULL, 'x'},
                                            {NULL, 0, NULL, 0}};
    int                        option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'e' && is_engine(optarg)) {
            *ret_only = optarg;
        } else if (option == 'e') {
            return err_set(err, ERR_USAGE, "--engine %s: there are runc, podman and docker",
                           optarg);
        } else if (option == 'r') {
            *runtime = optarg;
        } else if (option == 'x') {
            *ret_escape = true;
        } else {
            return err_set(err, ERR_USAGE, "prt qa-doctor --help tells its options");
        }
    }
    if (optind < argc) {
        return err_set(err, ERR_USAGE, "qa-doctor takes options only, and \"%s\" was given",
                       argv[optind]);
    }
    return 0;
}

int qa_doctor_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    struct finding          findings[COUNT_OF(engines)] = {0};
    struct sandbox_settings settings;
    struct value            machine = machine_look(cli->arena);
    struct value            list = value_list();
    struct value            answer = value_map();
    const char             *only = NULL;
    bool                    escape = false;
    size_t                  count = 0;

    TRY(crypto_setup(err)); /* a job has a random name */
    TRY(settings_make(cli, &settings, err));
    TRY(options_read(argc, argv, &only, &settings.runtime, &escape, err));
    if (!cli->json) {
        machine_print(&machine);
    }
    for (size_t i = 0; i < COUNT_OF(engines); i++) {
        if (only == NULL || strcmp(only, engines[i]) == 0) {
            engine_look(cli, settings, engines[i], escape, &findings[count]);
            if (!cli->json) {
                finding_print(cli, &findings[count]);
            }
            value_append(cli->arena, &list, finding_value(cli, &findings[count], escape));
            count++;
        }
    }
    if (cli->json) {
        value_put(cli->arena, &answer, "machine", machine);
        value_put(cli->arena, &answer, "engines", list);
        cli_print_json(&answer);
    }
    return exit_code(cli, findings, count, only);
}
