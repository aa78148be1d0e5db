#include "core/cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool cli_parse(const char *usage, const char *text, const GOptionEntry *entries, int min, int max,
               int *argc, char ***argv)
{
    g_autofree char *command = g_strdup((*argv)[0]);
    g_autofree char *program = g_strdup_printf("breakwater %s", command);
    g_autoptr(GOptionContext) context = g_option_context_new(usage);
    g_autoptr(GError) error = NULL;
    g_set_prgname(program);
    if (text)
        g_option_context_set_summary(context, text);
    if (entries)
        g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, argc, argv, &error)) {
        fprintf(stderr, "%s: %s (see '%s --help')\n", program, error->message, program);
        return false;
    }
    int left = *argc - 1;
    if (left < min || (max >= 0 && left > max)) {
        if (left < min)
            fprintf(stderr, "%s: missing %s (see '%s --help')\n", program,
                    usage && *usage ? usage : "argument", program);
        else
            fprintf(stderr, "%s: unexpected '%s' (see '%s --help')\n", program, (*argv)[1 + max],
                    program);
        return false;
    }
    return true;
}

int cli_fail(const char *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    /* one line, also when libpq has more to say */
    g_strdelimit(g_strchomp(text), "\n\t", ' ');
    fprintf(stderr, "breakwater %s: %s\n", command, text);
    return 1;
}

int cli_wrong_use(const char *command, const char *message)
{
    fprintf(stderr, "breakwater %s: %s (see 'breakwater %s --help')\n", command, message, command);
    return CLI_WRONG_USE;
}

int cli_actions(const char *text, const Command *actions, int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    if (name && (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)) {
        printf("Usage: breakwater %s ACTION [OPTIONS]\n\n%s\n\nActions:\n", argv[0], text);
        for (const Command *action = actions; action->name; action++)
            printf("  %-9s %s\n", action->name, action->summary);
        printf("\n'breakwater %s ACTION --help' says more about one of them.\n", argv[0]);
        return 0;
    }
    for (const Command *action = actions; name && action->name; action++)
        if (strcmp(action->name, name) == 0) {
            g_autofree char *whole = g_strdup_printf("%s %s", argv[0], name);
            g_autofree char **shifted = g_new0(char *, argc);
            shifted[0] = whole;
            for (int i = 2; i < argc; i++)
                shifted[i - 1] = argv[i];
            return action->run(argc - 1, shifted);
        }
    if (name)
        fprintf(stderr, "breakwater %s: there is no action '%s' (see 'breakwater %s --help')\n",
                argv[0], name, argv[0]);
    else
        fprintf(stderr, "breakwater %s: which action? (see 'breakwater %s --help')\n", argv[0],
                argv[0]);
    return CLI_WRONG_USE;
}
