// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "trace/message.h"

enum { NAME_MOST = 128, PARTS = 5 };

bool subject_name_ok(struct bytes name)
{
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-')) {
            return false;
        }
    }
    return name.size >= 1 && name.size <= NAME_MOST;
}

void subject_ingest(char *ret, const char *tenant, const char *trace, enum message_kind kind)
{
    (void)snprintf(ret, SUBJECT_BYTES, "prt.ingest.%s.%s.%s", tenant, trace,
                   message_kind_name(kind));
}

void subject_stage(char *ret, const char *family, const char *stage, const char *tenant,
                   const char *trace)
{
    (void)snprintf(ret, SUBJECT_BYTES, "prt.%s.%s.%s.%s", family, stage, tenant, trace);
}

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* In place; 0 if there are more or fewer than PARTS, or one is no name. */
static bool cut(char *subject, char *ret_parts[PARTS])
{
    size_t count = 0;

    for (char *part = subject; part != NULL; count++) {
        char *dot = strchr(part, '.');

        if (count == PARTS) {
            return false;
        }
        if (dot != NULL) {
            *dot++ = '\0';
        }
        if (!subject_name_ok(bytes_of(part))) {
            return false;
        }
        ret_parts[count] = part;
        part = dot;
    }
    return count == PARTS;
}

int subject_read(struct arena *arena, const char *subject, struct subject *ret_subject,
                 struct err *err)
{
    static const char *const families[] = {"work", "result", "dead"};
    static const char *const kinds[] = {"open", "chunk", "artifact", "complete", "batch", "erase"};
    char                    *part[PARTS];

    if (cut(arena_text(arena, bytes_of(subject)), part) && strcmp(part[0], "prt") == 0) {
        if (strcmp(part[1], "ingest") == 0 && is_one_of(part[4], kinds, COUNT_OF(kinds))) {
            *ret_subject = (struct subject){
                .family = part[1], .tenant = part[2], .trace = part[3], .kind = part[4]};
            return 0;
        }
        if (is_one_of(part[1], families, COUNT_OF(families))) {
            *ret_subject = (struct subject){
                .family = part[1], .stage = part[2], .tenant = part[3], .trace = part[4]};
            return 0;
        }
    }
    return err_set(err, ERR_MALFORMED,
                   "\"%.100s\" is no subject of ours (prt.ingest.<tenant>.<trace>.<kind> or"
                   " prt.<work|result|dead>.<stage>.<tenant>.<trace>)",
                   subject);
}
