// SPDX-License-Identifier: MIT
/*
 * cli.h - what every command of prt is given, and the table they stand in.
 *
 * A command prints its result on standard output and what it is doing on standard error. It returns
 * the exit code, or -1 with *err set (exit 1, or 2 for USAGE and CONFIG_WRONG, 4 for
 * TRACE_NOT_READY).
 */
#ifndef PRT_CLI_CLI_H
#define PRT_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "config/config.h"
#include "http/client.h"
#include "value/value.h"

enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_UNTRUE = 3, EXIT_LATE = 4 };

struct cli {
    struct config config;
    struct arena *arena; /* of the whole run */
    const char   *data;  /* data directory of the local farm, absolute */
    bool          json;  /* --json */
    bool          terminal; /* standard output is one */
    bool          paint;    /* colour: on a terminal, and NO_COLOR says nothing else */
    bool          bars;     /* progress: standard error is one */
    struct http_client *http;
};

/* The arguments left after the global options, argv[0] being the command's name. */
struct command {
    const char *group;
    const char *name;
    const char *usage; /* what follows the name */
    const char *what;  /* one line */
    const char *help;  /* the rest of `prt NAME --help` */
    int (*run)(struct cli *cli, int argc, char **argv, struct err *err);
};

extern const struct command cli_commands[];
extern const size_t         cli_command_count;
const struct command       *cli_command(const char *name); /* or NULL */

/* What a program of another folder beside this one is called: <directory of prt>/<name>. */
const char *cli_program(struct cli *cli, const char *name);

/* Paint words: "" unless a terminal reads. */
const char *paint(const struct cli *cli, const char *code);
#define BOLD(cli)  paint((cli), "\033[1m")
#define DIM(cli)   paint((cli), "\033[2m")
#define RED(cli)   paint((cli), "\033[31m")
#define GREEN(cli) paint((cli), "\033[32m")
#define PLAIN(cli) paint((cli), "\033[0m")

/* Standard output is a terminal with fewer columns than that: lines are better folded. */
bool cli_narrower(const struct cli *cli, int columns);

/* The value as pretty JSON and a newline, on standard output. */
void cli_print_json(const struct value *value);

int up_run(struct cli *cli, int argc, char **argv, struct err *err);
int down_run(struct cli *cli, int argc, char **argv, struct err *err);
int status_run(struct cli *cli, int argc, char **argv, struct err *err);
int config_run(struct cli *cli, int argc, char **argv, struct err *err);
int migrate_run(struct cli *cli, int argc, char **argv, struct err *err);
int qa_image_run(struct cli *cli, int argc, char **argv, struct err *err);
int qa_doctor_run(struct cli *cli, int argc, char **argv, struct err *err);
int submit_run(struct cli *cli, int argc, char **argv, struct err *err);
int list_run(struct cli *cli, int argc, char **argv, struct err *err);
int view_run(struct cli *cli, int argc, char **argv, struct err *err);
int log_run(struct cli *cli, int argc, char **argv, struct err *err);
int erase_run(struct cli *cli, int argc, char **argv, struct err *err);
int sweep_run(struct cli *cli, int argc, char **argv, struct err *err);
int keys_run(struct cli *cli, int argc, char **argv, struct err *err);
int dead_run(struct cli *cli, int argc, char **argv, struct err *err);
int replay_run(struct cli *cli, int argc, char **argv, struct err *err);
int bench_run(struct cli *cli, int argc, char **argv, struct err *err);
int judge_eval_run(struct cli *cli, int argc, char **argv, struct err *err);
int judge_prompt_run(struct cli *cli, int argc, char **argv, struct err *err);
int report_run(struct cli *cli, int argc, char **argv, struct err *err);
int completion_run(struct cli *cli, int argc, char **argv, struct err *err);
int man_run(struct cli *cli, int argc, char **argv, struct err *err);
int verify_run(struct cli *cli, int argc, char **argv, struct err *err);

#endif
