// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "gateway/cli/dead.h"
#include "gateway/cli/payload.h"
#include "value/json.h"

enum { EDITED_MOST = 256 << 20 };

static int write_draft(struct dead *dead, const struct letter *letter, const char **ret_path,
                       struct bytes *ret_text, struct err *err)
{
    struct arena *arena = dead->cli->arena;
    const char   *dir = getenv("TMPDIR");
    char *path = arena_format(arena, "%s/prt-dead-%llu-XXXXXX.json", dir == NULL ? "/tmp" : dir,
                              (unsigned long long)letter->seq);
    CLEANUP(buf) struct buf text = {0};
    CLEANUP(fd) int         fd = -1;
    struct value            value;

    TRY(payload_decode(arena, dead->farm.blob, letter->letter.payload, &value, err));
    json_pretty(&text, &value);
    buf_put_byte(&text, '\n');
    fd = mkstemps(path, (int)strlen(".json")); /* mode 0600: it is somebody's source code */
    if (fd < 0) {
        return err_errno(err, "making %s", path);
    }
    TRY(fd_write_all(fd, buf_bytes(&text), err));
    *ret_path = path;
    *ret_text = arena_bytes(arena, buf_bytes(&text));
    return 0;
}

/* $VISUAL and $EDITOR may hold options, as "code --wait" does: a shell reads them. */
static int run_editor(const char *path, struct err *err)
{
    int   status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        (void)execl("/bin/sh", "sh", "-c", "${VISUAL:-${EDITOR:-vi}} \"$1\"", "sh", path,
                    (char *)NULL);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0) {
        return err_errno(err, "starting the editor");
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return err_set(err, ERR_USAGE,
                       "the editor ended with %d; set EDITOR to one that is installed",
                       WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    }
    return 0;
}

static int put_back(struct dead *dead, const struct letter *letter, struct bytes json,
                    struct err *err)
{
    struct arena *arena = dead->cli->arena;
    struct bytes  payload;
    uint64_t      seq = 0;

    TRY(payload_encode(arena, dead->farm.blob, json, dead->cli->config.claim_check_from, &payload,
                       err));
    TRY(letter_retry(dead->farm.stream, letter, payload, &seq, err));
    (void)fprintf(stderr, "dead letter %llu: corrected and put back as %s seq %llu\n",
                  (unsigned long long)letter->seq, letter->letter.stream, (unsigned long long)seq);
    return EXIT_DONE;
}

static int edit_in_editor(struct dead *dead, const struct letter *letter, struct err *err)
{
    const char  *path = NULL;
    struct bytes before, after;

    TRY(write_draft(dead, letter, &path, &before, err));
    if (run_editor(path, err) < 0) {
        (void)unlink(path);
        return -1;
    }
    TRY(file_read(dead->cli->arena, path, EDITED_MOST, &after, err));
    if (bytes_equal(before, after)) {
        (void)unlink(path);
        (void)fprintf(stderr, "nothing was changed: dead letter %llu stays as it is\n",
                      (unsigned long long)letter->seq);
        return EXIT_DONE;
    }
    if (put_back(dead, letter, after, err) < 0) {
        return err_add(
            err, "your text is kept: prt dead edit %llu --from %s takes it when it is corrected",
            (unsigned long long)letter->seq, path);
    }
    (void)unlink(path);
    return EXIT_DONE;
}

int dead_edit(struct dead *dead, struct err *err)
{
    struct letter letter;
    struct bytes  json;

    if (dead->seq_count != 1) {
        return err_set(err, ERR_USAGE, "prt dead edit takes one SEQ");
    }
    TRY(letter_read(dead->farm.stream, dead->cli->arena, dead->seqs[0], &letter, err));
    if (dead->from == NULL) {
        return edit_in_editor(dead, &letter, err);
    }
    TRY(file_read(dead->cli->arena, dead->from, EDITED_MOST, &json, err));
    return put_back(dead, &letter, json, err);
}
