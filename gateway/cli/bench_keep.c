// SPDX-License-Identifier: MIT
/*
 * The traces of a run in a file, for the next one: a line each, TRACE TOKEN CHUNKS EVENTS. So a
 * farm with many open traces, or long ones, is filled once and measured as often as wanted.
 */
#include <inttypes.h>
#include <string.h>

#include "base/fd.h"
#include "gateway/cli/bench.h"

enum { LINE_MOST = 1024, KEPT_MODE = 0600 /* upload tokens */ };

static int read_line(struct cli *cli, const char *line, struct bench_trace *ret_trace)
{
    char trace[64];
    char token[LINE_MOST];

    if (sscanf(line, "%63s %1023s %" SCNd64 " %" SCNd64, trace, token, &ret_trace->chunks,
               &ret_trace->events) != 4) {
        return -1;
    }
    ret_trace->trace = arena_text(cli->arena, bytes_of(trace));
    ret_trace->token = arena_text(cli->arena, bytes_of(token));
    return 0;
}

static int count_lines(FILE *file)
{
    char line[LINE_MOST + 128];
    int  lines = 0;

    while (fgets(line, sizeof(line), file) != NULL) {
        lines++;
    }
    rewind(file);
    return lines;
}

int bench_traces_read(struct cli *cli, struct bench_plan *plan, struct bench_traces *ret_traces,
                      struct err *err)
{
    CLEANUP(file) FILE *file = plan->keep == NULL ? NULL : fopen(plan->keep, "re");
    char                line[LINE_MOST + 128];
    int64_t             kept = file == NULL ? 0 : count_lines(file);

    if (kept > plan->traces) {
        plan->traces = kept;
    }
    ret_traces->list = arena_zero(cli->arena, (size_t)plan->traces, sizeof(*ret_traces->list));
    ret_traces->count = 0;
    while (ret_traces->count < kept && fgets(line, sizeof(line), file) != NULL) {
        if (read_line(cli, line, &ret_traces->list[ret_traces->count]) < 0) {
            return err_set(err, ERR_USAGE,
                           "--keep %s: line %lld is not what prt bench --keep wrote; another name,"
                           " or remove the file",
                           plan->keep, (long long)ret_traces->count + 1);
        }
        ret_traces->count++;
    }
    return 0;
}

int bench_traces_keep(const struct bench_plan *plan, const struct bench_traces *traces,
                      struct err *err)
{
    CLEANUP(buf) struct buf lines = {0};

    if (plan->keep == NULL) {
        return 0;
    }
    for (int64_t i = 0; i < traces->count; i++) {
        const struct bench_trace *one = &traces->list[i];

        buf_format(&lines, "%s %s %" PRId64 " %" PRId64 "\n", one->trace, one->token, one->chunks,
                   one->events);
    }
    if (file_replace(plan->keep, buf_bytes(&lines), KEPT_MODE, err) < 0) {
        return err_add(err, "--keep %s", plan->keep);
    }
    return 0;
}
