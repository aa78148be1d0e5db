#include "web/compose.h"
#include "web/request.h"
#include "web/server.h"
#include "web/session.h"
#include "web/sse.h"

#include <sodium.h>
#include <string.h>

static void test_tokens(void)
{
    g_autofree char *one = session_new_token(), *other = session_new_token();
    uint8_t hash[32], same[32], differs[32];
    g_assert_cmpuint(strlen(one), ==, 43);
    g_assert_cmpstr(one, !=, other);
    session_hash_token(one, hash);
    session_hash_token(one, same);
    session_hash_token(other, differs);
    g_assert_cmpmem(hash, 32, same, 32);
    g_assert_cmpint(memcmp(hash, differs, 32), !=, 0);
    g_assert_true(request_is_token(one));
}

static void test_passwords(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *hash = session_hash_password("correct horse", &error);
    g_assert_no_error(error);
    g_assert_true(g_str_has_prefix(hash, "$argon2id$"));
    g_assert_true(session_check_password(hash, "correct horse", &error));
    g_assert_false(session_check_password(hash, "correct Horse", &error));
    g_assert_error(error, BW_ERROR, BW_ERROR_DENIED);
    g_clear_error(&error);
    g_assert_false(session_check_password(NULL, "nobody has this password", &error));
    g_assert_error(error, BW_ERROR, BW_ERROR_DENIED);
}

static void test_origins(void)
{
    static const struct {
        const char *origin, *host;
        bool good;
    } cases[] = {
        {"http://127.0.0.1:8080", "127.0.0.1:8080", true},
        {"https://inbox.example", "inbox.example", true},
        {"https://Inbox.Example", "inbox.example", true},
        {"https://inbox.example", "inbox.example:443", true},
        {"http://127.0.0.1:8081", "127.0.0.1:8080", false},
        {"https://inbox.example.evil.example", "inbox.example", false},
        {"https://evil.example/inbox.example", "inbox.example", false},
        {"inbox.example", "inbox.example", false},
        {"null", "null", false},
        {"", "", false},
        {"http://", "", false},
        {NULL, "inbox.example", false},
        {"https://inbox.example", NULL, false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("%s at %s", cases[i].origin, cases[i].host);
        g_assert_cmpint(session_origin_matches(cases[i].origin, cases[i].host), ==, cases[i].good);
    }
}

static void test_cookies(void)
{
    static const char *const cases[][2] = {
        {"breakwater=abc", "abc"},
        {"a=b; breakwater=abc; c=d", "abc"},
        {"xbreakwater=no;breakwater=yes", "yes"},
        {"breakwater=a=b", "a=b"},
        {"breakwater", NULL},
        {"", NULL},
        {NULL, NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *found = session_find_cookie(cases[i][0], "breakwater");
        g_assert_cmpstr(found, ==, cases[i][1]);
    }
    g_autofree char *plain = session_cookie("abc", false), *secure = session_cookie("abc", true);
    g_autofree char *gone = session_cookie(NULL, true);
    g_assert_null(strstr(plain, "Secure"));
    g_assert_nonnull(strstr(secure, "; Secure"));
    g_assert_nonnull(strstr(secure, "HttpOnly; SameSite=Lax"));
    g_assert_nonnull(strstr(gone, "Max-Age=0"));
}

static void test_ids(void)
{
    static const struct {
        const char *text;
        int64_t id;
    } cases[] = {
        {"1", 1},
        {"9223372036854775807", INT64_MAX},
        {"9223372036854775808", 0},
        {"0", 0},
        {"007", 0},
        {"-1", 0},
        {"+1", 0},
        {" 1", 0},
        {"1 ", 0},
        {"1e3", 0},
        {"0x1", 0},
        {"99999999999999999999", 0},
        {"", 0},
        {NULL, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(request_parse_id(cases[i].text), ==, cases[i].id);
}

static void test_routes(void)
{
    static const Route some[] = {
        {"GET", "/api/b/:brand/incidents/:id", NEED_READER, NULL, false},
        {"DELETE", "/api/b/:brand/incidents/:id/members/:person", NEED_AGENT, NULL, true},
        {"GET", "/api/session", NEED_NOTHING, NULL, false},
        {0},
    };
    static const Route *const tables[] = {some, NULL};
    static const struct {
        const char *method, *path;
        int route; /* -1: none, -2: another method */
    } cases[] = {
        {"GET", "/api/b/acme/incidents/7", 0},
        {"POST", "/api/b/acme/incidents/7", -2},
        {"GET", "/api/b/acme/incidents/7/", -1},
        {"GET", "/api/b/acme/incidents/x", -1},
        {"GET", "/api/b/ACME/incidents/7", -1},
        {"GET", "/api/b//incidents/7", -1},
        {"GET", "/api/b/acme/incidents", -1},
        {"DELETE", "/api/b/acme/incidents/7/members/12", 1},
        {"DELETE", "/api/b/acme/incidents/7/members/12/x", -1},
        {"GET", "/api/session", 2},
        {"GET", "/api/sessions", -1},
        {"GET", "", -1},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Request request = {0};
        bool wrong_method;
        const Route *found =
            request_route(tables, cases[i].method, cases[i].path, &request, &wrong_method);
        g_test_message("%s %s", cases[i].method, cases[i].path);
        g_assert_true(found == (cases[i].route < 0 ? NULL : &some[cases[i].route]));
        g_assert_cmpint(wrong_method, ==, cases[i].route == -2);
        if (cases[i].route == 1) {
            g_assert_cmpstr(request.slug, ==, "acme");
            g_assert_cmpint(request.ids[0], ==, 7);
            g_assert_cmpint(request.ids[1], ==, 12);
        }
        request_clear(&request);
    }
}

static void test_initials(void)
{
    static const struct {
        const char *name;
        const char *first[3];
    } cases[] = {
        {"Anna Berg", {"AB", "ABE", "ABER"}},
        {"anna maria berg", {"AB", "ABE", "ABER"}},
        {"Zoé", {"ZO", "ZOÉ", "ZOÉ"}},
        {"Ödön von Horváth", {"ÖH", "ÖHO", "ÖHOR"}},
        {"...", {"X", "X", "X"}},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(GStrv) found = user_initials_of(cases[i].name);
        for (int n = 0; n < 3; n++)
            g_assert_cmpstr(found[n], ==, cases[i].first[n]);
        g_assert_cmpuint(g_strv_length(found), >, 100);
    }
}

static void test_listen(void)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
    } cases[] = {
        {"127.0.0.1:8080", "127.0.0.1", 8080},
        {"[::1]:0", "::1", 0},
        {"localhost:65535", "localhost", 65535},
        {"127.0.0.1:65536", NULL, 0},
        {":8080", NULL, 0},
        {"127.0.0.1", NULL, 0},
        {"127.0.0.1:", NULL, 0},
        {"127.0.0.1:80x", NULL, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *host = NULL;
        g_autoptr(GError) error = NULL;
        uint16_t port = 0;
        bool good = server_parse_listen(cases[i].text, &host, &port, &error);
        g_assert_cmpint(good, ==, cases[i].host != NULL);
        g_assert_cmpstr(host, ==, cases[i].host);
        g_assert_cmpuint(port, ==, cases[i].port);
    }
}

static void test_events(void)
{
    g_autoptr(GPtrArray) what = g_ptr_array_new_with_free_func(g_free);
    sse_add(what, "overview,incident:7,,overview");
    sse_add(what, "incident:7,conversation:1");
    g_assert_cmpuint(what->len, ==, 3);
    for (int i = 0; i < 100; i++) {
        g_autofree char *name = g_strdup_printf("conversation:%d", i);
        sse_add(what, name);
    }
    g_assert_cmpuint(what->len, ==, 1);
    g_assert_cmpstr(what->pdata[0], ==, "all");
    sse_add(what, "overview");
    g_assert_cmpuint(what->len, ==, 1);
}

static void test_compose_names(void)
{
    static const char *const cases[][3] = {
        {"Jana Noll", "@jana@sand.example", "Jana"},
        {"Noll, Jana", "j@mail.example", "Jana"},
        {"✨ Jana ✨", "@jana", "Jana"},
        {"", "@jana@sand.example", "jana"},
        {"12345", "petra@mail.example", "petra"},
        {"Jean-Pierre D.", "", "Jean-Pierre"},
        {"", "", ""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *found = compose_first_name(cases[i][0], cases[i][1]);
        g_assert_cmpstr(found, ==, cases[i][2]);
    }
}

static void test_compose_texts(void)
{
    json_t *texts =
        json_pack("{s:s, s:s, s:s}", "de", "Hallo {first_name}, bitte {workaround}! {x y} {}", "en",
                  "Please {workaround}", "fr", "   ");
    json_t *fields =
        json_pack("{s:s, s:s}", "workaround", "pay {first_name} {status_url}", "status_url", "");
    Draft draft = {texts, fields, "en"};
    g_autoptr(GPtrArray) blocked = compose_blocked(&draft);
    g_assert_cmpuint(blocked->len, ==, 0);
    g_assert_cmpstr(compose_language(&draft, "de"), ==, "de");
    g_assert_cmpstr(compose_language(&draft, "fr"), ==, "en");
    g_assert_cmpstr(compose_language(&draft, "-"), ==, "en");
    g_autofree char *filled = compose_fill(&draft, json_string_value(json_object_get(texts, "de")));
    /* What a field says is text, and no field again; the name is the last to be filled in. */
    g_assert_cmpstr(filled, ==,
                    "Hallo {first_name}, bitte pay {first_name} {status_url}! {x y} {}");
    g_autofree char *own = compose_personal("Hallo {first_name}", "{workaround}");
    g_assert_cmpstr(own, ==, "Hallo {workaround}");
    json_object_set_new(texts, "fr", json_string("{status_url} {eta} {status_url}"));
    draft.fallback = "lb";
    g_autoptr(GPtrArray) now = compose_blocked(&draft);
    g_assert_cmpuint(now->len, ==, 3);
    json_decref(texts);
    json_decref(fields);
}

static void test_compose_mentions(void)
{
    static const struct {
        const char *network, *handle, *mention;
        bool direct;
    } cases[] = {
        {"mastodon", "@a@b.example", "@a@b.example ", false},
        {"mastodon", "a@b.example", "@a@b.example ", true},
        {"x", "@a", "@a ", false},
        {"x", "@a", "", true},
        {"email", "a@b.example", "", true},
        {"mastodon", "", "", false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *found =
            compose_mention(cases[i].network, cases[i].direct, cases[i].handle);
        g_assert_cmpstr(found, ==, cases[i].mention);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(sodium_init(), >=, 0);
    g_test_add_func("/session/tokens", test_tokens);
    g_test_add_func("/session/passwords", test_passwords);
    g_test_add_func("/session/origins", test_origins);
    g_test_add_func("/session/cookies", test_cookies);
    g_test_add_func("/request/ids", test_ids);
    g_test_add_func("/request/routes", test_routes);
    g_test_add_func("/user/initials", test_initials);
    g_test_add_func("/server/listen", test_listen);
    g_test_add_func("/sse/coalesce", test_events);
    g_test_add_func("/compose/names", test_compose_names);
    g_test_add_func("/compose/texts", test_compose_texts);
    g_test_add_func("/compose/mentions", test_compose_mentions);
    return g_test_run();
}
