// SPDX-License-Identifier: MIT
/*
 * message.h - what travels through JetStream: subjects and bodies.
 *
 * Written down for people in schemas/message.md. A body is one msgpack map whose first member is
 * "v": 1. Readers refuse other versions (MALFORMED) and ignore members they do not know, so that old
 * and new processes can run side by side. Decoded text points into the body.
 */
#ifndef PRT_TRACE_MESSAGE_H
#define PRT_TRACE_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "value/value.h"

enum message_kind {
    MESSAGE_OPEN,     /* prt.ingest.<tenant>.<trace>.open      body: {session, task, repo, environment?, experiment_id?} */
    MESSAGE_CHUNK,    /* prt.ingest.<tenant>.<trace>.chunk     body: the chunk as the client sent it */
    MESSAGE_ARTIFACT, /* prt.ingest.<tenant>.<trace>.artifact  body: {name, key, sha256, size_bytes, content_type?} */
    MESSAGE_COMPLETE, /* prt.ingest.<tenant>.<trace>.complete  body: {num_chunks?, last_chunk_seq?, force?} */
    MESSAGE_BATCH,    /* prt.ingest.<tenant>.<trace>.batch     body: {batch_id, batch: what was posted to /ingest} */
    MESSAGE_ERASE,    /* prt.ingest.<tenant>.<trace>.erase     body: {} */
    MESSAGE_WORK,     /* prt.work.<stage>.<tenant>.<trace>     body: {attempt?, ...the stage's own} */
    MESSAGE_RESULT,   /* prt.result.<stage>.<tenant>.<trace>   body: {status, ...} */
    MESSAGE_CLAIM     /* any subject: {bucket, key, size_bytes, sha256}: the real body is in the object store */
};

/* What the participant agreed to; travels in the upload token and with every chunk, so that a chunk
 * can be judged before its trace's open message has been seen. */
enum consent { CONSENT_RATIONALES = 1, CONSENT_COMMANDS = 2, CONSENT_SNAPSHOTS = 4, CONSENT_ALL = 7 };

struct message {
    enum message_kind kind;
    int64_t           at_us;   /* when the gateway had it whole; when a stage made it */
    unsigned          consent; /* bits; OPEN, CHUNK and ARTIFACT */
    struct bytes      idempotency_key; /* size 0: none */
    struct bytes      reply;           /* inbox that waits for the verdict; size 0: none */
    struct bytes      request;         /* request id; size 0: none */
    struct bytes      body;    /* raw msgpack of "body" */
};

const char *message_kind_name(enum message_kind kind); /* "open": also the last part of its subject */

/* Appended. `body` is msgpack already. */
void            message_write(struct buf *out, const struct message *message);
WARN_UNUSED int message_read(struct bytes bytes, struct message *ret_message, struct err *err);

/* Who asked for it, as far as that can be told: of a message that can't be read, too. */
void message_asker(struct bytes bytes, struct bytes *ret_reply, struct bytes *ret_request);

/* -------- subjects; tenant and trace are [A-Za-z0-9_-]{1,128} -------- */
enum { SUBJECT_BYTES = 384 };
void subject_ingest(char *ret, const char *tenant, const char *trace, enum message_kind kind);
void subject_stage(char *ret, const char *family, const char *stage, const char *tenant,
                   const char *trace); /* family "work", "result" or "dead" */

struct subject {
    const char *family; /* "ingest", "work", "result", "dead" */
    const char *stage;  /* NULL for ingest */
    const char *tenant;
    const char *trace;
    const char *kind; /* "open" ...; NULL but for ingest */
};
WARN_UNUSED int subject_read(struct arena *arena, const char *subject, struct subject *ret_subject,
                             struct err *err);

/* Is it a tenant or trace name that can stand in a subject? */
bool subject_name_ok(struct bytes name);

/* -------- verdicts: validate and finalize to the waiting gateway -------- */
struct verdict_reply {
    int          http;       /* status to answer with */
    struct bytes json;       /* the body to answer, ready */
};
void            verdict_reply_write(struct buf *out, const struct verdict_reply *reply);
WARN_UNUSED int verdict_reply_read(struct bytes bytes, struct verdict_reply *ret_reply,
                                   struct err *err);

/* Several for one gateway in one message, to "<its inbox>.many" instead of "<its inbox>.<ticket>":
 * the broker, both ends and their wake-ups cost the same for one as for hundreds. */
#define VERDICTS_TOKEN "many"
struct ticket_verdict {
    struct bytes         ticket; /* the last token of the reply subject */
    struct verdict_reply reply;
};
void            verdicts_write(struct buf *out, const struct ticket_verdict *verdicts, size_t count);
/* Texts point into `bytes`. */
WARN_UNUSED int verdicts_read(struct arena *arena, struct bytes bytes,
                              struct ticket_verdict **ret_verdicts, size_t *ret_count,
                              struct err *err);

#endif
