// SPDX-License-Identifier: MIT
#include "workers/judge/score/answer.h"

#include <math.h>
#include <string.h>

#include "value/json.h"

enum { ANSWER_MOST = 256 * 1024, REASON_MOST = 2000, SUMMARY_MOST = 4000 };

static const struct value_limits limits = {ANSWER_MOST, 8, 5000};

static const char summary_name[] = "feedback_summary";
static const char flags_name[] = "flags";

static struct bytes trimmed(struct bytes text)
{
    while (text.size > 0 && strchr(" \t\r\n", text.data[0]) != NULL && text.data[0] != '\0') {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && strchr(" \t\r\n", text.data[text.size - 1]) != NULL &&
           text.data[text.size - 1] != '\0') {
        text.size--;
    }
    return text;
}

/* ```json ... ``` around the whole; models do that however they are asked. */
static struct bytes without_fence(struct bytes text)
{
    const uint8_t *line_end;

    text = trimmed(text);
    if (text.size < 7 || memcmp(text.data, "```", 3) != 0 ||
        memcmp(text.data + text.size - 3, "```", 3) != 0) {
        return text;
    }
    line_end = memchr(text.data, '\n', text.size);
    if (line_end == NULL || line_end + 3 > text.data + text.size) {
        return text;
    }
    return trimmed((struct bytes){line_end + 1,
                                  (size_t)(text.data + text.size - 3 - (line_end + 1))});
}

static bool refuse(const char **ret_why, const char *why)
{
    *ret_why = why;
    return false;
}

static struct bytes shortened(struct bytes text, size_t most)
{
    if (text.size > most) {
        text.size = most;
        while (text.size > 0 && (text.data[text.size] & 0xc0) == 0x80) {
            text.size--;
        }
    }
    return text;
}

/* Members that nobody asked for; the story of "missing" needs no list, it is found by asking. */
static bool only_members(struct arena *arena, const struct value *map, const char *const *names,
                         size_t count, const char *where, const char **ret_why)
{
    for (uint32_t i = 0; i < map->count; i++) {
        bool known = false;

        for (size_t j = 0; j < count; j++) {
            known |= bytes_is(map->as.members[i].name, names[j]);
        }
        if (!known) {
            struct bytes name = shortened(map->as.members[i].name, 64);

            return refuse(ret_why, arena_format(arena, "%s has an unknown member \"%.*s\"", where,
                                                (int)name.size, (const char *)name.data));
        }
    }
    return true;
}

static bool read_evidence(struct arena *arena, const struct value *list, const char *name,
                          const struct session *session, struct finding *finding,
                          const char **ret_why)
{
    if (list == NULL || list->kind != VALUE_LIST) {
        return refuse(ret_why, arena_format(arena, "%s has no list \"evidence\"", name));
    }
    for (uint32_t i = 0; i < list->count; i++) {
        const struct value *seq = &list->as.items[i];

        if (seq->kind != VALUE_WHOLE) {
            return refuse(ret_why,
                          arena_format(arena, "%s: evidence holds something that is no whole"
                                              " number", name));
        }
        if (!session_has_seq(session, seq->as.whole)) {
            return refuse(ret_why, arena_format(arena, "%s cites event %lld, which does not exist",
                                                name, (long long)seq->as.whole));
        }
        if (finding->evidence_count < EVIDENCE_MOST) {
            finding->evidence[finding->evidence_count++] = seq->as.whole;
        }
    }
    return true;
}

static bool read_dimension(struct arena *arena, const struct value *part, const char *name,
                           const struct session *session, struct finding *finding,
                           const char **ret_why)
{
    static const char *const names[] = {"score", "reason", "evidence"};
    const struct value      *score = value_get(part, "score");
    const struct value      *reason = value_get(part, "reason");

    if (part == NULL || part->kind != VALUE_MAP) {
        return refuse(ret_why, arena_format(arena, "%s is missing", name));
    }
    if (!only_members(arena, part, names, COUNT_OF(names), name, ret_why)) {
        return false;
    }
    if (score == NULL || (score->kind != VALUE_WHOLE && score->kind != VALUE_REAL)) {
        return refuse(ret_why, arena_format(arena, "%s has no number \"score\"", name));
    }
    finding->score = value_real_or(score, NAN);
    if (!(finding->score >= 0 && finding->score <= SCORE_MOST)) {
        return refuse(ret_why, arena_format(arena, "%s has the score %g, which is not from 0 to %d",
                                            name, finding->score, SCORE_MOST));
    }
    if (reason == NULL || reason->kind != VALUE_TEXT || trimmed(reason->as.text).size == 0) {
        return refuse(ret_why, arena_format(arena, "%s has no reason", name));
    }
    finding->reason = shortened(trimmed(reason->as.text), REASON_MOST);
    return read_evidence(arena, value_get(part, "evidence"), name, session, finding, ret_why);
}

static bool may_raise(enum judge_flag flag)
{
    return strncmp(flag_words(flag), "scorer: ", 8) == 0;
}

static bool read_flags(struct arena *arena, const struct value *list, unsigned *ret_flags,
                       const char **ret_why)
{
    if (list == NULL || list->kind != VALUE_LIST) {
        return refuse(ret_why, "there is no list \"flags\"");
    }
    for (uint32_t i = 0; i < list->count; i++) {
        bool known = false;

        for (int flag = 0; flag < FLAGS; flag++) {
            if (may_raise((enum judge_flag)flag) &&
                value_is_text(&list->as.items[i], flag_name((enum judge_flag)flag))) {
                *ret_flags |= 1u << flag;
                known = true;
            }
        }
        if (!known) {
            struct bytes name = shortened(value_text_or(&list->as.items[i], "(no text)"), 64);

            return refuse(ret_why, arena_format(arena, "there is no flag \"%.*s\"", (int)name.size,
                                                (const char *)name.data));
        }
    }
    return true;
}

bool answer_read(struct arena *arena, struct bytes text, const struct session *session,
                 struct opinion *ret_opinion, const char **ret_why)
{
    const char          *names[DIMENSIONS + 2] = {[DIMENSIONS] = summary_name, flags_name};
    struct opinion       opinion = {0};
    struct err           err = {0};
    struct value         answer;
    const struct value  *summary;

    text = without_fence(text);
    if (text.size == 0) {
        return refuse(ret_why, "it is empty");
    }
    if (json_read(arena, text, &limits, &answer, &err) < 0) {
        return refuse(ret_why, arena_format(arena, "it is no JSON object (%s)", err.story));
    }
    if (answer.kind != VALUE_MAP) {
        return refuse(ret_why, "it is no JSON object");
    }
    for (int i = 0; i < DIMENSIONS; i++) {
        names[i] = dimension_name((enum dimension)i);
    }
    if (!only_members(arena, &answer, names, COUNT_OF(names), "it", ret_why)) {
        return false;
    }
    for (int i = 0; i < DIMENSIONS; i++) {
        if (!read_dimension(arena, value_get(&answer, names[i]), names[i], session,
                            &opinion.finding[i], ret_why)) {
            return false;
        }
    }
    summary = value_get(&answer, summary_name);
    if (summary == NULL || summary->kind != VALUE_TEXT || trimmed(summary->as.text).size == 0) {
        return refuse(ret_why, "feedback_summary is missing");
    }
    opinion.summary = shortened(trimmed(summary->as.text), SUMMARY_MOST);
    if (!read_flags(arena, value_get(&answer, flags_name), &opinion.flags, ret_why)) {
        return false;
    }
    *ret_opinion = opinion;
    return true;
}

/* -------- the schema -------- */

static struct value typed(struct arena *arena, const char *type)
{
    struct value schema = value_map();

    value_put(arena, &schema, "type", value_text(type));
    return schema;
}

static struct value list_of(struct arena *arena, struct value items)
{
    struct value schema = typed(arena, "array");

    value_put(arena, &schema, "items", items);
    return schema;
}

/* Strict mode wants every member required and no others. */
static struct value object_of(struct arena *arena, struct value properties)
{
    struct value schema = typed(arena, "object");
    struct value required = value_list();

    for (uint32_t i = 0; i < properties.count; i++) {
        value_append(arena, &required, value_bytes(properties.as.members[i].name));
    }
    value_put(arena, &schema, "properties", properties);
    value_put(arena, &schema, "required", required);
    value_put(arena, &schema, "additionalProperties", value_flag(false));
    return schema;
}

struct value answer_schema(struct arena *arena)
{
    struct value properties = value_map();
    struct value flag = typed(arena, "string");
    struct value flags = value_list();

    for (int i = 0; i < DIMENSIONS; i++) {
        struct value dimension = value_map();

        value_put(arena, &dimension, "score", typed(arena, "number"));
        value_put(arena, &dimension, "reason", typed(arena, "string"));
        value_put(arena, &dimension, "evidence", list_of(arena, typed(arena, "integer")));
        value_put(arena, &properties, dimension_name((enum dimension)i),
                  object_of(arena, dimension));
    }
    for (int i = 0; i < FLAGS; i++) {
        if (may_raise((enum judge_flag)i)) {
            value_append(arena, &flags, value_text(flag_name((enum judge_flag)i)));
        }
    }
    value_put(arena, &flag, "enum", flags);
    value_put(arena, &properties, summary_name, typed(arena, "string"));
    value_put(arena, &properties, flags_name, list_of(arena, flag));
    return object_of(arena, properties);
}

int answer_write(struct buf *out, struct arena *arena, const struct opinion *opinion,
                 struct err *err)
{
    struct value answer = value_map();
    struct value flags = value_list();

    for (int i = 0; i < DIMENSIONS; i++) {
        const struct finding *finding = &opinion->finding[i];
        struct value          part = value_map();
        struct value          evidence = value_list();

        for (size_t j = 0; j < finding->evidence_count; j++) {
            value_append(arena, &evidence, value_whole(finding->evidence[j]));
        }
        value_put(arena, &part, "score", value_real(finding->score));
        value_put(arena, &part, "reason", value_bytes(finding->reason));
        value_put(arena, &part, "evidence", evidence);
        value_put(arena, &answer, dimension_name((enum dimension)i), part);
    }
    for (int i = 0; i < FLAGS; i++) {
        if ((opinion->flags >> i & 1) != 0 && may_raise((enum judge_flag)i)) {
            value_append(arena, &flags, value_text(flag_name((enum judge_flag)i)));
        }
    }
    value_put(arena, &answer, summary_name, value_bytes(opinion->summary));
    value_put(arena, &answer, flags_name, flags);
    return jcs_write(out, &answer, err);
}
