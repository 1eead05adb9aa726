// SPDX-License-Identifier: MIT
/*
 * event_lines.h - the events of a finalized document, one after the other, in bounded memory.
 *
 * A stored document has each event on a line of its own (trace/document.h); it may be far larger
 * than the memory there is.
 */
#ifndef PRT_WORKERS_QA_EVENT_LINES_H
#define PRT_WORKERS_QA_EVENT_LINES_H

#include "blob/blob.h"
#include "store/qa_store.h"
#include "workers/qa/heart.h"

struct event_lines;

struct event_lines *event_lines_open(struct blob_store *blob, const struct qa_document *document,
                                     struct heart *heart);
void                event_lines_close(struct event_lines *lines);
DEFINE_CLEANUP(event_lines, struct event_lines *, event_lines_close)

/* The next event without its newline and comma, valid until the next call; *ret_there is false
 * behind the last one, and then the whole document had the hash that was recorded. BLOB_MISSING,
 * BLOB_CORRUPT; what the heart says. */
WARN_UNUSED int event_lines_next(struct event_lines *lines, struct bytes *ret_line, bool *ret_there,
                                 struct err *err);

#endif
