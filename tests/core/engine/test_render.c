/* Lengths as the networks count them, and where a text that is too long is cut. */
#include "core/engine/render.h"

#include <string.h>

#define FAMILY "👨‍👩‍👧‍👦"
#define WAVE "👋🏽"
#define FLAG "🇱🇺"
#define ZALGO "a\u0301\u0302\u0303\u0304"

typedef struct Vector {
    const char *kind, *text;
    int times; /* the text so often, 0 as 1 */
    int64_t length;
    int segments; /* 0: not looked at */
    const char *unit;
} Vector;

static const Vector vectors[] = {
    /* X: NFC, weights, an emoji 2, a link 23 */
    {"x", "", 0, 0},
    {"x", "This is a test.", 0, 15},
    {"x", "Hi http://test.co", 0, 26},
    {"x", "http://test.com", 0, 23},
    {"x", "https://test.com", 0, 23},
    {"x", "test.com", 0, 23},
    {"x", "Test https://test.com test https://test.com test.com test", 0, 86},
    {"x", "Grüße " WAVE, 0, 8},
    {"x", "漢字", 0, 4},
    {"x", "acme.com", 0, 23},
    {"x", "acme.example", 0, 12},
    {"x", "acme.com.", 0, 24},
    {"x", "(acme.com)", 0, 25},
    {"x", "foo.co.jp", 0, 23},
    {"x", "ACME.COM/Status?x=1#y!", 0, 24},
    {"x", "https://acme.com/a_(b)", 0, 23},
    {"x", "(https://acme.com/a)", 0, 25},
    {"x", "https://acme.com:8080/x", 0, 23},
    {"x", "max@acme.com", 0, 12},
    {"x", "gelöst.Bitte", 0, 12},
    {"x", "看acme.com", 0, 25},
    {"x", "A\u0301B", 0, 2},
    {"x", "שּׁ", 0, 3},
    {"x", "H🐱☺" FAMILY, 0, 7},
    {"x", "😷👾😡🔥💩", 0, 10},
    {"x", "🙋🏽👨‍🎤", 0, 4},
    {"x", FLAG FLAG, 0, 4},
    {"x", "1️⃣", 0, 2},
    {"x", "©", 0, 1},
    {"x", "©️", 0, 2},
    {"x", "☺️", 0, 2},
    {"x", "☺\uFE0E", 0, 4},
    {"x", "„Hallo“ – …", 0, 12},
    {"x", "€", 0, 2},
    {"x", "の", 140, 280},
    {"x", "\U0001f431", 140, 280},
    {"x", ZALGO, 0, 4},
    {"x", "https://www.example.com/aloha ", 10, 240},
    /* Mastodon: graphemes, a link 23, @user@host as @user */
    {"mastodon", "", 0, 0},
    {"mastodon", "@alice@example.social hi https://x.example/long", 0, 33},
    {"mastodon", "@alice@example.social", 0, 6},
    {"mastodon", "@alice", 0, 6},
    {"mastodon", "@alice.b@example.social.", 0, 9},
    {"mastodon", "mail me: alice@example.social", 0, 29},
    {"mastodon", "/@alice@example.social", 0, 22},
    {"mastodon", "(@alice@example.social)", 0, 8},
    {"mastodon", "@a@x.example @b@y.example", 0, 5},
    {"mastodon", "@ alice", 0, 7},
    {"mastodon", "@münchen", 0, 8},
    {"mastodon", "http://a.example", 0, 23},
    {"mastodon", "https://a.example/" FAMILY, 0, 24},
    {"mastodon", "https://a.example/x, https://b.example", 0, 48},
    {"mastodon", "https://a.example/x.", 0, 24},
    {"mastodon", "(https://a.example/x)", 0, 25},
    {"mastodon", "https://a.example/x_(y)", 0, 23},
    {"mastodon", "https://a.example/a-very-long-path-that-goes-on?and=on#and-on", 0, 23},
    {"mastodon", "acme.com", 0, 8},
    {"mastodon", "xhttps://a.example", 0, 18},
    {"mastodon", "https://", 0, 8},
    {"mastodon", "ftp://a.example/x", 0, 17},
    {"mastodon", FAMILY, 0, 1},
    {"mastodon", FAMILY, 500, 500},
    {"mastodon", WAVE, 0, 1},
    {"mastodon", FLAG FLAG, 0, 2},
    {"mastodon", ZALGO, 0, 1},
    {"mastodon", "Grüße", 0, 5},
    {"mastodon", "Gru\u0308ße", 0, 5},
    {"mastodon", "漢字", 0, 2},
    {"mastodon", "a\r\nb", 0, 3},
    {"mastodon", "a\n\nb", 0, 4},
    {"mastodon", "1️⃣ 2️⃣", 0, 3},
    {"mastodon", "नि", 0, 1},
    {"mastodon", "각", 0, 1},
    {"mastodon", "#tag :emoji:", 0, 12},
    /* Bluesky: 300 graphemes and 3,000 bytes, links in full */
    {"bluesky", "", 0, 0},
    {"bluesky", "👨‍👩‍👧 ü", 0, 3},
    {"bluesky", "Hallo Welt", 0, 10},
    {"bluesky", FAMILY, 0, 1},
    {"bluesky", FAMILY, 120, 120},
    {"bluesky", FAMILY, 121, 3025, 0, "bytes"},
    {"bluesky", FAMILY, 301, 301, 0, "graphemes"},
    {"bluesky", "a", 300, 300},
    {"bluesky", "ü", 300, 300},
    {"bluesky", "漢", 300, 300},
    {"bluesky", "😕", 300, 300},
    {"bluesky", FLAG, 300, 300, 0, "graphemes"},
    {"bluesky", FLAG, 2, 2},
    {"bluesky", "🇩🇪🇫🇷🇱", 0, 3},
    {"bluesky", WAVE WAVE, 0, 2},
    {"bluesky", ZALGO, 0, 1},
    {"bluesky", ZALGO, 300, 300},
    {"bluesky", "e\u0301", 0, 1},
    {"bluesky", "https://status.acme.example/incidents/42", 0, 40},
    {"bluesky", "@petra.example Danke, wir prüfen das: status.acme.example", 0, 57},
    {"bluesky", "1️⃣2️⃣", 0, 2},
    {"bluesky", "❤️", 0, 1},
    {"bluesky", "❤", 0, 1},
    {"bluesky", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", 0, 1},
    {"bluesky", "👩‍💻👨‍🚒", 0, 2},
    {"bluesky", "a\u200Db", 0, 2},
    {"bluesky", "\u0301", 0, 1},
    {"bluesky", "a\r\nb", 0, 3},
    {"bluesky", "ไทย", 0, 3},
    {"bluesky", "नमस्ते", 0, 3},
    {"bluesky", "한국어", 0, 3},
    {"bluesky", "مرحبا", 0, 5},
    {"bluesky/direct", "ü", 1000, 1000, 0, "graphemes"},
    {"bluesky/direct", FAMILY, 401, 10025, 0, "bytes"},
    /* SMS: septets or UTF-16 units, and the segments */
    {"sms", "", 0, 0, 1},
    {"sms", "a", 160, 160, 1},
    {"sms", "a", 161, 161, 2},
    {"sms", "a", 306, 306, 2},
    {"sms", "a", 307, 307, 3},
    {"sms", "a", 459, 459, 3},
    {"sms", "a", 460, 460, 4},
    {"sms", "€", 80, 160, 1},
    {"sms", "€", 81, 162, 2},
    {"sms", "€", 152, 304, 2},
    {"sms", "€", 153, 306, 3},
    {"sms", "ê", 70, 70, 1},
    {"sms", "ê", 71, 71, 2},
    {"sms", "ê", 134, 134, 2},
    {"sms", "ê", 135, 135, 3},
    {"sms", "😕", 35, 70, 1},
    {"sms", "😕", 36, 72, 2},
    {"sms", "😕", 66, 132, 2},
    {"sms", "😕", 67, 134, 3},
    {"sms", "äöüÄÖÜß", 20, 140, 1},
    {"sms", "àèéìòù", 20, 120, 1},
    {"sms", "ç", 70, 70, 1},
    {"sms", "ç", 71, 71, 2},
    {"sms", "Ç", 160, 160, 1},
    {"sms", "{}[]~|^\\", 10, 160, 1},
    {"sms", "{}[]~|^\\", 11, 176, 2},
    {"sms", "ΔΦΓΛΩΠΨΣΘΞ", 16, 160, 1},
    {"sms", "„Hallo“", 10, 70, 1},
    {"sms", "„Hallo“", 11, 77, 2},
    {"sms", "á", 71, 71, 2},
    {"sms", "\n", 160, 160, 1},
    {"sms", "\f", 80, 160, 1},
    {"sms", "`", 71, 71, 2},
    {"sms", "@£$¥¤§¿¡", 20, 160, 1},
    {"sms", "Привет", 12, 72, 2},
    {"sms", FAMILY, 6, 66, 1},
    {"sms", FAMILY, 7, 77, 2},
    /* the others */
    {"telegram", "😕", 2048, 4096, 0, "UTF-16"},
    {"telegram", "ü", 0, 1},
    {"instagram/direct", "ü", 500, 1000, 0, "bytes"},
    {"instagram", "ü", 500, 500, 0, "code points"},
    {"threads", "😕", 0, 4},
    {"threads", "ü☺", 0, 2},
    {"facebook", FAMILY, 0, 7},
    {"reddit", "漢字", 0, 2},
    {"email", FAMILY, 0, 1},
    {"nowhere", "abc", 0, 3},
};

static char *repeat(const char *text, int times)
{
    GString *all = g_string_new(NULL);
    for (int i = 0; i < MAX(times, 1); i++)
        g_string_append(all, text);
    return g_string_free(all, FALSE);
}

static void test_lengths(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(vectors); i++) {
        const Vector *vector = &vectors[i];
        g_autofree char *text = repeat(vector->text, vector->times);
        RenderCount count;
        render_count(vector->kind, text, 0, &count);
        if (count.length != vector->length ||
            (vector->segments && count.segments != vector->segments) ||
            (vector->unit && strcmp(count.unit, vector->unit) != 0)) {
            g_test_message("%s '%s' x %d: %" G_GINT64_FORMAT " %s, %d segments", vector->kind,
                           vector->text, MAX(vector->times, 1), count.length, count.unit,
                           count.segments);
            g_test_fail();
        }
    }
}

static void test_limits(void)
{
    static const struct {
        const char *kind;
        int64_t override, limit;
    } rows[] = {
        {"x", 0, 280},
        {"mastodon", 0, 500},
        {"mastodon", 5000, 5000},
        {"bluesky", 0, 300},
        {"sms", 0, 1600},
        {"email", 0, 0},
        {"replay", 0, 0},
        {"nowhere", 0, 0},
        {"mastodon/direct", 0, 500},
        {"x/direct", 0, 10000},
        {"facebook/direct", 0, 2000},
        {"google-play", 0, 350},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        RenderCount count;
        render_count(rows[i].kind, "x", rows[i].override, &count);
        g_assert_cmpint(count.limit, ==, rows[i].limit);
    }
    g_assert_true(render_knows("mastodon/direct"));
    g_assert_false(render_knows("nowhere"));
    g_assert_false(render_knows("nowhere/direct"));
    g_assert_false(render_knows(NULL));
}

static void test_beyond_gsm(void)
{
    g_autofree char *none = render_beyond_gsm("Grüße, 5 € {ok}");
    g_autofree char *found = render_beyond_gsm("Nous vérifions, un peu de forêt");
    g_assert_null(none);
    g_assert_cmpstr(found, ==, "ê");
}

/* Every part fits, nothing but white space is lost, and no part starts inside a link or grapheme.
 */
static void check_parts(const char *kind, const char *text, int64_t limit, guint parts_wanted)
{
    g_autoptr(GPtrArray) parts = render_parts(kind, text, limit);
    const char *at = text;
    for (guint i = 0; i < parts->len; i++) {
        const char *part = g_ptr_array_index(parts, i);
        RenderCount count;
        render_count(kind, part, limit, &count);
        g_assert_true(count.limit == 0 || count.length <= count.limit);
        while (g_ascii_isspace(*at))
            at++;
        g_assert_true(g_str_has_prefix(at, part));
        at += strlen(part);
    }
    while (g_ascii_isspace(*at))
        at++;
    g_assert_cmpstr(at, ==, "");
    g_assert_cmpuint(parts->len, ==, parts_wanted);
}

static void test_parts(void)
{
    g_autofree char *words = repeat("Wort und ", 100);
    g_autofree char *families = repeat(FAMILY, 700);
    g_autofree char *links = repeat("https://a.example/some/long/path-to-it ", 30);
    g_autofree char *euros = repeat("€", 900);
    check_parts("mastodon", "", 0, 0);
    check_parts("mastodon", "kurz", 0, 1);
    check_parts("mastodon", words, 0, 2);
    check_parts("x", words, 0, 4);
    check_parts("email", words, 0, 1);
    check_parts("mastodon", families, 0, 2);
    check_parts("bluesky", families, 0, 6);
    check_parts("mastodon", links, 0, 2);
    check_parts("sms", euros, 0, 2);

    g_autoptr(GPtrArray) sentences =
        render_parts("mastodon", "Wir prüfen das gerade. Bis 15 Uhr melden wir uns.", 40);
    g_assert_cmpuint(sentences->len, ==, 2);
    g_assert_cmpstr(g_ptr_array_index(sentences, 0), ==, "Wir prüfen das gerade.");
    g_assert_cmpstr(g_ptr_array_index(sentences, 1), ==, "Bis 15 Uhr melden wir uns.");

    g_autoptr(GPtrArray) link =
        render_parts("google-play", "Siehe https://status.acme.example/a/b/c?d=e bitte.", 20);
    g_assert_cmpuint(link->len, ==, 3);
    g_assert_cmpstr(g_ptr_array_index(link, 1), ==, "https://status.acme.example/a/b/c?d=e");
}

/* Broken UTF-8 and ten thousand marks on one letter end in time and in one piece. */
static void test_hostile(void)
{
    RenderCount count;
    render_count("mastodon", "a\xff\xfe b", 0, &count);
    g_assert_cmpint(count.length, ==, 5);
    g_autofree char *marks = repeat("\u0301", 10000);
    g_autofree char *stack = g_strconcat("a", marks, " und mehr", NULL);
    render_count("x", stack, 0, &count);
    g_assert_cmpint(count.length, >, 9999);
    g_autoptr(GPtrArray) parts = render_parts("x", stack, 0);
    g_assert_cmpuint(parts->len, ==, 2);
    g_assert_cmpstr(g_ptr_array_index(parts, 1), ==, "und mehr");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/render/lengths", test_lengths);
    g_test_add_func("/render/limits", test_limits);
    g_test_add_func("/render/beyond-gsm", test_beyond_gsm);
    g_test_add_func("/render/parts", test_parts);
    g_test_add_func("/render/hostile", test_hostile);
    return g_test_run();
}
