// SPDX-License-Identifier: MIT
/*
 * settings.h - the judge's settings as the parts of this folder want them.
 */
#ifndef PRT_JUDGE_SETTINGS_H
#define PRT_JUDGE_SETTINGS_H

#include "config/config.h"
#include "workers/judge/score/panel.h"

enum judge_mode { JUDGE_OPENAI, JUDGE_MOCK, JUDGE_OFF };

/* PRT_JUDGE; auto is openai when a key is set and else mock. */
enum judge_mode settings_mode(const struct config *config);

/* CONFIG_WRONG names the variable and what is allowed. Texts are borrowed from config. */
WARN_UNUSED int settings_of_config(struct chat_settings *ret_settings, const struct config *config,
                                   struct err *err);

/* "a, b" as names: 1 to PANEL_MOST of them, none twice. */
WARN_UNUSED int settings_models(struct arena *arena, const char *list,
                                const char *ret_models[PANEL_MOST], size_t *ret_count,
                                struct err *err);

#endif
