/* What counts as a complaint on the first day, how corrections change it, and that nothing of it is
 * lost on the way through bytes. */
#include "core/base/error.h"
#include "core/engine/classify.h"
#include "core/engine/lexicon.h"

#include <string.h>

static double score_of(const Classifier *classifier, const char *text)
{
    g_autoptr(Normalised) normalised = normalised_new();
    normalise(normalised, text, -1);
    return classifier_score(classifier, normalised);
}

static void teach(Classifier *classifier, const char *text, bool complaint)
{
    g_autoptr(Normalised) normalised = normalised_new();
    normalise(normalised, text, -1);
    classifier_teach(classifier, normalised, complaint);
}

static void test_first_day(void)
{
    static const struct {
        const char *text;
        bool complaint;
    } rows[] = {
        {"Kartenzahlung geht nicht", true},
        {"is the app down?", true},
        {"kann mich nicht einloggen", true},
        {"paiement refusé", true},
        {"de Login geet net", true},
        {"@acme_help my payment keeps failing since this morning", true},
        {"@acme Seit zwei Stunden keine Verbindung, was ist da los?", true},
        {"Die App stürzt beim Bezahlen immer wieder ab", true},
        {"Ich komme nicht in mein Konto, bitte um Hilfe", true},
        {"Wo bleibt mein Paket? Sollte gestern kommen", true},
        {"Warum wurde mir der Betrag doppelt abgebucht?", true},
        {"still waiting for my refund, this is ridiculous", true},
        {"I can't log in, it says error 503", true},
        {"anyone else having problems with the website?", true},
        {"my order never arrived", true},
        {"impossible de me connecter à mon compte", true},
        {"l'appli ne marche plus depuis ce matin", true},
        {"toujours pas de remboursement, c'est inadmissible", true},
        {"le site est en panne ?", true},
        {"ma carte a été débitée deux fois", true},
        {"Ech kann mech net aloggen", true},
        {"d'App fonctionéiert net méi", true},
        {"Bezuelung mat der Kaart klappt net", true},
        {"ech waarden nach ëmmer op meng Bestellung", true},
        {"danke, super Service!", false},
        {"thank you so much, great service", false},
        {"merci beaucoup, vous êtes au top", false},
        {"villmools Merci, super Service", false},
        {"Alles läuft wieder, vielen Dank für die schnelle Hilfe", false},
        {"works again, thanks!", false},
        {"Guten Morgen zusammen, schönes Wochenende", false},
        {"bonjour Metz ! café et c'est parti", false},
        {"giveaway: follow us and share this post", false},
        {"Gewinnspiel! Jetzt mitmachen und gewinnen https://example.org", false},
        {"20% off today with promo code SAVE https://example.org/sale", false},
        {"gagnez un bon d'achat, participez au concours", false},
        {"So excited for the new album tonight", false},
        {"kein Problem, alles bestens", false},
        {"Happy birthday!", false},
        {"", false},
        {"😍🎉", false},
    };
    g_autoptr(Classifier) classifier = classifier_new();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        double score = score_of(classifier, rows[i].text);
        if ((score >= CLASSIFIER_THRESHOLD) != rows[i].complaint) {
            g_test_message("%.3f for '%s'", score, rows[i].text);
            g_test_fail();
        }
    }
}

/* One correction moves the message and ones like it, and leaves others nearly where they were. */
static void test_correction(void)
{
    g_autoptr(Classifier) classifier = classifier_new();
    const char *taught = "Warum kommt die Zeitung von gestern nicht?";
    const char *alike = "Die Zeitung von heute kommt nicht";
    const char *other = "Kartenzahlung geht nicht, schon wieder";
    double before = score_of(classifier, taught), alike_before = score_of(classifier, alike);
    double other_before = score_of(classifier, other);
    g_assert_cmpfloat(before, >, 0.5);
    teach(classifier, taught, false);
    g_assert_cmpfloat(score_of(classifier, taught), <, 0.5);
    g_assert_cmpfloat(score_of(classifier, alike), <, alike_before - 0.1);
    g_assert_cmpfloat(score_of(classifier, other), >, other_before - 0.1);
    for (int i = 0; i < 3; i++)
        teach(classifier, "Zebras gibt es im Zoo", true);
    g_assert_cmpfloat(score_of(classifier, "wieder Zebras im Zoo"), >, 0.5);
}

static void test_rehearse(void)
{
    g_autoptr(Classifier) classifier = classifier_new();
    g_autoptr(Normalised) normalised = normalised_new();
    normalise(normalised, "Zebras gibt es im Zoo", -1);
    classifier_teach(classifier, normalised, true);
    double once = classifier_score(classifier, normalised);
    for (int i = 0; i < 5; i++)
        classifier_rehearse(classifier, normalised, true);
    double often = classifier_score(classifier, normalised);
    g_assert_cmpfloat(often, >, once);
    g_autoptr(Classifier) counted = classifier_new();
    for (int i = 0; i < 6; i++)
        classifier_teach(counted, normalised, true);
    g_assert_cmpfloat(classifier_score(counted, normalised), >, often);
}

static char *why(const Classifier *classifier, const char *text)
{
    g_autoptr(Normalised) normalised = normalised_new();
    normalise(normalised, text, -1);
    g_auto(GStrv) words = classifier_why(classifier, normalised, 3);
    return g_strjoinv("|", words);
}

static void test_why(void)
{
    g_autoptr(Classifier) classifier = classifier_new();
    g_autofree char *words = why(classifier, "Liebes Team, die Zahlung GEHT bei mir NICHT!");
    g_assert_true(g_str_has_prefix(words, "GEHT bei mir NICHT"));
    g_autofree char *praise = why(classifier, "Danke, Super Service");
    g_assert_true(g_str_has_prefix(praise, "Super Service"));
    g_autofree char *nothing = why(classifier, "Tapete");
    g_assert_cmpstr(nothing, ==, "");
    for (int i = 0; i < 5; i++)
        teach(classifier, "Tapete gelb", true);
    g_autofree char *learnt = why(classifier, "eine Tapete für Oma");
    g_assert_true(g_str_has_prefix(learnt, "Tapete"));
}

static const char *const stream[] = {
    "die App geht nicht", "danke für alles",       "paiement refusé",   "neues Album am Freitag",
    "login broken again", "Zebras im Zoo gesehen", "de Login geet net", "wo ist mein Paket",
};

static void teach_stream(Classifier *classifier, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        teach(classifier, stream[i % G_N_ELEMENTS(stream)], i % 3 != 0);
}

/* Saved in the middle and restored, it goes on exactly as if nothing had happened. */
static void test_state(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Classifier) whole = classifier_new();
    g_autoptr(Classifier) half = classifier_new();
    teach_stream(whole, 0, 40);
    teach_stream(half, 0, 17);
    g_autoptr(GBytes) saved = classifier_save(half);
    g_autoptr(Classifier) restored = classifier_restore(saved, &error);
    g_assert_no_error(error);
    teach_stream(restored, 17, 40);
    g_autoptr(GBytes) one = classifier_save(whole);
    g_autoptr(GBytes) two = classifier_save(restored);
    g_assert_true(g_bytes_equal(one, two));
    for (size_t i = 0; i < G_N_ELEMENTS(stream); i++)
        g_assert_cmpfloat(score_of(whole, stream[i]), ==, score_of(restored, stream[i]));
    g_autoptr(Classifier) empty = classifier_new();
    g_autoptr(GBytes) nothing = classifier_save(empty);
    g_autoptr(Classifier) empty_again = classifier_restore(nothing, &error);
    g_assert_no_error(error);
    g_assert_cmpfloat(score_of(empty_again, stream[0]), ==, score_of(empty, stream[0]));
}

/* Broken bytes are refused, whatever is wrong with them; none brings it down. */
static void test_broken_state(void)
{
    g_autoptr(Classifier) classifier = classifier_new();
    teach_stream(classifier, 0, 8);
    g_autoptr(GBytes) saved = classifier_save(classifier);
    gsize size;
    const guint8 *data = g_bytes_get_data(saved, &size);
    static const struct {
        gssize at; /* from the end when negative */
        guint8 value;
    } rows[] = {{0, 'X'}, {7, '9'}, {11, 0xff}, {18, 0xff}, {-1, 0xff}};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree guint8 *copy = g_memdup2(data, size);
        copy[rows[i].at < 0 ? (gssize)size + rows[i].at : rows[i].at] = rows[i].value;
        g_autoptr(GBytes) bytes = g_bytes_new(copy, size);
        g_autoptr(Classifier) broken = classifier_restore(bytes, &error);
        g_assert_null(broken);
        g_assert_error(error, BW_ERROR, BW_ERROR_INVALID);
    }
    static const gsize cuts[] = {0, 5, 8, 15, 17, 30};
    for (size_t i = 0; i < G_N_ELEMENTS(cuts); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) bytes = g_bytes_new(data, cuts[i]);
        g_autoptr(Classifier) broken = classifier_restore(bytes, &error);
        g_assert_null(broken);
        g_assert_error(error, BW_ERROR, BW_ERROR_INVALID);
    }
}

/* The same word a hundred thousand times, and bytes of any kind, come to an end and to a score. */
static void test_hostile(void)
{
    g_autoptr(Classifier) classifier = classifier_new();
    g_autoptr(Normalised) normalised = normalised_new();
    g_autoptr(GString) text = g_string_new(NULL);
    for (int i = 0; i < 100000; i++)
        g_string_append(text, "not ");
    normalise(normalised, text->str, (gssize)text->len);
    double score = classifier_score(classifier, normalised);
    g_assert_cmpfloat(score, >=, 0);
    g_assert_cmpfloat(score, <=, 1);
    classifier_teach(classifier, normalised, true);
    g_autoptr(GRand) random = g_rand_new_with_seed(3);
    for (int i = 0; i < 200; i++) {
        g_string_truncate(text, 0);
        for (int n = 0; n < 300; n++)
            g_string_append_c(text, (char)g_rand_int_range(random, 0, 256));
        normalise(normalised, text->str, (gssize)text->len);
        g_assert_cmpfloat(classifier_score(classifier, normalised), >=, 0);
        classifier_teach(classifier, normalised, i % 2);
        g_auto(GStrv) words = classifier_why(classifier, normalised, 5);
        g_assert_cmpuint(g_strv_length(words), <=, 5);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/classify/first-day", test_first_day);
    g_test_add_func("/classify/correction", test_correction);
    g_test_add_func("/classify/rehearse", test_rehearse);
    g_test_add_func("/classify/why", test_why);
    g_test_add_func("/classify/state", test_state);
    g_test_add_func("/classify/broken-state", test_broken_state);
    g_test_add_func("/classify/hostile", test_hostile);
    return g_test_run();
}
