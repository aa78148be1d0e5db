#include "core/store/sorting.h"

#include <string.h>

void incoming_free(Incoming *incoming)
{
    if (!incoming)
        return;
    g_free(incoming->automatic);
    g_free(incoming->network);
    g_free(incoming->lang);
    g_free(incoming->subject);
    g_free(incoming->body);
    g_free(incoming->name);
    g_free(incoming->handle);
    g_free(incoming);
}

#define INCOMING_COLUMNS                                                                           \
    "m.id, m.channel_id, m.conversation_id, m.author_id, a.person_id, m.sent_at, m.inbound,"       \
    " m.visibility = 'direct' as direct, m.parent is not null as answers, m.automatic, m.network," \
    " m.lang, m.subject, left(m.body, 20000) as body, a.name, a.handle,"                           \
    " coalesce((m.extra->>'delivery')::bigint, 0) as delivery"
#define INCOMING_FROM                                                                              \
    " from message m left join author a on a.brand_id = m.brand_id and a.id = m.author_id"

static Incoming *incoming_from_row(DbRow row)
{
    Incoming *incoming = g_new0(Incoming, 1);
    incoming->id = db_get_int(row, "id");
    incoming->channel = db_get_int(row, "channel_id");
    incoming->conversation = db_get_int(row, "conversation_id");
    incoming->person = db_get_int(row, "person_id");
    incoming->sent_at = db_get_time(row, "sent_at");
    incoming->inbound = db_get_bool(row, "inbound");
    incoming->direct = db_get_bool(row, "direct");
    incoming->answers = db_get_bool(row, "answers");
    incoming->delivery = incoming->inbound ? 0 : db_get_int(row, "delivery");
    incoming->automatic = g_strdup(db_get_text(row, "automatic"));
    incoming->network = g_strdup(db_get_text(row, "network"));
    incoming->lang = g_strdup(db_get_text(row, "lang"));
    incoming->subject = g_strdup(db_get_text(row, "subject"));
    incoming->body = g_strdup(db_get_text(row, "body"));
    incoming->name = g_strdup(db_get_text(row, "name"));
    incoming->handle = g_strdup(db_get_text(row, "handle"));
    return incoming;
}

static GPtrArray *incoming_all(DbResult *result)
{
    GPtrArray *messages = g_ptr_array_new_with_free_func((GDestroyNotify)incoming_free);
    for (int i = 0; i < db_rows(result); i++)
        g_ptr_array_add(messages, incoming_from_row(db_row(result, i)));
    return messages;
}

GPtrArray *sorting_take(Db *db, int64_t brand, int most, GArray *batches, GError **error)
{
    g_autoptr(DbResult) queue = db_query(
        db, error, "select id, message_ids from intake where brand_id = $1 order by id limit 200",
        db_int(brand));
    if (!queue)
        return NULL;
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int64_t));
    for (int i = 0; i < db_rows(queue) && (int)ids->len < most; i++) {
        int64_t batch = db_get_int(db_row(queue, i), "id");
        g_autoptr(GArray) some = db_get_ints(db_row(queue, i), "message_ids");
        if (ids->len && (int)(ids->len + some->len) > most)
            break;
        g_array_append_val(batches, batch);
        g_array_append_vals(ids, some->data, some->len);
    }
    if (!ids->len)
        return g_ptr_array_new_with_free_func((GDestroyNotify)incoming_free);
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "select " INCOMING_COLUMNS " from unnest($2::bigint[]) as o (id)"
                 " cross join lateral (select * from message where brand_id = $1 and id = o.id"
                 "  offset 0) m"
                 " left join author a on a.brand_id = $1 and a.id = m.author_id"
                 " order by o.id",
                 db_int(brand), db_ints(ids));
    return result ? incoming_all(result) : NULL;
}

bool sorting_done(Db *db, int64_t brand, const GArray *batches, GError **error)
{
    return db_run(db, error, "delete from intake where brand_id = $1 and id = any($2::bigint[])",
                  db_int(brand), db_ints(batches));
}

GPtrArray *sorting_since(Db *db, int64_t brand, int64_t seq, int64_t from_message, int most,
                         GArray *seqs, GArray *clusters, GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "select s.seq, s.cluster_id, " INCOMING_COLUMNS INCOMING_FROM
                 " join assignment s on s.brand_id = m.brand_id and s.message_id = m.id"
                 " where m.brand_id = $1 and m.id >= $3 and s.message_id >= $3 and s.seq > $2"
                 " order by s.seq limit $4",
                 db_int(brand), db_int(seq), db_int(from_message), db_int(most));
    if (!result)
        return NULL;
    for (int i = 0; i < db_rows(result); i++) {
        int64_t each = db_get_int(db_row(result, i), "seq");
        int64_t cluster = db_get_int(db_row(result, i), "cluster_id");
        g_array_append_val(seqs, each);
        g_array_append_val(clusters, cluster);
    }
    return incoming_all(result);
}

bool sorting_last_seq(Db *db, int64_t brand, int64_t from_message, int64_t *seq, GError **error)
{
    g_autoptr(DbResult) result = db_query(db, error,
                                          "select coalesce(max(seq), 0) as seq from assignment"
                                          " where brand_id = $1 and message_id >= $2",
                                          db_int(brand), db_int(from_message));
    if (!result)
        return false;
    *seq = db_get_int(db_row(result, 0), "seq");
    return true;
}

#define NUMBERS(name) g_autoptr(GArray) name = g_array_new(FALSE, FALSE, sizeof(int64_t))
#define REALS(name) g_autoptr(GArray) name = g_array_new(FALSE, FALSE, sizeof(double))
#define BOOLS(name) g_autoptr(GArray) name = g_array_new(FALSE, FALSE, sizeof(bool))
#define TEXTS(name) g_autoptr(GPtrArray) name = g_ptr_array_new()

bool sorting_assign(Db *db, int64_t brand, const GPtrArray *verdicts, GError **error)
{
    NUMBERS(ids);
    NUMBERS(seqs);
    NUMBERS(duplicates);
    NUMBERS(clusters);
    REALS(complaints);
    REALS(confidences);
    BOOLS(is_complaint);
    BOOLS(is_repeat);
    TEXTS(langs);
    for (guint i = 0; i < verdicts->len; i++) {
        Verdict *verdict = verdicts->pdata[i];
        g_array_append_val(ids, verdict->message->id);
        g_array_append_val(seqs, verdict->seq);
        g_array_append_val(duplicates, verdict->duplicate_of);
        g_array_append_val(clusters, verdict->cluster);
        g_array_append_val(complaints, verdict->complaint);
        g_array_append_val(confidences, verdict->confidence);
        g_array_append_val(is_complaint, verdict->is_complaint);
        g_array_append_val(is_repeat, verdict->is_repeat);
        g_ptr_array_add(langs, verdict->lang);
    }
    return db_run(
        db, error,
        "insert into assignment (brand_id, message_id, seq, complaint, is_complaint, lang,"
        "  duplicate_of, is_repeat, cluster_id, confidence)"
        " select $1, * from unnest($2::bigint[], $3::bigint[], $4::float8[], $5::bool[], "
        "$6::text[],"
        "  $7::bigint[], $8::bool[], $9::bigint[], $10::float8[])"
        " on conflict (brand_id, message_id) do nothing",
        db_int(brand), db_ints(ids), db_ints(seqs), db_reals(complaints), db_bools(is_complaint),
        db_texts(langs), db_ids(duplicates), db_bools(is_repeat), db_ids(clusters),
        db_reals(confidences));
}

/* ---- inbox ---- */

/* What one batch means for one conversation. */
typedef struct Fold {
    const Verdict *last;
    int64_t messages, waiting_since, last_at, incident;
    const char *triage;
    bool told;
} Fold;

static const char *triage_of(const Verdict *verdict)
{
    if (verdict->message->automatic)
        return "automatic";
    if (verdict->is_complaint)
        return "complaint";
    return verdict->message->direct ? "question" : "other";
}

static int rank_of(const char *triage)
{
    static const char *const ranks[] = {"automatic", "other", "question", "complaint"};
    for (int i = 0; i < (int)G_N_ELEMENTS(ranks); i++)
        if (strcmp(ranks[i], triage) == 0)
            return i;
    return 0;
}

static void fold_in(GHashTable *folds, const Verdict *verdict)
{
    Fold *fold = g_hash_table_lookup(folds, &verdict->message->conversation);
    if (!fold) {
        fold = g_new0(Fold, 1);
        fold->waiting_since = verdict->message->sent_at;
        fold->triage = "automatic";
        g_hash_table_insert(folds, (void *)&verdict->message->conversation, fold);
    }
    fold->last = verdict;
    fold->messages++;
    fold->waiting_since = MIN(fold->waiting_since, verdict->message->sent_at);
    fold->last_at = MAX(fold->last_at, verdict->message->sent_at);
    if (verdict->incident)
        fold->incident = verdict->incident;
    /* something that is not the incident's complaint again wants a person */
    fold->told = verdict->told;
    const char *triage = triage_of(verdict);
    if (rank_of(triage) > rank_of(fold->triage))
        fold->triage = triage;
}

static char *snippet_of(const char *body)
{
    g_autofree char *start =
        g_utf8_strlen(body, 2000) > 300 ? g_utf8_substring(body, 0, 300) : NULL;
    char *snippet = g_strdup(start ? start : body);
    for (char *at = snippet; *at; at++)
        if (*at == '\n' || *at == '\r' || *at == '\t')
            *at = ' ';
    return snippet;
}

bool sorting_inbox(Db *db, int64_t brand, const GPtrArray *verdicts, GError **error)
{
    g_autoptr(GHashTable) folds = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    for (guint i = 0; i < verdicts->len; i++)
        fold_in(folds, verdicts->pdata[i]);
    if (!g_hash_table_size(folds))
        return true;
    NUMBERS(conversations);
    NUMBERS(channels);
    NUMBERS(persons);
    NUMBERS(incidents);
    NUMBERS(counts);
    NUMBERS(since);
    NUMBERS(last);
    NUMBERS(newest);
    BOOLS(told);
    BOOLS(direct);
    TEXTS(triages);
    TEXTS(networks);
    TEXTS(names);
    TEXTS(handles);
    TEXTS(subjects);
    TEXTS(langs);
    g_autoptr(GPtrArray) snippets = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer key, value;
    g_hash_table_iter_init(&iter, folds);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const Fold *fold = value;
        const Incoming *message = fold->last->message;
        g_array_append_val(conversations, message->conversation);
        g_array_append_val(channels, message->channel);
        g_array_append_val(persons, message->person);
        g_array_append_val(incidents, fold->incident);
        g_array_append_val(counts, fold->messages);
        g_array_append_val(since, fold->waiting_since);
        g_array_append_val(last, fold->last_at);
        g_array_append_val(newest, message->id);
        g_array_append_val(told, fold->told);
        g_array_append_val(direct, message->direct);
        g_ptr_array_add(triages, (char *)fold->triage);
        g_ptr_array_add(networks, message->network);
        g_ptr_array_add(names, message->name);
        g_ptr_array_add(handles, message->handle);
        g_ptr_array_add(subjects, message->subject);
        g_ptr_array_add(langs, (char *)fold->last->lang);
        g_ptr_array_add(snippets, snippet_of(message->body));
    }
    return db_run(
        db, error,
        "insert into inbox as i (brand_id, conversation_id, channel_id, person_id, state, triage,"
        "  incident_id, visibility, network, name, handle, subject, snippet, lang, messages, unanswered,"
        "  waiting_since, last_at, last_message_id)"
        " select $1, conversation, channel, person, case when told then 'parked' else 'waiting' end,"
        "  triage, incident, case when direct then 'direct' else 'public' end, network, name, handle,"
        "  subject, snippet, lang, messages, messages, since, last, newest"
        " from unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bool[], $6::text[], "
        "$7::bigint[],"
        "  $8::bool[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],"
        "  $15::bigint[], $16::timestamptz[], $17::timestamptz[], $18::bigint[])"
        "  as t (conversation, channel, person, told, triage, incident, direct, network, name, handle,"
        "   subject, snippet, lang, messages, since, last, newest)"
        " on conflict (brand_id, conversation_id) do update set"
        "  state = case when excluded.triage = 'automatic' then i.state"
        "   when i.state = 'parked' and excluded.state = 'parked' then 'parked' else 'waiting' end,"
        "  triage = case when excluded.triage = 'automatic' or i.triage = 'complaint'"
        "    or (i.triage = 'question' and excluded.triage = 'other') then i.triage"
        "    else excluded.triage end,"
        "  incident_id = case when excluded.incident_id is null and excluded.triage <> 'automatic'"
        "   and i.state in ('parked', 'done') then null"
        "   else coalesce(excluded.incident_id, i.incident_id) end,"
        "  visibility = excluded.visibility, name = excluded.name, handle = excluded.handle,"
        "  subject = coalesce(i.subject, excluded.subject), snippet = excluded.snippet,"
        "  lang = case when excluded.lang = '-' then i.lang else excluded.lang end,"
        "  messages = i.messages + excluded.messages, unanswered = i.unanswered + excluded.messages,"
        "  waiting_since = case when i.unanswered > 0 then least(i.waiting_since, excluded.waiting_since)"
        "   else excluded.waiting_since end,"
        "  last_at = greatest(i.last_at, excluded.last_at),"
        "  last_message_id = greatest(i.last_message_id, excluded.last_message_id),"
        "  done_at = case when excluded.triage = 'automatic' then i.done_at end,"
        "  version = i.version + 1",
        db_int(brand), db_ints(conversations), db_ints(channels), db_ints(persons), db_bools(told),
        db_texts(triages), db_ids(incidents), db_bools(direct), db_texts(networks), db_texts(names),
        db_texts(handles), db_texts(subjects), db_texts(snippets), db_texts(langs), db_ints(counts),
        db_times(since), db_times(last), db_ints(newest));
}

/* A reply that went out by us: for an update, the person is told and all their threads in the
 * incident are parked; a single reply ends its conversation if the agent said so. A reply that a
 * colleague wrote elsewhere ends it too. What the customer wrote meanwhile keeps it waiting. */
bool sorting_own(Db *db, int64_t brand, const GPtrArray *own, GArray *incidents, GError **error)
{
    NUMBERS(deliveries);
    NUMBERS(elsewhere);
    NUMBERS(ids);
    NUMBERS(times);
    for (guint i = 0; i < own->len; i++) {
        const Incoming *message = own->pdata[i];
        if (message->delivery) {
            g_array_append_val(deliveries, message->delivery);
            continue;
        }
        g_array_append_val(elsewhere, message->conversation);
        g_array_append_val(ids, message->id);
        g_array_append_val(times, message->sent_at);
    }
    if (elsewhere->len &&
        !db_run(
            db, error,
            "update inbox i set state = 'done', unanswered = 0, done_at = o.at,"
            " version = version + 1"
            " from (select conversation, max(id) as id, max(at) as at"
            "  from unnest($2::bigint[], $3::bigint[], $4::timestamptz[])"
            "   as t (conversation, id, at) group by 1) o"
            " where i.brand_id = $1 and i.conversation_id = o.conversation"
            " and i.last_message_id < o.id and i.state in ('waiting', 'snoozed')"
            " and not exists (select from delivery d where d.brand_id = $1"
            "  and d.conversation_id = i.conversation_id and d.state in ('sending', 'unknown'))",
            db_int(brand), db_ints(elsewhere), db_ints(ids), db_times(times)))
        return false;
    if (!deliveries->len)
        return true;
    if (!db_run(
            db, error,
            "update inbox i set unanswered = 0, version = version + 1,"
            " state = case when d.then_done then 'done' else i.state end,"
            " done_at = case when d.then_done then clock_timestamp() else i.done_at end"
            " from unnest($2::bigint[]) as o (id) cross join lateral"
            "  (select * from delivery where brand_id = $1 and id = o.id offset 0) d"
            " where d.update_id is null and i.brand_id = $1 and i.conversation_id = d.conversation_id"
            " and (select received_at from message where brand_id = $1"
            "  and id = i.last_message_id) <= d.created_at",
            db_int(brand), db_ints(deliveries)) ||
        !db_run(
            db, error,
            "update inbox i set state = 'parked', unanswered = 0, version = version + 1"
            " from unnest($2::bigint[]) as o (id) cross join lateral"
            "  (select * from delivery where brand_id = $1 and id = o.id offset 0) d"
            " join incident_update u on u.brand_id = $1 and u.id = d.update_id"
            " where i.brand_id = $1 and i.person_id = d.person_id and i.incident_id = u.incident_id"
            " and i.state in ('waiting', 'parked', 'done') and (select received_at from message"
            "  where brand_id = $1 and id = i.last_message_id) <= d.created_at",
            db_int(brand), db_ints(deliveries)))
        return false;
    g_autoptr(DbResult) told = db_query(
        db, error,
        "with was as (select m.incident_id, m.person_id, m.told_at is null as fresh, u.id as update_id,"
        "   d.finished_at"
        "  from unnest($2::bigint[]) as o (id) cross join lateral"
        "   (select * from delivery where brand_id = $1 and id = o.id offset 0) d"
        "  join incident_update u on u.brand_id = $1 and u.id = d.update_id"
        "  join member m on m.brand_id = $1 and m.incident_id = u.incident_id"
        "   and m.person_id = d.person_id"
        "  where d.state = 'sent'),"
        " now_told as (update member m set told_update_id = was.update_id,"
        "   told_at = coalesce(m.told_at, was.finished_at)"
        "  from was where m.brand_id = $1 and m.incident_id = was.incident_id"
        "  and m.person_id = was.person_id),"
        " sums as (select incident_id, count(*) filter (where fresh) as fresh from was group by 1)"
        " update incident i set told = told + sums.fresh,"
        "  new_since_told = greatest(0, new_since_told - sums.fresh)"
        " from sums where i.brand_id = $1 and i.id = sums.incident_id returning i.id",
        db_int(brand), db_ints(deliveries));
    if (!told)
        return false;
    for (int i = 0; i < db_rows(told); i++) {
        int64_t id = db_get_int(db_row(told, i), "id");
        g_array_append_val(incidents, id);
    }
    return true;
}

/* ---- clusters ---- */

bool sorting_clusters(Db *db, int64_t brand, const GArray *rows, GError **error)
{
    if (!rows->len)
        return true;
    NUMBERS(ids);
    NUMBERS(people);
    NUMBERS(messages);
    NUMBERS(first);
    NUMBERS(last);
    for (guint i = 0; i < rows->len; i++) {
        const ClusterRow *row = &g_array_index(rows, ClusterRow, i);
        g_array_append_val(ids, row->id);
        g_array_append_val(people, row->people);
        g_array_append_val(messages, row->messages);
        g_array_append_val(first, row->first_at);
        g_array_append_val(last, row->last_at);
    }
    return db_run(db, error,
                  "insert into cluster as c (brand_id, id, people, messages, first_at, last_at)"
                  " select $1, * from unnest($2::bigint[], $3::bigint[], $4::bigint[],"
                  "  $5::timestamptz[], $6::timestamptz[])"
                  " on conflict (brand_id, id) do update set people = c.people + excluded.people,"
                  "  messages = c.messages + excluded.messages,"
                  "  first_at = least(c.first_at, excluded.first_at),"
                  "  last_at = greatest(c.last_at, excluded.last_at)",
                  db_int(brand), db_ints(ids), db_ints(people), db_ints(messages), db_times(first),
                  db_times(last));
}

bool sorting_cluster_terms(Db *db, int64_t brand, int64_t cluster, char **terms, GError **error)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new();
    for (char **term = terms; *term; term++)
        g_ptr_array_add(texts, *term);
    return db_run(db, error, "update cluster set terms = $3 where brand_id = $1 and id = $2",
                  db_int(brand), db_int(cluster), db_texts(texts));
}

bool sorting_merge(Db *db, int64_t brand, int64_t from, int64_t into, int64_t incident,
                   GError **error)
{
    return db_run(db, error,
                  "update assignment set cluster_id = $3 where brand_id = $1 and cluster_id = $2",
                  db_int(brand), db_int(from), db_int(into)) &&
           db_run(db, error,
                  "insert into cluster as c (brand_id, id, incident_id, people, messages, first_at,"
                  "  last_at)"
                  " select brand_id, $3, incident_id, people, messages, first_at, last_at"
                  " from cluster where brand_id = $1 and id = $2"
                  " on conflict (brand_id, id) do update set people = c.people + excluded.people,"
                  "  messages = c.messages + excluded.messages,"
                  "  incident_id = coalesce(c.incident_id, excluded.incident_id),"
                  "  first_at = least(c.first_at, excluded.first_at),"
                  "  last_at = greatest(c.last_at, excluded.last_at)",
                  db_int(brand), db_int(from), db_int(into)) &&
           db_run(db, error,
                  "update cluster set merged_into = $3, incident_id = null"
                  " where brand_id = $1 and id = $2",
                  db_int(brand), db_int(from), db_int(into)) &&
           (!incident || db_run(db, error,
                                "update cluster set incident_id = $3, dismissed_at = null"
                                " where brand_id = $1 and id = $2",
                                db_int(brand), db_int(into), db_int(incident)));
}

static int64_t *boxed(int64_t value)
{
    int64_t *box = g_new(int64_t, 1);
    *box = value;
    return box;
}

GHashTable *sorting_links(Db *db, int64_t brand, GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "select c.id, i.id as incident_id from incident i cross join lateral"
                 "  (select id from cluster where brand_id = $1 and incident_id = i.id"
                 "   and dismissed_at is null offset 0) c"
                 " where i.brand_id = $1 and i.phase not in ('resolved', 'dismissed')",
                 db_int(brand));
    if (!result)
        return NULL;
    GHashTable *links = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    for (int i = 0; i < db_rows(result); i++)
        g_hash_table_insert(links, boxed(db_get_int(db_row(result, i), "id")),
                            boxed(db_get_int(db_row(result, i), "incident_id")));
    return links;
}

GArray *sorting_resolved(Db *db, int64_t brand, int days, GError **error)
{
    g_autoptr(DbResult) result = db_query(
        db, error,
        "select c.id from incident i join cluster c on c.brand_id = $1 and c.incident_id = i.id"
        " where i.brand_id = $1 and i.phase = 'resolved' and c.dismissed_at is null"
        " and i.ended_at > clock_timestamp() - $2 * interval '1 day'",
        db_int(brand), db_real(days));
    if (!result)
        return NULL;
    GArray *ids = g_array_new(FALSE, FALSE, sizeof(int64_t));
    for (int i = 0; i < db_rows(result); i++) {
        int64_t id = db_get_int(db_row(result, i), "id");
        g_array_append_val(ids, id);
    }
    return ids;
}

/* ---- volume ---- */

bool sorting_volume(Db *db, int64_t brand, const GArray *rows, GError **error)
{
    if (!rows->len)
        return true;
    TEXTS(kinds);
    TEXTS(labels);
    NUMBERS(keys);
    NUMBERS(buckets);
    NUMBERS(people);
    NUMBERS(messages);
    for (guint i = 0; i < rows->len; i++) {
        const VolumeRow *row = &g_array_index(rows, VolumeRow, i);
        g_ptr_array_add(kinds, (char *)row->kind);
        g_ptr_array_add(labels, (char *)row->label);
        g_array_append_val(keys, row->key);
        g_array_append_val(buckets, row->bucket);
        g_array_append_val(people, row->people);
        g_array_append_val(messages, row->messages);
    }
    return db_run(
        db, error,
        "insert into volume as v (brand_id, kind, key, label, bucket, people, messages)"
        " select $1, * from unnest($2::text[], $3::bigint[], $4::text[], $5::timestamptz[],"
        "  $6::bigint[], $7::bigint[])"
        " on conflict (brand_id, kind, key, label, bucket) do update set"
        "  people = v.people + excluded.people, messages = v.messages + excluded.messages",
        db_int(brand), db_texts(kinds), db_ints(keys), db_texts(labels), db_times(buckets),
        db_ints(people), db_ints(messages));
}

bool sorting_counted(Db *db, int64_t brand, int64_t seconds, EachCounted each, void *data,
                     GError **error)
{
    g_autoptr(DbResult) result = db_query(
        db, error,
        "select distinct date_bin('5 min', m.sent_at, 'epoch') as bucket, a.person_id, m.channel_id,"
        "  s.lang, coalesce(c.incident_id, 0) as incident_id"
        " from message m join assignment s on s.brand_id = m.brand_id and s.message_id = m.id"
        " join author a on a.brand_id = m.brand_id and a.id = m.author_id"
        " left join cluster c on c.brand_id = s.brand_id and c.id = s.cluster_id"
        " where m.brand_id = $1 and s.is_complaint and m.id >= coalesce((select min(r.id) from"
        "   (select id, received_at from message where brand_id = $1 order by id desc limit 20000) r"
        "   where r.received_at > clock_timestamp() - $2 * interval '1 s'), 0)"
        "  and m.received_at > clock_timestamp() - $2 * interval '1 s'",
        db_int(brand), db_real((double)seconds));
    if (!result)
        return false;
    for (int i = 0; i < db_rows(result); i++) {
        DbRow row = db_row(result, i);
        each(data, db_get_time(row, "bucket"), db_get_int(row, "person_id"),
             db_get_int(row, "channel_id"), db_get_text(row, "lang"),
             db_get_int(row, "incident_id"));
    }
    return true;
}

GArray *sorting_series(Db *db, int64_t brand, int64_t from, int64_t until, GError **error)
{
    g_autoptr(DbResult) result = db_query(
        db, error,
        "select bucket, people from volume where brand_id = $1 and kind = 'all' and key = 0"
        " and label = '' and bucket >= $2 and bucket < $3 order by bucket",
        db_int(brand), db_time(from), db_time(until));
    if (!result)
        return NULL;
    int64_t step = (int64_t)VOLUME_STEP_S * G_USEC_PER_SEC;
    GArray *series = g_array_new(FALSE, TRUE, sizeof(double));
    g_array_set_size(series, (guint)((until - from) / step));
    for (int i = 0; i < db_rows(result); i++) {
        guint index = (guint)((db_get_time(db_row(result, i), "bucket") - from) / step);
        if (index < series->len)
            g_array_index(series, double, index) = (double)db_get_int(db_row(result, i), "people");
    }
    return series;
}

bool sorting_spike(Db *db, int64_t brand, bool on, int64_t at, int64_t people, double normal,
                   GError **error)
{
    if (!on)
        return db_run(db, error,
                      "update spike set ended_at = $2 where brand_id = $1 and ended_at is null",
                      db_int(brand), db_time(at));
    return db_run(db, error,
                  "with now as (update spike set people = $3, normal = $4"
                  "  where brand_id = $1 and ended_at is null returning id)"
                  " insert into spike (brand_id, started_at, people, normal)"
                  " select $1, $2, $3, $4 where not exists (select from now)",
                  db_int(brand), db_time(at), db_int(people), db_real(normal));
}

/* ---- the engines' memory ---- */

bool sorting_save_state(Db *db, int64_t brand, int64_t seq, int64_t message, GBytes *state,
                        GError **error)
{
    gsize size;
    const void *bytes = g_bytes_get_data(state, &size);
    return db_run(
        db, error,
        "insert into engine_state (brand_id, seq, message_id, state) values ($1, $2, $3, $4)"
        " on conflict (brand_id) do update set seq = excluded.seq,"
        "  message_id = excluded.message_id, state = excluded.state,"
        "  saved_at = clock_timestamp()",
        db_int(brand), db_int(seq), db_int(message), db_bytes(bytes, size));
}

GBytes *sorting_load_state(Db *db, int64_t brand, int64_t *seq, int64_t *message, GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error, "select seq, message_id, state from engine_state where brand_id = $1",
                 db_int(brand));
    if (!result || !db_rows(result))
        return NULL;
    size_t size;
    const void *bytes = db_get_bytes(db_row(result, 0), "state", &size);
    *seq = db_get_int(db_row(result, 0), "seq");
    *message = db_get_int(db_row(result, 0), "message_id");
    return g_bytes_new(bytes, size);
}
