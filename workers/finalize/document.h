// SPDX-License-Identifier: MIT
/*
 * document.h - writes <trace_id>/trace.json from the stored lines, in one pass and bounded memory.
 *
 *   {"trace_version":...,"session":...,"events":[
 *   line,
 *   line
 *   ],"artifacts":...,"metrics":...,<qa goes
 * here>"integrity":{...},"created_at":...,"completed_at":...}
 *
 * Only 32 bytes an event grow with the trace. Whatever goes in comes from stored rows and bytes, so
 * writing the same trace again gives the same bytes.
 */
#ifndef PRT_WORKERS_FINALIZE_DOCUMENT_H
#define PRT_WORKERS_FINALIZE_DOCUMENT_H

#include "store/trace_store.h"
#include "workers/stage.h"

struct document_writer {
    struct farm       *farm;
    struct hmac       *hmac; /* of the chain key */
    struct sha256     *sha;  /* of leaves and nodes */
    struct blob_store *blob; /* beside the farm's: written on another thread; opened when needed */
};

/* In the traces bucket; in the arena. */
const char *document_key(struct arena *arena, const char *trace);

/* The document is in the traces bucket when this returns 0. CHAIN_BROKEN when the lines do not give
 * the row's chain head; nothing is left behind then. Extends the lease of `in` on the way. */
WARN_UNUSED int document_write(struct document_writer *writer, struct delivery *in,
                               const struct trace_record *trace,
                               struct trace_document *ret_document, struct err *err);

#endif
