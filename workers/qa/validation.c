// SPDX-License-Identifier: MIT
#include "workers/qa/validation.h"

bool validation_said(enum verdict_status status, bool *ret_passed)
{
    *ret_passed = status == VERDICT_PASSED;
    return status != VERDICT_INFRA_ERROR && status != VERDICT_NOT_RUN;
}

static struct value ids(struct arena *arena, const char **list, size_t count)
{
    struct value value = value_list();

    for (size_t i = 0; i < count; i++) {
        value_append(arena, &value, value_text(list[i]));
    }
    return value;
}

static struct value tests(struct arena *arena, const struct comparison *compared)
{
    static const struct comparison none;
    struct value                   map = value_map();

    compared = compared == NULL ? &none : compared;
    value_put(arena, &map, "fail_to_pass",
              ids(arena, compared->fail_to_pass, compared->fail_to_pass_count));
    value_put(arena, &map, "pass_to_pass",
              ids(arena, compared->pass_to_pass, compared->pass_to_pass_count));
    value_put(arena, &map, "pass_to_fail",
              ids(arena, compared->pass_to_fail, compared->pass_to_fail_count));
    value_put(arena, &map, "fail_to_fail",
              ids(arena, compared->fail_to_fail, compared->fail_to_fail_count));
    return map;
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
    value_put(arena, &map, "tests", tests(arena, validation->compared));
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
    return map;
}
