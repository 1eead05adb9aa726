// SPDX-License-Identifier: MIT
/*
 * redact_scan - what the rules of schemas/redact.def take out of files.
 *
 * usage: redact_scan [--plain] <LIST        LIST: a path a line. Run by tests/bench/redact.
 *
 * A line for each find, separated by tabs: rule, kind, path, number of the line, the line around
 * it. What would be replaced stands there between two marks, its letters and digits as A, a and 0;
 * --plain shows it as it is. The last line: "scanned", files, bytes, files left out because they
 * are no text, milliseconds.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/utf8.h"
#include "trace/secret.h"

enum { FILE_MOST = 1 << 30, PATH_MOST = 4096, AROUND = 70, SHOWN_MOST = 60 };

static bool plain;

struct scanned {
    uint64_t files, bytes, left_out;
};

static uint8_t shape_of(uint8_t c)
{
    if (plain) {
        return c;
    }
    return char_is_digit(c) ? '0' : !char_is_letter(c) ? c : c >= 'a' ? 'a' : 'A';
}

static void put_shown(struct buf *out, struct bytes text, bool shaped)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];

        buf_put_byte(out, c < ' ' ? ' ' : shaped ? shape_of(c) : c);
    }
}

/* The line (a key has many: only its first) with the secret between its marks. */
static void tell(const struct secret_rule *rule, const char *path, size_t line, struct bytes text,
                 struct secret_span span)
{
    CLEANUP(buf) struct buf out = {0};
    size_t                  from = span.from;
    size_t                  to = span.to;
    size_t end = span.to - span.from > SHOWN_MOST ? span.from + SHOWN_MOST : span.to;

    while (from > 0 && span.from - from < AROUND && text.data[from - 1] != '\n') {
        from--;
    }
    while (to < text.size && to - span.to < AROUND && text.data[to] != '\n') {
        to++;
    }
    buf_format(&out, "%.*s\t%s\t%s\t%zu\t", (int)rule->anchor.size, (const char *)rule->anchor.data,
               secret_kind_name(rule->kind), path, line);
    put_shown(&out, (struct bytes){text.data + from, span.from - from}, false);
    buf_put_text(&out, ">>>");
    put_shown(&out, (struct bytes){text.data + span.from, end - span.from}, true);
    buf_put_text(&out, "<<<");
    put_shown(&out, (struct bytes){text.data + span.to, to - span.to}, false);
    puts(buf_text(&out));
}

static void scan(const char *path, struct bytes text)
{
    const struct secret_rule *rule;
    struct secret_span        span = {0};
    size_t                    line = 1;
    size_t                    counted = 0;

    while ((rule = secret_next(text, span.to, &span)) != NULL) {
        for (; counted < span.from; counted++) {
            line += text.data[counted] == '\n';
        }
        tell(rule, path, line, text, span);
    }
}

static int scan_file(const char *path, struct scanned *scanned, struct err *err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct bytes                 text;

    TRY(file_read(arena, path, FILE_MOST, &text, err));
    if (utf8_wrong_at(text) < text.size || memchr(text.data, 0, text.size) != NULL) {
        scanned->left_out++;
        return 0;
    }
    scan(path, text);
    scanned->files++;
    scanned->bytes += text.size;
    return 0;
}

int main(int argc, char **argv)
{
    struct scanned scanned = {0};
    struct err     err = {0};
    int64_t        started = clock_mono_us();
    char           path[PATH_MOST];

    plain = argc > 1 && strcmp(argv[1], "--plain") == 0;
    while (fgets(path, sizeof(path), stdin) != NULL) {
        path[strcspn(path, "\n")] = 0;
        if (scan_file(path, &scanned, &err) < 0) {
            (void)fprintf(stderr, "redact_scan: %s: %s\n", path, err.story);
            return 1;
        }
    }
    printf("scanned\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRId64 "\n", scanned.files,
           scanned.bytes, scanned.left_out, (clock_mono_us() - started) / 1000);
    return 0;
}
