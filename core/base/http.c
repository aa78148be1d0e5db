#include "core/base/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

enum { CONNECT_MS = 10000, TOTAL_MS = 30000, MAX_REDIRECTS = 5 };
static const size_t MAX_BODY = 16 << 20, MAX_HEADERS = 256 << 10;

struct Http {
    CURL *curl;
    char *ca_file;
    bool allow_private;
    long connect_ms, total_ms;
    size_t max_body;
};

/* One exchange under way. */
typedef struct Exchange {
    const Http *http;
    const HttpRequest *request;
    GByteArray *body;
    HttpResponse *response;
    size_t header_bytes;
    bool handed;    /* the request has begun to leave */
    bool refused;   /* ... was not allowed to by `handing` */
    bool too_large; /* the answer */
    int opened, blocked;
    char problem[CURL_ERROR_SIZE];
} Exchange;

static bool reads_only(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

Http *http_new(const HttpOptions *options)
{
    static gsize once;
    if (g_once_init_enter(&once)) {
        curl_global_init(CURL_GLOBAL_DEFAULT);
        g_once_init_leave(&once, 1);
    }
    Http *http = g_new0(Http, 1);
    http->curl = curl_easy_init();
    g_assert(http->curl);
    http->ca_file = g_strdup(options ? options->ca_file : NULL);
    http->allow_private = options && options->allow_private;
    http->connect_ms = options && options->connect_ms ? options->connect_ms : CONNECT_MS;
    http->total_ms = options && options->total_ms ? options->total_ms : TOTAL_MS;
    http->max_body = options && options->max_body ? options->max_body : MAX_BODY;
    return http;
}

void http_free(Http *http)
{
    if (!http)
        return;
    curl_easy_cleanup(http->curl);
    g_free(http->ca_file);
    g_free(http);
}

void http_response_free(HttpResponse *response)
{
    if (!response)
        return;
    g_free(response->body);
    g_hash_table_unref(response->headers);
    g_free(response);
}

static HttpResponse *response_new(void)
{
    HttpResponse *response = g_new0(HttpResponse, 1);
    response->headers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return response;
}

const char *http_header(const HttpResponse *response, const char *name)
{
    g_autofree char *lower = g_ascii_strdown(name, -1);
    return g_hash_table_lookup(response->headers, lower);
}

/* ---- which addresses may be reached ---- */

typedef struct Net4 {
    uint32_t net;
    int bits;
} Net4;

/* The special-purpose registry of IANA (RFC 6890 and its successors). */
static const Net4 special4[] = {
    {0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},  {0xa9fe0000, 16},
    {0xac100000, 12}, {0xc0000000, 24}, {0xc0000200, 24}, {0xc0586300, 24}, {0xc0a80000, 16},
    {0xc6120000, 15}, {0xc6336400, 24}, {0xcb007100, 24}, {0xe0000000, 4},  {0xf0000000, 4},
};

static bool is_special4(uint32_t address)
{
    for (size_t i = 0; i < G_N_ELEMENTS(special4); i++)
        if ((address ^ special4[i].net) >> (32 - special4[i].bits) == 0)
            return true;
    return false;
}

static uint32_t big32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

/* Only 2000::/3 is global. What is left to check there are forms that carry an IPv4 address, and
 * NAT64, which carries one outside of it. */
static bool is_special6(const uint8_t *a)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    if (memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0)
        return is_special4(big32(a + 12));
    if (a[0] >> 5 != 1)
        return true;
    if (a[0] == 0x20 && a[1] == 0x02) /* 6to4 */
        return is_special4(big32(a + 2));
    if (big32(a) == 0x20010000) /* Teredo: server, and client in complement */
        return is_special4(big32(a + 4)) || is_special4(~big32(a + 12));
    return big32(a) == 0x20010db8; /* documentation */
}

bool http_address_is_private(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return is_special4(ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr));
    if (address->sa_family == AF_INET6)
        return is_special6(((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr);
    return true;
}

/* The address is the one that will be connected to, after every look-up: a name that changes its
 * address between a check and the connection cannot slip through. */
static curl_socket_t on_socket(void *data, G_GNUC_UNUSED curlsocktype purpose,
                               struct curl_sockaddr *address)
{
    Exchange *exchange = data;
    if (!exchange->http->allow_private && http_address_is_private(&address->addr)) {
        exchange->blocked++;
        return CURL_SOCKET_BAD;
    }
    exchange->opened++;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- one exchange ---- */

static int on_connected(void *data, G_GNUC_UNUSED char *primary_ip, G_GNUC_UNUSED char *local_ip,
                        G_GNUC_UNUSED int primary_port, G_GNUC_UNUSED int local_port)
{
    Exchange *exchange = data;
    /* The library repeats a request by itself when a kept connection turns out to be dead. What
     * acts must not be repeated by anybody but its sender. */
    if (exchange->handed && !reads_only(exchange->request->method))
        return CURL_PREREQFUNC_ABORT;
    if (!exchange->handed && exchange->request->handing &&
        !exchange->request->handing(exchange->request->data)) {
        exchange->refused = true;
        return CURL_PREREQFUNC_ABORT;
    }
    exchange->handed = true;
    return CURL_PREREQFUNC_OK;
}

static size_t on_body(char *bytes, G_GNUC_UNUSED size_t one, size_t count, void *data)
{
    Exchange *exchange = data;
    if (count > exchange->http->max_body - exchange->body->len) {
        exchange->too_large = true;
        return 0;
    }
    g_byte_array_append(exchange->body, (const guint8 *)bytes, (guint)count);
    return count;
}

static size_t on_header(char *bytes, G_GNUC_UNUSED size_t one, size_t count, void *data)
{
    Exchange *exchange = data;
    GHashTable *headers = exchange->response->headers;
    exchange->header_bytes += count;
    if (exchange->header_bytes > MAX_HEADERS) {
        exchange->too_large = true;
        return 0;
    }
    if (count > 5 && memcmp(bytes, "HTTP/", 5) == 0) {
        g_hash_table_remove_all(headers);
        return count;
    }
    const char *colon = memchr(bytes, ':', count);
    if (!colon)
        return count;
    g_autofree char *name = g_ascii_strdown(bytes, colon - bytes);
    g_autofree char *value = g_strndup(colon + 1, bytes + count - colon - 1);
    g_strstrip(value);
    const char *known = g_hash_table_lookup(headers, name);
    char *joined = known ? g_strconcat(known, ", ", value, NULL) : g_steal_pointer(&value);
    g_hash_table_replace(headers, g_steal_pointer(&name), joined);
    return count;
}

static char *host_of(const char *url)
{
    CURLU *parts = curl_url();
    char *host = NULL;
    char *copy = NULL;
    if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK)
        copy = g_strdup(host);
    curl_free(host);
    curl_url_cleanup(parts);
    return copy ? copy : g_strdup("an unreadable URL");
}

static void fail(const Exchange *exchange, CURLcode code, const char *url, GError **error)
{
    g_autofree char *host = host_of(url);
    const char *said = exchange->problem[0] ? exchange->problem : curl_easy_strerror(code);
    bool reading = reads_only(exchange->request->method);
    if (exchange->refused)
        bw_fail(error, BW_ERROR_TEMPORARY, "%s: not sent, our own side was not ready", host);
    else if (!exchange->handed &&
             (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL))
        bw_fail(error, BW_ERROR_INVALID, "%s: not a http or https URL", host);
    else if (code == CURLE_SSL_CACERT_BADFILE)
        bw_fail(error, BW_ERROR_DENIED, "%s: the file of trusted authorities cannot be read",
                exchange->http->ca_file ? exchange->http->ca_file : host);
    else if (exchange->blocked && !exchange->opened)
        bw_fail(error, BW_ERROR_DENIED,
                "%s is at a private address, which the configuration does not allow", host);
    else if (exchange->too_large)
        bw_fail(error, reading ? BW_ERROR_INVALID : BW_ERROR_UNKNOWN,
                "%s: the answer is larger than %zu bytes", host, exchange->http->max_body);
    else
        bw_fail(error, exchange->handed && !reading ? BW_ERROR_UNKNOWN : BW_ERROR_TEMPORARY,
                "%s: %s", host, said);
}

static char *form_text(CURL *curl, const char *const *form)
{
    GString *text = g_string_new(NULL);
    for (; form[0]; form += 2) {
        char *name = curl_easy_escape(curl, form[0], 0);
        char *value = curl_easy_escape(curl, form[1], 0);
        g_string_append_printf(text, "%s%s=%s", text->len ? "&" : "", name, value);
        curl_free(name);
        curl_free(value);
    }
    return g_string_free(text, FALSE);
}

/* A line break in a value would start a header of the text's own choosing. */
static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value)
{
    g_autofree char *line = g_strdup_printf(*value ? "%s: %s" : "%s;%s", name, value);
    g_strdelimit(line, "\r\n", ' ');
    return curl_slist_append(list, line);
}

static struct curl_slist *request_headers(const HttpRequest *request, const char *type)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    if (type)
        list = add_header(list, "Content-Type", type);
    if (request->bearer) {
        g_autofree char *value = g_strconcat("Bearer ", request->bearer, NULL);
        list = add_header(list, "Authorization", value);
    }
    for (const char *const *at = request->headers; at && at[0]; at += 2)
        list = add_header(list, at[0], at[1]);
    return list;
}

static void set_up(Http *http, Exchange *exchange, const char *url)
{
    const HttpRequest *request = exchange->request;
    CURL *curl = http->curl;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "Breakwater/" BW_VERSION);
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, http->connect_ms);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, http->total_ms);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, exchange->problem);
    if (http->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, http->ca_file);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, on_connected);
    curl_easy_setopt(curl, CURLOPT_PREREQDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange);
    /* A kept connection may be dead, and then one could not say whether the request was done. */
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, reads_only(request->method) ? 0L : 1L);
    if (strcmp(request->method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static HttpResponse *exchange_once(Http *http, const HttpRequest *request, const char *url,
                                   char **redirect, GError **error)
{
    g_autoptr(HttpResponse) response = response_new();
    g_autoptr(GByteArray) body = g_byte_array_new();
    Exchange exchange = {.http = http, .request = request, .body = body, .response = response};
    set_up(http, &exchange, url);
    g_autofree char *made = request->json   ? json_dumps(request->json, JSON_COMPACT)
                            : request->form ? form_text(http->curl, request->form)
                                            : NULL;
    const char *outgoing = made ? made : request->body;
    const char *type = request->json   ? "application/json"
                       : request->form ? "application/x-www-form-urlencoded"
                                       : request->body_type;
    if (outgoing) {
        curl_off_t size = (curl_off_t)(made ? strlen(made) : request->body_size);
        curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, outgoing);
        curl_easy_setopt(http->curl, CURLOPT_POSTFIELDSIZE_LARGE, size);
    } else if (!reads_only(request->method)) {
        curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, "");
        type = type ? type : "application/x-www-form-urlencoded";
    }
    struct curl_slist *headers = request_headers(request, outgoing || type ? type : NULL);
    curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, headers);
    CURLcode code = curl_easy_perform(http->curl);
    curl_slist_free_all(headers);
    if (code != CURLE_OK) {
        fail(&exchange, code, url, error);
        return NULL;
    }
    long status = 0;
    char *next = NULL;
    curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(http->curl, CURLINFO_REDIRECT_URL, &next);
    *redirect = g_strdup(next);
    response->status = (int)status;
    response->size = body->len;
    g_byte_array_append(body, (const guint8 *)"", 1);
    response->body = (char *)g_byte_array_free(g_steal_pointer(&body), FALSE);
    return g_steal_pointer(&response);
}

static char *url_part(CURLU *parts, CURLUPart part)
{
    char *text = NULL;
    curl_url_get(parts, part, &text, CURLU_DEFAULT_PORT);
    char *copy = g_ascii_strdown(text ? text : "", -1);
    curl_free(text);
    return copy;
}

/* May a GET of `from` be repeated at `to`? */
static bool may_follow(const char *from, const char *to, bool elsewhere)
{
    CURLU *a = curl_url(), *b = curl_url();
    bool good = curl_url_set(a, CURLUPART_URL, from, 0) == CURLUE_OK &&
                curl_url_set(b, CURLUPART_URL, to, 0) == CURLUE_OK;
    g_autofree char *scheme_a = url_part(a, CURLUPART_SCHEME);
    g_autofree char *scheme_b = url_part(b, CURLUPART_SCHEME);
    g_autofree char *host_a = url_part(a, CURLUPART_HOST), *host_b = url_part(b, CURLUPART_HOST);
    g_autofree char *port_a = url_part(a, CURLUPART_PORT), *port_b = url_part(b, CURLUPART_PORT);
    curl_url_cleanup(a);
    curl_url_cleanup(b);
    if (!good)
        return false;
    if (elsewhere)
        return strcmp(scheme_b, scheme_a) == 0 || strcmp(scheme_b, "https") == 0;
    return strcmp(scheme_a, scheme_b) == 0 && strcmp(host_a, host_b) == 0 &&
           strcmp(port_a, port_b) == 0;
}

HttpResponse *http_send(Http *http, const HttpRequest *request, GError **error)
{
    HttpRequest plain = *request;
    if (!plain.method)
        plain.method = plain.json || plain.form || plain.body ? "POST" : "GET";
    g_autofree char *url = g_strdup(plain.url);
    for (int redirects = 0;; redirects++) {
        g_autofree char *next = NULL;
        HttpResponse *response = exchange_once(http, &plain, url, &next, error);
        if (!response || !next || redirects == MAX_REDIRECTS || !reads_only(plain.method) ||
            !may_follow(url, next, plain.follow_elsewhere))
            return response;
        http_response_free(response);
        g_free(url);
        url = g_steal_pointer(&next);
    }
}

HttpResponse *http_get(Http *http, const char *url, const char *bearer, GError **error)
{
    return http_send(http, &(HttpRequest){.url = url, .bearer = bearer}, error);
}

char *http_escape(const char *text)
{
    return g_uri_escape_string(text, NULL, FALSE);
}

char *http_url(const char *base, const char *path, ...)
{
    GString *url = g_string_new(base);
    g_string_append(url, path);
    char mark = strchr(path, '?') ? '&' : '?';
    va_list args;
    va_start(args, path);
    const char *name;
    while ((name = va_arg(args, const char *))) {
        const char *value = va_arg(args, const char *);
        if (!value)
            continue;
        g_autofree char *left = http_escape(name), *right = http_escape(value);
        g_string_append_printf(url, "%c%s=%s", mark, left, right);
        mark = '&';
    }
    va_end(args);
    return g_string_free(url, FALSE);
}
