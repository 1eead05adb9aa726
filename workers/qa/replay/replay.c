// SPDX-License-Identifier: MIT
#include "workers/qa/replay/replay.h"

#include <string.h>

#include "crypto/crypto.h"
#include "workers/qa/replay/diff.h"

enum { FILE_MOST = 64 * 1024 * 1024, PATCHES_MOST = 1000 };

void replay_init(struct replay *ret_replay, struct arena *arena, const struct tree *tree,
                 int64_t bytes_most, int64_t growth_most)
{
    *ret_replay = (struct replay){.arena = arena,
                                  .scratch = arena_new(),
                                  .tree = tree,
                                  .bytes_left = bytes_most,
                                  .growth_left = growth_most};
}

void replay_done(struct replay *replay)
{
    arena_free(replay->scratch);
    replay->scratch = NULL;
}

static bool is_ours(const char *reason)
{
    static const char *const reasons[] = {"redacted", "over_budget", "file_too_large"};

    for (size_t i = 0; i < COUNT_OF(reasons); i++) {
        if (strcmp(reason, reasons[i]) == 0) {
            return true;
        }
    }
    return false;
}

void replay_diverge(struct replay *replay, int64_t seq, struct bytes file, const char *reason)
{
    if (!replay->first.there) {
        replay->first =
            (struct divergence){true, is_ours(reason), seq,
                                file.size == 0 ? NULL : arena_text(replay->arena, file), reason};
    }
}

/* One edit at work. */
struct edit {
    struct replay *replay;
    int64_t        seq;
    struct bytes   file_path;      /* as it was sent */
    const char    *path;           /* clean */
    const char    *before, *after; /* where its bytes are: two paths when it is renamed */
    struct bytes   diff;
    const char    *reason; /* why it does not fit; NULL: it does */
};

/* Always 0: what does not fit is a finding. */
static int unfit(struct edit *edit, const char *reason)
{
    if (edit->reason == NULL) {
        edit->reason = reason;
    }
    return 0;
}

/* -------------------------------- files and their hashes -------------------------------- */

/* Counts; false when the budget does not reach. */
static bool spend(struct edit *edit, int64_t bytes)
{
    struct replay *replay = edit->replay;

    if (bytes > FILE_MOST) {
        (void)unfit(edit, "file_too_large");
        return false;
    }
    replay->bytes_left -= bytes;
    if (replay->bytes_left < 0) {
        (void)unfit(edit, "over_budget");
        return false;
    }
    return true;
}

/* The file's bytes, if it is there; *ret_there is false when it is not. */
static int file_get(struct edit *edit, const char *path, bool *ret_there, struct buf *out,
                    struct err *err)
{
    enum tree_state state;
    int64_t         size;

    *ret_there = false;
    TRY(tree_look(edit->replay->tree, path, &state, &size, err));
    if (state == TREE_OTHER) {
        return unfit(edit, "not_a_file");
    }
    if (state == TREE_MISSING || !spend(edit, size)) {
        return 0;
    }
    *ret_there = true;
    return tree_read(edit->replay->tree, path, out, err);
}

static int file_put(struct edit *edit, const char *path, struct bytes bytes, size_t old_size,
                    struct err *err)
{
    bool blocked = false;

    edit->replay->growth_left -= (int64_t)bytes.size - (int64_t)old_size;
    if (edit->replay->growth_left < 0) {
        return unfit(edit, "over_budget");
    }
    if (spend(edit, (int64_t)bytes.size)) {
        TRY(tree_write(edit->replay->tree, path, bytes, &blocked, err));
    }
    return blocked ? unfit(edit, "not_a_file") : 0;
}

static bool is_sha256(struct bytes text)
{
    uint8_t hash[HASH_BYTES];

    return hex_read(hash, sizeof(hash), text);
}

/* Holds one of the event's hashes against the bytes it is of. */
static void hash_check(struct edit *edit, const struct value *event, const char *name,
                       const char *reason, struct bytes bytes)
{
    struct bytes claimed = value_text_or(value_get(event, name), "");
    char         hex[HASH_HEX];

    if (edit->reason != NULL || value_get(event, name) == NULL) {
        return;
    }
    if (!is_sha256(claimed)) {
        edit->replay->hashes_unverifiable++;
        return;
    }
    sha256_hex(bytes, hex);
    if (bytes_is(claimed, hex)) {
        edit->replay->hashes_verified++;
    } else {
        (void)unfit(edit, reason);
    }
}

static int hash_of_file(struct edit *edit, const char *path, const struct value *event,
                        const char *name, const char *reason, struct err *err)
{
    CLEANUP(buf) struct buf bytes = {0};
    bool                    there;

    if (edit->reason != NULL || !is_sha256(value_text_or(value_get(event, name), ""))) {
        hash_check(edit, event, name, reason, (struct bytes){NULL, 0});
        return 0;
    }
    TRY(file_get(edit, path, &there, &bytes, err));
    hash_check(edit, event, name, reason, buf_bytes(&bytes));
    return 0;
}

/* -------------------------------- which file -------------------------------- */

static bool ends_in_path(struct bytes path, struct bytes tail)
{
    return path.size > tail.size && path.data[path.size - tail.size - 1] == '/' &&
           memcmp(path.data + path.size - tail.size, tail.data, tail.size) == 0;
}

/* The same file, as seen from another directory? */
static bool fits(struct bytes name, struct bytes file)
{
    return bytes_equal(name, file) || ends_in_path(name, file) || ends_in_path(file, name);
}

static bool only_patch_fits(const struct diff_patch *patch, struct bytes file)
{
    const struct diff_name *old = &patch->old_name;
    const struct diff_name *new = &patch->new_name;
    const struct diff_name *name = new->raw.data != NULL ? new : old;

    if (name->raw.size == 0) {
        return true; /* difflib without names */
    }
    if (patch->kind == DIFF_CHANGE && !bytes_equal(old->path, new->path) &&
        !bytes_equal(old->raw, new->raw)) {
        return true; /* labels */
    }
    return fits(name->raw, file) || fits(name->path, file);
}

struct places {
    const char *from, *to; /* NULL: none */
};

static bool places_find(struct edit *edit, const struct diff_patch *patch, size_t count,
                        struct places *ret_places)
{
    struct arena *arena = edit->replay->scratch;
    bool          moves = patch->kind == DIFF_RENAME || patch->kind == DIFF_COPY;

    if (count == 1 && !moves) {
        ret_places->from = ret_places->to = edit->path;
        if (!only_patch_fits(patch, bytes_of(edit->path))) {
            (void)unfit(edit, "names_differ");
        }
        return edit->reason == NULL;
    }
    ret_places->from =
        patch->old_name.raw.data == NULL ? NULL : tree_path(arena, patch->old_name.path);
    ret_places->to =
        patch->new_name.raw.data == NULL ? NULL : tree_path(arena, patch->new_name.path);
    if ((ret_places->from == NULL && patch->old_name.raw.data != NULL) ||
        (ret_places->to == NULL && patch->new_name.raw.data != NULL)) {
        (void)unfit(edit, "path_outside");
        return false;
    }
    if (patch->kind == DIFF_CHANGE && strcmp(ret_places->from, ret_places->to) != 0) {
        (void)unfit(edit, "names_differ");
    }
    if (ret_places->from == NULL) {
        ret_places->from = ret_places->to;
    } else if (ret_places->to == NULL) {
        ret_places->to = ret_places->from;
    }
    return edit->reason == NULL;
}

/* -------------------------------- applying -------------------------------- */

static int patch_apply(struct edit *edit, const struct diff_patch *patch,
                       const struct places *places, struct err *err)
{
    CLEANUP(buf) struct buf old = {0};
    CLEANUP(buf) struct buf new = {0};
    bool            moves = strcmp(places->from, places->to) != 0;
    enum tree_state target = TREE_MISSING;
    enum diff_fault fault;
    int64_t         size;
    bool            there;

    TRY(file_get(edit, places->from, &there, &old, err));
    if (moves) {
        TRY(tree_look(edit->replay->tree, places->to, &target, &size, err));
    }
    if (edit->reason != NULL) {
        return 0;
    }
    if ((patch->kind == DIFF_CREATE && there) || target != TREE_MISSING) {
        return unfit(edit, "file_exists");
    }
    if (patch->kind != DIFF_CREATE && !there && !patch->may_create) {
        return unfit(edit, "file_missing");
    }
    fault = diff_apply(patch, buf_bytes(&old), &new);
    if (fault != DIFF_FINE) {
        return unfit(edit, diff_fault_word(fault));
    }
    if (patch->kind == DIFF_DELETE || patch->kind == DIFF_RENAME) {
        TRY(tree_remove(edit->replay->tree, places->from, err));
    }
    return patch->kind == DIFF_DELETE
               ? 0
               : file_put(edit, places->to, buf_bytes(&new), moves ? 0 : old.size, err);
}

/* All of a diff can be read before any of it is applied. */
static struct diff_patch *patches_read(struct edit *edit, size_t *ret_count)
{
    struct arena      *arena = edit->replay->scratch;
    struct diff_reader reader = {.arena = arena, .text = edit->diff};
    struct diff_patch *patches = arena_get(arena, PATCHES_MOST * sizeof(*patches));
    size_t             count = 0;

    for (;;) {
        struct diff_patch patch;
        bool              more;
        enum diff_fault   fault = diff_next(&reader, &patch, &more);

        if (fault != DIFF_FINE) {
            (void)unfit(edit, diff_fault_word(fault));
            return NULL;
        }
        if (!more) {
            *ret_count = count;
            return patches;
        }
        if (count == PATCHES_MOST) {
            (void)unfit(edit, "over_budget");
            return NULL;
        }
        patches[count++] = patch;
    }
}

/* Each file once, and the event's own among them. */
static bool places_check(struct edit *edit, const struct places *places, size_t count)
{
    bool named = false;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(places[i].from, edit->path) == 0 || strcmp(places[i].to, edit->path) == 0) {
            named = true;
            edit->before = places[i].from;
            edit->after = places[i].to;
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(places[i].from, places[k].from) == 0 ||
                strcmp(places[i].from, places[k].to) == 0 ||
                strcmp(places[i].to, places[k].from) == 0 ||
                strcmp(places[i].to, places[k].to) == 0) {
                (void)unfit(edit, diff_fault_word(DIFF_MALFORMED));
                return false;
            }
        }
    }
    if (!named) {
        (void)unfit(edit, "names_differ");
    }
    return named;
}

/* What is to be done, before any of it is. */
struct plan {
    struct diff_patch *patches;
    struct places     *places;
    size_t             count;
};

static bool plan_make(struct edit *edit, struct plan *plan)
{
    plan->patches = patches_read(edit, &plan->count);
    if (plan->patches == NULL) {
        return false;
    }
    plan->places = arena_zero(edit->replay->scratch, plan->count, sizeof(*plan->places));
    for (size_t i = 0; i < plan->count; i++) {
        if (!places_find(edit, &plan->patches[i], plan->count, &plan->places[i])) {
            return false;
        }
    }
    return places_check(edit, plan->places, plan->count);
}

static int plan_do(struct edit *edit, const struct plan *plan, struct err *err)
{
    for (size_t i = 0; i < plan->count && edit->reason == NULL; i++) {
        TRY(patch_apply(edit, &plan->patches[i], &plan->places[i], err));
    }
    return 0;
}

/* diff has nothing to say of a file that stays as it is, and of one that is made empty. */
static int nothing_apply(struct edit *edit, struct err *err)
{
    enum tree_state state;
    int64_t         size;

    TRY(tree_look(edit->replay->tree, edit->path, &state, &size, err));
    if (state == TREE_OTHER) {
        return unfit(edit, "not_a_file");
    }
    return state == TREE_FILE ? 0 : file_put(edit, edit->path, (struct bytes){NULL, 0}, 0, err);
}

/* The last newline is often lost where a diff is put together from lines. */
static struct bytes diff_of(struct arena *arena, const struct value *event)
{
    struct bytes diff = value_text_or(value_get(event, "diff_unified"), "");
    uint8_t     *whole;

    if (diff.size == 0 || diff.data[diff.size - 1] == '\n') {
        return diff;
    }
    whole = arena_get(arena, diff.size + 1);
    memcpy(whole, diff.data, diff.size);
    whole[diff.size] = '\n';
    return (struct bytes){whole, diff.size + 1};
}

static int edit_apply(struct edit *edit, const struct value *event, struct err *err)
{
    struct plan plan = {0};

    edit->path = edit->before = edit->after = tree_path(edit->replay->scratch, edit->file_path);
    if (edit->path == NULL) {
        return unfit(edit, "path_outside");
    }
    if (edit->diff.size > 0 && !plan_make(edit, &plan)) {
        return 0;
    }
    TRY(hash_of_file(edit, edit->before, event, "buffer_hash_before", "hash_before_differs", err));
    if (edit->reason != NULL) {
        return 0;
    }
    TRY(edit->diff.size == 0 ? nothing_apply(edit, err) : plan_do(edit, &plan, err));
    return hash_of_file(edit, edit->after, event, "buffer_hash_after", "hash_after_differs", err);
}

/* The farm itself has taken a secret out of the event: then it cannot fit, and nobody lied. */
static bool is_redacted(struct bytes diff)
{
    static const char mark[] = "[REDACTED:";

    return diff.size > 0 && memmem(diff.data, diff.size, mark, strlen(mark)) != NULL;
}

int replay_event(struct replay *replay, const struct value *event, struct err *err)
{
    struct edit edit = {.replay = replay, .seq = value_whole_or(value_get(event, "seq"), -1)};

    if (replay->first.there || !value_is_text(value_get(event, "type"), "file_edit")) {
        return 0;
    }
    arena_reset(replay->scratch);
    edit.file_path = value_text_or(value_get(event, "file_path"), "");
    edit.diff = diff_of(replay->scratch, event);
    TRY(edit_apply(&edit, event, err));
    if (edit.reason != NULL) {
        replay_diverge(replay, edit.seq, edit.file_path,
                       is_redacted(edit.diff) ? "redacted" : edit.reason);
        return 0;
    }
    replay->edits_applied++;
    return 0;
}
