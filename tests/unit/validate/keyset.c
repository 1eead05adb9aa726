// SPDX-License-Identifier: MIT
#include "workers/validate/keyset.h"

#include "lib/test.h"

enum { EVENTS = 5000 };

static struct event_record event_at(size_t i)
{
    struct event_record event = {.trace_no = (int64_t)(i % 3)};

    memcpy(event.key, &i, sizeof(i));
    return event;
}

TEST(keyset, holds_what_was_taken_in_and_nothing_else)
{
    static struct event_record events[EVENTS];
    struct keyset              set = {0};

    CHECK(!keyset_holds(&set, events, 0, events[0].key));
    for (size_t i = 0; i < EVENTS; i++) {
        events[i] = event_at(i);
        if (i % 700 == 0) {
            keyset_follow(&set, events, i + 1); /* grows on the way */
        }
    }
    keyset_follow(&set, events, EVENTS);
    for (size_t i = 0; i < EVENTS; i++) {
        struct event_record other = event_at(i + EVENTS);

        CHECK(keyset_holds(&set, events, events[i].trace_no, events[i].key));
        CHECK(!keyset_holds(&set, events, events[i].trace_no + 7, events[i].key));
        CHECK(!keyset_holds(&set, events, other.trace_no, other.key));
    }
    keyset_clear(&set);
    CHECK(!keyset_holds(&set, events, events[1].trace_no, events[1].key));
    keyset_follow(&set, events, 1);
    CHECK(keyset_holds(&set, events, events[0].trace_no, events[0].key));
    CHECK(!keyset_holds(&set, events, events[1].trace_no, events[1].key));
    keyset_done(&set);
}
