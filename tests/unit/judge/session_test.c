// SPDX-License-Identifier: MIT
#include "lib/test.h"
#include "world.h"

/* The session read in pieces of `size` bytes. */
static int read_in_pieces(struct arena *arena, struct bytes document, size_t size, uint64_t events,
                          struct session *ret_session, struct err *err)
{
    CLEANUP(session_reader) struct session_reader *reader = NULL;

    TRY(crypto_setup(err));
    reader = session_reader_new(arena, events);

    for (size_t at = 0; at < document.size; at += size) {
        size_t       left = document.size - at;
        struct bytes piece = {document.data + at, left < size ? left : size};

        TRY(session_reader_put(reader, piece, err));
    }
    return session_reader_finish(reader, ret_session, err);
}

TEST(session, is_the_same_however_the_document_is_cut)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err                   err = {0};
    struct bytes                 document = document_of_example(arena, "three_file_fix");
    struct session               whole = session_of_example(arena, "three_file_fix", false);
    char                         hash[HASH_HEX];

    sha256_hex(document, hash);
    for (size_t size = 1; size <= document.size; size = size * 3 + 4) {
        struct session session = {0};

        CHECK_WORKS(read_in_pieces(arena, document, size, 24, &session, &err));
        CHECK_NUMBER(session.count, 24);
        CHECK_NUMBER(session.line_count, whole.line_count);
        CHECK_TEXT(session.sha256, hash);
        CHECK(session.has_final_snapshot);
        CHECK(session.metrics != NULL);
        CHECK(bytes_equal(session.title, whole.title));
        CHECK(bytes_equal(session.steps[9].text, whole.steps[9].text));
        CHECK_NUMBER(session.steps[23].seq, 23);
    }
}

TEST(session, keeps_the_beginning_and_the_end_of_a_long_trace_and_counts_the_rest)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      document = {0};
    struct err                   err = {0};
    struct session               session = {0};
    int                          events = SESSION_STEPS + 1000;

    buf_put_text(&document, "{\"events\":[\n");
    for (int i = 0; i < events; i++) {
        buf_format(&document, "{\"seq\":%d,\"type\":\"cmd_run\",\"cmd\":\"ls\"}%s\n", i,
                   i + 1 < events ? "," : "");
    }
    buf_put_text(&document, "],\"integrity\":{\"leaf_hashes\":[]}}");
    CHECK_WORKS(
        read_in_pieces(arena, buf_bytes(&document), 1000, (uint64_t)events, &session, &err));
    CHECK_NUMBER(session.count, SESSION_STEPS);
    CHECK_NUMBER(session.left_out, 1000);
    CHECK_NUMBER(session.left_out_at, SESSION_STEPS / 2);
    CHECK_NUMBER(session.steps[SESSION_STEPS - 1].seq, events - 1);
    CHECK(session_has_seq(&session, 0) && session_has_seq(&session, events - 1));
    CHECK(!session_has_seq(&session, SESSION_STEPS / 2 + 500));
}

TEST(session, refuses_what_is_no_trace_document)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err                   err = {0};
    struct session               session;
    const char *const            wrong[] = {
        "",
        "{\"trace_id\":\"t\"}",
        "{\"events\":[\n{\"seq\":1}\n]}",
        "{\"events\":[\n{\"seq\":1,\"type\":\"cmd_run\"},\n",
        "{\"events\":[\nnot json\n]}",
    };

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        CHECK_FAILS(read_in_pieces(arena, bytes_of(wrong[i]), 7, 1, &session, &err),
                    ERR_MALFORMED);
    }
}

/* PRT_DEPTH_MAX can be 128, for heads and for chunks. */
TEST(session, takes_what_is_as_deep_as_can_be_set)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err                   err = {0};
    struct session               session = {0};
    char                         deep[2 * 124 + 1] = "";
    struct bytes                 document;

    memset(deep, '[', 124);
    memset(deep + 124, ']', 124);
    document = bytes_of(arena_format(arena,
                                     "{\"environment\":{\"metadata\":{\"lists\":[%s]}},"
                                     "\"events\":[\n{\"seq\":0,\"type\":\"cmd_run\",\"cmd\":\"ls\","
                                     "\"metadata\":{\"lists\":%s}}\n],\"integrity\":{}}",
                                     deep, deep));
    CHECK_WORKS(read_in_pieces(arena, document, 50, 1, &session, &err));
    CHECK_NUMBER(session.count, 1);
}

TEST(session, takes_a_list_of_the_clients_own_for_no_events)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err                   err = {0};
    struct session               session = {0};
    struct bytes                 document =
        BYTES("{\"environment\":{\"metadata\":{\"events\":[1,{\"events\":[]}]}},"
              "\"task\":{\"id\":\"a\"},\"events\":[\n{\"seq\":4,\"type\":\"cmd_run\","
              "\"cmd\":\"ls\"}\n],\"integrity\":{}}");

    for (size_t size = 1; size <= document.size; size++) {
        CHECK_WORKS(read_in_pieces(arena, document, size, 1, &session, &err));
        CHECK_NUMBER(session.count, 1);
        if (session.count == 1) {
            CHECK_NUMBER(session.steps[0].seq, 4);
        }
        CHECK(bytes_is(session.task_id, "a"));
    }
}

/* The client's own metadata may fill a whole body. */
TEST(session, takes_a_head_as_large_as_bodies_may_be)
{
    enum { NUMBERS = 700000, TEXT = 17 << 20 };
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      document = {0};
    struct err                   err = {0};
    struct session               session = {0};

    buf_put_text(&document, "{\"environment\":{\"metadata\":{\"text\":\"");
    buf_reserve(&document, TEXT);
    memset(document.data + document.size, 'x', TEXT);
    document.size += TEXT;
    buf_put_text(&document, "\",\"numbers\":[0");
    for (int i = 1; i < NUMBERS; i++) {
        buf_put_text(&document, ",0");
    }
    buf_put_text(&document, "]}},\"task\":{\"id\":\"a\"},\"events\":[\n],\"integrity\":{}}");
    CHECK_WORKS(read_in_pieces(arena, buf_bytes(&document), 1 << 20, 0, &session, &err));
    CHECK(bytes_is(session.task_id, "a"));
}

TEST(session, takes_a_document_without_events)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err                   err = {0};
    struct session               session = {0};

    CHECK_WORKS(read_in_pieces(arena, BYTES("{\"task\":{\"id\":\"a\"},\"events\":[\n\n]}"), 5, 0,
                               &session, &err));
    CHECK_NUMBER(session.count, 0);
    CHECK_WORKS(read_in_pieces(arena, BYTES("{\"events\":[\n],\"integrity\":{}}"), 100, 0, &session,
                               &err));
    CHECK_NUMBER(session.count, 0);
}

TEST(session, shortens_a_long_text_between_characters_and_counts_all_of_its_lines)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      document = {0};
    struct err                   err = {0};
    struct session               session = {0};

    buf_put_text(&document, "{\"events\":[\n{\"seq\":1,\"type\":\"file_edit\",\"file_path\":\"a\","
                            "\"diff_unified\":\"@@ -0,0 +1 @@\\n");
    for (int i = 0; i < 20000; i++) {
        buf_put_text(&document, "+\xc3\xbc\\n"); /* three bytes and a newline */
    }
    buf_put_text(&document, "\",\"buffer_hash_after\":\"x\"}\n]}");
    CHECK_WORKS(read_in_pieces(arena, buf_bytes(&document), 4096, 1, &session, &err));
    CHECK_NUMBER(session.steps[0].added, 20000);
    CHECK(session.steps[0].text.size < session.steps[0].text_bytes);
    CHECK(session.steps[0].text.data[session.steps[0].text.size - 1] != 0xc3);
}
