// SPDX-License-Identifier: MIT
#include <string.h>

#include "lib/test.h"
#include "trace/chunk.h"
#include "unit/trace/chunks.h"

static const char events[] =
    "'chunk_id':'c','chunk_seq':0,'events':["
    "{'id':'run','seq':1,'ts_client_s':5,'type':'cmd_run','cmd':'ls','exit_code':0},"
    "{'id':'test','seq':2,'ts_client_s':5,'type':'test_run','framework':'x','num_passed':1,"
    "'num_failed':0},"
    "{'id':'bad','seq':3,'ts_client_s':5,'type':'cmd_run'}]";

static int read_with(struct arena *arena, const char *artifacts, const struct chunk_rules *rules,
                     struct chunk *ret_chunk, struct err *err)
{
    return chunk_of(arena, arena_format(arena, "{%s,'artifacts':{%s}}", events, artifacts), rules,
                    ret_chunk, err);
}

TEST(artifact, goes_to_its_place_by_content_and_its_event_refers_to_it)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct chunk_rules           rules = chunk_rules_usual();
    const struct chunk_artifact *artifact;
    struct chunk                 chunk;
    struct err                   err;

    CHECK_WORKS(read_with(arena, "'o':{'type':'stdout','event_id':'run','content':'abc'}", &rules,
                          &chunk, &err));
    CHECK_NUMBER(chunk.artifact_count, 1);
    artifact = &chunk.artifacts[0];
    CHECK_TEXT(artifact->name, "run.stdout");
    CHECK_TEXT(artifact->type, "stdout");
    CHECK_TEXT(artifact->event_id, "run");
    CHECK(bytes_is(artifact->content, "abc"));
    CHECK_TEXT(artifact->sha256,
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_TEXT(artifact->key,
               "sha256/ba/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_TEXT(
        arena_text(arena, chunk.events[0].line),
        "{\"cmd\":\"ls\",\"exit_code\":0,\"id\":\"run\",\"seq\":1,\"stdout_ref\":{"
        "\"content_type\":\"text/plain; charset=utf-8\",\"sha256\":"
        "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\",\"size_bytes\":3,"
        "\"uri\":\"s3://pr-telemetry-artifacts/sha256/ba/"
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"},"
        "\"ts_client_s\":5,\"ts_server_s\":1763668800.123456,\"type\":\"cmd_run\"}");
}

TEST(artifact, may_come_in_every_form_of_the_specification)
{
    static const struct {
        const char *json, *name, *type, *content, *content_type;
    } row[] = {
        {"'x':{'type':'stderr','event_id':'run','content':'YWJj','encoding':'base64'}",
         "run.stderr", "stderr", "abc", "application/octet-stream"},
        {"'x':{'type':'test_report','event_id':'test','content':'<x/>','content_type':'text/xml'}",
         "test.report", "test_report", "<x/>", "text/xml"},
        {"'run.stdout':'abc'", "run.stdout", "stdout", "abc", "text/plain; charset=utf-8"},
        {"'test.test_report':'abc'", "test.report", "test_report", "abc",
         "text/plain; charset=utf-8"},
        {"'test.report':'abc'", "test.report", "test_report", "abc", "text/plain; charset=utf-8"},
        {"'note':'abc'", "note", "other", "abc", "text/plain; charset=utf-8"},
        {"'note':{'b':1,'a':[]}", "note", "other", "{\"a\":[],\"b\":1}", "application/json"},
        {"'w':{'type':'workspace_snapshot','content':'YWJj','encoding':'base64'}",
         "final_workspace_snapshot", "workspace_snapshot", "abc", "application/octet-stream"},
        {"'start_workspace_snapshot':{'type':'workspace_snapshot','content':'x','encoding':'utf-8'"
         "}",
         "start_workspace_snapshot", "workspace_snapshot", "x", "text/plain; charset=utf-8"},
        {"'elsewhere.stdout':'abc'", "elsewhere.stdout", "stdout", "abc",
         "text/plain; charset=utf-8"},
        {"'log':{'type':'my own','content':''}", "log", "other", "", "text/plain; charset=utf-8"},
    };
    CLEANUP(arena) struct arena *arena = arena_new();
    struct chunk_rules           rules = chunk_rules_usual();
    struct chunk                 chunk;
    struct err                   err;

    for (size_t i = 0; i < COUNT_OF(row); i++) {
        CHECK_WORKS(read_with(arena, row[i].json, &rules, &chunk, &err));
        if (chunk.artifact_count != 1) {
            test_failed(__FILE__, __LINE__, "refused: %s", row[i].json);
            continue;
        }
        CHECK_TEXT(chunk.artifacts[0].name, row[i].name);
        CHECK_TEXT(chunk.artifacts[0].type, row[i].type);
        CHECK_TEXT(chunk.artifacts[0].content_type, row[i].content_type);
        CHECK(bytes_is(chunk.artifacts[0].content, row[i].content));
        CHECK_NUMBER(chunk.event_count, 2);
    }
}

TEST(artifact, is_refused_alone_and_pointed_at)
{
    static const struct {
        const char   *json;
        enum err_code code;
        const char   *pointer;
    } row[] = {
        {"'x':7", ERR_SCHEMA, "/artifacts/x"},
        {"'':'abc'", ERR_SCHEMA, "/artifacts/"},
        {"'x':{'content':'abc'}", ERR_SCHEMA, "/artifacts/x/type"},
        {"'x':{'type':'stdout'}", ERR_SCHEMA, "/artifacts/x/content"},
        {"'x':{'type':'stdout','content':7}", ERR_SCHEMA, "/artifacts/x/content"},
        {"'x':{'type':'stdout','content':'','encoding':'hex'}", ERR_SCHEMA,
         "/artifacts/x/encoding"},
        {"'x':{'type':'stdout','content':'','more':''}", ERR_SCHEMA, "/artifacts/x/more"},
        {"'x':{'type':'stdout','content':'Y','encoding':'base64'}", ERR_SCHEMA,
         "/artifacts/x/content"},
        {"'a/b':{'type':'stdout','event_id':'test','content':''}", ERR_SCHEMA,
         "/artifacts/a~1b/event_id"},
        {"'x':{'type':'stdout','event_id':'bad','content':''}", ERR_SCHEMA,
         "/artifacts/x/event_id"},
        {"'bad.stderr':'x'", ERR_SCHEMA, "/artifacts/bad.stderr/event_id"},
        {"'x':{'type':'other','event_id':'bad','content':''}", ERR_SCHEMA, "/artifacts/x/event_id"},
    };
    CLEANUP(arena) struct arena *arena = arena_new();
    struct chunk_rules           rules = chunk_rules_usual();
    struct chunk                 chunk;
    struct err                   err;

    for (size_t i = 0; i < COUNT_OF(row); i++) {
        CHECK_WORKS(read_with(arena, row[i].json, &rules, &chunk, &err));
        CHECK_NUMBER(chunk.event_count, 2);
        CHECK_NUMBER(chunk.artifact_count, 0);
        CHECK_NUMBER(chunk.refusal_count, 2); /* the bad event is the other */
        CHECK_TEXT(chunk.refusals[1].pointer, row[i].pointer);
        CHECK_NUMBER(chunk.refusals[1].code, row[i].code);
        CHECK(chunk.refusals[1].index == (size_t)CHUNK_NO_INDEX);
    }
}

TEST(artifact, stored_under_one_name_is_taken_once)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct chunk_rules           rules = chunk_rules_usual();
    struct chunk                 chunk;
    struct err                   err;

    CHECK_WORKS(read_with(arena,
                          "'run.stdout':'1','x':{'type':'stdout','event_id':'run','content':'2'}",
                          &rules, &chunk, &err));
    CHECK_NUMBER(chunk.artifact_count, 1);
    CHECK(bytes_is(chunk.artifacts[0].content, "1"));
    CHECK_NUMBER(chunk.refusals[1].code, ERR_ARTIFACT_CONFLICT);
}

TEST(artifact, needs_consent_under_whatever_name_it_comes)
{
    static const struct {
        const char *json;
        unsigned    consent;
    } row[] = {
        {"'x':{'type':'workspace_snapshot','content':''}", CONSENT_ALL & ~CONSENT_SNAPSHOTS},
        {"'final_workspace_snapshot':{'type':'log','content':''}",
         CONSENT_ALL & ~CONSENT_SNAPSHOTS},
        {"'start_workspace_snapshot':''", CONSENT_ALL & ~CONSENT_SNAPSHOTS},
        {"'x':{'type':'stdout','content':''}", CONSENT_ALL & ~CONSENT_COMMANDS},
        {"'run.stderr':{'type':'other','content':''}", CONSENT_ALL & ~CONSENT_COMMANDS},
    };
    CLEANUP(arena) struct arena *arena = arena_new();
    struct chunk_rules           rules = chunk_rules_usual();
    struct chunk                 chunk;
    struct err                   err;

    for (size_t i = 0; i < COUNT_OF(row); i++) {
        rules.consent = row[i].consent;
        CHECK_WORKS(read_with(arena, row[i].json, &rules, &chunk, &err));
        CHECK_NUMBER(chunk.artifact_count, 0);
        CHECK_NUMBER(chunk.refusals[chunk.refusal_count - 1].code, ERR_CONSENT_DENIED);
    }
}

TEST(artifact, goes_with_its_event_when_that_is_too_large)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct chunk_rules           rules = chunk_rules_usual();
    struct chunk                 chunk;
    struct err                   err;

    rules.limits.event_bytes = 200; /* less than a line with a reference has */
    CHECK_WORKS(read_with(arena,
                          "'my.out':{'type':'stdout','event_id':'run','content':'abc'},'o':'x'",
                          &rules, &chunk, &err));
    CHECK_NUMBER(chunk.event_count, 1);
    CHECK_NUMBER(chunk.artifact_count, 1);
    CHECK_TEXT(chunk.artifacts[0].name, "o");
    CHECK_TEXT(chunk.refusals[1].pointer, "/events/0");
    CHECK_TEXT(chunk.refusals[2].pointer, "/artifacts/my.out/event_id");
    CHECK_NUMBER(chunk.refusals[2].code, ERR_TOO_LARGE);
}

TEST(artifact, has_its_secrets_replaced_when_it_is_text_in_any_encoding)
{
    static const struct {
        const char *json, *want;
    } row[] = {
        {"'x':'key AKIA"
         "Z7Q2MNOPRSTUVWX3'",
         "key [REDACTED:cloud_token]"},
        {"'x':{'k':'AKIA"
         "Z7Q2MNOPRSTUVWX3'}",
         "{\"k\":\"[REDACTED:cloud_token]\"}"},
        /* AKIAZ7Q2MNOPRSTUVWX3 */
        {"'x':{'type':'stdout','content':'QUtJQVo3UTJNTk9QUlNUVVZXWDM=','encoding':'base64'}",
         "[REDACTED:cloud_token]"},
        /* the same behind a NUL: no text */
        {"'x':{'type':'stdout','content':'AEFLSUFaN1EyTU5PUFJTVFVWV1gz','encoding':'base64'}",
         NULL},
        {"'x':{'type':'workspace_snapshot','content':'QUtJQVo3UTJNTk9QUlNUVVZXWDM=','encoding':"
         "'base64'}",
         "AKIA"
         "Z7Q2MNOPRSTUVWX3"},
    };
    CLEANUP(arena) struct arena *arena = arena_new();
    struct chunk_rules           rules = chunk_rules_usual();
    struct chunk                 chunk;
    struct err                   err;

    for (size_t i = 0; i < COUNT_OF(row); i++) {
        CHECK_WORKS(read_with(arena, row[i].json, &rules, &chunk, &err));
        CHECK_NUMBER(chunk.artifact_count, 1);
        if (row[i].want != NULL) {
            CHECK_TEXT(arena_text(arena, chunk.artifacts[0].content), row[i].want);
        } else {
            CHECK_NUMBER(chunk.artifacts[0].content.size, 21);
        }
    }
}
