// SPDX-License-Identifier: MIT
/* prt verify - recomputes what seals a document, offline. */
#include <string.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "gateway/cli/call.h"
#include "gateway/cli/plain.h"
#include "trace/document.h"

struct keys {
    uint8_t chain[KEY_BYTES];
    uint8_t public_key[KEY_BYTES];
};

/* The farm's keys where this machine has them: without, the chain is not checked, and the signer is
 * whoever the document says. */
static int read_keys(struct cli *cli, struct keys *room, struct document_keys *ret_keys,
                     struct err *err)
{
    const char *chain = cli->config.chain_key;
    const char *seed_hex = cli->config.signing_key;
    uint8_t     seed[KEY_BYTES];

    *ret_keys = (struct document_keys){0};
    if (chain[0] != '\0') {
        if (!hex_read(room->chain, KEY_BYTES, bytes_of(chain))) {
            return err_set(err, ERR_CONFIG_WRONG, "PRT_CHAIN_KEY is not 64 hex digits");
        }
        ret_keys->chain_key = room->chain;
    }
    if (seed_hex[0] != '\0') {
        if (!hex_read(seed, KEY_BYTES, bytes_of(seed_hex))) {
            return err_set(err, ERR_CONFIG_WRONG, "PRT_SIGNING_KEY is not 64 hex digits");
        }
        sign_public_key(seed, room->public_key);
        wipe(seed, sizeof(seed));
        ret_keys->public_key = room->public_key;
    }
    return 0;
}

static const char *const check_words[] = {
    [CHECK_NOT_MADE] = "not checked", [CHECK_HOLDS] = "holds", [CHECK_DIFFERS] = "DIFFERS"};

static void print_check(const struct cli *cli, const char *what, enum document_check check,
                        const char *more)
{
    const char *colour = check == CHECK_HOLDS     ? GREEN(cli)
                         : check == CHECK_DIFFERS ? RED(cli)
                                                  : DIM(cli);

    printf("  %-12s %s%-11s%s  %s\n", what, colour, check_words[check], PLAIN(cli), more);
}

static void print_report(const struct cli *cli, const struct document_report *report,
                         const struct document_keys *keys)
{
    printf("%s%s%s: ", report->ok ? GREEN(cli) : RED(cli), report->ok ? "true" : "NOT TRUE",
           PLAIN(cli));
    plain_print(stdout, bytes_of(report->sentence));
    (void)fputc('\n', stdout);
    if (!report->readable) {
        return;
    }
    print_check(cli, "events", report->events, "the lines give the signed Merkle root");
    print_check(cli, "leaves", report->leaves, "the leaf hashes give it too");
    print_check(cli, "chain", report->chain,
                keys->chain_key == NULL ? "needs the farm's PRT_CHAIN_KEY"
                                        : "the HMAC chain ends in the signed head");
    print_check(cli, "signature", report->signature,
                "over events, their number and the chain head");
    print_check(cli, "envelope", report->envelope, "signature over all the rest but qa");
    print_check(cli, "counts", report->counts, "metrics.num_events");
    (void)fputs("  signed by ", stdout);
    plain_print(stdout, bytes_of(report->key_id));
    printf("%s\n", keys->public_key == NULL
                       ? "  (as the document says; compare with the farm's key)"
                       : "  (this farm)");
}

static void print_json(struct cli *cli, const struct document_report *report)
{
    static const char *const words[] = {
        [CHECK_NOT_MADE] = "not_checked", [CHECK_HOLDS] = "holds", [CHECK_DIFFERS] = "differs"};
    struct value all = value_map();

    value_put(cli->arena, &all, "ok", value_flag(report->ok));
    value_put(cli->arena, &all, "trace_id",
              value_text(report->trace_id == NULL ? "" : report->trace_id));
    value_put(cli->arena, &all, "num_events", value_whole((int64_t)report->num_events));
    value_put(cli->arena, &all, "events", value_text(words[report->events]));
    value_put(cli->arena, &all, "leaves", value_text(words[report->leaves]));
    value_put(cli->arena, &all, "chain", value_text(words[report->chain]));
    value_put(cli->arena, &all, "signature", value_text(words[report->signature]));
    value_put(cli->arena, &all, "envelope", value_text(words[report->envelope]));
    value_put(cli->arena, &all, "counts", value_text(words[report->counts]));
    if (report->changed_index >= 0) {
        struct value changed = value_map();

        value_put(cli->arena, &changed, "index", value_whole(report->changed_index));
        value_put(cli->arena, &changed, "seq", value_whole(report->changed_seq));
        value_put(cli->arena, &changed, "id", value_text(report->changed_id));
        value_put(cli->arena, &all, "first_changed_event", changed);
    }
    value_put(cli->arena, &all, "sentence", value_text(report->sentence));
    cli_print_json(&all);
}

/* A whole and signed document of another trace is no document of this one. */
static void check_trace(struct cli *cli, const char *trace_or_file, struct document_report *report)
{
    if (report->readable && access(trace_or_file, R_OK) != 0 &&
        strcmp(report->trace_id, trace_or_file) != 0) {
        report->ok = false;
        report->sentence = arena_format(cli->arena, "the farm's document of %s is that of %s",
                                        trace_or_file, report->trace_id);
    }
}

int verify_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    struct document_report report;
    struct document_keys   keys;
    struct keys            room;
    struct bytes           document;
    int                    status;

    if (argc != 2) {
        return err_set(err, ERR_USAGE, "verify wants one trace id or file");
    }
    TRY(crypto_setup(err));
    TRY(read_keys(cli, &room, &keys, err));
    TRY(cli_document(cli, argv[1], &status, &document, err));
    if (status == 202) {
        return err_set(err, ERR_TRACE_NOT_READY,
                       "%s is not finalized yet: there is no document to verify", argv[1]);
    }
    document_verify(cli->arena, document, &keys, &report);
    check_trace(cli, argv[1], &report);
    if (cli->json) {
        print_json(cli, &report);
    } else {
        print_report(cli, &report, &keys);
    }
    return report.ok ? EXIT_DONE : EXIT_UNTRUE;
}
