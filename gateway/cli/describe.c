// SPDX-License-Identifier: MIT
/*
 * describe.c - prt completion and prt man: the table of commands, for shells and for man.
 *
 * There is no second list: a command's options are the words of its usage and help that begin with
 * --, an option's choices and a command's actions are words with | between them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/version.h"
#include "gateway/cli/cli.h"

/* ------------------------------------ reading the table ------------------------------------ */

static const char name_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
static const char choice_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-|";

static bool is_listed(struct bytes list, const char *word, size_t size)
{
    for (size_t at = 0; at + size <= list.size; at++) {
        if ((at == 0 || list.data[at - 1] == ' ') && memcmp(list.data + at, word, size) == 0 &&
            (at + size == list.size || list.data[at + size] == ' ')) {
            return true;
        }
    }
    return false;
}

/* Appends each option of the text once. */
static void add_options(struct buf *list, const char *text)
{
    for (const char *at = strstr(text, "--"); at != NULL; at = strstr(at + 2, "--")) {
        size_t size = 2 + strspn(at + 2, name_letters);

        if (size > 3 && (at == text || strchr(name_letters, at[-1]) == NULL) &&
            !is_listed(buf_bytes(list), at, size)) {
            buf_format(list, "%s%.*s", list->size == 0 ? "" : " ", (int)size, at);
        }
    }
}

/* "a|b|c" at the beginning of the text as "a b c"; false if there is none. */
static bool choices_at(const char *text, struct buf *list)
{
    size_t size = strspn(text, choice_letters);

    if (memchr(text, '|', size) == NULL || text[0] == '-' || text[0] == '|') {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        buf_put_byte(list, text[i] == '|' ? ' ' : (uint8_t)text[i]);
    }
    return true;
}

typedef void (*option_choices)(FILE *out, const char *command, struct bytes option,
                               const char *choices);

/* Calls `each` for every option that is followed by a closed list of words. */
static void each_choice(const struct command *command, option_choices each, FILE *out)
{
    const char             *texts[] = {command->usage, command->help};
    CLEANUP(buf) struct buf told = {0};

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        for (const char *at = strstr(texts[i], "--"); at != NULL; at = strstr(at + 2, "--")) {
            size_t                  size = 2 + strspn(at + 2, name_letters);
            CLEANUP(buf) struct buf list = {0};

            if (at[size] == ' ' && choices_at(at + size + 1, &list) &&
                !is_listed(buf_bytes(&told), at, size)) {
                buf_format(&told, "%s%.*s", told.size == 0 ? "" : " ", (int)size, at);
                each(out, command->name, (struct bytes){(const uint8_t *)at, size},
                     buf_text(&list));
            }
        }
    }
}

/* ------------------------------------ completion ------------------------------------ */

static void print_choice(FILE *out, const char *command, struct bytes option, const char *choices)
{
    (void)fprintf(out, "    '%s %.*s') words='%s' ;;\n", command, (int)option.size,
                  (const char *)option.data, choices);
}

/* The part that both shells share: $command and $previous to $words. */
static void print_words(FILE *out)
{
    (void)fputs("    case \"$command $previous\" in\n", out);
    for (size_t i = 0; i < cli_command_count; i++) {
        each_choice(&cli_commands[i], print_choice, out);
    }
    (void)fputs("    *' --data') ;;\n    *)\n        case \"$command\" in\n        '') words='",
                out);
    for (size_t i = 0; i < cli_command_count; i++) {
        (void)fprintf(out, "%s ", cli_commands[i].name);
    }
    (void)fputs("help --data --json --version --help' ;;\n", out);
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct command   *command = &cli_commands[i];
        CLEANUP(buf) struct buf options = {0};
        CLEANUP(buf) struct buf actions = {0};

        add_options(&options, command->usage);
        add_options(&options, command->help);
        add_options(&options, "--data --json --help");
        (void)choices_at(command->usage, &actions);
        (void)fprintf(out, "        %s) words='%s%s%s' ;;\n", command->name, buf_text(&actions),
                      actions.size == 0 ? "" : " ", buf_text(&options));
    }
    (void)fputs("        esac ;;\n    esac\n", out);
}

static void print_bash(FILE *out)
{
    (void)fputs(
        "# prt(1) completion for bash: . <(prt completion bash)\n"
        "_prt() {\n"
        "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
        "    local command='' words='' i\n"
        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "        case ${COMP_WORDS[i]} in\n"
        "        --data) ((i++)) ;;\n"
        "        -*) ;;\n"
        "        *) command=${COMP_WORDS[i]}; break ;;\n"
        "        esac\n"
        "    done\n",
        out);
    print_words(out);
    (void)fputs("    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
                "}\n"
                "complete -o default -F _prt prt\n",
                out);
}

static void print_zsh(FILE *out)
{
    (void)fputs("#compdef prt\n"
                "# prt(1) completion for zsh: prt completion zsh >\"${fpath[1]}/_prt\"\n"
                "_prt() {\n"
                "    local previous=${words[CURRENT - 1]} command='' i\n"
                "    for ((i = 2; i < CURRENT; i++)); do\n"
                "        case ${words[i]} in\n"
                "        --data) ((i++)) ;;\n"
                "        -*) ;;\n"
                "        *) command=${words[i]}; break ;;\n"
                "        esac\n"
                "    done\n"
                "    local words=''\n",
                out);
    print_words(out);
    (void)fputs("    compadd -- ${=words}\n"
                "    [[ -z $command ]] || _files\n"
                "}\n"
                "compdef _prt prt\n",
                out);
}

int completion_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    (void)cli;
    if (argc == 2 && strcmp(argv[1], "bash") == 0) {
        print_bash(stdout);
        return EXIT_DONE;
    }
    if (argc == 2 && strcmp(argv[1], "zsh") == 0) {
        print_zsh(stdout);
        return EXIT_DONE;
    }
    return err_set(err, ERR_USAGE, "prt completion wants bash or zsh");
}

/* ------------------------------------ man ------------------------------------ */

/* Text as roff shows it: no line begins with a request, no hyphen is broken. */
static void print_roff(FILE *out, const char *text)
{
    bool fresh = true;

    for (const char *at = text; *at != '\0'; at++) {
        if (fresh && (*at == '.' || *at == '\'')) {
            (void)fputs("\\&", out);
        }
        if (*at == '\\') {
            (void)fputs("\\e", out);
        } else if (*at == '-') {
            (void)fputs("\\-", out);
        } else {
            (void)fputc(*at, out);
        }
        fresh = *at == '\n';
    }
}

static void print_command_roff(FILE *out, const struct command *command)
{
    (void)fputs(".B prt ", out);
    print_roff(out, command->name);
    (void)fputs("\n", out);
    if (command->usage[0] != '\0') {
        print_roff(out, command->usage);
        (void)fputs("\n", out);
    }
    (void)fputs(".PP\n", out);
    print_roff(out, command->what);
    (void)fputs(".\n", out);
    if (command->help[0] != '\0') {
        (void)fputs(".PP\n.nf\n", out);
        print_roff(out, command->help);
        (void)fputs(".fi\n", out);
    }
}

static void print_exit_codes(FILE *out)
{
    static const char *const meanings[] = {
        [EXIT_DONE] = "done",
        [EXIT_FAILED] = "failed; standard error says why and what helps",
        [EXIT_USAGE] = "the command or a setting is wrong",
        [EXIT_UNTRUE] = "checked and found untrue",
        [EXIT_LATE] = "not in time"};

    (void)fputs(".SH EXIT STATUS\n", out);
    for (size_t i = 0; i < COUNT_OF(meanings); i++) {
        (void)fprintf(out, ".TP\n.B %zu\n", i);
        print_roff(out, meanings[i]);
        (void)fputs("\n", out);
    }
}

static void print_settings(FILE *out)
{
    char  *text = NULL;
    size_t size = 0;
    FILE  *copy = open_memstream(&text, &size);

    if (copy == NULL) {
        mem_gone(size);
    }
    config_help(copy);
    (void)fclose(copy);
    (void)fputs(".SH ENVIRONMENT\n.nf\n", out);
    print_roff(out, text);
    (void)fputs(".fi\n", out);
    free(text);
}

static void print_manual(FILE *out)
{
    const char *group = "";

    (void)fputs(
        ".TH PRT 1 \"\" \"prt ", out);
    (void)fputs(version_text, out);
    (void)fputs(
        "\"\n.SH NAME\nprt \\- collect bug\\-fixing sessions, prove them true, score them\n"
        ".SH SYNOPSIS\n.B prt\n[\\-\\-data DIR] [\\-\\-json] COMMAND ...\n.br\n.B prt \\-\\-version\n",
        out);
    for (size_t i = 0; i < cli_command_count; i++) {
        if (strcmp(group, cli_commands[i].group) != 0) {
            group = cli_commands[i].group;
            (void)fputs(".SH ", out);
            print_roff(out, group);
            (void)fputs("\n", out);
        }
        (void)fputs(".SS ", out);
        print_roff(out, cli_commands[i].name);
        (void)fputs("\n", out);
        print_command_roff(out, &cli_commands[i]);
    }
    print_exit_codes(out);
    print_settings(out);
}

static void print_page(FILE *out, const struct command *command)
{
    (void)fputs(".TH PRT\\-", out);
    print_roff(out, command->name);
    (void)fputs(" 1\n.SH NAME\nprt\\-", out);
    print_roff(out, command->name);
    (void)fputs(" \\- ", out);
    print_roff(out, command->what);
    (void)fputs("\n.SH SYNOPSIS\n", out);
    print_command_roff(out, command);
    print_exit_codes(out);
    (void)fputs(".SH SEE ALSO\n.BR prt (1)\n", out);
}

int man_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    const struct command *command = argc == 2 ? cli_command(argv[1]) : NULL;

    (void)cli;
    if (argc == 1) {
        print_manual(stdout);
        return EXIT_DONE;
    }
    if (command == NULL) {
        return err_set(err, ERR_USAGE, "prt man wants nothing or a command; prt --help lists them");
    }
    print_page(stdout, command);
    return EXIT_DONE;
}
