// SPDX-License-Identifier: MIT
#include <string.h>

#include "base/clock.h"
#include "gateway/cli/replay.h"
#include "trace/message.h"
#include "value/msgpack.h"

enum { PAGE = 256 };

static void put_text(struct buf *job, const char *name, const char *text)
{
    if (text != NULL) {
        msgpack_put_text(job, bytes_of(name));
        msgpack_put_text(job, bytes_of(text));
    }
}

/* A job of its own: qa and judge add a version for it, and none when the message comes twice.
 * Finalize has no versions: its document comes out the same. */
static struct publication work_of(const struct replay *replay, struct arena *arena,
                                  const struct replay_row *row)
{
    char                    subject[SUBJECT_BYTES];
    CLEANUP(buf) struct buf job = {0};
    CLEANUP(buf) struct buf body = {0};
    bool                    named = strcmp(replay->stage, "finalize") != 0;
    const char *id = arena_format(arena, "%s-%s~%s", replay->stage, row->trace, replay->run);

    subject_stage(subject, "work", replay->stage, row->tenant, row->trace);
    msgpack_put_map(&job, (uint32_t)(named + (replay->model != NULL) + (replay->rubric != NULL) +
                                     replay->fresh));
    put_text(&job, "job_id", named ? id : NULL);
    put_text(&job, "model", replay->model);
    put_text(&job, "rubric", replay->rubric);
    if (replay->fresh) {
        msgpack_put_text(&job, BYTES("fresh"));
        msgpack_put_flag(&job, true);
    }
    message_write(&body, &(struct message){
                             .kind = MESSAGE_WORK, .at_us = clock_us(), .body = buf_bytes(&job)});
    return (struct publication){
        .subject = arena_text(arena, bytes_of(subject)),
        .body = arena_bytes(arena, buf_bytes(&body)),
        .id = id,
        .replay = replay->run,
    };
}

static int publish_page(struct replay *replay, struct arena *arena, const struct replay_row *rows,
                        size_t count, struct err *err)
{
    struct publication *all = arena_zero(arena, count, sizeof(*all));

    for (size_t i = 0; i < count; i++) {
        all[i] = work_of(replay, arena, &rows[i]);
    }
    TRY(stream_publish_all(replay->farm.stream, all, count, err));
    replay->after = rows[count - 1].trace_no;
    replay_progress(replay, (int64_t)count, "traces", "");
    return replay_keep(replay, false, err);
}

static int publish_all(struct replay *replay, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const size_t                 page =
        replay->rate > 0 && replay->rate < 10 * PAGE ? (size_t)(replay->rate + 9) / 10 : PAGE;

    for (;;) {
        struct replay_row *rows = NULL;
        size_t             count = 0;

        arena_reset(arena);
        TRY(replay_traces(replay->farm.store, arena, &replay->filter, replay->after, page, &rows,
                          &count, err));
        if (count == 0) {
            return 0;
        }
        TRY(publish_page(replay, arena, rows, count, err));
        TRY(replay_go_on(replay, err));
    }
}

static void tell(struct replay *replay)
{
    struct arena *arena = replay->cli->arena;
    struct value  told = value_map();

    if (replay->cli->json) {
        value_put(arena, &told, "stage", value_text(replay->stage));
        value_put(arena, &told, "run", value_text(replay->run));
        value_put(arena, &told, "dry_run", value_flag(replay->dry));
        value_put(arena, &told, "traces", value_whole(replay->dry ? replay->total : replay->done));
        cli_print_json(&told);
    } else if (replay->dry) {
        printf("%lld trace%s would be given to %s again\n", (long long)replay->total,
               replay->total == 1 ? "" : "s", replay->stage);
    } else {
        printf("%lld trace%s given to %s again (replay %s); prt status shows how far it is\n",
               (long long)replay->done, replay->done == 1 ? "" : "s", replay->stage, replay->run);
    }
}

int replay_work(struct replay *replay, struct err *err)
{
    struct err unkept = {0};
    int64_t    left = 0;

    replay->filter.unfinalized = strcmp(replay->stage, "finalize") == 0;
    TRY(replay_count(replay->farm.store, replay->cli->arena, &replay->filter, replay->after, &left,
                     err));
    replay->total = replay->done + left;
    if (replay->total == 0 && replay->filter.trace != NULL) {
        return err_set(err, ERR_TRACE_UNKNOWN,
                       "%s: it is not there, not %s, or does not fit the other options",
                       replay->filter.trace,
                       replay->filter.unfinalized ? "complete" : "finalized");
    }
    if (!replay->dry) {
        (void)fprintf(stderr, "%s %lld trace%s to %s\n",
                      replay->resumed ? "going on: giving" : "giving", (long long)left,
                      left == 1 ? "" : "s", replay->stage);
        if (publish_all(replay, err) < 0) {
            replay_clear_bar(replay);
            if (replay_keep(replay, true, &unkept) < 0) {
                (void)err_add(err, "%s; and", unkept.story);
            }
            return -1;
        }
        replay_clear_bar(replay);
    }
    TRY(replay_forget(replay, err));
    tell(replay);
    return EXIT_DONE;
}
