// SPDX-License-Identifier: MIT
/*
 * file_list.c - the keys of a directory tree in byte order, a page at a time.
 *
 * Byte order of keys is the order of names in each directory if a directory's name is taken with
 * its slash ("a-b" < "a.b" < "a/b" < "a0"). Of each directory only as many names are held as the
 * page may still take, so memory does not grow with the store.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "blob/file_store.h"

/* The smallest names of one directory above `above`; directories end in a slash. */
struct names {
    char **name;
    size_t count;
    size_t most;
};

static void names_done(struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        mem_free(names->name[i]);
    }
    mem_free(names->name);
}
static inline void names_cleanup(struct names *slot)
{
    names_done(slot);
}

static void dir_close(DIR *dir)
{
    if (dir != NULL) {
        (void)closedir(dir);
    }
}
DEFINE_CLEANUP(dir, DIR *, dir_close)

static void names_add(struct names *names, const char *name)
{
    size_t low = 0;
    size_t high = names->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(names->name[middle], name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == names->most) {
        return;
    }
    if (names->count == names->most) {
        mem_free(names->name[--names->count]);
    }
    memmove(names->name + low + 1, names->name + low,
            (names->count - low) * sizeof(names->name[0]));
    names->name[low] = mem_text(name);
    names->count++;
}

/* May the key, or any key under it if it is a directory's, belong to the page? */
static bool may_hold(const struct blob_page *page, const char *path)
{
    size_t size = strlen(path);
    size_t prefix = strlen(page->prefix);
    bool   is_dir = path[size - 1] == '/';

    if (strncmp(path, page->prefix, is_dir && size < prefix ? size : prefix) != 0) {
        return false;
    }
    return strcmp(path, page->after) > 0 || (is_dir && strncmp(path, page->after, size) == 0);
}

static bool is_dir(int dir, const struct dirent *entry)
{
    struct stat info;

    if (entry->d_type != DT_UNKNOWN) {
        return entry->d_type == DT_DIR;
    }
    return fstatat(dir, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
}

static int names_read(struct names *names, struct blob_page *page, int fd, const char *path,
                      const char *above, struct err *err)
{
    CLEANUP(dir) DIR *dir = NULL;
    int               own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct dirent    *entry;
    char              name[BLOB_SEGMENT_MOST + 2];
    char              whole[BLOB_KEY_MOST + BLOB_SEGMENT_MOST + 3];

    dir = own < 0 ? NULL : fdopendir(own);
    if (dir == NULL) {
        (void)file_refused(err, "opening the directory \"%s\"", path);
        fd_close(own);
        return -1;
    }
    for (errno = 0; (entry = readdir(dir)) != NULL; errno = 0) {
        if (!blob_key_valid(entry->d_name)) {
            continue; /* ".", "..", "~new", and what never came from here */
        }
        (void)snprintf(name, sizeof(name), "%s%s", entry->d_name, is_dir(fd, entry) ? "/" : "");
        (void)snprintf(whole, sizeof(whole), "%s%s", path, name);
        if (strcmp(name, above) > 0 && may_hold(page, whole)) {
            names_add(names, name);
        }
    }
    return errno != 0 ? file_refused(err, "reading the directory \"%s\"", path) : 0;
}

static void put_entry(struct blob_page *page, int dir, const char *name, const char *key)
{
    struct blob_entry *entry = &page->entries[page->count];
    struct stat        info;

    if (fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(info.st_mode) ||
        !blob_key_valid(key)) {
        return; /* deleted meanwhile, or no object */
    }
    entry->key = arena_text(page->arena, bytes_of(key));
    entry->size = info.st_size;
    entry->changed_us = (int64_t)info.st_mtim.tv_sec * 1000000 + info.st_mtim.tv_nsec / 1000;
    page->count++;
}

/* Puts what lies under `dir`, whose keys begin with `path` and have `segments` more at most. */
static int list_dir(struct blob_page *page, int dir, const char *path, int segments,
                    struct err *err)
{
    char above[BLOB_SEGMENT_MOST + 2] = "";
    bool more = segments > 0 && strlen(path) < BLOB_KEY_MOST;

    while (more && page->count < page->most) {
        CLEANUP(names)
        struct names names = {.name = mem_get(page->most * sizeof(char *)),
                              .most = page->most - page->count};

        TRY(names_read(&names, page, dir, path, above, err));
        more = names.count == names.most;
        for (size_t i = 0; i < names.count && page->count < page->most; i++) {
            char   key[BLOB_KEY_MOST + BLOB_SEGMENT_MOST + 3];
            size_t size = strlen(names.name[i]);

            (void)snprintf(key, sizeof(key), "%s%s", path, names.name[i]);
            (void)snprintf(above, sizeof(above), "%s", names.name[i]);
            if (names.name[i][size - 1] == '/') {
                CLEANUP(fd) int child = file_enter(dir, names.name[i], size - 1);

                if (child < 0 && errno != ENOENT) {
                    return file_refused(err, "entering the directory \"%s\"", key);
                }
                if (child >= 0) {
                    TRY(list_dir(page, child, key, segments - 1, err));
                }
            } else {
                put_entry(page, dir, names.name[i], key);
            }
        }
    }
    return 0;
}

int file_list(struct blob_store *store, struct blob_page *page, struct err *err)
{
    return list_dir(page, ((struct file_store *)store)->bucket_fd[page->bucket], "",
                    BLOB_KEY_SEGMENTS, err);
}
