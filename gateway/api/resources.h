// SPDX-License-Identifier: MIT
/*
 * resources.h - the handlers that the table of routes names, one file per resource.
 */
#ifndef PRT_GATEWAY_API_RESOURCES_H
#define PRT_GATEWAY_API_RESOURCES_H

#include "gateway/http/exchange.h"

void trace_open(struct exchange *x);       /* trace_open.c */
/* JSON Schema of the flat body that old clients send instead of a head. */
struct value trace_flat_schema(struct arena *arena);
void trace_list(struct exchange *x);       /* trace_list.c */
void pr_show(struct exchange *x);
void batch_post(struct exchange *x);       /* batches.c */
void trace_show(struct exchange *x);       /* document.c */
void trace_complete(struct exchange *x);   /* complete.c */
void trace_erase(struct exchange *x);      /* erase.c */
void chunk_post(struct exchange *x);       /* chunks.c */
void chunk_show(struct exchange *x);
void event_list(struct exchange *x);       /* events.c */
void event_lines(struct exchange *x);
int  artifact_piece(struct exchange *x, struct err *err); /* artifact_put.c */
void artifact_put(struct exchange *x);
void artifact_show(struct exchange *x);    /* artifact_show.c */
void qa_log_show(struct exchange *x);      /* qa_log.c */
void limits_show(struct exchange *x);      /* health.c */
void health_show(struct exchange *x);
void ready_show(struct exchange *x);
void openapi_show(struct exchange *x);     /* openapi.c */
void schema_show(struct exchange *x);
void docs_show(struct exchange *x);        /* page.c */
void docs_script(struct exchange *x);
void page_show(struct exchange *x);
void page_style(struct exchange *x);
void page_script(struct exchange *x);

#endif
