// SPDX-License-Identifier: MIT
/*
 * document.h - is this document what was sealed? And the bytes that seal one.
 *
 * A stored document has each event's canonical line on a line of its own,
 *
 *   {"trace_version":"1.0", ... "events":[\n<line>,\n<line>\n], ... "integrity":{...}, ...}
 *
 * ("events":[\n] when there are none), so that it can be checked line by line in little memory. One
 * that was laid out anew is parsed and its lines are made again.
 *
 * What proves what: integrity.signature covers the events (through merkle_root), their number and the
 * chain head. integrity.envelope_signature, over "prt-envelope-v1" 0x00 JCS(envelope), covers all the
 * rest: the envelope is the document without events and qa, and without integrity's signature,
 * envelope_signature and leaf_hashes. leaf_hashes (RFC 6962, hex, in order) have merkle_root as their
 * root and so name the first event that was changed. qa is not signed: it comes later, and again.
 *
 * Pure. Signatures and hashes are lower hex.
 */
#ifndef PRT_TRACE_DOCUMENT_H
#define PRT_TRACE_DOCUMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "crypto/crypto.h"
#include "value/value.h"

/* -------- sealing -------- */
enum { SIGNATURE_HEX = 2 * SIGNATURE_BYTES + 1, SIGNING_KEY_ID_BYTES = 8 + 2 * KEY_BYTES + 1 };

/* "ed25519:<public key>". */
void signing_key_id(char ret_id[SIGNING_KEY_ID_BYTES], const uint8_t public_key[KEY_BYTES]);

/* The bytes under envelope_signature, appended. `document` may lack events, qa and the two signatures;
 * members may stand in any order. SCHEMA if it has no canonical form. */
WARN_UNUSED int document_envelope_bytes(struct buf *out, const struct value *document,
                                        struct err *err);

/* -------- verifying -------- */
struct document_keys {
    const uint8_t *chain_key;  /* KEY_BYTES, or NULL: the chain is not checked */
    const uint8_t *public_key; /* KEY_BYTES, or NULL: the key that the document names is believed */
};

enum document_check { CHECK_NOT_MADE, CHECK_HOLDS, CHECK_DIFFERS };

struct document_report {
    bool        ok;       /* all that was checked holds, and both signatures were */
    bool        readable; /* it is a trace document */
    bool        as_stored; /* in the layout above; else it was laid out anew, which changes nothing */
    bool        other_schema; /* sealed under another version of the schema; no fault */
    const char *trace_id;
    const char *key_id; /* of the signing key, as the document says */
    uint64_t    num_events;

    enum document_check events;    /* the Merkle root over the lines that are there */
    enum document_check leaves;    /* leaf_hashes against merkle_root */
    enum document_check chain;     /* with the key */
    enum document_check signature; /* over the seal */
    enum document_check envelope;  /* signature over the rest */
    enum document_check counts;    /* metrics.num_events */

    int64_t     changed_index; /* the first event that differs, or -1; may be one behind the last */
    int64_t     changed_seq;   /* as it says now, -1 if it says none */
    const char *changed_id;    /* as it says now, "" if it says none */
    const char *sentence;      /* all this for people */
};

/* Never fails: what cannot be read is not readable. Texts are in the arena. */
void document_verify(struct arena *arena, struct bytes document, const struct document_keys *keys,
                     struct document_report *ret_report);

#endif
