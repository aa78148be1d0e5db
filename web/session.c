#include "web/session.h"

#include "web/server.h"

#include <sodium.h>
#include <string.h>

enum { TOKEN_BYTES = 32, CHECKS_AT_ONCE = 2, CHECKS_WAITING = 4 };

char *session_new_token(void)
{
    uint8_t bytes[TOKEN_BYTES];
    char text[sodium_base64_ENCODED_LEN(TOKEN_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2base64(text, sizeof text, bytes, sizeof bytes,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return g_strdup(text);
}

void session_hash_token(const char *token, uint8_t hash[32])
{
    crypto_hash_sha256(hash, (const unsigned char *)token, strlen(token));
}

char *session_hash_password(const char *password, GError **error)
{
    char hash[crypto_pwhash_STRBYTES];
    if (crypto_pwhash_str_alg(hash, password, strlen(password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                              crypto_pwhash_MEMLIMIT_INTERACTIVE,
                              crypto_pwhash_ALG_ARGON2ID13) != 0) {
        bw_fail(error, BW_ERROR_TEMPORARY, "There is not enough memory to check a password.");
        return NULL;
    }
    return g_strdup(hash);
}

/* Each check takes 64 MiB and a tenth of a second: a few have them at once, and with those who wait
 * they never take all the workers. */
static GMutex check_mutex;
static GCond check_over;
static int checks_running, checks_waiting;

static bool begin_check(GError **error)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&check_mutex);
    if (checks_waiting == CHECKS_WAITING)
        return bw_fail(error, BW_ERROR_TEMPORARY,
                       "Too many are signing in at once: try again in a moment.");
    checks_waiting++;
    while (checks_running == CHECKS_AT_ONCE)
        g_cond_wait(&check_over, &check_mutex);
    checks_waiting--;
    checks_running++;
    return true;
}

static void end_check(void)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&check_mutex);
    checks_running--;
    g_cond_signal(&check_over);
}

bool session_check_password(const char *hash, const char *password, GError **error)
{
    static gsize made;
    static char *nobody;
    if (g_once_init_enter(&made)) {
        nobody = session_hash_password("nobody has this password", NULL);
        g_once_init_leave(&made, 1);
    }
    if (!begin_check(error))
        return false;
    const char *against = hash ? hash : nobody;
    bool good = against && crypto_pwhash_str_verify(against, password, strlen(password)) == 0;
    end_check();
    if (!good || !hash)
        return bw_fail(error, BW_ERROR_DENIED, "E-mail or password is wrong.");
    return true;
}

bool session_origin_matches(const char *origin, const char *host)
{
    if (!origin || !host || !*host)
        return false;
    const char *rest = g_str_has_prefix(origin, "https://")  ? origin + 8
                       : g_str_has_prefix(origin, "http://") ? origin + 7
                                                             : NULL;
    if (!rest || g_ascii_strcasecmp(rest, host) != 0)
        return rest && g_str_has_prefix(origin, "http") && g_str_has_suffix(host, ":443") &&
               strlen(rest) + 4 == strlen(host) &&
               g_ascii_strncasecmp(rest, host, strlen(rest)) == 0;
    return true;
}

char *session_cookie(const char *token, bool secure)
{
    return g_strdup_printf("breakwater=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%d%s",
                           token ? token : "", token ? 14 * 86400 : 0, secure ? "; Secure" : "");
}

char *session_find_cookie(const char *header, const char *name)
{
    g_auto(GStrv) parts = g_strsplit(header ? header : "", ";", 200);
    for (char **part = parts; *part; part++) {
        char *pair = g_strstrip(*part);
        char *equals = strchr(pair, '=');
        if (equals && (size_t)(equals - pair) == strlen(name) &&
            strncmp(pair, name, strlen(name)) == 0)
            return g_strdup(equals + 1);
    }
    return NULL;
}

/* ---- the calls ---- */

static json_t *session_json(const Session *session)
{
    json_t *brands = json_array();
    for (guint i = 0; i < session->brands->len; i++) {
        const UserBrand *brand = g_ptr_array_index(session->brands, i);
        g_autofree const char **names = role_names(brand->roles);
        json_array_append_new(brands, json_pack("{s:s, s:s, s:b, s:o}", "slug", brand->slug, "name",
                                                brand->name, "demo", brand->demo, "roles",
                                                json_texts((char **)names)));
    }
    const User *user = session->user;
    return json_pack("{s:{s:o, s:s, s:s, s:s}, s:s, s:o}", "user", "id", json_id(user->id), "name",
                     user->name, "email", user->email, "initials", user->initials, "csrf",
                     session->csrf, "brands", brands);
}

/* Makes the session and its cookie, and answers as GET does. */
static json_t *begin_session(Request *request, int64_t user, GError **error)
{
    g_autofree char *token = session_new_token();
    g_autofree char *csrf = session_new_token();
    uint8_t hash[32];
    session_hash_token(token, hash);
    if (!user_session_add(request->db, user, hash, csrf, error))
        return NULL;
    g_autoptr(Session) session = user_session_find(request->db, hash, error);
    if (!session)
        return NULL;
    request->cookie = session_cookie(token, request->secure);
    return session_json(session);
}

static json_t *show_session(Request *request, GError **error)
{
    g_autofree char *token = request_cookie(request, "breakwater");
    uint8_t hash[32];
    session_hash_token(token ? token : "", hash);
    g_autoptr(GError) local = NULL;
    g_autoptr(Session) session = user_session_find(request->db, hash, &local);
    if (session)
        return session_json(session);
    bool any;
    if (!g_error_matches(local, BW_ERROR, BW_ERROR_MISSING)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    if (!user_exists_any(request->db, &any, error))
        return NULL;
    request->status = 401;
    if (!any)
        request->more = json_pack("{s:b}", "first", 1);
    bw_fail(error, BW_ERROR_DENIED,
            any ? "Sign in first."
                : "Nobody can sign in yet: open the link "
                  "that the program printed.");
    return NULL;
}

static json_t *sign_in(Request *request, GError **error)
{
    const char *given = request_text(request, "email", 1, 254, error);
    const char *password =
        given ? request_text(request, "password", 1, USER_PASSWORD_MAX, error) : NULL;
    if (!password)
        return NULL;
    g_autofree char *folded = g_utf8_strdown(given, -1);
    g_autofree char *email = g_strdup(g_strstrip(folded));
    g_autofree char *by_email = g_strdup_printf("email:%s", email);
    g_autofree char *by_address = g_strdup_printf("address:%s", request->address);
    const char *const who[2] = {by_email, by_address};
    int64_t mark;
    if (!user_login_try(request->db, who, &mark, error))
        return NULL;
    g_autoptr(GError) local = NULL;
    g_autoptr(User) user = user_find(request->db, email, &local);
    if (!user && !g_error_matches(local, BW_ERROR, BW_ERROR_MISSING)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    g_clear_error(&local);
    bool known = user && !user->disabled;
    bool good = session_check_password(known ? user->password_hash : NULL, password, &local);
    if (!good || !user) {
        request->status = 401;
        /* What was not looked at is no wrong password. */
        if (!g_error_matches(local, BW_ERROR, BW_ERROR_DENIED))
            user_login_forget(request->db, who, mark, NULL);
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    if (!user_login_good(request->db, who, mark, error))
        return NULL;
    if (!audit_add(request->db, 0, user->id, "sign-in", "session", NULL, error))
        return NULL;
    return begin_session(request, user->id, error);
}

static json_t *first_admin(Request *request, GError **error)
{
    const char *token = request_text(request, "token", 20, 100, error);
    const char *name = token ? request_text(request, "name", 1, 100, error) : NULL;
    const char *given = name ? request_text(request, "email", 3, 254, error) : NULL;
    const char *password =
        given ? request_text(request, "password", USER_PASSWORD_MIN, USER_PASSWORD_MAX, error)
              : NULL;
    if (!password)
        return NULL;
    g_autoptr(User) user = g_new0(User, 1);
    uint8_t hash[32];
    session_hash_token(token, hash);
    user->email = user_tidy_email(given, error);
    if (!user->email) {
        request->field = g_strdup("email");
        return NULL;
    }
    user->name = g_strdup(name);
    if (!user_link_take(request->db, hash, error))
        return NULL;
    user->password_hash = session_hash_password(password, error);
    if (!user->password_hash || !user_add(request->db, user, error) ||
        !user_grant_all(request->db, user->id, error) ||
        !audit_add(request->db, 0, user->id, "first-admin", user->email, NULL, error))
        return NULL;
    return begin_session(request, user->id, error);
}

static json_t *sign_out(Request *request, GError **error)
{
    if (!user_session_end(request->db, request->session->token_hash, error))
        return NULL;
    request->cookie = session_cookie(NULL, request->secure);
    request->status = 204;
    return json_null();
}

const Route session_routes[] = {
    {"GET", "/api/session", NEED_NOTHING, show_session, false},
    {"POST", "/api/session", NEED_NOTHING, sign_in, false},
    {"POST", "/api/first-admin", NEED_NOTHING, first_admin, true},
    {"DELETE", "/api/session", NEED_SESSION, sign_out, true},
    {0},
};
