// SPDX-License-Identifier: MIT
#include "gateway/cli/honesty.h"

#include "gateway/cli/plain.h"

static bool is_flag(const struct value *value, bool flag)
{
    return value != NULL && value->kind == VALUE_FLAG && value->as.flag == flag;
}

struct value honesty_of(const struct value *validation)
{
    const struct value *replay = value_get(validation, "replay");
    const struct value *claims = value_get(validation, "claims");

    for (uint32_t i = 0; claims != NULL && claims->kind == VALUE_LIST && i < claims->count; i++) {
        if (is_flag(value_get(&claims->as.items[i], "agrees"), false)) {
            return value_flag(false);
        }
    }
    if (value_get(replay, "first_divergence") != NULL) {
        return value_flag(false);
    }
    return is_flag(value_get(replay, "replayable"), true) ? value_flag(true) : value_null();
}

static void print_text(struct bytes text)
{
    plain_print(stdout, text);
}

static long long count(const struct value *map, const char *name)
{
    return (long long)value_whole_or(value_get(map, name), 0);
}

static void print_replay(const struct cli *cli, const struct value *replay)
{
    const struct value *divergence = value_get(replay, "first_divergence");
    const struct value *seq = value_get(divergence, "seq");

    printf("replay  ");
    if (is_flag(value_get(replay, "replayable"), true)) {
        printf("%syes%s", GREEN(cli), PLAIN(cli));
    } else if (divergence == NULL) {
        printf("can't be said: ");
        print_text(value_text_or(value_get(replay, "reason"), "?"));
    } else {
        printf("%sno%s: ", RED(cli), PLAIN(cli));
        print_text(value_text_or(value_get(divergence, "reason"), "?"));
        if (seq != NULL) {
            printf(" at seq %lld", (long long)value_whole_or(seq, -1));
        }
        printf(" in ");
        print_text(value_text_or(value_get(divergence, "file"), "?"));
    }
    printf("  %s%lld edits fit, %lld hashes hold, %lld can't be checked, final tree ", DIM(cli),
           count(replay, "edits_applied"), count(replay, "hashes_verified"),
           count(replay, "hashes_unverifiable"));
    print_text(value_text_or(value_get(replay, "final_tree"), "?"));
    printf("%s\n", PLAIN(cli));
}

static void print_claim(const struct cli *cli, const struct value *claim)
{
    const struct value *claimed = value_get(claim, "claimed");
    const struct value *observed = value_get(claim, "observed");
    const struct value *agrees = value_get(claim, "agrees");

    printf("  seq %-5lld said %lld passed, %lld failed", count(claim, "seq"),
           count(claimed, "passed"), count(claimed, "failed"));
    if (observed == NULL) {
        printf("  %snot run again: ", DIM(cli));
        print_text(value_text_or(value_get(claim, "reason"), "?"));
    } else {
        printf("  came to %lld passed, %lld failed  %s%s", count(observed, "passed"),
               count(observed, "failed"), is_flag(agrees, true) ? GREEN(cli) : RED(cli),
               is_flag(agrees, true) ? "agrees" : "DIFFERS");
    }
    printf("%s\n", PLAIN(cli));
}

void honesty_print(const struct cli *cli, const struct value *validation)
{
    const struct value *replay = value_get(validation, "replay");
    const struct value *claims = value_get(validation, "claims");

    if (replay == NULL) {
        return;
    }
    print_replay(cli, replay);
    if (claims == NULL || claims->kind != VALUE_LIST) {
        return;
    }
    printf("claims  %u of %lld test runs looked at\n", claims->count, count(replay, "test_runs"));
    for (uint32_t i = 0; i < claims->count; i++) {
        print_claim(cli, &claims->as.items[i]);
    }
}
