// SPDX-License-Identifier: MIT
/*
 * document_lines.h - the lines of a document, one after the other. For document.c alone.
 */
#ifndef PRT_TRACE_DOCUMENT_LINES_H
#define PRT_TRACE_DOCUMENT_LINES_H

#include "trace/document.h"

struct document_lines {
    bool                as_stored;
    struct bytes        left;   /* as stored: the lines not given yet */
    const struct value *events; /* else: the list, and how many were given */
    uint32_t            given;
    struct buf          line;
};

/* Reads everything but the lines into *ret_head: a document whose list of events is empty or not
 * looked at. MALFORMED, SCHEMA. On 0, document_lines_done when ready. */
WARN_UNUSED int document_lines_open(struct document_lines *ret_lines, struct arena *arena,
                                    struct bytes document, struct value *ret_head, struct err *err);
bool            document_lines_next(struct document_lines *lines, struct bytes *ret_line);
void            document_lines_done(struct document_lines *lines);

/* What a line says that its id and seq are, though it may be damaged. */
void document_line_names(struct arena *arena, struct bytes line, const char **ret_id,
                         int64_t *ret_seq);

const char *document_sentence(struct arena *arena, const struct document_report *report,
                              const struct document_keys *keys);

#endif
