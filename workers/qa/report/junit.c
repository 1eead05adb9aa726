// SPDX-License-Identifier: MIT
#include "workers/qa/report/junit.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "crypto/crypto.h"

enum { READ_BYTES = 64 * 1024, DEPTH_MOST = 32 };

struct entry {
    struct test_result result;
    size_t             order; /* in the report: qsort keeps nothing in place by itself */
};

struct reader {
    struct arena              *arena;
    struct arena              *scratch; /* for the parts of one id */
    const struct junit_limits *limits;
    struct err                *err;
    XML_Parser                 parser;
    struct buf                 entries; /* struct entry each */
    int                        depth;
    int                        test_depth; /* where the open testcase is; 0: none */
    bool                       any;
    struct test_result         open;
    size_t                     ids_bytes; /* so far */
};

static void reader_done(struct reader *reader)
{
    if (reader->parser != NULL) {
        XML_ParserFree(reader->parser);
    }
    buf_done(&reader->entries);
    arena_free(reader->scratch);
}

static inline void reader_cleanup(struct reader *reader)
{
    reader_done(reader);
}

static void stop(struct reader *reader)
{
    (void)XML_StopParser(reader->parser, XML_FALSE);
}

static const char *attribute(const char **attributes, const char *name)
{
    for (size_t i = 0; attributes[i] != NULL; i += 2) {
        if (strcmp(attributes[i], name) == 0) {
            return attributes[i + 1];
        }
    }
    return "";
}

/* In the arena. Longer than the limit: its beginning and the hash of all of it, so that two ids
 * stay two. */
static const char *id_bounded(struct reader *reader, const char *id)
{
    char   hex[HASH_HEX];
    size_t most = reader->limits->id_bytes;

    if (strlen(id) <= most) {
        return arena_text(reader->arena, bytes_of(id));
    }
    sha256_hex(bytes_of(id), hex);
    most = most > 80 ? most - 80 : 0;
    while (most > 0 && ((unsigned char)id[most] & 0xc0) == 0x80) {
        most--; /* not in the middle of a character */
    }
    return arena_format(reader->arena, "%.*s...#%s", (int)most, id, hex);
}

/* pytest says file "tests/test_a.py", classname "tests.test_a.TestB" and name "test_c": the id it
 * shows to people is tests/test_a.py::TestB::test_c. Others give what they give. */
static const char *id_make(struct reader *reader, const char *file, const char *class_name,
                           const char *name)
{
    struct arena *arena = reader->scratch;
    size_t        size = strlen(file);
    char         *module = arena_text(arena, bytes_of(file));
    char         *inner;

    if (class_name[0] == '\0') {
        return size > 0 && strcmp(name, file) != 0 ? arena_format(arena, "%s::%s", file, name)
                                                   : arena_text(arena, bytes_of(name));
    }
    if (size > 3 && strcmp(file + size - 3, ".py") == 0) {
        size -= 3;
        module[size] = '\0';
        for (char *at = module; *at != '\0'; at++) {
            *at = *at == '/' ? '.' : *at;
        }
        if (strcmp(class_name, module) == 0) {
            return arena_format(arena, "%s::%s", file, name);
        }
        if (strncmp(class_name, module, size) == 0 && class_name[size] == '.') {
            CLEANUP(buf) struct buf parts = {0};

            inner = arena_text(arena, bytes_of(class_name + size + 1));
            for (char *rest = NULL, *part = strtok_r(inner, ".", &rest); part != NULL;
                 part = strtok_r(NULL, ".", &rest)) {
                buf_format(&parts, "%s::", part);
            }
            return arena_format(arena, "%s::%s%s", file, buf_text(&parts), name);
        }
    }
    return size > 0 ? arena_format(arena, "%s::%s::%s", file, class_name, name)
                    : arena_format(arena, "%s::%s", class_name, name);
}

static void test_open(struct reader *reader, const char **attributes)
{
    const char *name = attribute(attributes, "name");

    if (reader->test_depth != 0 || name[0] == '\0') {
        (void)err_set(reader->err, ERR_MALFORMED, "a testcase %s, line %lu",
                      name[0] == '\0' ? "has no name" : "lies within another",
                      XML_GetCurrentLineNumber(reader->parser));
        stop(reader);
        return;
    }
    reader->test_depth = reader->depth;
    arena_reset(reader->scratch);
    reader->open = (struct test_result){
        .id = id_bounded(reader, id_make(reader, attribute(attributes, "file"),
                                         attribute(attributes, "classname"), name)),
        .state = TEST_PASSED};
    reader->ids_bytes += strlen(reader->open.id);
    if (reader->ids_bytes > reader->limits->ids_bytes) {
        (void)err_set(reader->err, ERR_TOO_LARGE, "the names of its tests have over %zu bytes",
                      reader->limits->ids_bytes);
        stop(reader);
    }
}

struct outcome_row {
    const char     *element;
    enum test_state state;
};

static const struct outcome_row outcomes[] = {
    {"skipped", TEST_SKIPPED},
    {"failure", TEST_FAILED},
    {"error", TEST_ERROR},
};

/* A failure stays one whatever else the same testcase says; skipped only counts alone. */
static void outcome_put(struct reader *reader, const char *element)
{
    for (size_t i = 0; i < COUNT_OF(outcomes); i++) {
        enum test_state state = outcomes[i].state;

        if (strcmp(element, outcomes[i].element) == 0) {
            if (state > reader->open.state || reader->open.state == TEST_PASSED) {
                reader->open.state = state;
            }
            return;
        }
    }
}

static void XMLCALL element_start(void *self, const char *element, const char **attributes)
{
    struct reader *reader = self;

    if (++reader->depth > DEPTH_MOST) {
        (void)err_set(reader->err, ERR_MALFORMED, "elements lie over %d deep", DEPTH_MOST);
        stop(reader);
        return;
    }
    if (reader->depth == 1 && strcmp(element, "testsuites") != 0 &&
        strcmp(element, "testsuite") != 0) {
        (void)err_set(reader->err, ERR_MALFORMED, "its root is neither testsuites nor testsuite");
        stop(reader);
        return;
    }
    reader->any = true;
    if (strcmp(element, "testcase") == 0) {
        test_open(reader, attributes);
    } else if (reader->test_depth != 0 && reader->depth == reader->test_depth + 1) {
        outcome_put(reader, element);
    }
}

static void XMLCALL element_end(void *self, const char *element)
{
    struct reader *reader = self;
    struct entry   entry = {.result = reader->open, .order = reader->entries.size};

    (void)element;
    if (reader->test_depth != 0 && reader->depth == reader->test_depth) {
        reader->test_depth = 0;
        if ((int64_t)(reader->entries.size / sizeof(entry)) >= reader->limits->tests) {
            (void)err_set(reader->err, ERR_TOO_LARGE, "over %lld tests",
                          (long long)reader->limits->tests);
            stop(reader);
            return;
        }
        buf_put(&reader->entries, (struct bytes){(const uint8_t *)&entry, sizeof(entry)});
    }
    reader->depth--;
}

static void XMLCALL doctype_start(void *self, const char *name, const char *system,
                                  const char *public, int internal)
{
    struct reader *reader = self;

    (void)name;
    (void)system;
    (void)public;
    (void)internal;
    (void)err_set(reader->err, ERR_MALFORMED, "a report with a document type is none of pytest's");
    stop(reader);
}

static int feed(struct reader *reader, struct bytes bytes, bool last, int64_t fed)
{
    struct err *err = reader->err;

    if (XML_Parse(reader->parser, (const char *)bytes.data, (int)bytes.size, last) !=
        XML_STATUS_OK) {
        if (XML_GetErrorCode(reader->parser) == XML_ERROR_ABORTED && err->code != ERR_NONE) {
            return -1;
        }
        return err_set(err, ERR_MALFORMED, "line %lu: %s", XML_GetCurrentLineNumber(reader->parser),
                       XML_ErrorString(XML_GetErrorCode(reader->parser)));
    }
    /* An unfinished token is held in memory: it must not grow without end. */
    if (!last &&
        fed - XML_GetCurrentByteIndex(reader->parser) > (int64_t)reader->limits->token_bytes) {
        return err_set(err, ERR_TOO_LARGE, "one tag has over %zu bytes",
                       reader->limits->token_bytes);
    }
    return 0;
}

static int by_id(const void *a, const void *b)
{
    const struct entry *one = a;
    const struct entry *two = b;
    int                 order = strcmp(one->result.id, two->result.id);

    return order != 0 ? order : (one->order > two->order) - (one->order < two->order);
}

static void results_settle(struct reader *reader, struct test_report *ret_report)
{
    struct entry      *entries = (struct entry *)(void *)reader->entries.data;
    size_t             count = reader->entries.size / sizeof(*entries);
    struct test_report report = {.tests = arena_get(reader->arena, count * sizeof(*report.tests))};

    if (count > 1) {
        qsort(entries, count, sizeof(*entries), by_id);
    }
    for (size_t i = 0; i < count; i++) {
        struct test_result *last = report.count == 0 ? NULL : &report.tests[report.count - 1];

        if (last == NULL || strcmp(last->id, entries[i].result.id) != 0) {
            report.tests[report.count++] = entries[i].result;
            continue;
        }
        report.repeated++;
        if (entries[i].result.state > last->state) {
            last->state = entries[i].result.state;
        }
    }
    *ret_report = report;
}

int junit_read(struct arena *arena, int fd, const struct junit_limits *limits,
               struct test_report *ret_report, struct err *err)
{
    CLEANUP(reader)
    struct reader reader = {.arena = arena,
                            .scratch = arena_new(),
                            .limits = limits,
                            .err = err,
                            .parser = XML_ParserCreate(NULL)};
    uint8_t      *room = arena_get(arena, READ_BYTES);
    size_t        got;
    int64_t       fed = 0;

    if (reader.parser == NULL) {
        mem_gone(sizeof(reader));
    }
    err_clear(err);
    XML_SetUserData(reader.parser, &reader);
    XML_SetElementHandler(reader.parser, element_start, element_end);
    XML_SetStartDoctypeDeclHandler(reader.parser, doctype_start);
    do {
        TRY(fd_read_all(fd, room, READ_BYTES, &got, err));
        fed += (int64_t)got;
        TRY(feed(&reader, (struct bytes){room, got}, got < READ_BYTES, fed));
    } while (got == READ_BYTES);
    if (!reader.any) {
        return err_set(err, ERR_MALFORMED, "there is nothing in it");
    }
    results_settle(&reader, ret_report);
    return 0;
}

int64_t report_count(const struct test_report *report, enum test_state state)
{
    int64_t count = 0;

    for (size_t i = 0; i < report->count; i++) {
        count += report->tests[i].state == state ? 1 : 0;
    }
    return count;
}
