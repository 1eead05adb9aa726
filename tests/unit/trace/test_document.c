// SPDX-License-Identifier: MIT
#include <string.h>

#include "lib/test.h"
#include "trace/chain.h"
#include "trace/document.h"
#include "trace/event.h"
#include "unit/trace/chunks.h"
#include "value/json.h"

static const uint8_t chain_key[KEY_BYTES] = "a chain key of thirty-two bytes";
static const uint8_t seed[KEY_BYTES] = "a signing seed of 32 bytes, too";
static const char    trace[] = "trace-0a1b2c";

enum { EVENTS = 6 };

static const char *const lines[EVENTS] = {
    "{\"freeform\":\"first\",\"id\":\"e1\",\"seq\":1,\"type\":\"rationale_note\"}",
    "{\"cmd\":\"a \\\"b\\\"\\n\",\"id\":\"e2\",\"seq\":2,\"type\":\"cmd_run\"}",
    "{\"id\":\"e3\",\"message\":\"\xc3\xa4\",\"seq\":4,\"sha\":\"abc\",\"type\":\"commit\"}",
    "{\"cmd\":\"\\\"events\\\":[\",\"id\":\"e4\",\"seq\":5,\"type\":\"cmd_run\"}",
    "{\"freeform\":\"]\",\"id\":\"e5\",\"seq\":6,\"type\":\"rationale_note\"}",
    "{\"freeform\":\"last\",\"id\":\"e6\",\"seq\":9,\"type\":\"rationale_note\"}",
};

/* What goes around the lines; the two signatures are filled in last. */
static const char before_events[] =
    "{\"trace_version\":\"1.0\",\"trace_id\":\"trace-0a1b2c\",\"session\":{\"participant_id\":"
    "\"p\","
    "\"consent\":{\"rationales\":true,\"commands\":true,\"snapshots\":true}},"
    "\"task\":{\"id\":\"t\",\"title\":\"T\"},\"repo\":{\"origin\":\"o\",\"start_commit\":\"c\"},"
    "\"events\":[\n";

static void put_leaves(struct buf *out, size_t count, struct merkle *merkle)
{
    CLEANUP(sha256) struct sha256 *sha = sha256_new();
    uint8_t                        leaf[HASH_BYTES];
    char                           hex[HASH_HEX];

    merkle_start(merkle);
    for (size_t i = 0; i < count; i++) {
        merkle_leaf(sha, bytes_of(lines[i]), leaf);
        merkle_append(merkle, sha, leaf);
        hex_write(hex, (struct bytes){leaf, HASH_BYTES});
        buf_format(out, "%s\"%s\"", i == 0 ? "" : ",", hex);
    }
}

struct seal {
    char chain[HASH_HEX], merkle[HASH_HEX];
    char signature[SIGNATURE_HEX], envelope[SIGNATURE_HEX];
};

static void write_document(struct buf *out, size_t count, const struct seal *seal)
{
    struct merkle merkle;
    char          key_id[SIGNING_KEY_ID_BYTES];
    uint8_t       public_key[KEY_BYTES];
    char          chain_id[17];

    sign_public_key(seed, public_key);
    signing_key_id(key_id, public_key);
    chain_key_id(chain_id, chain_key);
    out->size = 0;
    buf_put_text(out, before_events);
    for (size_t i = 0; i < count; i++) {
        buf_format(out, "%s%s\n", lines[i], i + 1 < count ? "," : "");
    }
    buf_format(out,
               "],\"metrics\":{\"num_events\":%zu},\"integrity\":{\"event_hash_chain\":\"%s\","
               "\"chain_key_id\":\"%s\",\"merkle_root\":\"%s\",\"leaf_hashes\":[",
               count, seal->chain, chain_id, seal->merkle);
    put_leaves(out, count, &merkle);
    buf_format(out,
               "],\"signature\":\"%s\",\"envelope_signature\":\"%s\",\"signing_key_id\":\"%s\","
               "\"schema_hash\":\"%s\",\"gaps\":[{\"from_seq\":3,\"to_seq\":3}],"
               "\"missing_chunks\":[2],\"redactions\":{\"jwt\":1}},"
               "\"created_at\":1763668800.5,\"completed_at\":1763668900}",
               seal->signature, seal->envelope, key_id, trace_schema_hash());
}

static void make_hashes(size_t count, struct seal *seal)
{
    CLEANUP(sha256) struct sha256 *sha = sha256_new();
    CLEANUP(hmac) struct hmac     *hmac = hmac_new((struct bytes){chain_key, KEY_BYTES});
    CLEANUP(buf) struct buf        out = {0};
    struct chain_head              head;
    struct merkle                  merkle;
    uint8_t                        root[HASH_BYTES];

    chain_start(&head, hmac, trace);
    for (size_t i = 0; i < count; i++) {
        chain_append(&head, hmac, bytes_of(lines[i]));
    }
    hex_write(seal->chain, (struct bytes){head.hash, HASH_BYTES});
    put_leaves(&out, count, &merkle);
    merkle_root(&merkle, sha, root);
    hex_write(seal->merkle, (struct bytes){root, HASH_BYTES});
}

static void sign(char ret_hex[SIGNATURE_HEX], struct bytes message)
{
    uint8_t signature[SIGNATURE_BYTES];

    sign_make(seed, message, signature);
    hex_write(ret_hex, (struct bytes){signature, SIGNATURE_BYTES});
}

/* A sealed document of the first `count` lines. */
static void make_document(struct buf *out, size_t count)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      message = {0};
    struct value_limits          limits = {.bytes = 1 << 20, .depth = 32, .values = 10000};
    struct seal                  seal = {.signature = "", .envelope = ""};
    struct value                 document;
    struct err                   err;

    make_hashes(count, &seal);
    seal_bytes(&message, trace, count, seal.chain, seal.merkle, trace_schema_hash());
    sign(seal.signature, buf_bytes(&message));
    write_document(out, count, &seal);
    message.size = 0;
    CHECK_WORKS(json_read(arena, buf_bytes(out), &limits, &document, &err));
    CHECK_WORKS(document_envelope_bytes(&message, &document, &err));
    sign(seal.envelope, buf_bytes(&message));
    write_document(out, count, &seal);
}

static struct document_report verified(struct arena *arena, struct bytes document)
{
    struct document_keys   keys = {.chain_key = chain_key};
    struct document_report report;

    document_verify(arena, document, &keys, &report);
    return report;
}

TEST(document, accepts_what_was_sealed)
{
    for (size_t count = 0; count <= EVENTS; count++) {
        CLEANUP(arena) struct arena *arena = arena_new();
        CLEANUP(buf) struct buf      document = {0};
        struct document_report       report;

        make_document(&document, count);
        report = verified(arena, buf_bytes(&document));
        if (!report.ok) {
            test_failed(__FILE__, __LINE__, "%zu events: %s", count, report.sentence);
        }
        CHECK(report.as_stored);
        CHECK(!report.other_schema);
        CHECK_NUMBER(report.num_events, count);
        CHECK_NUMBER(report.chain, CHECK_HOLDS);
        CHECK_NUMBER(report.changed_index, -1);
        CHECK_TEXT(report.trace_id, trace);
    }
}

TEST(document, accepts_it_without_the_chain_key_and_says_that_the_chain_was_not_checked)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      document = {0};
    struct document_keys         keys = {0};
    struct document_report       report;

    make_document(&document, EVENTS);
    document_verify(arena, buf_bytes(&document), &keys, &report);
    CHECK(report.ok);
    CHECK_NUMBER(report.chain, CHECK_NOT_MADE);
    CHECK(strstr(report.sentence, "chain not checked") != NULL);
}

TEST(document, refuses_another_signing_key_and_another_chain_key)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      document = {0};
    uint8_t                      other[KEY_BYTES] = "another key of thirty-two bytes";
    struct document_keys         keys = {.public_key = other};
    struct document_report       report;

    make_document(&document, EVENTS);
    document_verify(arena, buf_bytes(&document), &keys, &report);
    CHECK(!report.ok);
    CHECK_NUMBER(report.signature, CHECK_DIFFERS);
    keys = (struct document_keys){.chain_key = other};
    document_verify(arena, buf_bytes(&document), &keys, &report);
    CHECK(!report.ok);
    CHECK_NUMBER(report.chain, CHECK_DIFFERS);
    sign_public_key(seed, other);
    keys = (struct document_keys){.public_key = other};
    document_verify(arena, buf_bytes(&document), &keys, &report);
    CHECK(report.ok);
}

TEST(document, accepts_the_same_content_laid_out_anew_and_with_qa)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      document = {0};
    CLEANUP(buf) struct buf      pretty = {0};
    struct value_limits          limits = {.bytes = 1 << 20, .depth = 32, .values = 10000};
    struct value                 value;
    struct document_report       report;
    struct err                   err;

    make_document(&document, EVENTS);
    CHECK_WORKS(json_read(arena, buf_bytes(&document), &limits, &value, &err));
    value_put(arena, &value, "qa", value_map());
    json_pretty(&pretty, &value);
    report = verified(arena, buf_bytes(&pretty));
    CHECK(report.ok);
    CHECK(!report.as_stored);
    CHECK(strstr(report.sentence, "laid out anew") != NULL);
}

/* The index of the line that holds the byte at `at`, or -1. */
static int line_at(struct bytes document, size_t at)
{
    size_t begin = strlen(before_events);

    (void)document;
    for (int i = 0; i < EVENTS; i++) {
        size_t end = begin + strlen(lines[i]);

        if (at >= begin && at < end) {
            return i;
        }
        begin = end + (i + 1 < EVENTS ? 2 : 1);
    }
    return -1;
}

static void check_flip(struct buf *document, size_t at, uint8_t byte)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    int                          line = line_at(buf_bytes(document), at);
    uint8_t                      old = document->data[at];
    struct document_report       report;

    document->data[at] = byte;
    report = verified(arena, buf_bytes(document));
    if (report.ok) {
        test_failed(__FILE__, __LINE__, "accepted with byte %zu %02x instead of %02x", at, byte,
                    old);
    }
    if (line >= 0 && report.changed_index != line) {
        test_failed(__FILE__, __LINE__, "byte %zu is of event %d, named was %lld: %s", at, line,
                    (long long)report.changed_index, report.sentence);
    }
    if (line < 0 && report.readable && report.changed_index >= 0 && report.events == CHECK_HOLDS) {
        test_failed(__FILE__, __LINE__, "byte %zu is of no event, named was %lld", at,
                    (long long)report.changed_index);
    }
    document->data[at] = old;
}

TEST(document, finds_every_changed_byte_and_names_its_event)
{
    static const uint8_t    flips[] = {0x01, 0x10, 0x20, 0x80};
    static const uint8_t    bytes[] = {'\n', '"', ',', '}', ']', '[', '0', 'x', 0};
    CLEANUP(buf) struct buf document = {0};

    make_document(&document, EVENTS);
    for (size_t at = 0; at < document.size; at++) {
        for (size_t i = 0; i < COUNT_OF(flips); i++) {
            check_flip(&document, at, document.data[at] ^ flips[i]);
        }
        for (size_t i = 0; line_at(buf_bytes(&document), at) >= 0 && i < COUNT_OF(bytes); i++) {
            if (document.data[at] != bytes[i]) {
                check_flip(&document, at, bytes[i]);
            }
        }
    }
}

/* The document with `what` (which stands once) replaced. */
static void replace(struct buf *document, const char *what, const char *by)
{
    CLEANUP(buf) struct buf out = {0};
    const uint8_t          *at = memmem(document->data, document->size, what, strlen(what));
    size_t                  before = (size_t)(at - document->data);

    buf_put(&out, (struct bytes){document->data, before});
    buf_put_text(&out, by);
    buf_put(&out, (struct bytes){at + strlen(what), document->size - before - strlen(what)});
    document->size = 0;
    buf_put(document, buf_bytes(&out));
}

TEST(document, names_the_first_event_that_was_dropped_added_or_moved)
{
    static const struct {
        int  line;
        bool twice;
        int  want;
    } row[] = {{0, false, 0}, {3, false, 3}, {3, true, 4}};

    for (size_t i = 0; i < COUNT_OF(row); i++) {
        CLEANUP(arena) struct arena *arena = arena_new();
        CLEANUP(buf) struct buf      document = {0};
        const char                  *line = arena_format(arena, "%s,\n", lines[row[i].line]);
        struct document_report       report;

        make_document(&document, EVENTS);
        replace(&document, line, row[i].twice ? arena_format(arena, "%s%s", line, line) : "");
        report = verified(arena, buf_bytes(&document));
        CHECK(!report.ok);
        CHECK_NUMBER(report.changed_index, row[i].want);
    }
}

TEST(document, says_that_the_last_event_is_missing)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      document = {0};
    struct document_report       report;

    make_document(&document, EVENTS);
    replace(&document, arena_format(arena, ",\n%s\n]", lines[EVENTS - 1]), "\n]");
    report = verified(arena, buf_bytes(&document));
    CHECK(!report.ok);
    CHECK_NUMBER(report.changed_index, EVENTS - 1);
    CHECK(strstr(report.sentence, "is missing") != NULL);
}

TEST(document, names_the_event_in_a_document_laid_out_anew)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      document = {0};
    struct document_report       report;

    make_document(&document, EVENTS);
    replace(&document, "\"events\":[\n", "\"events\": [");
    replace(&document, "\"sha\":\"abc\"", "\"sha\":\"abd\"");
    report = verified(arena, buf_bytes(&document));
    CHECK(!report.as_stored);
    CHECK_NUMBER(report.changed_index, 2);
    CHECK_TEXT(report.changed_id, "e3");
    CHECK_NUMBER(report.changed_seq, 4);
}

TEST(document, tells_a_changed_leaf_hash_from_a_changed_event)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      document = {0};
    struct document_report       report;

    make_document(&document, EVENTS);
    replace(&document, "\"leaf_hashes\":[\"", "\"leaf_hashes\":[\"0");
    report = verified(arena, buf_bytes(&document));
    CHECK(!report.ok);
    CHECK_NUMBER(report.events, CHECK_HOLDS);
    CHECK_NUMBER(report.leaves, CHECK_DIFFERS);
    CHECK_NUMBER(report.changed_index, -1);
}

TEST(document, says_what_is_no_document)
{
    static const char *const     garbage[] = {"",
                                              "{",
                                              "[]",
                                              "{}",
                                              "null",
                                              "{\"events\":[\n]",
                                              "{\"events\":[\n]}",
                                              "{\"events\":[\n\n]}",
                                              "{\"a\":{\"events\":[\n]},\"events\":1}",
                                              "{\"events\":[1,2],\"integrity\":7}",
                                              "\"events\":[\n\n]\n]"};
    CLEANUP(arena) struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(garbage); i++) {
        struct document_report report = verified(arena, bytes_of(garbage[i]));

        CHECK(!report.ok);
        CHECK(report.sentence != NULL && report.sentence[0] != '\0');
    }
}

TEST(document, never_accepts_one_that_was_cut)
{
    CLEANUP(buf) struct buf document = {0};

    make_document(&document, EVENTS);
    for (size_t size = 0; size < document.size; size += 7) {
        CLEANUP(arena) struct arena *arena = arena_new();

        CHECK(!verified(arena, (struct bytes){document.data, size}).ok);
    }
}
