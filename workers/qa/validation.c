// SPDX-License-Identifier: MIT
#include "workers/qa/validation.h"

#include <string.h>

#include "base/utf8.h"

enum {
    EDITS_SHOWN = 1000,
    NAMES_BYTES = 4 * 1024 * 1024 /* of tests, over all lists */
};

bool validation_said(enum verdict_status status, bool *ret_passed)
{
    *ret_passed = status == VERDICT_PASSED;
    return status != VERDICT_INFRA_ERROR && status != VERDICT_NOT_RUN;
}

/* Lists of tests, whose names may be many and long: what there is no room for is counted. */
struct names {
    struct arena *arena;
    struct value  map, omitted;
    size_t        left;
};

static void names_put(struct names *names, const char *class, const char **ids, size_t count)
{
    struct value list = value_list();
    size_t       i = 0;

    for (; i < count && strlen(ids[i]) <= names->left; i++) {
        names->left -= strlen(ids[i]);
        value_append(names->arena, &list, value_text(ids[i]));
    }
    value_put(names->arena, &names->map, class, list);
    if (i < count) {
        value_put(names->arena, &names->omitted, class, value_whole((int64_t)(count - i)));
    }
}

/* What changed comes first: it has the room. */
static struct value tests(struct arena *arena, const struct validation *validation)
{
    static const struct comparison nothing;
    static const struct id_list    none;
    const struct comparison       *compared =
        validation->compared == NULL ? &nothing : validation->compared;
    const struct id_list *flaky = validation->flaky == NULL ? &none : validation->flaky;
    const struct id_list *missing = validation->missing == NULL ? &none : validation->missing;
    struct names          names = {
                 .arena = arena, .map = value_map(), .omitted = value_map(), .left = NAMES_BYTES};

    names_put(&names, "fail_to_pass", compared->fail_to_pass, compared->fail_to_pass_count);
    names_put(&names, "pass_to_fail", compared->pass_to_fail, compared->pass_to_fail_count);
    names_put(&names, "flaky", flaky->ids, flaky->count);
    names_put(&names, "missing", missing->ids, missing->count);
    names_put(&names, "fail_to_fail", compared->fail_to_fail, compared->fail_to_fail_count);
    names_put(&names, "pass_to_pass", compared->pass_to_pass, compared->pass_to_pass_count);
    if (names.omitted.count > 0) {
        value_put(arena, &names.map, "omitted", names.omitted);
    }
    return names.map;
}

static const char *arm_word(const struct verdict *verdict)
{
    return verdict_word(verdict == NULL ? VERDICT_NOT_RUN : verdict->status);
}

/* What each arm said; an arm that did not run is never guessed. */
static struct value arms(struct arena *arena, const struct validation *validation)
{
    struct value map = value_map();

    value_put(arena, &map, "after", value_text(arm_word(validation->after)));
    value_put(arena, &map, "before", value_text(arm_word(validation->before)));
    value_put(arena, &map, "original_tests", value_text(arm_word(validation->original)));
    value_put(arena, &map, "repeats", value_whole(validation->repeats));
    return map;
}

/* A file's name may be any bytes; a document holds text. */
static const char *name_shown(struct arena *arena, const char *name)
{
    CLEANUP(buf) struct buf text = {0};

    if (utf8_wrong_at(bytes_of(name)) == strlen(name)) {
        return name;
    }
    utf8_put_escaped(&text, bytes_of(name));
    return arena_text(arena, buf_bytes(&text));
}

static struct value edits(struct arena *arena, const struct test_edits *edits)
{
    struct value files = value_list();

    for (size_t i = 0; i < edits->count && i < EDITS_SHOWN; i++) {
        struct value file = value_map();

        value_put(arena, &file, "path", value_text(name_shown(arena, edits->list[i].path)));
        value_put(arena, &file, "what", value_text(edits->list[i].what));
        value_append(arena, &files, file);
    }
    return files;
}

static struct value sandbox(struct arena *arena, const struct validation *validation)
{
    const struct sandbox_limits *limits = validation->limits;
    struct value                 map = value_map();
    struct value                 held = value_map();

    value_put(arena, &held, "memory_bytes", value_whole(limits->memory_bytes));
    value_put(arena, &held, "cpus", value_whole(limits->cpus));
    value_put(arena, &held, "pids", value_whole(limits->pids));
    value_put(arena, &held, "disk_bytes", value_whole(limits->disk_bytes));
    value_put(arena, &held, "file_bytes", value_whole(limits->file_bytes));
    value_put(arena, &held, "open_files", value_whole(limits->open_files));
    value_put(arena, &held, "output_bytes", value_whole(limits->log_bytes));
    value_put(arena, &held, "wall_s", value_real((double)limits->wall_ms / 1000));
    value_put(arena, &map, "engine", value_text(validation->engine));
    value_put(arena, &map, "runtime", value_text(validation->runtime));
    value_put(arena, &map, "limits", held);
    return map;
}

static void text_put(struct arena *arena, struct value *map, const char *name, const char *text)
{
    if (text != NULL) {
        value_put(arena, map, name, value_text(text));
    }
}

struct value validation_value(struct arena *arena, const struct validation *validation)
{
    static const struct verdict none;
    const struct verdict       *after = validation->after == NULL ? &none : validation->after;
    const struct image         *image = validation->image;
    struct value                map = value_map();
    bool                        passed;
    bool                        said = validation_said(validation->status, &passed);

    value_put(arena, &map, "status", value_text(verdict_word(validation->status)));
    text_put(arena, &map, "reason", validation->reason);
    text_put(arena, &map, "detail", validation->detail);
    value_put(arena, &map, "tests_passed", said ? value_flag(passed) : value_null());
    value_put(arena, &map, "framework", value_text(validation->framework));
    value_put(arena, &map, "num_passed", value_whole(after->passed));
    value_put(arena, &map, "num_failed", value_whole(after->failed));
    value_put(arena, &map, "num_skipped", value_whole(after->skipped));
    value_put(arena, &map, "num_errors", value_whole(after->errors));
    value_put(arena, &map, "tests", tests(arena, validation));
    value_put(arena, &map, "arms", arms(arena, validation));
    value_put(arena, &map, "tests_edited",
              validation->edits == NULL ? value_null() : value_flag(validation->edits->tests));
    if (validation->edits != NULL && validation->edits->count > 0) {
        value_put(arena, &map, "edited_files", edits(arena, validation->edits));
    }
    value_put(arena, &map, "runtime_s", value_real((double)validation->runtime_ms / 1000));
    value_put(arena, &map, "container_image", value_text(image == NULL ? "" : image->name));
    text_put(arena, &map, "image_digest", image == NULL ? NULL : image->digest);
    value_put(arena, &map, "sandbox", sandbox(arena, validation));
    if (validation->log != NULL) {
        value_put(arena, &map, "log", *validation->log);
    }
    if (validation->report != NULL) {
        value_put(arena, &map, "report", *validation->report);
    }
    text_put(arena, &map, "after_tree", validation->after == NULL ? NULL : validation->after_tree);
    if (validation->replay != NULL) {
        value_put(arena, &map, "replay", *validation->replay);
        value_put(arena, &map, "claims", *validation->claims);
    }
    return map;
}
