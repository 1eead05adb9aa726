// SPDX-License-Identifier: MIT
/*
 * json_walk.h - walks over a JSON text once and hands what it finds to a sink.
 *
 * What others let pass (json.h lists it) is refused here, once for all sinks.
 */
#ifndef PRT_VALUE_JSON_WALK_H
#define PRT_VALUE_JSON_WALK_H

#include "base/err.h"
#include "value/value.h"

/* Whoever wants the values embeds this as the first member. Text that is not `lasting` must be
 * copied before the call returns; the rest points into the input. */
struct json_sink {
    void (*put)(struct json_sink *sink, const struct value *scalar, bool lasting);
    void (*name)(struct json_sink *sink, struct bytes name, bool lasting);

    /* VALUE_LIST or VALUE_MAP; what open returns is given back to close. */
    size_t (*open)(struct json_sink *sink, enum value_kind kind);
    void (*close)(struct json_sink *sink, enum value_kind kind, size_t mark, uint32_t count);
};

WARN_UNUSED int json_walk(struct bytes json, const struct value_limits *limits,
                          struct json_sink *sink, struct err *err);

#endif
