// SPDX-License-Identifier: MIT
/* Any bytes as a stored line: nothing is read behind its end, and of a canonical event the scanner
 * finds what a tree has. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "trace/event.h"
#include "value/json.h"
#include "workers/finalize/facts.h"

static bool is_canonical(struct bytes line, const struct value *event)
{
    CLEANUP(buf) struct buf again = {0};
    struct err              err = {0};

    return event->kind == VALUE_MAP && jcs_write(&again, event, &err) == 0 &&
           bytes_equal(line, buf_bytes(&again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct value_limits limits = {1 << 16, 200, 5000};
    CLEANUP(arena) struct arena     *arena = arena_new();
    CLEANUP(buf) struct buf          texts = {0};
    struct bytes                     line = {data, size};
    struct facts                     facts;
    struct value                     event;
    struct err                       err = {0};
    bool                             taken = facts_read(line, &texts, &facts);

    if (json_read(arena, line, &limits, &event, &err) < 0 || !is_canonical(line, &event)) {
        return 0;
    }
    MUST(taken);
    MUST(facts.seq == value_whole_or(value_get(&event, "seq"), -1));
    MUST(facts.at_s == value_real_or(value_get(&event, "ts_client_s"), 0));
    MUST(facts.type == event_type_by_name(value_text_or(value_get(&event, "type"), "")));
    if (facts.type == EVENT_file_edit) {
        MUST(bytes_equal(facts.file_path, value_text_or(value_get(&event, "file_path"), "")));
        MUST(bytes_equal(facts.diff, value_text_or(value_get(&event, "diff_unified"), "")));
    }
    return 0;
}
