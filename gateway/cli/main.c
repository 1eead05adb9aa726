// SPDX-License-Identifier: MIT
/* prt - the command line of PR Telemetry: find the local farm, read the settings, run the command. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/version.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/local.h"
#include "gateway/cli/plain.h"
#include "log/log.h"

static void print_help(FILE *out)
{
    const char *group = "";

    (void)fputs("prt - collect bug-fixing sessions, prove them true, score them\n\n"
                "usage: prt [--data DIR] [--json] COMMAND ...\n",
                out);
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct command *command = &cli_commands[i];

        if (strcmp(group, command->group) != 0) {
            group = command->group;
            (void)fprintf(out, "\n%s\n", group);
        }
        (void)fprintf(out, "  %-12s %s\n", command->name, command->what);
    }
    (void)fputs(
        "\n--data DIR   data directory of the local farm (PRT_DATA_DIR, ./var)\n"
        "--json       print results as JSON\n"
        "--version    print the version of this program\n"
        "NO_COLOR=1 in the environment: no colours on a terminal either\n"
        "prt COMMAND --help tells more. Settings are PRT_* variables: prt config --help.\n"
        "exit codes: 0 done, 1 failed, 2 a wrong command or setting, 3 checked and found untrue, 4 not in time\n",
        out);
}

static int print_command_help(const struct command *command)
{
    printf("usage: prt %s %s\n\n%s.\n%s%s", command->name, command->usage, command->what,
           command->help[0] == '\0' ? "" : "\n", command->help);
    if (strcmp(command->name, "config") == 0) {
        printf("\nSettings:\n");
        config_help(stdout);
    }
    return EXIT_DONE;
}

static int print_version(const struct cli *cli)
{
    if (cli->json) {
        struct value version = value_map();

        value_put(cli->arena, &version, "version", value_text(version_text));
        cli_print_json(&version);
        return EXIT_DONE;
    }
    return version_print("prt");
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

/* Takes the options every command knows out of argv, wherever they stand. */
static int take_global(struct cli *cli, int argc, char **argv, struct err *err)
{
    int left = 0;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            cli->json = true;
        } else if (strcmp(argv[i], "--data") == 0) {
            if (i + 1 == argc) {
                return err_set(err, ERR_USAGE, "--data wants a directory behind it");
            }
            cli->data = argv[++i];
        } else if (strncmp(argv[i], "--data=", 7) == 0) {
            cli->data = argv[i] + 7;
        } else {
            argv[left++] = argv[i];
        }
    }
    argv[left] = NULL;
    return left;
}

static int run(struct cli *cli, int argc, char **argv, struct err *err)
{
    const struct command *command;

    argc = take_global(cli, argc, argv, err);
    TRY(argc);
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        (strcmp(argv[1], "help") == 0 && argc == 2)) {
        print_help(argc < 2 ? stderr : stdout);
        return argc < 2 ? EXIT_USAGE : EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        return print_version(cli);
    }
    if (strcmp(argv[1], "help") == 0) {
        argv++;
        argc--;
        command = cli_command(argv[1]);
        if (command != NULL) {
            return print_command_help(command);
        }
    }
    command = cli_command(argv[1]);
    if (command == NULL) {
        return err_set(err, ERR_USAGE, "there is no command \"%s\"; prt --help lists them", argv[1]);
    }
    if (asks_for_help(argc - 1, argv + 1)) {
        return print_command_help(command);
    }
    TRY(local_join(cli, err));
    if (config_load(&cli->config, err) < 0) {
        return err_add(err, "settings");
    }
    log_setup(false, LOG_WARN);
    return command->run(cli, argc - 1, argv + 1, err);
}

/* https://no-color.org: set, to whatever but nothing. */
static bool wants_no_color(void)
{
    const char *said = getenv("NO_COLOR");

    return said != NULL && said[0] != '\0';
}

/* What was printed and could not be written, to a full disk for example, is not done. */
static int flush(int code, struct err *err)
{
    bool whole = ferror(stdout) == 0;

    errno = EIO; /* where a write before has failed, nobody knows any more with what */
    if ((fflush(stdout) != 0 || !whole) && code >= 0) {
        return err_errno(err, "writing standard output");
    }
    return code;
}

int main(int argc, char **argv)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(http_client) struct http_client *http = http_client_new(NULL, NULL);
    struct cli cli = {.arena = arena,
                      .http = http,
                      .terminal = isatty(STDOUT_FILENO) == 1,
                      .bars = isatty(STDERR_FILENO) == 1};
    struct err err = {0};
    int        code;

    cli.paint = cli.terminal && !wants_no_color();
    code = flush(run(&cli, argc, argv, &err), &err);

    if (code < 0) {
        (void)fputs("prt: ", stderr);
        plain_print(stderr, bytes_of(err.story)); /* it may quote what a client sent */
        (void)fprintf(stderr, "\n     (%s: %s)\n", err_name(err.code), err_words(err.code));
        return err.code == ERR_USAGE || err.code == ERR_CONFIG_WRONG ? EXIT_USAGE
               : err.code == ERR_TRACE_NOT_READY                     ? EXIT_LATE
                                                                     : EXIT_FAILED;
    }
    return code;
}
