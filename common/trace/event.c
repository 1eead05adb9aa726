// SPDX-License-Identifier: MIT
#include "trace/event.h"

#include <string.h>

#include "trace/field.h"

static const struct {
    const char    *name;
    enum object_id object;
    unsigned       consent;
} types[] = {
#define NOTHING                          0
#define COMMANDS                         CONSENT_COMMANDS
#define RATIONALES                       CONSENT_RATIONALES
#define EVENT_TYPE(name, consent, words) [EVENT_##name] = {#name, OBJECT_##name, consent},
#include "schemas/event_field.def"
#undef EVENT_TYPE
};

const char *event_type_name(enum event_type type)
{
    return types[type].name;
}

int event_type_by_name(struct bytes name)
{
    for (int i = 0; i < EVENT_TYPES; i++) {
        if (bytes_is(name, types[i].name)) {
            return i;
        }
    }
    return -1;
}

const char *event_type_names(void)
{
    static const char names[] = ""
#define EVENT_TYPE(name, consent, words) "|" #name
#include "schemas/event_field.def"
#undef EVENT_TYPE
        ;

    return names + 1;
}

const struct object *event_object(enum event_type type)
{
    return object_of(types[type].object);
}

unsigned event_consent(enum event_type type)
{
    return types[type].consent;
}

int trace_head_check(struct check *check, const struct value *head, struct err *err)
{
    struct value copy = *head; /* its members are only looked at */

    check->id_chars = 128;
    check->path_chars = 4096;
    if (object_check(check, object_of(OBJECT_head), &copy, NULL)) {
        return 0;
    }
    return err_set(err, ERR_SCHEMA, "%s %s",
                   check->problems[0].pointer[0] == '\0' ? "the body" : check->problems[0].pointer,
                   check->problems[0].message);
}
