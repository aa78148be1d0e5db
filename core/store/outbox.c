#include "core/store/outbox.h"

#include <string.h>

#define OUTBOX_COLUMNS                                                                             \
    "d.id, d.state, d.reason, d.person_id, i.name, d.channel_id, i.network, c.name as "            \
    "channel_name,"                                                                                \
    " d.visibility, d.body, d.lang, case when d.state = 'sent' then d.finished_at end as sent_at," \
    " d.permalink, d.conversation_id, d.attempts, nullif(d.send_at, 'infinity') as send_at,"       \
    " d.update_id"
#define OUTBOX_JOINS                                                                               \
    " join channel c on c.brand_id = $1 and c.id = d.channel_id"                                   \
    " left join inbox i on i.brand_id = $1 and i.conversation_id = d.conversation_id"

DbResult *outbox_list(Db *db, int64_t brand, int64_t update, const GPtrArray *states, int64_t after,
                      int limit, GError **error)
{
    /* The page is cut before anything is looked up for its rows. */
#define PAGE_OF(where)                                                                             \
    "select " OUTBOX_COLUMNS " from (select * from delivery where brand_id = $1 and id > $2" where \
    " order by id limit $3) d" OUTBOX_JOINS " order by d.id"
    static const char *const sql[2][2] = {
        {PAGE_OF(""), PAGE_OF(" and state = any($4)")},
        {PAGE_OF(" and update_id = $4"), PAGE_OF(" and update_id = $4 and state = any($5)")},
    };
    DbParam params[5] = {db_int(brand), db_int(after), db_int(limit)};
    size_t count = 3;
    if (update)
        params[count++] = db_int(update);
    if (states->len)
        params[count++] = db_texts(states);
    return db_query_n(db, error, sql[update != 0][states->len != 0], count, params);
}

DbResult *outbox_find(Db *db, int64_t brand, int64_t id, GError **error)
{
    g_autoptr(DbResult) result = db_query(db, error,
                                          "select " OUTBOX_COLUMNS " from delivery d" OUTBOX_JOINS
                                          " where d.brand_id = $1 and d.id = $2",
                                          db_int(brand), db_int(id));
    if (result && !db_rows(result)) {
        bw_fail(error, BW_ERROR_MISSING, "There is no such delivery.");
        return NULL;
    }
    return g_steal_pointer(&result);
}

DbResult *outbox_pending(Db *db, int64_t brand, int64_t conversation, GError **error)
{
    return db_query(db, error,
                    "select " OUTBOX_COLUMNS " from delivery d" OUTBOX_JOINS
                    " where d.brand_id = $1 and d.conversation_id = $2"
                    " and d.state in ('queued', 'sending', 'failed', 'unknown') order by d.id",
                    db_int(brand), db_int(conversation));
}

/* ---- one reply ---- */

bool outbox_reply(Db *db, int64_t brand, const Reply *reply, int64_t *id, GError **error)
{
    g_autoptr(DbResult) made =
        db_query(db, error,
                 "insert into delivery (brand_id, channel_id, conversation_id, person_id, "
                 "message_id, visibility,"
                 " lang, body, state, token, user_id, then_done, send_at) values ($1, $2, $3, $4, "
                 "$5, $6, $7, $8,"
                 " 'queued', $9, $10, $11, now() + $12 * interval '1 millisecond') returning id",
                 db_int(brand), db_int(reply->channel), db_int(reply->conversation),
                 db_int(reply->person), db_int(reply->message), db_text(reply->visibility),
                 db_text(reply->lang), db_text(reply->body), db_text(reply->token),
                 db_int(reply->user), db_bool(reply->then_done), db_int(reply->delay_ms));
    if (!made)
        return false;
    *id = db_get_int(db_row(made, 0), "id");
    return true;
}

bool outbox_by_token(Db *db, int64_t brand, int64_t conversation, const char *token, int64_t *id,
                     GError **error)
{
    g_autoptr(DbResult) known = db_query(
        db, error, "select id, conversation_id from delivery where brand_id = $1 and token = $2",
        db_int(brand), db_text(token));
    if (!known)
        return false;
    *id = db_rows(known) ? db_get_int(db_row(known, 0), "id") : 0;
    return !*id || db_get_int(db_row(known, 0), "conversation_id") == conversation ||
           bw_fail(error, BW_ERROR_INVALID, "This token was used for another conversation.");
}

bool outbox_check_alone(Db *db, int64_t brand, int64_t conversation, int64_t user, GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "select coalesce(u.initials, 'The program') as who from delivery d"
                 " left join app_user u on u.id = d.user_id where d.brand_id = $1"
                 " and d.conversation_id = $2 and d.state in ('queued', 'sending')"
                 " and d.user_id is distinct from $3 limit 1",
                 db_int(brand), db_int(conversation), db_int(user));
    if (!result)
        return false;
    if (!db_rows(result))
        return true;
    return bw_fail(error, BW_ERROR_CONFLICT, "%s has just answered this.",
                   db_get_text(db_row(result, 0), "who"));
}

/* ---- changes ---- */

static bool changed(Db *db, int64_t brand, int64_t id, const DbResult *result,
                    const char *otherwise, GError **error)
{
    if (!result)
        return false;
    if (db_affected(result))
        return true;
    g_autoptr(DbResult) row = outbox_find(db, brand, id, error);
    return row && bw_fail(error, BW_ERROR_CONFLICT, "%s", otherwise);
}

bool outbox_undo(Db *db, int64_t brand, int64_t id, const char *who, GError **error)
{
    g_autofree char *reason = g_strdup_printf("undone by %s", who);
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "update delivery set state = 'skipped', reason = $3, finished_at = now()"
                 " where brand_id = $1 and id = $2 and state = 'queued' and attempts = 0"
                 " and send_at > now()",
                 db_int(brand), db_int(id), db_text(reason));
    return changed(db, brand, id, result, "It is too late to undo this: it is on its way.", error);
}

/* As the collector does it when the network says so, but for our message in the history: that comes
 * with the next poll, if the network shows us our own. */
static bool mark_told(Db *db, int64_t brand, int64_t id, GError **error)
{
    g_autoptr(DbResult) told =
        db_query(db, error,
                 "with d as (select * from delivery where brand_id = $1 and id = $2), m as ("
                 "  update member m set told_at = now(), told_update_id = d.update_id from d, "
                 "incident_update u"
                 "  where u.brand_id = $1 and u.id = d.update_id and m.brand_id = $1"
                 "  and m.incident_id = u.incident_id and m.person_id = d.person_id"
                 "  returning m.incident_id, m.conversation_id),"
                 " p as (update inbox i set state = case when d.then_done then 'done' when "
                 "d.update_id is null"
                 "  then i.state else 'parked' end, done_at = case when d.then_done then now() end,"
                 "  unanswered = 0, version = version + 1 from d where i.brand_id = $1"
                 "  and i.conversation_id = d.conversation_id and i.state = 'waiting'"
                 "  and i.last_message_id <= d.message_id)"
                 " select incident_id from m",
                 db_int(brand), db_int(id));
    if (!told)
        return false;
    if (!db_rows(told))
        return true;
    return db_run(
        db, error,
        "update incident n set told = (select count(*) from member m where m.brand_id = $1"
        " and m.incident_id = $2 and m.told_at is not null and m.removed_at is null)"
        " where n.brand_id = $1 and n.id = $2",
        db_int(brand), db_int(db_get_int(db_row(told, 0), "incident_id")));
}

bool outbox_resolve(Db *db, int64_t brand, int64_t id, const char *as, const char *who,
                    GError **error)
{
    g_autofree char *reason =
        g_strdup_printf(strcmp(as, "sent") == 0 ? "marked as sent by %s" : "given up by %s", who);
    bool again = strcmp(as, "again") == 0;
    g_autoptr(DbResult) result =
        again ? db_query(db, error,
                         "update delivery set state = 'queued', reason = null, finished_at = null,"
                         " lease_until = null, send_at = now() where brand_id = $1 and id = $2"
                         " and state in ('unknown', 'failed')"
                         " and (lease_until is null or lease_until < now())"
                         " and exists (select 1 from channel c where c.brand_id = $1"
                         "  and c.id = delivery.channel_id and c.removed_at is null)",
                         db_int(brand), db_int(id))
              : db_query(db, error,
                         "update delivery set state = $3, reason = $4, finished_at = now(),"
                         " lease_until = null where brand_id = $1 and id = $2 and state = 'unknown'"
                         " and (lease_until is null or lease_until < now())",
                         db_int(brand), db_int(id), db_text(as), db_text(reason));
    if (!changed(db, brand, id, result,
                 "This delivery has moved on, is being looked up just now, or its channel was "
                 "removed: see its state.",
                 error))
        return false;
    return strcmp(as, "sent") != 0 || mark_told(db, brand, id, error);
}
