// SPDX-License-Identifier: MIT
#include "workers/judge/score/price.h"

#include <string.h>

#include "base/fd.h"
#include "value/json.h"
#include "workers/judge/score/data.h"

enum { TABLE_MOST = 1024 * 1024 };

static const struct value_limits limits = {TABLE_MOST, 8, 50000};

static int find_table(struct arena *arena, const char *path, struct bytes *ret_json,
                      struct err *err)
{
    if (path[0] != '\0') {
        return file_read(arena, path, TABLE_MOST, ret_json, err);
    }
    for (size_t i = 0; i < data_file_count; i++) {
        if (strcmp(data_files[i].name, "price-1.json") == 0) {
            *ret_json = data_files[i].bytes;
            return 0;
        }
    }
    return err_set(err, ERR_BUG, "the price table is not in the program");
}

int prices_load(struct arena *arena, const char *path, struct prices *ret_prices, struct err *err)
{
    const char         *name = path[0] == '\0' ? "price-1.json" : path;
    struct bytes        json;
    struct value        table;
    const struct value *models;
    double              per;

    TRY(find_table(arena, path, &json, err));
    if (json_read(arena, json, &limits, &table, err) < 0) {
        return err_set(err, ERR_CONFIG_WRONG, "price table %s: %s", name, err->story);
    }
    models = value_get(&table, "models");
    per = value_real_or(value_get(&table, "per_tokens"), 0);
    if (models == NULL || models->kind != VALUE_LIST || !(per >= 1) ||
        !value_is_text(value_get(&table, "currency"), "USD")) {
        return err_set(err, ERR_CONFIG_WRONG,
                       "price table %s needs currency \"USD\", per_tokens and a list models", name);
    }
    ret_prices->count = models->count;
    ret_prices->rows = arena_zero(arena, models->count, sizeof(*ret_prices->rows));
    for (uint32_t i = 0; i < models->count; i++) {
        const struct value *row = &models->as.items[i];
        struct price_row   *price = &ret_prices->rows[i];

        price->model = value_text_or(value_get(row, "model"), "");
        price->prompt = value_real_or(value_get(row, "prompt"), -1) / per;
        price->answer = value_real_or(value_get(row, "answer"), -1) / per;
        if (price->model.size == 0 || !(price->prompt >= 0) || !(price->answer >= 0)) {
            return err_set(err, ERR_CONFIG_WRONG,
                           "price table %s: row %u needs model, prompt and answer", name, i);
        }
    }
    return 0;
}

double price_of(const struct prices *prices, const char *model, int64_t prompt_tokens,
                int64_t answer_tokens)
{
    const struct price_row *best = NULL;
    size_t                  size = strlen(model);

    for (size_t i = 0; i < prices->count; i++) {
        const struct price_row *row = &prices->rows[i];

        if (row->model.size <= size && memcmp(row->model.data, model, row->model.size) == 0 &&
            (model[row->model.size] == '\0' || model[row->model.size] == '-') &&
            (best == NULL || row->model.size > best->model.size)) {
            best = row;
        }
    }
    if (best == NULL) {
        return -1;
    }
    return best->prompt * (double)prompt_tokens + best->answer * (double)answer_tokens;
}
