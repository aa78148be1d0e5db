#include "web/sse.h"

#include "web/server.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    EVERY_US = 250000,       /* four events a second */
    COMMENT_US = 15000000,   /* a sign of life, and a look at the sessions */
    NAMES_MAX = 60,          /* in one event; more becomes "all" */
    WAITING_MAX = 256 * 1024 /* a reader that is this far behind starts anew */
};

/* What has changed in a brand since its streams were told. */
typedef struct News {
    GPtrArray *what;
    int64_t told_at;
} News;

typedef struct Stream {
    struct Hub *hub;
    struct MHD_Connection *connection;
    int64_t brand;
    uint8_t token_hash[32];
    GString *out; /* not yet read by the network */
    bool waiting; /* its connection is suspended */
    bool ended;
} Stream;

struct Hub {
    GThread *thread;
    char *url;
    int wake; /* eventfd: stop */
    GMutex mutex;
    GHashTable *streams; /* Stream *, a set */
    bool stopping;
};

/* ---- streams; all under the hub's mutex ---- */

static void wake(Stream *stream)
{
    if (!stream->waiting)
        return;
    stream->waiting = false;
    MHD_resume_connection(stream->connection);
}

static void say(Stream *stream, const char *text)
{
    if (stream->out->len > WAITING_MAX)
        stream->ended = true;
    else
        g_string_append(stream->out, text);
    wake(stream);
}

static ssize_t stream_read(void *data, G_GNUC_UNUSED uint64_t position, char *buffer, size_t max)
{
    Stream *stream = data;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&stream->hub->mutex);
    if (stream->out->len) {
        size_t size = MIN(max, stream->out->len);
        memcpy(buffer, stream->out->str, size);
        g_string_erase(stream->out, 0, (gssize)size);
        return (ssize_t)size;
    }
    if (stream->ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    stream->waiting = true;
    MHD_suspend_connection(stream->connection);
    return 0;
}

static void stream_free(void *data)
{
    Stream *stream = data;
    g_mutex_lock(&stream->hub->mutex);
    g_hash_table_remove(stream->hub->streams, stream);
    g_mutex_unlock(&stream->hub->mutex);
    g_string_free(stream->out, TRUE);
    g_free(stream);
}

static json_t *open_stream(Request *request, GError **error)
{
    Hub *hub = server_hub(request->server);
    Stream *stream = g_new0(Stream, 1);
    stream->hub = hub;
    stream->connection = request->connection;
    stream->brand = request->brand->id;
    stream->out =
        g_string_new("retry: 1000\nevent: hello\ndata: {\"build\":\"" BW_VERSION "\"}\n\n");
    memcpy(stream->token_hash, request->session->token_hash, 32);
    g_mutex_lock(&hub->mutex);
    bool late = hub->stopping;
    if (!late)
        g_hash_table_add(hub->streams, stream);
    g_mutex_unlock(&hub->mutex);
    if (late) {
        g_string_free(stream->out, TRUE);
        g_free(stream);
        bw_fail(error, BW_ERROR_TEMPORARY, "The server is stopping.");
        return NULL;
    }
    request->stream =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 2048, stream_read, stream, stream_free);
    MHD_add_response_header(request->stream, "Content-Type", "text/event-stream");
    MHD_add_response_header(request->stream, "X-Accel-Buffering", "no");
    return json_null();
}

const Route sse_routes[] = {
    {"GET", "/api/b/:brand/events", NEED_READER, open_stream, false},
    {0},
};

/* ---- the bell ---- */

void sse_add(GPtrArray *what, const char *names)
{
    g_auto(GStrv) parts = g_strsplit(names, ",", -1);
    for (char **part = parts; *part; part++) {
        if (!**part || g_ptr_array_find_with_equal_func(what, "all", g_str_equal, NULL) ||
            g_ptr_array_find_with_equal_func(what, *part, g_str_equal, NULL))
            continue;
        if (what->len >= NAMES_MAX) {
            g_ptr_array_set_size(what, 0);
            g_ptr_array_add(what, g_strdup("all"));
            return;
        }
        g_ptr_array_add(what, g_strdup(*part));
    }
}

static void news_free(void *data)
{
    News *news = data;
    g_ptr_array_unref(news->what);
    g_free(news);
}

static void hear(GHashTable *news_of, const char *payload)
{
    char *end;
    int64_t brand = g_ascii_strtoll(payload, &end, 10);
    if (brand <= 0 || *end != ' ')
        return;
    News *news = g_hash_table_lookup(news_of, &brand);
    if (!news) {
        news = g_new0(News, 1);
        news->what = g_ptr_array_new_with_free_func(g_free);
        int64_t *key = g_new(int64_t, 1);
        *key = brand;
        g_hash_table_insert(news_of, key, news);
    }
    sse_add(news->what, end + 1);
}

/* Tells what is due; returns the microseconds until more is. */
static int64_t tell(Hub *hub, GHashTable *news_of, int64_t now)
{
    int64_t next = COMMENT_US;
    GHashTableIter all;
    int64_t *brand;
    News *news;
    g_hash_table_iter_init(&all, news_of);
    while (g_hash_table_iter_next(&all, (void **)&brand, (void **)&news)) {
        int64_t due = news->told_at + EVERY_US;
        if (!news->what->len) {
            if (due < now)
                g_hash_table_iter_remove(&all);
            continue;
        }
        if (due > now) {
            next = MIN(next, due - now);
            continue;
        }
        json_t *event = json_object();
        json_t *list = json_array();
        for (guint i = 0; i < news->what->len; i++)
            json_array_append_new(list, json_string(g_ptr_array_index(news->what, i)));
        json_object_set_new(event, "what", list);
        char *data = json_dumps(event, JSON_COMPACT);
        g_autofree char *text = g_strdup_printf("event: changed\ndata: %s\n\n", data);
        free(data);
        json_decref(event);
        g_ptr_array_set_size(news->what, 0);
        news->told_at = now;
        g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&hub->mutex);
        GHashTableIter each;
        Stream *stream;
        g_hash_table_iter_init(&each, hub->streams);
        while (g_hash_table_iter_next(&each, (void **)&stream, NULL))
            if (stream->brand == *brand)
                say(stream, text);
    }
    return next;
}

static void say_to_all(Hub *hub, const char *text)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&hub->mutex);
    GHashTableIter each;
    Stream *stream;
    g_hash_table_iter_init(&each, hub->streams);
    while (g_hash_table_iter_next(&each, (void **)&stream, NULL))
        say(stream, text);
}

/* Ends the streams of those who signed out, were disabled or lost their role. */
static bool check_sessions(Hub *hub, Db *db, GError **error)
{
    g_autoptr(GPtrArray) hashes = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) streams = g_ptr_array_new();
    g_autoptr(GArray) brands = g_array_new(FALSE, FALSE, sizeof(int64_t));
    GHashTableIter each;
    Stream *stream;
    g_mutex_lock(&hub->mutex);
    g_hash_table_iter_init(&each, hub->streams);
    while (g_hash_table_iter_next(&each, (void **)&stream, NULL)) {
        g_ptr_array_add(hashes, g_memdup2(stream->token_hash, 32));
        g_ptr_array_add(streams, stream);
        g_array_append_val(brands, stream->brand);
    }
    g_mutex_unlock(&hub->mutex);
    if (!streams->len)
        return true;
    g_autoptr(GArray) alive = user_sessions_alive(db, hashes, brands, error);
    if (!alive)
        return false;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&hub->mutex);
    for (guint i = 0; i < streams->len && i < alive->len; i++) {
        stream = streams->pdata[i];
        if (g_array_index(alive, bool, i) || !g_hash_table_contains(hub->streams, stream))
            continue;
        /* The address may be another stream's by now. */
        if (memcmp(stream->token_hash, hashes->pdata[i], 32) == 0) {
            stream->ended = true;
            wake(stream);
        }
    }
    return true;
}

static void wait_for(Hub *hub, Db *db, int64_t us)
{
    struct pollfd fds[2] = {{.fd = hub->wake, .events = POLLIN},
                            {.fd = db ? db_fd(db) : -1, .events = POLLIN}};
    poll(fds, db ? 2 : 1, (int)(us / 1000) + 1);
}

static bool is_stopping(Hub *hub)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&hub->mutex);
    return hub->stopping;
}

static Db *connect_bell(Hub *hub)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Db) db = db_open(hub->url, "breakwater_web", &error);
    if (db && db_listen(db, "inbox", &error))
        return g_steal_pointer(&db);
    g_info("events: %s", error->message);
    return NULL;
}

static void *hub_run(void *data)
{
    Hub *hub = data;
    g_autoptr(GHashTable) news_of =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, news_free);
    g_autoptr(Db) db = NULL;
    bool missed = false;
    int64_t comment_at = g_get_monotonic_time() + COMMENT_US;
    while (!is_stopping(hub)) {
        int64_t now = g_get_monotonic_time();
        if (db && !db_is_alive(db)) {
            g_clear_pointer(&db, db_close);
            missed = true;
        }
        if (!db) {
            db = connect_bell(hub);
            /* What was rung while nobody listened is lost: every screen looks at everything. */
            if (db && missed)
                say_to_all(hub, "event: changed\ndata: {\"what\":[\"all\"]}\n\n");
            missed = !db;
        }
        if (now >= comment_at) {
            comment_at = now + COMMENT_US;
            say_to_all(hub, ": here\n\n");
            g_autoptr(GError) error = NULL;
            if (db && !check_sessions(hub, db, &error))
                g_info("events: %s", error->message);
        }
        char *payload;
        while (db && (payload = db_notified(db, NULL))) {
            hear(news_of, payload);
            g_free(payload);
        }
        int64_t until = tell(hub, news_of, now);
        until = MIN(until, comment_at - now);
        if (!db || db_is_alive(db))
            wait_for(hub, db, db ? CLAMP(until, 0, COMMENT_US) : CLAMP(until, 0, 1000000));
    }
    return NULL;
}

Hub *hub_start(const char *database_url)
{
    Hub *hub = g_new0(Hub, 1);
    g_mutex_init(&hub->mutex);
    hub->url = g_strdup(database_url);
    hub->streams = g_hash_table_new(NULL, NULL);
    hub->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    hub->thread = g_thread_new("events", hub_run, hub);
    return hub;
}

void hub_stop(Hub *hub)
{
    g_mutex_lock(&hub->mutex);
    hub->stopping = true;
    GHashTableIter each;
    Stream *stream;
    g_hash_table_iter_init(&each, hub->streams);
    while (g_hash_table_iter_next(&each, (void **)&stream, NULL)) {
        stream->ended = true;
        wake(stream);
    }
    g_mutex_unlock(&hub->mutex);
    if (write(hub->wake, &(uint64_t){1}, 8) < 0)
        g_warning("events: %s", g_strerror(errno));
    g_thread_join(hub->thread);
}

void hub_free(Hub *hub)
{
    close(hub->wake);
    g_hash_table_unref(hub->streams);
    g_mutex_clear(&hub->mutex);
    g_free(hub->url);
    g_free(hub);
}

int64_t hub_streams(Hub *hub)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&hub->mutex);
    return g_hash_table_size(hub->streams);
}
