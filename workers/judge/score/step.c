// SPDX-License-Identifier: MIT
#include "workers/judge/score/step.h"

#include <string.h>

enum {
    TEXT_MOST = 16 * 1024,         /* of one text */
    TEXTS_MOST = 24 * 1024 * 1024, /* of all texts of a session */
    TEXT_POOR = 200                /* of one text, once those are used up */
};

static const char *const part_names[NOTE_PARTS] = {
    [NOTE_PLAN] = "plan",
    [NOTE_HYPOTHESIS] = "hypothesis",
    [NOTE_OBSERVATION] = "observation",
    [NOTE_DECISION] = "decision",
    [NOTE_NEXT_STEP] = "next_step",
    [NOTE_FREEFORM] = "freeform",
};

const char *note_part_name(enum note_part part)
{
    return part_names[part];
}

void step_keeper_init(struct step_keeper *keeper, struct arena *arena, struct session *session)
{
    *keeper = (struct step_keeper){.arena = arena, .session = session, .text_left = TEXTS_MOST};
    session->lines_whole = true;
}

struct bytes step_keep_text(struct step_keeper *keeper, struct bytes text)
{
    size_t most = keeper->text_left < TEXT_MOST ? TEXT_POOR : TEXT_MOST;

    if (text.size > most) {
        text.size = most;
        while (text.size > 0 && (text.data[text.size] & 0xc0) == 0x80) {
            text.size--; /* not inside of a character */
        }
    }
    keeper->text_left -= text.size < keeper->text_left ? text.size : keeper->text_left;
    return arena_bytes(keeper->arena, text);
}

struct bytes *step_keep_names(struct step_keeper *keeper, const struct value *list,
                              size_t *ret_count)
{
    size_t        count = list != NULL && list->kind == VALUE_LIST ? list->count : 0;
    struct bytes *names;

    count = count < SESSION_NAMES ? count : SESSION_NAMES;
    names = arena_zero(keeper->arena, count, sizeof(*names));
    for (size_t i = 0; i < count; i++) {
        names[i] = step_keep_text(keeper, value_text_or(&list->as.items[i], ""));
    }
    *ret_count = count;
    return names;
}

static uint64_t hash_more(uint64_t hash, struct bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        hash = (hash ^ bytes.data[i]) * 0x100000001b3; /* FNV-1a */
    }
    return hash;
}

static void keep_line(struct step_keeper *keeper, uint64_t line, int sign)
{
    struct session *session = keeper->session;

    if (session->line_count >= SESSION_LINES) {
        session->lines_whole = false;
        return;
    }
    if (session->line_count == keeper->line_room) {
        size_t              room = keeper->line_room == 0 ? 256 : keeper->line_room * 2;
        struct line_change *more = arena_get(keeper->arena, room * sizeof(*more));

        if (session->line_count > 0) {
            memcpy(more, session->lines, session->line_count * sizeof(*more));
        }
        session->lines = more;
        keeper->line_room = room;
    }
    session->lines[session->line_count++] = (struct line_change){line, sign};
}

/* Counts the diff's added and removed lines; file headers are the --- and +++ before a hunk. */
static void read_diff(struct step_keeper *keeper, struct step *step, struct bytes diff)
{
    bool   in_hunk = false;
    size_t at = 0;

    while (at < diff.size) {
        const uint8_t *end = memchr(diff.data + at, '\n', diff.size - at);
        size_t         stop = end == NULL ? diff.size : (size_t)(end - diff.data);
        struct bytes   line = {diff.data + at, stop - at};

        at = stop + 1;
        if (line.size >= 2 && memcmp(line.data, "@@", 2) == 0) {
            in_hunk = true;
        } else if (in_hunk && line.size > 0 && (line.data[0] == '+' || line.data[0] == '-')) {
            int          sign = line.data[0] == '+' ? 1 : -1;
            struct bytes words = {line.data + 1, line.size - 1};
            uint64_t     hash = hash_more(0xcbf29ce484222325, step->subject);

            step->added += sign > 0;
            step->removed += sign < 0;
            keep_line(keeper, hash_more(hash_more(hash, BYTES("\n")), words), sign);
        } else if (line.size >= 5 && memcmp(line.data, "diff ", 5) == 0) {
            in_hunk = false;
        }
    }
}

static bool is_hash(struct bytes text)
{
    uint8_t hash[HASH_BYTES];

    return hex_read(hash, sizeof(hash), text);
}

static struct bytes long_text(struct step_keeper *keeper, struct step *step,
                              const struct value *event, const char *name)
{
    struct bytes text = value_text_or(value_get(event, name), "");

    step->text_bytes = text.size;
    return step_keep_text(keeper, text);
}

static struct bytes short_text(struct step_keeper *keeper, const struct value *event,
                               const char *name)
{
    return step_keep_text(keeper, value_text_or(value_get(event, name), ""));
}

static void read_edit(struct step_keeper *keeper, const struct value *event, struct step *step)
{
    step->kind = STEP_EDIT;
    step->subject = short_text(keeper, event, "file_path");
    step->text = long_text(keeper, step, event, "diff_unified");
    step->hashed = is_hash(value_text_or(value_get(event, "buffer_hash_after"), ""));
    read_diff(keeper, step, value_text_or(value_get(event, "diff_unified"), ""));
}

static void read_command(struct step_keeper *keeper, const struct value *event, struct step *step)
{
    step->kind = STEP_COMMAND;
    step->text = long_text(keeper, step, event, "cmd");
    step->exit_code = value_whole_or(value_get(event, "exit_code"), 0);
}

static void read_test(struct step_keeper *keeper, const struct value *event, struct step *step)
{
    const struct value *failed = value_get(event, "failed_tests");

    step->kind = STEP_TEST;
    step->subject = short_text(keeper, event, "selection");
    step->passed = value_whole_or(value_get(event, "num_passed"), 0);
    step->failed = value_whole_or(value_get(event, "num_failed"), 0);
    step->failed_tests = step_keep_names(keeper, failed, &step->failed_count);
}

static void read_commit(struct step_keeper *keeper, const struct value *event, struct step *step)
{
    step->kind = STEP_COMMIT;
    step->subject = short_text(keeper, event, "sha");
    step->text = long_text(keeper, step, event, "message");
}

static void read_note(struct step_keeper *keeper, const struct value *event, struct step *step)
{
    const struct value *structured = value_get(event, "structured");

    step->kind = STEP_NOTE;
    for (int part = 0; part < NOTE_FREEFORM; part++) {
        step->note[part] = short_text(keeper, structured, part_names[part]);
    }
    step->note[NOTE_FREEFORM] = short_text(keeper, event, "freeform");
}

static const struct {
    const char *type;
    void (*read)(struct step_keeper *keeper, const struct value *event, struct step *step);
} readers[] = {
    {"file_edit", read_edit}, {"cmd_run", read_command},      {"test_run", read_test},
    {"commit", read_commit},  {"rationale_note", read_note},
};

static bool text_is_redacted(struct bytes text)
{
    return text.size > 0 && memmem(text.data, text.size, "[REDACTED:", 10) != NULL;
}

static bool is_redacted(const struct value *value)
{
    switch (value->kind) {
    case VALUE_TEXT:
        return text_is_redacted(value->as.text);
    case VALUE_LIST:
        for (uint32_t i = 0; i < value->count; i++) {
            if (is_redacted(&value->as.items[i])) {
                return true;
            }
        }
        return false;
    case VALUE_MAP:
        for (uint32_t i = 0; i < value->count; i++) {
            if (is_redacted(&value->as.members[i].value)) {
                return true;
            }
        }
        return false;
    default:
        return false;
    }
}

int step_of_event(struct step_keeper *keeper, const struct value *event, struct step *ret_step,
                  struct err *err)
{
    const struct value *type = value_get(event, "type");
    const struct value *seq = value_get(event, "seq");
    struct step         step = {.kind = STEP_OTHER};

    if (type == NULL || type->kind != VALUE_TEXT || seq == NULL || seq->kind != VALUE_WHOLE) {
        return err_set(err, ERR_MALFORMED, "an event of the document has no type or no seq");
    }
    step.seq = seq->as.whole;
    step.at_s = value_real_or(value_get(event, "ts_client_s"), 0);
    step.type = step_keep_text(keeper, type->as.text);
    step.redacted = is_redacted(event);
    for (size_t i = 0; i < COUNT_OF(readers); i++) {
        if (bytes_is(type->as.text, readers[i].type)) {
            readers[i].read(keeper, event, &step);
        }
    }
    *ret_step = step;
    return 0;
}
