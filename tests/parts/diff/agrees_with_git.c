// SPDX-License-Identifier: MIT
/*
 * Random files, random edits, random damage: the engine against `git apply`, byte by byte.
 *
 *   build/san/tests/parts_diff                             some hundred cases, the same every time
 *   PRT_TEST_DIFFS=20000 PRT_TEST_SEED=7 .../parts_diff    more of them, others
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "edit.h"
#include "lib/test.h"
#include "workers/qa/replay/diff.h"
#include "workers/qa/replay/hunk.h"
#include "workers/qa/sandbox/process.h"

enum { CASES = 400, FILE_MOST = 1 << 20 };

struct sample {
    struct edit edit;
    bool        zero;   /* a hunk has no context: git takes it with --unidiff-zero only */
    bool        skewed; /* a header was damaged: there git is more lenient */
    bool        ours;   /* applies */
    struct file after[EDIT_FILES];
};

/* -------- ours -------- */

static struct file *file_of(struct sample *sample, const struct diff_name *name)
{
    for (size_t i = 0; i < EDIT_FILES; i++) {
        if (bytes_is(name->path, edit_names[i])) {
            return &sample->after[i];
        }
    }
    return NULL;
}

static bool has_zero(const struct diff_patch *patch)
{
    struct hunk hunk;
    size_t      at = 0;

    while (at < patch->hunks.size && hunk_read(patch->hunks, &at, &hunk)) {
        if (!hunk.has_context) {
            return true;
        }
    }
    return false;
}

static bool patch_apply(struct arena *arena, struct sample *sample, const struct diff_patch *patch)
{
    CLEANUP(buf) struct buf out = {0};
    struct file            *from =
        file_of(sample, patch->kind == DIFF_CREATE ? &patch->new_name : &patch->old_name);
    struct file *to =
        file_of(sample, patch->kind == DIFF_DELETE ? &patch->old_name : &patch->new_name);
    bool moves = patch->kind == DIFF_RENAME || patch->kind == DIFF_COPY;

    /* Two names in front of one change are labels, as "before" and "after": no file's. */
    if (from == NULL || to == NULL || (patch->kind == DIFF_CHANGE && from != to)) {
        return false;
    }
    if ((patch->kind == DIFF_CREATE && from->there) || (moves && to->there) ||
        (patch->kind != DIFF_CREATE && !from->there && !patch->may_create)) {
        return false;
    }
    if (diff_apply(patch, from->there ? from->bytes : (struct bytes){NULL, 0}, &out) != DIFF_FINE) {
        return false;
    }
    if (patch->kind != DIFF_COPY) {
        *from = (struct file){0};
    }
    *to = (struct file){patch->kind != DIFF_DELETE, arena_bytes(arena, buf_bytes(&out))};
    return true;
}

static void ours_apply(struct arena *arena, struct sample *sample)
{
    struct diff_patch  patches[16];
    struct diff_reader reader = {.arena = arena, .text = sample->edit.diff};
    size_t             count = 0;
    bool               more;

    memcpy(sample->after, sample->edit.before, sizeof(sample->after));
    while (count < COUNT_OF(patches)) {
        if (diff_next(&reader, &patches[count], &more) != DIFF_FINE) {
            return;
        }
        if (!more) {
            break;
        }
        sample->zero = has_zero(&patches[count]) || sample->zero;
        count++;
    }
    for (size_t i = 0; i < count; i++) {
        if (!patch_apply(arena, sample, &patches[i])) {
            return;
        }
    }
    sample->ours = true;
}

/* -------- git -------- */

static void put(struct arena *arena, const char *dir, const char *name, struct bytes bytes)
{
    const char         *path = arena_format(arena, "%s/%s", dir, name);
    const char         *slash = strrchr(path, '/');
    CLEANUP(file) FILE *file = NULL;
    struct err          err = {0};

    CHECK_WORKS(dir_make(arena_format(arena, "%.*s", (int)(slash - path), path), 0755, &err));
    file = fopen(path, "w");
    CHECK(file != NULL && fwrite(bytes.data, 1, bytes.size, file) == bytes.size);
}

static void sample_put(struct arena *arena, const char *dir, const struct sample *sample)
{
    put(arena, dir, "diff", sample->edit.diff);
    put(arena, dir, "options", sample->zero ? BYTES("--unidiff-zero") : BYTES(""));
    put(arena, dir, "tree/.keep", BYTES(""));
    for (size_t i = 0; i < EDIT_FILES; i++) {
        if (sample->edit.before[i].there) {
            put(arena, arena_format(arena, "%s/tree", dir), edit_names[i],
                sample->edit.before[i].bytes);
        }
    }
}

/* One shell for all of them. Leaves "said" and "status" beside each. */
static void git_apply(struct arena *arena, const char *dir)
{
    static const char script[] =
        "cd \"$1\" && for i in *; do (cd $i/tree && git apply -v --whitespace=nowarn"
        " $(cat ../options) ../diff >../said 2>&1; echo $? >../status); done";
    const char *const  argv[] = {"sh", "-c", script, "sh", dir, NULL};
    const char *const  env[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
                                "LC_ALL=C",
                                "GIT_CONFIG_GLOBAL=/dev/null",
                                "GIT_CONFIG_SYSTEM=/dev/null",
                                "GIT_CEILING_DIRECTORIES=/",
                                "HOME=/nonexistent",
                                NULL};
    struct process     run = {.argv = argv, .env = env};
    struct process_end end;
    struct err         err = {0};

    (void)arena;
    CHECK_WORKS(process_run(&run, &end, &err));
    CHECK_NUMBER(end.exit_status, 0);
}

static struct file file_of_git(struct arena *arena, const char *dir, const char *name)
{
    struct file file = {.there = true};
    struct err  err = {0};

    if (file_read(arena, arena_format(arena, "%s/tree/%s", dir, name), FILE_MOST, &file.bytes,
                  &err) < 0) {
        return (struct file){0};
    }
    return file;
}

static const char *text_of(struct arena *arena, const char *dir, const char *name)
{
    struct bytes bytes = {NULL, 0};
    struct err   err = {0};

    CHECK_WORKS(file_read(arena, arena_format(arena, "%s/%s", dir, name), FILE_MOST, &bytes, &err));
    return arena_text(arena, bytes);
}

/* -------- both -------- */

struct tally {
    int applied, refused, offset;
};

static void differs(const struct sample *sample, const char *why, const char *said)
{
    test_failed(__FILE__, __LINE__, "%s\n--- f before:\n%.*s\n--- diff:\n%.*s\n--- git says:\n%s",
                why, (int)sample->edit.before[0].bytes.size, sample->edit.before[0].bytes.data,
                (int)sample->edit.diff.size, sample->edit.diff.data, said);
}

static void compare(struct arena *arena, const char *dir, const struct sample *sample,
                    struct tally *tally)
{
    bool        git = strcmp(text_of(arena, dir, "status"), "0\n") == 0;
    const char *said = text_of(arena, dir, "said");
    bool        offset = strstr(said, "(offset ") != NULL;

    if (sample->ours && !git) {
        differs(sample, "applies here and not with git", said);
    } else if (!sample->ours && git && !offset && !sample->skewed && !sample->zero) {
        differs(sample, "applies with git at its place and not here", said);
    }
    for (size_t i = 0; sample->ours && git && i < EDIT_FILES; i++) {
        struct file theirs = file_of_git(arena, dir, edit_names[i]);

        if (theirs.there != sample->after[i].there ||
            !bytes_equal(theirs.bytes, sample->after[i].bytes)) {
            differs(sample, "gives other bytes than git", said);
        }
    }
    tally->applied += sample->ours ? 1 : 0;
    tally->refused += sample->ours || git ? 0 : 1;
    tally->offset += git && offset && !sample->ours ? 1 : 0;
}

static int64_t setting(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : strtoll(text, NULL, 10);
}

TEST(diff, applies_what_git_applies_and_gives_the_same_bytes)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    char                         dir[] = "/tmp/prt-diff-XXXXXX";
    int64_t                      cases = setting("PRT_TEST_DIFFS", CASES);
    struct sample               *samples = arena_zero(arena, (size_t)cases, sizeof(*samples));
    struct dice                  dice = {(uint64_t)setting("PRT_TEST_SEED", 1)};
    struct tally                 tally = {0};
    struct err                   err = {0};

    CHECK(mkdtemp(dir) != NULL);
    for (int64_t i = 0; i < cases; i++) {
        edit_make(arena, &dice, &samples[i].edit);
        samples[i].skewed = samples[i].edit.damaged_header;
        ours_apply(arena, &samples[i]);
        if (samples[i].edit.damage == DAMAGE_NONE && !samples[i].ours) {
            differs(&samples[i], "an honest diff does not apply", "(not asked)");
        }
        sample_put(arena, arena_format(arena, "%s/%lld", dir, (long long)i), &samples[i]);
    }
    git_apply(arena, dir);
    for (int64_t i = 0; i < cases; i++) {
        compare(arena, arena_format(arena, "%s/%lld", dir, (long long)i), &samples[i], &tally);
    }
    printf("(%lld cases: %d applied, %d refused by both, %d taken by git at an offset)\n",
           (long long)cases, tally.applied, tally.refused, tally.offset);
    CHECK(tally.applied > cases / 4 && tally.refused > cases / 10 && tally.offset > 0);
    CHECK_WORKS(dir_remove(dir, &err));
}
