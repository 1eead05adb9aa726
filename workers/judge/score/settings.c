// SPDX-License-Identifier: MIT
#include "workers/judge/score/settings.h"

#include <stdlib.h>
#include <string.h>

enum judge_mode settings_mode(const struct config *config)
{
    if (strcmp(config->judge, "off") == 0) {
        return JUDGE_OFF;
    }
    if (strcmp(config->judge, "mock") == 0) {
        return JUDGE_MOCK;
    }
    if (strcmp(config->judge, "openai") == 0) {
        return JUDGE_OPENAI;
    }
    return config->judge_api_key[0] == '\0' ? JUDGE_MOCK : JUDGE_OPENAI;
}

int settings_of_config(struct chat_settings *ret_settings, const struct config *config,
                       struct err *err)
{
    char  *end;
    double temperature = strtod(config->judge_temperature, &end);

    if (config->judge_temperature[0] == '\0' || *end != '\0' ||
        !(temperature >= 0 && temperature <= 2)) {
        return err_set(err, ERR_CONFIG_WRONG,
                       "PRT_JUDGE_TEMPERATURE is \"%s\"; a number from 0 to 2 is allowed",
                       config->judge_temperature);
    }
    if (strncmp(config->judge_base_url, "http://", 7) != 0 &&
        strncmp(config->judge_base_url, "https://", 8) != 0) {
        return err_set(err, ERR_CONFIG_WRONG,
                       "PRT_JUDGE_BASE_URL is \"%.60s\"; it begins with http:// or https:// and"
                       " most often ends in /v1",
                       config->judge_base_url);
    }
    if (config->judge_proxy[0] != '\0' && strcmp(config->judge_proxy, "none") != 0 &&
        strstr(config->judge_proxy, "://") == NULL) {
        return err_set(err, ERR_CONFIG_WRONG,
                       "PRT_JUDGE_PROXY is no URL; it begins with http://, https:// or socks5h://,"
                       " or is none");
    }
    *ret_settings = (struct chat_settings){
        .base_url = config->judge_base_url,
        .api_key = config->judge_api_key,
        .timeout_ms = config->judge_time,
        .answer_tokens = config->judge_answer_tokens,
        .temperature = temperature,
        .seed = config->judge_seed,
        .ca_file = config->judge_ca_file,
        .proxy = config->judge_proxy,
    };
    return 0;
}

int settings_models(struct arena *arena, const char *list, const char *ret_models[PANEL_MOST],
                    size_t *ret_count, struct err *err)
{
    size_t count = 0;

    while (*list != '\0') {
        size_t      size;
        const char *name;

        list += strspn(list, " ,");
        size = strcspn(list, " ,");
        if (size == 0) {
            break;
        }
        name = arena_text(arena, (struct bytes){(const uint8_t *)list, size});
        list += size;
        for (size_t i = 0; i < count; i++) {
            if (strcmp(ret_models[i], name) == 0) {
                return err_set(err, ERR_CONFIG_WRONG, "the model %s is named twice", name);
            }
        }
        if (count == PANEL_MOST) {
            return err_set(err, ERR_CONFIG_WRONG, "a panel has at most %d models", PANEL_MOST);
        }
        ret_models[count++] = name;
    }
    if (count == 0) {
        return err_set(err, ERR_CONFIG_WRONG, "PRT_JUDGE_MODEL names no model");
    }
    *ret_count = count;
    return 0;
}
