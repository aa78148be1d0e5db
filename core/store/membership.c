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
    return db_run(db, error, "update cluster set incident_id = $3 where brand_id = $1 and id = $2",
                  db_int(brand), db_int(cluster), db_int(*incident)) &&
           membership_refresh(db, brand, *incident, error) &&
           note(db, brand, *incident, at, "suspected", title, error);
}

static bool count(Db *db, int64_t brand, int64_t incident, GError **error)
{
    return db_run(
        db, error,
        "update incident i set people = s.people, told = s.told, messages = s.messages,"
        "  new_since_told = case when s.told > 0 then s.people - s.told else 0 end,"
        "  langs = s.langs, first_at = least(i.first_at, s.first_at),"
        "  last_at = greatest(i.last_at, s.last_at)"
        " from (select count(*) as people, count(told_at) as told, coalesce(sum(messages), 0) as messages,"
        "   coalesce(array_agg(distinct lang) filter (where lang <> '-'), '{}') as langs,"
        "   min(first_at) as first_at, max(last_at) as last_at"
        "  from member where brand_id = $1 and incident_id = $2 and removed_at is null) s"
        " where i.brand_id = $1 and i.id = $2",
        db_int(brand), db_int(incident));
}

bool membership_refresh(Db *db, int64_t brand, int64_t incident, GError **error)
{
    return db_run(
               db, error,
               "insert into member as m (brand_id, incident_id, person_id, conversation_id, message_id,"
               "  channel_id, visibility, lang, messages, first_at, last_at)"
               " select distinct on (person_id) $1, $2, person_id, conversation_id, id, channel_id,"
               "  visibility, lang, count(*) over w, min(sent_at) over w, max(sent_at) over w"
               " from (select a.person_id, e.conversation_id, e.id, e.channel_id, e.visibility, s.lang,"
               "   e.sent_at from assignment s"
               "  join message e on e.brand_id = s.brand_id and e.id = s.message_id"
               "  join author a on a.brand_id = e.brand_id and a.id = e.author_id"
               "  where s.brand_id = $1 and e.automatic is null and s.cluster_id in"
               "   (select id from cluster where brand_id = $1 and incident_id = $2)) x"
               " window w as (partition by person_id)"
               " order by person_id, id desc"
               " on conflict (brand_id, incident_id, person_id) do update set"
               "  conversation_id = excluded.conversation_id, message_id = excluded.message_id,"
               "  channel_id = excluded.channel_id, visibility = excluded.visibility,"
               "  lang = excluded.lang, messages = excluded.messages, first_at = excluded.first_at,"
               "  last_at = excluded.last_at",
               db_int(brand), db_int(incident)) &&
           db_run(
               db, error,
               "update inbox set incident_id = $2, version = version + 1"
               " where brand_id = $1 and incident_id is distinct from $2"
               " and conversation_id = any(array(select e.conversation_id from cluster c"
               "  join assignment s on s.brand_id = $1 and s.cluster_id = c.id"
               "  cross join lateral (select conversation_id, author_id from message"
               "   where brand_id = $1 and id = s.message_id offset 0) e"
               "  cross join lateral (select person_id from author"
               "   where brand_id = $1 and id = e.author_id offset 0) a"
               "  cross join lateral (select from member where brand_id = $1 and incident_id = $2"
               "   and person_id = a.person_id and removed_at is null offset 0) m"
               "  where c.brand_id = $1 and c.incident_id = $2))",
               db_int(brand), db_int(incident)) &&
           count(db, brand, incident, error) &&
           db_run(db, error,
                  "delete from volume where brand_id = $1 and kind = 'incident' and key = $2",
                  db_int(brand), db_int(incident)) &&
           db_run(
               db, error,
               "insert into volume (brand_id, kind, key, bucket, people, messages)"
               " select $1, 'incident', $2, date_bin('5 min', e.sent_at, 'epoch'),"
               "  count(distinct a.person_id), count(*)"
               " from assignment s join message e on e.brand_id = s.brand_id and e.id = s.message_id"
               " join author a on a.brand_id = e.brand_id and a.id = e.author_id"
               " where s.brand_id = $1 and s.is_complaint and s.cluster_id in"
               "  (select id from cluster where brand_id = $1 and incident_id = $2)"
               " group by 4",
               db_int(brand), db_int(incident));
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

bool membership_meet(Db *db, int64_t brand, int64_t one, int64_t other, GError **error)
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
    return db_run(db, error,
                  "update cluster set incident_id = $3 where brand_id = $1 and incident_id = $2",
                  db_int(brand), db_int(younger), db_int(older)) &&
           db_run(db, error,
                  "update inbox set incident_id = $3, version = version + 1"
                  " where brand_id = $1 and incident_id = $2",
                  db_int(brand), db_int(younger), db_int(older)) &&
           db_run(db, error,
                  "update incident set phase = 'dismissed', merged_into = $3, ended_at = $4,"
                  " version = version + 1 where brand_id = $1 and id = $2",
                  db_int(brand), db_int(younger), db_int(older), db_time(now)) &&
           note(db, brand, younger, now, "merged", text, error) &&
           membership_refresh(db, brand, older, error);
}
