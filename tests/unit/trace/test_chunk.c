// SPDX-License-Identifier: MIT
#include <string.h>

#include "crypto/crypto.h"
#include "lib/test.h"
#include "trace/chunk.h"
#include "unit/trace/chunks.h"

#define COMMON "'id':'e','seq':1,'ts_client_s':5,"
#define NOTE   "'type':'rationale_note','freeform':'f'"

static const char three_events[] =
    "{'chunk_id':'chunk-7','chunk_seq':7,'events':["
    "{'id':'e1','seq':3,'ts_client_s':1763668800.5,'ts_server_s':1,'type':'cmd_run',"
    " 'cmd':'ls','exit_code':0,'metadata':{'b':1,'a':[true,null]}},"
    "{'id':'e2','seq':5,'ts_client_s':1763668801,'type':'rationale_note','freeform':'h\\u00e4?'},"
    "{'id':'e3','seq':4,'ts_client_s':1763668802,'type':'commit','sha':'abc','message':''}]}";

TEST(chunk, gives_canonical_lines_in_order_of_seq)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct chunk_rules           rules = chunk_rules_usual();
    struct chunk                 chunk;
    struct err                   err;

    CHECK_WORKS(chunk_of(arena, three_events, &rules, &chunk, &err));
    CHECK(bytes_is(chunk.id, "chunk-7"));
    CHECK_NUMBER(chunk.seq, 7);
    CHECK_NUMBER(chunk.event_count, 3);
    CHECK_NUMBER(chunk.refusal_count, 0);
    CHECK_TEXT(
        arena_text(arena, chunk.events[0].line),
        "{\"cmd\":\"ls\",\"exit_code\":0,\"id\":\"e1\",\"metadata\":{\"a\":[true,null],\"b\":1},"
        "\"seq\":3,\"ts_client_s\":1763668800.5,\"ts_server_s\":1763668800.123456,"
        "\"type\":\"cmd_run\"}");
    CHECK_TEXT(
        arena_text(arena, chunk.events[1].line),
        "{\"id\":\"e3\",\"message\":\"\",\"seq\":4,\"sha\":\"abc\",\"ts_client_s\":1763668802,"
        "\"ts_server_s\":1763668800.123456,\"type\":\"commit\"}");
    CHECK_NUMBER(chunk.events[1].index, 2);
    CHECK_NUMBER(chunk.events[2].seq, 5);
    CHECK_NUMBER(chunk.events[2].type, EVENT_rationale_note);
}

TEST(chunk, knows_events_by_the_hash_of_their_id_and_itself_by_that_of_its_bytes)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct chunk_rules           rules = chunk_rules_usual();
    struct bytes                 msgpack = chunk_msgpack(arena, three_events);
    uint8_t                      hash[HASH_BYTES];
    struct chunk                 chunk;
    struct err                   err;

    CHECK_WORKS(chunk_read(arena, msgpack, &rules, &chunk, &err));
    sha256_of(BYTES("e1"), hash);
    CHECK(memcmp(chunk.events[0].key, hash, sizeof(chunk.events[0].key)) == 0);
    sha256_of(msgpack, hash);
    CHECK(memcmp(chunk.content_hash, hash, HASH_BYTES) == 0);
}

TEST(chunk, takes_every_field_of_every_type)
{
    static const char *const events[] = {
        COMMON "'type':'file_edit','file_path':'a.py','diff_unified':'','buffer_hash_after':'-',"
               "'language':'python','buffer_hash_before':'x','edit_bytes':3,'extra':{'any':[{}]}",
        COMMON "'type':'cmd_run','cmd':'','exit_code':-1,'cwd':'','env_redacted':true,"
               "'stdout_ref':{'uri':'s3://b/k','sha256':'" /* 64 */
               "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef','size_bytes':1},"
               "'stderr_ref':{'uri':'s3://b/k','sha256':'"
               "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef','size_bytes':0,"
               "'content_type':'text/plain'}",
        COMMON
        "'type':'test_run','framework':'pytest','num_passed':1.0,'num_failed':0,'selection':'',"
        "'failed_tests':[],'report_ref':{'uri':'u','sha256':'"
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef','size_bytes':7}",
        COMMON "'type':'commit','sha':'s','message':'m','parent_sha':'','diff_unified':''",
        COMMON
        "'type':'rationale_note','structured':{'plan':'p','hypothesis':'h','observation':'o',"
        "'decision':'d','next_step':'n'},'freeform':'f'",
        COMMON "'type':'rationale_note','structured':{}",
    };
    CLEANUP(arena) struct arena *arena = arena_new();
    struct chunk_rules           rules = chunk_rules_usual();
    struct chunk                 chunk;
    struct err                   err;

    for (size_t i = 0; i < COUNT_OF(events); i++) {
        CHECK_WORKS(chunk_of_event(arena, events[i], &rules, &chunk, &err));
        CHECK_NUMBER(chunk.event_count, 1);
        if (chunk.refusal_count > 0) {
            test_failed(__FILE__, __LINE__, "%s: %s", chunk.refusals[0].pointer,
                        chunk.refusals[0].message);
        }
    }
}

/* -------- one bad event -------- */

static void check_refused(const char *event, const struct chunk_rules *rules, enum err_code code,
                          const char *pointer)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct chunk                 chunk;
    struct err                   err;

    CHECK_WORKS(chunk_of_event(arena, event, rules, &chunk, &err));
    if (chunk.event_count != 0 || chunk.refusal_count != 1) {
        test_failed(__FILE__, __LINE__, "taken: %s", event);
        return;
    }
    CHECK_TEXT(chunk.refusals[0].pointer, pointer);
    CHECK_TEXT(err_name(chunk.refusals[0].code), err_name(code));
    CHECK_NUMBER(chunk.refusals[0].index, 0);
    CHECK(chunk.refusals[0].message[0] != '\0');
}

TEST(chunk, refuses_an_event_and_points_at_its_field)
{
    static const struct {
        const char *event, *pointer;
    } row[] = {
        /* what every event has: missing, of the wrong type, out of range */
        {"'seq':1,'ts_client_s':5," NOTE, "/events/0/id"},
        {"'id':'e','ts_client_s':5," NOTE, "/events/0/seq"},
        {"'id':'e','seq':1," NOTE, "/events/0/ts_client_s"},
        {COMMON "'freeform':'f'", "/events/0/type"},
        {"'id':7,'seq':1,'ts_client_s':5," NOTE, "/events/0/id"},
        {"'id':'','seq':1,'ts_client_s':5," NOTE, "/events/0/id"},
        {"'id':'a\\u0000','seq':1,'ts_client_s':5," NOTE, "/events/0/id"},
        {"'id':'e','seq':'1','ts_client_s':5," NOTE, "/events/0/seq"},
        {"'id':'e','seq':-1,'ts_client_s':5," NOTE, "/events/0/seq"},
        {"'id':'e','seq':1.5,'ts_client_s':5," NOTE, "/events/0/seq"},
        {"'id':'e','seq':1e300,'ts_client_s':5," NOTE, "/events/0/seq"},
        {"'id':'e','seq':null,'ts_client_s':5," NOTE, "/events/0/seq"},
        {"'id':'e','seq':1,'ts_client_s':'now'," NOTE, "/events/0/ts_client_s"},
        {"'id':'e','seq':1,'ts_client_s':-5," NOTE, "/events/0/ts_client_s"},
        {"'id':'e','seq':1,'ts_client_s':1e30," NOTE, "/events/0/ts_client_s"},
        {COMMON "'type':7", "/events/0/type"},
        {COMMON "'type':'file_edits'", "/events/0/type"},
        {COMMON NOTE ",'color':'red'", "/events/0/color"},
        {COMMON NOTE ",'a/b~':'red'", "/events/0/a~1b~0"},
        {COMMON NOTE ",'metadata':[]", "/events/0/metadata"},
        {COMMON NOTE ",'metadata':{'big':[1e17]}", "/events/0/metadata"},
        /* file_edit */
        {COMMON "'type':'file_edit','diff_unified':'','buffer_hash_after':''",
         "/events/0/file_path"},
        {COMMON "'type':'file_edit','file_path':'a','buffer_hash_after':''",
         "/events/0/diff_unified"},
        {COMMON "'type':'file_edit','file_path':'a','diff_unified':''",
         "/events/0/buffer_hash_after"},
        {COMMON "'type':'file_edit','file_path':''", "/events/0/file_path"},
        {COMMON "'type':'file_edit','file_path':'a\\u0000'", "/events/0/file_path"},
        {COMMON "'type':'file_edit','diff_unified':1", "/events/0/diff_unified"},
        {COMMON "'type':'file_edit','edit_bytes':-1", "/events/0/edit_bytes"},
        {COMMON "'type':'file_edit','language':null", "/events/0/language"},
        {COMMON "'type':'file_edit','cmd':'ls'", "/events/0/cmd"},
        /* cmd_run */
        {COMMON "'type':'cmd_run','exit_code':0", "/events/0/cmd"},
        {COMMON "'type':'cmd_run','cmd':'ls'", "/events/0/exit_code"},
        {COMMON "'type':'cmd_run','cmd':['ls']", "/events/0/cmd"},
        {COMMON "'type':'cmd_run','exit_code':true", "/events/0/exit_code"},
        {COMMON "'type':'cmd_run','exit_code':4294967296", "/events/0/exit_code"},
        {COMMON "'type':'cmd_run','env_redacted':'no'", "/events/0/env_redacted"},
        {COMMON "'type':'cmd_run','stdout_ref':'s3://x'", "/events/0/stdout_ref"},
        {COMMON "'type':'cmd_run','stdout_ref':{'uri':'u','size_bytes':1}",
         "/events/0/stdout_ref/sha256"},
        {COMMON "'type':'cmd_run','stdout_ref':{'sha256':'ABC'}", "/events/0/stdout_ref/sha256"},
        {COMMON "'type':'cmd_run','stderr_ref':{'size_bytes':-1}",
         "/events/0/stderr_ref/size_bytes"},
        {COMMON "'type':'cmd_run','stderr_ref':{'etag':''}", "/events/0/stderr_ref/etag"},
        /* test_run */
        {COMMON "'type':'test_run','num_passed':0,'num_failed':0", "/events/0/framework"},
        {COMMON "'type':'test_run','framework':'x','num_failed':0", "/events/0/num_passed"},
        {COMMON "'type':'test_run','framework':'x','num_passed':0", "/events/0/num_failed"},
        {COMMON "'type':'test_run','num_passed':0.5", "/events/0/num_passed"},
        {COMMON "'type':'test_run','failed_tests':'a'", "/events/0/failed_tests"},
        {COMMON "'type':'test_run','failed_tests':['a',2]", "/events/0/failed_tests/1"},
        /* commit, rationale_note */
        {COMMON "'type':'commit','message':''", "/events/0/sha"},
        {COMMON "'type':'commit','sha':'a'", "/events/0/message"},
        {COMMON "'type':'commit','sha':''", "/events/0/sha"},
        {COMMON "'type':'rationale_note'", "/events/0"},
        {COMMON "'type':'rationale_note','freeform':1", "/events/0/freeform"},
        {COMMON "'type':'rationale_note','structured':'p'", "/events/0/structured"},
        {COMMON "'type':'rationale_note','structured':{'plan':1}", "/events/0/structured/plan"},
        {COMMON "'type':'rationale_note','structured':{'mood':''}", "/events/0/structured/mood"},
    };
    struct chunk_rules rules = chunk_rules_usual();

    for (size_t i = 0; i < COUNT_OF(row); i++) {
        check_refused(row[i].event, &rules, ERR_SCHEMA, row[i].pointer);
    }
}

TEST(chunk, refuses_an_event_that_is_no_object)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct chunk_rules           rules = chunk_rules_usual();
    struct chunk                 chunk;
    struct err                   err;

    CHECK_WORKS(chunk_of(arena, "{'chunk_id':'c','chunk_seq':0,'events':[1,null,'x',[]]}", &rules,
                         &chunk, &err));
    CHECK_NUMBER(chunk.event_count, 0);
    CHECK_NUMBER(chunk.refusal_count, 4);
    CHECK_TEXT(chunk.refusals[2].pointer, "/events/2");
    CHECK_NUMBER(chunk.refusals[2].id.size, 0);
    CHECK_NUMBER(chunk.refusals[2].seq, -1);
}

TEST(chunk, counts_the_length_of_ids_and_paths_in_characters)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct chunk_rules           rules = chunk_rules_usual();
    char                         id[3 * 129 + 1];
    struct chunk                 chunk;
    struct err                   err;

    for (int i = 0; i < 129; i++) {
        memcpy(id + 3 * i, "\xe2\x82\xac", 4); /* EURO SIGN */
    }
    check_refused(arena_format(arena, "'id':'%s','seq':1,'ts_client_s':5," NOTE, id), &rules,
                  ERR_SCHEMA, "/events/0/id");
    id[3 * 128] = '\0';
    CHECK_WORKS(chunk_of_event(arena,
                               arena_format(arena, "'id':'%s','seq':1,'ts_client_s':5," NOTE, id),
                               &rules, &chunk, &err));
    CHECK_NUMBER(chunk.event_count, 1);
    rules.limits.path_chars = 5;
    check_refused(COMMON "'type':'file_edit','file_path':'abcdef'", &rules, ERR_SCHEMA,
                  "/events/0/file_path");
}

TEST(chunk, refuses_an_event_above_the_limit_and_keeps_its_neighbours)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct chunk_rules           rules = chunk_rules_usual();
    struct chunk                 chunk;
    struct err                   err;

    rules.limits.event_bytes = 123; /* the longest of the others has so many */
    CHECK_WORKS(chunk_of(arena, three_events, &rules, &chunk, &err));
    CHECK_NUMBER(chunk.refusal_count, 1);
    CHECK_NUMBER(chunk.refusals[0].code, ERR_TOO_LARGE);
    CHECK_TEXT(chunk.refusals[0].pointer, "/events/0");
    CHECK(bytes_is(chunk.refusals[0].id, "e1"));
    CHECK_NUMBER(chunk.refusals[0].seq, 3);
    CHECK_NUMBER(chunk.event_count, 2);
    CHECK(bytes_is(chunk.events[1].id, "e2"));
    CHECK_TEXT(arena_text(arena, chunk.events[1].line),
               "{\"freeform\":\"h\xc3\xa4?\",\"id\":\"e2\",\"seq\":5,\"ts_client_s\":1763668801,"
               "\"ts_server_s\":1763668800.123456,\"type\":\"rationale_note\"}");
}

TEST(chunk, refuses_what_was_not_consented_to_whatever_else_is_wrong_with_it)
{
    struct chunk_rules rules = chunk_rules_usual();

    rules.consent = CONSENT_COMMANDS | CONSENT_SNAPSHOTS;
    check_refused(COMMON NOTE, &rules, ERR_CONSENT_DENIED, "/events/0");
    rules.consent = CONSENT_RATIONALES;
    check_refused("'type':'cmd_run'", &rules, ERR_CONSENT_DENIED, "/events/0");
}

TEST(chunk, keeps_the_first_of_two_events_with_one_id_or_one_seq)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct chunk_rules           rules = chunk_rules_usual();
    struct chunk                 chunk;
    struct err                   err;

    CHECK_WORKS(chunk_of(arena,
                         "{'chunk_id':'c','chunk_seq':0,'events':["
                         "{'id':'a','seq':1,'ts_client_s':5," NOTE "},"
                         "{'id':'a','seq':2,'ts_client_s':5," NOTE "},"
                         "{'id':'b','seq':1,'ts_client_s':5," NOTE "},"
                         "{'id':'a','seq':1,'ts_client_s':5," NOTE "},"
                         "{'id':'c','seq':2,'ts_client_s':5," NOTE "}]}",
                         &rules, &chunk, &err));
    CHECK_NUMBER(chunk.event_count, 2);
    CHECK(bytes_is(chunk.events[0].id, "a") && chunk.events[0].index == 0);
    CHECK(bytes_is(chunk.events[1].id, "c"));
    CHECK_NUMBER(chunk.refusal_count, 3);
    CHECK_NUMBER(chunk.refusals[0].code, ERR_DUPLICATE_EVENT);
    CHECK_TEXT(chunk.refusals[0].pointer, "/events/1/id");
    CHECK_NUMBER(chunk.refusals[1].code, ERR_SEQ_NOT_INCREASING);
    CHECK_TEXT(chunk.refusals[1].pointer, "/events/2/seq");
    CHECK_NUMBER(chunk.refusals[2].code, ERR_DUPLICATE_EVENT);
}

TEST(chunk, sorts_a_thousand_events_and_refuses_one_more)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      json = {0};
    struct chunk_rules           rules = chunk_rules_usual();
    struct chunk                 chunk;
    struct err                   err;

    buf_put_text(&json, "{'chunk_id':'c','chunk_seq':0,'events':[");
    for (int i = 0; i < 1000; i++) {
        buf_format(&json, "%s{'id':'e%d','seq':%d,'ts_client_s':5," NOTE "}", i == 0 ? "" : ",", i,
                   (i * 7919) % 1000);
    }
    buf_put_text(&json, "]}");
    CHECK_WORKS(chunk_of(arena, buf_text(&json), &rules, &chunk, &err));
    CHECK_NUMBER(chunk.event_count, 1000);
    for (size_t i = 0; i < chunk.event_count; i++) {
        CHECK_NUMBER(chunk.events[i].seq, i);
    }
    rules.limits.events = 999;
    CHECK_FAILS(chunk_of(arena, buf_text(&json), &rules, &chunk, &err), ERR_TOO_LARGE);
    CHECK_TEXT(chunk.refusals[0].pointer, "/events");
}

TEST(chunk, needs_its_envelope)
{
    static const struct {
        const char *json, *pointer;
    } row[] = {
        {"[]", ""},
        {"{'chunk_seq':0,'events':[]}", "/chunk_id"},
        {"{'chunk_id':'c','events':[]}", "/chunk_seq"},
        {"{'chunk_id':'c','chunk_seq':0}", "/events"},
        {"{'chunk_id':7,'chunk_seq':0,'events':[]}", "/chunk_id"},
        {"{'chunk_id':'','chunk_seq':0,'events':[]}", "/chunk_id"},
        {"{'chunk_id':'c','chunk_seq':-1,'events':[]}", "/chunk_seq"},
        {"{'chunk_id':'c','chunk_seq':0,'events':{}}", "/events"},
        {"{'chunk_id':'c','chunk_seq':0,'events':[],'artifacts':[]}", "/artifacts"},
        {"{'chunk_id':'c','chunk_seq':0,'events':[],'more':1}", "/more"},
    };
    CLEANUP(arena) struct arena *arena = arena_new();
    struct chunk_rules           rules = chunk_rules_usual();
    struct chunk                 chunk;
    struct err                   err;

    for (size_t i = 0; i < COUNT_OF(row); i++) {
        CHECK_FAILS(chunk_of(arena, row[i].json, &rules, &chunk, &err), ERR_SCHEMA);
        CHECK_NUMBER(chunk.refusal_count, 1);
        CHECK_TEXT(chunk.refusals[0].pointer, row[i].pointer);
    }
    CHECK_WORKS(
        chunk_of(arena, "{'chunk_id':'c','chunk_seq':0,'events':[]}", &rules, &chunk, &err));
    CHECK_FAILS(chunk_read(arena, BYTES("\x82\xa1"), &rules, &chunk, &err), ERR_MALFORMED);
}

/* -------- secrets -------- */

TEST(chunk, replaces_secrets_in_every_text_and_counts_them)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct chunk_rules           rules = chunk_rules_usual();
    struct chunk                 chunk;
    struct err                   err;
    static const char            event[] = COMMON "'type':'cmd_run','cmd':'PASSWORD="
                                                  "hunter2x ./run',"
                                                  "'exit_code':0,'metadata':{'a':['AKIA"
                                                  "Z7Q2MNOPRSTUVWX3']}";

    CHECK_WORKS(chunk_of_event(arena, event, &rules, &chunk, &err));
    CHECK_TEXT(arena_text(arena, chunk.events[0].line),
               "{\"cmd\":\"PASSWORD=[REDACTED:password] ./run\",\"exit_code\":0,\"id\":\"e\","
               "\"metadata\":{\"a\":[\"[REDACTED:cloud_token]\"]},\"seq\":1,\"ts_client_s\":5,"
               "\"ts_server_s\":1763668800.123456,\"type\":\"cmd_run\"}");
    CHECK_NUMBER(chunk.redactions.count[SECRET_password], 1);
    CHECK_NUMBER(chunk.redactions.count[SECRET_cloud_token], 1);
    rules.redact = false;
    CHECK_WORKS(chunk_of_event(arena, event, &rules, &chunk, &err));
    CHECK(strstr(arena_text(arena, chunk.events[0].line), "hunter2x") != NULL);
    CHECK_NUMBER(chunk.redactions.count[SECRET_password], 0);
}

TEST(chunk, says_no_secret_in_a_refusal)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      out = {0};
    struct chunk_rules           rules = chunk_rules_usual();
    struct chunk_verdict         verdict = {.status = "partial", .chunk_id = BYTES("c")};
    struct chunk                 chunk;
    struct err                   err;

    CHECK_WORKS(chunk_of(arena,
                         "{'chunk_id':'c','chunk_seq':0,'events':["
                         "{'id':'AKIA"
                         "Z7Q2MNOPRSTUVWX3','seq':1,'ts_client_s':5," NOTE "},"
                         "{'id':'AKIA"
                         "Z7Q2MNOPRSTUVWX3','seq':1,'type':'commit'},"
                         "{'id':'e','seq':'ghp_"
                         "16C7e42F292c6912E7710c838347Ae178B4a','type':'commit'}]}",
                         &rules, &chunk, &err));
    CHECK_NUMBER(chunk.refusal_count, 3);
    CHECK_TEXT(chunk.refusals[0].pointer, "/events/0/id");
    verdict.refusals = chunk.refusals;
    verdict.refusal_count = chunk.refusal_count;
    chunk_verdict_write(&out, &verdict);
    CHECK(strstr(buf_text(&out), "AKIA") == NULL);
    CHECK(strstr(buf_text(&out), "ghp_") == NULL);
}

/* -------- answers -------- */

TEST(chunk, tells_every_problem_of_an_event_up_to_a_bound)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      out = {0};
    struct chunk_rules           rules = chunk_rules_usual();
    struct chunk_verdict         verdict = {.status = "partial", .chunk_id = BYTES("c")};
    struct chunk                 chunk;
    struct err                   err;

    CHECK_WORKS(chunk_of_event(
        arena,
        "'id':'','ts_client_s':'x','type':'cmd_run','cmd':1,'a~b':1,'c':1,'d':1,'e':1,'f':1,'g':1",
        &rules, &chunk, &err));
    CHECK_NUMBER(chunk.refusal_count, 1);
    CHECK_TEXT(chunk.refusals[0].pointer, "/events/0/id");
    CHECK_NUMBER(chunk.refusals[0].more_count, PROBLEMS_MOST - 1);
    CHECK_TEXT(chunk.refusals[0].more[0].pointer, "/events/0/ts_client_s");
    CHECK_TEXT(chunk.refusals[0].more[1].pointer, "/events/0/cmd");
    CHECK_TEXT(chunk.refusals[0].more[2].pointer, "/events/0/a~0b");
    CHECK(chunk.refusals[0].problems_omitted >= 2); /* one unknown member, and seq is missing */

    CHECK_WORKS(
        chunk_of_event(arena, "'id':'','ts_client_s':5,'seq':-1," NOTE, &rules, &chunk, &err));
    verdict.refusals = chunk.refusals;
    verdict.refusal_count = chunk.refusal_count;
    chunk_verdict_write(&out, &verdict);
    CHECK(strstr(buf_text(&out),
                 "\"message\":\"must not be empty\",\"pointer\":\"/events/0/id\",\"problems\":["
                 "{\"pointer\":\"/events/0/id\",\"message\":\"must not be empty\"},"
                 "{\"pointer\":\"/events/0/seq\",\"message\":") != NULL);
    CHECK(strstr(buf_text(&out), "problems_omitted") == NULL);
    out.size = 0;
    (void)err_set(&err, ERR_EVENTS_REFUSED, "none stands");
    problem_write(&out, &err, chunk.refusals, chunk.refusal_count);
    CHECK(strstr(buf_text(&out), "{\"pointer\":\"/events/0/seq\",\"code\":\"schema\"") != NULL);
}

TEST(chunk, problems_of_an_event_are_not_its_neighbours)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct chunk_rules           rules = chunk_rules_usual();
    struct chunk                 chunk;
    struct err                   err;

    CHECK_WORKS(chunk_of(arena,
                         "{'chunk_id':'c','chunk_seq':0,'events':["
                         "{'id':'','ts_client_s':5,'seq':-1," NOTE "},"
                         "{'id':'b','ts_client_s':5,'seq':1," NOTE "},"
                         "{'id':'','ts_client_s':5,'seq':2," NOTE "}]}",
                         &rules, &chunk, &err));
    CHECK_NUMBER(chunk.event_count, 1);
    CHECK_NUMBER(chunk.refusal_count, 2);
    CHECK_NUMBER(chunk.refusals[0].more_count, 1);
    CHECK_NUMBER(chunk.refusals[1].more_count, 0);
    CHECK_TEXT(chunk.refusals[1].pointer, "/events/2/id");
}

TEST(chunk, verdict_is_what_the_interface_says)
{
    CLEANUP(buf) struct buf    out = {0};
    const struct chunk_refusal refusals[] = {
        {.index = 1,
         .id = BYTES("e\"2"),
         .seq = 5,
         .code = ERR_SEQ_NOT_INCREASING,
         .message = "m",
         .pointer = "/events/1/seq"},
        {.index = (size_t)CHUNK_NO_INDEX,
         .seq = -1,
         .code = ERR_SCHEMA,
         .message = "n",
         .pointer = "/artifacts/x"},
    };
    const struct chunk_verdict verdict = {.status = "partial",
                                          .chunk_id = BYTES("c-1"),
                                          .events_added = 3,
                                          .events_duplicate = 1,
                                          .artifacts_added = 2,
                                          .total_events = 40,
                                          .refusals = refusals,
                                          .refusal_count = 2};

    chunk_verdict_write(&out, &verdict);
    CHECK_TEXT(
        buf_text(&out),
        "{\"status\":\"partial\",\"chunk_id\":\"c-1\",\"events_added\":3,\"events_duplicate\":1,"
        "\"artifacts_added\":2,\"total_events\":40,\"rejected\":["
        "{\"index\":1,\"id\":\"e\\\"2\",\"seq\":5,\"code\":\"seq_not_increasing\",\"message\":"
        "\"m\",\"pointer\":\"/events/1/seq\"},"
        "{\"index\":null,\"id\":null,\"seq\":null,\"code\":\"schema\",\"message\":\"n\","
        "\"pointer\":\"/artifacts/x\"}]}");
}

TEST(chunk, problem_names_the_fields_and_is_utf8_whatever_the_story_holds)
{
    CLEANUP(buf) struct buf    out = {0};
    const struct chunk_refusal refusal = {.id = BYTES("e"),
                                          .seq = 1,
                                          .code = ERR_SCHEMA,
                                          .message = "is missing",
                                          .pointer = "/chunk_id"};
    struct err                 err;

    (void)err_set(&err, ERR_SCHEMA, "/chunk_id \xff is \"missing\" \xc3");
    problem_write(&out, &err, &refusal, 1);
    CHECK_TEXT(
        buf_text(&out),
        "{\"type\":\"urn:prt:problem:schema\",\"title\":\"a field does not fit the schema\","
        "\"status\":422,\"detail\":\"/chunk_id ? is \\\"missing\\\" ?\",\"code\":\"schema\","
        "\"errors\":[{\"pointer\":\"/chunk_id\",\"code\":\"schema\",\"message\":\"is missing\"}]}");
    out.size = 0;
    problem_write(&out, &err, NULL, 0);
    CHECK(strstr(buf_text(&out), "errors") == NULL);
}
