#include "web/pages.h"

#include "core/base/config.h"

#include <gio/gio.h>
#include <stdbool.h>
#include <string.h>

#define FOLDER "/breakwater/web/ui"

typedef struct Page {
    GBytes *bytes;
    char *etag;
    struct MHD_Response *response;
} Page;

static const struct {
    const char *ending, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"},
};

void pages_secure(struct MHD_Response *response)
{
    static const char *const headers[][2] = {
        {"Content-Security-Policy",
         "default-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
         "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "same-origin"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Permissions-Policy", "camera=(), microphone=(), geolocation=()"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(headers); i++)
        MHD_add_response_header(response, headers[i][0], headers[i][1]);
    if (g_strcmp0(config_get("tls"), "yes") == 0)
        MHD_add_response_header(response, "Strict-Transport-Security", "max-age=31536000");
}

static Page *load(const char *path)
{
    g_autofree char *name = g_strconcat(FOLDER, path, NULL);
    GBytes *bytes = g_resources_lookup_data(name, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
    const char *type = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++)
        if (g_str_has_suffix(path, types[i].ending))
            type = types[i].type;
    if (!bytes || !type) {
        g_clear_pointer(&bytes, g_bytes_unref);
        return NULL;
    }
    Page *page = g_new0(Page, 1);
    g_autofree char *sum = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, bytes);
    gsize size;
    const void *data = g_bytes_get_data(bytes, &size);
    page->bytes = bytes;
    page->etag = g_strdup_printf("\"%.24s\"", sum);
    page->response = MHD_create_response_from_buffer(size, (void *)data, MHD_RESPMEM_PERSISTENT);
    pages_secure(page->response);
    MHD_add_response_header(page->response, "Content-Type", type);
    MHD_add_response_header(page->response, "ETag", page->etag);
    /* A browser asks each time, and gets 304: after an update nobody has half of the old page. */
    MHD_add_response_header(page->response, "Cache-Control", "no-cache");
    return page;
}

static bool is_page_of_its_own(const char *path)
{
    return strcmp(path, "/") == 0 || strcmp(path, "/sign-in") == 0 || strcmp(path, "/first") == 0 ||
           strcmp(path, "/b") == 0 || g_str_has_prefix(path, "/b/");
}

struct MHD_Response *pages_find(const char *path, const char **etag)
{
    static GMutex mutex;
    static GHashTable *pages;
    const char *name = is_page_of_its_own(path) ? "/index.html" : path;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&mutex);
    if (!pages)
        pages = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Page *page = g_hash_table_lookup(pages, name);
    if (!page) {
        page = load(name);
        if (!page)
            return NULL;
        g_hash_table_insert(pages, g_strdup(name), page);
    }
    *etag = page->etag;
    return page->response;
}
