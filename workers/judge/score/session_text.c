// SPDX-License-Identifier: MIT
#include "workers/judge/score/session_text.h"

#include <stdio.h>
#include <string.h>

#include "value/json.h"

enum { NAMES_MOST = 30, CLAIMS_MOST = 40, FRONT_PIECES = 5 };

/* How much of a long session each kind may take; the text of a note says most about the process. */
static const double weights[] = {
    [STEP_NOTE] = 1.0,    [STEP_TEST] = 1.0,    [STEP_EDIT] = 0.8,
    [STEP_COMMIT] = 0.6,  [STEP_COMMAND] = 0.4, [STEP_OTHER] = 0.1,
};
static const double weight_of_task = 3;
static const double weight_of_qa = 4;
static const double weight_of_turning_point = 2; /* times: first red run, last run, both edits */

static struct piece piece_of(struct arena *arena, const char *head, struct bytes body,
                             double weight)
{
    return (struct piece){
        .head = arena_bytes(arena, bytes_of(head)),
        .body = cut_lines(arena, body),
        .weight = weight,
    };
}

/* -------- what stands before the events -------- */

/* A test's name is chosen by who is judged: a newline in it would make a line of its own, and below
 * [qa] that line would be QA's. */
static void put_name(struct buf *out, struct bytes name)
{
    for (size_t i = 0; i < name.size; i++) {
        buf_put_byte(out, name.data[i] < ' ' || name.data[i] == 0x7f ? ' ' : name.data[i]);
    }
}

static void put_names(struct buf *out, const char *what, const struct bytes *names, size_t count)
{
    if (count == 0) {
        return;
    }
    buf_format(out, "%s:", what);
    for (size_t i = 0; i < count && i < NAMES_MOST; i++) {
        buf_put_text(out, i > 0 ? ", " : " ");
        put_name(out, names[i]);
    }
    if (count > NAMES_MOST) {
        buf_format(out, " and %zu more", count - NAMES_MOST);
    }
    buf_put_byte(out, '\n');
}

static struct piece task_piece(struct arena *arena, const struct session *session)
{
    CLEANUP(buf) struct buf out = {0};

    buf_put(&out, session->title);
    buf_put_byte(&out, '\n');
    if (session->description.size > 0) {
        buf_put(&out, session->description);
        buf_put_byte(&out, '\n');
    }
    put_names(&out, "known failing tests", session->known_failing, session->known_failing_count);
    return piece_of(arena, "[task]\n", buf_bytes(&out), weight_of_task);
}

static const struct value *list_at(const struct value *value, const char *pointer)
{
    const struct value *list = value_at(value, pointer);

    return list != NULL && list->kind == VALUE_LIST && list->count > 0 ? list : NULL;
}

static void put_tests(struct buf *out, const struct value *qa, const char *state)
{
    char                pointer[64];
    const struct value *list;
    int64_t             named;
    int64_t             omitted; /* of names there was no room for in the document */

    (void)snprintf(pointer, sizeof(pointer), "/tests/%s", state);
    list = list_at(qa, pointer);
    (void)snprintf(pointer, sizeof(pointer), "/tests/omitted/%s", state);
    omitted = value_whole_or(value_at(qa, pointer), 0);
    if (list == NULL && omitted == 0) {
        return;
    }
    named = list == NULL ? 0 : list->count;
    buf_format(out, "%s: %lld:", state, (long long)(named + omitted));
    for (uint32_t i = 0; i < named && i < NAMES_MOST; i++) {
        buf_put_text(out, i > 0 ? ", " : " ");
        put_name(out, value_text_or(&list->as.items[i], ""));
    }
    buf_put_text(out, named == 0 ? " ...\n" : omitted > 0 || named > NAMES_MOST ? ", ...\n" : "\n");
}

static void put_part(struct buf *out, const struct value *qa, const char *name)
{
    const struct value *part = value_get(qa, name);
    size_t              before = out->size;
    struct err          ignored = {0};

    if (part == NULL || part->kind == VALUE_NULL) {
        return;
    }
    buf_format(out, "%s: ", name);
    if (jcs_write(out, part, &ignored) < 0) {
        out->size = before; /* a number that JSON can't say: then nothing is shown */
        return;
    }
    buf_put_byte(out, '\n');
}

static void put_claims(struct buf *out, const struct value *qa)
{
    const struct value *claims = list_at(qa, "/claims");

    for (uint32_t i = 0; claims != NULL && i < claims->count && i < CLAIMS_MOST; i++) {
        const struct value *claim = &claims->as.items[i];

        buf_format(out, "seq %lld: reported %lld passed %lld failed, ",
                   (long long)value_whole_or(value_get(claim, "seq"), -1),
                   (long long)value_whole_or(value_at(claim, "/claimed/passed"), -1),
                   (long long)value_whole_or(value_at(claim, "/claimed/failed"), -1));
        if (value_get(claim, "observed") == NULL) {
            buf_put_text(out, "QA could not run it again\n");
        } else {
            buf_format(out, "QA saw %lld and %lld\n",
                       (long long)value_whole_or(value_at(claim, "/observed/passed"), -1),
                       (long long)value_whole_or(value_at(claim, "/observed/failed"), -1));
        }
    }
}

static struct piece qa_piece(struct arena *arena, const struct session *session)
{
    static const char *const states[] = {"fail_to_pass", "pass_to_fail", "fail_to_fail", "flaky"};
    CLEANUP(buf) struct buf  out = {0};
    const struct value      *qa = session->validation;
    struct bytes             status = value_text_or(value_get(qa, "status"), "not_run");

    buf_put_text(&out, "status: ");
    buf_put(&out, status);
    buf_put_byte(&out, '\n');
    if (bytes_is(status, "not_run") || bytes_is(status, "infra_error")) {
        buf_put_text(&out, "QA did not run the tests.\n");
    } else {
        buf_format(&out, "passed %lld, failed %lld, skipped %lld, errors %lld\n",
                   (long long)value_whole_or(value_get(qa, "num_passed"), 0),
                   (long long)value_whole_or(value_get(qa, "num_failed"), 0),
                   (long long)value_whole_or(value_get(qa, "num_skipped"), 0),
                   (long long)value_whole_or(value_get(qa, "num_errors"), 0));
        for (size_t i = 0; i < COUNT_OF(states); i++) {
            put_tests(&out, qa, states[i]);
        }
        put_part(&out, qa, "tests_edited");
        put_part(&out, qa, "replay");
        put_claims(&out, qa);
    }
    return piece_of(arena, "[qa]\n", buf_bytes(&out), weight_of_qa);
}

static struct piece metrics_piece(struct arena *arena, const struct session *session)
{
    CLEANUP(buf) struct buf out = {0};
    struct err              ignored = {0};

    if (session->metrics == NULL || jcs_write(&out, session->metrics, &ignored) < 0) {
        buf_format(&out, "events: %zu", session->count + session->left_out);
    }
    return piece_of(arena, "[metrics]\n", buf_bytes(&out), 1);
}

/* -------- events -------- */

static struct bytes note_text(struct arena *arena, const struct step *step)
{
    CLEANUP(buf) struct buf out = {0};

    for (int part = 0; part < NOTE_PARTS; part++) {
        if (step->note[part].size > 0) {
            buf_format(&out, "%s: ", note_part_name((enum note_part)part));
            buf_put(&out, step->note[part]);
            buf_put_byte(&out, '\n');
        }
    }
    return arena_bytes(arena, buf_bytes(&out));
}

/* One line for the head: what the sender wrote must not break it. */
static void put_flat(struct buf *out, struct bytes text)
{
    size_t most = text.size < 200 ? text.size : 200;

    while (most > 0 && most < text.size && (text.data[most] & 0xc0) == 0x80) {
        most--;
    }
    for (size_t i = 0; i < most; i++) {
        uint8_t byte = text.data[i];

        buf_put_byte(out, byte < ' ' || byte == 0x7f || byte == ']' || byte == '[' ? '_' : byte);
    }
}

static void put_head(struct buf *out, const struct step *step, double start_s)
{
    buf_format(out, "[seq %lld +%.0fs ", (long long)step->seq, step->at_s - start_s);
    put_flat(out, step->type);
    switch (step->kind) {
    case STEP_EDIT:
        buf_put_byte(out, ' ');
        put_flat(out, step->subject);
        buf_format(out, " +%lld -%lld", (long long)step->added, (long long)step->removed);
        break;
    case STEP_COMMAND:
        buf_format(out, " exit %lld", (long long)step->exit_code);
        break;
    case STEP_TEST:
        buf_format(out, " passed %lld failed %lld", (long long)step->passed,
                   (long long)step->failed);
        break;
    case STEP_COMMIT:
    case STEP_NOTE:
    case STEP_OTHER:
        break;
    }
    buf_put_text(out, "]\n");
}

static struct bytes body_of(struct arena *arena, const struct step *step)
{
    CLEANUP(buf) struct buf out = {0};

    if (step->kind == STEP_NOTE) {
        return note_text(arena, step);
    }
    if (step->kind == STEP_TEST) {
        if (step->subject.size > 0) {
            buf_put_text(&out, "selection: ");
            buf_put(&out, step->subject);
            buf_put_byte(&out, '\n');
        }
        put_names(&out, "failed", step->failed_tests, step->failed_count);
        return arena_bytes(arena, buf_bytes(&out));
    }
    if (step->text_bytes > step->text.size) {
        buf_put(&out, step->text);
        buf_format(&out, "\n[... cut %zu bytes ...]\n", step->text_bytes - step->text.size);
        return arena_bytes(arena, buf_bytes(&out));
    }
    return step->text;
}

static void event_pieces(struct arena *arena, const struct session *session, struct piece *pieces)
{
    size_t first_red = SIZE_MAX, first_edit = SIZE_MAX, last_edit = SIZE_MAX, last_test = SIZE_MAX;
    double start_s = session->count > 0 ? session->steps[0].at_s : 0;

    for (size_t at = 0; at < session->count; at++) {
        const struct step *step = &session->steps[at];

        if (step->kind == STEP_EDIT) {
            first_edit = first_edit == SIZE_MAX ? at : first_edit;
            last_edit = at;
        } else if (step->kind == STEP_TEST) {
            first_red = first_red == SIZE_MAX && step->failed > 0 ? at : first_red;
            last_test = at;
        }
    }
    for (size_t at = 0; at < session->count; at++) {
        const struct step      *step = &session->steps[at];
        CLEANUP(buf) struct buf head = {0};
        double                  weight = weights[step->kind];

        if (at == first_red || at == first_edit || at == last_edit || at == last_test) {
            weight *= weight_of_turning_point;
        }
        put_head(&head, step, start_s);
        pieces[at] = piece_of(arena, buf_text(&head), body_of(arena, step), weight);
    }
}

struct session_text session_text_make(struct arena *arena, const struct session *session)
{
    struct session_text text = {0};

    text.pieces = arena_zero(arena, session->count + FRONT_PIECES, sizeof(*text.pieces));
    text.pieces[text.count++] = task_piece(arena, session);
    text.pieces[text.count++] = qa_piece(arena, session);
    text.pieces[text.count++] = metrics_piece(arena, session);
    event_pieces(arena, session, text.pieces + text.count);
    text.count += session->count;
    if (session->left_out > 0) {
        size_t       at = text.count - session->count + session->left_out_at;
        const char  *words = arena_format(arena, "[... %zu events left out ...]\n",
                                          session->left_out);

        memmove(&text.pieces[at + 1], &text.pieces[at],
                (text.count - at) * sizeof(*text.pieces));
        text.pieces[at] = (struct piece){.head = bytes_of(words), .weight = weight_of_qa};
        text.count++;
    }
    return text;
}
