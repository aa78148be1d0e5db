#include "collectors/collect.h"

#include "collectors/connector.h"
#include "core/base/log.h"
#include "core/store/delivery.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
    BACK_OFF_FIRST_MS = 5000,
    BACK_OFF_MOST_MS = 15 * 60 * 1000,
    SEND_AT_ONCE = 10,    /* then look whether something has come in */
    LOOK_AGAIN_MS = 5000, /* for what became of an unknown delivery */
    REST_MS = 30000,      /* the safety net where nothing rings */
    MOST_ATTEMPTS = 12,   /* with back-off about two hours */
};

typedef struct Collector {
    Db *db;
    Channel *channel;
    const Connector *connector;
    void *connection;
    MessageWriter *writer;
    json_t *cursor;
    int failures;
    bool stopped;       /* the network refused a poll: a person has to act */
    char *send_problem; /* ... or a delivery: polls go on, sending waits */
    char *state;        /* as it stands in the database */
    int64_t poll_at;    /* monotonic microseconds */
    int64_t send_at;    /* ... nothing is sent before */
    bool asked_at_start;
    char *label;
} Collector;

static volatile sig_atomic_t ending;

static void on_signal(G_GNUC_UNUSED int signal_number)
{
    ending = 1;
}

static int64_t back_off_ms(int failures)
{
    int64_t ms = BACK_OFF_FIRST_MS;
    for (int i = 1; i < failures && ms < BACK_OFF_MOST_MS; i++)
        ms *= 2;
    ms = MIN(ms, BACK_OFF_MOST_MS);
    return ms / 2 + g_random_int_range(0, (gint32)ms / 2 + 1);
}

static int64_t in_ms(int64_t ms)
{
    return g_get_monotonic_time() + ms * 1000;
}

/* From a wall-clock time that a network names to our monotonic one. */
static int64_t monotonic_at(int64_t wall_us)
{
    return g_get_monotonic_time() + MAX(0, wall_us - g_get_real_time());
}

static bool bell(Collector *collector, const char *what)
{
    g_autofree char *text =
        g_strdup_printf("%" G_GINT64_FORMAT " %s", collector->channel->brand, what);
    return db_notify(collector->db, "inbox", text, NULL);
}

static bool save_state(Collector *collector, const char *state, const char *problem, GError **error)
{
    bool changed = g_strcmp0(collector->state, state) != 0;
    if (changed) {
        if (problem)
            g_warning("%s: %s", state, problem);
        else
            g_message("%s", state);
        g_free(collector->state);
        collector->state = g_strdup(state);
    }
    int64_t wait = collector->poll_at - g_get_monotonic_time();
    return channel_save_state(collector->db, collector->channel->brand, collector->channel->id,
                              state, problem, collector->failures, g_get_real_time() + MAX(0, wait),
                              error) &&
           (!changed || bell(collector, "overview"));
}

/* What a failed call means for the channel as a whole. True: go on; false: the database failed. */
static bool take_failure(Collector *collector, const GError *problem, int64_t retry_at,
                         GError **error)
{
    collector->failures++;
    switch (problem->domain == BW_ERROR ? problem->code : BW_ERROR_TEMPORARY) {
    case BW_ERROR_DENIED:
        collector->stopped = true;
        collector->poll_at = in_ms(BACK_OFF_MOST_MS);
        return save_state(collector, "stopped", problem->message, error);
    case BW_ERROR_LIMITED:
        collector->poll_at =
            retry_at ? monotonic_at(retry_at) : in_ms(back_off_ms(collector->failures));
        return save_state(collector, "ok", problem->message, error);
    default:
        collector->poll_at = in_ms(back_off_ms(collector->failures));
        return save_state(collector, "failing", problem->message, error);
    }
}

/* ---- in ---- */

static void poll_clear(Poll *poll)
{
    g_ptr_array_unref(poll->messages);
    g_ptr_array_unref(poll->unreadable);
    g_ptr_array_unref(poll->receipts);
    g_ptr_array_unref(poll->gaps);
    json_decref(poll->cursor);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Poll, poll_clear)

static void poll_init(Poll *poll)
{
    poll->messages = g_ptr_array_new_with_free_func((GDestroyNotify)message_free);
    poll->unreadable = g_ptr_array_new_with_free_func((GDestroyNotify)unreadable_free);
    poll->receipts = g_ptr_array_new_with_free_func((GDestroyNotify)receipt_free);
    poll->gaps = g_ptr_array_new_with_free_func((GDestroyNotify)gap_free);
}

static bool store_side_catch(Collector *collector, const Poll *poll, GError **error)
{
    int64_t brand = collector->channel->brand, channel = collector->channel->id;
    for (guint i = 0; i < poll->unreadable->len; i++) {
        const Unreadable *item = poll->unreadable->pdata[i];
        if (!channel_quarantine(collector->db, brand, channel, item->external_id, item->reason,
                                item->raw, item->size, error))
            return false;
    }
    for (guint i = 0; i < poll->receipts->len; i++) {
        const Receipt *receipt = poll->receipts->pdata[i];
        if (!delivery_bounced(collector->db, brand, channel, receipt->external_id, receipt->reason,
                              error))
            return false;
    }
    for (guint i = 0; i < poll->gaps->len; i++) {
        const Gap *gap = poll->gaps->pdata[i];
        if (!channel_add_gap(collector->db, brand, channel, gap->from, gap->to, gap->reason, error))
            return false;
    }
    return true;
}

/* Messages and cursor in one transaction: a crash before the commit polls the same again. */
static bool store(Collector *collector, const Poll *poll, int *stored, GError **error)
{
    int64_t brand = collector->channel->brand, channel = collector->channel->id;
    if (!db_begin(collector->db, error))
        return false;
    for (guint i = 0; i < poll->messages->len; i++)
        message_tidy(poll->messages->pdata[i]);
    g_autofree char *brand_text = g_strdup_printf("%" G_GINT64_FORMAT, brand);
    if (message_write(collector->writer, poll->messages, stored, error) &&
        store_side_catch(collector, poll, error) &&
        (!poll->cursor ||
         channel_save_cursor(collector->db, brand, channel, poll->cursor, error)) &&
        (!*stored || db_notify(collector->db, "intake", brand_text, error)) &&
        (!poll->unreadable->len || bell(collector, "overview")) && db_commit(collector->db, error))
        return true;
    db_rollback(collector->db);
    message_writer_reset(collector->writer);
    return false;
}

/* A batch that the database refuses as it is would come again for ever: its messages are stored one
 * by one, and what is refused goes to quarantine. */
static bool store_singly(Collector *collector, Poll *poll, int *stored, GError **error)
{
    for (guint i = 0; i < poll->messages->len; i++) {
        g_auto(Poll) one = {0};
        g_autoptr(GError) problem = NULL;
        int count;
        poll_init(&one);
        Message *message = poll->messages->pdata[i];
        g_ptr_array_add(one.messages, message);
        g_ptr_array_set_free_func(one.messages, NULL);
        if (store(collector, &one, &count, &problem)) {
            *stored += count;
            continue;
        }
        if (!g_error_matches(problem, BW_ERROR, BW_ERROR_INVALID)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return false;
        }
        g_autoptr(GBytes) raw = g_bytes_new(message->body, strlen(message->body));
        if (!channel_quarantine(collector->db, collector->channel->brand, collector->channel->id,
                                message->external_id ? message->external_id : "?", problem->message,
                                raw, (int64_t)g_bytes_get_size(raw), error))
            return false;
    }
    g_ptr_array_set_size(poll->messages, 0);
    int none;
    return store(collector, poll, &none, error);
}

static bool poll_once(Collector *collector, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_auto(Poll) poll = {0};
    int stored = 0;
    poll_init(&poll);
    if (!collector->connector->poll(collector->connection, collector->cursor, &poll, &problem))
        return take_failure(collector, problem, poll.retry_at, error);
    if (!store(collector, &poll, &stored, &problem)) {
        if (!g_error_matches(problem, BW_ERROR, BW_ERROR_INVALID) || !db_is_alive(collector->db)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return false;
        }
        g_warning("storing a batch failed (%s); storing its messages one by one", problem->message);
        if (!store_singly(collector, &poll, &stored, error))
            return false;
    }
    if (poll.cursor) {
        json_decref(collector->cursor);
        collector->cursor = json_incref(poll.cursor);
    }
    if (stored) {
        g_info("%d new messages", stored);
        if (!db_plan_again(collector->db, error))
            return false;
    }
    collector->failures = 0;
    collector->stopped = false;
    int64_t pause = poll.next_ms ? poll.next_ms : collector->connector->poll_ms;
    /* a tenth of jitter, so that many channels of one network do not poll in step */
    collector->poll_at =
        in_ms(poll.more      ? 0
              : poll.next_ms ? pause
                             : pause + g_random_int_range(0, (gint32)pause / 10 + 1));
    return save_state(collector, collector->send_problem ? "stopped" : "ok",
                      collector->send_problem, error);
}

/* ---- out ---- */

static void outgoing_of(const Delivery *delivery, Outgoing *outgoing)
{
    *outgoing = (Outgoing){
        .brand = delivery->brand,
        .delivery = delivery->id,
        .attempt = delivery->attempts,
        .attempt_at = delivery->attempt_at,
        .handed = delivery->handed,
        .body = delivery->body,
        .lang = delivery->lang,
        .direct = delivery->direct,
        .automatic = delivery->automatic,
        .to_external_id = delivery->to_external_id,
        .to_subject = delivery->to_subject,
        .to_thread = delivery->to_thread,
        .to_extra = delivery->to_extra,
        .to_sent_at = delivery->to_sent_at,
        .author_id = delivery->author_id,
        .author_handle = delivery->author_handle,
        .author_name = delivery->author_name,
    };
}

typedef struct Handing {
    Collector *collector;
    const Delivery *delivery;
} Handing;

static bool handing(void *data)
{
    Handing *self = data;
    g_autoptr(GError) error = NULL;
    if (delivery_handing(self->collector->db, self->delivery, &error))
        return true;
    g_warning("not sent: %s", error->message);
    return false;
}

static bool finish_sent(Collector *collector, const Delivery *delivery, const Sent *sent,
                        GError **error)
{
    g_autofree char *brand = g_strdup_printf("%" G_GINT64_FORMAT, delivery->brand);
    return delivery_sent(collector->db, delivery, sent->external_id, sent->permalink, error) &&
           db_notify(collector->db, "intake", brand, error);
}

/* One delivery did not work: what becomes of it, and of the channel. */
static bool finish_failed(Collector *collector, const Delivery *delivery, const GError *problem,
                          int64_t retry_at, GError **error)
{
    int64_t now = g_get_real_time();
    int code = problem->domain == BW_ERROR ? problem->code : BW_ERROR_TEMPORARY;
    if (code == BW_ERROR_UNKNOWN)
        return delivery_ended(collector->db, delivery, "unknown", problem->message, now + 1000,
                              error);
    if (code == BW_ERROR_INVALID || code == BW_ERROR_MISSING ||
        (code == BW_ERROR_TEMPORARY && delivery->attempts >= MOST_ATTEMPTS))
        return delivery_ended(collector->db, delivery, "failed", problem->message, 0, error);
    int64_t again = retry_at ? retry_at : now + back_off_ms(delivery->attempts) * 1000;
    if (code == BW_ERROR_DENIED) {
        g_free(collector->send_problem);
        collector->send_problem = g_strdup(problem->message);
        again = now + BACK_OFF_MOST_MS * 1000LL;
    }
    if (code != BW_ERROR_TEMPORARY)
        collector->send_at = monotonic_at(again);
    return delivery_ended(collector->db, delivery, "queued", problem->message, again, error) &&
           (code != BW_ERROR_DENIED ||
            save_state(collector, "stopped", collector->send_problem, error));
}

static bool tell_progress(Collector *collector, const GPtrArray *deliveries)
{
    g_autoptr(GString) what = g_string_new("overview");
    int64_t last = 0;
    for (guint i = 0; i < deliveries->len; i++) {
        const Delivery *delivery = deliveries->pdata[i];
        if (delivery->update && delivery->update != last)
            g_string_append_printf(what, ",update:%" G_GINT64_FORMAT, delivery->update);
        else if (!delivery->update)
            g_string_append_printf(what, ",conversation:%" G_GINT64_FORMAT, delivery->conversation);
        last = delivery->update;
    }
    return bell(collector, what->str);
}

static bool send_one(Collector *collector, const Delivery *delivery, GError **error)
{
    g_autoptr(GError) problem = NULL;
    Handing data = {collector, delivery};
    Outgoing outgoing;
    Sent sent = {0};
    outgoing_of(delivery, &outgoing);
    outgoing.handing = handing;
    outgoing.data = &data;
    bool went = collector->connector->send(collector->connection, &outgoing, &sent, &problem);
    if (went)
        g_clear_pointer(&collector->send_problem, g_free);
    bool good = went ? finish_sent(collector, delivery, &sent, error)
                     : finish_failed(collector, delivery, problem, sent.retry_at, error);
    sent_clear(&sent);
    return good;
}

/* True in `busy` when there may be more. */
static bool send_due(Collector *collector, bool *busy, GError **error)
{
    g_autoptr(GPtrArray) due = delivery_claim(collector->db, collector->channel->brand,
                                              collector->channel->id, SEND_AT_ONCE, error);
    if (!due)
        return false;
    for (guint i = 0; i < due->len; i++) {
        int64_t pause = collector->send_at - g_get_monotonic_time();
        bool good = pause > 0 ? delivery_release(collector->db, due->pdata[i],
                                                 g_get_real_time() + pause, error)
                              : send_one(collector, due->pdata[i], error);
        if (!good)
            return false;
    }
    *busy = due->len == SEND_AT_ONCE;
    return !due->len || tell_progress(collector, due);
}

static bool answer_question(Collector *collector, const Delivery *delivery, GError **error)
{
    g_autoptr(GError) problem = NULL;
    int64_t now = g_get_real_time();
    Outgoing outgoing;
    Sent sent = {0};
    bool good = false;
    outgoing_of(delivery, &outgoing);
    switch (collector->connector->find_sent(collector->connection, &outgoing, &sent, &problem)) {
    case FOUND_SENT:
        good = finish_sent(collector, delivery, &sent, error);
        break;
    case FOUND_NOT:
        good = delivery_ended(collector->db, delivery, "queued",
                              "it had not gone out; trying again", now, error);
        break;
    case FOUND_NOT_YET:
    case FOUND_ERROR:
        good = delivery_ended(collector->db, delivery, "unknown",
                              problem ? problem->message : "looking whether it went out",
                              now + LOOK_AGAIN_MS * 1000, error);
        break;
    case FOUND_UNCLEAR:
        good = delivery_ended(collector->db, delivery, "unknown",
                              "the network does not tell whether it went out: a person decides", 0,
                              error);
        break;
    }
    sent_clear(&sent);
    return good;
}

static bool answer_questions(Collector *collector, GError **error)
{
    g_autoptr(GPtrArray) open =
        delivery_open_questions(collector->db, collector->channel->brand, collector->channel->id,
                                !collector->asked_at_start, SEND_AT_ONCE, error);
    if (!open)
        return false;
    collector->asked_at_start = true;
    for (guint i = 0; i < open->len; i++)
        if (!answer_question(collector, open->pdata[i], error))
            return false;
    return !open->len || tell_progress(collector, open);
}

/* ---- the loop ---- */

/* Sleeps until something rings: a delivery (NOTIFY outbox), the network, or the time. */
static bool rest(Collector *collector, GError **error)
{
    int64_t next = 0, now = g_get_monotonic_time();
    if (!delivery_next_at(collector->db, collector->channel->brand, collector->channel->id, &next,
                          error))
        return false;
    int64_t wake = MIN(collector->poll_at, now + REST_MS * 1000LL);
    if (next)
        wake = MIN(wake, MAX(monotonic_at(next), collector->send_at));
    int fd = collector->connector->wait_fd && !collector->failures
                 ? collector->connector->wait_fd(collector->connection)
                 : -1;
    struct pollfd fds[] = {{.fd = db_fd(collector->db), .events = POLLIN},
                           {.fd = fd, .events = POLLIN}};
    now = g_get_monotonic_time();
    int ms = (int)CLAMP((wake - now + 999) / 1000, 0, REST_MS);
    if (poll(fds, fd >= 0 ? 2 : 1, ms) < 0 && errno != EINTR)
        return bw_fail(error, BW_ERROR_TEMPORARY, "poll: %s", g_strerror(errno));
    if (fd >= 0 && fds[1].revents)
        collector->poll_at = 0;
    for (char *payload; (payload = db_notified(collector->db, NULL));)
        g_free(payload);
    if (!db_is_alive(collector->db))
        return bw_fail(error, BW_ERROR_TEMPORARY, "the database connection broke");
    return true;
}

/* Paused or removed meanwhile? */
static bool still_wanted(Collector *collector, bool *wanted, GError **error)
{
    g_autoptr(DbResult) result =
        db_query(collector->db, error,
                 "select not paused and removed_at is null as wanted from channel"
                 " where brand_id = $1 and id = $2",
                 db_int(collector->channel->brand), db_int(collector->channel->id));
    if (!result)
        return false;
    *wanted = db_rows(result) && db_get_bool(db_row(result, 0), "wanted");
    return true;
}

static bool work(Collector *collector, GError **error)
{
    int64_t checked = 0;
    while (!ending) {
        bool busy = false, wanted = true;
        int64_t now = g_get_monotonic_time();
        if (now - checked > 2 * G_USEC_PER_SEC) {
            if (!still_wanted(collector, &wanted, error))
                return false;
            if (!wanted)
                return true;
            checked = now;
        }
        /* first what became of the last sendings: a poll may bring them back as our own messages */
        if (!answer_questions(collector, error))
            return false;
        if (now >= collector->poll_at && !poll_once(collector, error))
            return false;
        if (!collector->stopped && g_get_monotonic_time() >= collector->send_at &&
            !send_due(collector, &busy, error))
            return false;
        if (!busy && !rest(collector, error))
            return false;
    }
    return true;
}

/* Everything that needs the database: again after each loss of it. */
static bool begin(Collector *collector, const char *url, int64_t brand, int64_t id, GError **error)
{
    if (!collector->db) {
        g_autoptr(Db) db = db_open(url, "breakwater_collect", error);
        if (!db || !db_ask_by_key(db, error) || !db_listen(db, "outbox", error))
            return false;
        collector->db = g_steal_pointer(&db);
    } else if (!db_reconnect(collector->db, error)) {
        return false;
    }
    g_autoptr(GError) problem = NULL;
    if (!db_try_lock(collector->db, DB_LOCK_CHANNEL, id, &problem)) {
        if (problem)
            g_propagate_error(error, g_steal_pointer(&problem));
        else
            bw_fail(error, BW_ERROR_TEMPORARY,
                    "another process collects channel %" G_GINT64_FORMAT "/%" G_GINT64_FORMAT
                    "; waiting for its end",
                    brand, id);
        return false;
    }
    if (!collector->channel) {
        collector->channel = channel_load(collector->db, brand, id, error);
        if (!collector->channel)
            return false;
        collector->connector = connector_find(collector->channel->kind);
        if (!collector->connector)
            return bw_fail(error, BW_ERROR_INVALID, "this program knows no channels of kind '%s'",
                           collector->channel->kind);
        g_autofree char *name = g_strdup_printf("collect %s", collector->channel->name);
        log_start(name);
        collector->connection = collector->connector->open(collector->channel, error);
        if (!collector->connection) {
            channel_save_state(collector->db, brand, id, "stopped", (*error)->message, 0, 0, NULL);
            return false;
        }
    }
    message_writer_free(collector->writer);
    collector->writer = message_writer_new(collector->db, brand, id, collector->connector->kind);
    collector->asked_at_start = false;
    g_clear_pointer(&collector->cursor, json_decref);
    return channel_cursor(collector->db, brand, id, &collector->cursor, error);
}

static void collector_clear(Collector *collector)
{
    if (collector->connection)
        collector->connector->close(collector->connection);
    message_writer_free(collector->writer);
    json_decref(collector->cursor);
    channel_free(collector->channel);
    db_close(collector->db);
    g_free(collector->send_problem);
    g_free(collector->state);
}

int collect_run(const char *database_url, int64_t brand, int64_t channel)
{
    struct sigaction action = {.sa_handler = on_signal};
    Collector collector = {0};
    g_autofree char *said = NULL; /* what hinders the beginning: once, not with each try */
    int status = 0;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    while (!ending) {
        g_autoptr(GError) error = NULL;
        if (begin(&collector, database_url, brand, channel, &error)) {
            g_clear_pointer(&said, g_free);
            if (work(&collector, &error))
                break;
        }
        if (g_strcmp0(said, error->message) != 0)
            g_warning("%s", error->message);
        g_free(said);
        said = g_strdup(error->message);
        if (!g_error_matches(error, BW_ERROR, BW_ERROR_TEMPORARY)) {
            status = 1;
            break;
        }
        for (int i = 0; i < 10 && !ending; i++)
            g_usleep(100000);
    }
    collector_clear(&collector);
    return status;
}
