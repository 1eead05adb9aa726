// SPDX-License-Identifier: MIT
#include "workers/finalize/facts.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "lib/test.h"
#include "trace/event.h"
#include "value/json.h"

static const struct value_limits limits = {.bytes = 16 << 20, .depth = 64, .values = 1 << 20};

/* What the tree says; false where there is none. */
static bool facts_of_tree(struct arena *arena, struct bytes line, struct facts *ret_facts)
{
    struct value event;
    struct err   err = {0};

    if (json_read(arena, line, &limits, &event, &err) < 0) {
        return false;
    }
    *ret_facts = (struct facts){
        .seq = value_whole_or(value_get(&event, "seq"), -1),
        .type = event_type_by_name(value_text_or(value_get(&event, "type"), "")),
        .at_s = value_real_or(value_get(&event, "ts_client_s"), 0),
    };
    if (ret_facts->type == EVENT_file_edit) {
        ret_facts->file_path = value_text_or(value_get(&event, "file_path"), "");
        ret_facts->diff = value_text_or(value_get(&event, "diff_unified"), "");
    }
    return true;
}

static void check_same(struct arena *arena, struct bytes line, struct buf *texts)
{
    /* Where a byte too many is read, the sanitizer sees it. */
    CLEANUP(text) char *exact = mem_get(line.size + (line.size == 0));
    struct bytes        copy = {memcpy(exact, line.data, line.size), line.size};
    struct facts        facts;
    struct facts        tree = {0};

    CHECK(facts_read(copy, texts, &facts));
    CHECK(facts_of_tree(arena, line, &tree));
    CHECK_NUMBER(facts.seq, tree.seq);
    CHECK_NUMBER(facts.type, tree.type);
    CHECK(facts.at_s == tree.at_s);
    CHECK(bytes_equal(facts.file_path, tree.file_path));
    CHECK(bytes_equal(facts.diff, tree.diff));
}

static struct bytes canonical(struct arena *arena, const struct value *value)
{
    CLEANUP(buf) struct buf out = {0};
    struct err              err = {0};

    CHECK_WORKS(jcs_write(&out, value, &err));
    return arena_bytes(arena, buf_bytes(&out));
}

TEST(facts, of_the_examples_are_what_their_trees_say)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      texts = {0};
    glob_t                       files;
    size_t                       events = 0;

    CHECK_NUMBER(glob(SOURCE_DIR "/examples/*/chunks/*.json", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        const struct value *list;
        struct bytes        json;
        struct value        chunk;
        struct err          err = {0};

        CHECK_WORKS(file_read(arena, files.gl_pathv[i], limits.bytes, &json, &err));
        CHECK_WORKS(json_read(arena, json, &limits, &chunk, &err));
        list = value_get(&chunk, "events");
        for (uint32_t k = 0; list != NULL && k < list->count; k++, events++) {
            check_same(arena, canonical(arena, &list->as.items[k]), &texts);
        }
    }
    globfree(&files);
    CHECK(events >= 20);
}

/* -------- random events -------- */

static uint64_t dice_state;

static unsigned dice(unsigned below)
{
    dice_state = dice_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(dice_state >> 33) % below;
}

static struct value random_text(struct arena *arena)
{
    static const char *const pieces[] = {"\\",
                                         "\"",
                                         "\n",
                                         "\t",
                                         "\x01",
                                         "\x1f",
                                         "\b",
                                         "\f",
                                         "\r",
                                         "/",
                                         "}",
                                         "]",
                                         ",",
                                         "{",
                                         "[",
                                         ":",
                                         "+a\n",
                                         "-b\n",
                                         "@@ -1 +1 @@\n",
                                         "\xc3\xa4",
                                         "\xf0\x9f\x98\x80",
                                         "x",
                                         "u0041",
                                         "null"};
    CLEANUP(buf) struct buf  text = {0};

    for (unsigned i = dice(8); i > 0; i--) {
        buf_put_text(&text, pieces[dice(COUNT_OF(pieces))]);
    }
    if (dice(8) == 0) {
        buf_put_byte(&text, 0);
    }
    return value_bytes(arena_bytes(arena, buf_bytes(&text)));
}

static struct value random_value(struct arena *arena, int depth)
{
    struct value made = dice(2) == 0 ? value_list() : value_map();

    switch (dice(depth == 0 ? 5 : 7)) {
    case 0:
        return value_null();
    case 1:
        return value_flag(dice(2) == 0);
    case 2:
        return value_whole((int64_t)dice(1000) - 500);
    case 3:
        return value_real(dice(1000000) / 7.0 - 1000);
    case 4:
        return random_text(arena);
    default:
        break;
    }
    for (unsigned i = dice(4); i > 0; i--) {
        if (made.kind == VALUE_LIST) {
            value_append(arena, &made, random_value(arena, depth - 1));
        } else {
            value_put(arena, &made, arena_format(arena, "n\"%u\\", i),
                      random_value(arena, depth - 1));
        }
    }
    return made;
}

static struct bytes random_event(struct arena *arena)
{
    static const char *const names[] = {"diff_unified", "file_path", "seq", "ts_client_s",
                                        "type",         "a",         "zz",  "\"",
                                        "types",        "se",        ""};
    struct value             event = value_map();

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (dice(8) > 0) {
            value_put(arena, &event, names[i], random_value(arena, 3));
        }
    }
    if (dice(2) > 0 && value_get(&event, "type") == NULL) {
        value_put(arena, &event, "type", value_text(dice(4) == 0 ? "cmd_run" : "file_edit"));
    }
    return canonical(arena, &event);
}

TEST(facts, of_random_events_are_what_their_trees_say)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      texts = {0};

    dice_state = 1;
    for (int i = 0; i < 3000; i++) {
        arena_reset(arena);
        check_same(arena, random_event(arena), &texts);
    }
}

TEST(facts, of_a_line_that_was_cut_are_refused)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf      texts = {0};

    dice_state = 2;
    for (int i = 0; i < 100; i++) {
        struct bytes line;

        arena_reset(arena);
        line = random_event(arena);
        for (size_t size = 0; size < line.size; size++) {
            CLEANUP(text) char *exact = mem_get(size + 1);
            struct facts        facts;

            /* Behind its end stands what may not be looked at. */
            memcpy(exact, line.data, size);
            exact[size] = '}';
            CHECK(!facts_read((struct bytes){(const uint8_t *)exact, size}, &texts, &facts));
        }
    }
}

TEST(facts, of_what_is_no_canonical_object_are_refused)
{
    static const char *const rows[] = {
        "",
        "1",
        "[]",
        "\"a\"",
        "{",
        "}",
        "{}x",
        "{}}",
        "{a:1}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1",
        "{\"a\":1,}",
        "{\"a\":1}}",
        " {}",
        "{ }",
        "{\"a\" :1}",
        "{\"a\":1,\"b\"",
        "{\"a\":\"1}",
        "{\"a\":\"1\"",
        "{\"seq\":1,\"seq\":2}",
        "{\"seq\":1x}",
        "{\"seq\":01}",
        "{\"seq\":-}",
        "{\"seq\":1e999}",
        "{\"seq\":9007199254740993}",
        "{\"type\":\"a\"b}",
        "{\"type\":\"\\q\"}",
        "{\"type\":\"\\u0041\"}",
        "{\"type\":\"\\u001\"}",
        "{\"type\":\"\\u00zz\"}",
        "{\"a\":[1}",
        "{\"a\":{\"b\":1}",
    };
    CLEANUP(buf) struct buf texts = {0};

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct facts facts;

        if (facts_read(bytes_of(rows[i]), &texts, &facts)) {
            test_failed(__FILE__, __LINE__, "%s is taken", rows[i]);
        }
    }
}
