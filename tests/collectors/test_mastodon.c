/* What Mastodon's payloads become, and what is said back: without a network. The connector at work
 * is in test_mastodon.mjs. */
#include "collectors/mastodon_read.h"
#include "core/base/jsonx.h"

#include <string.h>

static json_t *fixture(void)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_true(
        g_file_get_contents("tests/fixtures/mastodon/statuses.json", &text, NULL, &error));
    json_t *json = jsonx_parse(text, -1, &error);
    g_assert_no_error(error);
    return json;
}

static void test_read(void)
{
    g_autoptr(json_t) statuses = fixture();
    g_autoptr(GError) error = NULL;
    g_autoptr(Message) petra = mastodon_read(json_array_get(statuses, 0), "acme.example", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(petra->external_id, ==, "115602233447788990");
    g_assert_cmpstr(petra->thread, ==, "115602233447788990");
    g_assert_null(petra->parent);
    g_assert_cmpstr(petra->author_id, ==, "petra@sand.example");
    g_assert_cmpstr(petra->author_handle, ==, "@petra@sand.example");
    g_assert_cmpstr(petra->author_name, ==, "Petra K. :coffee:");
    g_assert_true(petra->direct);
    g_assert_false(petra->outbound);
    g_assert_null(petra->automatic);
    g_assert_cmpstr(petra->lang, ==, "de");
    g_assert_cmpstr(petra->body, ==,
                    "@help Login geht seit 9 Uhr nicht & die App stürzt ab\n\n"
                    "Siehe https://sand.example/bild/1");
    g_assert_cmpstr(petra->permalink, ==, "https://sand.example/@Petra/11560");
    g_assert_cmpint(petra->sent_at, ==, time_parse_iso("2026-11-22T09:13:58.123Z"));
    g_assert_cmpstr(jsonx_text(petra->extra, "visibility", NULL), ==, "direct");
    g_assert_cmpstr(jsonx_text(petra->extra, "uri", NULL), ==,
                    "https://sand.example/users/Petra/statuses/11560");
    g_assert_cmpstr(jsonx_text(petra->extra, "attachments", "0", "name", NULL), ==,
                    "Fehlermeldung");
    g_assert_cmpstr(jsonx_text(petra->extra, "attachments", "0", "url", NULL), ==,
                    "https://files.sand.example/7.png");
    g_assert_cmpstr(jsonx_text(petra->extra, "attachments", "1", "type", NULL), ==, "video");
    g_assert_null(jsonx_text(petra->extra, "attachments", "1", "url", NULL));

    g_autoptr(Message) tom = mastodon_read(json_array_get(statuses, 1), "acme.example", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(tom->author_id, ==, "tom@acme.example");
    g_assert_cmpstr(tom->author_name, ==, "tom");
    g_assert_cmpstr(tom->automatic, ==, "bot");
    g_assert_false(tom->direct);
    g_assert_null(tom->thread);
    g_assert_cmpstr(tom->parent, ==, "115602233447788980");
    g_assert_cmpstr(tom->body, ==, "payment\n\nstill down?");
    g_assert_null(tom->lang);
    g_assert_cmpstr(tom->permalink, ==,
                    "https://acme.example/users/tom/statuses/115602233447788991");
}

/* Each field in turn missing or of another kind: a message or a reason, never a crash. */
static void test_broken(void)
{
    static const char *const needed[] = {"id", "account", "created_at", NULL};
    g_autoptr(json_t) statuses = fixture();
    for (size_t i = 0; i < json_array_size(statuses); i++) {
        const char *key;
        json_t *value, *status = json_array_get(statuses, i);
        json_object_foreach(status, key, value)
        {
            json_t *wrong[] = {json_null(),  json_integer(0),   json_string(""),
                               json_array(), json_pack("[{}]"), json_object()};
            for (gsize k = 0; k < G_N_ELEMENTS(wrong); k++) {
                g_autoptr(json_t) broken = json_copy(status);
                g_autoptr(GError) error = NULL;
                json_object_set_new(broken, key, wrong[k]);
                g_autoptr(Message) message = mastodon_read(broken, "acme.example", &error);
                bool is_needed = g_strv_contains(needed, key) && !json_is_integer(wrong[k]);
                g_test_message("%s %zu", key, k);
                if (is_needed)
                    g_assert_error(error, BW_ERROR, BW_ERROR_INVALID);
                g_assert_true((message == NULL) == (error != NULL));
            }
        }
    }
    g_autoptr(GError) error = NULL;
    g_assert_null(mastodon_read(NULL, NULL, &error));
    g_assert_error(error, BW_ERROR, BW_ERROR_INVALID);
}

static const struct {
    const char *theirs;
    bool direct;
    const char *ours;
    bool is_private;
} visibilities[] = {
    {"public", false, "unlisted", false},   {"public", true, "direct", false},
    {"unlisted", false, "unlisted", false}, {"unlisted", true, "direct", false},
    {"private", false, "private", true},    {"private", true, "private", true},
    {"direct", false, "direct", true},      {"direct", true, "direct", true},
    {"circle", false, "direct", true},      {"", false, "direct", true},
    {NULL, false, "direct", true},
};

static void test_visibility(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(visibilities); i++) {
        g_assert_cmpstr(mastodon_reply_visibility(visibilities[i].theirs, visibilities[i].direct),
                        ==, visibilities[i].ours);
        g_assert_true(mastodon_is_private(visibilities[i].theirs) == visibilities[i].is_private);
    }
}

#define J "\u2060"
static const struct {
    const char *body, *acct;
    bool is_private;
    const char *text;
} replies[] = {
    {"It works again.", "@petra@sand.example", false, "@petra@sand.example It works again."},
    {"It works again.", "petra@sand.example", true, "@petra@sand.example It works again."},
    {"It works again.", "@tom@acme.example", false, "@tom It works again."},
    {"@petra@sand.example It works.", "@petra@sand.example", false,
     "@petra@sand.example It works."},
    {"Dear @Petra@sand.example: ok", "@petra@sand.example", true, "Dear @Petra@sand.example: ok"},
    {"@tom yes", "@tom@acme.example", true, "@tom yes"},
    {"ask @other@x.example", "@petra@sand.example", false,
     "@petra@sand.example ask @other@x.example"},
    {"ask @other@x.example, @boss.", "@petra@sand.example", true,
     "@petra@sand.example ask @" J "other@x.example, @" J "boss."},
    {"mail help@acme.example or https://a.example/@x", "@petra@sand.example", true,
     "@petra@sand.example mail help@acme.example or https://a.example/@x"},
    {"@ 9 @ü @", "@tom@acme.example", true, "@tom @ 9 @ü @"},
    {"@petra hi", "@petra@sand.example", true, "@petra@sand.example @" J "petra hi"},
    {"", "@tom@acme.example", false, "@tom "},
    {"hi", NULL, false, "hi"},
};

static void test_reply_text(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(replies); i++) {
        g_autofree char *text = mastodon_reply_text(replies[i].body, replies[i].acct,
                                                    "acme.example", replies[i].is_private);
        g_assert_cmpstr(text, ==, replies[i].text);
    }
}

static const struct {
    const char *content, *text;
    bool same;
} sames[] = {
    {"<p><span class=\"h-card\"><a "
     "href=\"https://sand.example/@petra\">@<span>petra</span></a></span>"
     " It works <b>again</b>.<br>See <a "
     "href=\"https://acme.example/s\">https://acme.example/s</a></p>",
     "@petra@sand.example It works *again*.\nSee https://acme.example/s", true},
    {"<p>@petra It works.</p>", "@petra@sand.example It does not.", false},
    {"<p>@petra It works.</p>", "@petra@sand.example It works. Thanks", false},
    {"<p>@petra Grüße, ask @other</p>", "@petra@sand.example grüße, ask @" J "other", false},
    {"<p>@petra ask @" J "tom</p>", "@petra@sand.example ask @" J "tom", true},
    {"", "@petra@sand.example It works.", false},
};

static void test_same_text(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(sames); i++) {
        g_test_message("%s", sames[i].text);
        g_assert_true(mastodon_same_text(sames[i].content, sames[i].text) == sames[i].same);
    }
}

static void test_retry_at(void)
{
    int64_t now = time_parse_iso("2026-11-22T09:00:00Z"), second = G_USEC_PER_SEC;
    g_assert_cmpint(mastodon_retry_at("2026-11-22T09:05:00.123456Z", "1", now), ==,
                    now + 300 * second + 123456);
    g_assert_cmpint(mastodon_retry_at("1795338300", NULL, now), ==, now + 300 * second);
    g_assert_cmpint(mastodon_retry_at(NULL, "7", now), ==, now + 7 * second);
    g_assert_cmpint(mastodon_retry_at("soon", NULL, now), ==, 0);
    g_assert_cmpint(mastodon_retry_at(NULL, NULL, now), ==, 0);
    g_assert_cmpint(mastodon_retry_at("2026-11-22T08:00:00Z", NULL, now), ==, now + second);
    g_assert_cmpint(mastodon_retry_at("2036-11-22T09:00:00Z", NULL, now), ==, now + 3600 * second);
}

static const struct {
    int status;
    const char *body;
    BwError reading, sending;
} answers[] = {
    {200, "<html>Log in</html>", BW_ERROR_TEMPORARY, BW_ERROR_UNKNOWN},
    {301, "", BW_ERROR_DENIED, BW_ERROR_DENIED},
    {400, "{}", BW_ERROR_INVALID, BW_ERROR_INVALID},
    {401, "{\"error\":\"The access token is invalid\"}", BW_ERROR_DENIED, BW_ERROR_DENIED},
    {403, "{\"error\":\"This action is outside the authorized scopes\"}", BW_ERROR_DENIED,
     BW_ERROR_DENIED},
    {403, "{\"error\":\"Your login is currently disabled\"}", BW_ERROR_DENIED, BW_ERROR_DENIED},
    {403, "{\"error\":\"This action is not allowed\"}", BW_ERROR_DENIED, BW_ERROR_INVALID},
    {404, "{\"error\":\"Record not found\"}", BW_ERROR_MISSING, BW_ERROR_MISSING},
    {408, "", BW_ERROR_TEMPORARY, BW_ERROR_UNKNOWN},
    {410, "", BW_ERROR_DENIED, BW_ERROR_MISSING},
    {413, "", BW_ERROR_INVALID, BW_ERROR_INVALID},
    {422, "{\"error\":\"Validation failed: Text limit of 500 exceeded\"}", BW_ERROR_INVALID,
     BW_ERROR_INVALID},
    {429, "{\"error\":\"Too many requests\"}", BW_ERROR_LIMITED, BW_ERROR_LIMITED},
    {500, "", BW_ERROR_TEMPORARY, BW_ERROR_UNKNOWN},
    {502, "<html>", BW_ERROR_TEMPORARY, BW_ERROR_UNKNOWN},
    {503, NULL, BW_ERROR_TEMPORARY, BW_ERROR_UNKNOWN},
    {999, NULL, BW_ERROR_TEMPORARY, BW_ERROR_UNKNOWN},
};

static void test_answers(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_autoptr(GError) reading = NULL, sending = NULL;
        g_assert_false(mastodon_fail(answers[i].status, answers[i].body, false, &reading));
        g_assert_false(mastodon_fail(answers[i].status, answers[i].body, true, &sending));
        g_test_message("%s", sending->message);
        g_assert_error(reading, BW_ERROR, (int)answers[i].reading);
        g_assert_error(sending, BW_ERROR, (int)answers[i].sending);
    }
    g_autoptr(GError) error = NULL;
    mastodon_fail(422, "{\"error\":\"Validation failed: too long\"}", true, &error);
    g_assert_nonnull(strstr(error->message, "Validation failed: too long"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mastodon/read", test_read);
    g_test_add_func("/mastodon/broken", test_broken);
    g_test_add_func("/mastodon/visibility", test_visibility);
    g_test_add_func("/mastodon/reply-text", test_reply_text);
    g_test_add_func("/mastodon/same-text", test_same_text);
    g_test_add_func("/mastodon/retry-at", test_retry_at);
    g_test_add_func("/mastodon/answers", test_answers);
    return g_test_run();
}
