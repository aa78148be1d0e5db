#include "core/engine/language.h"
#include "core/engine/normalise.h"

#include <string.h>

static const struct {
    const char *text, *canon;
} canon_rows[] = {
    {"Bezahlung NICHT möglich!!", "bezahlung nicht moglich"},
    {"Straße, STRASSE", "strasse strasse"},
    {"ﬁnally paid", "finally paid"},
    {"Ｌｏｇｉｎ", "login"},
    {"sooooo slow", "so slow"},
    {"l'appli d'Bezuelung it's don't qu'elle", "l appli d bezuelung it s dont qu elle"},
    {"what’s wrong, they’re gone", "what wrong they gone"},
    {"aujourd'hui", "aujourd hui"},
    {"n’accepte qu’elle aujourd’hui", "n accepte qu elle aujourd hui"},
    {"12,50 € um 10:30 Uhr, order 4711-A", "12.50 um 10:30 uhr order 4711 a"},
    {"٤٢ items", "42 items"},
    {"see https://t.co/x?a=1 or www.x.org now", "see or now"},
    {"@acme @a_b@example.social help me@example.org please", "help please"},
    {"down 😡😡😡 :( #Fail", "down 😡 🙁 fail"},
    {"👍🏽 ok", "👍 ok"},
    {"Tom &amp; me", "tom me"},
    {"支払い", "支 払 い"},
    {"תשלום נכשל", "תשלום נכשל"},
    {"e\xcc\x81te\xcc\x81", "ete"},
    {"\xff\xfe ok \x80", "ok"},
    {"", ""},
    {"?!", ""},
};

static void test_canon(void)
{
    g_autoptr(Normalised) n = normalised_new();
    for (gsize i = 0; i < G_N_ELEMENTS(canon_rows); i++) {
        normalise(n, canon_rows[i].text, -1);
        g_assert_cmpstr(n->canon->str, ==, canon_rows[i].canon);
    }
}

static void test_tokens_point_into_both_texts(void)
{
    g_autoptr(Normalised) n = normalised_new();
    normalise(n, "Die ZAHLUNG über 12.50 schlääägt fehl", -1);
    const Token *shouted = normalised_token(n, 1), *number = normalised_token(n, 3);
    g_assert_cmpuint(shouted->flags, ==, TOKEN_WORD | TOKEN_CAPITAL | TOKEN_SHOUTED);
    g_assert_cmpuint(number->flags, ==, TOKEN_NUMBER);
    g_assert_cmpuint(normalised_token(n, 4)->flags, ==, TOKEN_WORD | TOKEN_STRETCHED);
    g_assert_cmpmem(n->source->str + shouted->from, shouted->size, "ZAHLUNG", 7);
    g_assert_cmpmem(normalised_bytes(n, shouted), shouted->length, "zahlung", 7);
    g_assert_cmpuint(shouted->hash, ==, normalise_hash("zahlung", 7));
    g_assert_cmpuint(number->hash, !=, shouted->hash);
}

static void test_taken_off_but_remembered(void)
{
    g_autoptr(Normalised) n = normalised_new();
    normalise(n, "RT @anna: Karte geht nicht https://t.co/abc", -1);
    g_assert_true(n->retweet);
    g_assert_cmpmem(n->source->str + n->retweet_of.from, n->retweet_of.size, "anna", 4);
    g_assert_cmpstr(n->canon->str, ==, "karte geht nicht");
    g_assert_cmpuint(n->urls->len, ==, 1);
    g_assert_null(strstr(n->plain->str, "http"));

    normalise(n, "Karte geht nicht via @anna", -1);
    g_assert_true(n->retweet);
    g_assert_cmpstr(n->canon->str, ==, "karte geht nicht");

    normalise(n, "thanks @anna, when? why?!", -1);
    g_assert_false(n->retweet);
    g_assert_cmpuint(n->handles->len, ==, 1);
    g_assert_cmpint(n->questions, ==, 2);
    g_assert_cmpint(n->exclamations, ==, 1);
}

static void test_cut(void)
{
    g_autoptr(Normalised) n = normalised_new();
    normalise(n, "my parcel is late and the deliv…", -1);
    g_assert_true(n->cut);
    g_assert_cmpuint(normalised_token(n, n->tokens->len - 1)->flags, ==, TOKEN_WORD | TOKEN_CUT);
    normalise(n, "my parcel is late ...", -1);
    g_assert_true(n->cut);
    g_assert_cmpuint(normalised_token(n, n->tokens->len - 1)->flags, ==, TOKEN_WORD);
}

/* A megabyte of whatever is hardest must take about as long as a megabyte of anything. */
static void test_hostile(void)
{
    static const char *const parts[] = {"a",  "é",       "\xcc\x81", "1.",      "@",
                                        "a.", "http://", "\xff",     "😡",       "'",
                                        "a'", "&amp;",   "文",       "RT @a: ", "#a"};
    g_autoptr(Normalised) n = normalised_new();
    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        while (text->len < 1000000)
            g_string_append(text, parts[i]);
        gint64 start = g_get_monotonic_time();
        normalise(n, text->str, text->len);
        g_assert_cmpint(g_get_monotonic_time() - start, <, 500000);
        g_assert_cmpuint(n->tokens->len, <=, NORMALISE_MOST_TOKENS);
        g_assert_cmpuint(n->source->len, <=, NORMALISE_MOST_BYTES);
        g_assert_true(g_utf8_validate(n->source->str, n->source->len, NULL));
        g_assert_true(g_utf8_validate(n->canon->str, n->canon->len, NULL));
    }
    normalise(n, "pay\0ment", 8);
    g_assert_cmpstr(n->canon->str, ==, "pay ment");
}

static const struct {
    const char *text, *claim, *lang;
} language_rows[] = {
    {"Die Kartenzahlung funktioniert seit heute Morgen nicht mehr", NULL, "de"},
    {"card payments have not been working since this morning", NULL, "en"},
    {"impossible de payer par carte depuis ce matin", NULL, "fr"},
    {"D'Bezuele mat der Kaart geet zënter haut de Moien net méi", NULL, "lb"},
    {"no puedo pagar con mi tarjeta desde esta mañana", NULL, "es"},
    {"https://t.co/abc @anna", NULL, "-"},
    {"😡😡", NULL, "-"},
    {"", "de", "-"},
};

static void test_language(void)
{
    g_autoptr(Normalised) n = normalised_new();
    for (gsize i = 0; i < G_N_ELEMENTS(language_rows); i++) {
        char lang[4];
        normalise(n, language_rows[i].text, -1);
        language_of(n, language_rows[i].claim, lang);
        g_assert_cmpstr(lang, ==, language_rows[i].lang);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/normalise/canon", test_canon);
    g_test_add_func("/normalise/tokens", test_tokens_point_into_both_texts);
    g_test_add_func("/normalise/remembered", test_taken_off_but_remembered);
    g_test_add_func("/normalise/cut", test_cut);
    g_test_add_func("/normalise/hostile", test_hostile);
    g_test_add_func("/language/of", test_language);
    return g_test_run();
}
