#include "core/base/log.h"

#include <stdio.h>

static char *process_name;
static GLogLevelFlags least = G_LOG_LEVEL_MESSAGE;

static GLogWriterOutput write_line(GLogLevelFlags level, const GLogField *fields, gsize count,
                                   G_GNUC_UNUSED gpointer data)
{
    static const struct {
        GLogLevelFlags level;
        const char *word;
    } words[] = {{G_LOG_LEVEL_ERROR, "fatal"},     {G_LOG_LEVEL_CRITICAL, "critical"},
                 {G_LOG_LEVEL_WARNING, "warning"}, {G_LOG_LEVEL_MESSAGE, "note"},
                 {G_LOG_LEVEL_INFO, "info"},       {G_LOG_LEVEL_DEBUG, "debug"}};
    GLogLevelFlags bare = level & G_LOG_LEVEL_MASK;
    if (bare > least)
        return G_LOG_WRITER_HANDLED;
    const char *text = "", *word = "log";
    for (gsize i = 0; i < count; i++)
        if (g_str_equal(fields[i].key, "MESSAGE"))
            text = fields[i].value;
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (words[i].level == bare)
            word = words[i].word;
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *time = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
    fprintf(stderr, "%s %s %s: %s\n", time, process_name ? process_name : "breakwater", word, text);
    fflush(stderr);
    return G_LOG_WRITER_HANDLED;
}

void log_start(const char *name)
{
    static const struct {
        const char *word;
        GLogLevelFlags level;
    } levels[] = {{"debug", G_LOG_LEVEL_DEBUG},
                  {"info", G_LOG_LEVEL_INFO},
                  {"message", G_LOG_LEVEL_MESSAGE},
                  {"warning", G_LOG_LEVEL_WARNING}};
    const char *wanted = g_getenv("BREAKWATER_LOG");
    for (gsize i = 0; wanted && i < G_N_ELEMENTS(levels); i++)
        if (g_str_equal(levels[i].word, wanted))
            least = levels[i].level;
    g_free(process_name);
    process_name = g_strdup(name);
    g_log_set_writer_func(write_line, NULL, NULL);
}
