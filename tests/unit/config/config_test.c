// SPDX-License-Identifier: MIT
#include "lib/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "config/config.h"

extern char **environ;

/* Only what the test sets. */
static void start_clean(void)
{
    bool found = true;

    while (found) {
        found = false;
        for (char **at = environ; !found && *at != NULL; at++) {
            if (strncmp(*at, "PRT_", 4) == 0) {
                char name[256];

                (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(*at, "="), *at);
                CHECK(unsetenv(name) == 0);
                found = true;
            }
        }
    }
}

static void set(const char *name, const char *value)
{
    CHECK(setenv(name, value, 1) == 0);
}

/* A file with a secret in it; the name is the caller's to unlink. */
static void write_secret(char *ret_path, size_t room, struct bytes secret)
{
    struct err      err = {0};
    CLEANUP(fd) int fd = -1;

    (void)snprintf(ret_path, room, "/tmp/prt-unit-secret-XXXXXX");
    fd = mkstemp(ret_path);
    CHECK(fd >= 0);
    CHECK_WORKS(fd_write_all(fd, secret, &err));
}

static void check_refused(const char *name, const char *value, const char *mentions)
{
    struct config config = {.http_port = -7};
    struct err    err = {0};

    start_clean();
    set(name, value);
    CHECK_FAILS(config_load(&config, &err), ERR_CONFIG_WRONG);
    CHECK_NUMBER(config.http_port, -7); /* written only on success */
    CHECK(strstr(err.story, name) != NULL);
    if (strstr(err.story, mentions) == NULL) {
        test_failed(__FILE__, __LINE__, "\"%s\" does not mention \"%s\"", err.story, mentions);
    }
}

TEST(config, has_good_defaults)
{
    struct config config;
    struct err    err = {0};

    start_clean();
    CHECK_WORKS(config_load(&config, &err));
    CHECK_NUMBER(config.http_port, 8000);
    CHECK_NUMBER(config.body_max, 8 * 1024 * 1024);
    CHECK_NUMBER(config.stop_grace, 20000);
    CHECK_TEXT(config.log, "json");
    CHECK_TEXT(config.chain_key, "");
    CHECK(config.redact && !config.dev_key);
}

TEST(config, reads_every_kind_from_the_environment)
{
    struct config config;
    struct err    err = {0};

    start_clean();
    set("PRT_HTTP_PORT", "0");
    set("PRT_BODY_MAX", "64M");
    set("PRT_BATCH_WAIT", "250ms");
    set("PRT_REDACT", "off");
    set("PRT_JUDGE", "mock");
    set("PRT_JUDGE_MODEL", "a model, another");
    set("PRT_TOKEN_KEY", "secret");
    CHECK_WORKS(config_load(&config, &err));
    CHECK_NUMBER(config.http_port, 0);
    CHECK_NUMBER(config.body_max, 64LL << 20);
    CHECK_NUMBER(config.batch_wait, 250);
    CHECK(!config.redact);
    CHECK_TEXT(config.judge, "mock");
    CHECK_TEXT(config.judge_model, "a model, another");
    CHECK_TEXT(config.token_key, "secret");
}

TEST(config, refuses_variables_that_are_no_settings)
{
    check_refused("PRT_HTTP_PROT", "8000", "prt config --help");
    check_refused("PRT_", "x", "no setting");
    check_refused("PRT_HTTP_PORT_FILE", "/dev/null", "no setting"); /* only secrets have a file */
    check_refused("PRT_http_port", "8000", "no setting");
}

TEST(config, leaves_other_variables_alone)
{
    struct config config;
    struct err    err = {0};

    start_clean();
    set("PRTX_HTTP_PORT", "x");
    set("PRT_TEST_ANYTHING", "x"); /* what tests tell each other */
    CHECK_WORKS(config_load(&config, &err));
    CHECK(unsetenv("PRTX_HTTP_PORT") == 0);
}

TEST(config, keeps_numbers_in_their_range)
{
    check_refused("PRT_HTTP_PORT", "65536", "from 0 to 65535");
    check_refused("PRT_HTTP_PORT", "-1", "\"-1\"");
    check_refused("PRT_HTTP_PORT", "", "\"\"");
    check_refused("PRT_HTTP_PORT", " 80", "from 0");
    check_refused("PRT_HTTP_PORT", "+80", "from 0");
    check_refused("PRT_HTTP_PORT", "80K", "from 0");
    check_refused("PRT_HTTP_PORT", "0x50", "from 0");
    check_refused("PRT_HTTP_PORT", "99999999999999999999", "from 0");
    check_refused("PRT_BODY_MAX", "1023", "from 1K to 64M");
    check_refused("PRT_BODY_MAX", "65M", "from 1K to 64M");
    check_refused("PRT_BODY_MAX", "8MB", "K, M or G");
    check_refused("PRT_BODY_MAX", "8m", "K, M or G");
    check_refused("PRT_BODY_MAX", "9223372036854775807G", "from 1K");
    check_refused("PRT_STOP_GRACE", "999ms", "from 1s to 10m");
    check_refused("PRT_STOP_GRACE", "20", "ms, s, m, h or d");
}

TEST(config, takes_flags_and_choices_only_as_they_are_written)
{
    check_refused("PRT_REDACT", "yes", "neither on nor off");
    check_refused("PRT_REDACT", "ON", "neither on nor off");
    check_refused("PRT_JUDGE", "gpt", "auto|openai|mock|off");
    check_refused("PRT_JUDGE", "", "auto|openai|mock|off");
    check_refused("PRT_JUDGE", "auto|openai", "auto|openai|mock|off");
    check_refused("PRT_JUDGE", "aut", "auto|openai|mock|off");
}

TEST(config, reads_secrets_from_files)
{
    char          path[64];
    struct config config;
    struct err    err = {0};

    start_clean();
    write_secret(path, sizeof(path), BYTES(" a secret \r\n\n"));
    set("PRT_TOKEN_KEY_FILE", path);
    set("PRT_TOKEN_KEY", ""); /* as compose files pass what is not set */
    CHECK_WORKS(config_load(&config, &err));
    CHECK_TEXT(config.token_key, " a secret");
    CHECK(unlink(path) == 0);
}

TEST(config, refuses_secrets_it_cannot_be_sure_of)
{
    char          path[64];
    struct config config;
    struct err    err = {0};

    start_clean();
    set("PRT_TOKEN_KEY_FILE", "/no/such/file");
    CHECK_FAILS(config_load(&config, &err), ERR_CONFIG_WRONG);
    CHECK(strstr(err.story, "PRT_TOKEN_KEY_FILE: /no/such/file") != NULL);

    write_secret(path, sizeof(path), BYTES("\n"));
    set("PRT_TOKEN_KEY_FILE", path);
    CHECK_FAILS(config_load(&config, &err), ERR_CONFIG_WRONG);
    CHECK(strstr(err.story, "is empty") != NULL);
    CHECK(unlink(path) == 0);

    write_secret(path, sizeof(path), BYTES("half\0hidden"));
    set("PRT_TOKEN_KEY_FILE", path);
    CHECK_FAILS(config_load(&config, &err), ERR_CONFIG_WRONG);
    CHECK(strstr(err.story, "NUL") != NULL && strstr(err.story, "half") == NULL);

    set("PRT_TOKEN_KEY", "the other way");
    CHECK_FAILS(config_load(&config, &err), ERR_CONFIG_WRONG);
    CHECK(strstr(err.story, "both PRT_TOKEN_KEY and PRT_TOKEN_KEY_FILE") != NULL);
    CHECK(strstr(err.story, "the other way") == NULL);
    CHECK(unlink(path) == 0);
}

TEST(config, prints_every_setting_but_no_secret)
{
    char         *text = NULL;
    size_t        size = 0;
    struct config config;
    struct err    err = {0};

    start_clean();
    set("PRT_TOKEN_KEY", "very secret");
    set("PRT_HTTP_PORT", "8123");
    set("PRT_HTTP_IDLE", "90000ms");
    set("PRT_BODY_MAX", "3072K");
    set("PRT_JUDGE_MODEL", "a \"model\"\n\xff");
    CHECK_WORKS(config_load(&config, &err));
    for (int json = 0; json < 2; json++) {
        FILE *out = open_memstream(&text, &size);

        config_print(&config, out, json != 0);
        CHECK(fclose(out) == 0);
        CHECK(strstr(text, "very secret") == NULL);
        CHECK(strstr(text, "(hidden)") != NULL);
        CHECK(strstr(text, "8123") != NULL);
        CHECK(strstr(text, json != 0 ? "\"90s\"" : " 90s ") != NULL);
        CHECK(strstr(text, json != 0 ? "\"3M\"" : " 3M ") != NULL);
        CHECK(strstr(text, json != 0 ? "\"PRT_HTTP_BODY_TIME\":\"1m\"" : " 1m\n") != NULL);
        CHECK(strstr(text, json != 0 ? "\"PRT_KEY_RATE\":\"0\"" : " 0\n") != NULL);
#define CONFIG(name, kind, preset, least, most, help) (void)config.name;
#include "schemas/config.def"
#undef CONFIG
        if (json != 0) {
            CHECK(strstr(text, "\"PRT_HTTP_PORT\":\"8123\"") != NULL);
            CHECK(strstr(text, "\"PRT_JUDGE_MODEL\":\"a \\\"model\\\"\\u000a\xef\xbf\xbd\"") !=
                  NULL);
            CHECK(strstr(text, "\"PRT_CHAIN_KEY\":\"\"") != NULL);
        } else {
            CHECK(strstr(text, "8123   (environment)\n") != NULL);
        }
        free(text);
    }
}

TEST(config, helps_with_every_setting)
{
    static const char *const names[] = {
#define CONFIG(name, kind, preset, least, most, help) #name,
#include "schemas/config.def"
#undef CONFIG
    };
    char  *text = NULL;
    size_t size = 0;
    FILE  *out = open_memstream(&text, &size);

    config_help(out);
    CHECK(fclose(out) == 0);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char variable[80];

        (void)snprintf(variable, sizeof(variable), "  PRT_%s ", names[i]);
        for (char *at = variable; *at != '\0'; at++) {
            *at = (*at >= 'a' && *at <= 'z') ? (char)(*at - 32) : *at;
        }
        CHECK(strstr(text, variable) != NULL);
    }
    CHECK(strstr(text, "PRT_TOKEN_KEY_FILE") != NULL);
    free(text);
}

TEST(config, reads_sizes_and_times_for_command_lines)
{
    int64_t    got = 0;
    struct err err = {0};

    CHECK_WORKS(config_size("512K", &got, &err));
    CHECK_NUMBER(got, 512 * 1024);
    CHECK_WORKS(config_size("0", &got, &err));
    CHECK_NUMBER(got, 0);
    CHECK_WORKS(config_time("7d", &got, &err));
    CHECK_NUMBER(got, 7LL * 24 * 3600 * 1000);
    CHECK_FAILS(config_time("5", &got, &err), ERR_CONFIG_WRONG);
    CHECK_FAILS(config_time("s", &got, &err), ERR_CONFIG_WRONG);
    CHECK_FAILS(config_size("1.5G", &got, &err), ERR_CONFIG_WRONG);
    CHECK_FAILS(config_size("9000000000G", &got, &err), ERR_CONFIG_WRONG);
    CHECK_NUMBER(got, 7LL * 24 * 3600 * 1000);
}
