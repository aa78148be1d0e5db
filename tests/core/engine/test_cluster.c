#include "core/engine/cluster.h"

#include <string.h>

#define START ((int64_t)1700000000 * 1000000)
#define MINUTE ((int64_t)60 * 1000000)

typedef struct Fixture {
    Clusterer *clusterer;
    Words *words;
    Normalised *normalised;
    GArray *features;
    int64_t at;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    (void)data;
    f->clusterer = clusterer_new();
    f->words = words_new(NULL);
    f->normalised = normalised_new();
    f->features = g_array_new(FALSE, FALSE, sizeof(Feature));
    f->at = START;
}

static void tear_down(Fixture *f, gconstpointer data)
{
    (void)data;
    clusterer_free(f->clusterer);
    words_free(f->words);
    normalised_free(f->normalised);
    g_array_unref(f->features);
}

static ClusterMessage message(Fixture *f, const char *text, const char *lang)
{
    normalise(f->normalised, text, -1);
    words_features(f->words, f->normalised, f->features);
    f->at += MINUTE;
    return (ClusterMessage){
        .at = f->at, .lang = lang, .features = f->features, .source = f->normalised->source->str};
}

static int64_t take(Fixture *f, const char *text, const char *lang)
{
    double confidence;
    ClusterMessage m = message(f, text, lang);
    int64_t cluster = clusterer_take(f->clusterer, &m, 0, &confidence);
    g_assert_cmpfloat(confidence, >=, 0);
    g_assert_cmpfloat(confidence, <=, 1);
    return cluster;
}

static int64_t current(Fixture *f, int64_t cluster)
{
    return clusterer_current(f->clusterer, cluster);
}

static const char *const power[] = {
    "power outage in the whole street, the fridge is off",
    "our street has a power outage, fridge and lights are off",
    "another power outage in our street, my fridge is warm",
    "is there a power outage in this street? fridge and heating are off",
};
static const char *const parcels[] = {
    "my parcel is stuck in the depot and tracking shows nothing",
    "parcel stuck in your depot, the tracking does not move",
    "tracking says the parcel is stuck in a depot for days",
    "where is my parcel, tracking says depot, it seems stuck",
};

static void test_alike_together_others_apart(Fixture *f, gconstpointer data)
{
    (void)data;
    int64_t a[G_N_ELEMENTS(power)], b[G_N_ELEMENTS(parcels)];
    for (gsize i = 0; i < G_N_ELEMENTS(power); i++) {
        a[i] = take(f, power[i], "en");
        b[i] = take(f, parcels[i], "en");
    }
    int64_t first = a[0];
    for (gsize i = 0; i < G_N_ELEMENTS(power); i++) {
        g_assert_cmpint(current(f, a[i]), ==, current(f, first));
        g_assert_cmpint(current(f, b[i]), ==, current(f, b[0]));
    }
    g_assert_cmpint(current(f, first), !=, current(f, b[0]));
    g_auto(GStrv) terms = clusterer_terms(f->clusterer, first, 4);
    g_assert_cmpuint(g_strv_length(terms), ==, 4);
    g_assert_true(g_strv_contains((const char *const *)terms, "fridge"));
    g_auto(GStrv) none = clusterer_terms(f->clusterer, 999, 4);
    g_assert_cmpuint(g_strv_length(none), ==, 0);
}

static void test_over_is_over(Fixture *f, gconstpointer data)
{
    (void)data;
    int64_t before = take(f, power[0], "en");
    take(f, power[1], "en");
    f->at += 3 * 24 * 60 * MINUTE;
    g_assert_cmpint(current(f, take(f, power[2], "en")), !=, current(f, before));
}

static void test_move_changes_the_next(Fixture *f, gconstpointer data)
{
    (void)data;
    int64_t from = 0, into;
    for (gsize i = 0; i < G_N_ELEMENTS(power); i++)
        from = take(f, power[i], "en");
    from = current(f, from);
    const char *other = "street lamps flicker at night, is that the power?";
    ClusterMessage m = message(f, other, "en");
    into = clusterer_move(f->clusterer, &m, from, 0);
    g_assert_cmpint(into, !=, from);
    g_assert_cmpint(current(f, take(f, "street lamps flicker all night in my street", "en")), ==,
                    into);
    g_assert_cmpint(current(f, take(f, power[0], "en")), ==, from);
    /* and the two stay apart, whatever comes */
    for (int i = 0; i < 30; i++) {
        take(f, power[i % 4], "en");
        take(f, "street lamps flicker at night, power?", "en");
    }
    g_assert_cmpint(current(f, from), !=, current(f, into));
}

static void test_merge_by_a_person(Fixture *f, gconstpointer data)
{
    (void)data;
    ClusterMerge merge;
    int64_t a = 0, b = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(power); i++) {
        a = take(f, power[i], "en");
        b = take(f, parcels[i], "en");
    }
    while (clusterer_next_merge(f->clusterer, &merge)) {
    }
    clusterer_merge(f->clusterer, a, b);
    g_assert_true(clusterer_next_merge(f->clusterer, &merge));
    g_assert_cmpint(current(f, a), ==, current(f, b));
    g_assert_cmpint(current(f, take(f, power[0], "en")), ==, current(f, b));
    clusterer_merge(f->clusterer, b, a); /* the other way round is nothing new */
    clusterer_merge(f->clusterer, 12345, 12345);
    while (clusterer_next_merge(f->clusterer, &merge))
        g_assert_not_reached();
}

static void test_merge_overrules_keeping_apart(Fixture *f, gconstpointer data)
{
    (void)data;
    int64_t from = take(f, power[0], "en");
    ClusterMessage m = message(f, power[1], "en");
    int64_t into = clusterer_move(f->clusterer, &m, from, 0);
    g_assert_cmpint(current(f, from), !=, current(f, into));
    clusterer_merge(f->clusterer, into, from);
    g_assert_cmpint(current(f, from), ==, current(f, into));
}

static void test_dismissed_neither_gives_nor_takes(Fixture *f, gconstpointer data)
{
    (void)data;
    ClusterMerge merge;
    int64_t a = take(f, power[0], "en");
    clusterer_dismiss(f->clusterer, a);
    g_assert_true(clusterer_dismissed(f->clusterer, a));
    for (int i = 0; i < 20; i++)
        g_assert_cmpint(take(f, power[0], "en"), ==, a);
    while (clusterer_next_merge(f->clusterer, &merge))
        g_assert_true(merge.from != a && merge.into != a);
}

/* Two shops with the same trouble: their names are used in every language, so they are names. */
static void test_names_keep_apart(Fixture *f, gconstpointer data)
{
    (void)data;
    static const struct {
        const char *lang, *before, *after;
    } ways[] = {
        {"de", "Kartenzahlung bei ", " geht nicht, abgelehnt"},
        {"en", "card payment declined at ", " again"},
        {"fr", "paiement par carte refusé chez ", ""},
        {"lb", "Kaartenzuelung bei ", " gëtt refuséiert"},
    };
    static const char *const names[] = {"Frischmarkt", "Sparhaus"};
    int64_t cluster[2] = {0, 0};
    for (int i = 0; i < 48; i++) {
        g_autofree char *text = g_strconcat("Guten Tag ", names[i % 2], ", hello", NULL);
        take(f, text, ways[i / 2 % 4].lang); /* the names become known */
    }
    f->at += 24 * 60 * MINUTE;
    for (int i = 0; i < 48; i++) {
        g_autofree char *text =
            g_strconcat(ways[i / 2 % 4].before, names[i % 2], ways[i / 2 % 4].after, NULL);
        cluster[i % 2] = take(f, text, ways[i / 2 % 4].lang);
    }
    g_assert_cmpint(current(f, cluster[0]), !=, current(f, cluster[1]));
}

static void test_bounded(Fixture *f, gconstpointer data)
{
    (void)data;
    int64_t last = 0;
    for (int i = 0; i < 60000; i++) {
        char text[64];
        g_snprintf(text, sizeof text, "x%x y%x", i * 2654435761u, i * 40503u + 7);
        int64_t cluster = take(f, text, "en");
        g_assert_cmpint(cluster, >=, last); /* never used again */
        last = cluster;
    }
    g_assert_cmpuint(clusterer_live(f->clusterer), <=, 50000);
    f->at += 30LL * 24 * 60 * MINUTE;
    take(f, "much later", "en");
    g_assert_cmpuint(clusterer_live(f->clusterer), ==, 1);
}

#define ADD(path, function) g_test_add(path, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/cluster/together", test_alike_together_others_apart);
    ADD("/cluster/over", test_over_is_over);
    ADD("/cluster/move", test_move_changes_the_next);
    ADD("/cluster/merge", test_merge_by_a_person);
    ADD("/cluster/overrule", test_merge_overrules_keeping_apart);
    ADD("/cluster/dismissed", test_dismissed_neither_gives_nor_takes);
    ADD("/cluster/names", test_names_keep_apart);
    ADD("/cluster/bounded", test_bounded);
    return g_test_run();
}
