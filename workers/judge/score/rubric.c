// SPDX-License-Identifier: MIT
#include "workers/judge/score/rubric.h"

#include <math.h>
#include <string.h>

#include "value/json.h"
#include "workers/judge/score/data.h"

static const struct {
    const char *name, *words;
} dimensions[DIMENSIONS] = {
#define DIMENSION(name, words) [DIMENSION_##name] = {#name, words},
#include "schemas/judge/dimension.def"
#undef DIMENSION
};

static const struct {
    const char *name, *words;
} flags[FLAGS] = {
#define FLAG(name, words) [FLAG_##name] = {#name, words},
#include "schemas/judge/dimension.def"
#undef FLAG
};

static const struct value_limits rubric_limits = {1024 * 1024, 16, 10000};

const char *dimension_name(enum dimension dimension)
{
    return dimensions[dimension].name;
}

const char *dimension_words(enum dimension dimension)
{
    return dimensions[dimension].words;
}

const char *flag_name(enum judge_flag flag)
{
    return flags[flag].name;
}

const char *flag_words(enum judge_flag flag)
{
    return flags[flag].words;
}

static int unknown_version(struct arena *arena, const char *version, struct err *err)
{
    const char *known = "";

    for (size_t i = 0; i < data_file_count; i++) {
        if (strncmp(data_files[i].name, "rubric-", 7) == 0) {
            known = arena_format(arena, "%s%s%.*s", known, known[0] == '\0' ? "" : ", ",
                                 (int)strcspn(data_files[i].name + 7, "j") - 1,
                                 data_files[i].name + 7);
        }
    }
    return err_set(err, ERR_CONFIG_WRONG, "there is no rubric \"%s\"; known are: %s", version,
                   known);
}

static int read_dimension(struct arena *arena, const struct value *row, enum dimension dimension,
                          struct rubric *rubric, struct err *err)
{
    const struct value *scores = value_get(row, "scores");

    if (!value_is_text(value_get(row, "name"), dimension_name(dimension))) {
        return err_set(err, ERR_CONFIG_WRONG, "rubric %s: dimension %d is not %s", rubric->version,
                       (int)dimension, dimension_name(dimension));
    }
    rubric->dimension[dimension].weight = value_real_or(value_get(row, "weight"), -1);
    rubric->dimension[dimension].question = value_text_or(value_get(row, "question"), "");
    for (int i = 0; i < RUBRIC_ANCHORS; i++) {
        const char *digit = arena_format(arena, "%d", i);

        rubric->dimension[dimension].anchor[i] = value_text_or(value_get(scores, digit), "");
    }
    return 0;
}

int rubric_load(struct arena *arena, const char *version, struct rubric *ret_rubric,
                struct err *err)
{
    const char             *name = arena_format(arena, "rubric-%s.json", version);
    const struct data_file *file = NULL;
    const struct value     *rows;
    struct value            value;
    double                  sum = 0;

    for (size_t i = 0; i < data_file_count; i++) {
        if (strcmp(data_files[i].name, name) == 0) {
            file = &data_files[i];
        }
    }
    if (file == NULL) {
        return unknown_version(arena, version, err);
    }
    TRY(json_read(arena, file->bytes, &rubric_limits, &value, err));
    rows = value_get(&value, "dimensions");
    if (rows == NULL || rows->kind != VALUE_LIST || rows->count != DIMENSIONS) {
        return err_set(err, ERR_CONFIG_WRONG, "rubric %s has not %d dimensions", version,
                       DIMENSIONS);
    }
    *ret_rubric = (struct rubric){.version = arena_text(arena, bytes_of(version))};
    for (int i = 0; i < DIMENSIONS; i++) {
        TRY(read_dimension(arena, &rows->as.items[i], (enum dimension)i, ret_rubric, err));
        sum += ret_rubric->dimension[i].weight;
    }
    if (!(fabs(sum - 1) < 1e-9)) {
        return err_set(err, ERR_CONFIG_WRONG, "rubric %s: the weights sum to %g, not to 1", version,
                       sum);
    }
    return 0;
}

double rubric_overall(const struct rubric *rubric, const struct opinion *opinion)
{
    double sum = 0;

    for (int i = 0; i < DIMENSIONS; i++) {
        sum += rubric->dimension[i].weight * opinion->finding[i].score;
    }
    return round(sum * 1000) / 1000;
}
