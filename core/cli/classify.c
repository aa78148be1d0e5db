#include "core/cli/cli.h"

int cmd_classify(int argc, char **argv)
{
    if (!cli_parse("", NULL, NULL, 0, 0, &argc, &argv))
        return CLI_WRONG_USE;
    return cli_fail("classify", "not built yet");
}
