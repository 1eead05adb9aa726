// SPDX-License-Identifier: MIT
#include "edit.h"

#include <string.h>

enum { LINES_MOST = 48, OPS_MOST = 2 * LINES_MOST };

const char *const edit_names[EDIT_FILES] = {"f.txt", "dir/a b.txt", "dir/\303\244.txt"};

/* As git writes them behind "a/". */
static const char *const plain_names[EDIT_FILES] = {"%s/f.txt", "%s/dir/a b.txt\t",
                                                    "\"%s/dir/\\303\\244.txt\""};
static const char *const git_names[EDIT_FILES] = {"%s/f.txt", "%s/dir/a b.txt",
                                                  "\"%s/dir/\\303\\244.txt\""};
static const char *const bare_names[EDIT_FILES] = {"f.txt", "dir/a b.txt",
                                                   "\"dir/\\303\\244.txt\""};

/* Few, so that they repeat; some look like parts of a diff. */
static const char *const words[] = {"a",
                                    "b",
                                    "c",
                                    "a",
                                    "b",
                                    "",
                                    "}",
                                    "  x = 1",
                                    "-- a/f.txt",
                                    "++ b/f.txt",
                                    "@@ -1 +1 @@",
                                    "\\ No newline at end of file",
                                    "diff --git a/f.txt b/f.txt",
                                    "\tz\303\251"};

uint32_t dice_roll(struct dice *dice, uint32_t sides)
{
    dice->state = dice->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((dice->state >> 33) % sides);
}

struct text {
    struct bytes lines[LINES_MOST];
    size_t       count;
};

static struct bytes line_make(struct arena *arena, struct dice *dice, const char *end)
{
    return bytes_of(arena_format(arena, "%s%s", words[dice_roll(dice, COUNT_OF(words))], end));
}

static struct text text_make(struct arena *arena, struct dice *dice, const char *end)
{
    struct text text = {.count = dice_roll(dice, 5) == 0 ? dice_roll(dice, 3)
                                                         : dice_roll(dice, LINES_MOST / 2)};

    for (size_t i = 0; i < text.count; i++) {
        text.lines[i] = line_make(arena, dice, end);
    }
    return text;
}

static struct text text_change(struct arena *arena, struct dice *dice, const struct text *old,
                               const char *end)
{
    struct text text = {0};
    uint32_t    calm = 4 + dice_roll(dice, 20);

    for (size_t i = 0; i <= old->count && text.count + 2 < LINES_MOST; i++) {
        if (dice_roll(dice, calm) == 0) {
            text.lines[text.count++] = line_make(arena, dice, end);
        }
        if (i < old->count && dice_roll(dice, calm) != 0) {
            text.lines[text.count++] = old->lines[i];
        }
    }
    return text;
}

/* Only the last line of a text may lack its newline. */
static void newline_drop(struct arena *arena, struct dice *dice, struct text *text)
{
    struct bytes *last = text->count == 0 ? NULL : &text->lines[text->count - 1];
    size_t end = last == NULL ? 0 : last->size > 1 && last->data[last->size - 2] == '\r' ? 2 : 1;

    if (last != NULL && last->size > end && dice_roll(dice, 3) == 0) {
        *last = arena_bytes(arena, (struct bytes){last->data, last->size - end});
    }
}

static struct bytes joined(struct arena *arena, const struct text *text)
{
    CLEANUP(buf) struct buf all = {0};

    for (size_t i = 0; i < text->count; i++) {
        buf_put(&all, text->lines[i]);
    }
    return arena_bytes(arena, buf_bytes(&all));
}

/* -------- the diff of two texts, by their longest common subsequence -------- */

struct op {
    char         sign;
    struct bytes line;
};

static size_t ops_make(const struct text *old, const struct text *new, struct op *ret_ops)
{
    static uint16_t common[LINES_MOST + 1][LINES_MOST + 1];
    size_t          i = 0;
    size_t          k = 0;
    size_t          count = 0;

    memset(common, 0, sizeof(common));
    for (size_t a = old->count; a-- > 0;) {
        for (size_t b = new->count; b-- > 0;) {
            uint16_t skip =
                common[a + 1][b] > common[a][b + 1] ? common[a + 1][b] : common[a][b + 1];

            common[a][b] = bytes_equal(old->lines[a], new->lines[b])
                               ? (uint16_t)(common[a + 1][b + 1] + 1)
                               : skip;
        }
    }
    while (i < old->count || k < new->count) {
        if (i < old->count && k < new->count &&bytes_equal(old->lines[i], new->lines[k])) {
            ret_ops[count++] = (struct op){' ', old->lines[i++]};
            k++;
        } else if (i < old->count && (k == new->count || common[i + 1][k] >= common[i][k + 1])) {
            ret_ops[count++] = (struct op){'-', old->lines[i++]};
        } else {
            ret_ops[count++] = (struct op){'+', new->lines[k++]};
        }
    }
    return count;
}

static void op_put(struct buf *out, const struct op *op)
{
    buf_put_byte(out, (uint8_t)op->sign);
    buf_put(out, op->line);
    if (op->line.data[op->line.size - 1] != '\n') {
        buf_put_text(out, "\n\\ No newline at end of file\n");
    }
}

static void range_put(struct buf *out, char sign, size_t before, size_t count)
{
    size_t from = count == 0 ? before : before + 1;

    if (count == 1) {
        buf_format(out, " %c%zu", sign, from);
    } else {
        buf_format(out, " %c%zu,%zu", sign, from, count);
    }
}

static void hunk_put(struct buf *out, const struct op *ops, size_t from, size_t to)
{
    size_t old_before = 0, new_before = 0, old_count = 0, new_count = 0;

    for (size_t i = 0; i < to; i++) {
        (*(i < from ? &old_before : &old_count)) += ops[i].sign != '+' ? 1 : 0;
        (*(i < from ? &new_before : &new_count)) += ops[i].sign != '-' ? 1 : 0;
    }
    buf_put_text(out, "@@");
    range_put(out, '-', old_before, old_count);
    range_put(out, '+', new_before, new_count);
    buf_put_text(out, " @@\n");
    for (size_t i = from; i < to; i++) {
        op_put(out, &ops[i]);
    }
}

static void hunks_put(struct buf *out, const struct op *ops, size_t count, size_t context)
{
    size_t at = 0;

    while (at < count) {
        size_t from, to, still;

        while (at < count && ops[at].sign == ' ') {
            at++;
        }
        if (at == count) {
            return;
        }
        from = at < context ? 0 : at - context;
        for (to = at, still = 0; to < count && still <= 2 * context; to++) {
            still = ops[to].sign == ' ' ? still + 1 : 0;
        }
        to = still > context ? to - (still - context) : to;
        hunk_put(out, ops, from, to);
        at = to;
    }
}

/* -------- the patch of a file -------- */

enum style { STYLE_PLAIN, STYLE_GIT };

static void name_put(struct buf *out, const char *line, const char *name, const char *side)
{
    buf_put_text(out, line);
    if (name == NULL) {
        buf_put_text(out, "/dev/null");
    } else {
        const char *at = strstr(name, "%s");

        buf_format(out, "%.*s%s%s", (int)(at - name), name, side, at + 2);
    }
    buf_put_text(out, "\n");
}

static void git_line_put(struct buf *out, const char *from, const char *to)
{
    const char *at = strstr(from, "%s");
    const char *in = strstr(to, "%s");

    buf_format(out, "diff --git %.*sa%s %.*sb%s\n", (int)(at - from), from, at + 2, (int)(in - to),
               to, in + 2);
}

static void rename_put(struct buf *out, size_t from, size_t to, bool copy)
{
    const char *word = copy ? "copy" : "rename";

    buf_format(out, "similarity index 90%%\n%s from %s\n%s to %s\n", word, bare_names[from], word,
               bare_names[to]);
}

static void patch_put(struct buf *out, struct dice *dice, struct edit *edit, size_t index,
                      const struct text *old, const struct text *new)
{
    struct op ops[OPS_MOST];
    size_t    count = ops_make(old, new, ops);
    bool      made = old->count == 0 && dice_roll(dice, 2) == 0;
    bool      gone = !made && new->count == 0;
    bool      git = dice_roll(dice, 2) == 0 || edit->is_git;
    size_t    to = index;
    bool      changes = false;

    for (size_t i = 0; i < count; i++) {
        changes = changes || ops[i].sign != ' ';
    }
    if (!git && !changes) {
        made = gone = false;
        git = true; /* diff -u says nothing of it */
    }
    edit->is_git = git;
    if (made) {
        edit->before[index] = (struct file){0};
    }
    if (git && !made && !gone && edit->alone && dice_roll(dice, 4) == 0) {
        to = EDIT_FILES - 1;
        git_line_put(out, git_names[index], git_names[to]);
        rename_put(out, index, to, dice_roll(dice, 2) == 0);
    } else if (git) {
        git_line_put(out, git_names[index], git_names[index]);
        buf_put_text(out, made      ? "new file mode 100644\n"
                          : gone    ? "deleted file mode 100644\n"
                          : changes ? "index 1234567..89abcde 100644\n"
                                    : "old mode 100644\nnew mode 100755\n");
    }
    if (!changes) {
        return;
    }
    name_put(out, "--- ", made ? NULL : plain_names[index], "a");
    name_put(out, "+++ ", gone ? NULL : plain_names[to], "b");
    hunks_put(out, ops, count, dice_roll(dice, 4));
}

/* -------- damage -------- */

static size_t random_line(struct dice *dice, const struct buf *text)
{
    size_t at = dice_roll(dice, (uint32_t)text->size);

    while (at > 0 && text->data[at - 1] != '\n') {
        at--;
    }
    return at;
}

static size_t line_size(const struct buf *text, size_t at)
{
    const uint8_t *end = memchr(text->data + at, '\n', text->size - at);

    return end == NULL ? text->size - at : (size_t)(end - (text->data + at)) + 1;
}

/* May the line at `at` be one of a header, or the one about a newline? There git is more lenient.
 */
static bool may_be_header(const struct buf *text, size_t at)
{
    return memchr(" -+", text->data[at], 3) == NULL ||
           (text->size - at > 4 &&
            (memcmp(text->data + at, "--- ", 4) == 0 || memcmp(text->data + at, "+++ ", 4) == 0));
}

/* Drops a line, doubles it or swaps it with the next. True if it may have been one of a header. */
static bool line_damage(struct dice *dice, struct buf *text)
{
    CLEANUP(buf) struct buf copy = {0};
    size_t                  at = random_line(dice, text);
    size_t                  size = line_size(text, at);
    size_t                  next = at + size < text->size ? line_size(text, at + size) : 0;
    uint32_t                how = dice_roll(dice, 3);
    bool header = may_be_header(text, at) || (next > 0 && may_be_header(text, at + size));

    buf_put(&copy, (struct bytes){text->data, at});
    if (how == 1) {
        buf_put(&copy, (struct bytes){text->data + at, size});
    }
    if (how == 2) {
        buf_put(&copy, (struct bytes){text->data + at + size, next});
        buf_put(&copy, (struct bytes){text->data + at, size});
        size += next;
    } else if (how == 1) {
        size = 0;
    }
    buf_put(&copy, (struct bytes){text->data + at + size, text->size - at - size});
    text->size = 0;
    buf_put(text, buf_bytes(&copy));
    return header;
}

static bool byte_damage(struct dice *dice, struct buf *diff)
{
    static const char odd[] = " -+\\@\nab,1";
    size_t            at = dice_roll(dice, (uint32_t)diff->size);
    size_t            line = at;

    while (line > 0 && diff->data[line - 1] != '\n') {
        line--;
    }
    if (may_be_header(diff, line)) {
        diff->data[at] = (uint8_t)odd[dice_roll(dice, sizeof(odd) - 1)];
        return true;
    }
    diff->data[at] = (uint8_t)odd[dice_roll(dice, sizeof(odd) - 1)];
    return false;
}

static void numbers_damage(struct dice *dice, struct buf *diff)
{
    uint8_t *head = memmem(diff->data, diff->size, "@@ -", 4);

    for (size_t at = 4; head != NULL && head[at] != '@'; at++) {
        if (head[at] >= '0' && head[at] <= '9' && dice_roll(dice, 3) == 0) {
            head[at] = (uint8_t)('0' + dice_roll(dice, 10));
        }
    }
}

static struct bytes file_damage(struct arena *arena, struct dice *dice, struct bytes bytes,
                                bool shift)
{
    CLEANUP(buf) struct buf text = {0};

    for (uint32_t i = shift ? dice_roll(dice, 3) + 1 : 0; i > 0; i--) {
        buf_put_text(&text, "shifted\n");
    }
    buf_put(&text, bytes);
    if (!shift && text.size > 0) {
        (void)line_damage(dice, &text);
    }
    return arena_bytes(arena, buf_bytes(&text));
}

static void damage(struct arena *arena, struct dice *dice, struct edit *edit, struct buf *diff)
{
    if (diff->size == 0) {
        return;
    }
    switch (edit->damage) {
    case DAMAGE_DIFF_BYTE:
        edit->damaged_header = byte_damage(dice, diff);
        break;
    case DAMAGE_DIFF_LINE:
        edit->damaged_header = line_damage(dice, diff);
        break;
    case DAMAGE_DIFF_CUT:
        diff->size = dice_roll(dice, (uint32_t)diff->size);
        edit->damaged_header = true;
        break;
    case DAMAGE_NUMBERS:
        numbers_damage(dice, diff);
        edit->damaged_header = true;
        break;
    case DAMAGE_FILE_LINE:
    case DAMAGE_FILE_SHIFT:
        if (!edit->before[0].there) {
            break;
        }
        edit->before[0].bytes =
            file_damage(arena, dice, edit->before[0].bytes, edit->damage == DAMAGE_FILE_SHIFT);
        break;
    default:
        break;
    }
}

void edit_make(struct arena *arena, struct dice *dice, struct edit *ret_edit)
{
    CLEANUP(buf) struct buf diff = {0};
    struct edit edit = {.damage = dice_roll(dice, 2) == 0 ? DAMAGE_NONE : dice_roll(dice, DAMAGES)};
    const char *end = dice_roll(dice, 4) == 0 ? "\r\n" : "\n";
    size_t      files = dice_roll(dice, 4) == 0 ? 2 : 1;

    edit.alone = files == 1;
    for (size_t i = 0; i < files; i++) {
        size_t      index = files == 1 ? dice_roll(dice, EDIT_FILES - 1) : i;
        struct text old = text_make(arena, dice, end);
        struct text new = text_change(arena, dice, &old, end);

        newline_drop(arena, dice, &old);
        for (size_t k = 0; k + 1 < new.count; k++) {
            if (new.lines[k].data[new.lines[k].size - 1] != '\n') {
                new.lines[k] = bytes_of("c\n");
            }
        }
        newline_drop(arena, dice, &new);
        edit.before[index] = (struct file){true, joined(arena, &old)};
        patch_put(&diff, dice, &edit, index, &old, &new);
    }
    damage(arena, dice, &edit, &diff);
    edit.diff = arena_bytes(arena, buf_bytes(&diff));
    *ret_edit = edit;
}
