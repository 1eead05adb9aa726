// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "gateway/cli/plain.h"
#include "gateway/cli/replay.h"
#include "gateway/cli/seen.h"
#include "trace/message.h"
#include "workers/replay/rebuild.h"

struct scan {
    struct replay    *replay;
    struct rebuilder *rebuilder;
    struct seen       seen;
    struct value      changes;
    int64_t           ends[REBUILD_ENDS];
    int64_t           refused;
};

static void note(struct scan *scan, const char *trace, const struct rebuild *rebuild)
{
    struct replay *replay = scan->replay;
    struct arena  *arena = replay->cli->arena;
    struct value   change = value_map();

    scan->ends[rebuild->end]++;
    scan->refused += rebuild->refused;
    if (rebuild->story == NULL) {
        return;
    }
    if (replay->cli->json) {
        value_put(arena, &change, "trace_id", value_text(arena_text(arena, bytes_of(trace))));
        value_put(arena, &change, "end", value_text(rebuild_end_name(rebuild->end)));
        value_put(arena, &change, "story", value_text(arena_text(arena, bytes_of(rebuild->story))));
        value_append(arena, &scan->changes, change);
        return;
    }
    replay_clear_bar(replay);
    printf("%s  %s%s%s%s  ", trace, rebuild->end == REBUILD_LOST ? RED(replay->cli) : "",
           replay->dry ? "would be " : "", rebuild_end_name(rebuild->end), PLAIN(replay->cli));
    plain_print(stdout, bytes_of(rebuild->story));
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
}

/* One message; the first of a trace stands for all of them. */
static int take(struct scan *scan, struct arena *arena, const struct stored_msg *msg,
                struct err *err)
{
    struct replay *replay = scan->replay;
    struct subject subject;
    struct rebuild rebuild;
    struct err     foreign = {0};
    char           detail[96];

    if (subject_read(arena, msg->subject, &subject, &foreign) == 0 &&
        seen_add(&scan->seen,
                 bytes_of(arena_format(arena, "%s.%s", subject.tenant, subject.trace)))) {
        TRY(rebuild_trace(scan->rebuilder, subject.tenant, subject.trace, msg->stored_us,
                          replay->dry, &rebuild, err));
        note(scan, subject.trace, &rebuild);
    }
    replay->after = (int64_t)msg->seq;
    (void)snprintf(detail, sizeof(detail), ", %zu traces, %lld put right", scan->seen.count,
                   (long long)(scan->ends[REBUILD_ADDED] + scan->ends[REBUILD_REBUILT]));
    replay_progress(replay, 1, "messages", detail);
    return replay_keep(replay, false, err);
}

static bool is_over(const struct replay_filter *filter, const struct stored_msg *msg)
{
    return (filter->to_seq > 0 && (int64_t)msg->seq > filter->to_seq) ||
           (filter->until_us > 0 && msg->stored_us >= filter->until_us);
}

static int walk(struct scan *scan, struct err *err)
{
    struct replay                 *replay = scan->replay;
    const struct replay_filter    *filter = &replay->filter;
    char                           subject[SUBJECT_BYTES];
    CLEANUP(browse) struct browse *browse = NULL;
    CLEANUP(arena) struct arena   *arena = arena_new();
    struct browse_settings         settings = {
                .stream_name = "PRT_INGEST",
                .subject = subject,
                .from_seq = (uint64_t)filter->from_seq,
                .from_us = filter->since_us,
    };

    (void)snprintf(subject, sizeof(subject), "prt.ingest.*.%s.*",
                   filter->trace == NULL ? "*" : filter->trace);
    if (replay->resumed) {
        settings.from_us = 0;
        settings.from_seq = (uint64_t)replay->after + 1;
    }
    TRY(browse_open(&browse, replay->farm.stream, &settings, err));
    replay->total = replay->done + (int64_t)browse_total(browse);
    if (replay->total == 0 && filter->trace != NULL) {
        return err_set(err, ERR_TRACE_UNKNOWN,
                       "%s: PRT_INGEST has no message of it (or none then, or no more)",
                       filter->trace);
    }
    (void)fprintf(stderr, "%s %llu messages of PRT_INGEST%s\n",
                  replay->dry       ? "looking through"
                  : replay->resumed ? "going on with"
                                    : "validating again",
                  (unsigned long long)browse_total(browse),
                  filter->to_seq > 0 || filter->until_us > 0 ? ", at most" : "");
    for (;;) {
        struct stored_msg msg;
        bool              there = false;

        arena_reset(arena);
        TRY(browse_next(browse, arena, &msg, &there, err));
        if (!there || is_over(filter, &msg)) {
            return 0;
        }
        TRY(take(scan, arena, &msg, err));
        TRY(replay_go_on(replay, err));
    }
}

static void tell(struct scan *scan)
{
    struct replay *replay = scan->replay;
    struct arena  *arena = replay->cli->arena;
    struct value   told = value_map();

    if (replay->cli->json) {
        value_put(arena, &told, "stage", value_text("validate"));
        value_put(arena, &told, "run", value_text(replay->run));
        value_put(arena, &told, "dry_run", value_flag(replay->dry));
        value_put(arena, &told, "messages", value_whole(replay->done));
        value_put(arena, &told, "traces", value_whole((int64_t)scan->seen.count));
        for (int end = 0; end < REBUILD_ENDS; end++) {
            value_put(arena, &told, rebuild_end_name((enum rebuild_end)end),
                      value_whole(scan->ends[end]));
        }
        value_put(arena, &told, "refused_again", value_whole(scan->refused));
        value_put(arena, &told, "changes", scan->changes);
        cli_print_json(&told);
        return;
    }
    printf("%lld messages of %zu traces: %lld right, %lld%s added, %lld%s rebuilt, %lld lost",
           (long long)replay->done, scan->seen.count, (long long)scan->ends[REBUILD_RIGHT],
           (long long)scan->ends[REBUILD_ADDED], replay->dry ? " would be" : "",
           (long long)scan->ends[REBUILD_REBUILT], replay->dry ? " would be" : "",
           (long long)scan->ends[REBUILD_LOST]);
    if (scan->ends[REBUILD_ERASED] > 0) {
        printf(", %lld erased", (long long)scan->ends[REBUILD_ERASED]);
    }
    if (scan->refused > 0) {
        printf("; %lld messages refused, as the first time", (long long)scan->refused);
    }
    printf("\n");
}

int replay_validate(struct replay *replay, struct err *err)
{
    struct scan scan = {.replay = replay, .changes = value_list()};
    struct err  unkept = {0};
    int         walked;

    scan.rebuilder = rebuilder_new(&replay->farm, replay->run);
    walked = walk(&scan, err);
    replay_clear_bar(replay);
    if (walked == 0) {
        walked = replay_forget(replay, err);
        tell(&scan);
    } else if (replay_keep(replay, true, &unkept) < 0) {
        (void)err_add(err, "%s; and", unkept.story);
    }
    rebuilder_free(scan.rebuilder);
    seen_done(&scan.seen);
    TRY(walked);
    return scan.ends[REBUILD_LOST] > 0 ? EXIT_UNTRUE : EXIT_DONE;
}
