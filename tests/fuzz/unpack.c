// SPDX-License-Identifier: MIT
/* Any bytes as a workspace snapshot: whatever is unpacked is files, directories and links that stay
 * inside, within the limits; and what was unpacked can be packed. */
#include "fuzz/fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "pack/pack.h"

static const struct pack_limits limits = {.bytes = 1 << 16, .entries = 64, .ratio = 200};

static char   place[64]; /* of this process, empty between inputs */
static size_t entries;
static off_t  bytes;

static void check_link(const char *path)
{
    char   inside[PATH_MAX];
    char   target[PATH_MAX];
    size_t root = strlen(place);

    MUST(readlink(path, target, sizeof(target)) > 0);
    if (realpath(path, inside) != NULL) {
        MUST(strncmp(inside, place, root) == 0 && (inside[root] == '/' || inside[root] == '\0'));
    }
}

static int check_entry(const char *path, const struct stat *is, int kind, struct FTW *at)
{
    MUST(S_ISREG(is->st_mode) || S_ISDIR(is->st_mode) || S_ISLNK(is->st_mode));
    MUST(S_ISLNK(is->st_mode) || (is->st_mode & (S_ISUID | S_ISGID | S_ISVTX)) == 0);
    MUST(is->st_uid == geteuid());
    if (kind == FTW_SL || kind == FTW_SLN) {
        check_link(path);
    }
    if (S_ISREG(is->st_mode)) {
        bytes += is->st_nlink > 1 ? 0 : is->st_size;
    }
    entries += at->level > 0 ? 1 : 0;
    MUST(at->level == 0 || strcmp(path + at->base, ".git") != 0);
    return 0;
}

static ssize_t piece(void *from, void *room, size_t size, struct err *err)
{
    struct bytes *left = from;
    size_t        give = left->size < size ? left->size : size;

    (void)err;
    memcpy(room, left->data, give);
    *left = (struct bytes){left->data + give, left->size - give};
    return (ssize_t)give;
}

static void place_gone(void)
{
    struct err err = {0};

    (void)!dir_remove(place, &err);
}

static void make_place(void)
{
    struct err err = {0};

    if (place[0] == '\0') {
        (void)strcpy(place, "/tmp/prt-fuzz-XXXXXX");
        MUST(mkdtemp(place) != NULL);
        MUST(atexit(place_gone) == 0);
        return;
    }
    MUST(dir_remove(place, &err) == 0 && mkdir(place, 0755) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes       left = {data, size};
    struct pack_source source = {piece, &left};
    struct pack_stats  stats = {0};
    struct err         err = {0};
    int                result;

    make_place();
    result = pack_unpack(place, source, &limits, &stats, &err);
    entries = 0;
    bytes = 0;
    MUST(nftw(place, check_entry, 16, FTW_PHYS) == 0);
    MUST(bytes <= limits.bytes);
    if (result < 0) {
        MUST(err.code == ERR_ARCHIVE_REFUSED);
        return 0;
    }
    MUST(stats.bytes <= limits.bytes && stats.entries <= limits.entries);
    MUST(bytes <= stats.bytes);
    CLEANUP(fd) int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    MUST(fd >= 0 && pack_directory(place, fd, &err) == 0);
    return 0;
}
