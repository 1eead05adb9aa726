// SPDX-License-Identifier: MIT
/* prt migrate - brings the database to this version's schema. */
#include "farm/farm.h"
#include "gateway/cli/cli.h"

int migrate_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    CLEANUP(store) struct store *store = NULL;
    int applied;

    if (argc > 1) {
        return err_set(err, ERR_USAGE, "migrate takes no argument, and \"%s\" was given", argv[1]);
    }
    TRY(farm_store_open(&store, &cli->config, err));
    TRY(store_migrate(store, &applied, err));
    if (cli->json) {
        printf("{\"applied\":%d,\"schema\":%d}\n", applied,
               store_migrations[store_migration_count - 1].number);
    } else {
        printf("%d new of %zu migrations applied\n", applied, store_migration_count);
    }
    return EXIT_DONE;
}
