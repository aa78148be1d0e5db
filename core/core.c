#include "core/core.h"

#include "core/base/log.h"
#include "core/brand_core.h"
#include "core/store/brand.h"
#include "core/store/membership.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

enum {
    BATCH = 2000,          /* messages sorted in one transaction */
    REST_MS = 1000,        /* the safety net where no bell rings */
    BRANDS_EVERY_S = 5,    /* look for new brands, and for those of a dead core */
    SAVE_EVERY_S = 120,    /* the engines' memory */
    WATCH_EVERY_S = 5,     /* the volume, for spikes */
    OPEN_WITHIN_S = 86400, /* an older wave (imported history) opens no incident */
    MOST_NAMED = 40,       /* incidents, and conversations, named in one bell */
    REFUSED_S = 60,        /* a brand whose batch the tables refuse is tried again after this */
};

typedef struct Core {
    Db *db;
    GHashTable *brands;  /* id -> BrandCore */
    GHashTable *refused; /* id -> monotonic microseconds: not before */
    int64_t looked_at;
} Core;

static volatile sig_atomic_t ending;

static void on_signal(G_GNUC_UNUSED int signal_number)
{
    ending = 1;
}

static int64_t *boxed(int64_t value)
{
    return g_memdup2(&value, sizeof value);
}

/* What a machine wrote is kept and shown, but says nothing about the customers. */
static void set_aside(const Incoming *message, Verdict *verdict)
{
    verdict->message = message;
    g_strlcpy(verdict->lang, "-", sizeof verdict->lang);
}

/* ---- what follows from a batch ---- */

typedef struct Batch {
    GPtrArray *messages, *verdicts, *own, *events;
    GArray *queue;     /* intake rows */
    GArray *incidents; /* whose numbers changed */
    GHashTable *links; /* cluster -> open incident */
    bool links_moved;  /* they have to be read again */
} Batch;

static void batch_clear(Batch *batch)
{
    GPtrArray *pointers[] = {batch->messages, batch->verdicts, batch->own, batch->events};
    GArray *arrays[] = {batch->queue, batch->incidents};
    for (gsize i = 0; i < G_N_ELEMENTS(pointers); i++)
        if (pointers[i])
            g_ptr_array_unref(pointers[i]);
    for (gsize i = 0; i < G_N_ELEMENTS(arrays); i++)
        g_array_unref(arrays[i]);
    g_clear_pointer(&batch->links, g_hash_table_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Batch, batch_clear)

static void batch_init(Batch *batch)
{
    batch->verdicts = g_ptr_array_new_with_free_func(g_free);
    batch->own = g_ptr_array_new();
    batch->events = g_ptr_array_new_with_free_func(g_free);
    batch->queue = g_array_new(FALSE, FALSE, sizeof(int64_t));
    batch->incidents = g_array_new(FALSE, FALSE, sizeof(int64_t));
}

static void collect_events(BrandCore *brand, Batch *batch)
{
    PipelineEvent event;
    while (pipeline_event(brand->pipeline, &event)) {
        event.cluster = brand_core_table_cluster(brand, event.cluster);
        event.into = brand_core_table_cluster(brand, event.into);
        g_ptr_array_add(batch->events, g_memdup2(&event, sizeof event));
    }
}

static void decide(BrandCore *brand, Batch *batch)
{
    for (guint i = 0; i < batch->messages->len; i++) {
        const Incoming *message = batch->messages->pdata[i];
        if (!message->inbound) {
            g_ptr_array_add(batch->own, (void *)message);
            continue;
        }
        Verdict *verdict = g_new0(Verdict, 1);
        if (message->automatic)
            set_aside(message, verdict);
        else
            brand_core_take(brand, message, verdict);
        verdict->seq = ++brand->seq;
        g_ptr_array_add(batch->verdicts, verdict);
        collect_events(brand, batch);
        tally_cluster(brand->tally, verdict);
    }
}

static void changed(Batch *batch, int64_t incident)
{
    for (guint i = 0; i < batch->incidents->len; i++)
        if (g_array_index(batch->incidents, int64_t, i) == incident)
            return;
    g_array_append_val(batch->incidents, incident);
}

static char *title_of(BrandCore *brand, int64_t cluster)
{
    g_auto(GStrv) terms =
        pipeline_terms(brand->pipeline, brand_core_engine_cluster(brand, cluster), 3);
    if (!terms || !*terms)
        return g_strdup("Many complaints alike");
    g_autofree char *title = g_strjoinv(" · ", terms);
    char first[7] = {0};
    g_unichar_to_utf8(g_unichar_toupper(g_utf8_get_char(title)), first);
    return g_strconcat(first, g_utf8_next_char(title), NULL);
}

static bool write_terms(BrandCore *brand, Db *db, int64_t cluster, GError **error)
{
    g_auto(GStrv) terms =
        pipeline_terms(brand->pipeline, brand_core_engine_cluster(brand, cluster), 8);
    return !terms || !*terms || sorting_cluster_terms(db, brand->id, cluster, terms, error);
}

/* The batch's messages in a cluster that an incident has just taken in as a whole. */
static void mark_counted(Batch *batch, int64_t cluster)
{
    for (guint i = 0; i < batch->verdicts->len; i++) {
        Verdict *verdict = batch->verdicts->pdata[i];
        verdict->counted |= verdict->cluster == cluster;
    }
}

static void relabel(Batch *batch, int64_t from, int64_t into)
{
    for (guint i = 0; i < batch->verdicts->len; i++) {
        Verdict *verdict = batch->verdicts->pdata[i];
        if (verdict->cluster == from)
            verdict->cluster = into;
    }
}

static bool on_suspect(BrandCore *brand, Db *db, Batch *batch, const PipelineEvent *event,
                       GError **error)
{
    int64_t incident = 0;
    if (g_hash_table_contains(batch->links, &event->cluster) ||
        event->at < g_get_real_time() - OPEN_WITHIN_S * (int64_t)G_USEC_PER_SEC)
        return true;
    g_autofree char *title = title_of(brand, event->cluster);
    if (!membership_open(db, brand->id, event->cluster, title, event->at, &incident, error) ||
        !write_terms(brand, db, event->cluster, error))
        return false;
    g_message("brand %" G_GINT64_FORMAT ": incident %" G_GINT64_FORMAT
              " suspected, %" G_GINT64_FORMAT " people",
              brand->id, incident, event->people);
    mark_counted(batch, event->cluster);
    changed(batch, incident);
    batch->links_moved = true;
    return true;
}

/* An incident on one side takes in the other side; two incidents meet. `incident`: the one that
 * both belong to then, or 0. */
static bool join_incidents(BrandCore *brand, Db *db, Batch *batch, const PipelineEvent *event,
                           int64_t *incident, GError **error)
{
    const int64_t *from = g_hash_table_lookup(batch->links, &event->cluster);
    const int64_t *into = g_hash_table_lookup(batch->links, &event->into);
    *incident = into ? *into : from ? *from : 0;
    if (!*incident)
        return true;
    changed(batch, *incident);
    batch->links_moved = true;
    if (from && into && *from == *into)
        return true;
    if (!from || !into) {
        int64_t cluster = into ? event->cluster : event->into;
        mark_counted(batch, cluster);
        return membership_take(db, brand->id, *incident, cluster, error);
    }
    g_autoptr(GArray) taken = g_array_new(FALSE, FALSE, sizeof(int64_t));
    if (!membership_meet(db, brand->id, *from, *into, taken, error))
        return false;
    for (guint i = 0; i < taken->len; i++)
        mark_counted(batch, g_array_index(taken, int64_t, i));
    if (taken->len)
        *incident = MIN(*from, *into);
    return true;
}

static bool on_merge(BrandCore *brand, Db *db, Batch *batch, const PipelineEvent *event,
                     GError **error)
{
    int64_t incident;
    if (!join_incidents(brand, db, batch, event, &incident, error) ||
        !sorting_merge(db, brand->id, event->cluster, event->into, incident, error))
        return false;
    tally_merge(brand->tally, event->cluster, event->into);
    relabel(batch, event->cluster, event->into);
    return true;
}

/* In the order in which things happened: each event sees the links that the ones before it left. */
static bool follow_events(BrandCore *brand, Db *db, Batch *batch, GError **error)
{
    for (guint i = 0; i < batch->events->len; i++) {
        const PipelineEvent *event = batch->events->pdata[i];
        bool good = event->kind == PIPELINE_MERGE ? on_merge(brand, db, batch, event, error)
                                                  : on_suspect(brand, db, batch, event, error);
        if (!good)
            return false;
        if (!batch->links_moved)
            continue;
        batch->links_moved = false;
        g_clear_pointer(&batch->links, g_hash_table_unref);
        batch->links = sorting_links(db, brand->id, error);
        if (!batch->links)
            return false;
    }
    return true;
}

static void tag_incidents(Batch *batch)
{
    for (guint i = 0; i < batch->verdicts->len; i++) {
        Verdict *verdict = batch->verdicts->pdata[i];
        const int64_t *incident = g_hash_table_lookup(batch->links, &verdict->cluster);
        verdict->incident = incident ? *incident : 0;
    }
}

/* Members first: they know who was told or taken out, which decides the inbox rows. */
static bool write_members(BrandCore *brand, Db *db, Batch *batch, GError **error)
{
    g_autoptr(GPtrArray) joining = g_ptr_array_new();
    for (guint i = 0; i < batch->verdicts->len; i++) {
        Verdict *verdict = batch->verdicts->pdata[i];
        if (!verdict->incident)
            continue;
        changed(batch, verdict->incident);
        if (!verdict->counted)
            g_ptr_array_add(joining, verdict);
    }
    return membership_add(db, brand->id, joining, error);
}

static bool write_grown_terms(BrandCore *brand, Db *db, GError **error)
{
    const GArray *grown = tally_grown(brand->tally);
    for (guint i = 0; i < grown->len; i++)
        if (!write_terms(brand, db, g_array_index(grown, int64_t, i), error))
            return false;
    return true;
}

static bool write_batch(BrandCore *brand, Db *db, Batch *batch, GError **error)
{
    batch->links = sorting_links(db, brand->id, error);
    if (!batch->links || !brand_core_reopen(brand, db, batch->links, error) ||
        !sorting_assign(db, brand->id, batch->verdicts, error) ||
        !sorting_clusters(db, brand->id, tally_cluster_rows(brand->tally), error))
        return false;
    if (!follow_events(brand, db, batch, error))
        return false;
    tag_incidents(batch);
    for (guint i = 0; i < batch->verdicts->len; i++) {
        const Verdict *verdict = batch->verdicts->pdata[i];
        if (verdict->is_complaint)
            tally_volume(brand->tally, verdict);
    }
    return write_members(brand, db, batch, error) &&
           sorting_inbox(db, brand->id, batch->verdicts, error) &&
           sorting_volume(db, brand->id, tally_volume_rows(brand->tally), error) &&
           write_grown_terms(brand, db, error) &&
           (!batch->own->len || sorting_own(db, brand->id, batch->own, batch->incidents, error));
}

static bool bell(BrandCore *brand, Db *db, const Batch *batch, GError **error)
{
    g_autoptr(GString) what = g_string_new(NULL);
    g_string_printf(what, "%" G_GINT64_FORMAT " overview", brand->id);
    for (guint i = 0; i < batch->incidents->len && i < MOST_NAMED; i++)
        g_string_append_printf(what, ",incident:%" G_GINT64_FORMAT,
                               g_array_index(batch->incidents, int64_t, i));
    for (guint i = 0; i < batch->messages->len && i < MOST_NAMED; i++)
        g_string_append_printf(what, ",conversation:%" G_GINT64_FORMAT,
                               ((Incoming *)batch->messages->pdata[i])->conversation);
    return db_notify(db, "inbox", what->str, error);
}

/* ---- the loop ---- */

/* One batch of one brand. After a failure the engines are ahead of the tables, so the brand's
 * memory has to be thrown away: the caller does. `worked` gets the number of messages. */
static bool sort_batch(BrandCore *brand, Db *db, int *worked, GError **error)
{
    g_auto(Batch) batch = {0};
    batch_init(&batch);
    *worked = 0;
    if (!db_begin(db, error))
        return false;
    batch.messages = sorting_take(db, brand->id, BATCH, batch.queue, error);
    if (!batch.messages)
        return false;
    if (!batch.queue->len)
        return db_commit(db, error);
    decide(brand, &batch);
    bool good = write_batch(brand, db, &batch, error) &&
                sorting_done(db, brand->id, batch.queue, error) && bell(brand, db, &batch, error) &&
                db_commit(db, error);
    tally_next(brand->tally);
    if (!good)
        return false;
    for (guint i = 0; i < batch.messages->len; i++)
        brand->newest = MAX(brand->newest, ((Incoming *)batch.messages->pdata[i])->id);
    *worked = (int)batch.queue->len;
    return true;
}

static bool is_listed(const GPtrArray *brands, int64_t id)
{
    for (guint i = 0; i < brands->len; i++)
        if (((Brand *)brands->pdata[i])->id == id)
            return true;
    return false;
}

/* What was removed (the demo) is forgotten. */
static void forget_removed(Core *core, const GPtrArray *brands)
{
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, core->brands);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        int64_t id = *(int64_t *)key;
        if (is_listed(brands, id))
            continue;
        db_unlock(core->db, DB_LOCK_BRAND, id);
        g_hash_table_iter_remove(&iter);
    }
}

static bool look_for_brands(Core *core, GError **error)
{
    g_autoptr(GPtrArray) brands = brand_list(core->db, error);
    if (!brands)
        return false;
    forget_removed(core, brands);
    for (guint i = 0; i < brands->len; i++) {
        const Brand *each = brands->pdata[i];
        g_autoptr(GError) problem = NULL;
        const int64_t *until = g_hash_table_lookup(core->refused, &each->id);
        if (g_hash_table_contains(core->brands, &each->id) ||
            (until && g_get_monotonic_time() < *until))
            continue;
        if (!db_try_lock(core->db, DB_LOCK_BRAND, each->id, &problem)) {
            if (problem) {
                g_propagate_error(error, g_steal_pointer(&problem));
                return false;
            }
            continue;
        }
        BrandCore *brand = brand_core_new(core->db, each->id, error);
        if (!brand)
            return false;
        g_message("takes brand %s", each->slug);
        g_hash_table_insert(core->brands, boxed(each->id), brand);
    }
    core->looked_at = g_get_monotonic_time();
    return true;
}

static bool watch_volume(BrandCore *brand, Db *db, GError **error)
{
    bool changed;
    if (g_get_monotonic_time() - brand->watched_at < WATCH_EVERY_S * G_USEC_PER_SEC)
        return true;
    brand->watched_at = g_get_monotonic_time();
    if (!watch_look(brand->watch, db, g_get_real_time(), &changed, error))
        return false;
    g_autofree char *what = g_strdup_printf("%" G_GINT64_FORMAT " overview", brand->id);
    return !changed || db_notify(db, "inbox", what, error);
}

static bool serve(BrandCore *brand, Db *db, bool *busy, GError **error)
{
    int worked;
    if (!sort_batch(brand, db, &worked, error) || (worked && !db_plan_again(db, error)) ||
        !watch_volume(brand, db, error))
        return false;
    *busy |= worked > 0;
    return brand->seq <= brand->saved_seq ||
           g_get_monotonic_time() - brand->saved_at <= SAVE_EVERY_S * G_USEC_PER_SEC ||
           brand_core_save(brand, db, error);
}

/* What the tables refuse would stop every brand if it ended the process: this brand rests, said in
 * the log each time, and the others go on. Nothing is lost, the batch stays in the queue. */
static void set_brand_aside(Core *core, int64_t id, const GError *problem)
{
    int64_t until = g_get_monotonic_time() + REFUSED_S * (int64_t)G_USEC_PER_SEC;
    g_critical("brand %" G_GINT64_FORMAT
               " waits a minute, because its messages cannot be sorted: %s",
               id, problem->message);
    db_rollback(core->db);
    db_unlock(core->db, DB_LOCK_BRAND, id);
    g_hash_table_replace(core->refused, boxed(id), boxed(until));
}

static bool sort_all(Core *core, bool *busy, GError **error)
{
    GHashTableIter iter;
    gpointer key, value;
    g_hash_table_iter_init(&iter, core->brands);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        g_autoptr(GError) problem = NULL;
        if (serve(value, core->db, busy, &problem))
            continue;
        if (g_error_matches(problem, BW_ERROR, BW_ERROR_TEMPORARY) || !db_is_alive(core->db)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return false;
        }
        set_brand_aside(core, *(int64_t *)key, problem);
        g_hash_table_iter_remove(&iter);
    }
    return true;
}

static bool rest(Core *core, GError **error)
{
    struct pollfd fd = {.fd = db_fd(core->db), .events = POLLIN};
    if (poll(&fd, 1, REST_MS) < 0 && errno != EINTR)
        return bw_fail(error, BW_ERROR_TEMPORARY, "poll: %s", g_strerror(errno));
    for (char *payload; (payload = db_notified(core->db, NULL));)
        g_free(payload);
    return db_is_alive(core->db) ||
           bw_fail(error, BW_ERROR_TEMPORARY, "the database connection broke");
}

static bool work(Core *core, GError **error)
{
    while (!ending) {
        bool busy = false;
        if (g_get_monotonic_time() - core->looked_at > BRANDS_EVERY_S * G_USEC_PER_SEC &&
            !look_for_brands(core, error))
            return false;
        if (!sort_all(core, &busy, error) || (!busy && !rest(core, error)))
            return false;
    }
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, core->brands);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        BrandCore *brand = value;
        if (brand->seq > brand->saved_seq && !brand_core_save(brand, core->db, error))
            return false;
    }
    return true;
}

int core_run(const char *database_url)
{
    struct sigaction action = {.sa_handler = on_signal};
    Core core = {.looked_at = -BRANDS_EVERY_S * 2 * G_USEC_PER_SEC};
    int status = 0;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    log_start("core");
    core.brands = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, brand_core_free);
    core.refused = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    while (!ending) {
        g_autoptr(GError) error = NULL;
        bool ready;
        if (core.db && !db_is_alive(core.db))
            g_usleep(G_USEC_PER_SEC);
        if (!core.db) {
            g_autoptr(Db) db = db_open(database_url, "breakwater_core", &error);
            ready = db && db_ask_by_key(db, &error) && db_listen(db, "intake", &error);
            if (ready)
                core.db = g_steal_pointer(&db);
        } else {
            ready = db_reconnect(core.db, &error);
        }
        core.looked_at = -BRANDS_EVERY_S * 2 * G_USEC_PER_SEC;
        if (ready && work(&core, &error))
            break;
        g_warning("%s", error->message);
        g_hash_table_remove_all(core.brands);
        if (!g_error_matches(error, BW_ERROR, BW_ERROR_TEMPORARY)) {
            status = 1;
            break;
        }
        if (!core.db)
            g_usleep(G_USEC_PER_SEC);
    }
    g_hash_table_unref(core.brands);
    g_hash_table_unref(core.refused);
    db_close(core.db);
    return status;
}
