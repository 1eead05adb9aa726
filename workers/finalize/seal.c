// SPDX-License-Identifier: MIT
#include "trace/document.h"
#include "trace/event.h"
#include "value/json.h"
#include "workers/finalize/writing.h"

static struct value hex_value(struct arena *arena, const uint8_t *bytes, size_t size)
{
    char *hex = arena_get(arena, size * 2 + 1);

    hex_write(hex, (struct bytes){bytes, size});
    return value_text(hex);
}

static void add_seal(struct writing *doc, struct value *integrity)
{
    struct arena           *arena = doc->in->arena;
    CLEANUP(buf) struct buf seal = {0};
    uint8_t                 root[HASH_BYTES];
    uint8_t                 public_key[KEY_BYTES];
    uint8_t                 signature[SIGNATURE_BYTES];
    char                    chain_hex[HASH_HEX];
    char                    merkle_hex[HASH_HEX];
    char                    chain_key[17];
    char                    signing_key[SIGNING_KEY_ID_BYTES];

    merkle_root(&doc->leaves.merkle, doc->leaves.sha, root);
    hex_write(chain_hex, (struct bytes){doc->head.hash, HASH_BYTES});
    hex_write(merkle_hex, (struct bytes){root, HASH_BYTES});
    chain_key_id(chain_key, doc->writer->farm->chain_key);
    sign_public_key(doc->writer->farm->signing_key, public_key);
    signing_key_id(signing_key, public_key);
    seal_bytes(&seal, doc->trace->id, doc->head.events, chain_hex, merkle_hex, trace_schema_hash());
    sign_make(doc->writer->farm->signing_key, buf_bytes(&seal), signature);

    value_put(arena, integrity, "event_hash_chain", hex_value(arena, doc->head.hash, HASH_BYTES));
    value_put(arena, integrity, "chain_key_id", value_text(arena_text(arena, bytes_of(chain_key))));
    value_put(arena, integrity, "merkle_root", hex_value(arena, root, HASH_BYTES));
    value_put(arena, integrity, "signature", hex_value(arena, signature, sizeof(signature)));
    value_put(arena, integrity, "signing_key_id",
              value_text(arena_text(arena, bytes_of(signing_key))));
    value_put(arena, integrity, "schema_hash", value_text(trace_schema_hash()));
}

static void add_gaps(struct writing *doc, struct value *integrity)
{
    struct arena *arena = doc->in->arena;
    struct value  gaps = value_list();

    for (size_t i = 0; i < doc->gap_count; i++) {
        struct value gap = value_map();

        value_put(arena, &gap, "from_seq", value_whole(doc->gaps[i].from));
        value_put(arena, &gap, "to_seq", value_whole(doc->gaps[i].to));
        value_append(arena, &gaps, gap);
    }
    value_put(arena, integrity, "gaps", gaps);
    if (doc->gaps_omitted > 0) {
        value_put(arena, integrity, "gaps_omitted", value_whole(doc->gaps_omitted));
    }
}

static void add_told(struct writing *doc, struct value *integrity, const struct lines_summary *told)
{
    struct arena *arena = doc->in->arena;
    struct value  missing = value_list();
    struct value  redactions = value_map();

    for (size_t i = 0; i < told->missing_count; i++) {
        value_append(arena, &missing, value_whole(told->missing[i]));
    }
    for (size_t i = 0; i < told->redaction_count; i++) {
        value_put(arena, &redactions, told->redactions[i].kind,
                  value_whole(told->redactions[i].count));
    }
    value_put(arena, integrity, "missing_chunks", missing);
    if (told->missing_omitted > 0) {
        value_put(arena, integrity, "missing_chunks_omitted", value_whole(told->missing_omitted));
    }
    value_put(arena, integrity, "redactions", redactions);
    value_put(arena, integrity, "redaction", value_text(told->unredacted ? "off" : "on"));
}

/* Over everything but events and qa; integrity is in it as far as it has been built. */
static int add_envelope_signature(struct writing *doc, struct value *integrity, struct err *err)
{
    CLEANUP(buf) struct buf envelope = {0};
    struct value            document = doc->envelope;
    struct arena           *arena = doc->in->arena;
    uint8_t                 signature[SIGNATURE_BYTES];

    value_put(arena, &document, "integrity", *integrity);
    TRY(document_envelope_bytes(&envelope, &document, err));
    sign_make(doc->writer->farm->signing_key, buf_bytes(&envelope), signature);
    value_put(arena, integrity, "envelope_signature",
              hex_value(arena, signature, sizeof(signature)));
    return 0;
}

static int put_leaves(struct writing *doc, struct err *err)
{
    buf_put_text(&doc->out.bytes, "\"leaf_hashes\":[");
    for (size_t at = 0; at < doc->leaves.hashes.size; at += HASH_BYTES) {
        char quoted[HASH_HEX + 1];

        quoted[0] = '"';
        hex_write(quoted + 1, (struct bytes){doc->leaves.hashes.data + at, HASH_BYTES});
        quoted[HASH_HEX] = '"'; /* over the NUL */
        if (at > 0) {
            buf_put_byte(&doc->out.bytes, ',');
        }
        buf_put(&doc->out.bytes, (struct bytes){(const uint8_t *)quoted, sizeof(quoted)});
        TRY(writing_flush(doc, err));
    }
    buf_put_byte(&doc->out.bytes, ']');
    return 0;
}

int writing_put_integrity(struct writing *doc, const struct lines_summary *told, struct err *err)
{
    struct value integrity = value_map();

    add_seal(doc, &integrity);
    add_gaps(doc, &integrity);
    add_told(doc, &integrity, told);
    TRY(add_envelope_signature(doc, &integrity, err));
    buf_put_text(&doc->out.bytes, "\"integrity\":{");
    for (uint32_t i = 0; i < integrity.count; i++) {
        const struct value_member *member = &integrity.as.members[i];

        jcs_write_text(&doc->out.bytes, member->name);
        buf_put_byte(&doc->out.bytes, ':');
        TRY(jcs_write(&doc->out.bytes, &member->value, err));
        buf_put_byte(&doc->out.bytes, ',');
    }
    TRY(put_leaves(doc, err));
    buf_put_text(&doc->out.bytes, "},");
    return 0;
}
