#include "core/cli/cli.h"
#include "core/cli/stream.h"

#include <inttypes.h>
#include <stdio.h>

static const char help[] =
    "Reads messages as JSON lines {\"id\",\"ts\",\"channel\",\"author\",\"lang\"?,\"text\"} and "
    "prints\n  id <tab> cluster <tab> the message it duplicates, or empty <tab> confidence 0..1\n"
    "for each as it comes. Clusters that turn out to be one are told by a line\n"
    "  # merge <tab> from <tab> into";

typedef struct Line {
    char *id, *original;
    int64_t cluster;
    double confidence;
} Line;

static void line_clear(gpointer data)
{
    Line *line = data;
    g_free(line->id);
    g_free(line->original);
}

static void print_line(const char *id, int64_t cluster, const char *original, double confidence)
{
    printf("%s\t%" PRId64 "\t%s\t%.3f\n", id, cluster, original ? original : "", confidence);
}

/* Every message when it comes, every merge when it happens. */
static void cluster_live(Stream *stream)
{
    StreamItem item;
    PipelineEvent event;
    while (stream_next(stream, &item)) {
        print_line(item.id, item.verdict.cluster, stream_id(stream, item.verdict.duplicate_of),
                   item.verdict.confidence);
        while (pipeline_event(stream_pipeline(stream), &event))
            if (event.kind == PIPELINE_MERGE)
                printf("# merge\t%" PRId64 "\t%" PRId64 "\n", event.cluster, event.into);
    }
}

static void cluster_final(Stream *stream)
{
    StreamItem item;
    PipelineEvent event;
    g_autoptr(GArray) lines = g_array_new(FALSE, FALSE, sizeof(Line));
    g_autoptr(GHashTable) into = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    g_array_set_clear_func(lines, line_clear);
    while (stream_next(stream, &item)) {
        Line line = {g_strdup(item.id), g_strdup(stream_id(stream, item.verdict.duplicate_of)),
                     item.verdict.cluster, item.verdict.confidence};
        g_array_append_val(lines, line);
        while (pipeline_event(stream_pipeline(stream), &event))
            if (event.kind == PIPELINE_MERGE)
                g_hash_table_replace(into, g_memdup2(&event.cluster, sizeof event.cluster),
                                     g_memdup2(&event.into, sizeof event.into));
    }
    for (guint i = 0; i < lines->len; i++) {
        const Line *line = &g_array_index(lines, Line, i);
        int64_t cluster = line->cluster;
        for (const int64_t *next; (next = g_hash_table_lookup(into, &cluster));)
            cluster = *next;
        print_line(line->id, cluster, line->original, line->confidence);
    }
}

int cmd_cluster(int argc, char **argv)
{
    gboolean final = FALSE;
    const GOptionEntry entries[] = {
        {"final", 0, 0, G_OPTION_ARG_NONE, &final,
         "print everything at the end, with the clusters as they stand then", NULL},
        {0},
    };
    if (!cli_parse("", help, entries, 0, 0, &argc, &argv))
        return CLI_WRONG_USE;
    setvbuf(stdout, NULL, final ? _IOFBF : _IOLBF, BUFSIZ);
    g_autoptr(Stream) stream = stream_new("cluster", pipeline_new_for_all());
    if (final)
        cluster_final(stream);
    else
        cluster_live(stream);
    return stream_status(stream);
}
