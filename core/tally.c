#include "core/tally.h"

#include <string.h>

enum { MOST_COUNTED = 400000, MOST_CLUSTERS = 400000 };

/* A person in a step of a series. */
typedef struct Counted {
    int64_t bucket, key, person;
    char kind;     /* first letter of the volume's kind */
    char label[7]; /* language */
} Counted;

typedef struct ClusterSeen {
    int64_t messages, first_at, last_at;
    int64_t changed; /* index + 1 of its row in this batch */
} ClusterSeen;

struct Tally {
    GHashTable *counted; /* Counted, a set */
    GHashTable *volume;  /* Counted without person -> index + 1 in volume_rows */
    GArray *volume_rows;
    GHashTable *persons;  /* (cluster, person), a set */
    GHashTable *clusters; /* id -> ClusterSeen */
    GArray *cluster_rows, *grown;
};

static guint counted_hash(gconstpointer key)
{
    const Counted *counted = key;
    guint64 hash = (guint64)counted->bucket * 0x9e3779b97f4a7c15u;
    hash = (hash ^ (guint64)counted->key) * 0xbf58476d1ce4e5b9u;
    hash = (hash ^ (guint64)counted->person) * 0x94d049bb133111ebu;
    hash ^= (guint64)counted->kind + g_str_hash(counted->label);
    return (guint)(hash ^ (hash >> 32));
}

static gboolean counted_equal(gconstpointer one, gconstpointer other)
{
    const Counted *a = one, *b = other;
    return a->bucket == b->bucket && a->key == b->key && a->person == b->person &&
           a->kind == b->kind && strcmp(a->label, b->label) == 0;
}

Tally *tally_new(void)
{
    Tally *tally = g_new0(Tally, 1);
    tally->counted = g_hash_table_new_full(counted_hash, counted_equal, g_free, NULL);
    tally->volume = g_hash_table_new_full(counted_hash, counted_equal, g_free, NULL);
    tally->volume_rows = g_array_new(FALSE, TRUE, sizeof(VolumeRow));
    tally->persons = g_hash_table_new_full(counted_hash, counted_equal, g_free, NULL);
    tally->clusters = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    tally->cluster_rows = g_array_new(FALSE, TRUE, sizeof(ClusterRow));
    tally->grown = g_array_new(FALSE, FALSE, sizeof(int64_t));
    return tally;
}

void tally_free(Tally *tally)
{
    if (!tally)
        return;
    g_hash_table_unref(tally->counted);
    g_hash_table_unref(tally->volume);
    g_array_unref(tally->volume_rows);
    g_hash_table_unref(tally->persons);
    g_hash_table_unref(tally->clusters);
    g_array_unref(tally->cluster_rows);
    g_array_unref(tally->grown);
    g_free(tally);
}

static Counted counted_of(const char *kind, int64_t key, const char *label, int64_t bucket,
                          int64_t person)
{
    Counted counted;
    memset(&counted, 0, sizeof counted);
    counted.bucket = bucket;
    counted.key = key;
    counted.person = person;
    counted.kind = kind[0];
    g_strlcpy(counted.label, label, sizeof counted.label);
    return counted;
}

/* Adds to a set; true when it was not in it. */
static bool add(GHashTable *set, const Counted *counted)
{
    return !g_hash_table_contains(set, counted) &&
           g_hash_table_add(set, g_memdup2(counted, sizeof *counted));
}

static VolumeRow *row_of(Tally *tally, const char *kind, const Counted *counted, const char *label)
{
    Counted step = *counted;
    step.person = 0;
    guint index = GPOINTER_TO_UINT(g_hash_table_lookup(tally->volume, &step));
    if (!index) {
        VolumeRow row = {
            .kind = kind, .label = label, .key = counted->key, .bucket = counted->bucket};
        g_array_append_val(tally->volume_rows, row);
        index = tally->volume_rows->len;
        Counted *kept = g_memdup2(&step, sizeof step);
        g_array_index(tally->volume_rows, VolumeRow, index - 1).label = kept->label;
        g_hash_table_insert(tally->volume, kept, GUINT_TO_POINTER(index));
    }
    return &g_array_index(tally->volume_rows, VolumeRow, index - 1);
}

static void count(Tally *tally, const char *kind, int64_t key, const char *label, int64_t bucket,
                  int64_t person)
{
    Counted counted = counted_of(kind, key, label, bucket, person);
    VolumeRow *row = row_of(tally, kind, &counted, label);
    row->messages++;
    row->people += add(tally->counted, &counted);
}

static int64_t bucket_of(int64_t at)
{
    int64_t step = (int64_t)VOLUME_STEP_S * G_USEC_PER_SEC;
    return at - ((at % step) + step) % step;
}

static gboolean is_before(gpointer key, G_GNUC_UNUSED gpointer value, gpointer limit)
{
    return ((const Counted *)key)->bucket < *(const int64_t *)limit;
}

/* Forgets all but the last hour when there are too many. */
static void trim(Tally *tally, int64_t newest)
{
    if (g_hash_table_size(tally->counted) < MOST_COUNTED)
        return;
    int64_t limit = newest - 3600 * (int64_t)G_USEC_PER_SEC;
    g_hash_table_foreach_remove(tally->counted, is_before, &limit);
    if (g_hash_table_size(tally->counted) >= MOST_COUNTED)
        g_hash_table_remove_all(tally->counted);
}

void tally_volume(Tally *tally, const Verdict *verdict)
{
    const Incoming *message = verdict->message;
    int64_t bucket = bucket_of(message->sent_at);
    trim(tally, bucket);
    count(tally, "all", 0, "", bucket, message->person);
    count(tally, "channel", message->channel, "", bucket, message->person);
    count(tally, "lang", 0, verdict->lang, bucket, message->person);
    if (verdict->incident && !verdict->counted)
        count(tally, "incident", verdict->incident, "", bucket, message->person);
}

void tally_seen(Tally *tally, int64_t bucket, int64_t person, int64_t channel, const char *lang,
                int64_t incident)
{
    const Counted seen[] = {counted_of("all", 0, "", bucket, person),
                            counted_of("channel", channel, "", bucket, person),
                            counted_of("lang", 0, lang, bucket, person),
                            counted_of("incident", incident, "", bucket, person)};
    for (gsize i = 0; i < G_N_ELEMENTS(seen); i++)
        add(tally->counted, &seen[i]);
}

static ClusterRow *cluster_row(Tally *tally, int64_t id, ClusterSeen *seen)
{
    if (!seen->changed) {
        ClusterRow row = {.id = id, .first_at = seen->first_at, .last_at = seen->last_at};
        g_array_append_val(tally->cluster_rows, row);
        seen->changed = tally->cluster_rows->len;
    }
    return &g_array_index(tally->cluster_rows, ClusterRow, seen->changed - 1);
}

void tally_cluster(Tally *tally, const Verdict *verdict)
{
    const Incoming *message = verdict->message;
    if (!verdict->cluster)
        return;
    if (!tally->cluster_rows->len && (g_hash_table_size(tally->clusters) > MOST_CLUSTERS ||
                                      g_hash_table_size(tally->persons) > MOST_CLUSTERS)) {
        g_hash_table_remove_all(tally->clusters);
        g_hash_table_remove_all(tally->persons);
    }
    ClusterSeen *seen = g_hash_table_lookup(tally->clusters, &verdict->cluster);
    if (!seen) {
        seen = g_new0(ClusterSeen, 1);
        seen->first_at = message->sent_at;
        g_hash_table_insert(tally->clusters, g_memdup2(&verdict->cluster, sizeof(int64_t)), seen);
    }
    Counted person = counted_of("cluster", verdict->cluster, "", 0, message->person);
    bool fresh = add(tally->persons, &person);
    seen->messages++;
    seen->first_at = MIN(seen->first_at, message->sent_at);
    seen->last_at = MAX(seen->last_at, message->sent_at);
    if (seen->messages == 1)
        return;
    ClusterRow *row = cluster_row(tally, verdict->cluster, seen);
    /* the first message waited for this one */
    row->messages += seen->messages == 2 ? 2 : 1;
    row->people += (seen->messages == 2) + fresh;
    row->first_at = MIN(row->first_at, seen->first_at);
    row->last_at = MAX(row->last_at, seen->last_at);
    if (seen->messages >= 3 && (seen->messages & (seen->messages - 1)) == 0)
        g_array_append_val(tally->grown, verdict->cluster);
}

const GArray *tally_volume_rows(Tally *tally)
{
    return tally->volume_rows;
}

const GArray *tally_cluster_rows(Tally *tally)
{
    return tally->cluster_rows;
}

const GArray *tally_grown(const Tally *tally)
{
    return tally->grown;
}

void tally_merge(Tally *tally, int64_t from, int64_t into)
{
    ClusterSeen *gone = g_hash_table_lookup(tally->clusters, &from);
    ClusterSeen *kept = g_hash_table_lookup(tally->clusters, &into);
    if (gone && kept)
        kept->messages += gone->messages;
}

void tally_next(Tally *tally)
{
    for (guint i = 0; i < tally->cluster_rows->len; i++) {
        ClusterSeen *seen = g_hash_table_lookup(
            tally->clusters, &g_array_index(tally->cluster_rows, ClusterRow, i).id);
        if (seen)
            seen->changed = 0;
    }
    g_array_set_size(tally->cluster_rows, 0);
    g_array_set_size(tally->grown, 0);
    g_array_set_size(tally->volume_rows, 0);
    g_hash_table_remove_all(tally->volume);
}
