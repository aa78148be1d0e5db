#include "core/store/migrate.h"

#include "core/base/config.h"
#include "core/cli/cli.h"
#include "core/cli/connect.h"
#include "core/cli/local.h"

#include <stdio.h>

int cmd_migrate(int argc, char **argv)
{
    const GOptionEntry entries[] = {CONNECT_OPTION, {0}};
    g_autoptr(GError) error = NULL;
    int applied = 0;
    if (!cli_parse(
            "",
            "Brings the schema up to date, each step once, also when started from two places. "
            "The login must own the database and be allowed to create roles.",
            entries, 0, 0, &argc, &argv))
        return CLI_WRONG_USE;
    local_adopt();
    const char *url = config_database_url(&error);
    g_autoptr(Db) db = url ? db_open(url, NULL, &error) : NULL;
    if (!db || !migrate_run(db, &applied, &error))
        return cli_fail("migrate", "%s", error->message);
    printf(applied == 0   ? "the schema is up to date\n"
           : applied == 1 ? "one step applied, the schema is up to date\n"
                          : "%d steps applied, the schema is up to date\n",
           applied);
    return 0;
}
