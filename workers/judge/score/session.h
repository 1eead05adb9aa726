// SPDX-License-Identifier: MIT
/*
 * session.h - a trace as the judge sees it: the steps in order, bounded however long the trace is.
 *
 * A document may be gigabytes; what can be judged of it is not. The reader takes the document in
 * pieces, keeps the beginning and the end of a very long session whole, shortens long texts, and
 * counts what it left out: a judge is told of every cut.
 *
 * Pure but for the arena: no I/O, no clock.
 */
#ifndef PRT_JUDGE_SESSION_H
#define PRT_JUDGE_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "crypto/crypto.h"
#include "value/value.h"

enum step_kind { STEP_EDIT, STEP_COMMAND, STEP_TEST, STEP_COMMIT, STEP_NOTE, STEP_OTHER };

enum note_part {
    NOTE_PLAN,
    NOTE_HYPOTHESIS,
    NOTE_OBSERVATION,
    NOTE_DECISION,
    NOTE_NEXT_STEP,
    NOTE_FREEFORM,
    NOTE_PARTS
};
const char *note_part_name(enum note_part part); /* "next_step" */

struct step {
    enum step_kind kind;
    int64_t        seq;
    double         at_s; /* the client's clock */
    struct bytes   type; /* the event's type as it was sent */

    struct bytes subject;    /* edit: path; test: selection or empty; commit: sha */
    struct bytes text;       /* edit: diff; command: command line; commit: message */
    size_t       text_bytes; /* before it was shortened */
    struct bytes note[NOTE_PARTS];

    int64_t       added, removed; /* edit: lines of its whole diff */
    int64_t       exit_code;      /* command */
    int64_t       passed, failed; /* test */
    struct bytes *failed_tests;   /* at most SESSION_NAMES of them */
    size_t        failed_count;
    bool          hashed;   /* edit: buffer_hash_after can be a SHA-256 */
    bool          redacted; /* a secret was taken out of this event */
};

/* One added (+1) or removed (-1) line of an edit: hash of its path and text. */
struct line_change {
    uint64_t line;
    int      sign;
};

enum { SESSION_STEPS = 4000, SESSION_NAMES = 50, SESSION_LINES = 200000 };

struct session {
    struct bytes  trace_id, task_id, title, description, repo, start_commit;
    struct bytes *known_failing;
    size_t        known_failing_count;
    struct step  *steps; /* in order of seq */
    size_t        count;
    size_t        left_out;    /* events of the middle that are not in steps */
    size_t        left_out_at; /* they lie before this step */
    bool          has_final_snapshot, has_start_snapshot;

    struct line_change *lines;
    size_t              line_count;
    bool                lines_whole; /* lines holds every line of every edit */

    const struct value *metrics;    /* or NULL */
    const struct value *validation; /* qa.validation, or NULL: QA said nothing */
    char                sha256[HASH_HEX]; /* of the document's bytes as stored; "" when not known */
};

/* -------- from a document in pieces, laid out as finalize writes it: an event a line -------- */
struct session_reader;

/* Everything lives in the arena. `events` is how many events the document holds. */
struct session_reader *session_reader_new(struct arena *arena, uint64_t events);
void                   session_reader_free(struct session_reader *reader);
DEFINE_CLEANUP(session_reader, struct session_reader *, session_reader_free)

/* MALFORMED: not a trace document in this layout. */
WARN_UNUSED int session_reader_put(struct session_reader *reader, struct bytes piece,
                                   struct err *err);
WARN_UNUSED int session_reader_finish(struct session_reader *reader, struct session *ret_session,
                                      struct err *err);

/* -------- from a document that is in memory, in any layout; sha256 stays empty -------- */
WARN_UNUSED int session_of_value(struct arena *arena, const struct value *document,
                                 struct session *ret_session, struct err *err);

/* Is there a step with this seq? */
bool session_has_seq(const struct session *session, int64_t seq);

#endif
