// SPDX-License-Identifier: MIT
#include "workers/finalize/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* -------------------------------- churn -------------------------------- */

/* The next line of *rest, without its newline. False at the end. */
static bool next_line(struct bytes *rest, struct bytes *ret_line)
{
    const uint8_t *end;

    if (rest->size == 0) {
        return false;
    }
    end = memchr(rest->data, '\n', rest->size);
    *ret_line = (struct bytes){rest->data, end == NULL ? rest->size : (size_t)(end - rest->data)};
    rest->data += ret_line->size;
    rest->size -= ret_line->size;
    if (end != NULL) {
        rest->data++;
        rest->size--;
    }
    return true;
}

static bool begins(struct bytes line, const char *with)
{
    size_t size = strlen(with);

    return line.size >= size && memcmp(line.data, with, size) == 0;
}

/* "-12,7" gives 7, "-12" gives 1; *at moves behind it. -1 if it is something else. */
static int64_t hunk_length(struct bytes line, size_t *at, uint8_t sign)
{
    int64_t length = 1;

    if (*at >= line.size || line.data[*at] != sign) {
        return -1;
    }
    (*at)++;
    while (*at < line.size && line.data[*at] >= '0' && line.data[*at] <= '9') {
        (*at)++;
    }
    if (*at < line.size && line.data[*at] == ',') {
        (*at)++;
        for (length = 0; *at < line.size && line.data[*at] >= '0' && line.data[*at] <= '9';
             (*at)++) {
            length = length > INT32_MAX ? length : length * 10 + (line.data[*at] - '0');
        }
    }
    return length;
}

/* "@@ -1,3 +1,4 @@" */
static bool hunk_read(struct bytes line, int64_t *ret_old, int64_t *ret_new)
{
    size_t at = strlen("@@ ");

    if (!begins(line, "@@ -")) {
        return false;
    }
    *ret_old = hunk_length(line, &at, '-');
    while (at < line.size && line.data[at] == ' ') {
        at++;
    }
    *ret_new = hunk_length(line, &at, '+');
    return *ret_old >= 0 && *ret_new >= 0;
}

static bool is_change(struct bytes line)
{
    return line.size > 0 && (line.data[0] == '+' || line.data[0] == '-');
}

int64_t diff_churn(struct bytes diff)
{
    struct bytes line;
    int64_t      in_hunks = 0;
    int64_t      loose = 0; /* outside of any hunk */
    int64_t      old_left = 0;
    int64_t      new_left = 0;
    bool         hunks = false;

    while (next_line(&diff, &line)) {
        if (old_left > 0 || new_left > 0) {
            char first = line.size == 0 ? ' ' : (char)line.data[0];

            in_hunks += first == '+' || first == '-';
            old_left -= first == '-' || first == ' ';
            new_left -= first == '+' || first == ' ';
        } else if (hunk_read(line, &old_left, &new_left)) {
            hunks = true;
        } else {
            loose += is_change(line) && !begins(line, "+++") && !begins(line, "---");
        }
    }
    return hunks ? in_hunks : loose;
}

/* -------------------------------- files -------------------------------- */

static void files_put(struct measure *measure, uint64_t name)
{
    size_t at = name & (measure->file_room - 1);

    while (measure->files[at] != 0 && measure->files[at] != name) {
        at = (at + 1) & (measure->file_room - 1);
    }
    measure->file_count += measure->files[at] == 0;
    measure->files[at] = name;
}

static void files_grow(struct measure *measure)
{
    uint64_t *old = measure->files;
    size_t    room = measure->file_room;

    measure->file_room = room == 0 ? 64 : room * 2;
    measure->files = mem_zero(measure->file_room, sizeof(*measure->files));
    measure->file_count = 0;
    for (size_t i = 0; i < room; i++) {
        if (old[i] != 0) {
            files_put(measure, old[i]);
        }
    }
    mem_free(old);
}

static void touch_file(struct measure *measure, struct bytes path)
{
    uint64_t name;

    if (measure->file_room == 0) {
        random_bytes(measure->key, sizeof(measure->key));
    }
    if (measure->file_count * 2 >= measure->file_room) {
        files_grow(measure);
    }
    name = short_hash(measure->key, path);
    files_put(measure, name == 0 ? 1 : name);
}

/* -------------------------------- events -------------------------------- */

void measure_done(struct measure *measure)
{
    mem_free(measure->files);
    *measure = (struct measure){0};
}

void measure_event(struct measure *measure, const struct facts *event)
{
    if (measure->events == 0 || event->at_s < measure->first_s) {
        measure->first_s = event->at_s;
    }
    if (measure->events == 0 || event->at_s > measure->last_s) {
        measure->last_s = event->at_s;
    }
    measure->events++;
    if (event->type < 0) {
        return;
    }
    measure->count[event->type]++;
    if (event->type == EVENT_file_edit) {
        touch_file(measure, event->file_path);
        measure->churn += diff_churn(event->diff);
    }
}

struct value measure_value(const struct measure *measure, struct arena *arena)
{
    struct value metrics = value_map();
    const struct {
        const char *name;
        int64_t     value;
    } rows[] = {
        {"num_events", measure->events},
        {"num_edits", measure->count[EVENT_file_edit]},
        {"num_cmds", measure->count[EVENT_cmd_run]},
        {"num_test_runs", measure->count[EVENT_test_run]},
        {"num_commits", measure->count[EVENT_commit]},
        {"num_rationales", measure->count[EVENT_rationale_note]},
        {"files_touched", (int64_t)measure->file_count},
        {"edit_churn_lines", measure->churn},
    };

    /* In microseconds: a difference of clock readings has no more digits than they have. */
    value_put(arena, &metrics, "duration_s",
              value_real(round((measure->last_s - measure->first_s) * 1e6) / 1e6));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        value_put(arena, &metrics, rows[i].name, value_whole(rows[i].value));
    }
    return metrics;
}
