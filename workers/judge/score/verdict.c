// SPDX-License-Identifier: MIT
#include "workers/judge/score/verdict.h"

#include <string.h>

#include "value/json.h"
#include "workers/judge/score/mock.h"

static const char *const status_names[] = {
    [VERDICT_SCORED] = "scored",
    [VERDICT_UNSCORED] = "unscored",
    [VERDICT_OFF] = "off",
};

const char *verdict_status_name(enum verdict_status status)
{
    return status_names[status];
}

void verdict_by_mock(struct verdict *ret_verdict, struct arena *arena, const struct rubric *rubric,
                     const struct session *session, const struct opinion *opinion)
{
    *ret_verdict = (struct verdict){
        .status = VERDICT_SCORED,
        .model = mock_model,
        .model_version = mock_version,
        .prompt_version = "none",
        .rubric = rubric,
        .document_sha256 = arena_text(arena, bytes_of(session->sha256)),
        .opinion = *opinion,
        .overall = rubric_overall(rubric, opinion),
    };
}

static const char *names_of(struct arena *arena, const struct panelist *panelists, size_t count,
                            bool versions)
{
    const char *names = "";

    for (size_t i = 0; i < count; i++) {
        const char *name = versions ? panelists[i].version : panelists[i].model;

        names = arena_format(arena, "%s%s%s", names, i > 0 ? "," : "", name == NULL ? "" : name);
    }
    return names;
}

static const char *why_none(struct arena *arena, const struct panelist *panelists, size_t count,
                            size_t quorum)
{
    const char *why = count == 1 ? "" : arena_format(arena, "fewer than %zu models scored", quorum);

    for (size_t i = 0; i < count; i++) {
        if (panelists[i].status != PANELIST_SCORED) {
            why = arena_format(arena, "%s%s%s: %s", why, why[0] == '\0' ? "" : "; ",
                               panelists[i].model, panelists[i].why);
        }
    }
    return why;
}

void verdict_by_panel(struct verdict *ret_verdict, struct arena *arena, const struct rubric *rubric,
                      const struct session *session, const struct prompt *prompt,
                      const struct panelist *panelists, size_t count, size_t quorum)
{
    const char *versions = names_of(arena, panelists, count, true);
    unsigned    suspected = 0;

    *ret_verdict = (struct verdict){
        .status = VERDICT_UNSCORED,
        .model = names_of(arena, panelists, count, false),
        .model_version = versions[strspn(versions, ",")] == '\0' ? NULL : versions,
        .prompt_version = prompt->version,
        .rubric = rubric,
        .document_sha256 = arena_text(arena, bytes_of(session->sha256)),
        .panelists = panelists,
        .panelist_count = count,
        .quorum = quorum,
        .prompt_tokens = prompt->tokens,
        .prompt_cuts = prompt->cuts,
    };
    for (size_t i = 0; i < count; i++) {
        suspected |= panelists[i].opinion.flags & 1u << FLAG_injection_suspected;
        ret_verdict->tokens_prompt += panelists[i].cached ? 0 : panelists[i].tokens_prompt;
        ret_verdict->tokens_answer += panelists[i].cached ? 0 : panelists[i].tokens_answer;
        if (panelists[i].cost_usd < 0 || ret_verdict->cost_usd < 0) {
            ret_verdict->cost_usd = -1;
        } else if (!panelists[i].cached) {
            ret_verdict->cost_usd += panelists[i].cost_usd;
        }
    }
    if (panel_combine(rubric, panelists, count, quorum, &ret_verdict->opinion,
                      ret_verdict->spread)) {
        ret_verdict->status = VERDICT_SCORED;
        ret_verdict->overall = rubric_overall(rubric, &ret_verdict->opinion);
    } else {
        ret_verdict->why = why_none(arena, panelists, count, quorum);
    }
    ret_verdict->opinion.flags |= suspected;
}

static struct value evidence_value(struct arena *arena, const struct finding *finding)
{
    struct value list = value_list();

    for (size_t i = 0; i < finding->evidence_count; i++) {
        value_append(arena, &list, value_whole(finding->evidence[i]));
    }
    return list;
}

static void put_scores(struct arena *arena, struct value *out, const struct verdict *verdict)
{
    struct value scores = value_map();
    struct value reasons = value_map();
    bool         scored = verdict->status == VERDICT_SCORED;

    for (int i = 0; i < DIMENSIONS; i++) {
        const struct finding *finding = &verdict->opinion.finding[i];
        const char           *name = dimension_name((enum dimension)i);
        struct value          reason = value_map();

        value_put(arena, &scores, name, scored ? value_real(finding->score) : value_null());
        value_put(arena, &reason, "reason", value_bytes(finding->reason));
        value_put(arena, &reason, "evidence", evidence_value(arena, finding));
        if (scored) {
            value_put(arena, &reasons, name, reason);
        }
    }
    value_put(arena, &scores, "overall", scored ? value_real(verdict->overall) : value_null());
    value_put(arena, out, "scores", scores);
    value_put(arena, out, "reasons", reasons);
}

static struct value flags_value(struct arena *arena, unsigned flags)
{
    struct value list = value_list();

    for (int i = 0; i < FLAGS; i++) {
        if ((flags >> i & 1) != 0) {
            value_append(arena, &list, value_text(flag_name((enum judge_flag)i)));
        }
    }
    return list;
}

static struct value text_or_null(const char *text)
{
    return text == NULL ? value_null() : value_text(text);
}

static struct value cost_value(double usd)
{
    return usd < 0 ? value_null() : value_real(usd);
}

static struct value tokens_value(struct arena *arena, int64_t prompt, int64_t answer)
{
    struct value tokens = value_map();

    value_put(arena, &tokens, "prompt", value_whole(prompt));
    value_put(arena, &tokens, "answer", value_whole(answer));
    return tokens;
}

static struct value panelist_value(struct arena *arena, const struct panelist *panelist)
{
    struct value out = value_map();
    struct value scores = value_map();

    value_put(arena, &out, "model", value_text(panelist->model));
    value_put(arena, &out, "model_version", text_or_null(panelist->version));
    value_put(arena, &out, "status", value_text(panelist_status_name(panelist->status)));
    if (panelist->status == PANELIST_SCORED) {
        for (int i = 0; i < DIMENSIONS; i++) {
            value_put(arena, &scores, dimension_name((enum dimension)i),
                      value_real(panelist->opinion.finding[i].score));
        }
        value_put(arena, &scores, "overall", value_real(panelist->overall));
        value_put(arena, &out, "scores", scores);
    } else {
        value_put(arena, &out, "reason", text_or_null(panelist->why));
    }
    value_put(arena, &out, "flags", flags_value(arena, panelist->opinion.flags));
    value_put(arena, &out, "tokens",
              tokens_value(arena, panelist->tokens_prompt, panelist->tokens_answer));
    value_put(arena, &out, "cost_usd", cost_value(panelist->cost_usd));
    value_put(arena, &out, "cached", value_flag(panelist->cached));
    return out;
}

static struct value panel_value(struct arena *arena, const struct verdict *verdict)
{
    struct value panel = value_map();
    struct value models = value_list();
    struct value abstained = value_list();
    struct value spread = value_map();

    for (size_t i = 0; i < verdict->panelist_count; i++) {
        const struct panelist *panelist = &verdict->panelists[i];

        value_append(arena, &models, panelist_value(arena, panelist));
        if (panelist->status != PANELIST_SCORED) {
            value_append(arena, &abstained, value_text(panelist->model));
        }
    }
    for (int i = 0; i < DIMENSIONS; i++) {
        value_put(arena, &spread, dimension_name((enum dimension)i),
                  verdict->status == VERDICT_SCORED ? value_real(verdict->spread[i])
                                                    : value_null());
    }
    value_put(arena, &panel, "models", models);
    value_put(arena, &panel, "spread", spread);
    value_put(arena, &panel, "abstained", abstained);
    value_put(arena, &panel, "quorum", value_whole((int64_t)verdict->quorum));
    return panel;
}

/* What only models have: how they were asked. */
static void put_asking(struct arena *arena, struct value *result, const struct verdict *verdict)
{
    struct value prompt = value_map();

    if (verdict->panelists == NULL) {
        return;
    }
    value_put(arena, &prompt, "tokens_estimated", value_whole((int64_t)verdict->prompt_tokens));
    value_put(arena, &prompt, "cuts", value_whole((int64_t)verdict->prompt_cuts));
    value_put(arena, result, "prompt", prompt);
    value_put(arena, result, "temperature", value_real(verdict->temperature));
    value_put(arena, result, "seed", value_whole(verdict->seed));
    value_put(arena, result, "panel", panel_value(arena, verdict));
}

int verdict_write(struct buf *out, struct arena *arena, const struct verdict *verdict,
                  struct err *err)
{
    struct value result = value_map();
    const char  *summary = arena_format(arena, "Not scored: %s.", verdict->why);

    value_put(arena, &result, "status", value_text(verdict_status_name(verdict->status)));
    value_put(arena, &result, "model", value_text(verdict->model));
    value_put(arena, &result, "model_version", text_or_null(verdict->model_version));
    value_put(arena, &result, "rubric_version", value_text(verdict->rubric->version));
    value_put(arena, &result, "prompt_version", value_text(verdict->prompt_version));
    value_put(arena, &result, "document_sha256", value_text(verdict->document_sha256));
    put_scores(arena, &result, verdict);
    value_put(arena, &result, "flags", flags_value(arena, verdict->opinion.flags));
    value_put(arena, &result, "feedback_summary",
              verdict->status == VERDICT_SCORED ? value_bytes(verdict->opinion.summary)
                                                : value_text(summary));
    if (verdict->status != VERDICT_SCORED) {
        value_put(arena, &result, "reason", text_or_null(verdict->why));
    }
    value_put(arena, &result, "tokens",
              tokens_value(arena, verdict->tokens_prompt, verdict->tokens_answer));
    value_put(arena, &result, "cost_usd", cost_value(verdict->cost_usd));
    put_asking(arena, &result, verdict);
    value_put(arena, &result, "created_at", value_real((double)verdict->at_us / 1e6));
    return jcs_write(out, &result, err);
}
