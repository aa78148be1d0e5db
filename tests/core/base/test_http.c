/* The HTTP client against a server that answers slowly, halfway, too much or not at all. */
#include "core/base/http.h"
#include "core/base/jsonx.h"

#include <arpa/inet.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <microhttpd.h>
#include <string.h>

/* ---- the server: a thread per connection, the path says what it does ---- */

typedef struct Server {
    GSocketService *service;
    char *base;
    guint16 port;
    GMutex lock;
    GString *seen; /* every request, head and body */
    int requests, connections;
} Server;

static Server server;

static void say(GOutputStream *out, const char *text)
{
    g_output_stream_write_all(out, text, strlen(text), NULL, NULL, NULL);
}

static void say_many(GOutputStream *out, const char *text, int times)
{
    for (int i = 0; i < times; i++)
        if (!g_output_stream_write_all(out, text, strlen(text), NULL, NULL, NULL))
            return;
}

static void answer_redirect(GOutputStream *out, const char *to)
{
    g_autofree char *text =
        g_strdup_printf("HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 5\r\n\r\nthere", to);
    say(out, text);
}

/* True when the connection stays open. */
static bool answer(GOutputStream *out, const char *path)
{
    if (g_str_has_prefix(path, "/ok")) {
        say(out,
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-RateLimit-Reset: 2026-11-22T14:02:10Z\r\n"
            "Link: <a>; rel=\"next\"\r\nlink: <b>; rel=\"prev\"\r\n\r\nhello");
        return true;
    }
    if (strcmp(path, "/error") == 0) {
        say(out, "HTTP/1.1 503 No\r\nContent-Length: 4\r\nRetry-After: 7\r\n\r\nlate");
        return true;
    }
    if (strcmp(path, "/once") == 0) { /* promises to stay, and goes */
        say(out, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nonce");
        return false;
    }
    if (strcmp(path, "/slow") == 0)
        g_usleep(1500000);
    if (strcmp(path, "/cut") == 0)
        say(out, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf of");
    if (strcmp(path, "/large") == 0) {
        say(out, "HTTP/1.1 200 OK\r\n\r\n");
        say_many(out, "0123456789", 1000);
    }
    if (strcmp(path, "/heads") == 0) {
        say(out, "HTTP/1.1 200 OK\r\n");
        say_many(out, "X-More: 0123456789012345678901234567890123456789\r\n", 10000);
    }
    if (strcmp(path, "/garbage") == 0)
        say(out, "SSH-2.0-nothing of yours\r\n");
    g_autofree char *elsewhere = g_strdup_printf("http://localhost:%u/ok", server.port);
    if (strcmp(path, "/near") == 0)
        answer_redirect(out, "/ok?near");
    if (strcmp(path, "/far") == 0)
        answer_redirect(out, elsewhere);
    if (strcmp(path, "/file") == 0)
        answer_redirect(out, "file:///etc/passwd");
    if (strcmp(path, "/round") == 0)
        answer_redirect(out, "/round");
    return false;
}

static gssize body_size(const char *head)
{
    const char *at = strstr(head, "Content-Length: ");
    return at ? (gssize)g_ascii_strtoll(at + 16, NULL, 10) : 0;
}

static gboolean on_connection(G_GNUC_UNUSED GThreadedSocketService *service,
                              GSocketConnection *connection, G_GNUC_UNUSED GObject *source,
                              G_GNUC_UNUSED gpointer data)
{
    GInputStream *in = g_io_stream_get_input_stream(G_IO_STREAM(connection));
    GOutputStream *out = g_io_stream_get_output_stream(G_IO_STREAM(connection));
    g_mutex_lock(&server.lock);
    server.connections++;
    g_mutex_unlock(&server.lock);
    for (bool open = true; open;) {
        g_autoptr(GString) got = g_string_new(NULL);
        const char *end;
        char byte;
        while (!(end = strstr(got->str, "\r\n\r\n")) ||
               got->len < (gsize)(end + 4 - got->str + body_size(got->str))) {
            if (g_input_stream_read(in, &byte, 1, NULL, NULL) != 1)
                return TRUE;
            g_string_append_c(got, byte);
        }
        g_mutex_lock(&server.lock);
        g_string_append(server.seen, got->str);
        server.requests++;
        g_mutex_unlock(&server.lock);
        g_auto(GStrv) words = g_strsplit(got->str, " ", 3);
        open = answer(out, words[1]);
    }
    return TRUE;
}

static void server_start(void)
{
    server.seen = g_string_new(NULL);
    server.service = g_threaded_socket_service_new(20);
    server.port =
        g_socket_listener_add_any_inet_port(G_SOCKET_LISTENER(server.service), NULL, NULL);
    g_assert_cmpuint(server.port, !=, 0);
    server.base = g_strdup_printf("http://127.0.0.1:%u", server.port);
    g_signal_connect(server.service, "run", G_CALLBACK(on_connection), NULL);
    g_socket_service_start(server.service);
}

/* The service takes connections in the main loop, so that runs in a thread of its own. */
static GThread *loop_thread;

static gpointer run_loop(gpointer loop)
{
    g_main_loop_run(loop);
    return NULL;
}

static void forget(void)
{
    g_mutex_lock(&server.lock);
    g_string_truncate(server.seen, 0);
    server.requests = server.connections = 0;
    g_mutex_unlock(&server.lock);
}

static bool saw(const char *text)
{
    g_mutex_lock(&server.lock);
    bool found = strstr(server.seen->str, text) != NULL;
    g_mutex_unlock(&server.lock);
    return found;
}

static HttpResponse *ask(Http *http, const char *method, const char *path, GError **error)
{
    g_autofree char *url = http_url(server.base, path, NULL);
    return http_send(http, &(HttpRequest){.method = method, .url = url, .bearer = "s3cret"}, error);
}

static Http *open_local(void)
{
    return http_new(&(HttpOptions){.allow_private = true, .total_ms = 700, .max_body = 5000});
}

/* ---- */

static void test_answer(void)
{
    g_autoptr(Http) http = open_local();
    g_autoptr(GError) error = NULL;
    forget();
    g_autoptr(HttpResponse) good = ask(http, NULL, "/ok", &error);
    g_assert_no_error(error);
    g_assert_cmpint(good->status, ==, 200);
    g_assert_cmpstr(good->body, ==, "hello");
    g_assert_cmpuint(good->size, ==, 5);
    g_assert_cmpstr(http_header(good, "x-ratelimit-RESET"), ==, "2026-11-22T14:02:10Z");
    g_assert_cmpstr(http_header(good, "Link"), ==, "<a>; rel=\"next\", <b>; rel=\"prev\"");
    g_assert_null(http_header(good, "Retry-After"));
    g_assert_true(saw("GET /ok HTTP/1.1\r\n"));
    g_assert_true(saw("Authorization: Bearer s3cret\r\n"));
    g_assert_true(saw("User-Agent: Breakwater/"));

    g_autoptr(HttpResponse) bad = ask(http, NULL, "/error", &error);
    g_assert_no_error(error);
    g_assert_cmpint(bad->status, ==, 503);
    g_assert_cmpstr(bad->body, ==, "late");
    g_assert_cmpstr(http_header(bad, "Retry-After"), ==, "7");
    g_assert_cmpint(server.connections, ==, 1);
}

static void test_bodies(void)
{
    g_autoptr(Http) http = open_local();
    g_autofree char *url =
        http_url(server.base, "/ok", "a b", "c&d=ü", "none", NULL, "e", "", NULL);
    g_assert_true(g_str_has_suffix(url, "/ok?a%20b=c%26d%3D%C3%BC&e="));
    g_autoptr(json_t) json = json_pack("{s:s}", "status", "Grüße\nan \"alle\"");
    const char *form[] = {"to", "+49 30", "text", "a&b=c", NULL};
    const char *headers[] = {"Idempotency-Key", "1\r\nX-Evil: 1", "X-Empty", "", NULL};

    forget();
    g_autoptr(HttpResponse) a =
        http_send(http, &(HttpRequest){.url = url, .json = json, .headers = headers}, NULL);
    g_assert_cmpint(a->status, ==, 200);
    g_assert_true(saw("POST /ok?"));
    g_assert_true(saw("Content-Type: application/json\r\n"));
    g_assert_true(saw("{\"status\":\"Grüße\\nan \\\"alle\\\"\"}"));
    g_assert_true(saw("Idempotency-Key: 1  X-Evil: 1\r\n"));
    g_assert_true(saw("X-Empty:\r\n"));
    g_assert_false(saw("Expect"));

    forget();
    g_autoptr(HttpResponse) b = http_send(http, &(HttpRequest){.url = url, .form = form}, NULL);
    g_assert_cmpint(b->status, ==, 200);
    g_assert_true(saw("Content-Type: application/x-www-form-urlencoded\r\n"));
    g_assert_true(saw("\r\n\r\nto=%2B49%2030&text=a%26b%3Dc"));

    forget();
    g_autoptr(HttpResponse) c = http_send(
        http,
        &(HttpRequest){
            .method = "PUT", .url = url, .body = "x\0y", .body_size = 3, .body_type = "text/x"},
        NULL);
    g_assert_cmpint(c->status, ==, 200);
    g_assert_true(saw("PUT /ok?"));
    g_assert_true(saw("Content-Type: text/x\r\n"));
    g_assert_true(saw("Content-Length: 3\r\n"));

    forget();
    g_autoptr(HttpResponse) d = ask(http, "POST", "/ok", NULL);
    g_assert_cmpint(d->status, ==, 200);
    g_assert_true(saw("Content-Length: 0\r\n"));
}

/* What a reader and what a sender of something is told when no whole answer comes. */
static const struct {
    const char *path;
    BwError reading, acting;
} failures[] = {
    {"/slow", BW_ERROR_TEMPORARY, BW_ERROR_UNKNOWN},
    {"/cut", BW_ERROR_TEMPORARY, BW_ERROR_UNKNOWN},
    {"/hang-up", BW_ERROR_TEMPORARY, BW_ERROR_UNKNOWN},
    {"/garbage", BW_ERROR_TEMPORARY, BW_ERROR_UNKNOWN},
    {"/large", BW_ERROR_INVALID, BW_ERROR_UNKNOWN},
    {"/heads", BW_ERROR_INVALID, BW_ERROR_UNKNOWN},
};

static void test_failures(void)
{
    g_autoptr(Http) http = open_local();
    for (size_t i = 0; i < G_N_ELEMENTS(failures); i++) {
        g_test_message("%s", failures[i].path);
        g_autoptr(GError) read = NULL, acted = NULL;
        g_assert_null(ask(http, "GET", failures[i].path, &read));
        g_assert_error(read, BW_ERROR, (int)failures[i].reading);
        g_assert_null(ask(http, "POST", failures[i].path, &acted));
        g_assert_error(acted, BW_ERROR, (int)failures[i].acting);
        g_assert_true(g_str_has_prefix(acted->message, "127.0.0.1: "));
        g_assert_null(strstr(acted->message, failures[i].path));
    }
}

static const struct {
    const char *url;
    BwError code;
} unsent[] = {
    {"http://127.0.0.1:1/token-in-path", BW_ERROR_TEMPORARY},
    {"http://name.invalid/token-in-path", BW_ERROR_TEMPORARY},
    {"ftp://127.0.0.1/token-in-path", BW_ERROR_INVALID},
    {"file:///etc/passwd", BW_ERROR_INVALID},
    {"gopher://127.0.0.1/token-in-path", BW_ERROR_INVALID},
    {"http://[::1/token-in-path", BW_ERROR_INVALID},
    {"http://a b/token-in-path", BW_ERROR_INVALID},
    {"", BW_ERROR_INVALID},
};

static void test_unsent(void)
{
    g_autoptr(Http) http = open_local();
    for (size_t i = 0; i < G_N_ELEMENTS(unsent); i++) {
        g_test_message("%s", unsent[i].url);
        g_autoptr(GError) error = NULL;
        HttpRequest request = {.method = "POST", .url = unsent[i].url};
        g_assert_null(http_send(http, &request, &error));
        g_assert_error(error, BW_ERROR, (int)unsent[i].code);
        g_assert_null(strstr(error->message, "token-in-path"));
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(Http) missing =
        http_new(&(HttpOptions){.allow_private = true, .ca_file = "/nowhere/ca.pem"});
    g_assert_null(http_get(missing, "https://127.0.0.1:1/", NULL, &error));
    g_assert_nonnull(error);
}

typedef struct Hand {
    int calls;
    int seen_before; /* requests that the server had seen when it was called */
    bool willing;
} Hand;

static bool on_handing(void *data)
{
    Hand *hand = data;
    hand->calls++;
    g_usleep(50000);
    g_mutex_lock(&server.lock);
    hand->seen_before = server.requests;
    g_mutex_unlock(&server.lock);
    return hand->willing;
}

static void test_handing(void)
{
    g_autoptr(Http) http = open_local();
    g_autofree char *url = http_url(server.base, "/ok", NULL);
    g_autoptr(GError) error = NULL;
    Hand no = {.willing = false}, yes = {.willing = true}, nobody = {.willing = true};

    forget();
    HttpRequest request = {.method = "POST", .url = url, .handing = on_handing, .data = &no};
    g_assert_null(http_send(http, &request, &error));
    g_assert_error(error, BW_ERROR, BW_ERROR_TEMPORARY);
    g_assert_cmpint(no.calls, ==, 1);
    g_usleep(100000);
    g_assert_cmpint(server.requests, ==, 0);

    request.data = &yes;
    g_autoptr(HttpResponse) response = http_send(http, &request, NULL);
    g_assert_cmpint(response->status, ==, 200);
    g_assert_cmpint(yes.calls, ==, 1);
    g_assert_cmpint(yes.seen_before, ==, 0);

    request.data = &nobody;
    request.url = "http://127.0.0.1:1/";
    g_assert_null(http_send(http, &request, NULL));
    g_assert_cmpint(nobody.calls, ==, 0);
}

/* A kept connection that the server closed meanwhile: reading may be repeated by the library,
 * acting goes out once, over a connection of its own. */
static void test_dead_connection(void)
{
    g_autoptr(Http) http = open_local();
    g_autoptr(GError) error = NULL;
    for (int i = 0; i < 2; i++) {
        g_autoptr(HttpResponse) once = ask(http, "GET", "/once", &error);
        g_assert_no_error(error);
        g_assert_cmpstr(once->body, ==, "once");
    }
    forget();
    g_autoptr(HttpResponse) posted = ask(http, "POST", "/ok", &error);
    g_assert_no_error(error);
    g_assert_cmpint(posted->status, ==, 200);
    g_assert_cmpint(server.requests, ==, 1);
    forget();
    g_assert_null(ask(http, "POST", "/hang-up", &error));
    g_assert_error(error, BW_ERROR, BW_ERROR_UNKNOWN);
    g_assert_cmpint(server.requests, ==, 1);
}

static const struct {
    const char *path;
    bool elsewhere;
    const char *method;
    int status;
    const char *body;
} redirects[] = {
    {"/near", false, "GET", 200, "hello"}, {"/far", false, "GET", 302, "there"},
    {"/far", true, "GET", 200, "hello"},   {"/near", false, "POST", 302, "there"},
    {"/file", true, "GET", 302, "there"},  {"/round", false, "GET", 302, "there"},
};

static void test_redirects(void)
{
    g_autoptr(Http) http = open_local();
    for (size_t i = 0; i < G_N_ELEMENTS(redirects); i++) {
        g_test_message("%s %s", redirects[i].method, redirects[i].path);
        g_autoptr(GError) error = NULL;
        g_autofree char *url = http_url(server.base, redirects[i].path, NULL);
        HttpRequest request = {
            .method = redirects[i].method, .url = url, .follow_elsewhere = redirects[i].elsewhere};
        g_autoptr(HttpResponse) response = http_send(http, &request, &error);
        g_assert_no_error(error);
        g_assert_cmpint(response->status, ==, redirects[i].status);
        g_assert_cmpstr(response->body, ==, redirects[i].body);
    }
}

static void test_private_refused(void)
{
    g_autoptr(Http) http = http_new(NULL);
    g_autofree char *by_name = g_strdup_printf("http://localhost:%u/ok", server.port);
    g_autofree char *by_number = g_strdup_printf("http://2130706433:%u/ok", server.port);
    g_autofree char *by_six = g_strdup_printf("http://[::ffff:127.0.0.1]:%u/ok", server.port);
    g_autofree char *plain = http_url(server.base, "/ok", NULL);
    const char *urls[] = {plain, by_name, by_number, by_six};
    forget();
    for (size_t i = 0; i < G_N_ELEMENTS(urls); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(http_get(http, urls[i], NULL, &error));
        g_assert_error(error, BW_ERROR, BW_ERROR_DENIED);
    }
    g_assert_cmpint(server.connections, ==, 0);
}

static const struct {
    const char *address;
    bool is_private;
} addresses[] = {
    {"127.0.0.1", true},
    {"127.255.255.254", true},
    {"0.0.0.0", true},
    {"10.1.2.3", true},
    {"11.0.0.0", false},
    {"100.64.0.1", true},
    {"100.63.255.255", false},
    {"100.128.0.0", false},
    {"169.254.169.254", true},
    {"172.15.255.255", false},
    {"172.16.0.0", true},
    {"172.31.255.255", true},
    {"172.32.0.0", false},
    {"192.0.0.8", true},
    {"192.168.0.1", true},
    {"192.169.0.1", false},
    {"198.18.0.1", true},
    {"198.20.0.1", false},
    {"203.0.114.1", false},
    {"224.0.0.1", true},
    {"255.255.255.255", true},
    {"9.9.9.9", false},
    {"::", true},
    {"::1", true},
    {"::ffff:10.0.0.1", true},
    {"::ffff:9.9.9.9", false},
    {"::10.0.0.1", true},
    {"64:ff9b::7f00:1", true},
    {"64:ff9b::909:909", false},
    {"64:ff9b:1::1", true},
    {"2002:7f00:1::1", true},
    {"2002:909:909::1", false},
    {"2001:0:7f00:1::1", true},
    {"2001:0:909:909:0:0:f5ff:fffe", true},
    {"2001:db8::1", true},
    {"2a01:4f8::1", false},
    {"fc00::1", true},
    {"fd12:3456::1", true},
    {"fe80::1", true},
    {"fec0::1", true},
    {"ff02::1", true},
};

static void test_addresses(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
        struct sockaddr_in four = {.sin_family = AF_INET};
        struct sockaddr_in6 six = {.sin6_family = AF_INET6};
        g_test_message("%s", addresses[i].address);
        bool is_four = inet_pton(AF_INET, addresses[i].address, &four.sin_addr) == 1;
        g_assert_true(is_four || inet_pton(AF_INET6, addresses[i].address, &six.sin6_addr) == 1);
        const struct sockaddr *address =
            is_four ? (const struct sockaddr *)&four : (const struct sockaddr *)&six;
        g_assert_true(http_address_is_private(address) == addresses[i].is_private);
    }
}

/* ---- TLS ---- */

static enum MHD_Result on_tls_request(G_GNUC_UNUSED void *data, struct MHD_Connection *connection,
                                      G_GNUC_UNUSED const char *url,
                                      G_GNUC_UNUSED const char *method,
                                      G_GNUC_UNUSED const char *version,
                                      G_GNUC_UNUSED const char *upload,
                                      G_GNUC_UNUSED size_t *upload_size, G_GNUC_UNUSED void **state)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(4, (void *)"safe", MHD_RESPMEM_PERSISTENT);
    enum MHD_Result queued = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return queued;
}

static void test_tls(void)
{
    g_autofree char *dir = g_dir_make_tmp("breakwater-http-XXXXXX", NULL);
    g_autofree char *key_file = g_build_filename(dir, "key.pem", NULL);
    g_autofree char *ca_file = g_build_filename(dir, "ca.pem", NULL);
    char *make[] = {"openssl",
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:prime256v1",
                    "-nodes",
                    "-days",
                    "2",
                    "-subj",
                    "/CN=localhost",
                    "-addext",
                    "subjectAltName=DNS:localhost",
                    "-keyout",
                    key_file,
                    "-out",
                    ca_file,
                    NULL};
    g_autofree char *key = NULL, *certificate = NULL;
    if (!g_spawn_sync(NULL, make, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL,
                      NULL, NULL, NULL, NULL, NULL)) {
        g_test_skip("openssl is not installed");
        return;
    }
    g_assert_true(g_file_get_contents(key_file, &key, NULL, NULL));
    g_assert_true(g_file_get_contents(ca_file, &certificate, NULL, NULL));
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS, 0, NULL, NULL, on_tls_request, NULL,
        MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_HTTPS_MEM_CERT, certificate, MHD_OPTION_END);
    g_assert_nonnull(daemon);
    guint port = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    g_autofree char *named = g_strdup_printf("https://localhost:%u/", port);
    g_autofree char *other_name = g_strdup_printf("https://127.0.0.1:%u/", port);
    g_autoptr(Http) trusting = http_new(&(HttpOptions){.allow_private = true, .ca_file = ca_file});
    g_autoptr(Http) standard = http_new(&(HttpOptions){.allow_private = true});
    g_autoptr(GError) error = NULL, unknown_issuer = NULL, wrong_name = NULL;
    g_autoptr(HttpResponse) response = http_get(trusting, named, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(response->body, ==, "safe");
    HttpRequest post = {.method = "POST", .url = named};
    g_assert_null(http_send(standard, &post, &unknown_issuer));
    g_assert_error(unknown_issuer, BW_ERROR, BW_ERROR_TEMPORARY);
    post.url = other_name;
    g_assert_null(http_send(trusting, &post, &wrong_name));
    g_assert_error(wrong_name, BW_ERROR, BW_ERROR_TEMPORARY);
    MHD_stop_daemon(daemon);
    g_assert_cmpint(g_unlink(key_file), ==, 0);
    g_assert_cmpint(g_unlink(ca_file), ==, 0);
    g_assert_cmpint(g_rmdir(dir), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    server_start();
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    loop_thread = g_thread_new("server", run_loop, loop);
    g_test_add_func("/http/answer", test_answer);
    g_test_add_func("/http/bodies", test_bodies);
    g_test_add_func("/http/failures", test_failures);
    g_test_add_func("/http/unsent", test_unsent);
    g_test_add_func("/http/handing", test_handing);
    g_test_add_func("/http/dead-connection", test_dead_connection);
    g_test_add_func("/http/redirects", test_redirects);
    g_test_add_func("/http/private-refused", test_private_refused);
    g_test_add_func("/http/addresses", test_addresses);
    g_test_add_func("/http/tls", test_tls);
    int failed = g_test_run();
    g_main_loop_quit(loop);
    g_thread_join(loop_thread);
    return failed;
}
