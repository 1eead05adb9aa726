// SPDX-License-Identifier: MIT
/*
 * prt keys - API keys: who may send, read, operate and administrate.
 *
 * Works on the database, like prt migrate: the first key can't be asked for with a key. A key is
 * printed once, when it is made; kept is only its SHA-256.
 */
#include <getopt.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/crypto.h"
#include "farm/farm.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/plain.h"
#include "store/api_key_store.h"
#include "trace/message.h"

enum { SECRET_BYTES = 24, NAME_CHARS = 12, LABEL_MOST = 200 };

static const char *const roles[] = {"ingest", "read", "operate", "admin"};

static int read_create(int argc, char **argv, struct api_key *ret_key, struct err *err)
{
    static const struct option options[] = {{"role", required_argument, NULL, 'r'},
                                            {"tenant", required_argument, NULL, 't'},
                                            {"label", required_argument, NULL, 'l'},
                                            {NULL, 0, NULL, 0}};
    int    option;
    size_t row = 0;

    *ret_key = (struct api_key){.tenant = "default", .role = NULL, .label = ""};
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        const char **slot = option == 'r'   ? &ret_key->role
                            : option == 't' ? &ret_key->tenant
                            : option == 'l' ? &ret_key->label
                                            : NULL;

        if (slot == NULL) {
            return err_set(err, ERR_USAGE, "prt keys --help tells its options");
        }
        *slot = optarg;
    }
    if (optind < argc) {
        return err_set(err, ERR_USAGE, "keys create takes options only, and \"%s\" was given",
                       argv[optind]);
    }
    while (ret_key->role != NULL && row < COUNT_OF(roles) &&
           strcmp(ret_key->role, roles[row]) != 0) {
        row++;
    }
    if (ret_key->role == NULL || row == COUNT_OF(roles)) {
        return err_set(err, ERR_USAGE, "--role must be ingest, read, operate or admin");
    }
    if (!subject_name_ok(bytes_of(ret_key->tenant))) {
        return err_set(err, ERR_USAGE,
                       "--tenant \"%.140s\" must be 1 to 128 of A-Z a-z 0-9 _ -", ret_key->tenant);
    }
    if (strlen(ret_key->label) > LABEL_MOST) {
        return err_set(err, ERR_USAGE, "--label has more than %d bytes", LABEL_MOST);
    }
    return 0;
}

static int create(struct cli *cli, struct store *store, int argc, char **argv, struct err *err)
{
    CLEANUP(buf) struct buf secret = {0};
    struct api_key          key;
    uint8_t                 random[SECRET_BYTES];
    uint8_t                 hash[HASH_BYTES];
    char                    hex[HASH_HEX];

    TRY(read_create(argc, argv, &key, err));
    random_bytes(random, sizeof(random));
    buf_format(&secret, "prt_%s_", key.role);
    base64url_write(&secret, (struct bytes){random, sizeof(random)});
    sha256_of(buf_bytes(&secret), hash);
    hex_write(hex, (struct bytes){hash, sizeof(hash)});
    key.created_us = clock_us();
    TRY(api_key_add(store, cli->arena, hash, &key, err));
    if (cli->json) {
        struct value answer = value_map();

        value_put(cli->arena, &answer, "id", value_bytes((struct bytes){(uint8_t *)hex, NAME_CHARS}));
        value_put(cli->arena, &answer, "key", value_text(buf_text(&secret)));
        value_put(cli->arena, &answer, "role", value_text(key.role));
        value_put(cli->arena, &answer, "tenant", value_text(key.tenant));
        cli_print_json(&answer);
    } else {
        printf("%s\n", buf_text(&secret));
        (void)fprintf(stderr, "key %.*s of tenant %s; it is shown this once only\n", NAME_CHARS,
                      hex, key.tenant);
    }
    wipe(random, sizeof(random));
    wipe(secret.data, secret.size);
    return EXIT_DONE;
}

static struct value time_or_null(int64_t at_us)
{
    return at_us == 0 ? value_null() : value_real((double)at_us / 1e6);
}

static void print_json(struct cli *cli, const struct api_key *keys, size_t count)
{
    struct value list = value_list();

    for (size_t i = 0; i < count; i++) {
        struct value item = value_map();

        value_put(cli->arena, &item, "id",
                  value_text(arena_format(cli->arena, "%.*s", NAME_CHARS, keys[i].hash)));
        value_put(cli->arena, &item, "role", value_text(keys[i].role));
        value_put(cli->arena, &item, "tenant", value_text(keys[i].tenant));
        value_put(cli->arena, &item, "label", value_text(keys[i].label));
        value_put(cli->arena, &item, "created_at", time_or_null(keys[i].created_us));
        value_put(cli->arena, &item, "revoked_at", time_or_null(keys[i].revoked_us));
        value_append(cli->arena, &list, item);
    }
    cli_print_json(&list);
}

static int list(struct cli *cli, struct store *store, int argc, char **argv, struct err *err)
{
    struct api_key *keys = NULL;
    size_t          count = 0;

    if (argc > 1) {
        return err_set(err, ERR_USAGE, "keys list takes no argument, and \"%s\" was given",
                       argv[1]);
    }
    TRY(api_keys_list(store, cli->arena, &keys, &count, err));
    if (cli->json) {
        print_json(cli, keys, count);
        return EXIT_DONE;
    }
    printf("%s%-13s %-8s %-20s %-17s %-8s %s%s\n", BOLD(cli), "key", "role", "tenant", "made",
           "", "label", PLAIN(cli));
    for (size_t i = 0; i < count; i++) {
        char made[64];

        clock_text(made, keys[i].created_us);
        printf("%-13.*s %-8s %-20s %-17.16s %-8s ", NAME_CHARS, keys[i].hash, keys[i].role,
               keys[i].tenant, made, keys[i].revoked_us != 0 ? "revoked" : "");
        plain_print(stdout, bytes_of(keys[i].label));
        (void)fputc('\n', stdout);
    }
    return EXIT_DONE;
}

static int revoke(struct cli *cli, struct store *store, int argc, char **argv, struct err *err)
{
    char    hex[HASH_HEX];
    int64_t found = 0;

    if (argc != 2) {
        return err_set(err, ERR_USAGE, "keys revoke takes one key, or its name in prt keys list");
    }
    if (strncmp(argv[1], "prt_", 4) == 0) {
        sha256_hex(bytes_of(argv[1]), hex);
    } else if (strlen(argv[1]) < NAME_CHARS || strlen(argv[1]) >= sizeof(hex)) {
        return err_set(err, ERR_USAGE, "\"%.80s\" is no key's name: %d hex digits, as prt keys list"
                       " prints them",
                       argv[1], NAME_CHARS);
    } else {
        memcpy(hex, argv[1], strlen(argv[1]) + 1);
    }
    TRY(api_key_revoke(store, cli->arena, hex, clock_us(), &found, err));
    if (found != 1) {
        return err_set(err, ERR_NOT_FOUND, found == 0 ? "no key is called %.12s"
                                                      : "more than one key begins with %.12s",
                       hex);
    }
    (void)fprintf(stderr, "key %.12s revoked; gateways refuse it within 5 s\n", hex);
    return EXIT_DONE;
}

static const struct {
    const char *name;
    int (*run)(struct cli *cli, struct store *store, int argc, char **argv, struct err *err);
} verbs[] = {{"create", create}, {"list", list}, {"revoke", revoke}};

int keys_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    CLEANUP(store) struct store *store = NULL;

    for (size_t i = 0; argc > 1 && i < COUNT_OF(verbs); i++) {
        if (strcmp(argv[1], verbs[i].name) == 0) {
            TRY(crypto_setup(err));
            TRY(farm_store_open(&store, &cli->config, err));
            optind = 1;
            return verbs[i].run(cli, store, argc - 1, argv + 1, err);
        }
    }
    return err_set(err, ERR_USAGE, "keys takes create, list or revoke");
}
