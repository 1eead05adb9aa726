// SPDX-License-Identifier: MIT
/*
 * event.h - the five types of event and their fields, from schemas/event_field.def.
 *
 * event_check walks the table: types, required fields, ranges, lengths, unknown fields. A new type is
 * added in the table and nowhere else.
 */
#ifndef PRT_TRACE_EVENT_H
#define PRT_TRACE_EVENT_H

#include "base/arena.h"
#include "base/err.h"
#include "trace/message.h"
#include "value/value.h"

struct check;
struct object;

enum event_type {
#define EVENT_TYPE(name, consent, words) EVENT_##name,
#include "schemas/event_field.def"
#undef EVENT_TYPE
    EVENT_TYPES
};

const char *event_type_name(enum event_type type); /* "file_edit" */
int         event_type_by_name(struct bytes name); /* or -1 */
const char *event_type_names(void);                /* of all, with | between them */

/* Its row of the table, and the enum consent bits it needs. */
const struct object *event_object(enum event_type type);
unsigned             event_consent(enum event_type type);

/* The open message's body: {session, task, repo, environment?, experiment_id?}, checked against the same kind of
 * table. On SCHEMA the check's problems (field.h) say what is wrong and where ("/session/role"); the
 * story is the first of them. Only the check's arena has to be set. */
WARN_UNUSED int trace_head_check(struct check *check, const struct value *head, struct err *err);

/* Trace JSON Schema (draft 2020-12), generated from the tables; appended. Its JCS form's SHA-256 is
 * integrity.schema_hash. */
void        trace_schema_write(struct buf *out);
const char *trace_schema_hash(void); /* 64 hex digits */

#endif
