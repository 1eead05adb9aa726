// SPDX-License-Identifier: MIT
#include "workers/qa/workspace.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "crypto/crypto.h"
#include "workers/qa/sandbox/job.h"

/* One request to the object store each: few, and far shorter than a lease. */
enum { PIECE_BYTES = 1024 * 1024 };

struct download {
    struct blob_store     *blob;
    const struct snapshot *snapshot;
    struct heart          *heart;
    struct sha256         *sha;
    uint8_t               *piece;
    size_t                 size, used;
    int64_t                at;
};

static int piece_fill(struct download *download, struct err *err)
{
    TRY(heart_beat(download->heart, err));
    TRY(blob_read(download->blob, BUCKET_ARTIFACTS, download->snapshot->key, download->at,
                  download->piece, PIECE_BYTES, &download->size, err));
    download->used = 0;
    download->at += (int64_t)download->size;
    sha256_add(download->sha, (struct bytes){download->piece, download->size});
    return 0;
}

static ssize_t download_read(void *from, void *room, size_t size, struct err *err)
{
    struct download *download = from;
    size_t           left;

    if (download->used == download->size && download->at < download->snapshot->size_bytes) {
        TRY(piece_fill(download, err));
    }
    left = download->size - download->used;
    size = size < left ? size : left;
    memcpy(room, download->piece + download->used, size);
    download->used += size;
    return (ssize_t)size;
}

/* What the archive's reader left unread belongs to the hash as well. */
static int download_finish(struct download *download, struct err *err)
{
    uint8_t hash[HASH_BYTES];

    while (download->at < download->snapshot->size_bytes) {
        TRY(piece_fill(download, err));
        if (download->size == 0) {
            break;
        }
    }
    sha256_finish(download->sha, hash);
    if (download->at != download->snapshot->size_bytes ||
        memcmp(hash, download->snapshot->sha256, sizeof(hash)) != 0) {
        return err_set(err, ERR_BLOB_CORRUPT, "%s is not what was uploaded (%lld of %lld bytes)",
                       download->snapshot->key, (long long)download->at,
                       (long long)download->snapshot->size_bytes);
    }
    return 0;
}

/* A file that says "here is a project". */
static const char *const markers[] = {"pytest.ini", "pyproject.toml", "setup.py", "setup.cfg",
                                      "tox.ini",    "package.json",   "go.mod",   "README.md",
                                      "README.rst", "README",         "tests",    NULL};

/* Archives are often made of the project's directory instead of what is in it. */
static int root_find(struct arena *arena, const char *dir, const char **ret_root, struct err *err)
{
    const char **names;
    size_t       count;
    struct stat  info;

    *ret_root = "";
    TRY(dir_list(arena, dir, &names, &count, err));
    if (count != 1 || lstat(arena_format(arena, "%s/%s", dir, names[0]), &info) < 0 ||
        !S_ISDIR(info.st_mode)) {
        return 0;
    }
    for (size_t i = 0; markers[i] != NULL; i++) {
        if (access(arena_format(arena, "%s/%s/%s", dir, names[0], markers[i]), F_OK) == 0) {
            *ret_root = names[0];
            return 0;
        }
    }
    return 0;
}

int workspace_fetch(struct arena *arena, struct blob_store *blob, const struct snapshot *snapshot,
                    const struct pack_limits *limits, const char *dir, struct heart *heart,
                    struct workspace *ret_workspace, struct err *err)
{
    CLEANUP(sha256) struct sha256 *sha = sha256_new();
    CLEANUP(text) char            *piece = mem_get(PIECE_BYTES);
    struct download                download = {
                       .blob = blob, .snapshot = snapshot, .heart = heart, .sha = sha, .piece = (uint8_t *)piece};
    struct workspace workspace = {.dir = dir};
    struct err       refused = {0};
    int              unpacked;

    TRY(dir_make(dir, 0755, err));
    sha256_start(sha);
    unpacked = pack_unpack(dir, (struct pack_source){download_read, &download}, limits,
                           &workspace.stats, &refused);
    /* A damaged object looks like a damaged archive: ask for its hash first. */
    if (unpacked == 0 || refused.code == ERR_ARCHIVE_REFUSED) {
        TRY(download_finish(&download, err));
    }
    if (unpacked < 0) {
        *err = refused;
        return -1;
    }
    TRY(root_find(arena, dir, &workspace.root, err));
    *ret_workspace = workspace;
    return 0;
}
