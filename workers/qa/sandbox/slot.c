// SPDX-License-Identifier: MIT
#include "workers/qa/sandbox/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

/* What a keeper says when its container stands. */
#define KEPT "prt-sandbox-kept\n"

enum { OUTER_GRACE_S = 60 }; /* beyond its age and a job's time it ends by itself */

void slot_begin(struct slot *slot, const struct slot_kind *kind, const char *job_id, size_t serial)
{
    slot->kind = kind;
    slot->arena = slot->place.arena = arena_new();
    slot->order_fd = slot->mounts_fd = slot->status_fd = slot->ends[0] = slot->ends[1] = -1;
    slot->id = arena_format(slot->arena, "%s-w%zu", job_id, serial);
}

static int mounts_find(struct slot *slot, pid_t keeper, struct err *err)
{
    const char *path = arena_format(slot->arena, "/proc/%d/ns/mnt", (int)keeper);

    slot->mounts_fd = open(path, O_RDONLY | O_CLOEXEC);
    return slot->mounts_fd < 0 ? err_errno(err, "looking for a warm container's mounts") : 0;
}

/* What runc starts in it only holds it open, and ends with the status it is told. */
static int slot_bundle(struct slot *slot, const struct zygote *zygote, struct err *err)
{
    const struct slot_kind *kind = slot->kind;
    const char             *life =
        arena_format(slot->arena, "%lld",
                     (long long)(SLOT_AGE_MS + kind->limits->wall_ms) / 1000 + OUTER_GRACE_S);
    const char *const argv[] = {
        "timeout", "-s", "KILL", life, "sh", "-c", "printf '" KEPT "'; read s; exit $s", NULL};
    struct runc_first  first = {BOX_KEEPER, zygote_users(zygote), argv};
    struct sandbox_job job = {
        .id = slot->id, .image = kind->base, .env = runc_env, .limits = kind->limits};

    TRY(place_make(&slot->place, slot->id, kind->base->handle, kind->limits, runc_uid(kind->runc),
                   err));
    return runc_bundle(kind->runc, &slot->place, &job, &first, err);
}

static int slot_start(struct slot *slot, struct err *err)
{
    int status[2];
    int started;

    if (pipe2(status, O_CLOEXEC) < 0) {
        return err_errno(err, "starting a warm container");
    }
    slot->status_fd = status[1];
    slot->said = (struct word_wait){.word = KEPT};
    runc_argv(slot->kind->runc, &slot->place, slot->id, BOX_KEEPER, slot->argv);
    slot->process = (struct process){.argv = slot->argv,
                                     .program = runc_program(slot->kind->runc, &slot->place),
                                     .env = runc_env,
                                     .in = &status[0],
                                     .out = {word_take, &slot->said},
                                     .err_out = {tail_take, &slot->tail},
                                     .ends = slot->ends};
    started = process_start(&slot->process, &slot->running, err);
    fd_close(status[0]);
    return started;
}

/* Only the guest and its usher hold these ends from here on: what they close is over. */
static void slot_ends_close(struct slot *slot)
{
    int *const ends[] = {&slot->ends[0], &slot->ends[1], &slot->status_fd};

    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        fd_close(*ends[i]);
        *ends[i] = -1;
    }
}

static int slot_seat(struct slot *slot, struct zygote *zygote, pid_t keeper, pid_t *ret_guest,
                     struct err *err)
{
    int order[2];
    int seated;

    if (pipe2(order, O_CLOEXEC) < 0) {
        return err_errno(err, "filling a warm container");
    }
    slot->order_fd = order[1];
    slot->said = (struct word_wait){.word = GUEST_READY};
    {
        struct seat seat = {.id = slot->id,
                            .keeper = keeper,
                            .in = order[0],
                            .out = slot->ends[0],
                            .err_out = slot->ends[1],
                            .status = slot->status_fd};

        seated = zygote_seat(zygote, &seat, ret_guest, err);
    }
    fd_close(order[0]);
    slot_ends_close(slot);
    return seated;
}

static int slot_await(struct slot *slot, const char *what, struct err *err)
{
    if (process_until(slot->running, &slot->said.seen, START_MS, err) < 0) {
        return err_set(err, ERR_SANDBOX_UNFIT, "%s did not get ready: %s", what,
                       tail_text(slot->arena, &slot->tail));
    }
    return 0;
}

int slot_make(struct slot *slot, struct zygote *zygote, struct err *err)
{
    pid_t keeper;
    pid_t guest;

    TRY(slot_bundle(slot, zygote, err));
    TRY(slot_start(slot, err));
    TRY(slot_await(slot, "a warm container", err));
    TRY(runc_pid(&slot->place, slot->running, &keeper, err));
    TRY(mounts_find(slot, keeper, err));
    TRY(slot_seat(slot, zygote, keeper, &guest, err));
    TRY(slot_await(slot, "a process in a warm container", err));
    TRY(zygote_check(keeper, guest, runc_uid(slot->kind->runc), err));
    slot->made_ms = clock_mono_us() / 1000;
    return 0;
}

void slot_clear(struct slot *slot)
{
    struct process_end end;
    struct err         ignored = {0};

    if (slot->arena == NULL) {
        return;
    }
    fd_close(slot->order_fd);
    fd_close(slot->mounts_fd);
    slot_ends_close(slot);
    /* None by that name: fine. */
    (void)!(slot->running == NULL ? runc_forget : runc_delete)(slot->kind->runc, slot->id,
                                                               &ignored);
    if (slot->running != NULL) {
        slot->process.out = slot->process.err_out = (struct sink){0};
        slot->process.wall_ms = RUNC_COMMAND_MS;
        (void)!process_finish(slot->running, &end, &ignored);
    }
    place_leave(&slot->place);
    arena_free(slot->arena);
    *slot = (struct slot){.state = SLOT_EMPTY};
}

static void stop_slot(void *self)
{
    struct slot *slot = self;

    runc_kill(slot->kind->runc, slot->id);
}

int slot_run(struct slot *slot, int mounts_fd, const struct engine_run *run, struct bytes order,
             struct slot_end *ret_end, struct err *err)
{
    const struct sandbox_job *job = run->job;
    struct process           *process = &slot->process;
    struct running           *running = slot->running;

    TRY(place_attach(&slot->place, job, mounts_fd, slot->mounts_fd, err));
    process->out = run->out;
    process->err_out = run->err_out;
    process->tick = job->tick;
    process->wall_ms = job->limits->wall_ms;
    process->started = run->started;
    process->start_ms = START_MS;
    process->stop = stop_slot;
    process->stop_self = slot;
    TRY(fd_write_all(slot->order_fd, order, err));
    slot->running = NULL;
    TRY(process_finish(running, &ret_end->process, err));
    return cgroup_judge(&slot->kind->runc->cgroups, slot->id, job->limits, &ret_end->oom, err);
}
