#include "core/cli/cli.h"

#include <stdarg.h>
#include <stdio.h>

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
    fprintf(stderr, "breakwater %s: %s\n", command, text);
    return 1;
}
