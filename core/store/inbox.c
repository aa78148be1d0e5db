#include "core/store/inbox.h"

#include <string.h>

#define INBOX_COLUMNS                                                                              \
    "i.conversation_id, i.state, i.triage, i.name, i.handle, i.channel_id, i.network,"             \
    " c.name as channel_name, i.visibility, i.subject, i.snippet, i.lang, i.waiting_since,"        \
    " i.last_at, i.messages, i.incident_id, n.title as incident_title,"                            \
    " case when i.claimed_until > now() then i.claimed_by end as claimed_by,"                      \
    " case when i.claimed_until > now() then u.initials end as claimed_initials,"                  \
    " case when i.claimed_until > now() then i.claimed_until end as claimed_until,"                \
    " i.done_at, i.version, i.person_id, i.last_message_id"
#define INBOX_JOINS                                                                                \
    " join channel c on c.brand_id = $1 and c.id = i.channel_id"                                   \
    " left join incident n on n.brand_id = $1 and n.id = i.incident_id"                            \
    " left join app_user u on u.id = i.claimed_by"

/* Every view is a query of its own that walks one index from the key on: $2 time, $3 conversation,
 * $4 limit, $5 user. Two kinds of triage are two walks, merged. */
#define WAITING_OF(triage)                                                                         \
    "(select * from inbox where brand_id = $1 and triage = '" triage "' and state = 'waiting'"     \
    " and incident_id is null and (waiting_since, conversation_id) > ($2, $3)"                     \
    " order by waiting_since, conversation_id limit $4)"
#define FAILED_CONVERSATIONS                                                                       \
    "(select d.conversation_id from delivery d where d.brand_id = $1"                              \
    " and d.state in ('failed', 'unknown') and not exists (select 1 from delivery s"               \
    "  where s.brand_id = $1 and s.conversation_id = d.conversation_id and s.id > d.id"            \
    "  and s.state in ('sent', 'queued', 'sending')))"

static const struct {
    const char *name, *rows, *order;
    bool newest_first, by_done;
} views[] = {
    {"waiting", WAITING_OF("complaint") " union all " WAITING_OF("question"),
     "i.waiting_since, i.conversation_id", false, false},
    {"other", WAITING_OF("other") " union all " WAITING_OF("automatic"),
     "i.waiting_since, i.conversation_id", false, false},
    {"mine",
     "select * from inbox where brand_id = $1 and claimed_by = $5 and claimed_until > now()"
     " and (waiting_since, conversation_id) > ($2, $3)",
     "i.waiting_since, i.conversation_id", false, false},
    {"parked",
     "select * from inbox where brand_id = $1 and state = 'parked'"
     " and (waiting_since, conversation_id) > ($2, $3) order by waiting_since, conversation_id "
     "limit $4",
     "i.waiting_since, i.conversation_id", false, false},
    {"done",
     "select * from inbox where brand_id = $1 and state = 'done'"
     " and (done_at, conversation_id) < ($2, $3) order by done_at desc, conversation_id desc limit "
     "$4",
     "i.done_at desc, i.conversation_id desc", true, true},
    {"failed",
     "select * from inbox where brand_id = $1 and state <> 'done' and conversation_id in"
     " " FAILED_CONVERSATIONS " and (waiting_since, conversation_id) > ($2, $3)",
     "i.waiting_since, i.conversation_id", false, false},
    {"all",
     "select * from inbox where brand_id = $1 and conversation_id < $3"
     " order by conversation_id desc limit $4",
     "i.conversation_id desc", true, false},
};

static const char *sql_of(const char *view, size_t *at)
{
    static GMutex mutex;
    static char *texts[G_N_ELEMENTS(views)];
    for (*at = 0; *at < G_N_ELEMENTS(views); (*at)++) {
        if (strcmp(views[*at].name, view) != 0)
            continue;
        g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&mutex);
        if (!texts[*at])
            texts[*at] = g_strdup_printf("select " INBOX_COLUMNS " from (%s) i" INBOX_JOINS
                                         " order by %s limit $4",
                                         views[*at].rows, views[*at].order);
        return texts[*at];
    }
    return NULL;
}

DbResult *inbox_list(Db *db, int64_t brand, const char *view, int64_t user, const int64_t after[2],
                     int limit, GError **error)
{
    size_t at;
    const char *sql = sql_of(view, &at);
    if (!sql) {
        bw_fail(error, BW_ERROR_INVALID,
                "'view' is waiting, mine, parked, other, done, failed or all.");
        return NULL;
    }
    bool newest = views[at].newest_first;
    int64_t time = after[0] ? after[0] : newest ? g_get_real_time() + 86400LL * G_USEC_PER_SEC : 1;
    int64_t id = after[1] ? after[1] : newest ? G_MAXINT64 : 0;
    return db_query(db, error, sql, db_int(brand), db_time(time), db_int(id), db_int(limit),
                    db_int(user));
}

void inbox_key(const char *view, DbRow row, int64_t key[2])
{
    size_t at;
    bool by_done = sql_of(view, &at) && views[at].by_done;
    key[0] = db_get_time(row, by_done ? "done_at" : "waiting_since");
    key[1] = db_get_int(row, "conversation_id");
}

static DbResult *one(DbResult *result, GError **error)
{
    if (result && !db_rows(result)) {
        db_result_free(result);
        bw_fail(error, BW_ERROR_MISSING, "There is no such conversation.");
        return NULL;
    }
    return result;
}

DbResult *inbox_find(Db *db, int64_t brand, int64_t conversation, GError **error)
{
    return one(db_query(db, error,
                        "select " INBOX_COLUMNS " from inbox i" INBOX_JOINS
                        " where i.brand_id = $1 and i.conversation_id = $2",
                        db_int(brand), db_int(conversation)),
               error);
}

bool inbox_lock(Db *db, int64_t brand, int64_t conversation, GError **error)
{
    g_autoptr(DbResult) row =
        one(db_query(db, error,
                     "select 1 from inbox where brand_id = $1 and conversation_id = $2 for update",
                     db_int(brand), db_int(conversation)),
            error);
    return row != NULL;
}

/* ---- counts ---- */

#define COUNT(rows) "(select count(*) from (select 1 " rows " limit $3) t)"

DbResult *inbox_counts(Db *db, int64_t brand, int64_t user, GError **error)
{
    return db_query(
        db, error,
        "select " COUNT(
            "from inbox where brand_id = $1 and triage in ('complaint', 'question')"
            " and state = 'waiting' and incident_id is null") " as waiting," COUNT("from inbox "
                                                                                   "where brand_id "
                                                                                   "= $1 and "
                                                                                   "claimed_by = "
                                                                                   "$2 and "
                                                                                   "claimed_until "
                                                                                   "> now()") " as "
                                                                                              "mine"
                                                                                              "," COUNT("from incident where brand_id = $1 and phase not in ('resolved', 'dismissed')") " as incidents," COUNT("from inbox where brand_id = $1 and state = 'parked'") " as parked," COUNT("from inbox i where i.brand_id = $1 and i.state <> 'done' and i.conversation_id in"
                                                                                                                                                                                                                                                                                          " " FAILED_CONVERSATIONS) " as failed," COUNT("from inbox where brand_id = $1 and triage in ('other', 'automatic')"
                                                                                                                                                                                                                                                                                                                                        " and state = 'waiting' and incident_id is null") " as other," COUNT("from inbox where brand_id = $1 and state = 'done'") " as done," COUNT("from quarantine where brand_id = $1 and state = 'open'") " as quarantine,"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                              " coalesce((select sum(cardinality(message_ids))::bigint from"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                              "  (select message_ids from intake where brand_id = $1 limit 1000) t), 0) as unsorted",
        db_int(brand), db_int(user), db_int(INBOX_COUNT_MAX));
}

DbResult *inbox_channels(Db *db, int64_t brand, GError **error)
{
    return db_query(
        db, error,
        "select c.id, c.kind, c.name, c.address,"
        " case when c.paused then 'paused' else coalesce(s.state, 'waiting') end as state,"
        " s.polled_at, s.error, (select count(*) from (select 1 from delivery d"
        "  where d.brand_id = $1 and d.channel_id = c.id and d.state in ('queued', 'sending', "
        "'unknown')"
        "  limit $2) t) as waiting_to_send"
        " from channel c left join channel_state s on s.brand_id = $1 and s.channel_id = c.id"
        " where c.brand_id = $1 and c.removed_at is null order by c.name",
        db_int(brand), db_int(INBOX_COUNT_MAX));
}

/* ---- one conversation ---- */

DbResult *inbox_history(Db *db, int64_t brand, int64_t conversation, int limit, GError **error)
{
    return db_query(
        db, error,
        "select m.*, a.complaint, coalesce(nullif(a.lang, '-'), m.claimed) as lang, case when "
        "m.inbound then coalesce(nullif(o.handle, ''), o.name)"
        "  else (select u.initials from delivery d join app_user u on u.id = d.user_id"
        "   where d.brand_id = $1 and d.conversation_id = $2 and d.external_id = m.external_id "
        "limit 1)"
        "  end as author"
        " from (select id, inbound, author_id, external_id, body as text, rest, subject, sent_at,"
        "  received_at, permalink, visibility, lang as claimed from message"
        "  where brand_id = $1 and conversation_id = $2 order by id desc limit $3) m"
        " left join author o on o.brand_id = $1 and o.id = m.author_id"
        " left join lateral (select complaint, lang from assignment"
        "  where brand_id = $1 and message_id = m.id) a on true"
        " order by m.id",
        db_int(brand), db_int(conversation), db_int(limit));
}

DbResult *inbox_authors(Db *db, int64_t brand, int64_t person, GError **error)
{
    return db_query(db, error,
                    "select network, handle, name from author where brand_id = $1 and"
                    " (id = $2 or (person_id = $2 and person_id <> id)) order by id",
                    db_int(brand), db_int(person));
}

DbResult *inbox_target(Db *db, int64_t brand, int64_t conversation, GError **error)
{
    return one(
        db_query(
            db, error,
            "select coalesce(m.id, 0) as message, coalesce((select max(id) from message"
            "  where brand_id = $1 and conversation_id = $2), 0) as newest,"
            " coalesce(m.visibility, i.visibility) as visibility, m.automatic, i.network, i.handle,"
            " i.channel_id, c.name as channel_name, c.paused, c.removed_at is not null as removed,"
            " case when c.settings ->> 'max_characters' ~ '^[0-9]{1,9}$'"
            "  then (c.settings ->> 'max_characters')::bigint end as max_length"
            " from inbox i join channel c on c.brand_id = $1 and c.id = i.channel_id"
            " left join lateral (select id, visibility, automatic from message where brand_id = $1"
            "  and conversation_id = $2 and inbound order by id desc limit 1) m on true"
            " where i.brand_id = $1 and i.conversation_id = $2",
            db_int(brand), db_int(conversation)),
        error);
}

/* ---- what people do ---- */

bool inbox_change(Db *db, int64_t brand, int64_t conversation, int64_t version, const char *state,
                  const char *triage, GError **error)
{
    g_autoptr(DbResult) result = db_query(
        db, error,
        "update inbox set state = coalesce($4, state), triage = coalesce($5, triage),"
        " done_at = case when coalesce($4, state) = 'done' then coalesce(done_at, now()) end,"
        " claimed_by = case when $4 = 'done' then null else claimed_by end,"
        " claimed_until = case when $4 = 'done' then null else claimed_until end,"
        " version = version + 1"
        " where brand_id = $1 and conversation_id = $2 and version = $3",
        db_int(brand), db_int(conversation), db_int(version), db_text(state), db_text(triage));
    if (!result)
        return false;
    return db_affected(result) ||
           bw_fail(error, BW_ERROR_CONFLICT, "Somebody changed this conversation first.");
}

bool inbox_claim(Db *db, int64_t brand, int64_t conversation, int64_t user, GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "update inbox set claimed_by = $3, claimed_until = now() + interval '10 min'"
                 " where brand_id = $1 and conversation_id = $2"
                 " and (claimed_by is null or claimed_by = $3 or claimed_until <= now())",
                 db_int(brand), db_int(conversation), db_int(user));
    if (!result)
        return false;
    if (db_affected(result))
        return true;
    g_autoptr(DbResult) row = inbox_find(db, brand, conversation, error);
    if (!row)
        return false;
    const char *who = db_get_text(db_row(row, 0), "claimed_initials");
    return bw_fail(error, BW_ERROR_CONFLICT, "%s is working on this.", who ? who : "Somebody");
}

bool inbox_release(Db *db, int64_t brand, int64_t conversation, int64_t user, GError **error)
{
    return db_run(db, error,
                  "update inbox set claimed_by = null, claimed_until = null"
                  " where brand_id = $1 and conversation_id = $2 and claimed_by = $3",
                  db_int(brand), db_int(conversation), db_int(user));
}

char *inbox_draft(Db *db, int64_t brand, int64_t conversation, int64_t user, GError **error)
{
    g_autoptr(DbResult) result = db_query(
        db, error,
        "select text from draft where brand_id = $1 and user_id = $3 and conversation_id = $2",
        db_int(brand), db_int(conversation), db_int(user));
    return result && db_rows(result) ? g_strdup(db_get_text(db_row(result, 0), "text")) : NULL;
}

bool inbox_save_draft(Db *db, int64_t brand, int64_t conversation, int64_t user, const char *text,
                      GError **error)
{
    if (!*text)
        return db_run(
            db, error,
            "delete from draft where brand_id = $1 and user_id = $3 and conversation_id = $2",
            db_int(brand), db_int(conversation), db_int(user));
    return db_run(db, error,
                  "insert into draft (brand_id, conversation_id, user_id, text, saved_at)"
                  " values ($1, $2, $3, $4, $5) on conflict (brand_id, user_id, conversation_id)"
                  " do update set text = excluded.text, saved_at = excluded.saved_at",
                  db_int(brand), db_int(conversation), db_int(user), db_text(text),
                  db_time(g_get_real_time()));
}
