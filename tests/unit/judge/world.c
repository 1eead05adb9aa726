// SPDX-License-Identifier: MIT
#include "world.h"

#include <glob.h>

#include "base/fd.h"
#include "lib/test.h"
#include "value/json.h"

static const struct value_limits limits = {1 << 26, 64, 1000000};

static struct value read_json(struct arena *arena, struct bytes json)
{
    struct err   err = {0};
    struct value value = {0};

    CHECK_WORKS(json_read(arena, json, &limits, &value, &err));
    return value;
}

static struct bytes read_file(struct arena *arena, const char *path)
{
    struct err   err = {0};
    struct bytes bytes = {0};

    CHECK_WORKS(file_read(arena, path, 1 << 26, &bytes, &err));
    return bytes;
}

const char *text_of(struct arena *arena, struct bytes bytes)
{
    return arena_text(arena, bytes);
}

static void put_events(struct arena *arena, struct buf *out, const char *name)
{
    struct err  err = {0};
    glob_t      found;
    const char *before = "";

    CHECK(glob(arena_format(arena, "%s/examples/%s/chunks/*.json", SOURCE_DIR, name), 0, NULL,
               &found) == 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct value        chunk = read_json(arena, read_file(arena, found.gl_pathv[i]));
        const struct value *events = value_get(&chunk, "events");

        for (uint32_t j = 0; j < events->count; j++) {
            buf_put_text(out, before);
            CHECK_WORKS(jcs_write(out, &events->as.items[j], &err));
            before = ",\n";
        }
    }
    globfree(&found);
}

struct bytes document_of_example(struct arena *arena, const char *name)
{
    CLEANUP(buf) struct buf out = {0};
    struct err   err = {0};
    struct bytes head = read_file(arena, arena_format(arena, "%s/examples/%s/session.json",
                                                      SOURCE_DIR, name));

    CHECK_WORKS(crypto_setup(&err));
    while (head.size > 0 && head.data[head.size - 1] != '}') {
        head.size--;
    }
    head.size--;
    buf_put_text(&out, "{\"trace_version\":\"1.0\",\"trace_id\":\"trace-1\",");
    buf_put(&out, (struct bytes){head.data + 1, head.size - 1});
    buf_put_text(&out, ",\"events\":[\n");
    put_events(arena, &out, name);
    buf_put_text(&out, "\n],\"artifacts\":{\"final_workspace_snapshot\":{\"uri\":\"s3://a/b\"}},"
                       "\"metrics\":{\"num_events\":10},\"integrity\":{\"gaps\":[]},"
                       "\"created_at\":1.5}");
    return arena_bytes(arena, buf_bytes(&out));
}

struct session session_of_example(struct arena *arena, const char *name, bool qa)
{
    struct err     err = {0};
    struct value   document = read_json(arena, document_of_example(arena, name));
    struct session session = {0};

    CHECK_WORKS(session_of_value(arena, &document, &session, &err));
    if (qa) {
        struct value *expected = arena_zero(arena, 1, sizeof(*expected));
        bool          passed;

        *expected = read_json(arena,
                              read_file(arena, arena_format(arena, "%s/examples/%s/expected.json",
                                                            SOURCE_DIR, name)));
        passed = value_flag_or(value_get(expected, "tests_passed"), false);
        value_put(arena, expected, "status", value_text(passed ? "passed" : "failed"));
        session.validation = expected;
    }
    return session;
}

#define HUNK(path, was, is)                                                                        \
    "\"file_path\":\"" path "\",\"diff_unified\":\"--- a/" path "\\n+++ b/" path                   \
    "\\n@@ -1 +1 @@\\n-" was "\\n+" is "\\n\",\"buffer_hash_after\":\"x\""
#define TESTS(passed, failed, names)                                                               \
    "\"type\":\"test_run\",\"framework\":\"pytest\",\"num_passed\":" #passed                       \
    ",\"num_failed\":" #failed ",\"failed_tests\":[" names "]"

static const struct {
    const char *word, *members;
} words_known[] = {
    {"note", "\"type\":\"rationale_note\",\"structured\":{\"observation\":\"the list is one short"
             " here\",\"hypothesis\":\"the loop ends one step early\"}"},
    {"note2", "\"type\":\"rationale_note\",\"structured\":{\"observation\":\"still one short, now at"
              " the end\",\"hypothesis\":\"the short one is dropped twice\"}"},
    {"empty", "\"type\":\"rationale_note\",\"structured\":{\"observation\":\"there is a problem in"
              " the code\",\"hypothesis\":\"something is not right somewhere\"}"},
    {"wipe", "\"type\":\"cmd_run\",\"cmd\":\"rm -rf ./*\",\"exit_code\":0"},
    {"plan", "\"type\":\"rationale_note\",\"structured\":{\"plan\":\"see why the list is short\"}"},
    {"free", "\"type\":\"rationale_note\",\"freeform\":\"that was the short loop, as suspected\""},
    {"red", TESTS(3, 1, "\"t.py::test_one\"")},
    {"green", TESTS(4, 0, "")},
    {"broken", TESTS(2, 2, "\"t.py::test_one\",\"t.py::test_two\"")},
    {"red1", TESTS(0, 1, "\"t.py::test_one\"") ",\"selection\":\"t.py::test_one\""},
    {"green1", TESTS(1, 0, "") ",\"selection\":\"t.py::test_one\""},
    {"look", "\"type\":\"cmd_run\",\"cmd\":\"grep -n loop a.py\",\"exit_code\":0"},
    {"run", "\"type\":\"cmd_run\",\"cmd\":\"python3 -c 'print(1)'\",\"exit_code\":0"},
    {"rm", "\"type\":\"cmd_run\",\"cmd\":\"sudo rm -rf / \",\"exit_code\":1"},
    {"edit", "\"type\":\"file_edit\"," HUNK("a.py", "old", "new")},
    {"other", "\"type\":\"file_edit\"," HUNK("b.py", "was", "is")},
    {"undo", "\"type\":\"file_edit\"," HUNK("a.py", "new", "old")},
    {"weaken", "\"type\":\"file_edit\",\"file_path\":\"tests/test_a.py\",\"diff_unified\":"
               "\"@@ -1 +0 @@\\n-assert one\\n\",\"buffer_hash_after\":\"x\""},
    {"secret", "\"type\":\"cmd_run\",\"cmd\":\"login [REDACTED:password]\",\"exit_code\":0"},
    {"commit", "\"type\":\"commit\",\"sha\":\"ab\",\"message\":\"Mend it\\n\\nIt was one short.\""},
    {"subject", "\"type\":\"commit\",\"sha\":\"ab\",\"message\":\"Mend it\""},
};

static const char *members_of(const char *word, size_t size)
{
    for (size_t i = 0; i < COUNT_OF(words_known); i++) {
        if (strlen(words_known[i].word) == size && memcmp(words_known[i].word, word, size) == 0) {
            return words_known[i].members;
        }
    }
    test_failed(__FILE__, __LINE__, "no such event: %.*s", (int)size, word);
    return "\"type\":\"other\"";
}

struct session session_of_words(struct arena *arena, const char *words)
{
    CLEANUP(buf) struct buf out = {0};
    struct err     err = {0};
    struct session session = {0};
    struct value   document;
    int            seq = 0;

    buf_put_text(&out, "{\"task\":{\"id\":\"t\",\"title\":\"one short\"},\"events\":[");
    while (*words != '\0') {
        size_t size = strcspn(words, " ");

        buf_format(&out, "%s{\"seq\":%d,\"ts_client_s\":%d,", seq > 0 ? "," : "", seq * 10,
                   100 + seq);
        buf_put_text(&out, members_of(words, size));
        buf_put_byte(&out, '}');
        words += size + strspn(words + size, " ");
        seq++;
    }
    buf_put_text(&out, "]}");
    document = read_json(arena, arena_bytes(arena, buf_bytes(&out)));
    CHECK_WORKS(session_of_value(arena, &document, &session, &err));
    return session;
}

struct opinion opinion_on(struct arena *arena, const struct session *session)
{
    struct err                 err = {0};
    CLEANUP(mock) struct mock *mock = mock_new(&err);
    struct rubric              rubric;
    struct opinion             opinion = {0};

    CHECK(mock != NULL);
    CHECK_WORKS(rubric_load(arena, RUBRIC_VERSION, &rubric, &err));
    if (mock != NULL && err.code == ERR_NONE) {
        mock_judge(mock, arena, &rubric, session, &opinion);
    }
    return opinion;
}
