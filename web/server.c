#include "web/server.h"

#include "core/base/config.h"
#include "core/base/jsonx.h"
#include "web/api.h"
#include "web/pages.h"
#include "web/session.h"
#include "web/sse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    WORKERS = 8,
    SOCKET_THREADS = 2,
    CONNECTIONS_MAX = 4000,
    IDLE_S = 60,
    HEADERS_MAX = 16 * 1024, /* of one call, with its query */
    CALLS_WAITING_MAX = 1000,
    UPLOADS_MAX = 256 << 20, /* bytes of bodies in memory, of all calls together */
    LAST_WORDS_MS = 2000,
    TRIES = 3, /* of a call whose transaction the database gave up */
};

struct Server {
    struct MHD_Daemon *daemon;
    GThreadPool *workers;
    Hub *hub;
    char *database_url, *address;
    bool behind_tls, behind_proxy;
    GMutex mutex; /* of what follows */
    bool stopping;
    ServerFigures figures;
    gint uploads; /* bytes, atomic */
};

static const Route *const tables[] = {
    session_routes,    overview_routes, incident_routes, update_routes, conversation_routes,
    quarantine_routes, sse_routes,      health_routes,   NULL,
};

/* One call, from its first header to its answer. */
typedef struct Call {
    Server *server;
    Request request;
    GByteArray *upload;
    char *address;
    bool too_big, absurd, crowded, wrong_method, given;
    struct MHD_Response *response;
    unsigned status;
} Call;

/* ---- answers ---- */

static void count_answer(Server *server, unsigned status, int64_t us)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&server->mutex);
    server->figures.answers[MIN(status / 100, 5)]++;
    server->figures.busy_us += us;
}

static void free_text(void *text)
{
    free(text);
}

static void set_response(Call *call, unsigned status, struct MHD_Response *response)
{
    pages_secure(response);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    if (call->request.cookie)
        MHD_add_response_header(response, "Set-Cookie", call->request.cookie);
    if (status == 429 || status == 503)
        MHD_add_response_header(response, "Retry-After", status == 429 ? "900" : "2");
    call->response = response;
    call->status = status;
}

static void set_json(Call *call, unsigned status, const json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback(strlen(text), text, free_text);
    MHD_add_response_header(response, "Content-Type", "application/json");
    set_response(call, status, response);
}

static void set_error(Call *call, unsigned status, const char *sentence)
{
    g_autoptr(json_t) body = json_pack("{s:s}", "error", sentence);
    if (call->request.field)
        json_object_set_new(body, "field", json_string(call->request.field));
    if (call->request.more)
        json_object_update(body, call->request.more);
    set_json(call, status, body);
}

/* An error of the database is nothing that a caller can understand or may read. */
static void set_failure(Call *call, const GError *error)
{
    const char *path = call->request.route->path;
    bool of_database = g_str_has_prefix(error->message, "database:");
    if (error->code == BW_ERROR_TEMPORARY && of_database) {
        g_info("%s %s: %s", call->request.method, path, error->message);
        set_error(
            call, 503,
            "The database can't be reached: what you wrote is safe here, try again in a moment.");
        return;
    }
    if (error->domain != BW_ERROR || of_database) {
        g_warning("%s %s: %s", call->request.method, path, error->message);
        set_error(call, 500, "This failed by a mistake of the program; its log says more.");
        return;
    }
    unsigned status = 500;
    switch ((BwError)error->code) {
    case BW_ERROR_TEMPORARY:
        status = 503;
        break;
    case BW_ERROR_LIMITED:
        status = 429;
        break;
    case BW_ERROR_DENIED:
        status = call->request.status >= 400 ? (unsigned)call->request.status : 403;
        break;
    case BW_ERROR_INVALID:
        status = 400;
        break;
    case BW_ERROR_MISSING:
        status = 404;
        break;
    case BW_ERROR_CONFLICT:
    case BW_ERROR_UNKNOWN:
        status = 409;
        break;
    }
    set_error(call, status, error->message);
}

static void set_success(Call *call, const json_t *body)
{
    Request *request = &call->request;
    unsigned status = (unsigned)request->status;
    if (request->stream) {
        set_response(call, 200, g_steal_pointer(&request->stream));
    } else if (request->bytes) {
        gsize size;
        const void *data = g_bytes_get_data(request->bytes, &size);
        struct MHD_Response *response =
            MHD_create_response_from_buffer(size, (void *)data, MHD_RESPMEM_MUST_COPY);
        MHD_add_response_header(response, "Content-Type", request->type);
        if (request->file_name) {
            g_autofree char *as =
                g_strdup_printf("attachment; filename=\"%s\"", request->file_name);
            MHD_add_response_header(response, "Content-Disposition", as);
        }
        set_response(call, status, response);
    } else if (status == 204) {
        set_response(call, status,
                     MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT));
    } else {
        set_json(call, status, body);
    }
}

/* ---- workers ---- */

static void close_db(void *db)
{
    db_close(db);
}
static GPrivate worker_db = G_PRIVATE_INIT(close_db);

/* A server that went away has left its farewell in the socket: better read now than met by a query
 * that can't be tried again. */
static bool is_fresh(Db *db)
{
    struct pollfd fd = {.fd = db_fd(db), .events = POLLIN};
    while (db_is_alive(db) && poll(&fd, 1, 0) > 0)
        g_free(db_notified(db, NULL));
    return db_is_alive(db);
}

/* Nobody waits for a query, or for what somebody else has locked, longer than a browser does. */
static bool set_limits(Db *db, GError **error)
{
    return db_script(db,
                     "set statement_timeout = '60s'; set lock_timeout = '8s';"
                     "set idle_in_transaction_session_timeout = '60s'",
                     error);
}

static Db *connect_worker(Server *server, GError **error)
{
    Db *db = g_private_get(&worker_db);
    if (db && is_fresh(db))
        return db;
    if (db)
        return db_reconnect(db, error) && set_limits(db, error) ? db : NULL;
    g_autoptr(Db) fresh = db_open(server->database_url, "breakwater_web", error);
    if (!fresh || !set_limits(fresh, error))
        return NULL;
    g_private_set(&worker_db, fresh);
    return g_steal_pointer(&fresh);
}

static bool read_body(Call *call, GError **error)
{
    Request *request = &call->request;
    if (strcmp(request->method, "GET") == 0 || !call->upload->len)
        return true;
    json_error_t at;
    request->body = json_loadb((const char *)call->upload->data, call->upload->len,
                               JSON_REJECT_DUPLICATES, &at);
    if (json_is_object(request->body))
        return true;
    return bw_fail(error, BW_ERROR_INVALID, "The body must be a JSON object: %s.",
                   request->body ? "this is something else" : at.text);
}

/* `again` is set where the whole may be done once more: nothing of it has happened. */
static json_t *try_handler(Request *request, bool *again, GError **error)
{
    bool changes = request->route->changes;
    g_autoptr(GError) local = NULL;
    g_autoptr(json_t) body = NULL;
    request_reset(request);
    if (request_admit(request, &local) && (!changes || db_begin(request->db, &local)))
        body = request->route->handler(request, &local);
    *again = !body && local && local->code == BW_ERROR_TEMPORARY &&
             (changes || strcmp(request->method, "GET") == 0);
    if (!body && changes)
        db_rollback(request->db);
    if (body && changes && !db_commit(request->db, &local))
        g_clear_pointer(&body, json_decref);
    if (!body)
        g_propagate_error(error, g_steal_pointer(&local));
    return g_steal_pointer(&body);
}

static json_t *run_handler(Call *call, GError **error)
{
    Request *request = &call->request;
    if (!read_body(call, error))
        return NULL;
    for (int attempt = 1;; attempt++) {
        g_autoptr(GError) local = NULL;
        bool again = false;
        json_t *body = NULL;
        request->db = connect_worker(call->server, &local);
        if (request->db || request->route->handler == health_live)
            body = try_handler(request, &again, &local);
        if (body)
            return body;
        if (!again || attempt == TRIES) {
            g_propagate_error(error, g_steal_pointer(&local));
            return NULL;
        }
    }
}

static void work(void *data, void *user)
{
    Call *call = data;
    Server *server = user;
    struct MHD_Connection *connection = call->request.connection;
    int64_t start = g_get_monotonic_time();
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) body = run_handler(call, &error);
    if (body)
        set_success(call, body);
    else
        set_failure(call, error);
    count_answer(server, call->status, g_get_monotonic_time() - start);
    g_debug("%s %s %u", call->request.method, call->request.route->path, call->status);
    /* From here on the call is the socket thread's, and may be gone. */
    MHD_resume_connection(connection);
}

/* ---- sockets ---- */

static const char *header_of(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static char *address_of(Server *server, struct MHD_Connection *connection)
{
    const char *forwarded = header_of(connection, "X-Forwarded-For");
    if (server->behind_proxy && forwarded) {
        const char *comma = strrchr(forwarded, ',');
        char *last = g_strndup(comma ? comma + 1 : forwarded, 64);
        return g_strstrip(last);
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    char text[NI_MAXHOST] = "?";
    if (info && info->client_addr) {
        socklen_t size = info->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                                  : sizeof(struct sockaddr_in);
        getnameinfo(info->client_addr, size, text, sizeof text, NULL, 0, NI_NUMERICHOST);
    }
    return g_strdup(g_str_has_prefix(text, "::ffff:") ? text + 7 : text);
}

static Call *begin_call(Server *server, struct MHD_Connection *connection, const char *url,
                        const char *method)
{
    Call *call = g_new0(Call, 1);
    const char *length = header_of(connection, "Content-Length");
    call->server = server;
    call->upload = g_byte_array_new();
    guint64 announced = length ? g_ascii_strtoull(length, NULL, 10) : 0;
    call->too_big = announced > REQUEST_BODY_MAX;
    call->absurd = announced > 16 * REQUEST_BODY_MAX;
    call->address = address_of(server, connection);
    Request *request = &call->request;
    request->connection = connection;
    request->server = server;
    request->method = strcmp(method, "HEAD") == 0 ? "GET" : method;
    request->path = url;
    request->address = call->address;
    request->secure = server->behind_tls;
    request->route = request_route(tables, request->method, url, request, &call->wrong_method);
    return call;
}

static void end_call(G_GNUC_UNUSED void *user, G_GNUC_UNUSED struct MHD_Connection *connection,
                     void **state, G_GNUC_UNUSED enum MHD_RequestTerminationCode code)
{
    Call *call = *state;
    if (!call)
        return;
    request_clear(&call->request);
    if (call->response)
        MHD_destroy_response(call->response);
    g_atomic_int_add(&call->server->uploads, -(gint)call->upload->len);
    g_byte_array_unref(call->upload);
    g_free(call->address);
    g_free(call);
    *state = NULL;
}

static enum MHD_Result answer(Call *call)
{
    return MHD_queue_response(call->request.connection, call->status, call->response);
}

static enum MHD_Result answer_page(Call *call, const char *url)
{
    const char *etag;
    bool reading = strcmp(call->request.method, "GET") == 0;
    struct MHD_Response *page =
        reading && !g_str_has_prefix(url, "/api/") ? pages_find(url, &etag) : NULL;
    unsigned status = page ? 200 : call->wrong_method || !reading ? 405 : 404;
    count_answer(call->server, status, 0);
    if (!page) {
        set_error(call, status,
                  status == 405 ? "This address takes another method."
                                : "There is no such address.");
        return answer(call);
    }
    const char *seen = header_of(call->request.connection, "If-None-Match");
    if (!seen || !strstr(seen, etag))
        return MHD_queue_response(call->request.connection, 200, page);
    struct MHD_Response *same =
        MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    pages_secure(same);
    MHD_add_response_header(same, "ETag", etag);
    MHD_add_response_header(same, "Cache-Control", "no-cache");
    call->response = same;
    call->status = 304;
    return answer(call);
}

static bool give_to_worker(Call *call)
{
    Server *server = call->server;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&server->mutex);
    if (server->stopping || g_thread_pool_unprocessed(server->workers) > CALLS_WAITING_MAX)
        return false;
    call->given = true;
    MHD_suspend_connection(call->request.connection);
    g_thread_pool_push(server->workers, call, NULL);
    return true;
}

static void take_upload(Call *call, const char *bytes, size_t size)
{
    call->too_big = call->too_big || call->upload->len + size > REQUEST_BODY_MAX;
    if (call->too_big || call->crowded)
        return;
    gint all = g_atomic_int_add(&call->server->uploads, (gint)size) + (gint)size;
    g_byte_array_append(call->upload, (const guint8 *)bytes, (guint)size);
    call->crowded = all > UPLOADS_MAX;
}

static enum MHD_Result access_handler(void *user, struct MHD_Connection *connection,
                                      const char *url, const char *method,
                                      G_GNUC_UNUSED const char *version, const char *upload,
                                      size_t *upload_size, void **state)
{
    Server *server = user;
    Call *call = *state;
    if (!call) {
        call = *state = begin_call(server, connection, url, method);
        /* A caller that is still writing does not see an answer: what is not absurd is read first.
         */
        if (!call->absurd)
            return MHD_YES;
        count_answer(server, 413, 0);
        set_error(call, 413, "This is too big: at most 1 MiB.");
        return answer(call);
    }
    if (*upload_size) {
        take_upload(call, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }
    if (call->given)
        return answer(call);
    if (call->too_big) {
        count_answer(server, 413, 0);
        set_error(call, 413, "This is too big: at most 1 MiB.");
        return answer(call);
    }
    if (!call->request.route)
        return answer_page(call, url);
    if (!call->crowded && give_to_worker(call))
        return MHD_YES;
    count_answer(server, 503, 0);
    set_error(call, 503, "The server is too busy or stopping: try again in a moment.");
    return answer(call);
}

static void log_daemon(G_GNUC_UNUSED void *user, const char *format, va_list args)
    G_GNUC_PRINTF(2, 0);
static void log_daemon(G_GNUC_UNUSED void *user, const char *format, va_list args)
{
    g_autofree char *text = g_strdup_vprintf(format, args);
    g_debug("http: %s", g_strchomp(text));
}

/* ---- the process ---- */

bool server_parse_listen(const char *listen, char **host, uint16_t *port, GError **error)
{
    const char *colon = strrchr(listen, ':');
    guint64 number = 0;
    if (!colon || colon == listen ||
        !g_ascii_string_to_unsigned(colon + 1, 10, 0, 65535, &number, NULL))
        return bw_fail(error, BW_ERROR_INVALID, "'%s' is no ADDR:PORT, such as 127.0.0.1:8080",
                       listen);
    bool bracketed = *listen == '[' && colon > listen + 1 && colon[-1] == ']';
    *host = bracketed ? g_strndup(listen + 1, (gsize)(colon - listen - 2))
                      : g_strndup(listen, (gsize)(colon - listen));
    *port = (uint16_t)number;
    return true;
}

static int open_socket(const char *listen_at, char **bound, GError **error)
{
    g_autofree char *host = NULL;
    uint16_t port = 0;
    if (!server_parse_listen(listen_at, &host, &port, error))
        return -1;
    g_autofree char *service = g_strdup_printf("%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    int failed = getaddrinfo(host, service, &hints, &found);
    if (failed) {
        bw_fail(error, BW_ERROR_INVALID, "can't listen on %s: %s", listen_at, gai_strerror(failed));
        return -1;
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    bool good = fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 512) == 0;
    int code = errno;
    freeaddrinfo(found);
    if (!good) {
        if (fd >= 0)
            close(fd);
        bw_fail(error, BW_ERROR_INVALID, "can't listen on %s: %s%s", listen_at, g_strerror(code),
                code == EADDRINUSE ? "; choose another port with --listen" : "");
        return -1;
    }
    struct sockaddr_storage at;
    socklen_t size = sizeof at;
    char name[NI_MAXHOST], number[NI_MAXSERV];
    getsockname(fd, (struct sockaddr *)&at, &size);
    getnameinfo((struct sockaddr *)&at, size, name, sizeof name, number, sizeof number,
                NI_NUMERICHOST | NI_NUMERICSERV);
    *bound = g_strdup_printf(strchr(name, ':') ? "[%s]:%s" : "%s:%s", name, number);
    return fd;
}

static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = MIN(limit.rlim_max, 65536);
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

Server *server_start(const char *listen_at, const char *database_url, GError **error)
{
    g_autofree char *bound = NULL;
    if (sodium_init() < 0) {
        bw_fail(error, BW_ERROR_TEMPORARY, "libsodium can't start");
        return NULL;
    }
    int fd = open_socket(listen_at, &bound, error);
    if (fd < 0)
        return NULL;
    raise_file_limit();
    Server *server = g_new0(Server, 1);
    g_mutex_init(&server->mutex);
    server->database_url = g_strdup(database_url);
    server->address = g_steal_pointer(&bound);
    server->behind_tls = g_strcmp0(config_get("tls"), "yes") == 0;
    server->behind_proxy = g_strcmp0(config_get("proxy"), "yes") == 0;
    server->hub = hub_start(database_url);
    server->workers = g_thread_pool_new(work, server, WORKERS, TRUE, NULL);
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
            MHD_USE_TURBO,
        0, NULL, NULL, access_handler, server, MHD_OPTION_EXTERNAL_LOGGER, log_daemon, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)SOCKET_THREADS,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_MAX,
        MHD_OPTION_NOTIFY_COMPLETED, end_call, NULL, MHD_OPTION_END);
    if (server->daemon)
        return server;
    close(fd);
    server_stop(server);
    bw_fail(error, BW_ERROR_TEMPORARY, "the HTTP server can't start");
    return NULL;
}

const char *server_address(const Server *server)
{
    return server->address;
}

void server_stop(Server *server)
{
    g_mutex_lock(&server->mutex);
    server->stopping = true;
    g_mutex_unlock(&server->mutex);
    hub_stop(server->hub);
    /* Each stream's last chunk is written before the sockets close; who does not read is not waited
     * for. */
    for (int i = 0; i < LAST_WORDS_MS / 10 && hub_streams(server->hub); i++)
        g_usleep(10000);
    g_thread_pool_free(server->workers, FALSE, TRUE);
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    hub_free(server->hub);
    g_mutex_clear(&server->mutex);
    g_free(server->database_url);
    g_free(server->address);
    g_free(server);
}

void server_figures(const Server *server, ServerFigures *figures)
{
    g_mutex_lock((GMutex *)&server->mutex);
    *figures = server->figures;
    g_mutex_unlock((GMutex *)&server->mutex);
    figures->streams = hub_streams(server->hub);
    figures->waiting = g_thread_pool_unprocessed(server->workers);
}

struct Hub *server_hub(const Server *server)
{
    return server->hub;
}
