// SPDX-License-Identifier: MIT
#include "trace/document_lines.h"

#include <string.h>

#include "value/json.h"

static const char lines_begin[] = "\"events\":[\n";

static int read_json(struct arena *arena, struct bytes json, struct value *ret_value,
                     struct err *err)
{
    struct value_limits limits = {
        .bytes = json.size, .depth = 128, .values = 65536 + json.size / 4};

    return json_read(arena, json, &limits, ret_value, err);
}

static const uint8_t *last_end(struct bytes document, const uint8_t *from)
{
    const uint8_t *at = document.data + document.size - 2;

    for (; at >= from; at--) {
        at = memrchr(from, '\n', (size_t)(at - from) + 1);
        if (at == NULL || at[1] == ']') {
            return at;
        }
    }
    return NULL;
}

/* The document without its lines, parsed; the lines themselves are only pointed to. */
static bool open_as_stored(struct document_lines *lines, struct arena *arena, struct bytes document,
                           struct value *ret_head)
{
    const uint8_t *begin = memmem(document.data, document.size, lines_begin, strlen(lines_begin));
    const uint8_t *first;
    const uint8_t *end;
    const struct value *events;
    uint8_t            *rest;
    size_t              before;
    size_t              after;
    struct err          err;

    if (begin == NULL) {
        return false;
    }
    first = begin + strlen(lines_begin);
    end = last_end(document, first - 1); /* without events the two newlines are one */
    if (end == NULL) {
        return false;
    }
    before = (size_t)(first - 1 - document.data);
    after = (size_t)(document.data + document.size - (end + 1));
    rest = arena_get(arena, before + after);
    memcpy(rest, document.data, before);
    memcpy(rest + before, end + 1, after);
    if (read_json(arena, (struct bytes){rest, before + after}, ret_head, &err) < 0) {
        return false;
    }
    events = value_get(ret_head, "events");
    if (events == NULL || events->kind != VALUE_LIST || events->count != 0) {
        return false; /* another "events", further down */
    }
    lines->as_stored = true;
    lines->left = (struct bytes){first, end < first ? 0 : (size_t)(end + 1 - first)};
    return true;
}

int document_lines_open(struct document_lines *ret_lines, struct arena *arena,
                        struct bytes document, struct value *ret_head, struct err *err)
{
    *ret_lines = (struct document_lines){0};
    if (document.size > sizeof(lines_begin) &&
        open_as_stored(ret_lines, arena, document, ret_head)) {
        return 0;
    }
    TRY(read_json(arena, document, ret_head, err));
    ret_lines->events = value_get(ret_head, "events");
    if (ret_lines->events == NULL || ret_lines->events->kind != VALUE_LIST) {
        return err_set(err, ERR_SCHEMA, "it has no list of events");
    }
    return 0;
}

/* `left` ends in a newline, and so does every line of it. */
static bool next_stored(struct document_lines *lines, struct bytes *ret_line)
{
    const uint8_t *end;
    size_t         size;

    if (lines->left.size == 0) {
        return false;
    }
    end = memchr(lines->left.data, '\n', lines->left.size);
    size = (size_t)(end - lines->left.data);
    *ret_line = (struct bytes){lines->left.data, size};
    lines->left = (struct bytes){end + 1, lines->left.size - size - 1};
    /* Every line but the last has its comma; where that is not so, the line is not what it was. */
    if (size > 0 && lines->left.size > 0 && ret_line->data[size - 1] == ',') {
        ret_line->size--;
    } else if (lines->left.size > 0) {
        ret_line->size++; /* with its newline: no line has one */
    }
    return true;
}

bool document_lines_next(struct document_lines *lines, struct bytes *ret_line)
{
    struct err err;

    if (lines->as_stored) {
        return next_stored(lines, ret_line);
    }
    if (lines->given == lines->events->count) {
        return false;
    }
    lines->line.size = 0;
    if (jcs_write(&lines->line, &lines->events->as.items[lines->given], &err) < 0) {
        lines->line.size = 0; /* no canonical form: it never had this one */
    }
    lines->given++;
    *ret_line = buf_bytes(&lines->line);
    return true;
}

void document_lines_done(struct document_lines *lines)
{
    buf_done(&lines->line);
}

/* -------- what a line says of itself -------- */

/* Behind `"name":`, wherever it stands; of a damaged line this is the best that can be said. */
static struct bytes behind_name(struct bytes line, const char *quoted)
{
    const uint8_t *at =
        line.size == 0 ? NULL : memmem(line.data, line.size, quoted, strlen(quoted));

    if (at == NULL) {
        return (struct bytes){NULL, 0};
    }
    at += strlen(quoted);
    return (struct bytes){at, (size_t)(line.data + line.size - at)};
}

static const char *printable(struct arena *arena, struct bytes text)
{
    char *copy = arena_text(arena, text);

    for (size_t i = 0; i < text.size; i++) {
        if ((uint8_t)copy[i] < 0x20 || (uint8_t)copy[i] >= 0x7f) {
            copy[i] = '?';
        }
    }
    return copy;
}

static void guess_names(struct arena *arena, struct bytes line, const char **ret_id,
                        int64_t *ret_seq)
{
    struct bytes id = behind_name(line, "\"id\":\"");
    struct bytes seq = behind_name(line, "\"seq\":");
    size_t       digits = 0;
    int64_t      number = 0;

    for (size_t i = 0; i < id.size && i <= 512; i++) {
        if (id.data[i] == '"') {
            *ret_id = printable(arena, (struct bytes){id.data, i});
            break;
        }
    }
    for (; digits < seq.size && digits < 16 && seq.data[digits] >= '0' && seq.data[digits] <= '9';
         digits++) {
        number = number * 10 + (seq.data[digits] - '0');
    }
    *ret_seq = digits > 0 ? number : -1;
}

void document_line_names(struct arena *arena, struct bytes line, const char **ret_id,
                         int64_t *ret_seq)
{
    struct value event;
    struct err   err;

    *ret_id = "";
    *ret_seq = -1;
    if (line.size == 0) {
        return;
    }
    if (read_json(arena, line, &event, &err) < 0) {
        guess_names(arena, line, ret_id, ret_seq);
        return;
    }
    *ret_id = printable(arena, value_text_or(value_get(&event, "id"), ""));
    *ret_seq = value_whole_or(value_get(&event, "seq"), -1);
}

/* -------- in words -------- */

static const char *changed_event(struct arena *arena, const struct document_report *report)
{
    const char *number =
        arena_format(arena, "event number %lld", (long long)report->changed_index + 1);

    if ((uint64_t)report->changed_index >= report->num_events) {
        return arena_format(arena, "the first event that differs is %s: it is missing", number);
    }
    if (report->changed_seq < 0) {
        return arena_format(arena, "the first event that differs is %s (id \"%s\")", number,
                            report->changed_id);
    }
    return arena_format(arena, "the first event that differs is %s (id \"%s\", seq %lld)", number,
                        report->changed_id, (long long)report->changed_seq);
}

static const char *differences(struct arena *arena, const struct document_report *report)
{
    const struct {
        enum document_check check;
        const char         *words;
    } rows[] = {
        {report->events, "the events do not give integrity.merkle_root"},
        {report->leaves, "integrity.leaf_hashes do not give integrity.merkle_root"},
        {report->chain, "the events do not give integrity.event_hash_chain"},
        {report->counts, "metrics.num_events is not the number of events"},
        {report->signature, "integrity.signature does not fit"},
        {report->envelope,
         "something outside the events does not fit integrity.envelope_signature"},
    };
    const char *words = "";

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].check == CHECK_DIFFERS) {
            words =
                arena_format(arena, "%s%s%s", words, words[0] == '\0' ? "" : "; ", rows[i].words);
        }
    }
    return words;
}

const char *document_sentence(struct arena *arena, const struct document_report *report,
                              const struct document_keys *keys)
{
    const char *trace = printable(arena, bytes_of(report->trace_id));
    const char *why = differences(arena, report);

    if (report->ok) {
        return arena_format(
            arena, "%s is unchanged: %llu events, signed by %s%s; chain %s%s", trace,
            (unsigned long long)report->num_events, report->key_id,
            keys->public_key == NULL ? " (its own word: compare it with the farm's key)" : "",
            report->chain == CHECK_HOLDS ? "checked" : "not checked, that needs its key",
            report->as_stored ? "" : "; laid out anew since it was stored");
    }
    if (report->changed_index >= 0) {
        return arena_format(arena, "%s was changed: %s; %s", trace, changed_event(arena, report),
                            why);
    }
    return arena_format(arena, "%s was changed: %s", trace, why);
}
