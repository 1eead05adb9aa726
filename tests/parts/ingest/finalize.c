// SPDX-License-Identifier: MIT
/* finalize: when a trace is ready, what its document says, and that nothing changes it. */
#include <stdlib.h>

#include "base/clock.h"
#include "trace/document.h"
#include "value/json.h"
#include "world.h"

#define STATUS_IS(status)                                                                          \
    "SELECT count(*) FROM traces WHERE trace_id = $1 AND status = '" status "'"

static const struct value_limits limits = {.bytes = 64 << 20, .depth = 64, .values = 4 << 20};

static void complete(struct world *world, const char *trace, const char *body)
{
    put_message(world, trace, MESSAGE_COMPLETE, body);
    validated(world);
}

static void finalized(struct world *world, const char *trace)
{
    struct err err = {0};

    CHECK_WORKS(finalize(world, trace, &err));
    CHECK_NUMBER(ask(world, STATUS_IS("finalized"), trace), 1);
}

static const struct value *parsed(struct world *world, struct bytes document)
{
    struct err    err = {0};
    struct value *value = arena_get(world->arena, sizeof(*value));

    *value = value_null();
    CHECK_WORKS(json_read(world->arena, document, &limits, value, &err));
    return value;
}

static void verify(struct world *world, struct bytes document, struct document_report *ret_report)
{
    const struct document_keys keys = {.chain_key = world->farm.chain_key};

    document_verify(world->arena, document, &keys, ret_report);
}

TEST(finalize, writes_a_document_that_verifies)
{
    CLEANUP(world) struct world *world = world_new();
    struct document_report       report;
    struct bytes                 bytes;

    put_open(world, "t");
    for (int64_t seq = 0; seq < 5; seq++) {
        put_chunk(world, "t", seq, seq * 10, 10);
        validated(world);
    }
    complete(world, "t", "{\"num_chunks\":5}");
    finalized(world, "t");
    bytes = document_of(world, "t");
    verify(world, bytes, &report);
    CHECK(report.ok);
    CHECK(report.as_stored);
    CHECK(!report.other_schema);
    CHECK_NUMBER(report.num_events, 50);
    CHECK_NUMBER(report.chain, CHECK_HOLDS);
    CHECK_NUMBER(report.leaves, CHECK_HOLDS);
    CHECK_NUMBER(report.counts, CHECK_HOLDS);
    if (!report.ok) {
        printf("    %s\n", report.sentence);
    }
}

TEST(finalize, a_changed_byte_is_found_and_named)
{
    CLEANUP(world) struct world *world = world_new();
    struct document_report       report;
    struct bytes                 bytes;
    char                        *text;

    put_open(world, "t");
    put_chunk(world, "t", 0, 0, 10);
    complete(world, "t", "{}");
    finalized(world, "t");
    bytes = document_of(world, "t");
    text = arena_text(world->arena, bytes);
    CHECK(holds(text, "make 7"));
    strstr(text, "make 7")[5] = '8';
    verify(world, (struct bytes){(uint8_t *)text, bytes.size}, &report);
    CHECK(!report.ok);
    CHECK_NUMBER(report.changed_seq, 7);
    CHECK_TEXT(report.changed_id, "e7");
}

/* The same sums made by other hands: see check_document.py. */
TEST(finalize, another_program_finds_the_same_chain_and_tree)
{
    CLEANUP(world) struct world *world = world_new();
    char                         command[512];

    put_open(world, "t");
    for (int64_t seq = 0; seq < 7; seq++) {
        put_chunk(world, "t", seq, seq * 11, 11);
    }
    complete(world, "t", "{}");
    finalized(world, "t");
    (void)snprintf(command, sizeof(command),
                   "python3 %s/tests/parts/ingest/check_document.py"
                   " %s/pr-telemetry-traces/t/trace.json 07",
                   SOURCE_DIR, world->blob_dir);
    CHECK_NUMBER(system(command), 0);
}

TEST(finalize, the_document_says_what_is_in_it)
{
    CLEANUP(world) struct world *world = world_new();
    const struct value          *document;

    put_open(world, "t");
    put_message(
        world, "t", MESSAGE_ARTIFACT,
        "{\"name\":\"final_workspace_snapshot\",\"key\":\"sha256/aa/x\",\"sha256\":"
        "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"size_bytes\":5,"
        "\"content_type\":\"application/x-tar\"}");
    put_message(
        world, "t", MESSAGE_CHUNK,
        "{\"chunk_id\":\"a\",\"chunk_seq\":0,\"events\":["
        "{\"id\":\"1\",\"seq\":3,\"ts_client_s\":100.25,\"type\":\"file_edit\",\"file_path\":\"a."
        "py\","
        "\"diff_unified\":\"--- a\\n+++ b\\n@@ -1,3 +1,2 @@\\n x\\n--- "
        "gone\\n-y\\n+z\\n\",\"buffer_hash_after\":\"h\"},"
        "{\"id\":\"2\",\"seq\":7,\"ts_client_s\":110,\"type\":\"file_edit\",\"file_path\":\"a.py\","
        "\"diff_unified\":\"+one\\n-two\\n\",\"buffer_hash_after\":\"h\"},"
        "{\"id\":\"3\",\"seq\":8,\"ts_client_s\":105,\"type\":\"test_run\",\"framework\":"
        "\"pytest\","
        "\"num_passed\":1,\"num_failed\":0},"
        "{\"id\":\"4\",\"seq\":9,\"ts_client_s\":120.75,\"type\":\"rationale_note\",\"freeform\":"
        "\"password=hunter2hunter2\"}]}");
    complete(world, "t", "{}");
    finalized(world, "t");
    document = parsed(world, document_of(world, "t"));
    CHECK(value_is_text(value_at(document, "/trace_version"), "1.0"));
    CHECK(value_is_text(value_at(document, "/trace_id"), "t"));
    CHECK(value_is_text(value_at(document, "/session/participant_id"), "p1"));
    CHECK(value_is_text(value_at(document, "/task/title"), "Mend the gate"));
    CHECK_NUMBER(value_at(document, "/events")->count, 4);
    CHECK(value_real_or(value_at(document, "/metrics/duration_s"), 0) == 20.5);
    CHECK_NUMBER(value_whole_or(value_at(document, "/metrics/num_events"), 0), 4);
    CHECK_NUMBER(value_whole_or(value_at(document, "/metrics/num_edits"), 0), 2);
    CHECK_NUMBER(value_whole_or(value_at(document, "/metrics/num_test_runs"), 0), 1);
    CHECK_NUMBER(value_whole_or(value_at(document, "/metrics/num_rationales"), 0), 1);
    CHECK_NUMBER(value_whole_or(value_at(document, "/metrics/files_touched"), 0), 1);
    CHECK_NUMBER(value_whole_or(value_at(document, "/metrics/edit_churn_lines"), 0), 5);
    CHECK(value_is_text(value_at(document, "/artifacts/final_workspace_snapshot/uri"),
                        "s3://pr-telemetry-artifacts/sha256/aa/x"));
    CHECK_NUMBER(
        value_whole_or(value_at(document, "/artifacts/final_workspace_snapshot/size_bytes"), 0), 5);
    CHECK(value_is_text(value_at(document, "/artifacts/final_workspace_snapshot/content_type"),
                        "application/x-tar"));
    CHECK_NUMBER(value_at(document, "/integrity/gaps")->count, 1);
    CHECK_NUMBER(value_whole_or(value_at(document, "/integrity/gaps/0/from_seq"), 0), 4);
    CHECK_NUMBER(value_whole_or(value_at(document, "/integrity/gaps/0/to_seq"), 0), 6);
    CHECK_NUMBER(value_at(document, "/integrity/redactions")->count, 1);
    CHECK(value_is_text(value_at(document, "/integrity/redaction"), "on"));
    CHECK(value_real_or(value_at(document, "/created_at"), 0) == 1763000000.123456);
    CHECK(value_real_or(value_at(document, "/completed_at"), 0) == 1763000000.123456);
    CHECK(!holds(arena_text(world->arena, document_of(world, "t")), "hunter2"));
}

TEST(finalize, counts_what_was_redacted_of_the_head_and_of_names)
{
    CLEANUP(world) struct world *world = world_new();
    const struct value          *document;

    put_message(world, "t", MESSAGE_OPEN,
                "{\"session\":{\"participant_id\":\"p1\",\"consent\":{\"rationales\":true,"
                "\"commands\":true,\"snapshots\":true},\"metadata\":{\"AKIA"
                "Z7Q2MNOPRSTUVWX3\":\"password=hunter2hunter2\"}},"
                "\"task\":{\"id\":\"t1\",\"title\":\"x\"},"
                "\"repo\":{\"origin\":\"o\",\"start_commit\":\"c\"}}");
    put_chunk(world, "t", 0, 0, 1);
    put_message(world, "t", MESSAGE_CHUNK,
                "{\"chunk_id\":\"a\",\"chunk_seq\":1,\"events\":[{\"id\":\"4\",\"seq\":9,"
                "\"ts_client_s\":1,\"type\":\"rationale_note\",\"freeform\":"
                "\"password=hunter2hunter2\"}],\"artifacts\":{\"AKIA"
                "Z7Q2MNOPRSTUVWX4\":\"x\"}}");
    complete(world, "t", "{}");
    finalized(world, "t");
    document = parsed(world, document_of(world, "t"));
    CHECK_NUMBER(value_whole_or(value_at(document, "/integrity/redactions/cloud_token"), 0), 1);
    CHECK_NUMBER(value_whole_or(value_at(document, "/integrity/redactions/password"), 0), 2);
    CHECK(!holds(arena_text(world->arena, document_of(world, "t")), "Z7Q2"));
    CHECK_NUMBER(ask(world,
                     "SELECT count(*) FROM trace_chunks WHERE verdict LIKE '%Z7Q2%'"
                     " OR verdict LIKE '%looks like a secret%'",
                     NULL),
                 1);
    CHECK_NUMBER(ask(world, "SELECT count(*) FROM trace_chunks WHERE verdict LIKE '%Z7Q2%'", NULL),
                 0);
}

TEST(finalize, leaves_a_place_where_qa_fits_in)
{
    CLEANUP(world) struct world *world = world_new();
    CLEANUP(buf) struct buf      spliced = {0};
    const struct value          *document;
    struct document_report       report;
    struct bytes                 bytes;
    size_t                       at;

    put_open(world, "t");
    put_chunk(world, "t", 0, 0, 3);
    complete(world, "t", "{}");
    finalized(world, "t");
    bytes = document_of(world, "t");
    at = (size_t)ask(world, "SELECT qa_splice FROM traces WHERE trace_id = $1", "t");
    CHECK_NUMBER(ask(world, "SELECT document_bytes FROM traces WHERE trace_id = $1", "t"),
                 bytes.size);
    buf_put(&spliced, (struct bytes){bytes.data, at});
    buf_put_text(&spliced, "\"qa\":{\"validation\":{\"status\":\"passed\"}},");
    buf_put(&spliced, (struct bytes){bytes.data + at, bytes.size - at});
    document = parsed(world, buf_bytes(&spliced));
    CHECK(value_is_text(value_at(document, "/qa/validation/status"), "passed"));
    verify(world, buf_bytes(&spliced), &report);
    CHECK(report.ok); /* qa comes later, and again: it is not signed */
}

TEST(finalize, asks_qa_next_and_answers_who_waits)
{
    CLEANUP(world) struct world *world = world_new();
    const char                  *first;
    struct bytes                 bytes;

    put_open(world, "t");
    put_chunk(world, "t", 0, 0, 3);
    complete(world, "t", "{}");
    finalized(world, "t");
    bytes = document_of(world, "t");
    first = answer_of(world, 0);
    CHECK_TEXT(first, "{\"status\":\"complete\",\"trace_id\":\"t\",\"num_events\":3,\"final_uri\":"
                      "\"s3://pr-telemetry-traces/t/trace.json\",\"qa_job_id\":\"qa-t\"}");
    CHECK_NUMBER(letters_to(world, "work", "qa"), 1);
    CHECK_NUMBER(letters_to(world, "result", "finalize"), 1);
    finalized(world, "t"); /* again, after a crash before the outbox went out */
    CHECK_TEXT(answer_of(world, 0), first);
    CHECK_NUMBER(letters_to(world, "work", "qa"), 1);
    CHECK(bytes_equal(document_of(world, "t"), bytes));
}

TEST(finalize, writes_the_same_bytes_again_when_the_document_is_gone)
{
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};
    struct bytes                 bytes;

    put_open(world, "t");
    put_chunk(world, "t", 0, 0, 300);
    complete(world, "t", "{}");
    finalized(world, "t");
    bytes = document_of(world, "t");
    CHECK_WORKS(blob_delete(world->farm.blob, BUCKET_TRACES, "t/trace.json", &err));
    world->at_us += 9000000;
    finalized(world, "t");
    CHECK(bytes_equal(document_of(world, "t"), bytes));
}

TEST(finalize, a_trace_without_events_has_a_document_too)
{
    CLEANUP(world) struct world *world = world_new();
    struct document_report       report;

    put_open(world, "t");
    complete(world, "t", "{\"num_chunks\":0}");
    finalized(world, "t");
    verify(world, document_of(world, "t"), &report);
    CHECK(report.ok);
    CHECK_NUMBER(report.num_events, 0);
}

TEST(finalize, waits_for_declared_chunks_and_goes_on_when_they_are_there)
{
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};

    put_open(world, "t");
    put_chunk(world, "t", 0, 0, 3);
    complete(world, "t", "{\"num_chunks\":3}");
    CHECK_FAILS(finalize(world, "t", &err), ERR_TRACE_NOT_READY);
    CHECK(err.retry_after_ms > 0);
    put_chunk(world, "t", 2, 6, 3);
    validated(world);
    CHECK_FAILS(finalize(world, "t", &err), ERR_TRACE_NOT_READY);
    put_chunk(world, "t", 1, 3, 3);
    validated(world);
    finalized(world, "t");
    CHECK_NUMBER(value_at(parsed(world, document_of(world, "t")), "/events")->count, 9);
}

TEST(finalize, what_was_refused_is_not_waited_for)
{
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};

    put_open(world, "t");
    put_message(world, "t", MESSAGE_CHUNK,
                "{\"chunk_id\":\"bad\",\"chunk_seq\":0,\"events\":[{\"id\":1}]}");
    put_chunk(world, "t", 1, 3, 3);
    complete(world, "t", "{\"num_chunks\":2}");
    CHECK_WORKS(finalize(world, "t", &err));
    CHECK_NUMBER(letters_to(world, "ingest", "complete"), 1); /* chunk 1 waits behind it */
    complete(world, "t", "{\"force\":true}");
    finalized(world, "t");
    CHECK_NUMBER(
        value_whole_or(
            value_at(parsed(world, document_of(world, "t")), "/integrity/missing_chunks/0"), -1),
        0);
}

TEST(finalize, at_the_deadline_what_was_accepted_is_chained_across_the_gap)
{
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};
    const struct value          *missing;

    put_open(world, "t");
    put_chunk(world, "t", 0, 0, 3);
    put_chunk(world, "t", 2, 6, 3);
    complete(world, "t", "{\"num_chunks\":5}");
    CHECK_FAILS(finalize(world, "t", &err), ERR_TRACE_NOT_READY);
    finalize_stage.close(world->finalizer);
    world->config.complete_wait = 0;
    CHECK_WORKS(finalize_stage.open(&world->farm, &world->finalizer, &err));
    CHECK_WORKS(finalize(world, "t", &err));
    CHECK_NUMBER(letters_to(world, "ingest", "complete"), 1);
    CHECK_TEXT(answer_of(world, 0), "");
    complete(world, "t", "{\"force\":true}");
    CHECK_NUMBER(letters_to(world, "work", "finalize"), 1);
    finalized(world, "t");
    missing = value_at(parsed(world, document_of(world, "t")), "/integrity/missing_chunks");
    CHECK_NUMBER(missing->count, 3);
    CHECK_NUMBER(missing->as.items[0].as.whole, 1);
    CHECK_NUMBER(missing->as.items[2].as.whole, 4);
}

TEST(finalize, a_trace_whose_declared_chunks_never_come_is_closed_by_validate)
{
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};

    put_open(world, "t");
    put_chunk(world, "t", 0, 0, 3);
    complete(world, "t", "{\"num_chunks\":2}");
    CHECK_FAILS(finalize(world, "t", &err), ERR_TRACE_NOT_READY);
    /* The deadline is the database's: it has seen "complete" half a minute ago. */
    CHECK_NUMBER(ask(world,
                     "UPDATE traces SET complete_seen_us = complete_seen_us - 30000000"
                     " WHERE trace_id = $1 RETURNING 1",
                     "t"),
                 1);
    CHECK_WORKS(finalize(world, "t", &err));
    CHECK_NUMBER(letters_to(world, "ingest", "complete"), 1);
    CHECK_NUMBER(ask(world,
                     "SELECT count(*) FROM traces WHERE trace_id = $1 AND status = 'completing'",
                     "t"),
                 1);
    put_chunk(world, "t", 1, 3, 3); /* it was on its way */
    put_message(world, "t", MESSAGE_COMPLETE, "{\"force\":true}");
    validated(world);
    finalized(world, "t");
    CHECK_NUMBER(value_at(parsed(world, document_of(world, "t")), "/events")->count, 6);
    CHECK_NUMBER(
        value_at(parsed(world, document_of(world, "t")), "/integrity/missing_chunks")->count, 0);
}

TEST(finalize, a_trace_that_was_never_opened_is_given_up_at_the_deadline)
{
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};

    put_chunk(world, "t", 0, 0, 3);
    complete(world, "t", "{}");
    CHECK_FAILS(finalize(world, "t", &err), ERR_TRACE_NOT_READY);
    finalize_stage.close(world->finalizer);
    world->config.complete_wait = 0;
    CHECK_WORKS(finalize_stage.open(&world->farm, &world->finalizer, &err));
    CHECK_FAILS(finalize(world, "t", &err), ERR_TRACE_UNKNOWN);
    put_open(world, "t"); /* it comes after all: finalize is tried again */
    validated(world);
    finalized(world, "t");
}

TEST(finalize, an_open_trace_is_not_finalized)
{
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};

    put_open(world, "t");
    validated(world);
    CHECK_FAILS(finalize(world, "t", &err), ERR_USAGE);
    CHECK_FAILS(finalize(world, "nobody", &err), ERR_TRACE_UNKNOWN);
}

TEST(finalize, refuses_to_sign_lines_that_are_not_those_that_were_chained)
{
    static const struct statement where = {"where_segment", "SELECT key FROM segments", 0};
    CLEANUP(world) struct world  *world = world_new();
    CLEANUP(rows) struct rows    *rows = NULL;
    struct err                    err = {0};
    struct bytes                  segment = {0};
    char                         *bytes;

    put_open(world, "t");
    put_chunk(world, "t", 0, 0, 10);
    complete(world, "t", "{}");
    CHECK_WORKS(store_run(world->farm.store, &where, NULL, &rows, &err));
    CHECK_WORKS(blob_get(world->farm.blob, world->arena, BUCKET_CHUNKS, rows_text(rows, 0, 0),
                         1 << 20, &segment, &err));
    bytes = arena_text(world->arena, segment);
    strstr(bytes, "make 7")[5] = '9';
    CHECK_WORKS(blob_put(world->farm.blob, BUCKET_CHUNKS, rows_text(rows, 0, 0),
                         (struct bytes){(uint8_t *)bytes, segment.size}, "x/x", &err));
    CHECK_FAILS(finalize(world, "t", &err), ERR_CHAIN_BROKEN);
    CHECK_WORKS(blob_put(world->farm.blob, BUCKET_CHUNKS, rows_text(rows, 0, 0),
                         (struct bytes){(uint8_t *)bytes, 100}, "x/x", &err));
    CHECK_FAILS(finalize(world, "t", &err), ERR_BLOB_CORRUPT);
    CHECK_WORKS(blob_delete(world->farm.blob, BUCKET_CHUNKS, rows_text(rows, 0, 0), &err));
    CHECK_FAILS(finalize(world, "t", &err), ERR_BLOB_MISSING);
    CHECK_FAILS(blob_size(world->farm.blob, BUCKET_TRACES, "t/trace.json", &(int64_t){0}, &err),
                ERR_BLOB_MISSING);
    CHECK_NUMBER(ask(world, STATUS_IS("finalized"), "t"), 0);
}

TEST(finalize, reads_lines_that_are_longer_than_a_block_and_many_that_are_not)
{
    CLEANUP(world) struct world *world = world_new();
    CLEANUP(buf) struct buf      json = {0};
    struct document_report       report;
    int64_t                      seq = 0;

    put_open(world, "t");
    for (int64_t chunk = 0; chunk < 6; chunk++) {
        json.size = 0;
        buf_format(&json, "{\"chunk_id\":\"c%lld\",\"chunk_seq\":%lld,\"events\":[",
                   (long long)chunk, (long long)chunk);
        for (int i = 0; i < 3; i++, seq++) {
            buf_format(&json,
                       "%s{\"id\":\"e%lld\",\"seq\":%lld,\"ts_client_s\":1,\"type\":\"cmd_run\","
                       "\"cmd\":\"",
                       i == 0 ? "" : ",", (long long)seq, (long long)seq);
            for (int n = 0; n < (i + 1) * 34000; n++) {
                buf_put_text(&json, "0123456789");
            }
            buf_put_text(&json, "\",\"exit_code\":0}");
        }
        buf_put_text(&json, "]}");
        put_message(world, "t", MESSAGE_CHUNK, buf_text(&json));
        if (chunk % 2 == 1) {
            validated(world);
        }
    }
    complete(world, "t", "{}");
    finalized(world, "t");
    verify(world, document_of(world, "t"), &report);
    CHECK(report.ok);
    CHECK_NUMBER(report.num_events, 18);
}

/* 8 MiB of control characters are 48 as they are stored, and PRT_BODY_MAX may be 64M. */
TEST(finalize, takes_a_head_however_large_it_was_accepted)
{
    CLEANUP(world) struct world *world = world_new();
    struct err                   err = {0};

    put_open(world, "t");
    put_chunk(world, "t", 0, 0, 3);
    complete(world, "t", "{}");
    CHECK_NUMBER(ask(world,
                     "WITH large AS (UPDATE trace_heads SET head = replace(head, 'Mend the gate',"
                     " repeat('x', 65 << 20)) RETURNING 1) SELECT count(*) FROM large",
                     NULL),
                 1);
    CHECK_WORKS(finalize(world, "t", &err));
    CHECK_NUMBER(ask(world, STATUS_IS("finalized"), "t"), 1);
}
