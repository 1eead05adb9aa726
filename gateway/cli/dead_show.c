// SPDX-License-Identifier: MIT
#include <string.h>

#include "gateway/cli/dead.h"
#include "gateway/cli/payload.h"
#include "gateway/cli/plain.h"
#include "gateway/cli/when.h"
#include "value/json.h"

enum { STORY_SHOWN = 72, FOLD_BELOW = 170, UNREAD_SHOWN = 4096 };

static struct value text_or_null(const char *text)
{
    return text == NULL ? value_null() : value_text(text);
}

static struct value seconds(int64_t us)
{
    return value_real((double)us / 1e6);
}

/* The texts are copied: a letter dies with its callback. */
static struct value letter_value(struct arena *arena, const struct letter *letter)
{
    const struct dead_letter *dead = &letter->letter;
    const struct {
        const char *name, *text;
    } texts[] = {
        {"stage", dead->stage},        {"reason", dead->reason},      {"code", dead->code},
        {"story", dead->story},        {"tenant", letter->tenant},    {"trace_id", letter->trace},
        {"stream", dead->stream},      {"subject", dead->subject},    {"message_id", dead->id},
        {"request_id", dead->request}, {"traceparent", dead->parent},
    };
    struct value map = value_map();

    value_put(arena, &map, "seq", value_whole((int64_t)letter->seq));
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const char *text = texts[i].text;

        value_put(arena, &map, texts[i].name,
                  text_or_null(text == NULL ? NULL : arena_text(arena, bytes_of(text))));
    }
    value_put(arena, &map, "tries", value_whole(dead->tries));
    value_put(arena, &map, "stream_seq", value_whole(dead->seq));
    value_put(arena, &map, "stored_at", seconds(dead->stored_us));
    value_put(arena, &map, "dead_at", seconds(dead->at_us));
    value_put(arena, &map, "payload_bytes", value_whole((int64_t)dead->payload.size));
    return map;
}

/* ------------------------------------ list ------------------------------------ */

struct listing {
    struct cli  *cli;
    struct value list; /* --json */
    size_t       count;
};

static int list_one(void *arg, const struct letter *letter, struct err *err)
{
    struct listing *listing = arg;
    struct cli     *cli = listing->cli;
    struct bytes    story = bytes_of(letter->letter.story);
    char            when[WHEN_TEXT];

    (void)err;
    if (cli->json) {
        value_append(cli->arena, &listing->list, letter_value(cli->arena, letter));
    } else {
        const char *fold = cli_narrower(cli, FOLD_BELOW) ? "\n      " : "";

        if (listing->count == 0) {
            printf("%s%6s  %-19s %-9s %-14s %5s%s  %-39s%s %s%s\n", BOLD(cli), "seq", "given up",
                   "stage", "reason", "tries", fold, "trace", fold, "story", PLAIN(cli));
        }
        when_text(when, letter->letter.at_us);
        printf("%6llu  %-19s %-9s %-14s %5lld%s  %-39s%s ", (unsigned long long)letter->seq, when,
               letter->letter.stage, letter->letter.reason, (long long)letter->letter.tries, fold,
               letter->trace, fold);
        plain_print(stdout, (struct bytes){story.data, plain_cut(story, STORY_SHOWN)});
        (void)fputc('\n', stdout);
    }
    listing->count++;
    return 0;
}

int dead_list(struct dead *dead, struct err *err)
{
    struct listing listing = {.cli = dead->cli, .list = value_list()};
    struct value   all = value_map();

    TRY(letters_find(dead->farm.stream, &dead->filter, list_one, &listing, err));
    if (dead->cli->json) {
        value_put(dead->cli->arena, &all, "dead_letters", listing.list);
        cli_print_json(&all);
    } else if (listing.count == 0) {
        (void)fprintf(stderr, "no dead letter%s\n", dead->filtered ? " fits" : "");
    }
    return EXIT_DONE;
}

/* ------------------------------------ show ------------------------------------ */

/* The payload as a tree; where it can't be read, why, and its first bytes. */
static struct value payload_value(struct dead *dead, const struct letter *letter)
{
    struct arena *arena = dead->cli->arena;
    struct bytes  payload = letter->letter.payload;
    struct value  value = value_map();
    struct err    err = {0};
    char         *hex;

    if (payload_decode(arena, dead->farm.blob, payload, &value, &err) == 0) {
        return value;
    }
    payload.size = payload.size < UNREAD_SHOWN ? payload.size : UNREAD_SHOWN;
    hex = arena_get(arena, 2 * payload.size + 1);
    hex_write(hex, payload);
    value = value_map();
    value_put(arena, &value, "unreadable", value_text(arena_text(arena, bytes_of(err.story))));
    value_put(arena, &value, "hex", value_text(hex));
    return value;
}

static void print_line(const struct cli *cli, const char *name, const char *text)
{
    if (text != NULL) {
        printf("%s%-10s%s ", BOLD(cli), name, PLAIN(cli));
        plain_print(stdout, bytes_of(text));
        (void)fputc('\n', stdout);
    }
}

static void print_letter(struct dead *dead, const struct letter *letter)
{
    const struct cli         *cli = dead->cli;
    const struct dead_letter *is = &letter->letter;
    struct arena             *arena = dead->cli->arena;
    char                      when[WHEN_TEXT];
    int                       row = err_by_name(is->code);
    struct value              payload = payload_value(dead, letter);

    when_text(when, is->at_us);
    printf("%sdead letter %llu%s of stage %s, given up %s after %lld %s\n", BOLD(cli),
           (unsigned long long)letter->seq, PLAIN(cli), is->stage, when, (long long)is->tries,
           is->tries == 1 ? "try" : "tries");
    print_line(cli, "reason", is->reason);
    print_line(cli, "code",
               arena_format(arena, "%s: %s", is->code,
                            row < 0 ? "not known to this version" : err_words((enum err_code)row)));
    print_line(cli, "story", is->story);
    print_line(cli, "trace", letter->trace);
    print_line(cli, "tenant", letter->tenant);
    when_text(when, is->stored_us);
    print_line(cli, "message",
               arena_format(arena, "%s of %s, stored %s", is->subject == NULL ? "-" : is->subject,
                            arena_format(arena, "%s seq %lld", is->stream, (long long)is->seq),
                            when));
    print_line(cli, "id", is->id);
    print_line(cli, "request", is->request);
    printf("%spayload%s    %zu bytes\n", BOLD(cli), PLAIN(cli), is->payload.size);
    cli_print_json(&payload);
}

int dead_show(struct dead *dead, struct err *err)
{
    struct arena *arena = dead->cli->arena;

    for (size_t i = 0; i < dead->seq_count; i++) {
        struct letter letter;
        struct value  map;

        TRY(letter_read(dead->farm.stream, arena, dead->seqs[i], &letter, err));
        map = payload_value(dead, &letter);
        if (dead->payload) {
            cli_print_json(&map);
        } else if (dead->cli->json) {
            struct value whole = letter_value(arena, &letter);

            value_put(arena, &whole, "payload", map);
            cli_print_json(&whole);
        } else {
            print_letter(dead, &letter);
        }
    }
    return EXIT_DONE;
}
