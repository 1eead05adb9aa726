// SPDX-License-Identifier: MIT
/* prt migrate - brings the database to this version's schema. */
#include <string.h>

#include "farm/farm.h"
#include "gateway/cli/cli.h"

int migrate_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    CLEANUP(store) struct store *store = NULL;
    const bool new_store = argc == 2 && strcmp(argv[1], "--new-store") == 0;
    int        applied;

    if (argc > 1 && !new_store) {
        return err_set(err, ERR_USAGE, "migrate takes --new-store alone, and \"%s\" was given",
                       argv[1]);
    }
    TRY(farm_store_open(&store, &cli->config, err));
    TRY(store_migrate(store, &applied, err));
    if (new_store) {
        TRY(home_take_any(store, err));
    }
    if (cli->json) {
        printf("{\"applied\":%d,\"schema\":%d}\n", applied,
               store_migrations[store_migration_count - 1].number);
    } else {
        printf("%d new of %zu migrations applied%s\n", applied, store_migration_count,
               new_store ? "; the first worker that starts takes the object store it finds" : "");
    }
    return EXIT_DONE;
}
