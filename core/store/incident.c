#include "core/store/incident.h"

#include <string.h>

#define INCIDENT_COLUMNS                                                                           \
    "n.id, n.title, n.phase, n.opened_by, n.people, n.told, n.messages, n.new_since_told, "        \
    "n.langs,"                                                                                     \
    " n.first_at, n.last_at, n.drafts, n.fields, n.draft_at, n.merged_into, n.version, s.samples," \
    " k.spark"
/* A sample of each language among the first members; two hours of its own chart. */
#define INCIDENT_JOINS                                                                             \
    " left join lateral (select array_agg(text) as samples from (select text from"                 \
    "  (select distinct on (m.lang) left(g.body, 160) as text, m.first_at from"                    \
    "   (select * from member where brand_id = $1 and incident_id = n.id and removed_at is null"   \
    "    limit 40) m join message g on g.brand_id = $1 and g.id = m.message_id"                    \
    "   order by m.lang, m.first_at) one order by first_at limit 3) few) s on true"                \
    " left join lateral (select array_agg(coalesce(v.people, 0) order by b) as spark"              \
    "  from generate_series(to_timestamp(floor(extract(epoch from now()) / 300) * 300)"            \
    "   - interval '115 min', now(), '5 min') b left join volume v on v.brand_id = $1"             \
    "   and v.kind = 'incident' and v.key = n.id and v.label = '' and v.bucket = b) k on true"

DbResult *incident_list(Db *db, int64_t brand, bool over, const int64_t after[2], int limit,
                        GError **error)
{
    int64_t people = after[1] ? after[0] : G_MAXINT64, id = after[1] ? after[1] : G_MAXINT64;
    if (over)
        return db_query(db, error,
                        "select " INCIDENT_COLUMNS " from (select * from incident"
                        " where brand_id = $1 and phase in ('resolved', 'dismissed') and id < $2"
                        " order by id desc limit $3) n" INCIDENT_JOINS " order by n.id desc",
                        db_int(brand), db_int(id), db_int(limit));
    return db_query(
        db, error,
        "select " INCIDENT_COLUMNS " from (select * from incident"
        " where brand_id = $1 and phase not in ('resolved', 'dismissed')"
        " and (people, id) < ($2, $3) order by people desc, id desc limit $4) n" INCIDENT_JOINS
        " order by n.people desc, n.id desc",
        db_int(brand), db_int(people), db_int(id), db_int(limit));
}

static bool missing(GError **error)
{
    return bw_fail(error, BW_ERROR_MISSING, "There is no such incident.");
}

DbResult *incident_find(Db *db, int64_t brand, int64_t id, GError **error)
{
    g_autoptr(DbResult) result = db_query(
        db, error,
        "select " INCIDENT_COLUMNS ", (select min(first_at) from member where brand_id = $1"
        " and incident_id = $2 and told_at is null and removed_at is null)"
        " as oldest_waiting_at"
        " from incident n" INCIDENT_JOINS " where n.brand_id = $1 and n.id = $2",
        db_int(brand), db_int(id));
    if (result && !db_rows(result)) {
        missing(error);
        return NULL;
    }
    return g_steal_pointer(&result);
}

bool incident_lock(Db *db, int64_t brand, int64_t id, char **phase, GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error, "select phase from incident where brand_id = $1 and id = $2 for update",
                 db_int(brand), db_int(id));
    if (!result)
        return false;
    if (!db_rows(result))
        return missing(error);
    if (phase)
        *phase = g_strdup(db_get_text(db_row(result, 0), "phase"));
    return true;
}

/* ---- what its page shows ---- */

DbResult *incident_clusters(Db *db, int64_t brand, int64_t id, GError **error)
{
    return db_query(
        db, error,
        "select id, people, first_at, terms from cluster where brand_id = $1"
        " and incident_id = $2 and merged_into is null order by people desc, id limit 50",
        db_int(brand), db_int(id));
}

/* The newest of each of its clusters that are no repeats, the surest first; of an incident without
 * clusters, those of its members. */
DbResult *incident_samples(Db *db, int64_t brand, int64_t id, int limit, GError **error)
{
    return db_query(
        db, error,
        "with of_clusters as (select a.message_id, a.confidence, a.lang from (select id from "
        "cluster"
        "  where brand_id = $1 and incident_id = $2 and merged_into is null order by people desc"
        "  limit 8) c cross join lateral (select message_id, confidence, lang from assignment"
        "   where brand_id = $1 and cluster_id = c.id and not is_repeat and duplicate_of is null"
        "   order by message_id desc limit $3) a),"
        " of_members as (select message_id, 1::real as confidence, lang from member"
        "  where brand_id = $1 and incident_id = $2 and removed_at is null"
        "  and not exists (select 1 from of_clusters) limit $3)"
        " select x.message_id as message, m.conversation_id as conversation,"
        " coalesce(o.person_id, 0) as person, coalesce(nullif(o.handle, ''), o.name) as author,"
        " left(m.body, 500) as text, x.lang, x.confidence, m.sent_at, m.permalink"
        " from (select * from of_clusters union all select * from of_members) x"
        " join message m on m.brand_id = $1 and m.id = x.message_id"
        " left join author o on o.brand_id = $1 and o.id = m.author_id"
        " order by x.confidence desc, x.message_id desc limit $3",
        db_int(brand), db_int(id), db_int(limit));
}

DbResult *incident_timeline(Db *db, int64_t brand, int64_t id, int64_t from, GError **error)
{
    if (id)
        return db_query(db, error,
                        "select e.at, e.kind, u.initials as who, e.text from incident_event e"
                        " left join app_user u on u.id = e.user_id where e.brand_id = $1"
                        " and e.incident_id = $2 and ($3::timestamptz is null or e.at >= $3)"
                        " order by e.at desc, e.id desc limit 200",
                        db_int(brand), db_int(id), db_time(from));
    return db_query(
        db, error,
        "select opened_at as at, 'opened' as kind, null::text as who, title as text"
        " from incident where brand_id = $1 and opened_at >= $2 and phase <> 'dismissed'"
        " order by opened_at desc limit 50",
        db_int(brand), db_time(from ? from : 1));
}

bool incident_event(Db *db, int64_t brand, int64_t id, int64_t user, const char *kind,
                    const char *text, GError **error)
{
    return db_run(db, error,
                  "insert into incident_event (brand_id, incident_id, at, kind, user_id, text)"
                  " values ($1, $2, now(), $3, $4, $5)",
                  db_int(brand), db_int(id), db_text(kind), db_id(user), db_text(text));
}

#define MEMBER_SQL(where, order)                                                                   \
    "select m.person_id, i.name, i.handle, m.channel_id, i.network, c.name as channel_name, "      \
    "m.lang,"                                                                                      \
    " m.messages, m.first_at, m.last_at, left(g.body, 300) as text, m.conversation_id, m.told_at"  \
    " from (select * from member m where brand_id = $1 and incident_id = $2 and removed_at is "    \
    "null"                                                                                         \
    "  and ($5::timestamptz is null or (first_at < $6 and last_at >= $5"                           \
    "   and (first_at >= $5 or last_at < $6 or exists (select 1 from message w"                    \
    "    where w.brand_id = $1 and w.conversation_id = m.conversation_id and w.inbound"            \
    "    and w.sent_at >= $5 and w.sent_at < $6))))" where " order by " order " limit $7) m"       \
    " left join inbox i on i.brand_id = $1 and i.conversation_id = m.conversation_id"              \
    " join channel c on c.brand_id = $1 and c.id = m.channel_id"                                   \
    " left join message g on g.brand_id = $1 and g.id = m.message_id order by " order

DbResult *incident_members(Db *db, int64_t brand, int64_t id, const MemberQuery *query,
                           GError **error)
{
    static const struct {
        const char *state, *sql;
    } states[] = {
        {"all", MEMBER_SQL(" and person_id > $4", "m.person_id")},
        {"told", MEMBER_SQL(" and told_at is not null and person_id > $4", "m.person_id")},
        {"waiting", MEMBER_SQL(" and told_at is null and (first_at, person_id) > ($3, $4)",
                               "m.first_at, m.person_id")},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(states); i++)
        if (strcmp(states[i].state, query->state) == 0)
            return db_query(db, error, states[i].sql, db_int(brand), db_int(id),
                            db_time(query->after[0] ? query->after[0] : 1), db_int(query->after[1]),
                            db_time(query->from),
                            db_time(query->to     ? query->to
                                    : query->from ? G_MAXINT64 / 4
                                                  : 0),
                            db_int(query->limit));
    bw_fail(error, BW_ERROR_INVALID, "'state' is all, waiting or told.");
    return NULL;
}

/* ---- members ---- */

/* To be called with the incident locked, so that what others counted meanwhile is not lost. */
static bool count_again(Db *db, int64_t brand, int64_t id, GError **error)
{
    return db_run(
        db, error,
        "update incident n set people = t.people, told = t.told, messages = t.messages,"
        " langs = t.langs, first_at = coalesce(t.first_at, n.first_at),"
        " last_at = coalesce(t.last_at, n.last_at), version = n.version + 1"
        " from (select coalesce(sum(people), 0)::bigint as people, coalesce(sum(told), 0)::bigint "
        "as told,"
        "  coalesce(sum(messages), 0)::bigint as messages, min(first_at) as first_at,"
        "  max(last_at) as last_at,"
        "  coalesce(array_agg(lang order by people desc, lang) filter (where lang <> '-'), '{}') "
        "as langs"
        "  from (select lang, count(*) as people, count(told_at) as told, sum(messages) as "
        "messages,"
        "   min(first_at) as first_at, max(last_at) as last_at from member"
        "   where brand_id = $1 and incident_id = $2 and removed_at is null group by lang) g) t"
        " where n.brand_id = $1 and n.id = $2",
        db_int(brand), db_int(id));
}

bool incident_open(Db *db, int64_t brand, int64_t user, const char *title, int64_t *id,
                   GError **error)
{
    g_autoptr(DbResult) made = db_query(
        db, error,
        "insert into incident (brand_id, title, phase, opened_by, first_at, last_at, opened_at)"
        " values ($1, $2, 'investigating', 'person', now(), now(), now()) returning id",
        db_int(brand), db_text(title));
    if (!made)
        return false;
    *id = db_get_int(db_row(made, 0), "id");
    return incident_event(db, brand, *id, user, "opened", title, error);
}

bool incident_add(Db *db, int64_t brand, int64_t id, int64_t conversation, GError **error)
{
    if (!incident_lock(db, brand, id, NULL, error) ||
        !incident_take_out_conversation(db, brand, conversation, error))
        return false;
    g_autoptr(DbResult) added = db_query(
        db, error,
        "insert into member (brand_id, incident_id, person_id, conversation_id, message_id, "
        "channel_id,"
        " visibility, lang, messages, first_at, last_at, joined_at)"
        " select i.brand_id, $3, i.person_id, i.conversation_id, i.last_message_id, i.channel_id,"
        " i.visibility, i.lang, i.messages, i.waiting_since, i.last_at, $4 from inbox i"
        " where i.brand_id = $1 and i.conversation_id = $2"
        " on conflict (brand_id, incident_id, person_id) do update set removed_at = null,"
        " conversation_id = excluded.conversation_id, message_id = excluded.message_id,"
        " channel_id = excluded.channel_id, visibility = excluded.visibility, lang = excluded.lang,"
        " messages = greatest(member.messages, excluded.messages),"
        " last_at = greatest(member.last_at, excluded.last_at), joined_at = excluded.joined_at",
        db_int(brand), db_int(conversation), db_int(id), db_time(g_get_real_time()));
    if (!added)
        return false;
    if (!db_affected(added))
        return bw_fail(error, BW_ERROR_MISSING, "There is no conversation %" G_GINT64_FORMAT ".",
                       conversation);
    return db_run(db, error,
                  "update inbox set incident_id = $3, version = version + 1"
                  " where brand_id = $1 and conversation_id = $2",
                  db_int(brand), db_int(conversation), db_int(id)) &&
           count_again(db, brand, id, error);
}

bool incident_take_out(Db *db, int64_t brand, int64_t id, int64_t person, GError **error)
{
    if (!incident_lock(db, brand, id, NULL, error))
        return false;
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "update member set removed_at = now() where brand_id = $1 and incident_id = $2"
                 " and person_id = $3 and removed_at is null",
                 db_int(brand), db_int(id), db_int(person));
    if (!result)
        return false;
    if (!db_affected(result))
        return bw_fail(error, BW_ERROR_MISSING, "This person is not in the incident.");
    return db_run(db, error,
                  "update inbox set incident_id = null, version = version + 1 where brand_id = $1"
                  " and incident_id = $2 and person_id = $3",
                  db_int(brand), db_int(id), db_int(person)) &&
           count_again(db, brand, id, error);
}

bool incident_take_out_conversation(Db *db, int64_t brand, int64_t conversation, GError **error)
{
    g_autoptr(DbResult) where =
        db_query(db, error,
                 "select m.incident_id, m.person_id from inbox i join member m on m.brand_id = $1"
                 " and m.incident_id = i.incident_id and m.person_id = i.person_id"
                 " and m.removed_at is null where i.brand_id = $1 and i.conversation_id = $2",
                 db_int(brand), db_int(conversation));
    if (!where)
        return false;
    if (!db_rows(where))
        return db_run(
            db, error,
            "update inbox set incident_id = null, version = version + 1 where brand_id = $1"
            " and conversation_id = $2 and incident_id is not null",
            db_int(brand), db_int(conversation));
    DbRow row = db_row(where, 0);
    return incident_take_out(db, brand, db_get_int(row, "incident_id"),
                             db_get_int(row, "person_id"), error);
}

/* ---- what people change ---- */

static bool has_conflict(const DbResult *result, GError **error)
{
    if (result && !db_affected(result))
        bw_fail(error, BW_ERROR_CONFLICT, "Somebody changed this incident first.");
    return !result || !db_affected(result);
}

/* A dismissed incident lets go of who waits and of its clusters; opened again, it takes them back.
 */
static bool follow_phase(Db *db, int64_t brand, int64_t id, const char *from, const char *to,
                         GError **error)
{
    bool was = strcmp(from, "dismissed") == 0, is = strcmp(to, "dismissed") == 0;
    if (was == is)
        return true;
    if (!db_run(db, error,
                "update cluster set dismissed_at = case when $3 then now() end"
                " where brand_id = $1 and incident_id = $2",
                db_int(brand), db_int(id), db_bool(is)))
        return false;
    if (is)
        return db_run(db, error,
                      "update inbox set incident_id = null, version = version + 1"
                      " where brand_id = $1 and incident_id = $2 and state = 'waiting'",
                      db_int(brand), db_int(id));
    return db_run(db, error,
                  "update inbox i set incident_id = $2, version = i.version + 1 from member m"
                  " where m.brand_id = $1 and m.incident_id = $2 and m.removed_at is null"
                  " and i.brand_id = $1 and i.conversation_id = m.conversation_id"
                  " and i.incident_id is null",
                  db_int(brand), db_int(id));
}

bool incident_change(Db *db, int64_t brand, int64_t id, int64_t user, int64_t version,
                     const char *title, const char *phase, GError **error)
{
    g_autofree char *before = NULL;
    if (!incident_lock(db, brand, id, &before, error))
        return false;
    bool moves = phase && strcmp(phase, before) != 0;
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "update incident set title = coalesce($4, title), phase = coalesce($5, phase),"
                 " ended_at = case when coalesce($5, phase) in ('resolved', 'dismissed')"
                 "  then coalesce(ended_at, now()) end, version = version + 1"
                 " where brand_id = $1 and id = $2 and version = $3 and merged_into is null",
                 db_int(brand), db_int(id), db_int(version), db_text(title), db_text(phase));
    if (has_conflict(result, error))
        return false;
    if (title && !incident_event(db, brand, id, user, "title", title, error))
        return false;
    if (!moves)
        return true;
    const char *kind = strcmp(phase, "dismissed") == 0 ? "dismissed" : "phase";
    return incident_event(db, brand, id, user, kind, phase, error) &&
           follow_phase(db, brand, id, before, phase, error);
}

bool incident_save_drafts(Db *db, int64_t brand, int64_t id, const char *drafts, const char *fields,
                          int64_t *saved_at, GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "update incident set drafts = coalesce($3, drafts), fields = coalesce($4, fields),"
                 " draft_at = now() where brand_id = $1 and id = $2 returning draft_at",
                 db_int(brand), db_int(id), db_json(drafts), db_json(fields));
    if (!result)
        return false;
    if (!db_rows(result))
        return missing(error);
    *saved_at = db_get_time(db_row(result, 0), "draft_at");
    return true;
}

bool incident_merge(Db *db, int64_t brand, int64_t id, int64_t into, int64_t user, int64_t version,
                    GError **error)
{
    g_autofree char *first = NULL, *second = NULL;
    /* The lower id first, so that two merges at once don't wait for each other. */
    if (!incident_lock(db, brand, MIN(id, into), &first, error) ||
        !incident_lock(db, brand, MAX(id, into), &second, error))
        return false;
    const char *target = id < into ? second : first;
    if (strcmp(target, "dismissed") == 0)
        return bw_fail(error, BW_ERROR_CONFLICT, "That incident was dismissed.");
    g_autoptr(DbResult) ended =
        db_query(db, error,
                 "update incident set phase = 'dismissed', ended_at = now(), merged_into = $4,"
                 " version = version + 1 where brand_id = $1 and id = $2 and version = $3"
                 " and merged_into is null",
                 db_int(brand), db_int(id), db_int(version), db_int(into));
    if (has_conflict(ended, error))
        return false;
    g_autofree char *from_text = g_strdup_printf("%" G_GINT64_FORMAT, id);
    g_autofree char *into_text = g_strdup_printf("%" G_GINT64_FORMAT, into);
    return db_run(db, error,
                  "update incident set merged_into = $3 where brand_id = $1 and merged_into = $2",
                  db_int(brand), db_int(id), db_int(into)) &&
           db_run(
               db, error,
               "insert into member as m (brand_id, incident_id, person_id, conversation_id, "
               "message_id,"
               " channel_id, visibility, lang, messages, first_at, last_at, told_update_id, "
               "told_at,"
               " joined_at, removed_at)"
               " select brand_id, $3, person_id, conversation_id, message_id, channel_id, "
               "visibility,"
               " lang, messages, first_at, last_at, told_update_id, told_at, $4, null from member"
               " where brand_id = $1 and incident_id = $2 and removed_at is null"
               " on conflict (brand_id, incident_id, person_id) do update set"
               " messages = m.messages + excluded.messages,"
               " conversation_id = case when excluded.last_at > m.last_at"
               "  then excluded.conversation_id else m.conversation_id end,"
               " message_id = case when excluded.last_at > m.last_at"
               "  then excluded.message_id else m.message_id end,"
               " channel_id = case when excluded.last_at > m.last_at"
               "  then excluded.channel_id else m.channel_id end,"
               " visibility = case when excluded.last_at > m.last_at"
               "  then excluded.visibility else m.visibility end,"
               " first_at = least(m.first_at, excluded.first_at),"
               " last_at = greatest(m.last_at, excluded.last_at),"
               " told_at = coalesce(m.told_at, excluded.told_at),"
               " told_update_id = coalesce(m.told_update_id, excluded.told_update_id)",
               db_int(brand), db_int(id), db_int(into), db_time(g_get_real_time())) &&
           db_run(db, error,
                  "update inbox i set version = version + 1, incident_id = case when not exists"
                  " (select 1 from member m where m.brand_id = $1 and m.incident_id = $3"
                  "  and m.person_id = i.person_id and m.removed_at is not null) then $3 end"
                  " where brand_id = $1 and incident_id = $2",
                  db_int(brand), db_int(id), db_int(into)) &&
           db_run(db, error,
                  "update cluster set incident_id = $3 where brand_id = $1 and incident_id = $2",
                  db_int(brand), db_int(id), db_int(into)) &&
           count_again(db, brand, into, error) &&
           incident_event(db, brand, id, user, "merged", into_text, error) &&
           incident_event(db, brand, into, user, "merged", from_text, error);
}
