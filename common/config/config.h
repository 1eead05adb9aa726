// SPDX-License-Identifier: MIT
/*
 * config.h - every setting, read once from the environment and checked against schemas/config.def.
 *
 * The only part that reads the environment. The struct is plain data, filled once at start; text
 * lives as long as the process. SIZE is bytes, TIME is milliseconds.
 */
#ifndef PRT_CONFIG_CONFIG_H
#define PRT_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

struct config {
#define CONFIG_TYPE_TEXT   const char *
#define CONFIG_TYPE_SECRET const char *
#define CONFIG_TYPE_CHOICE const char *
#define CONFIG_TYPE_COUNT  int64_t
#define CONFIG_TYPE_SIZE   int64_t
#define CONFIG_TYPE_TIME   int64_t
#define CONFIG_TYPE_FLAG   bool
#define CONFIG(name, kind, preset, least, most, help) CONFIG_TYPE_##kind name;
#include "schemas/config.def"
#undef CONFIG
};

/* Reads PRT_* (and PRT_*_FILE for secrets). CONFIG_WRONG names the variable, the value and what is
 * allowed; a PRT_ variable that is no setting is refused too, and so is a secret that is given both
 * ways or whose file is empty. */
WARN_UNUSED int config_load(struct config *ret_config, struct err *err);

/* One line per setting: name, value in force, where it comes from if not from the table; secrets as
 * "(hidden)". `json` prints one object instead. */
void config_print(const struct config *config, FILE *out, bool json);

/* The table as text for --help: variable, default, range, what it is. */
void config_help(FILE *out);

/* A local farm's own dev API key, accepted where config->dev_key is on. */
#define CONFIG_DEV_KEY "dev_token_12345"

/* Parsers of the kinds, for command lines: "8M" to bytes, "5s" to milliseconds. */
WARN_UNUSED int config_size(const char *text, int64_t *ret_bytes, struct err *err);
WARN_UNUSED int config_time(const char *text, int64_t *ret_ms, struct err *err);

#endif
