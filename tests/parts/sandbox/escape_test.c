// SPDX-License-Identifier: MIT
/* Every attempt to get out is denied, and the suite would see one that was not. */
#include "lib/test.h"

#include <string.h>

#include "workers/qa/sandbox/escape.h"
#include "world.h"

enum { ATTEMPTS_LEAST = 150 };

static void rows_print(const char *engine, const struct escape_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct escape_row *row = &rows->row[i];

        printf("    %-7s %-8s %-12s %-56s %s\n", engine, row->denied ? "denied" : "ALLOWED",
               row->group, row->attempt, row->how);
    }
}

EACH_ENGINE(denies_every_attempt_to_escape)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct escape_rows           rows = {0};
    struct err                   err = {0};

    CHECK_WORKS(escape_run(world->sandbox, arena, false, &rows, &err));
    rows_print(world->name, &rows);
    CHECK_NUMBER(rows.allowed, 0);
    CHECK(rows.count >= ATTEMPTS_LEAST);
    CHECK(rows.warm == (world->settings.warm > 0));
}

static bool is_allowed(const struct escape_rows *rows, const char *attempt)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (strcmp(rows->row[i].attempt, attempt) == 0) {
            return !rows->row[i].denied;
        }
    }
    return false;
}

TEST(escape, is_seen_where_a_wall_is_missing)
{
    const char                  *why;
    struct world                *world = world_of("runc", &why);
    CLEANUP(arena) struct arena *arena = arena_new();
    struct escape_rows           rows = {0};
    struct err                   err = {0};

    if (world == NULL) {
        SKIP(why);
    }
    /* As a build has it: the host's network. */
    CHECK_WORKS(escape_run(world->sandbox, arena, true, &rows, &err));
    CHECK(is_allowed(&rows, "send a datagram to 8.8.8.8") ||
          is_allowed(&rows, "find an interface besides the loopback"));
}

TEST(escape, tells_denied_and_allowed_apart)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct escape_rows           rows = {0};
    struct err                   err = {0};
    bool                         ended = false;

    CHECK_WORKS(escape_read(arena,
                            "a\tb\tTRYING\t\na\tb\tDENIED\tEPERM\nc\td e\tTRYING\t\n"
                            "c\td e\tALLOWED\tit worked\nend\n",
                            NULL, &rows, &ended, &err));
    CHECK(ended);
    CHECK_NUMBER(rows.count, 2);
    CHECK_NUMBER(rows.allowed, 1);
    CHECK_TEXT(rows.row[0].how, "EPERM");
    CHECK(rows.row[0].denied && !rows.row[1].denied);
    CHECK_TEXT(rows.row[1].attempt, "d e");
}

static void reads_nothing_of(const char *text, const char *death, const char *word)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct escape_rows           rows = {0};
    struct err                   err = {0};
    bool                         ended = true;

    CHECK_FAILS(escape_read(arena, text, death, &rows, &ended, &err), ERR_SANDBOX_FAILED);
    CHECK(strstr(err.story, word) != NULL);
}

TEST(escape, is_no_success_when_the_suite_was_cut_short)
{
    reads_nothing_of("a\tb\tDENIED\tEPERM\n", NULL, "\"b\"");
    reads_nothing_of("", NULL, "none");
    reads_nothing_of("Traceback of something\nend\n", NULL, "Traceback");
    reads_nothing_of("limits\tb\tTRYING\t\n", NULL, "\"b\""); /* it hangs */
    reads_nothing_of("files\tb\tTRYING\t\n", "it died", "\"b\"");
    reads_nothing_of("limits\tb\tTRYING\t\nlimits\tb\tDENIED\tEAGAIN\n", "it died", "\"b\"");
}

TEST(escape, is_denied_by_a_limit_that_takes_the_whole_sandbox)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct escape_rows           rows = {0};
    struct err                   err = {0};
    bool                         ended = true;

    CHECK_WORKS(escape_read(arena, "a\tb\tDENIED\tEPERM\nlimits\tfork\tTRYING\t\n", "it died",
                            &rows, &ended, &err));
    CHECK(!ended);
    CHECK_NUMBER(rows.count, 2); /* where the next sandbox goes on */
    CHECK_TEXT(rows.row[1].attempt, "fork");
    CHECK_TEXT(rows.row[1].how, "it died");
    CHECK_WORKS(escape_read(arena, "a\tz\tDENIED\tEPERM\nend\n", NULL, &rows, &ended, &err));
    CHECK(ended);
    CHECK_NUMBER(rows.count, 3);
    CHECK_NUMBER(rows.allowed, 0);
}
