#include "core/store/membership.h"

#define NUMBERS(name) g_autoptr(GArray) name = g_array_new(FALSE, FALSE, sizeof(int64_t))

static bool note(Db *db, int64_t brand, int64_t incident, int64_t at, const char *kind,
                 const char *text, GError **error)
{
    return db_run(db, error,
                  "insert into incident_event (brand_id, incident_id, at, kind, text)"
                  " values ($1, $2, $3, $4, $5)",
                  db_int(brand), db_int(incident), db_time(at), db_text(kind), db_text(text));
}

/* One person's messages of this batch in one incident. */
typedef struct Fold {
    int64_t incident, person;
    const Incoming *last;
    const char *lang;
    int64_t messages, first_at, last_at;
    bool told, removed, fresh;
} Fold;

static char *key_of(int64_t incident, int64_t person)
{
    return g_strdup_printf("%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT, incident, person);
}

static GHashTable *fold_all(const GPtrArray *verdicts)
{
    GHashTable *folds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (guint i = 0; i < verdicts->len; i++) {
        const Verdict *verdict = verdicts->pdata[i];
        if (!verdict->incident)
            continue;
        char *key = key_of(verdict->incident, verdict->message->person);
        Fold *fold = g_hash_table_lookup(folds, key);
        if (fold) {
            g_free(key);
        } else {
            fold = g_new0(Fold, 1);
            fold->incident = verdict->incident;
            fold->person = verdict->message->person;
            fold->first_at = verdict->message->sent_at;
            g_hash_table_insert(folds, key, fold);
        }
        fold->last = verdict->message;
        fold->lang = verdict->lang;
        fold->messages++;
        fold->first_at = MIN(fold->first_at, verdict->message->sent_at);
        fold->last_at = MAX(fold->last_at, verdict->message->sent_at);
    }
    return folds;
}

static bool write_members(Db *db, int64_t brand, GHashTable *folds, GError **error)
{
    NUMBERS(incidents);
    NUMBERS(persons);
    NUMBERS(conversations);
    NUMBERS(messages);
    NUMBERS(channels);
    NUMBERS(counts);
    NUMBERS(first);
    NUMBERS(last);
    g_autoptr(GArray) direct = g_array_new(FALSE, FALSE, sizeof(bool));
    g_autoptr(GPtrArray) langs = g_ptr_array_new();
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, folds);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Fold *fold = value;
        g_array_append_val(incidents, fold->incident);
        g_array_append_val(persons, fold->person);
        g_array_append_val(conversations, fold->last->conversation);
        g_array_append_val(messages, fold->last->id);
        g_array_append_val(channels, fold->last->channel);
        g_array_append_val(counts, fold->messages);
        g_array_append_val(first, fold->first_at);
        g_array_append_val(last, fold->last_at);
        g_array_append_val(direct, fold->last->direct);
        g_ptr_array_add(langs, (char *)fold->lang);
    }
    g_autoptr(DbResult) result = db_query(
        db, error,
        "insert into member as m (brand_id, incident_id, person_id, conversation_id, message_id,"
        "  channel_id, visibility, lang, messages, first_at, last_at)"
        " select $1, incident, person, conversation, message, channel,"
        "  case when direct then 'direct' else 'public' end, lang, messages, first, last"
        " from unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],"
        "  $7::bool[], $8::text[], $9::bigint[], $10::timestamptz[], $11::timestamptz[])"
        "  as o (incident, person, conversation, message, channel, direct, lang, messages, first,"
        "   last)"
        " on conflict (brand_id, incident_id, person_id) do update set"
        "  conversation_id = excluded.conversation_id, message_id = excluded.message_id,"
        "  channel_id = excluded.channel_id, visibility = excluded.visibility,"
        "  lang = case when excluded.lang = '-' then m.lang else excluded.lang end,"
        "  messages = m.messages + excluded.messages,"
        "  last_at = greatest(m.last_at, excluded.last_at)"
        " returning incident_id, person_id, told_at is not null as told,"
        "  removed_at is not null as removed, (xmax = 0) as fresh",
        db_int(brand), db_ints(incidents), db_ints(persons), db_ints(conversations),
        db_ints(messages), db_ints(channels), db_bools(direct), db_texts(langs), db_ints(counts),
        db_times(first), db_times(last));
    if (!result)
        return false;
    for (int i = 0; i < db_rows(result); i++) {
        DbRow row = db_row(result, i);
        g_autofree char *key = key_of(db_get_int(row, "incident_id"), db_get_int(row, "person_id"));
        Fold *fold = g_hash_table_lookup(folds, key);
        fold->told = db_get_bool(row, "told");
        fold->removed = db_get_bool(row, "removed");
        fold->fresh = db_get_bool(row, "fresh");
    }
    return true;
}

/* What the batch adds to one incident's numbers. */
typedef struct Sum {
    int64_t people, messages, last_at;
    GPtrArray *langs; /* borrowed */
} Sum;

static void sum_free(void *data)
{
    Sum *sum = data;
    g_ptr_array_unref(sum->langs);
    g_free(sum);
}

static void add_lang(GPtrArray *langs, const char *lang)
{
    if (g_str_equal(lang, "-") || g_ptr_array_find_with_equal_func(langs, lang, g_str_equal, NULL))
        return;
    g_ptr_array_add(langs, (char *)lang);
}

static GHashTable *sum_all(GHashTable *folds)
{
    GHashTable *sums = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, sum_free);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, folds);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Fold *fold = value;
        if (fold->removed)
            continue;
        Sum *sum = g_hash_table_lookup(sums, &fold->incident);
        if (!sum) {
            sum = g_new0(Sum, 1);
            sum->langs = g_ptr_array_new();
            g_hash_table_insert(sums, &fold->incident, sum);
        }
        sum->people += fold->fresh;
        sum->messages += fold->messages;
        sum->last_at = MAX(sum->last_at, fold->last_at);
        add_lang(sum->langs, fold->lang);
    }
    return sums;
}

static bool write_sums(Db *db, int64_t brand, GHashTable *folds, GError **error)
{
    g_autoptr(GHashTable) sums = sum_all(folds);
    GHashTableIter iter;
    gpointer key, value;
    g_hash_table_iter_init(&iter, sums);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const Sum *sum = value;
        if (!db_run(db, error,
                    "update incident set people = people + $3, messages = messages + $4,"
                    " last_at = greatest(last_at, $5),"
                    " new_since_told = new_since_told + case when told > 0 then $3 else 0 end,"
                    " langs = (select coalesce(array_agg(distinct l order by l), '{}')"
                    "  from unnest(langs || $6) l)"
                    " where brand_id = $1 and id = $2",
                    db_int(brand), db_int(*(int64_t *)key), db_int(sum->people),
                    db_int(sum->messages), db_time(sum->last_at), db_texts(sum->langs)))
            return false;
    }
    return true;
}

bool membership_add(Db *db, int64_t brand, const GPtrArray *verdicts, GError **error)
{
    g_autoptr(GHashTable) folds = fold_all(verdicts);
    if (!g_hash_table_size(folds))
        return true;
    if (!write_members(db, brand, folds, error) || !write_sums(db, brand, folds, error))
        return false;
    for (guint i = 0; i < verdicts->len; i++) {
        Verdict *verdict = verdicts->pdata[i];
        if (!verdict->incident)
            continue;
        g_autofree char *key = key_of(verdict->incident, verdict->message->person);
        const Fold *fold = g_hash_table_lookup(folds, key);
        verdict->told = fold->told && !fold->removed;
        if (fold->removed)
            verdict->incident = 0;
    }
    return true;
}

/* ---- whole clusters ---- */

typedef struct Cluster {
    GPtrArray *messages, *verdicts;
} Cluster;

static void cluster_clear(Cluster *cluster)
{
    g_clear_pointer(&cluster->verdicts, g_ptr_array_unref);
    g_clear_pointer(&cluster->messages, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Cluster, cluster_clear)

/* The messages of a cluster, as verdicts that put them into the incident. Of a cluster whose
 * incident is over only what came after its end: who complained about the last outage is not to
 * hear of this one. */
static bool load(Db *db, int64_t brand, int64_t incident, int64_t id, Cluster *cluster,
                 GError **error)
{
    g_autoptr(DbResult) result = db_query(
        db, error,
        "select e.id, e.conversation_id, e.channel_id, e.visibility = 'direct' as direct, e.sent_at,"
        "  a.person_id, s.lang"
        " from assignment s"
        " cross join lateral (select * from message where brand_id = $1 and id = s.message_id"
        "  and automatic is null and received_at > coalesce((select i.ended_at from cluster c"
        "   join incident i on i.brand_id = $1 and i.id = c.incident_id"
        "   where c.brand_id = $1 and c.id = $2), '-infinity') offset 0) e"
        " cross join lateral (select person_id from author where brand_id = $1"
        "  and id = e.author_id offset 0) a"
        " where s.brand_id = $1 and s.cluster_id = $2 order by e.id",
        db_int(brand), db_int(id));
    if (!result)
        return false;
    cluster->messages = g_ptr_array_new_with_free_func((GDestroyNotify)incoming_free);
    cluster->verdicts = g_ptr_array_new_with_free_func(g_free);
    for (int i = 0; i < db_rows(result); i++) {
        DbRow row = db_row(result, i);
        Incoming *message = g_new0(Incoming, 1);
        message->id = db_get_int(row, "id");
        message->conversation = db_get_int(row, "conversation_id");
        message->channel = db_get_int(row, "channel_id");
        message->direct = db_get_bool(row, "direct");
        message->sent_at = db_get_time(row, "sent_at");
        message->person = db_get_int(row, "person_id");
        g_ptr_array_add(cluster->messages, message);
        Verdict *verdict = g_new0(Verdict, 1);
        verdict->message = message;
        verdict->incident = incident;
        g_strlcpy(verdict->lang, db_get_text(row, "lang"), sizeof verdict->lang);
        g_ptr_array_add(cluster->verdicts, verdict);
    }
    return true;
}

static bool tag_conversations(Db *db, int64_t brand, int64_t incident, const GPtrArray *verdicts,
                              GError **error)
{
    NUMBERS(conversations);
    for (guint i = 0; i < verdicts->len; i++) {
        const Verdict *verdict = verdicts->pdata[i];
        if (verdict->incident)
            g_array_append_val(conversations, verdict->message->conversation);
    }
    /* most of a new incident's conversations come with this very batch and have no row yet */
    g_autoptr(DbResult) there =
        db_query(db, error,
                 "select distinct i.conversation_id from unnest($3::bigint[]) as t (id)"
                 " cross join lateral (select conversation_id from inbox where brand_id = $1"
                 "  and conversation_id = t.id and incident_id is distinct from $2 offset 0) i",
                 db_int(brand), db_int(incident), db_ints(conversations));
    if (!there)
        return false;
    g_array_set_size(conversations, 0);
    for (int i = 0; i < db_rows(there); i++) {
        int64_t id = db_get_int(db_row(there, i), "conversation_id");
        g_array_append_val(conversations, id);
    }
    return !conversations->len || db_run(db, error,
                                         "update inbox set incident_id = $2, version = version + 1"
                                         " where brand_id = $1 and conversation_id = any($3)",
                                         db_int(brand), db_int(incident), db_ints(conversations));
}

/* A person and the five minutes they wrote in, as a key of a set. */
static gboolean add_step(GHashTable *set, int64_t bucket, int64_t person)
{
    return g_hash_table_add(
        set, g_strdup_printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT, bucket, person));
}

/* Who wrote in another of the incident's clusters in the same five minutes counts once more: rare,
 * and not worth reading all of the incident again. */
static bool count_volume(Db *db, int64_t brand, int64_t incident, const GPtrArray *verdicts,
                         GError **error)
{
    int64_t step = (int64_t)VOLUME_STEP_S * G_USEC_PER_SEC;
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) index = g_hash_table_new(g_int64_hash, g_int64_equal);
    g_autoptr(GArray) rows = g_array_sized_new(FALSE, TRUE, sizeof(VolumeRow), verdicts->len);
    for (guint i = 0; i < verdicts->len; i++) {
        const Incoming *message = ((Verdict *)verdicts->pdata[i])->message;
        int64_t bucket = message->sent_at - message->sent_at % step;
        VolumeRow *row = g_hash_table_lookup(index, &bucket);
        if (!row) {
            VolumeRow fresh = {.kind = "incident", .label = "", .key = incident, .bucket = bucket};
            g_array_append_val(rows, fresh);
            row = &g_array_index(rows, VolumeRow, rows->len - 1);
            g_hash_table_insert(index, &row->bucket, row);
        }
        row->messages++;
        row->people += add_step(seen, bucket, message->person);
    }
    return sorting_volume(db, brand, rows, error);
}

bool membership_take(Db *db, int64_t brand, int64_t incident, int64_t cluster, GError **error)
{
    g_auto(Cluster) loaded = {0};
    return load(db, brand, incident, cluster, &loaded, error) &&
           membership_add(db, brand, loaded.verdicts, error) &&
           tag_conversations(db, brand, incident, loaded.verdicts, error) &&
           count_volume(db, brand, incident, loaded.verdicts, error);
}

bool membership_open(Db *db, int64_t brand, int64_t cluster, const char *title, int64_t at,
                     int64_t *incident, GError **error)
{
    g_autoptr(DbResult) result = db_query(
        db, error,
        "insert into incident (brand_id, title, phase, opened_by, first_at, last_at, opened_at)"
        " select $1, $3, 'suspected', 'core', first_at, last_at, $4 from cluster"
        " where brand_id = $1 and id = $2 returning id",
        db_int(brand), db_int(cluster), db_text(title), db_time(at));
    if (!result)
        return false;
    if (!db_rows(result))
        return bw_fail(error, BW_ERROR_MISSING, "no cluster %" G_GINT64_FORMAT, cluster);
    *incident = db_get_int(db_row(result, 0), "id");
    return membership_take(db, brand, *incident, cluster, error) &&
           db_run(db, error, "update cluster set incident_id = $3 where brand_id = $1 and id = $2",
                  db_int(brand), db_int(cluster), db_int(*incident)) &&
           note(db, brand, *incident, at, "suspected", title, error);
}

/* ---- two incidents ---- */

static bool take_all(Db *db, int64_t brand, int64_t from, int64_t into, GArray *taken,
                     GError **error)
{
    g_autoptr(DbResult) clusters = db_query(
        db, error,
        "update cluster set incident_id = $3 where brand_id = $1 and incident_id = $2 returning id",
        db_int(brand), db_int(from), db_int(into));
    if (!clusters)
        return false;
    for (int i = 0; i < db_rows(clusters); i++) {
        int64_t id = db_get_int(db_row(clusters, i), "id");
        g_array_append_val(taken, id);
        if (!membership_take(db, brand, into, id, error))
            return false;
    }
    return true;
}

bool membership_meet(Db *db, int64_t brand, int64_t one, int64_t other, GArray *taken,
                     GError **error)
{
    int64_t older = MIN(one, other), younger = MAX(one, other), now = g_get_real_time();
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "select count(*) = 2 as fresh from incident where brand_id = $1 and id in ($2, $3)"
                 " and phase = 'suspected' and opened_by = 'core' and version = 1 and told = 0"
                 " and not exists (select from incident_update u where u.brand_id = $1"
                 "  and u.incident_id = incident.id)",
                 db_int(brand), db_int(older), db_int(younger));
    if (!result)
        return false;
    if (!db_get_bool(db_row(result, 0), "fresh")) {
        g_autofree char *text =
            g_strdup_printf("the complaints of incidents %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT
                            " have become one: merge them?",
                            older, younger);
        return note(db, brand, older, now, "met", text, error) &&
               note(db, brand, younger, now, "met", text, error);
    }
    g_autofree char *text = g_strdup_printf("into incident %" G_GINT64_FORMAT, older);
    return take_all(db, brand, younger, older, taken, error) &&
           db_run(db, error,
                  "update incident set phase = 'dismissed', merged_into = $3, ended_at = $4,"
                  " version = version + 1 where brand_id = $1 and id = $2",
                  db_int(brand), db_int(younger), db_int(older), db_time(now)) &&
           note(db, brand, younger, now, "merged", text, error);
}
