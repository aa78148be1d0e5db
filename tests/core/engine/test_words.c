#include "core/engine/words.h"

#include <string.h>

static GArray *features_of(Words *words, const char *text)
{
    g_autoptr(Normalised) n = normalised_new();
    GArray *features = g_array_new(FALSE, FALSE, sizeof(Feature));
    normalise(n, text, -1);
    words_features(words, n, features);
    return features;
}

static guint shared(Words *words, const char *a, const char *b)
{
    g_autoptr(GArray) x = features_of(words, a);
    g_autoptr(GArray) y = features_of(words, b);
    guint count = 0;
    for (guint i = 0; i < x->len; i++)
        for (guint k = 0; k < y->len; k++)
            count += g_array_index(x, Feature, i).hash == g_array_index(y, Feature, k).hash;
    return count;
}

static const struct {
    const char *a, *b;
    guint shared;
} rows[] = {
    /* a concept in each of the languages */
    {"payment", "Zahlung", 1},
    {"paiement", "bezuelen", 1},
    {"bezahle", "paying", 1},
    /* compounds mean what their parts mean */
    {"Kreditkartenzahlung", "card payment", 2},
    {"Stroumpann", "power outage", 2},
    /* phrases, longest first */
    {"I cannot log in", "Anmeldung", 1},
    {"geht nicht", "ne marche pas", 1},
    {"no one answers", "niemand antwortet", 1},
    /* accents and case do not matter */
    {"PRÉLÈVEMENT", "prelevement", 1},
    /* other words by their beginning, so that inflections meet */
    {"Teekannen", "Teekanne", 1},
    {"mugs", "mug", 0}, /* too short to be safe */
    {"kettles", "kettle", 1},
    {"colours of the tablecloth", "tablecloths coloured", 2},
    /* stop words are nothing, in any language */
    {"the and of", "und der", 0},
    {"I have been there", "I have been there", 0},
    /* numbers are whole */
    {"4711", "4712", 0},
    {"order 4711", "4711", 1},
};

static void test_rows(void)
{
    g_autoptr(Words) words = words_new(NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_test_message("%s | %s", rows[i].a, rows[i].b);
        g_assert_cmpuint(shared(words, rows[i].a, rows[i].b), ==, rows[i].shared);
    }
}

static void test_list_of_a_brand(void)
{
    g_autoptr(Words) words = words_new(NULL);
    g_autoptr(Words) more = words_new("# the loyalty card\nBonuskarte = Treuepunkte = loyalty*\n");
    g_assert_cmpuint(shared(words, "Treuepunkte", "loyalty points"), ==, 0);
    g_assert_cmpuint(shared(more, "Treuepunkte", "loyaltypoints"), ==, 1);
}

static void test_where_it_was_written(void)
{
    g_autoptr(Words) words = words_new(NULL);
    const char *text = "Oh, ich kann mich nicht EINLOGGEN!";
    g_autoptr(GArray) features = features_of(words, text);
    const Feature *last = &g_array_index(features, Feature, features->len - 1);
    g_assert_cmpmem(text + last->from, last->size, "EINLOGGEN", 9);
    g_assert_true(last->flags & FEATURE_CONCEPT);
}

static void test_bounded(void)
{
    g_autoptr(Words) words = words_new(NULL);
    g_autoptr(GString) text = g_string_new(NULL);
    for (int i = 0; i < 2000; i++)
        g_string_append_printf(text, "word%c%c ", 'a' + i % 26, 'a' + i / 26 % 26);
    g_autoptr(GArray) features = features_of(words, text->str);
    g_assert_cmpuint(features->len, <=, WORDS_MOST_FEATURES);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/words/rows", test_rows);
    g_test_add_func("/words/more", test_list_of_a_brand);
    g_test_add_func("/words/written", test_where_it_was_written);
    g_test_add_func("/words/bounded", test_bounded);
    return g_test_run();
}
