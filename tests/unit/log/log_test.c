// SPDX-License-Identifier: MIT
#include "lib/test.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "log/log.h"
#include "value/json.h"

/* What is written to standard error between log_catch and log_caught. */
struct catch {
    int saved;
    int file;
};

static struct catch log_catch(void)
{
    struct err   err = {0};
    struct catch catch = {dup(STDERR_FILENO), fd_temporary("/tmp", &err)};

    CHECK(catch.saved >= 0 && catch.file >= 0 && dup2(catch.file, STDERR_FILENO) >= 0);
    return catch;
}

static struct bytes log_caught(struct catch catch, struct arena *arena)
{
    struct err err = {0};
    uint8_t   *data = arena_get(arena, 65536);
    size_t     size = 0;

    CHECK(dup2(catch.saved, STDERR_FILENO) >= 0);
    CHECK(lseek(catch.file, 0, SEEK_SET) == 0);
    CHECK_WORKS(fd_read_all(catch.file, data, 65535, &size, &err));
    fd_close(catch.saved);
    fd_close(catch.file);
    data[size] = '\0';
    return (struct bytes){data, size};
}

static struct value as_json(struct arena *arena, struct bytes line)
{
    static const struct value_limits limits = {65536, 4, 100};
    struct value value = value_null();
    struct err   err = {0};

    CHECK_WORKS(json_read(arena, line, &limits, &value, &err));
    return value;
}

TEST(log, writes_one_object_a_line_with_the_fields_of_every_scope)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct log_scope role = {.field = {KV("role", "qa")}, .count = 1};
    struct log_scope             trace = {
                    .outer = &role, .field = {KV("trace", "7f3a"), KV("tries", 2)}, .count = 2};
    struct catch     catch = log_catch();
    struct bytes     line;
    struct value     value;

    log_setup(true, LOG_INFO);
    LOG(&trace, INFO, "sandbox finished", KV("exit", 1), KV("share", 0.5), KV("real", (bool)true));
    line = log_caught(catch, arena);
    CHECK(line.size > 0 && line.data[line.size - 1] == '\n');
    value = as_json(arena, line);
    CHECK(value_is_text(value_get(&value, "level"), "info"));
    CHECK(value_is_text(value_get(&value, "event"), "sandbox finished"));
    CHECK(value_is_text(value_get(&value, "role"), "qa"));
    CHECK(value_is_text(value_get(&value, "trace"), "7f3a"));
    CHECK_NUMBER(value_whole_or(value_get(&value, "tries"), 0), 2);
    CHECK_NUMBER(value_whole_or(value_get(&value, "exit"), 0), 1);
    CHECK(value_real_or(value_get(&value, "share"), 0) == 0.5);
    CHECK(value_flag_or(value_get(&value, "real"), false));
    CHECK_NUMBER(value_text_or(value_get(&value, "at"), "").size, 27);
}

TEST(log, stays_json_whatever_it_is_given)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const char  *nothing = NULL;
    struct catch catch = log_catch();
    struct value value;

    log_setup(true, LOG_INFO);
    LOG(NULL, ERROR, "delivery dead-lettered", KV("story", "a \"quote\"\n\\ \x1b[2J \xff \xc3\xa9"),
        KV("none", nothing), KV("nan", (double)NAN), KV("least", -9007199254740991));
    value = as_json(arena, (log_caught(catch, arena)));
    CHECK(
        value_is_text(value_get(&value, "story"), "a \"quote\"\n\\ \x1b[2J \xef\xbf\xbd \xc3\xa9"));
    CHECK(value_is_text(value_get(&value, "none"), ""));
    CHECK(value_get(&value, "nan") != NULL && value_get(&value, "nan")->kind == VALUE_NULL);
    CHECK(value_whole_or(value_get(&value, "least"), 0) == -9007199254740991);
}

TEST(log, leaves_out_what_is_below_its_level)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct catch catch = log_catch();

    log_setup(true, LOG_WARN);
    LOG(NULL, DEBUG, "not shown");
    LOG(NULL, INFO, "not shown");
    LOG(NULL, WARN, "shown");
    LOG(NULL, ERROR, "shown");
    struct bytes lines = log_caught(catch, arena);
    CHECK(strstr((const char *)lines.data, "not shown") == NULL);
    CHECK(strstr((const char *)lines.data, "\"warn\",\"event\":\"shown\"}\n{") != NULL);
    log_setup(true, LOG_INFO);
}

TEST(log, writes_lines_for_people_without_control_characters)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct catch catch = log_catch();

    log_setup(false, LOG_INFO);
    LOG(NULL, WARN, "delivery put back", KV("why", "a\x1b[31m\nb"), KV("tries", 3));
    struct bytes line = log_caught(catch, arena);
    CHECK(strstr((const char *)line.data,
                 " warn  delivery put back why=\"a\\u001b[31m\\u000ab\" tries=3\n") != NULL);
    log_setup(true, LOG_INFO);
}

TEST(log, knows_its_levels_by_name)
{
    CHECK(log_level_of("debug") == LOG_DEBUG);
    CHECK(log_level_of("error") == LOG_ERROR);
    CHECK(log_level_of("loud") == LOG_INFO);
}
