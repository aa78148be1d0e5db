#include "core/brand_core.h"

#include <string.h>

enum {
    FEED = 2000,        /* messages read at once */
    RELEARN_DAYS = 3,   /* without a saved memory: messages fed again */
    RESOLVED_DAYS = 20, /* longer than the engines remember a quiet cluster */
    LATE = 100000,      /* ids that a slow collector may have taken and not yet committed */
};

static int64_t *boxed(int64_t value)
{
    return g_memdup2(&value, sizeof value);
}

void brand_core_free(void *data)
{
    BrandCore *brand = data;
    pipeline_free(brand->pipeline);
    tally_free(brand->tally);
    watch_free(brand->watch);
    g_hash_table_unref(brand->clusters);
    g_free(brand);
}

/* What the engines read: the subject says what a mail is about, a reply's repeats the first one's.
 */
static char *text_of(const Incoming *message)
{
    if (!message->subject || !*message->subject || message->answers ||
        g_str_has_prefix(message->body, message->subject))
        return g_strdup(message->body);
    return g_strconcat(message->subject, ". ", message->body, NULL);
}

int64_t brand_core_table_cluster(const BrandCore *brand, int64_t engine_id)
{
    if (!engine_id)
        return 0;
    const int64_t *known = g_hash_table_lookup(brand->clusters, &engine_id);
    return known ? *known : engine_id + brand->cluster_base;
}

/* The other way; only after a lost memory is there more to it than the base. */
int64_t brand_core_engine_cluster(const BrandCore *brand, int64_t table_id)
{
    GHashTableIter iter;
    gpointer key, value;
    g_hash_table_iter_init(&iter, brand->clusters);
    while (g_hash_table_iter_next(&iter, &key, &value))
        if (*(int64_t *)value == table_id)
            return *(int64_t *)key;
    return table_id - brand->cluster_base;
}

/* Returns the cluster's id as the engine says it. */
int64_t brand_core_take(BrandCore *brand, const Incoming *message, Verdict *verdict)
{
    g_autofree char *text = text_of(message);
    PipelineMessage input = {.id = message->id,
                             .at = message->sent_at,
                             .person = message->person,
                             .lang = message->lang,
                             .text = text};
    PipelineVerdict output = {0};
    pipeline_take(brand->pipeline, &input, &output);
    verdict->message = message;
    verdict->complaint = output.complaint;
    verdict->is_complaint = output.is_complaint;
    verdict->confidence = output.confidence;
    verdict->duplicate_of = output.duplicate_of;
    verdict->is_repeat = output.same_person;
    verdict->cluster = brand_core_table_cluster(brand, output.cluster);
    g_strlcpy(verdict->lang, *output.lang ? output.lang : "-", sizeof verdict->lang);
    return output.cluster;
}

/* ---- memory ---- */

/* Before the engines' own bytes: the base of the ids, and the ids that a lost memory made differ.
 */
static GBytes *with_ids(const BrandCore *brand, GBytes *engines)
{
    GByteArray *bytes = g_byte_array_new();
    int64_t count = g_hash_table_size(brand->clusters);
    g_byte_array_append(bytes, (const guint8 *)&brand->cluster_base, 8);
    g_byte_array_append(bytes, (const guint8 *)&count, 8);
    GHashTableIter iter;
    gpointer key, value;
    g_hash_table_iter_init(&iter, brand->clusters);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        g_byte_array_append(bytes, key, 8);
        g_byte_array_append(bytes, value, 8);
    }
    gsize size;
    const void *data = g_bytes_get_data(engines, &size);
    g_byte_array_append(bytes, data, (guint)size);
    return g_byte_array_free_to_bytes(bytes);
}

static bool without_ids(BrandCore *brand, GBytes *state, GError **error)
{
    gsize size;
    const guint8 *data = g_bytes_get_data(state, &size);
    int64_t count = 0;
    if (size >= 16)
        memcpy(&count, data + 8, 8);
    if (size < 16 || count < 0 || (gsize)count > (size - 16) / 16)
        return bw_fail(error, BW_ERROR_INVALID, "the saved memory is cut short");
    g_autoptr(GBytes) engines =
        g_bytes_new_from_bytes(state, 16 + 16 * (gsize)count, size - 16 - 16 * (gsize)count);
    brand->pipeline = pipeline_restore(engines, error);
    if (!brand->pipeline)
        return false;
    memcpy(&brand->cluster_base, data, 8);
    for (int64_t i = 0; i < count; i++)
        g_hash_table_insert(brand->clusters, g_memdup2(data + 16 + 16 * i, 8),
                            g_memdup2(data + 24 + 16 * i, 8));
    return true;
}

bool brand_core_save(BrandCore *brand, Db *db, GError **error)
{
    g_autoptr(GBytes) engines = pipeline_save(brand->pipeline);
    g_autoptr(GBytes) state = with_ids(brand, engines);
    if (!sorting_save_state(db, brand->id, brand->seq, MAX(0, brand->newest - LATE), state, error))
        return false;
    brand->saved_seq = brand->seq;
    brand->saved_at = g_get_monotonic_time();
    return true;
}

/* Feeds messages whose verdicts are written already, so that the engines know them again. With an
 * intact memory the verdicts come out the same; without one, the ids of clusters are learnt anew.
 */
static bool feed(BrandCore *brand, Db *db, int64_t from_message, bool relearn, GError **error)
{
    int64_t fed = 0;
    for (;;) {
        g_autoptr(GArray) seqs = g_array_new(FALSE, FALSE, sizeof(int64_t));
        g_autoptr(GArray) clusters = g_array_new(FALSE, FALSE, sizeof(int64_t));
        g_autoptr(GPtrArray) messages =
            sorting_since(db, brand->id, brand->seq, from_message, FEED, seqs, clusters, error);
        if (!messages)
            return false;
        if (!messages->len)
            break;
        for (guint i = 0; i < messages->len; i++) {
            const Incoming *message = messages->pdata[i];
            Verdict verdict = {0};
            PipelineEvent event;
            brand->seq = g_array_index(seqs, int64_t, i);
            brand->newest = MAX(brand->newest, message->id);
            if (message->automatic)
                continue;
            int64_t engine_id = brand_core_take(brand, message, &verdict);
            int64_t then = g_array_index(clusters, int64_t, i);
            if (relearn && engine_id && then && !g_hash_table_contains(brand->clusters, &engine_id))
                g_hash_table_insert(brand->clusters, boxed(engine_id), boxed(then));
            while (pipeline_event(brand->pipeline, &event))
                continue;
            fed++;
        }
    }
    if (fed)
        g_message("brand %" G_GINT64_FORMAT ": %s, %" G_GINT64_FORMAT " messages read again",
                  brand->id, relearn ? "no saved memory" : "memory restored", fed);
    return true;
}

static void seen_before(void *data, int64_t bucket, int64_t person, int64_t channel,
                        const char *lang, int64_t incident)
{
    tally_seen(data, bucket, person, channel, lang, incident);
}

static bool highest_cluster(Db *db, int64_t brand, int64_t *id, GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "select greatest((select coalesce(max(id), 0) from cluster where brand_id = $1),"
                 " (select coalesce(max(cluster_id), 0) from assignment"
                 "  where brand_id = $1 and cluster_id is not null)) as id",
                 db_int(brand));
    if (!result)
        return false;
    *id = db_get_int(db_row(result, 0), "id");
    return true;
}

static bool first_message_of_days(Db *db, int64_t brand, int64_t *id, GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "select coalesce(min(id), 0) as id from message where brand_id = $1"
                 " and received_at > clock_timestamp() - $2 * interval '1 day'",
                 db_int(brand), db_real(RELEARN_DAYS));
    if (!result)
        return false;
    *id = db_get_int(db_row(result, 0), "id");
    return true;
}

static bool remember(BrandCore *brand, Db *db, GError **error)
{
    g_autoptr(GError) problem = NULL;
    int64_t from = 0;
    g_autoptr(GBytes) state = sorting_load_state(db, brand->id, &brand->seq, &from, &problem);
    if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return false;
    }
    if (state && !without_ids(brand, state, &problem))
        g_message("brand %" G_GINT64_FORMAT ": %s", brand->id, problem->message);
    bool intact = brand->pipeline != NULL;
    if (!intact) {
        brand->pipeline = pipeline_new();
        brand->seq = 0;
        if (!highest_cluster(db, brand->id, &brand->cluster_base, error) ||
            !first_message_of_days(db, brand->id, &from, error))
            return false;
    }
    int64_t last = 0;
    brand->newest = from;
    if (!feed(brand, db, from, !intact, error) ||
        !sorting_last_seq(db, brand->id, from, &last, error))
        return false;
    brand->seq = MAX(brand->seq, last);
    brand->saved_seq = brand->seq;
    return true;
}

bool brand_core_reopen(BrandCore *brand, Db *db, GHashTable *links, GError **error)
{
    guint64 sum = 1;
    GHashTableIter iter;
    gpointer key, value;
    g_hash_table_iter_init(&iter, links);
    while (g_hash_table_iter_next(&iter, &key, &value))
        sum += (guint64) * (int64_t *)key * 0x9e3779b97f4a7c15u ^ (guint64) * (int64_t *)value;
    if (sum == brand->linked)
        return true;
    brand->linked = sum;
    g_autoptr(GArray) resolved = sorting_resolved(db, brand->id, RESOLVED_DAYS, error);
    if (!resolved)
        return false;
    for (guint i = 0; i < resolved->len; i++) {
        int64_t id = g_array_index(resolved, int64_t, i);
        pipeline_reopen(brand->pipeline, brand_core_engine_cluster(brand, id));
    }
    return true;
}

BrandCore *brand_core_new(Db *db, int64_t id, GError **error)
{
    BrandCore *brand = g_new0(BrandCore, 1);
    brand->id = id;
    brand->tally = tally_new();
    brand->watch = watch_new(id);
    brand->clusters = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    brand->saved_at = g_get_monotonic_time();
    if (!remember(brand, db, error) ||
        !sorting_counted(db, id, 2 * (int64_t)VOLUME_STEP_S, seen_before, brand->tally, error)) {
        brand_core_free(brand);
        return NULL;
    }
    return brand;
}
