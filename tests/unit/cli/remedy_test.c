// SPDX-License-Identifier: MIT
/* Whoever reads why an engine cannot run tests reads what to do about it too. */
#include "gateway/cli/qa_remedy.h"

#include <dirent.h>
#include <string.h>

#include "base/arena.h"
#include "base/fd.h"
#include "lib/test.h"

#define SANDBOX  SOURCE_DIR "/workers/qa/sandbox"
#define UNFIT    "ERR_SANDBOX_UNFIT,"
#define SPACES   " \t\r\n"
#define MEANT_BY "%s" /* a story made of other stories */

enum { FILE_MOST = 64 * 1024, STORIES_LEAST = 15 };

static const char *const engines[] = {"runc", "podman", "docker"};

static bool has_remedy(const char *story)
{
    bool named = false;

    for (size_t i = 0; i < COUNT_OF(engines); i++) {
        const char *words = qa_remedy(engines[i], story);

        CHECK(words[0] != '\0');
        named = named || strcmp(words, qa_remedy_other) != 0;
    }
    return named;
}

/* The format behind the code of the error, its pieces put together. */
static const char *story_read(struct arena *arena, const char *at)
{
    const char *story = "";

    for (at += strspn(at, SPACES); *at == '"'; at += strspn(at, SPACES)) {
        const char *end = ++at;

        while (*end != '"' && *end != '\0') {
            end += *end == '\\' ? 2 : 1;
        }
        story = arena_format(arena, "%s%.*s", story, (int)(end - at), at);
        at = end + 1;
    }
    return story;
}

static size_t stories_check(struct arena *arena, const char *text)
{
    size_t found = 0;

    while ((text = strstr(text, UNFIT)) != NULL) {
        const char *story = story_read(arena, text += strlen(UNFIT));

        if (strcmp(story, MEANT_BY) == 0) {
            continue;
        }
        found++;
        if (!has_remedy(story)) {
            test_failed(__FILE__, __LINE__, "no row of qa_remedy.c fits \"%s\"", story);
        }
    }
    return found;
}

TEST(remedy, there_is_one_for_every_reason_why_an_engine_is_unfit)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    DIR                         *dir = opendir(SANDBOX);
    struct dirent               *entry;
    struct bytes                 text;
    struct err                   err = {0};
    size_t                       found = 0;

    CHECK(dir != NULL);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        size_t size = strlen(entry->d_name);

        if (size > 2 && strcmp(entry->d_name + size - 2, ".c") == 0) {
            CHECK_WORKS(file_read(arena, arena_format(arena, SANDBOX "/%s", entry->d_name),
                                  FILE_MOST, &text, &err));
            found += stories_check(arena, arena_text(arena, text));
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    CHECK(found >= STORIES_LEAST);
}

TEST(remedy, fits_the_engine_and_the_story)
{
    CHECK_TEXT(qa_remedy("podman", "there is no program podman on this machine"),
               "apt-get install podman");
    CHECK_TEXT(qa_remedy("runc", "PRT_QA_BASE_ROOTFS is not set; make a base with prt qa-image"),
               "prt qa-image");
    CHECK_TEXT(qa_remedy("docker", "its daemon cannot limit swap (boot with swapaccount=1) here"),
               "boot with swapaccount=1, or swapoff -a");
    CHECK_TEXT(qa_remedy("docker", "something new"), qa_remedy_other);
}
