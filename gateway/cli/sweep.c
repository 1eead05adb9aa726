// SPDX-License-Identifier: MIT
/* prt sweep - objects that nothing can need any more, and lines that nobody comes for. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "farm/farm.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/when.h"
#include "workers/finalize/gather.h"
#include "workers/validate/sweep.h"

#define DAY_US 86400000000LL

static int before_read(const char *text, int64_t now_us, int64_t *ret_us, struct err *err)
{
    TRY(when_read("--before", text, now_us, ret_us, err));
    if (now_us - *ret_us < SWEEP_AGE_LEAST_S * 1000000LL) {
        return err_set(err, ERR_USAGE,
                       "--before %s: what is younger than %d minutes may be about to be committed;"
                       " take an earlier time",
                       text, SWEEP_AGE_LEAST_S / 60);
    }
    return 0;
}

/* What there is to sweep. */
struct sweep {
    struct store      *store;
    struct blob_store *blob;
    int64_t            before_us, claims_before_us;
    struct swept       segments, claims, artifacts, documents;
    struct gathered    kept;
    bool               dry_run, force;
};

static int sweep_all(struct sweep *sweep, bool dry_run, struct err *err)
{
    TRY(sweep_segments(sweep->store, sweep->blob, sweep->before_us, dry_run, &sweep->segments,
                       err));
    TRY(sweep_claims(sweep->store, sweep->blob, sweep->claims_before_us, dry_run, &sweep->claims,
                     err));
    TRY(sweep_artifacts(sweep->store, sweep->blob, sweep->claims_before_us, dry_run,
                        &sweep->artifacts, err));
    TRY(sweep_documents(sweep->store, sweep->blob, sweep->before_us, dry_run, &sweep->documents,
                        err));
    return gather_old(sweep->store, sweep->blob, sweep->before_us, dry_run, &sweep->kept, err);
}

static void print_kind(const char *what, const struct swept *swept, const char *why, bool dry_run)
{
    printf("%" PRId64 " %s, %" PRId64 " of them (%.1f MB) %s%s\n", swept->seen,
           what, swept->orphans, (double)swept->bytes / 1e6, why,
           swept->orphans == 0 ? ""
           : dry_run           ? ": would be deleted"
                               : ": deleted");
}

static void print_json(const struct swept *swept)
{
    printf("\"seen\":%" PRId64 ",\"orphans\":%" PRId64 ",\"bytes\":%" PRId64, swept->seen,
           swept->orphans, swept->bytes);
}

static void print(const struct cli *cli, const struct sweep *sweep, bool dry_run)
{
    char before[64];

    if (cli->json) {
        printf("{");
        print_json(&sweep->segments);
        printf(",\"claims\":{");
        print_json(&sweep->claims);
        printf("},\"artifacts\":{");
        print_json(&sweep->artifacts);
        printf("},\"documents\":{");
        print_json(&sweep->documents);
        printf("},\"kept\":{\"traces\":%" PRId64 ",\"chunks\":%" PRId64 ",\"bytes\":%" PRId64,
               sweep->kept.traces, sweep->kept.chunks, sweep->kept.bytes);
        printf("},\"deleted\":%s}\n", dry_run ? "false" : "true");
        return;
    }
    clock_text(before, sweep->before_us);
    printf("what is older was written before %.19sZ\n", before);
    print_kind("segments", &sweep->segments, "older and named by no row", dry_run);
    print_kind("claim checks", &sweep->claims, "older than PRT_INGEST and PRT_DEAD keep messages",
               dry_run);
    print_kind("artifacts", &sweep->artifacts,
               "older than that and of no trace", dry_run);
    print_kind("documents, uploads and pieces of logs", &sweep->documents,
               "older and of an erased trace", dry_run);
    printf("%" PRId64 " traces that are not complete have lines in the database that are older, of"
           " %" PRId64 " chunks (%.1f MB)%s\n",
           sweep->kept.traces, sweep->kept.chunks, (double)sweep->kept.bytes / 1e6,
           sweep->kept.traces == 0 ? ""
           : dry_run               ? ": would be put into segments"
                                   : ": put into segments");
}

/* Another farm's database names none of this farm's objects. */
static int check_database(const char *what, const struct swept *found, struct err *err)
{
    if (found->orphans > 1 && found->orphans * 2 > found->seen) {
        return err_set(
            err, ERR_USAGE,
            "%" PRId64 " of %" PRId64 " %s are named by no row: is PRT_POSTGRES_URL the"
            " database of the farm whose objects are in PRT_BLOB_URL? With --force they go",
            found->orphans, found->seen, what);
    }
    return 0;
}

static int sweep_farm(struct sweep *sweep, const struct cli *cli, struct farm *farm, int64_t now_us,
                      struct err *err)
{
    struct stream_state ingest;

    TRY(stream_state(farm->stream, "PRT_INGEST", &ingest, err));
    sweep->store = farm->store;
    sweep->blob = farm->blob;
    sweep->claims_before_us =
        sweep_claims_before(now_us, ingest.first_us > 0 ? ingest.first_us : now_us,
                            cli->config.ingest_keep, cli->config.dead_keep);
    if (sweep->claims_before_us > sweep->before_us) {
        sweep->claims_before_us = sweep->before_us;
    }
    TRY(sweep_all(sweep, true, err));
    if (!sweep->dry_run) {
        TRY(sweep->force ? 0 : check_database("segments", &sweep->segments, err));
        TRY(sweep->force ? 0 : check_database("artifacts", &sweep->artifacts, err));
        TRY(sweep_all(sweep, false, err));
    }
    return 0;
}

int sweep_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    const int64_t now_us = clock_us();
    struct sweep  sweep = {.before_us = now_us - DAY_US};
    struct farm   farm;
    int           swept;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--dry-run") == 0) {
            sweep.dry_run = true;
        } else if (strcmp(argv[i], "--before") == 0 && i + 1 < argc) {
            TRY(before_read(argv[++i], now_us, &sweep.before_us, err));
        } else if (strcmp(argv[i], "--force") == 0) {
            sweep.force = true;
        } else {
            return err_set(err, ERR_USAGE,
                           "sweep takes --before TIME, --dry-run and --force, not \"%s\"", argv[i]);
        }
    }
    TRY(farm_open(&farm, &cli->config, FARM_STREAM_AS_IS | FARM_STORE | FARM_BLOB, "prt sweep", NULL,
                  err));
    swept = sweep_farm(&sweep, cli, &farm, now_us, err);
    farm_close(&farm);
    TRY(swept);
    print(cli, &sweep, sweep.dry_run);
    return EXIT_DONE;
}
