#include "core/store/update.h"

/* The core marks a member as told some time after the delivery is sent, and not while it is
 * unknown: for `only_new` the deliveries count. They are looked up in the index of (brand_id,
 * update_id, person_id), one by one, which 100,000 people bear. */
DbResult *update_recipients(Db *db, int64_t brand, int64_t incident, int64_t as_of, bool only_new,
                            GError **error)
{
    return db_query(
        db, error,
        "with answered as materialized (select distinct person_id from delivery where brand_id = $1"
        "  and update_id is null and user_id is not null and created_at > now() - interval '15 min'"
        "  and state in ('queued', 'sending', 'sent', 'unknown'))"
        " select m.person_id, m.conversation_id, m.message_id, m.channel_id, i.network,"
        " c.name as channel_name, case when c.settings ->> 'max_characters' ~ '^[0-9]{1,9}$'"
        "  then (c.settings ->> 'max_characters')::bigint end as max_length,"
        " m.visibility, m.lang, i.handle, i.name,"
        " case when g.automatic is not null then 'wrote automatically, such mail is never answered'"
        "  when a.person_id is not null then 'answered by hand in the last 15 minutes'"
        "  when c.removed_at is not null then 'the channel ' || c.name || ' was removed'"
        "  when c.paused then 'the channel ' || c.name || ' is paused' end as skip"
        " from member m join inbox i on i.brand_id = $1 and i.conversation_id = m.conversation_id"
        " join channel c on c.brand_id = $1 and c.id = m.channel_id"
        " join message g on g.brand_id = $1 and g.id = m.message_id"
        " left join answered a on a.person_id = m.person_id"
        " where m.brand_id = $1 and m.incident_id = $2 and m.removed_at is null and m.joined_at <= "
        "$3 and (not $4 or (m.told_at is null and not exists (select 1 from incident_update u"
        "  join delivery d on d.brand_id = $1 and d.update_id = u.id and d.person_id = m.person_id"
        "  where u.brand_id = $1 and u.incident_id = $2"
        "  and d.state in ('queued', 'sending', 'sent', 'unknown'))))"
        " order by m.channel_id, m.first_at, m.person_id",
        db_int(brand), db_int(incident), db_time(as_of), db_bool(only_new));
}

bool update_now(Db *db, int64_t *now, GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error, "select date_trunc('milliseconds', clock_timestamp()) as at");
    if (!result)
        return false;
    *now = db_get_time(db_row(result, 0), "at");
    return true;
}

void update_rows_init(UpdateRows *rows)
{
    rows->person = g_array_new(FALSE, FALSE, sizeof(int64_t));
    rows->conversation = g_array_new(FALSE, FALSE, sizeof(int64_t));
    rows->message = g_array_new(FALSE, FALSE, sizeof(int64_t));
    rows->channel = g_array_new(FALSE, FALSE, sizeof(int64_t));
    rows->direct = g_array_new(FALSE, FALSE, sizeof(bool));
    rows->lang = g_ptr_array_new();
    rows->body = g_ptr_array_new();
}

void update_rows_clear(UpdateRows *rows)
{
    g_array_unref(rows->person);
    g_array_unref(rows->conversation);
    g_array_unref(rows->message);
    g_array_unref(rows->channel);
    g_array_unref(rows->direct);
    g_ptr_array_unref(rows->lang);
    g_ptr_array_unref(rows->body);
}

bool update_by_token(Db *db, int64_t brand, int64_t incident, const char *token, int64_t *id,
                     GError **error)
{
    g_autoptr(DbResult) result = db_query(
        db, error, "select id, incident_id from incident_update where brand_id = $1 and token = $2",
        db_int(brand), db_text(token));
    if (!result)
        return false;
    *id = db_rows(result) ? db_get_int(db_row(result, 0), "id") : 0;
    return !*id || db_get_int(db_row(result, 0), "incident_id") == incident ||
           bw_fail(error, BW_ERROR_INVALID, "This token was used for another incident.");
}

bool update_check_alone(Db *db, int64_t brand, int64_t incident, GError **error)
{
    g_autoptr(DbResult) result = db_query(
        db, error,
        "select 1 from incident_update u where u.brand_id = $1 and u.incident_id = $2"
        " and u.stopped_at is null and exists (select 1 from delivery d where d.brand_id = $1"
        "  and d.update_id = u.id and d.state in ('queued', 'sending')) limit 1",
        db_int(brand), db_int(incident));
    if (!result)
        return false;
    return db_rows(result) == 0 || bw_fail(error, BW_ERROR_CONFLICT,
                                           "Another message to this incident is still going out: "
                                           "wait for it or stop it first.");
}

bool update_add(Db *db, int64_t brand, const Update *update, const UpdateRows *rows, int64_t *id,
                GError **error)
{
    g_autoptr(DbResult) made =
        db_query(db, error,
                 "insert into incident_update (brand_id, incident_id, texts, fields, fallback, "
                 "token, recipients,"
                 " user_id, send_at) values ($1, $2, $3, $4, $5, $6, $7, $8,"
                 " now() + $9 * interval '1 millisecond') returning id",
                 db_int(brand), db_int(update->incident), db_json(update->texts),
                 db_json(update->fields), db_text(update->fallback), db_text(update->token),
                 db_int(rows->person->len), db_int(update->user), db_int(update->delay_ms));
    if (!made)
        return false;
    *id = db_get_int(db_row(made, 0), "id");
    return db_run(
        db, error,
        "insert into delivery (brand_id, update_id, user_id, state, send_at, person_id, "
        "conversation_id,"
        " message_id, channel_id, visibility, lang, body)"
        " select $1, $2, $3, 'queued', now() + $4 * interval '1 millisecond', r.person, "
        "r.conversation,"
        " r.message, r.channel, case when r.direct then 'direct' else 'public' end, r.lang, r.body"
        " from unnest($5, $6, $7, $8, $9, $10, $11)"
        " r (person, conversation, message, channel, direct, lang, body)",
        db_int(brand), db_int(*id), db_int(update->user), db_int(update->delay_ms),
        db_ints(rows->person), db_ints(rows->conversation), db_ints(rows->message),
        db_ints(rows->channel), db_bools(rows->direct), db_texts(rows->lang), db_texts(rows->body));
}

DbResult *update_list(Db *db, int64_t brand, int64_t incident, int64_t update, GError **error)
{
    g_autoptr(DbResult) result = db_query(
        db, error,
        "select u.id, u.incident_id, u.created_at, w.initials as who, u.texts, u.fields, "
        "u.recipients,"
        " u.send_at,"
        " u.stopped_at, u.send_at <= now() as is_due, n.* from incident_update u"
        " left join app_user w on w.id = u.user_id cross join lateral (select"
        "  count(*) filter (where state = 'sent') as sent,"
        "  count(*) filter (where state in ('queued', 'sending')) as queued,"
        "  count(*) filter (where state = 'failed') as failed,"
        "  count(*) filter (where state = 'skipped') as skipped,"
        "  count(*) filter (where state = 'unknown') as unknown"
        "  from delivery d where d.brand_id = $1 and d.update_id = u.id) n"
        " where u.brand_id = $1 and (u.incident_id = $2 or u.id = $3) order by u.id desc limit 50",
        db_int(brand), db_id(incident), db_id(update));
    if (result && update && !db_rows(result)) {
        bw_fail(error, BW_ERROR_MISSING, "There is no such update.");
        return NULL;
    }
    return g_steal_pointer(&result);
}

bool update_stop(Db *db, int64_t brand, int64_t update, bool before_due, GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "update incident_update set stopped_at = coalesce(stopped_at, clock_timestamp())"
                 " where brand_id = $1 and id = $2 and (not $3 or send_at > clock_timestamp())",
                 db_int(brand), db_int(update), db_bool(before_due));
    if (!result)
        return false;
    if (db_affected(result))
        return true;
    g_autoptr(DbResult) row = update_list(db, brand, 0, update, error);
    return row && bw_fail(error, BW_ERROR_CONFLICT,
                          "It is too late to undo this: it is going out. It can be stopped.");
}

bool update_skip(Db *db, int64_t brand, int64_t update, const char *reason, int limit, int *skipped,
                 GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "update delivery set state = 'skipped', reason = $3, finished_at = now()"
                 " where brand_id = $1 and update_id = $2 and state = 'queued' and id <="
                 "  (select max(id) from (select id from delivery where brand_id = $1"
                 "   and update_id = $2 and state = 'queued' order by id limit $4) first)",
                 db_int(brand), db_int(update), db_text(reason), db_int(limit));
    if (!result)
        return false;
    *skipped = (int)db_affected(result);
    return true;
}
