#include "core/core.h"

#include "core/base/config.h"
#include "core/cli/cli.h"
#include "core/cli/connect.h"

int cmd_core(int argc, char **argv)
{
    const GOptionEntry entries[] = {CONNECT_OPTION, {0}};
    g_autoptr(GError) error = NULL;
    if (!cli_parse("",
                   "Sorts new messages of all brands that no other core has taken, until SIGTERM.",
                   entries, 0, 0, &argc, &argv))
        return CLI_WRONG_USE;
    const char *url = config_database_url(&error);
    return url ? core_run(url) : cli_fail("core", "%s", error->message);
}
