// SPDX-License-Identifier: MIT
/*
 * diff.c - the patches of a diff: where each begins, which file it is of, what it does to it.
 */
#include "workers/qa/replay/diff.h"

#include <string.h>

#include "workers/qa/replay/diff_name.h"
#include "workers/qa/replay/hunk.h"

const char *diff_fault_word(enum diff_fault fault)
{
    static const char *const words[DIFF_FAULTS] = {"",
                                                   "no_patch",
                                                   "malformed_diff",
                                                   "binary_diff",
                                                   "not_a_file",
                                                   "names_differ",
                                                   "context_differs",
                                                   "hunk_out_of_place",
                                                   "contents_left"};

    return words[fault];
}

/* ------------------------- what git writes above the hunks ------------------------- */

/* What the lines between "diff --git" and the first hunk said. */
struct git_head {
    struct diff_name first, second; /* of the line "diff --git"; one file, or neither is known */
    struct diff_name minus, plus;   /* "---", "+++" */
    struct diff_name from, to;      /* of a rename or a copy */
    bool             has_minus, has_plus, creates, deletes, renames, copies;
    struct bytes     old_mode, new_mode;
    bool             odd_mode; /* a symbolic link or a submodule */
};

/* Only "100644" and "100755" are files. */
static struct bytes mode_read(struct git_head *head, struct bytes rest)
{
    struct bytes mode = {rest.data, rest.size < 6 ? rest.size : 6};

    if ((!bytes_is(mode, "100644") && !bytes_is(mode, "100755")) ||
        (rest.size > 6 && memchr("\r\n", rest.data[6], 2) == NULL)) {
        head->odd_mode = true;
    }
    return mode;
}

/* "index 1234567..89abcde 100644"; the mode is there when it does not change. */
static void index_read(struct git_head *head, struct bytes rest)
{
    const uint8_t *blank = memchr(rest.data, ' ', rest.size);

    if (blank != NULL) {
        size_t behind = (size_t)(blank - rest.data) + 1;

        (void)mode_read(head, (struct bytes){blank + 1, rest.size - behind});
    }
}

enum git_line {
    LINE_HUNK,
    LINE_MINUS,
    LINE_PLUS,
    LINE_OLD_MODE,
    LINE_NEW_MODE,
    LINE_DELETED,
    LINE_CREATED,
    LINE_COPY_FROM,
    LINE_COPY_TO,
    LINE_RENAME_FROM,
    LINE_RENAME_TO,
    LINE_SIMILARITY,
    LINE_DISSIMILARITY,
    LINE_INDEX,
    LINE_OTHER
};

static const char *const git_lines[LINE_OTHER] = {
    [LINE_HUNK] = "@@ -",
    [LINE_MINUS] = "--- ",
    [LINE_PLUS] = "+++ ",
    [LINE_OLD_MODE] = "old mode ",
    [LINE_NEW_MODE] = "new mode ",
    [LINE_DELETED] = "deleted file mode ",
    [LINE_CREATED] = "new file mode ",
    [LINE_COPY_FROM] = "copy from ",
    [LINE_COPY_TO] = "copy to ",
    [LINE_RENAME_FROM] = "rename from ",
    [LINE_RENAME_TO] = "rename to ",
    [LINE_SIMILARITY] = "similarity index ",
    [LINE_DISSIMILARITY] = "dissimilarity index ",
    [LINE_INDEX] = "index ",
};

/* False behind the last line of the header. */
static bool git_line_read(struct diff_reader *reader, struct bytes line, struct git_head *head)
{
    enum git_line kind = LINE_HUNK;
    struct bytes  rest;

    while (kind < LINE_OTHER && !text_has(line, 0, git_lines[kind])) {
        kind++;
    }
    if (kind == LINE_HUNK || kind == LINE_OTHER) {
        return false;
    }
    rest = (struct bytes){line.data + strlen(git_lines[kind]), line.size - strlen(git_lines[kind])};
    switch (kind) {
    case LINE_MINUS:
        head->has_minus = true;
        head->minus = diff_name_read(reader->arena, rest);
        break;
    case LINE_PLUS:
        head->has_plus = true;
        head->plus = diff_name_read(reader->arena, rest);
        break;
    case LINE_OLD_MODE:
        head->old_mode = mode_read(head, rest);
        break;
    case LINE_NEW_MODE:
        head->new_mode = mode_read(head, rest);
        break;
    case LINE_DELETED:
    case LINE_CREATED:
        head->deletes = head->deletes || kind == LINE_DELETED;
        head->creates = head->creates || kind == LINE_CREATED;
        (void)mode_read(head, rest);
        break;
    case LINE_COPY_FROM:
    case LINE_RENAME_FROM:
        head->renames = head->renames || kind == LINE_RENAME_FROM;
        head->copies = head->copies || kind == LINE_COPY_FROM;
        head->from = diff_name_bare(reader->arena, rest);
        break;
    case LINE_COPY_TO:
    case LINE_RENAME_TO:
        head->to = diff_name_bare(reader->arena, rest);
        break;
    case LINE_INDEX:
        index_read(head, rest);
        break;
    default: /* how similar two files are */
        break;
    }
    return true;
}

static bool same_path(const struct diff_name *a, const struct diff_name *b)
{
    return bytes_equal(a->path, b->path);
}

static bool is_null(const struct diff_name *name)
{
    return name->raw.data == NULL;
}

/* May this line of the header name this file? One that is not there says nothing. */
static bool may_name(bool there, const struct diff_name *line, const struct diff_name *file)
{
    return !there || (is_null(file) ? is_null(line) : !is_null(line) && same_path(line, file));
}

/* Gives the two names, where all lines of the header agree. */
static enum diff_fault git_names(const struct git_head *head, struct diff_patch *patch)
{
    static const struct diff_name nothing;
    struct diff_name              one = head->first;

    if (head->renames || head->copies) {
        patch->old_name = head->from;
        patch->new_name = head->to;
    } else {
        if (is_null(&one)) {
            one = head->deletes ? head->minus : head->plus;
        }
        patch->old_name = head->creates ? nothing : one;
        patch->new_name = head->deletes ? nothing : one;
    }
    if (is_null(&patch->old_name) && is_null(&patch->new_name)) {
        return DIFF_MALFORMED;
    }
    return may_name(head->has_minus, &head->minus, &patch->old_name) &&
                   may_name(head->has_plus, &head->plus, &patch->new_name)
               ? DIFF_FINE
               : DIFF_NAMES_DIFFER;
}

static enum diff_fault git_kind(const struct git_head *head, struct diff_patch *patch)
{
    int kinds = head->creates + head->deletes + head->renames + head->copies;

    if (kinds > 1 || (kinds == 0 && head->has_minus != head->has_plus)) {
        return DIFF_MALFORMED;
    }
    if ((head->renames || head->copies) && (is_null(&head->from) || is_null(&head->to))) {
        return DIFF_MALFORMED;
    }
    patch->kind = head->creates   ? DIFF_CREATE
                  : head->deletes ? DIFF_DELETE
                  : head->renames ? DIFF_RENAME
                  : head->copies  ? DIFF_COPY
                                  : DIFF_CHANGE;
    return head->odd_mode ? DIFF_NO_FILE_MODE : git_names(head, patch);
}

static bool is_binary(struct bytes line)
{
    return text_has(line, 0, "GIT binary patch") ||
           ((text_has(line, 0, "Binary files ") || text_has(line, 0, "Files ")) && line.size > 8 &&
            text_has(line, line.size - 8, " differ\n"));
}

/* -------------------------------- hunks -------------------------------- */

/* Takes all hunks that follow, checked. */
static enum diff_fault hunks_take(struct diff_reader *reader, struct diff_patch *patch)
{
    size_t      from = reader->at;
    int64_t     old_lines = 0;
    int64_t     new_lines = 0;
    int         count = 0;
    struct hunk hunk;

    while (text_has(reader->text, reader->at, "@@ -")) {
        if (!hunk_read(reader->text, &reader->at, &hunk)) {
            return DIFF_MALFORMED;
        }
        old_lines += hunk.old_count;
        new_lines += hunk.new_count;
        count++;
    }
    patch->hunks = (struct bytes){reader->text.data + from, reader->at - from};
    patch->may_create = patch->kind == DIFF_CHANGE && count == 1 && old_lines == 0;
    if ((patch->kind == DIFF_CREATE && old_lines > 0) ||
        (patch->kind == DIFF_DELETE && new_lines > 0)) {
        return DIFF_MALFORMED;
    }
    return DIFF_FINE;
}

static enum diff_fault git_patch(struct diff_reader *reader, struct diff_patch *patch)
{
    struct bytes    line = line_at(reader->text, reader->at);
    struct git_head head = {0};
    size_t          at = reader->at + line.size;
    enum diff_fault fault;

    diff_names_read(reader->arena, line, &head.first, &head.second);
    for (line = line_at(reader->text, at);
         line.size > 0 && line.data[line.size - 1] == '\n' && git_line_read(reader, line, &head);
         line = line_at(reader->text, at)) {
        at += line.size;
    }
    reader->at = at;
    fault = git_kind(&head, patch);
    if (fault == DIFF_FINE) {
        fault = hunks_take(reader, patch);
    }
    if (fault != DIFF_FINE || patch->hunks.size > 0) {
        return fault;
    }
    if (is_binary(line_at(reader->text, reader->at))) {
        return DIFF_BINARY;
    }
    return patch->kind != DIFF_CHANGE || (head.old_mode.size > 0 && head.new_mode.size > 0 &&
                                          !bytes_equal(head.old_mode, head.new_mode))
               ? DIFF_FINE
               : DIFF_MALFORMED;
}

/* -------------------------------- what diff -u writes -------------------------------- */

static bool is_plain(const struct diff_reader *reader)
{
    struct bytes minus = line_at(reader->text, reader->at);
    struct bytes plus = line_at(reader->text, reader->at + minus.size);

    return text_has(minus, 0, "--- ") && text_has(plus, 0, "+++ ") &&
           text_has(reader->text, reader->at + minus.size + plus.size, "@@ -");
}

static enum diff_fault plain_patch(struct diff_reader *reader, struct diff_patch *patch)
{
    struct bytes minus = line_at(reader->text, reader->at);
    struct bytes plus = line_at(reader->text, reader->at + minus.size);
    struct bytes old_rest = {minus.data + 4, minus.size - 4};
    struct bytes new_rest = {plus.data + 4, plus.size - 4};

    patch->old_name = diff_name_read(reader->arena, old_rest);
    patch->new_name = diff_name_read(reader->arena, new_rest);
    if (is_null(&patch->old_name) && is_null(&patch->new_name)) {
        return DIFF_MALFORMED;
    }
    if (is_null(&patch->old_name) || diff_name_is_epoch(old_rest)) {
        patch->kind = DIFF_CREATE;
    } else if (is_null(&patch->new_name) || diff_name_is_epoch(new_rest)) {
        patch->kind = DIFF_DELETE;
    }
    reader->at += minus.size + plus.size;
    return hunks_take(reader, patch);
}

enum diff_fault diff_next(struct diff_reader *reader, struct diff_patch *ret_patch, bool *ret_more)
{
    struct diff_patch patch = {0};

    for (; reader->at < reader->text.size; reader->at += line_at(reader->text, reader->at).size) {
        bool git = text_has(reader->text, reader->at, "diff --git ");

        if (text_has(reader->text, reader->at, "@@ -")) {
            return DIFF_MALFORMED; /* nothing says which file it is of */
        }
        if (git || is_plain(reader)) {
            enum diff_fault fault = git ? git_patch(reader, &patch) : plain_patch(reader, &patch);

            reader->found = true;
            *ret_patch = patch;
            *ret_more = true;
            return fault;
        }
    }
    *ret_more = false;
    return reader->found ? DIFF_FINE : DIFF_NO_PATCH;
}
