#include "core/store/delivery.h"

void delivery_free(Delivery *delivery)
{
    if (!delivery)
        return;
    g_free(delivery->state);
    g_free(delivery->lang);
    g_free(delivery->body);
    g_free(delivery->to_external_id);
    g_free(delivery->to_subject);
    g_free(delivery->to_thread);
    json_decref(delivery->to_extra);
    g_free(delivery->author_id);
    g_free(delivery->author_handle);
    g_free(delivery->author_name);
    g_free(delivery);
}

/* d is the delivery, t its last attempt */
#define DELIVERY_COLUMNS                                                                           \
    "d.brand_id, d.id, d.channel_id, d.conversation_id, d.person_id, d.message_id, d.update_id,"   \
    " d.attempts, d.visibility = 'direct' as direct, d.user_id is null as automatic, d.state,"     \
    " d.lang, d.body, t.started_at, t.handed_at is not null as handed,"                            \
    " m.external_id as to_external_id, m.subject, c.thread, m.extra, m.sent_at,"                   \
    " a.external_id as author_id, a.handle, a.name"
#define DELIVERY_JOINS                                                                             \
    " join message m on m.brand_id = d.brand_id and m.id = d.message_id"                           \
    " join conversation c on c.brand_id = d.brand_id and c.id = d.conversation_id"                 \
    " join author a on a.brand_id = d.brand_id and a.id = c.author_id"

static Delivery *delivery_from_row(DbRow row)
{
    Delivery *delivery = g_new0(Delivery, 1);
    delivery->brand = db_get_int(row, "brand_id");
    delivery->id = db_get_int(row, "id");
    delivery->channel = db_get_int(row, "channel_id");
    delivery->conversation = db_get_int(row, "conversation_id");
    delivery->person = db_get_int(row, "person_id");
    delivery->message = db_get_int(row, "message_id");
    delivery->update = db_get_int(row, "update_id");
    delivery->attempts = (int)db_get_int(row, "attempts");
    delivery->direct = db_get_bool(row, "direct");
    delivery->automatic = db_get_bool(row, "automatic");
    delivery->state = g_strdup(db_get_text(row, "state"));
    delivery->lang = g_strdup(db_get_text(row, "lang"));
    delivery->body = g_strdup(db_get_text(row, "body"));
    delivery->attempt_at = db_get_time(row, "started_at");
    delivery->handed = db_get_bool(row, "handed");
    delivery->to_external_id = g_strdup(db_get_text(row, "to_external_id"));
    delivery->to_subject = g_strdup(db_get_text(row, "subject"));
    delivery->to_thread = g_strdup(db_get_text(row, "thread"));
    delivery->to_extra = db_get_json(row, "extra");
    delivery->to_sent_at = db_get_time(row, "sent_at");
    delivery->author_id = g_strdup(db_get_text(row, "author_id"));
    delivery->author_handle = g_strdup(db_get_text(row, "handle"));
    delivery->author_name = g_strdup(db_get_text(row, "name"));
    return delivery;
}

static GPtrArray *all_of(DbResult *result)
{
    GPtrArray *deliveries = g_ptr_array_new_with_free_func((GDestroyNotify)delivery_free);
    for (int i = 0; i < db_rows(result); i++)
        g_ptr_array_add(deliveries, delivery_from_row(db_row(result, i)));
    return deliveries;
}

/* Of an update that was stopped nothing new is taken, also while its rows are still being marked.
 */
GPtrArray *delivery_claim(Db *db, int64_t brand, int64_t channel, int limit, GError **error)
{
    g_autoptr(DbResult) result = db_query(
        db, error,
        "with due as (select id from delivery o where brand_id = $1 and channel_id = $2"
        "  and state = 'queued' and send_at <= clock_timestamp()"
        "  and (update_id is null or attempts > 0 or not exists (select 1 from incident_update u"
        "   where u.brand_id = $1 and u.id = o.update_id and u.stopped_at is not null))"
        "  order by send_at, id limit $3 for update of o skip locked),"
        " taken as (update delivery d set state = 'sending', attempts = attempts + 1,"
        "   lease_until = clock_timestamp() + interval '2 min'"
        "  from due where d.brand_id = $1 and d.id = due.id returning d.*),"
        " t as (insert into delivery_attempt (brand_id, delivery_id, number, started_at)"
        "  select brand_id, id, attempts, clock_timestamp() from taken returning *)"
        " select " DELIVERY_COLUMNS " from taken d" DELIVERY_JOINS
        " join t on t.delivery_id = d.id order by d.send_at, d.id",
        db_int(brand), db_int(channel), db_int(limit));
    return result ? all_of(result) : NULL;
}

GPtrArray *delivery_open_questions(Db *db, int64_t brand, int64_t channel, bool at_start, int limit,
                                   GError **error)
{
    if (!db_run(db, error,
                "update delivery set state = 'unknown', send_at = clock_timestamp(),"
                " reason = 'the program ended while sending; looking whether it went out'"
                " where brand_id = $1 and channel_id = $2 and state = 'sending'"
                " and ($3 or lease_until < clock_timestamp())",
                db_int(brand), db_int(channel), db_bool(at_start)))
        return NULL;
    /* the lease keeps a person from deciding while the network is being asked */
    g_autoptr(DbResult) result = db_query(
        db, error,
        "with due as (select id from delivery where brand_id = $1 and channel_id = $2"
        "  and state = 'unknown' and send_at <= clock_timestamp()"
        "  order by send_at, id limit $3 for update skip locked),"
        " asked as (update delivery d set lease_until = clock_timestamp() + interval '2 min'"
        "  from due where d.brand_id = $1 and d.id = due.id returning d.*)"
        " select " DELIVERY_COLUMNS " from asked d" DELIVERY_JOINS
        " left join delivery_attempt t on t.brand_id = d.brand_id and t.delivery_id = d.id"
        "  and t.number = d.attempts order by d.send_at, d.id",
        db_int(brand), db_int(channel), db_int(limit));
    return result ? all_of(result) : NULL;
}

bool delivery_next_at(Db *db, int64_t brand, int64_t channel, int64_t *at, GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "select min(send_at) as at from delivery where brand_id = $1 and channel_id = $2"
                 " and state in ('queued', 'unknown') and send_at < 'infinity'",
                 db_int(brand), db_int(channel));
    if (!result)
        return false;
    *at = db_get_time(db_row(result, 0), "at");
    return true;
}

bool delivery_handing(Db *db, const Delivery *delivery, GError **error)
{
    return db_run(db, error,
                  "update delivery_attempt set handed_at = clock_timestamp()"
                  " where brand_id = $1 and delivery_id = $2 and number = $3",
                  db_int(delivery->brand), db_int(delivery->id), db_int(delivery->attempts));
}

static bool end_attempt(Db *db, const Delivery *delivery, const char *outcome, const char *detail,
                        GError **error)
{
    return db_run(
        db, error,
        "update delivery_attempt set ended_at = clock_timestamp(), outcome = $4, detail = $5"
        " where brand_id = $1 and delivery_id = $2 and number = $3",
        db_int(delivery->brand), db_int(delivery->id), db_int(delivery->attempts), db_text(outcome),
        db_text(detail));
}

/* Our message may be in the conversation already, when the poll saw it first: then it only learns
 * which delivery it was. The core does the rest when it takes it from the intake. */
static bool store_own(Db *db, const Delivery *delivery, const char *external_id,
                      const char *permalink, GError **error)
{
    return db_run(
        db, error,
        "with own as (insert into message (brand_id, channel_id, conversation_id, external_id, inbound,"
        "   visibility, network, lang, body, permalink, parent, extra, sent_at)"
        "  select $1, $2, $3, $4, false, case when $5 then 'direct' else 'public' end, m.network, $6,"
        "   $7, $8, m.external_id, jsonb_build_object('delivery', $9::bigint::text), clock_timestamp()"
        "  from message m where m.brand_id = $1 and m.id = $10"
        "  on conflict (brand_id, channel_id, external_id) do update"
        "   set extra = coalesce(message.extra, '{}') || excluded.extra"
        "  returning id)"
        " insert into intake (brand_id, message_ids) select $1, array_agg(id) from own",
        db_int(delivery->brand), db_int(delivery->channel), db_int(delivery->conversation),
        db_text(external_id), db_bool(delivery->direct), db_text(delivery->lang),
        db_text(delivery->body), db_text(permalink), db_int(delivery->id),
        db_int(delivery->message));
}

bool delivery_sent(Db *db, const Delivery *delivery, const char *external_id, const char *permalink,
                   GError **error)
{
    if (!db_begin(db, error))
        return false;
    if (db_run(db, error,
               "update delivery set state = 'sent', reason = null, lease_until = null,"
               " external_id = $3, permalink = $4, finished_at = clock_timestamp()"
               " where brand_id = $1 and id = $2",
               db_int(delivery->brand), db_int(delivery->id), db_text(external_id),
               db_text(permalink)) &&
        end_attempt(db, delivery, "sent", external_id, error) &&
        store_own(db, delivery, external_id, permalink, error) && db_commit(db, error))
        return true;
    db_rollback(db);
    return false;
}

/* Only where it still is as it was claimed: a person may have decided meanwhile. What would be
 * tried again of an update that was stopped is over instead. Of a channel that was removed
 * (channel_remove) nothing is queued again. */
bool delivery_ended(Db *db, const Delivery *delivery, const char *state, const char *reason,
                    int64_t send_at, GError **error)
{
    bool over = g_str_equal(state, "failed");
    if (!db_begin(db, error))
        return false;
    if (db_run(db, error,
               "update delivery d set lease_until = null, send_at = coalesce($5, 'infinity'),"
               " state = case when s.stopped then 'skipped' else $3 end,"
               " reason = case when s.stopped then 'stopped before it went out' else $4 end,"
               " finished_at = case when $6 or s.stopped then clock_timestamp() end"
               " from (select $3 = 'queued' and exists (select from incident_update"
               "  where brand_id = $1 and id = $8 and stopped_at is not null) as stopped) s"
               " where d.brand_id = $1 and d.id = $2 and d.state in ('sending', 'unknown')"
               " and d.attempts = $7 and not ($3 = 'queued' and d.send_at = 'infinity')",
               db_int(delivery->brand), db_int(delivery->id), db_text(state), db_text(reason),
               db_time(send_at), db_bool(over), db_int(delivery->attempts),
               db_id(delivery->update)) &&
        end_attempt(db, delivery, state, reason, error) && db_commit(db, error))
        return true;
    db_rollback(db);
    return false;
}

bool delivery_release(Db *db, const Delivery *delivery, int64_t send_at, GError **error)
{
    return db_run(db, error,
                  "with gone as (delete from delivery_attempt where brand_id = $1"
                  "  and delivery_id = $2 and number = $3)"
                  " update delivery set state = 'queued', lease_until = null, send_at = $4,"
                  "  attempts = attempts - 1"
                  " where brand_id = $1 and id = $2 and state = 'sending' and attempts = $3",
                  db_int(delivery->brand), db_int(delivery->id), db_int(delivery->attempts),
                  db_time(send_at));
}

bool delivery_bounced(Db *db, int64_t brand, int64_t channel, const char *external_id,
                      const char *reason, GError **error)
{
    return db_run(
        db, error,
        "update delivery set state = 'failed', reason = $4, finished_at = clock_timestamp()"
        " where brand_id = $1 and channel_id = $2 and external_id = $3 and state = 'sent'",
        db_int(brand), db_int(channel), db_text(external_id), db_text(reason));
}
