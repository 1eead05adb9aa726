// SPDX-License-Identifier: MIT
/*
 * honesty.h - do a session's own words hold? What QA's replay and claims say, for people.
 */
#ifndef PRT_GATEWAY_CLI_HONESTY_H
#define PRT_GATEWAY_CLI_HONESTY_H

#include "gateway/cli/cli.h"

/* True: every edit fits and every claim that was looked at agrees. False: one does not. Null: it
 * can't be said, because there was nothing to begin from, or the farm's own limits stood in the way. */
struct value honesty_of(const struct value *validation);

/* The replay, and a line for every claim. Nothing when QA did not look. */
void honesty_print(const struct cli *cli, const struct value *validation);

#endif
