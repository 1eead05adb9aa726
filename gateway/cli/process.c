// SPDX-License-Identifier: MIT
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "gateway/cli/local.h"
#include "value/json.h"

enum { STAT_MOST = 4096, STATE_MOST = 1 << 20, START_TIME_FIELD = 22 };

uint64_t process_start_ticks(pid_t pid)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct err   err = {0};
    struct bytes stat;
    char        *at;

    if (file_read(arena, arena_format(arena, "/proc/%d/stat", (int)pid), STAT_MOST, &stat, &err) < 0) {
        return 0;
    }
    /* Field 2 is the name in brackets and may hold anything: count from the last one. */
    at = strrchr(arena_text(arena, stat), ')');
    for (int field = 2; at != NULL && field < START_TIME_FIELD; field++) {
        at = strchr(at + 1, ' ');
        if (at != NULL && field == 2 && at[1] == 'Z') {
            return 0; /* dead, only not yet buried */
        }
    }
    return at == NULL ? 0 : strtoull(at, NULL, 10);
}

bool process_lives(const struct process *process)
{
    uint64_t ticks = process_start_ticks(process->pid);

    return ticks != 0 && ticks == process->start_ticks;
}

int local_write_processes(struct cli *cli, const struct process *list, size_t count, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(buf) struct buf file = {0};
    struct value all = value_list();

    for (size_t i = 0; i < count; i++) {
        struct value one = value_map();

        value_put(arena, &one, "name", value_text(list[i].name));
        value_put(arena, &one, "pid", value_whole(list[i].pid));
        value_put(arena, &one, "start_ticks", value_whole((int64_t)list[i].start_ticks));
        value_append(arena, &all, one);
    }
    json_pretty(&file, &all);
    return file_replace(local_path(cli, "up.json"), buf_bytes(&file), 0644, err);
}

int local_read_processes(struct cli *cli, struct process **ret_list, size_t *ret_count,
                         struct err *err)
{
    static const struct value_limits limits = {STATE_MOST, 8, 10000};
    struct bytes    file;
    struct value    all;
    struct process *list;

    TRY(file_read(cli->arena, local_path(cli, "up.json"), STATE_MOST, &file, err));
    TRY(json_read(cli->arena, file, &limits, &all, err));
    if (all.kind != VALUE_LIST || all.count == 0) {
        return err_set(err, ERR_NOT_FOUND, "%s/up.json names no process", cli->data);
    }
    list = arena_zero(cli->arena, all.count, sizeof(*list));
    for (uint32_t i = 0; i < all.count; i++) {
        const struct value *one = &all.as.items[i];

        list[i].name = arena_text(cli->arena, value_text_or(value_get(one, "name"), "?"));
        list[i].pid = (pid_t)value_whole_or(value_get(one, "pid"), 0);
        list[i].start_ticks = (uint64_t)value_whole_or(value_get(one, "start_ticks"), 0);
    }
    *ret_list = list;
    *ret_count = all.count;
    return 0;
}
