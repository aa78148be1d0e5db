#include "web/request.h"

#include "web/session.h"

#include <string.h>
#include <time.h>

/* ---- finding the route ---- */

int64_t request_parse_id(const char *text)
{
    if (!text || *text < '1' || *text > '9')
        return 0;
    guint64 value;
    if (strlen(text) > 19 || !g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT64, &value, NULL))
        return 0;
    return (int64_t)value;
}

static bool is_slug(const char *text, size_t size)
{
    if (size == 0 || size > 40)
        return false;
    for (size_t i = 0; i < size; i++)
        if (!g_ascii_islower(text[i]) && !g_ascii_isdigit(text[i]) && text[i] != '-')
            return false;
    return true;
}

/* Does `path` fit the pattern? Fills ids and slug. */
static bool fits(const char *pattern, const char *path, Request *request)
{
    int ids = 0;
    g_clear_pointer(&request->slug, g_free);
    while (*pattern) {
        if (*pattern != ':') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        size_t name = strcspn(pattern, "/"), size = strcspn(path, "/");
        if (name == strlen(":brand") && strncmp(pattern, ":brand", name) == 0) {
            if (!is_slug(path, size))
                return false;
            request->slug = g_strndup(path, size);
        } else {
            g_autofree char *text = g_strndup(path, size);
            g_assert(ids < REQUEST_IDS);
            request->ids[ids] = request_parse_id(text);
            if (!request->ids[ids++])
                return false;
        }
        pattern += name;
        path += size;
    }
    return *path == '\0';
}

const Route *request_route(const Route *const *tables, const char *method, const char *path,
                           Request *request, bool *wrong_method)
{
    *wrong_method = false;
    for (; *tables; tables++)
        for (const Route *route = *tables; route->method; route++)
            if (fits(route->path, path, request)) {
                if (strcmp(route->method, method) == 0)
                    return route;
                *wrong_method = true;
            }
    return NULL;
}

/* ---- who may ---- */

static bool refuse(Request *request, int status, GError **error, const char *sentence)
{
    request->status = status;
    return bw_fail(error, BW_ERROR_DENIED, "%s", sentence);
}

static bool same_text(const char *a, const char *b)
{
    size_t size = strlen(a);
    unsigned differs = size != strlen(b);
    for (size_t i = 0; i < size && !differs; i++)
        differs = (unsigned)(a[i] ^ b[i]);
    return !differs;
}

static const char *header_of(Request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

/* A page of another site may make a browser send a call, but neither its Origin nor our token. */
static bool admit_origin(Request *request, GError **error)
{
    if (strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0)
        return true;
    const char *origin = header_of(request, "Origin");
    bool signing_in = request->route->need == NEED_NOTHING;
    if (signing_in && !origin)
        return true;
    if (!session_origin_matches(origin, header_of(request, "Host")))
        return refuse(request, 403, error,
                      "This call must come from the inbox itself: its header Origin "
                      "must name the host it asks.");
    const char *token = header_of(request, "X-CSRF-Token");
    if (!signing_in && (!token || !same_text(token, request->session->csrf)))
        return refuse(request, 403, error,
                      "The header X-CSRF-Token is missing or old: load the page "
                      "again.");
    return true;
}

bool request_admit(Request *request, GError **error)
{
    Need need = request->route->need;
    if (need == NEED_NOTHING)
        return admit_origin(request, error);
    g_autofree char *cookie = request_cookie(request, "breakwater");
    if (!cookie)
        return refuse(request, 401, error, "Sign in first.");
    uint8_t hash[32];
    session_hash_token(cookie, hash);
    g_autoptr(GError) local = NULL;
    request->session = user_session_find(request->db, hash, &local);
    if (!request->session) {
        if (g_error_matches(local, BW_ERROR, BW_ERROR_MISSING))
            return refuse(request, 401, error, "Sign in first.");
        g_propagate_error(error, g_steal_pointer(&local));
        return false;
    }
    if (!admit_origin(request, error))
        return false;
    if (need == NEED_SESSION)
        return true;
    for (guint i = 0; i < request->session->brands->len; i++) {
        UserBrand *brand = g_ptr_array_index(request->session->brands, i);
        if (g_strcmp0(brand->slug, request->slug) == 0)
            request->brand = brand;
    }
    if (!request->brand)
        return bw_fail(error, BW_ERROR_MISSING,
                       "There is no such brand, or you have no role in it.");
    request->roles = request->brand->roles;
    if (request->roles & (need | ROLE_ADMIN))
        return true;
    g_autofree const char **names = role_names(need | ROLE_ADMIN);
    g_autofree char *list = g_strjoinv(", ", (char **)names);
    request->more = json_pack("{s:o}", "who", json_texts((char **)names));
    request->status = 403;
    return bw_fail(error, BW_ERROR_DENIED, "You may not do this here. Who may: %s.", list);
}

/* ---- life ---- */

void request_reset(Request *request)
{
    request->status = 200;
    json_decref(request->more);
    request->more = NULL;
    g_clear_pointer(&request->field, g_free);
    g_clear_pointer(&request->cookie, g_free);
    g_clear_pointer(&request->bytes, g_bytes_unref);
    g_clear_pointer(&request->file_name, g_free);
    g_clear_pointer(&request->session, session_free);
    request->brand = NULL;
    request->roles = 0;
    request->type = NULL;
    if (request->stream)
        MHD_destroy_response(request->stream);
    request->stream = NULL;
}

void request_clear(Request *request)
{
    request_reset(request);
    json_decref(request->body);
    request->body = NULL;
    g_clear_pointer(&request->slug, g_free);
}

/* ---- reading ---- */

const char *request_query(Request *request, const char *name)
{
    const char *value =
        MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
    return value && g_utf8_validate(value, -1, NULL) ? value : NULL;
}

int request_limit(Request *request)
{
    int64_t limit = request_parse_id(request_query(request, "limit"));
    return limit == 0 ? 50 : (int)MIN(limit, 200);
}

bool request_after(Request *request, int count, int64_t *keys, GError **error)
{
    memset(keys, 0, (size_t)count * sizeof *keys);
    const char *text = request_query(request, "after");
    if (!text || !*text)
        return true;
    g_auto(GStrv) parts = g_strsplit(text, ".", count + 1);
    bool good = (int)g_strv_length(parts) == count;
    for (int i = 0; good && i < count; i++)
        good = g_ascii_string_to_signed(parts[i], 10, G_MININT64 + 1, G_MAXINT64, &keys[i], NULL);
    return good || request_fail_field(request, "after",
                                      "'after' must be the 'next' of the page before.", error);
}

char *request_cookie(Request *request, const char *name)
{
    return session_find_cookie(header_of(request, "Cookie"), name);
}

bool request_fail_field(Request *request, const char *field, const char *sentence, GError **error)
{
    g_free(request->field);
    request->field = g_strdup(field);
    return bw_fail(error, BW_ERROR_INVALID, "%s", sentence);
}

static bool fail_field(Request *request, const char *field, GError **error, const char *format, ...)
    G_GNUC_PRINTF(4, 5);
static bool fail_field(Request *request, const char *field, GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    return request_fail_field(request, field, text, error);
}

static bool is_clean(const char *text)
{
    for (const char *c = text; *c; c++)
        if (((unsigned char)*c < ' ' && *c != '\n' && *c != '\r' && *c != '\t') || *c == 0x7f)
            return false;
    return true;
}

const char *request_text_if(Request *request, const char *name, size_t min, size_t max,
                            GError **error)
{
    json_t *value = json_object_get(request->body, name);
    if (!value || json_is_null(value))
        return NULL;
    const char *text = json_string_value(value);
    size_t length = text ? (size_t)g_utf8_strlen(text, -1) : 0;
    if (!text || length > max || !is_clean(text))
        fail_field(request, name, error, "'%s' must be a text of at most %zu characters.", name,
                   max);
    else if (length < min)
        fail_field(request, name, error,
                   min == 1 ? "'%s' must not be empty." : "'%s' must have at least %zu characters.",
                   name, min);
    else
        return text;
    return NULL;
}

const char *request_text(Request *request, const char *name, size_t min, size_t max, GError **error)
{
    json_t *value = json_object_get(request->body, name);
    if (value && !json_is_null(value))
        return request_text_if(request, name, min, max, error);
    fail_field(request, name, error, "'%s' is missing.", name);
    return NULL;
}

bool request_id_of(Request *request, const char *name, int64_t *id, GError **error)
{
    *id = request_parse_id(json_string_value(json_object_get(request->body, name)));
    return *id || fail_field(request, name, error, "'%s' must be an id, as a text: \"55\".", name);
}

bool request_version(Request *request, int64_t *version, GError **error)
{
    json_t *value = json_object_get(request->body, "version");
    *version = json_integer_value(value);
    return json_is_integer(value) ||
           fail_field(
               request, "version", error,
               "'version' must be the number that the screen has, so that nobody's change is "
               "lost.");
}

json_t *request_texts(Request *request, const char *name, size_t max, bool (*key_ok)(const char *),
                      GError **error)
{
    json_t *texts = json_object_get(request->body, name);
    bool good = json_is_object(texts) && json_object_size(texts) <= 30;
    const char *key;
    json_t *value;
    if (good)
        json_object_foreach(texts, key, value)
        {
            const char *text = json_string_value(value);
            good = good && text && key_ok(key) && is_clean(text) &&
                   (size_t)g_utf8_strlen(text, -1) <= max;
        }
    if (good)
        return texts;
    fail_field(request, name, error, "'%s' must be an object of texts of at most %zu characters.",
               name, max);
    return NULL;
}

bool request_is_lang(const char *text)
{
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i++)
        if (!g_ascii_isalnum(text[i]) && text[i] != '-')
            return false;
    return size >= 2 && size <= 12;
}

bool request_is_token(const char *text)
{
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return size >= 8 && size <= 100;
}

/* ---- writing ---- */

json_t *json_id(int64_t id)
{
    return id ? json_sprintf("%" G_GINT64_FORMAT, id) : json_null();
}

json_t *json_time(int64_t us)
{
    if (us == 0)
        return json_null();
    time_t seconds = (time_t)(us / 1000000);
    struct tm parts;
    char text[40];
    gmtime_r(&seconds, &parts);
    size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    g_snprintf(text + size, sizeof text - size, ".%03dZ", (int)(us / 1000 % 1000));
    return json_string(text);
}

json_t *json_text(const char *text)
{
    return text ? json_string(text) : json_null();
}

json_t *json_texts(char **texts)
{
    json_t *out = json_array();
    for (char **text = texts; text && *text; text++)
        json_array_append_new(out, json_string(*text));
    return out;
}

json_t *json_list(json_t *items, const char *next)
{
    return json_pack("{s:o, s:o}", "items", items, "next", json_text(next));
}

char *request_key(int64_t a, int64_t b)
{
    return g_strdup_printf("%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT, a, b);
}
