#include "core/cli/cli.h"
#include "core/cli/stream.h"

#include <inttypes.h>
#include <stdio.h>

static const char help[] =
    "Reads messages as JSON lines {\"id\",\"ts\",\"channel\",\"author\",\"lang\"?,\"text\"} and "
    "prints\n  ts <tab> cluster <tab> people <tab> id,id,... (its messages so far)\n"
    "whenever a cluster of complaints has become what may be an incident.";

/* Messages of the clusters that are not suspected so far: cluster -> GArray of line numbers. */
static GArray *members_of(GHashTable *members, int64_t cluster)
{
    GArray *numbers = g_hash_table_lookup(members, &cluster);
    if (!numbers) {
        numbers = g_array_new(FALSE, FALSE, sizeof(int64_t));
        g_hash_table_insert(members, g_memdup2(&cluster, sizeof cluster), numbers);
    }
    return numbers;
}

static void merge_members(GHashTable *members, int64_t from, int64_t into)
{
    const GArray *old = g_hash_table_lookup(members, &from);
    if (!old)
        return;
    GArray *numbers = members_of(members, into);
    g_array_append_vals(numbers, old->data, old->len);
    g_hash_table_remove(members, &from);
}

static gboolean is_long_ago(gpointer cluster, gpointer numbers, gpointer oldest)
{
    const GArray *all = numbers;
    (void)cluster;
    return all->len == 0 || g_array_index(all, int64_t, all->len - 1) < *(int64_t *)oldest;
}

static void print_suspect(const Stream *stream, const PipelineEvent *event, const GArray *numbers)
{
    const char *comma = "";
    printf("%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t", event->at / 1000000, event->cluster,
           event->people);
    for (guint i = 0; i < numbers->len; i++) {
        const char *id = stream_id(stream, g_array_index(numbers, int64_t, i));
        if (id)
            printf("%s%s", comma, id);
        comma = id ? "," : comma;
    }
    putchar('\n');
}

static void take_events(Stream *stream, GHashTable *members)
{
    PipelineEvent event;
    while (pipeline_event(stream_pipeline(stream), &event)) {
        if (event.kind == PIPELINE_MERGE) {
            merge_members(members, event.cluster, event.into);
        } else {
            print_suspect(stream, &event, members_of(members, event.cluster));
            g_hash_table_remove(members, &event.cluster);
        }
    }
}

int cmd_suspect(int argc, char **argv)
{
    if (!cli_parse("", help, NULL, 0, 0, &argc, &argv))
        return CLI_WRONG_USE;
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    g_autoptr(Stream) stream = stream_new("suspect", pipeline_new());
    g_autoptr(GHashTable) members =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, (GDestroyNotify)g_array_unref);
    StreamItem item;
    while (stream_next(stream, &item)) {
        int64_t oldest = item.number - STREAM_KEPT;
        if (item.verdict.cluster)
            g_array_append_val(members_of(members, item.verdict.cluster), item.number);
        take_events(stream, members);
        if (item.number % STREAM_KEPT == 0)
            g_hash_table_foreach_remove(members, is_long_ago, &oldest);
    }
    return stream_status(stream);
}
