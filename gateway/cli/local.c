// SPDX-License-Identifier: MIT
#include "gateway/cli/local.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "crypto/crypto.h"
#include "value/json.h"

enum { FILE_MOST = 1 << 20 };

const char *local_path(struct cli *cli, const char *below)
{
    return arena_format(cli->arena, "%s/%s", cli->data, below);
}

const char *local_remedy(struct cli *cli)
{
    return access(local_path(cli, "farm.env"), F_OK) == 0
               ? arena_format(cli->arena, "prt up starts the one in %s", cli->data)
               : arena_format(cli->arena, "prt up starts one in %s, --data DIR names another place",
                              cli->data);
}

const char *local_database(struct cli *cli, const char *name)
{
    CLEANUP(buf) struct buf run = {0};

    for (const char *at = local_path(cli, "run"); *at != '\0'; at++) {
        buf_put_text(&run, *at == ' ' ? "\\" : ""); /* it would end the value */
        buf_put_byte(&run, (uint8_t)*at);
    }
    return arena_format(cli->arena, "host=%s dbname=%s user=prt", buf_text(&run), name);
}

static void set_from_line(struct cli *cli, struct bytes line)
{
    const uint8_t *equals = memchr(line.data, '=', line.size);
    const char    *name;
    const char    *value;

    if (equals == NULL || line.data[0] == '#') {
        return;
    }
    name = arena_text(cli->arena, (struct bytes){line.data, (size_t)(equals - line.data)});
    line = (struct bytes){equals + 1, (size_t)(line.data + line.size - equals - 1)};
    if (line.size >= 2 && line.data[0] == '\'' && line.data[line.size - 1] == '\'') {
        line = (struct bytes){line.data + 1, line.size - 2};
    }
    value = arena_text(cli->arena, line);
    (void)setenv(name, value, 0);
}

int local_join(struct cli *cli, struct err *err)
{
    char         here[PATH_MAX];
    struct bytes file;

    if (cli->data == NULL) {
        cli->data = getenv("PRT_DATA_DIR");
    }
    if (cli->data == NULL) {
        cli->data = "var";
    }
    if (cli->data[0] != '/') {
        if (getcwd(here, sizeof(here)) == NULL) {
            return err_errno(err, "finding the working directory");
        }
        cli->data = arena_format(cli->arena, "%s/%s", here, cli->data);
    }
    if (file_read(cli->arena, local_path(cli, "farm.env"), FILE_MOST, &file, err) < 0) {
        if (err->code != ERR_NOT_FOUND) {
            return err_add(err, "the local farm's settings");
        }
        err_clear(err);
        return 0;
    }
    while (file.size > 0) {
        const uint8_t *end = memchr(file.data, '\n', file.size);
        size_t         size = end == NULL ? file.size : (size_t)(end - file.data);

        if (size > 0) {
            set_from_line(cli, (struct bytes){file.data, size});
        }
        file.data += size + (end != NULL);
        file.size -= size + (end != NULL);
    }
    return 0;
}

bool local_port_is_free(const char *address, int port)
{
    CLEANUP(fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int                on = 1;

    if (fd < 0 || inet_pton(AF_INET, address, &at.sin_addr) != 1) {
        return false;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    return bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
}

/* Below those that the kernel gives to outgoing connections: one of these could have it by the time
 * the process it is for listens there. */
static int quiet_port(void)
{
    enum { FIRST = 10240, BEHIND = 32768, TRIES = 100 };

    for (int i = 0; i < TRIES; i++) {
        uint16_t chance;
        int      port;

        random_bytes((uint8_t *)&chance, sizeof(chance));
        port = FIRST + chance % (BEHIND - FIRST);
        if (local_port_is_free("127.0.0.1", port)) {
            return port;
        }
    }
    return 0;
}

int local_free_port(int *ret_port, struct err *err)
{
    CLEANUP(fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t          size = sizeof(at);

    *ret_port = quiet_port();
    if (*ret_port != 0) {
        return 0;
    }
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) < 0) {
        return err_errno(err, "looking for a free port");
    }
    *ret_port = ntohs(at.sin_port);
    return 0;
}

static int make_key(struct cli *cli, const char *name, struct err *err)
{
    const char *path = arena_format(cli->arena, "%s/keys/%s", cli->data, name);
    uint8_t     key[KEY_BYTES];
    char        hex[HASH_HEX + 1];

    if (access(path, F_OK) == 0) {
        return 0;
    }
    random_bytes(key, sizeof(key));
    hex_write(hex, (struct bytes){key, sizeof(key)});
    (void)strcat(hex, "\n");
    return file_replace(path, bytes_of(hex), 0600, err);
}

struct setting {
    const char *name;
    const char *value;
};

/* In quotes where a shell that sources the file needs them. */
static void put_setting(struct buf *file, const char *name, const char *value)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:,@%+=-";
    const char *quote = value[strspn(value, plain)] == '\0' ? "" : "'";

    buf_format(file, "%s=%s%s%s\n", name, quote, value, quote);
}

/* The nats port of the start before, so that the stream's clients find it again; else a free one. */
static int choose_nats_port(int *ret_port, struct err *err)
{
    const char *old = getenv("PRT_NATS_URL");
    const char *colon = old == NULL ? NULL : strrchr(old, ':');
    int         port = colon == NULL ? 0 : atoi(colon + 1);

    if (port > 0 && strncmp(old, "nats://127.0.0.1:", 17) == 0 &&
        local_port_is_free("127.0.0.1", port)) {
        *ret_port = port;
        return 0;
    }
    return local_free_port(ret_port, err);
}

static int write_settings(struct cli *cli, int64_t http_port, int nats_port, struct err *err)
{
    struct arena        *arena = cli->arena;
    CLEANUP(buf) struct buf file = {0};
    const struct setting own[] = {
        {"PRT_DATA_DIR", cli->data},
        {"PRT_NATS_URL", arena_format(arena, "nats://127.0.0.1:%d", nats_port)},
        {"PRT_NATS_USER", "prt"},
        {"PRT_NATS_PASSWORD_FILE", local_path(cli, "keys/nats_password")},
        {"PRT_POSTGRES_URL", local_database(cli, "prt")},
        {"PRT_CHAIN_KEY_FILE", local_path(cli, "keys/chain_key")},
        {"PRT_SIGNING_KEY_FILE", local_path(cli, "keys/signing_key")},
        {"PRT_TOKEN_KEY_FILE", local_path(cli, "keys/token_key")},
        {"PRT_HTTP_PORT", arena_format(arena, "%lld", (long long)http_port)},
        {"PRT_GATEWAY_URL", arena_format(arena, "http://127.0.0.1:%lld", (long long)http_port)},
        {"PRT_DEV_KEY", "on"},
    };
    /* A setting of the caller's environment is kept before ours. */
    const struct setting unless_set[] = {
        {"PRT_HTTP_LISTEN", "127.0.0.1"},
        {"PRT_BLOB_URL", arena_format(arena, "file://%s/blobs", cli->data)},
        {"PRT_API_KEY", CONFIG_DEV_KEY},
        {"PRT_QA_DIR", local_path(cli, "qa")},
    };

    buf_put_text(&file, "# Settings of the farm in this directory, written by prt up.\n");
    for (size_t i = 0; i < COUNT_OF(own); i++) {
        (void)setenv(own[i].name, own[i].value, 1);
        put_setting(&file, own[i].name, own[i].value);
    }
    for (size_t i = 0; i < COUNT_OF(unless_set); i++) {
        (void)setenv(unless_set[i].name, unless_set[i].value, 0);
        put_setting(&file, unless_set[i].name, getenv(unless_set[i].name));
    }
    return file_replace(local_path(cli, "farm.env"), buf_bytes(&file), 0600, err);
}

int local_prepare(struct cli *cli, int64_t http_port, struct err *err)
{
    static const char *const folders[] = {"keys", "log", "run", "nats", "postgres", "blobs", "qa"};
    static const char *const keys[] = {"chain_key", "signing_key", "token_key", "nats_password"};
    int                      nats_port;

    TRY(crypto_setup(err));
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        TRY(dir_make(local_path(cli, folders[i]), 0755, err));
    }
    if (chmod(local_path(cli, "keys"), 0700) < 0) {
        return err_errno(err, "closing %s/keys to others", cli->data);
    }
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        TRY(make_key(cli, keys[i], err));
    }
    TRY(choose_nats_port(&nats_port, err));
    return write_settings(cli, http_port, nats_port, err);
}
