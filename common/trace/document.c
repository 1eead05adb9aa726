// SPDX-License-Identifier: MIT
#include "trace/document.h"

#include <string.h>

#include "trace/document_lines.h"
#include "trace/chain.h"
#include "trace/event.h"
#include "value/json.h"

/* -------- sealing -------- */

static const char key_prefix[] = "ed25519:";

void signing_key_id(char ret_id[SIGNING_KEY_ID_BYTES], const uint8_t public_key[KEY_BYTES])
{
    memcpy(ret_id, key_prefix, sizeof(key_prefix) - 1);
    hex_write(ret_id + sizeof(key_prefix) - 1, (struct bytes){public_key, KEY_BYTES});
}

static bool is_one_of(struct bytes name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_is(name, names[i])) {
            return true;
        }
    }
    return false;
}

static struct value without(struct arena *arena, const struct value *map, const char *const *names,
                            size_t count)
{
    struct value rest = value_map();

    rest.as.members = arena_get(arena, map->count * sizeof(struct value_member));
    for (uint32_t i = 0; i < map->count; i++) {
        if (!is_one_of(map->as.members[i].name, names, count)) {
            rest.as.members[rest.count++] = map->as.members[i];
        }
    }
    return rest;
}

int document_envelope_bytes(struct buf *out, const struct value *document, struct err *err)
{
    static const char            prefix[] = "prt-envelope-v1"; /* its NUL is the separator */
    static const char *const     not_here[] = {"events", "qa"};
    static const char *const     not_of_integrity[] = {"signature", "envelope_signature",
                                                       "leaf_hashes"};
    CLEANUP(arena) struct arena *arena = arena_new();
    struct value                 envelope;

    if (document->kind != VALUE_MAP) {
        return err_set(err, ERR_SCHEMA, "a document is an object");
    }
    envelope = without(arena, document, not_here, COUNT_OF(not_here));
    for (uint32_t i = 0; i < envelope.count; i++) {
        struct value_member *member = &envelope.as.members[i];

        if (bytes_is(member->name, "integrity") && member->value.kind == VALUE_MAP) {
            member->value =
                without(arena, &member->value, not_of_integrity, COUNT_OF(not_of_integrity));
        }
    }
    buf_put(out, (struct bytes){(const uint8_t *)prefix, sizeof(prefix)});
    return jcs_write(out, &envelope, err);
}

/* -------- verifying -------- */

struct verify {
    struct arena               *arena;
    const struct document_keys *keys;
    struct document_report     *report;
    struct document_lines       lines;
    const struct value         *integrity;
    const struct value         *leaf_hashes; /* or NULL */
    struct merkle               tree;        /* over the lines */
    struct merkle               leaf_tree;   /* over leaf_hashes */
    struct chain_head           head;
    struct bytes                changed; /* the first line that differs from its leaf hash */
};

static const char *text_of(struct verify *verify, const struct value *map, const char *name)
{
    return arena_text(verify->arena, value_text_or(value_get(map, name), ""));
}

/* Lower digits only: a capital would be another byte that means the same. */
static bool lower_hex_read(uint8_t *ret, size_t size, struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] >= 'A' && text.data[i] <= 'F') {
            return false;
        }
    }
    return hex_read(ret, size, text);
}

static enum document_check held(bool truth)
{
    return truth ? CHECK_HOLDS : CHECK_DIFFERS;
}

/* The leaf hash that the document has for line `index`; false if it has none. */
static bool leaf_hash(const struct verify *verify, uint64_t index, uint8_t ret_leaf[HASH_BYTES])
{
    const struct value *list = verify->leaf_hashes;

    return list != NULL && index < list->count && list->as.items[index].kind == VALUE_TEXT &&
           lower_hex_read(ret_leaf, HASH_BYTES, list->as.items[index].as.text);
}

static void note_changed(struct verify *verify, uint64_t index, struct bytes line)
{
    if (verify->report->changed_index < 0) {
        verify->report->changed_index = (int64_t)index;
        verify->changed = arena_bytes(verify->arena, line);
    }
}

/* All lines: into the tree, onto the chain, against their leaf hashes. */
static void walk_lines(struct verify *verify, struct sha256 *sha, struct hmac *hmac)
{
    uint64_t     leaves = verify->leaf_hashes == NULL ? 0 : verify->leaf_hashes->count;
    uint64_t     index = 0;
    struct bytes line;

    for (; document_lines_next(&verify->lines, &line); index++) {
        uint8_t leaf[HASH_BYTES];
        uint8_t want[HASH_BYTES];

        merkle_leaf(sha, line, leaf);
        merkle_append(&verify->tree, sha, leaf);
        if (hmac != NULL) {
            chain_append(&verify->head, hmac, line);
        }
        if (verify->leaf_hashes != NULL &&
            (!leaf_hash(verify, index, want) || memcmp(leaf, want, HASH_BYTES) != 0)) {
            note_changed(verify, index, line);
        }
    }
    if (index < leaves) {
        note_changed(verify, index, (struct bytes){NULL, 0}); /* the rest is gone */
    }
    verify->report->num_events = index;
}

static void check_leaves(struct verify *verify, struct sha256 *sha, const char *merkle_hex)
{
    uint8_t leaf[HASH_BYTES];
    uint8_t root[HASH_BYTES];
    char    hex[HASH_HEX];

    if (verify->leaf_hashes == NULL) {
        return;
    }
    for (uint64_t i = 0; i < verify->leaf_hashes->count; i++) {
        if (!leaf_hash(verify, i, leaf)) {
            verify->report->leaves = CHECK_DIFFERS;
            return;
        }
        merkle_append(&verify->leaf_tree, sha, leaf);
    }
    merkle_root(&verify->leaf_tree, sha, root);
    hex_write(hex, (struct bytes){root, HASH_BYTES});
    verify->report->leaves = held(strcmp(hex, merkle_hex) == 0);
}

static void check_events(struct verify *verify)
{
    CLEANUP(sha256) struct sha256 *sha = sha256_new();
    CLEANUP(hmac) struct hmac     *hmac = NULL;
    struct document_report        *report = verify->report;
    const char                    *merkle_hex = text_of(verify, verify->integrity, "merkle_root");
    uint8_t                        root[HASH_BYTES];
    char                           hex[HASH_HEX];

    if (verify->keys->chain_key != NULL) {
        hmac = hmac_new((struct bytes){verify->keys->chain_key, KEY_BYTES});
        chain_start(&verify->head, hmac, report->trace_id);
    }
    merkle_start(&verify->tree);
    merkle_start(&verify->leaf_tree);
    walk_lines(verify, sha, hmac);
    merkle_root(&verify->tree, sha, root);
    hex_write(hex, (struct bytes){root, HASH_BYTES});
    report->events = held(strcmp(hex, merkle_hex) == 0);
    check_leaves(verify, sha, merkle_hex);
    if (report->events == CHECK_HOLDS) {
        report->changed_index = -1; /* then it is a leaf hash that was changed */
    }
    if (hmac != NULL) {
        hex_write(hex, (struct bytes){verify->head.hash, HASH_BYTES});
        report->chain =
            held(strcmp(hex, text_of(verify, verify->integrity, "event_hash_chain")) == 0);
    }
}

/* The key to check with: the one that is trusted, if there is one, else the one that is named. */
static bool find_key(struct verify *verify, uint8_t ret_key[KEY_BYTES])
{
    const char *id = verify->report->key_id;
    size_t      prefix = sizeof(key_prefix) - 1;

    if (strncmp(id, key_prefix, prefix) != 0 ||
        !lower_hex_read(ret_key, KEY_BYTES, bytes_of(id + prefix))) {
        return false;
    }
    return verify->keys->public_key == NULL ||
           memcmp(verify->keys->public_key, ret_key, KEY_BYTES) == 0;
}

static bool signature_holds(struct verify *verify, const char *name, struct bytes message)
{
    uint8_t key[KEY_BYTES];
    uint8_t signature[SIGNATURE_BYTES];

    return find_key(verify, key) &&
           lower_hex_read(signature, SIGNATURE_BYTES,
                          value_text_or(value_get(verify->integrity, name), "")) &&
           sign_check(key, message, signature);
}

/* The seal names the number of events; when lines were added or dropped, the leaf hashes know it.
 */
static bool seal_holds(struct verify *verify, uint64_t num_events)
{
    CLEANUP(buf) struct buf seal = {0};
    const struct value     *integrity = verify->integrity;

    seal_bytes(
        &seal, verify->report->trace_id, num_events, text_of(verify, integrity, "event_hash_chain"),
        text_of(verify, integrity, "merkle_root"), text_of(verify, integrity, "schema_hash"));
    return signature_holds(verify, "signature", buf_bytes(&seal));
}

static void check_signatures(struct verify *verify, const struct value *document)
{
    CLEANUP(buf) struct buf envelope = {0};
    struct document_report *report = verify->report;
    const struct value     *counted = value_at(document, "/metrics/num_events");
    uint64_t                sealed = report->num_events;
    struct err              err;

    if (verify->leaf_hashes != NULL) {
        sealed = verify->leaf_hashes->count;
    } else if (counted != NULL) {
        sealed = (uint64_t)value_whole_or(counted, -1);
    }
    report->signature = held(seal_holds(verify, sealed));
    report->envelope = held(document_envelope_bytes(&envelope, document, &err) == 0 &&
                            signature_holds(verify, "envelope_signature", buf_bytes(&envelope)));
    if (counted != NULL) {
        report->counts = held(value_whole_or(counted, -1) == (int64_t)report->num_events);
    }
    if (sealed != report->num_events) {
        report->events = CHECK_DIFFERS;
    }
}

static bool no_difference(const struct document_report *report)
{
    return report->events == CHECK_HOLDS && report->signature == CHECK_HOLDS &&
           report->envelope == CHECK_HOLDS && report->leaves != CHECK_DIFFERS &&
           report->chain != CHECK_DIFFERS && report->counts != CHECK_DIFFERS;
}

void document_verify(struct arena *arena, struct bytes document, const struct document_keys *keys,
                     struct document_report *ret_report)
{
    struct verify verify = {.arena = arena, .keys = keys, .report = ret_report};
    struct value  head;
    struct err    err;

    *ret_report = (struct document_report){
        .changed_index = -1, .changed_seq = -1, .changed_id = "", .trace_id = "", .key_id = ""};
    if (document_lines_open(&verify.lines, arena, document, &head, &err) < 0) {
        ret_report->sentence = arena_format(arena, "not a trace document: %s", err.story);
        return;
    }
    ret_report->readable = true;
    ret_report->as_stored = verify.lines.as_stored;
    ret_report->trace_id = text_of(&verify, &head, "trace_id");
    verify.integrity = value_get(&head, "integrity");
    verify.leaf_hashes = value_get(verify.integrity, "leaf_hashes");
    if (verify.leaf_hashes != NULL && verify.leaf_hashes->kind != VALUE_LIST) {
        verify.leaf_hashes = NULL;
    }
    ret_report->key_id = text_of(&verify, verify.integrity, "signing_key_id");
    ret_report->other_schema =
        strcmp(text_of(&verify, verify.integrity, "schema_hash"), trace_schema_hash()) != 0;
    check_events(&verify);
    check_signatures(&verify, &head);
    ret_report->ok = no_difference(ret_report);
    document_line_names(arena, verify.changed, &ret_report->changed_id, &ret_report->changed_seq);
    ret_report->sentence = document_sentence(arena, ret_report, keys);
    document_lines_done(&verify.lines);
}
