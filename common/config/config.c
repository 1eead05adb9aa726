// SPDX-License-Identifier: MIT
#include "config/config.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/utf8.h"

enum kind { TEXT, SECRET, CHOICE, COUNT, SIZE, TIME, FLAG };

struct row {
    const char *name;
    enum kind   kind;
    const char *preset;
    const char *least;
    const char *most;
    const char *help;
    size_t      offset;
};

static const struct row rows[] = {
#define CONFIG(name, kind, preset, least, most, help)                                              \
    {#name, kind, preset, least, most, help, offsetof(struct config, name)},
#include "schemas/config.def"
#undef CONFIG
};

enum { SECRET_FILE_MOST = 16 * 1024, VARIABLE_MOST = 64 };

/* Text of settings lives as long as the process: here. */
static struct arena *kept;

static const char *keep(const char *text)
{
    if (kept == NULL) {
        kept = arena_new();
    }
    return arena_text(kept, bytes_of(text));
}

extern char **environ;

static void variable_of(char *ret, const struct row *row)
{
    size_t used = (size_t)snprintf(ret, VARIABLE_MOST, "PRT_%s", row->name);

    for (size_t i = 4; i < used; i++) {
        ret[i] = (ret[i] >= 'a' && ret[i] <= 'z') ? (char)(ret[i] - 32) : ret[i];
    }
}

struct unit {
    const char *name;
    int64_t     factor;
};

static const struct unit size_units[] = {
    {"", 1}, {"K", 1LL << 10}, {"M", 1LL << 20}, {"G", 1LL << 30}, {NULL, 0},
};
static const struct unit time_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0},
};
static const struct unit count_units[] = {{"", 1}, {NULL, 0}};

static const char *units_text(const struct unit *units)
{
    return units == size_units   ? "none, K, M or G"
           : units == time_units ? "ms, s, m, h or d"
                                 : "none";
}

static int number(const char *text, const struct unit *units, int64_t *ret, struct err *err)
{
    const char *known = units_text(units);
    char       *end;
    long long   value;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || errno != 0) { /* strtoll takes blanks and signs */
        return err_set(err, ERR_CONFIG_WRONG, "\"%s\" does not start with a whole number", text);
    }
    for (; units->name != NULL; units++) {
        if (strcmp(end, units->name) == 0) {
            int64_t result;

            if (__builtin_mul_overflow((int64_t)value, units->factor, &result)) {
                return err_set(err, ERR_CONFIG_WRONG, "\"%s\" is too large", text);
            }
            *ret = result;
            return 0;
        }
    }
    return err_set(err, ERR_CONFIG_WRONG, "\"%s\" ends in a unit that is not known (%s)", text,
                   known);
}

int config_size(const char *text, int64_t *ret_bytes, struct err *err)
{
    return number(text, size_units, ret_bytes, err);
}

int config_time(const char *text, int64_t *ret_ms, struct err *err)
{
    return number(text, time_units, ret_ms, err);
}

static const struct unit *units_of(enum kind kind)
{
    return kind == SIZE ? size_units : kind == TIME ? time_units : count_units;
}

static int set_number(const struct row *row, const char *text, int64_t *slot, struct err *err)
{
    const struct unit *units = units_of(row->kind);
    int64_t            value;
    int64_t            least;
    int64_t            most;

    if (number(text, units, &value, err) < 0 || number(row->least, units, &least, err) < 0 ||
        number(row->most, units, &most, err) < 0 || value < least || value > most) {
        return err_set(err, ERR_CONFIG_WRONG, "\"%s\" is not allowed: from %s to %s (unit: %s)",
                       text, row->least, row->most, units_text(units));
    }
    *slot = value;
    return 0;
}

static bool is_choice(const char *list, const char *text)
{
    size_t size = strlen(text);

    while (size > 0 && *list != '\0') {
        size_t one = strcspn(list, "|");

        if (one == size && memcmp(list, text, size) == 0) {
            return true;
        }
        list += one + (list[one] == '|');
    }
    return false;
}

static int set_row(struct config *config, const struct row *row, const char *text, struct err *err)
{
    void *slot = (char *)config + row->offset;

    switch (row->kind) {
    case TEXT:
    case SECRET:
        *(const char **)slot = keep(text);
        return 0;
    case CHOICE:
        if (!is_choice(row->least, text)) {
            return err_set(err, ERR_CONFIG_WRONG, "\"%s\" is not one of %s", text, row->least);
        }
        *(const char **)slot = keep(text);
        return 0;
    case FLAG:
        if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0) {
            return err_set(err, ERR_CONFIG_WRONG, "\"%s\" is neither on nor off", text);
        }
        *(bool *)slot = strcmp(text, "on") == 0;
        return 0;
    case COUNT:
    case SIZE:
    case TIME:
        return set_number(row, text, slot, err);
    }
    return err_set(err, ERR_BUG, "a setting of no kind");
}

static const char *file_variable_of(char *ret, const struct row *row)
{
    variable_of(ret, row);
    (void)strcat(ret, "_FILE"); /* fits: names are far shorter than VARIABLE_MOST */
    return getenv(ret);
}

/* A secret from the file that PRT_<NAME>_FILE names. An empty one is refused: a key that is
 * silently none would be found out too late. */
static int read_secret(struct arena *arena, const char *variable, const char *file,
                       const char **ret_text, struct err *err)
{
    struct bytes bytes;

    if (file_read(arena, file, SECRET_FILE_MOST, &bytes, err) < 0) {
        err->code = ERR_CONFIG_WRONG;
        return err_add(err, "%s", variable);
    }
    while (bytes.size > 0 && strchr("\r\n \t", bytes.data[bytes.size - 1]) != NULL) {
        bytes.size--;
    }
    if (bytes.size == 0 || memchr(bytes.data, '\0', bytes.size) != NULL) {
        return err_set(err, ERR_CONFIG_WRONG, "%s: %s %s", variable, file,
                       bytes.size == 0 ? "is empty" : "holds a NUL byte");
    }
    *ret_text = arena_text(arena, bytes);
    return 0;
}

/* The value in force as text, or NULL for the preset. */
static int find_value(struct arena *arena, const struct row *row, const char **ret_text,
                      struct err *err)
{
    char        variable[VARIABLE_MOST];
    char        file_variable[VARIABLE_MOST];
    const char *text;
    const char *file;

    variable_of(variable, row);
    text = getenv(variable);
    file = row->kind == SECRET ? file_variable_of(file_variable, row) : NULL;
    if (file == NULL || file[0] == '\0') {
        *ret_text = text;
        return 0;
    }
    if (text != NULL && text[0] != '\0') {
        return err_set(err, ERR_CONFIG_WRONG, "both %s and %s are set; keep one of them", variable,
                       file_variable);
    }
    return read_secret(arena, file_variable, file, ret_text, err);
}

static int refuse_unknown(struct err *err)
{
    for (char **at = environ; *at != NULL; at++) {
        size_t size = strcspn(*at, "=");
        bool   known = strncmp(*at, "PRT_", 4) != 0 || strncmp(*at, "PRT_TEST_", 9) == 0;

        for (size_t i = 0; !known && i < COUNT_OF(rows); i++) {
            char variable[VARIABLE_MOST];

            variable_of(variable, &rows[i]);
            known = strlen(variable) == size && strncmp(variable, *at, size) == 0;
            if (!known && rows[i].kind == SECRET) {
                (void)file_variable_of(variable, &rows[i]);
                known = strlen(variable) == size && strncmp(variable, *at, size) == 0;
            }
        }
        if (!known) {
            return err_set(err, ERR_CONFIG_WRONG,
                           "%.*s is no setting of this version; prt config --help lists them all",
                           (int)size, *at);
        }
    }
    return 0;
}

int config_load(struct config *ret_config, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct config config = {0};

    TRY(refuse_unknown(err));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *text = NULL;
        char        variable[VARIABLE_MOST];

        variable_of(variable, &rows[i]);
        TRY(find_value(arena, &rows[i], &text, err));
        if (set_row(&config, &rows[i], text == NULL ? rows[i].preset : text, err) < 0) {
            if (rows[i].kind == SECRET) {
                return err_set(err, ERR_CONFIG_WRONG, "%s has a value that is not allowed",
                               variable);
            }
            return err_add(err, "%s", variable);
        }
    }
    *ret_config = config;
    return 0;
}

/* In the largest unit that leaves nothing over: as a person would have written it. */
static void print_number(int64_t number, enum kind kind, FILE *out)
{
    const struct unit *best = units_of(kind);

    for (const struct unit *unit = best; number != 0 && unit->name != NULL; unit++) {
        best = number % unit->factor == 0 ? unit : best;
    }
    (void)fprintf(out, "%lld%s", (long long)(number / best->factor), best->name);
}

static void print_value(const struct config *config, const struct row *row, FILE *out)
{
    const void *slot = (const char *)config + row->offset;

    switch (row->kind) {
    case SECRET:
        (void)fputs((*(const char *const *)slot)[0] == '\0' ? "" : "(hidden)", out);
        return;
    case TEXT:
    case CHOICE:
        (void)fputs(*(const char *const *)slot, out);
        return;
    case FLAG:
        (void)fputs(*(const bool *)slot ? "on" : "off", out);
        return;
    case COUNT:
    case SIZE:
    case TIME:
        print_number(*(const int64_t *)slot, row->kind, out);
        return;
    }
}

static void print_quoted(const struct config *config, const struct row *row, FILE *out)
{
    CLEANUP(buf) struct buf quoted = {0};
    char  *text = NULL;
    size_t size = 0;
    FILE  *memory = open_memstream(&text, &size);

    if (memory == NULL) {
        mem_gone(0);
    }
    print_value(config, row, memory);
    (void)fclose(memory);
    utf8_put_escaped(&quoted, (struct bytes){(const uint8_t *)text, size});
    (void)fprintf(out, "\"%s\"", buf_text(&quoted));
    free(text);
}

static const char *where_from(const struct row *row)
{
    char        variable[VARIABLE_MOST];
    const char *file = row->kind == SECRET ? file_variable_of(variable, row) : NULL;

    variable_of(variable, row);
    if (file != NULL && file[0] != '\0') {
        return "   (file)";
    }
    return getenv(variable) == NULL ? "" : "   (environment)";
}

void config_print(const struct config *config, FILE *out, bool json)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char variable[VARIABLE_MOST];

        variable_of(variable, &rows[i]);
        if (json) {
            (void)fprintf(out, "%s\"%s\":", i == 0 ? "{" : ",", variable);
            print_quoted(config, &rows[i], out);
            continue;
        }
        (void)fprintf(out, "%-26s ", variable);
        print_value(config, &rows[i], out);
        (void)fprintf(out, "%s\n", where_from(&rows[i]));
    }
    if (json) {
        (void)fputs("}\n", out);
    }
}

void config_help(FILE *out)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct row *row = &rows[i];
        char              variable[VARIABLE_MOST];

        variable_of(variable, row);
        (void)fprintf(out, "  %-26s %s\n", variable, row->help);
        (void)fprintf(out, "  %-26s   default %s", "",
                      row->preset[0] == '\0' ? "(none)" : row->preset);
        if (row->kind == CHOICE) {
            (void)fprintf(out, ", one of %s", row->least);
        } else if (row->kind == FLAG) {
            (void)fprintf(out, ", on or off");
        } else if (row->most[0] != '\0') {
            (void)fprintf(out, ", from %s to %s", row->least, row->most);
        } else if (row->kind == SECRET) {
            (void)fprintf(out, "; also read from the file %s_FILE names", variable);
        }
        (void)fputc('\n', out);
    }
}
