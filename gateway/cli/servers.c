// SPDX-License-Identifier: MIT
#include "gateway/cli/servers.h"

#include <glob.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "store/store.h"
#include "stream/stream.h"

enum { PASSWORD_MOST = 4096, VERSION_MOST = 256, PROBE_MS = 1000 };

static const char nats_user[] = "nats";
static const char postgres_user[] = "postgres";

/* Postgres refuses to run as root, and nats-server has no need to. */
static int give_to(const char *path, const char *user, struct err *err)
{
    const struct passwd *who;

    if (geteuid() != 0) {
        return 0;
    }
    who = getpwnam(user);
    if (who == NULL) {
        return err_set(err, ERR_USAGE, "there is no user \"%s\"; deploy/install run makes it", user);
    }
    if (chown(path, who->pw_uid, who->pw_gid) < 0) {
        return err_errno(err, "giving %s to %s", path, user);
    }
    return 0;
}

/* Servers that run as other users must be able to reach the data directory. */
static int parents_open(struct cli *cli, struct err *err)
{
    char *part = arena_text(cli->arena, bytes_of(cli->data));

    if (geteuid() != 0) {
        return 0;
    }
    for (char *slash = strchr(part + 1, '/');; slash = strchr(slash + 1, '/')) {
        struct stat info;

        if (slash != NULL) {
            *slash = '\0';
        }
        if (stat(part, &info) == 0 && (info.st_mode & S_IXOTH) == 0) {
            return err_set(err, ERR_USAGE,
                           "%s may not be entered by the users postgres and nats, who run the servers"
                           " when prt is root: give --data a directory whose parents are open"
                           " (chmod o+x), for example /var/lib/pr-telemetry",
                           part);
        }
        if (slash == NULL) {
            return 0;
        }
        *slash = '/';
    }
}

/* sync_interval came with 2.10; an older server refuses a setting it does not know. */
static int nats_syncs_always(struct cli *cli, bool *ret, struct err *err)
{
    const char *const argv[] = {"nats-server", "--version", NULL};
    const char       *log = local_path(cli, "log/nats-version.log");
    struct bytes      text;
    int               major = 0;
    int               minor = 0;

    (void)unlink(log);
    TRY(run_once(cli, "nats-version", NULL, argv, err));
    TRY(file_read(cli->arena, log, VERSION_MOST, &text, err));
    (void)unlink(log);
    if (sscanf(arena_text(cli->arena, text), "nats-server: v%d.%d", &major, &minor) != 2) {
        return err_set(err, ERR_SYSTEM, "nats-server --version does not tell its version");
    }
    *ret = major > 2 || (major == 2 && minor >= 10);
    return 0;
}

static int write_nats_conf(struct cli *cli, struct err *err)
{
    CLEANUP(buf) struct buf conf = {0};
    const char  *port = strrchr(getenv("PRT_NATS_URL"), ':') + 1;
    const char  *path = local_path(cli, "nats/nats.conf");
    struct bytes password;
    bool         syncs_always = false;

    TRY(file_read(cli->arena, local_path(cli, "keys/nats_password"), PASSWORD_MOST, &password, err));
    TRY(nats_syncs_always(cli, &syncs_always, err));
    buf_format(&conf,
               "listen: \"127.0.0.1:%s\"\n"
               "server_name: \"prt\"\n"
               "max_payload: 8MB\n"
               "max_pending: 256MB\n"
               "jetstream {\n"
               "  store_dir: \"%s/nats/store\"\n"
               "  max_file_store: 1TB\n"
               "  max_memory_store: 64MB\n"
               "%s"
               "}\n"
               "authorization { user: \"prt\", password: \"%.64s\" }\n",
               port, cli->data, syncs_always ? "  sync_interval: always\n" : "",
               (const char *)password.data);
    TRY(file_replace(path, buf_bytes(&conf), 0600, err));
    TRY(give_to(path, nats_user, err));
    return give_to(local_path(cli, "nats"), nats_user, err);
}

/* Debian keeps the server's programs out of PATH, a directory for each version. */
static const char *postgres_program(struct cli *cli, const char *name)
{
    const char *found = name;
    glob_t      list;

    if (glob("/usr/lib/postgresql/*/bin", 0, NULL, &list) == 0) {
        const char *path =
            arena_format(cli->arena, "%s/%s", list.gl_pathv[list.gl_pathc - 1], name);

        found = access(path, X_OK) == 0 ? path : name;
    }
    globfree(&list);
    return found;
}

static int make_cluster(struct cli *cli, struct err *err)
{
    const char *making = local_path(cli, "postgres/making");
    const char *made = local_path(cli, "postgres/data");
    /* While a new segment of the log is written full of zeros every commit waits: less for smaller
     * ones. */
    const char *const argv[] = {postgres_program(cli, "initdb"), "-D", making, "-U", "prt",
                                "-A", "trust", "--encoding=UTF8", "--locale=C",
                                "--wal-segsize=4", NULL};

    TRY(give_to(local_path(cli, "postgres"), postgres_user, err));
    TRY(give_to(local_path(cli, "run"), postgres_user, err));
    if (access(made, F_OK) == 0) {
        return 0;
    }
    /* A half-made cluster of a start that was killed is thrown away. */
    TRY(dir_remove(making, err));
    TRY(run_once(cli, "initdb", postgres_user, argv, err));
    if (rename(making, made) < 0) {
        return err_errno(err, "putting %s in place", made);
    }
    return 0;
}

int servers_prepare(struct cli *cli, struct err *err)
{
    TRY(parents_open(cli, err));
    TRY(write_nats_conf(cli, err));
    return make_cluster(cli, err);
}

static bool nats_answers(struct cli *cli)
{
    const struct config         *config = &cli->config;
    const struct stream_settings settings = {
        .url = config->nats_url,
        .user = config->nats_user,
        .password = config->nats_password,
        .name = "prt up",
        .replicas = 1,
        .publish_window = 1,
    };
    CLEANUP(stream) struct stream *stream = NULL;
    struct err err = {0};

    return stream_open(&stream, &settings, &err) == 0 && stream_check(stream, PROBE_MS, &err) == 0;
}

static const char *any_database(struct cli *cli)
{
    return arena_format(cli->arena, "%s connect_timeout=2", local_database(cli, "postgres"));
}

static bool postgres_answers(struct cli *cli)
{
    CLEANUP(store) struct store *store = NULL;
    struct err err = {0};

    return store_open(&store, any_database(cli), "prt up", &err) == 0 &&
           store_check(store, PROBE_MS, &err) == 0;
}

static const char *const *copy_argv(struct cli *cli, const char *const *argv, size_t count)
{
    const char **copy = arena_zero(cli->arena, count, sizeof(*copy));

    memcpy(copy, argv, count * sizeof(*copy));
    return copy;
}

/* With a core for each of its threads the server has them look for work and wake each other, for each
 * message: a sixth of its CPU. Half of the cores are enough for it, the others have the farm. */
static const char *const *nats_env(struct cli *cli)
{
    long         cores = sysconf(_SC_NPROCESSORS_ONLN);
    const char **env = arena_zero(cli->arena, 2, sizeof(*env));

    if (getenv("GOMAXPROCS") == NULL) {
        env[0] = arena_format(cli->arena, "GOMAXPROCS=%ld", cores > 1 ? cores / 2 : 1);
    }
    return env;
}

int servers_nats(struct cli *cli, struct child *ret_child, struct err *err)
{
    const char *const argv[] = {"nats-server", "-c", local_path(cli, "nats/nats.conf"), NULL};

    (void)err;
    *ret_child = (struct child){
        .name = "nats-server",
        .argv = copy_argv(cli, argv, COUNT_OF(argv)),
        .user = nats_user,
        .env = nats_env(cli),
        /* It grows the buffer of a message block again and again, into fresh memory, with the stream
         * locked: 25 to 30 ms each second, for a machine that gives unused memory back to its host
         * clears a huge page in 6 ms. */
        .small_pages = true,
        .stop_signal = SIGTERM,
        .stop_order = 2,
        .probe = nats_answers,
    };
    return 0;
}

int servers_postgres(struct cli *cli, struct child *ret_child, struct err *err)
{
    const char *run = local_path(cli, "run");
    const char *const argv[] = {
        postgres_program(cli, "postgres"),
        "-D", local_path(cli, "postgres/data"),
        "-c", "listen_addresses=",
        "-c", arena_format(cli->arena, "unix_socket_directories=%s", run),
        "-c", "unix_socket_permissions=0700",
        "-c", "max_connections=300",
        "-c", "shared_buffers=256MB",
        "-c", "min_wal_size=256MB",
        "-c", "max_wal_size=4GB",
        "-c", "checkpoint_completion_target=0.9",
        "-c", "log_checkpoints=off",
        NULL,
    };

    if (strlen(run) > 80) {
        return err_set(err, ERR_USAGE,
                       "%s is too long for a socket; give --data a shorter directory", run);
    }
    *ret_child = (struct child){
        .name = "postgres",
        .argv = copy_argv(cli, argv, COUNT_OF(argv)),
        .user = postgres_user,
        .stop_signal = SIGINT, /* "fast": TERM would wait for every client to leave */
        .stop_order = 2,
        .probe = postgres_answers,
    };
    return 0;
}

static const struct statement find_database = {
    "find_database", "SELECT 1 FROM pg_database WHERE datname = 'prt'", 0};
static const struct statement make_database = {"make_database", "CREATE DATABASE prt", 0};

int servers_migrate(struct cli *cli, int *ret_applied, struct err *err)
{
    CLEANUP(store) struct store *store = NULL;
    CLEANUP(rows) struct rows   *found = NULL;
    struct args                  none = args_start(cli->arena);

    {
        CLEANUP(store) struct store *server = NULL;

        TRY(store_open(&server, any_database(cli), "prt up", err));
        TRY(store_run(server, &find_database, &none, &found, err));
        if (rows_count(found) == 0) {
            CLEANUP(rows) struct rows *nothing = NULL;

            TRY(store_run(server, &make_database, &none, &nothing, err));
        }
    }
    TRY(store_open(&store, cli->config.postgres_url, "prt up", err));
    return store_migrate(store, ret_applied, err);
}
