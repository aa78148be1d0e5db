/* breakwater: one executable, one subcommand per process or task. */
#include "core/cli/cli.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

static const Command commands[] = {
    {"up", "run everything on this machine: database, core, web, collectors", cmd_up},
    {"core", "run the core: sort messages into incidents", cmd_core},
    {"collect", "run a channel: poll it, and send what is due", cmd_collect},
    {"web", "serve the inbox and its API", cmd_web},
    {"user", "add, list and disable users; links to sign in", cmd_user},
    {"migrate", "bring the database's schema up to date", cmd_migrate},
    {"brand", "list, add and remove brands (also the demo)", cmd_brand},
    {"channel", "list, add, test, pause and remove channels", cmd_channel},
    {"cluster", "group messages on stdin that say the same thing", cmd_cluster},
    {"classify", "tell complaints on stdin from the rest", cmd_classify},
    {"spikes", "find alarms in a series of counts on stdin", cmd_spikes},
    {"suspect", "the moments at which an incident would be suspected", cmd_suspect},
    {"render", "a text as a network would count and cut it", cmd_render},
};

static void print_help(FILE *out)
{
    fprintf(out, "Usage: breakwater COMMAND [OPTIONS]\n\nCommands:\n");
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fprintf(out, "\n'breakwater COMMAND --help' says more about one of them.\n");
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    prctl(PR_SET_NAME, "breakwater"); /* started through /proc/self/exe it would be called "exe" */
    if (argc < 2) {
        fprintf(stderr, "breakwater: which command? (see 'breakwater --help')\n");
        return CLI_WRONG_USE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("breakwater %s\n", BW_VERSION);
        return 0;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "breakwater: there is no command '%s' (see 'breakwater --help')\n", argv[1]);
    return CLI_WRONG_USE;
}
