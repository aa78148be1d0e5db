#include "core/engine/dedup.h"

#define START ((int64_t)1700000000 * 1000000)
#define HOUR ((int64_t)3600 * 1000000)

typedef struct Fixture {
    Dedup *dedup;
    Normalised *normalised;
    int64_t next;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    (void)data;
    f->dedup = dedup_new();
    f->normalised = normalised_new();
    f->next = 1;
}

static void tear_down(Fixture *f, gconstpointer data)
{
    (void)data;
    dedup_free(f->dedup);
    normalised_free(f->normalised);
}

static Duplicate take(Fixture *f, const char *text, int64_t at, int64_t person)
{
    Duplicate duplicate;
    normalise(f->normalised, text, -1);
    dedup_take(f->dedup, f->normalised, f->next++, at, person, &duplicate);
    return duplicate;
}

static const struct {
    const char *a, *b;
    bool same;
} rows[] = {
    {"Train to Trier cancelled again", "train to trier CANCELLED again!!!", true},
    {"Train to Trier cancelled again", "RT @anna: Train to Trier cancelled again", true},
    {"Train to Trier cancelled again", "Train to Trier cancelled again via @anna", true},
    {"Train to Trier cancelled again", "@acme Train to Trier cancelled again https://t.co/x", true},
    {"Train to Trier cancelled again", "Train to Trier canceled again", true},
    {"Train to Trier cancelled again", "the train to Trier is cancelled again", true},
    {"Train to Trier cancelled again", "Bus to Metz late as usual", false},
    {"my parcel is stuck in the depot since monday and nobody answers",
     "my parcel is stuck in the depot si…", true},
    {"my parcel is stuck in the depot since monday and nobody answers",
     "my parcel is stuck in the depot si [...]", true},
    {"my parcel is stuck in the depot since monday and nobody answers",
     "my letter is gone, what can I do about that…", false},
    /* numbers */
    {"where is order 4711, I want it now", "where is order 4712, I want it now", false},
    {"where is order 4711, I want it now", "where is order 4711 I want it NOW", true},
    {"I was charged 12.50 twice today", "I was charged 12,50 twice today", true},
    {"I was charged 12.50 twice today", "I was charged 13.50 twice today", false},
    {"my flight LH123 is delayed by two hours", "my flight LH124 is delayed by two hours", false},
    {"I have been waiting for 3 days for order 4711 now, hello?",
     "I have been waiting for days for order 4711 now, hello?", true},
    {"see https://acme.example/order/4711 what is that",
     "see https://acme.example/order/4712 what is that", false},
    {"see https://t.co/Ab3 what is that supposed to mean",
     "see https://t.co/xY9 what is that supposed to mean", true},
    {"my account anna12@example.org is locked out", "my account anna13@example.org is locked out",
     false},
    {"RT @user12: train to Trier cancelled again", "RT @user93: train to Trier cancelled again",
     true},
    /* short texts must be equal */
    {"thanks", "thanks!", true},
    {"no power", "no tower", false},
};

static void test_rows(Fixture *f, gconstpointer data)
{
    (void)data;
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_test_message("%s | %s", rows[i].a, rows[i].b);
        tear_down(f, NULL);
        set_up(f, NULL);
        g_assert_cmpint(take(f, rows[i].a, START, 1).of, ==, 0);
        g_assert_cmpint(take(f, rows[i].b, START, 2).of, ==, rows[i].same ? 1 : 0);
    }
}

static void test_first_and_own(Fixture *f, gconstpointer data)
{
    (void)data;
    const char *text = "kein Strom in Esch seit heute Morgen";
    take(f, text, START, 1);
    g_assert_cmpint(take(f, text, START + 1, 2).of, ==, 1);
    Duplicate own = take(f, "Kein Strom in Esch, seit heute Morgen!", START + 2, 2);
    g_assert_cmpint(own.of, ==, 2);
    g_assert_true(own.same_person);
    g_assert_false(take(f, text, START + 3, 0).same_person);
    g_assert_false(take(f, text, START + 4, 0).same_person); /* nobody known twice is not one */
}

static void test_window(Fixture *f, gconstpointer data)
{
    (void)data;
    const char *text = "kein Strom in Esch seit heute Morgen";
    take(f, text, START, 1);
    g_assert_cmpint(take(f, text, START + DEDUP_FOR - HOUR, 2).of, ==, 1);
    take(f, "something else altogether", START + 2 * DEDUP_FOR, 3);
    g_assert_cmpuint(dedup_size(f->dedup), ==, 1);
    g_assert_cmpint(take(f, text, START + 2 * DEDUP_FOR, 2).of, ==, 0);
}

static void test_bounded(Fixture *f, gconstpointer data)
{
    (void)data;
    for (int i = 0; i < DEDUP_MOST + 5000; i++) {
        g_autofree char *text = g_strdup_printf("%x", i * 2654435761u);
        take(f, text, START, i + 1);
    }
    g_assert_cmpuint(dedup_size(f->dedup), ==, DEDUP_MOST);
}

static void test_state(Fixture *f, gconstpointer data)
{
    (void)data;
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        take(f, rows[i].a, START + i * HOUR, i % 3);
    dedup_note_cluster(f->dedup, 5, 77, true);
    g_autoptr(GByteArray) bytes = g_byte_array_new(), again = g_byte_array_new();
    dedup_put(f->dedup, bytes);
    StateReader in = {bytes->data, bytes->data + bytes->len, false};
    Dedup *restored = dedup_get(&in);
    g_assert_nonnull(restored);
    dedup_put(restored, again);
    g_assert_cmpmem(bytes->data, bytes->len, again->data, again->len);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        Duplicate one, other;
        normalise(f->normalised, rows[i].b, -1);
        dedup_take(f->dedup, f->normalised, 1000 + i, START, 1, &one);
        dedup_take(restored, f->normalised, 1000 + i, START, 1, &other);
        g_assert_cmpint(one.of, ==, other.of);
        g_assert_cmpint(one.same_person, ==, other.same_person);
        g_assert_cmpint(one.cluster, ==, other.cluster);
    }
    dedup_free(restored);
}

static void test_where_a_person_put_it(Fixture *f, gconstpointer data)
{
    (void)data;
    take(f, "kein Strom in Esch seit heute Morgen", START, 1);
    dedup_note_cluster(f->dedup, 1, 5, false);
    g_assert_cmpint(take(f, "kein Strom in Esch seit heute Morgen!", START, 2).cluster, ==, 0);
    dedup_note_cluster(f->dedup, 2, 6, true);
    g_assert_cmpint(take(f, "Kein Strom in Esch seit heute morgen", START, 3).cluster, ==, 6);
    g_assert_cmpint(dedup_cluster(f->dedup, 1), ==, 5);
    g_assert_cmpint(dedup_cluster(f->dedup, 99), ==, 0);
}

#define ADD(path, function) g_test_add(path, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/dedup/rows", test_rows);
    ADD("/dedup/own", test_first_and_own);
    ADD("/dedup/window", test_window);
    ADD("/dedup/bounded", test_bounded);
    ADD("/dedup/state", test_state);
    ADD("/dedup/person", test_where_a_person_put_it);
    return g_test_run();
}
