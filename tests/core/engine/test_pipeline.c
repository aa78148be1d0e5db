#include "core/base/error.h"
#include "core/engine/pipeline.h"

#include <string.h>

#define MINUTE ((int64_t)60 * 1000000)
#define START ((int64_t)1700000000 * 1000000)

typedef struct Mail {
    const char *text;
    char about; /* 'p': card payments fail, 'l': log-in loops, 'x': something of its own */
} Mail;

/* Two outages in four languages among other matters. */
static const Mail mails[] = {
    {"Kartenzahlung an der Kasse wird seit heute Morgen abgelehnt", 'p'},
    {"my card payment was declined three times at checkout", 'p'},
    {"Where is my parcel? Tracking has not moved since Monday", 'x'},
    {"Impossible de payer par carte, le paiement est refusé", 'p'},
    {"Login geht nicht, ich lande immer wieder auf der Anmeldeseite", 'l'},
    {"D'Bezuele mat der Kaart geet net, gëtt ëmmer refuséiert", 'p'},
    {"I cannot log in, the login page just loops back again", 'l'},
    {"Bei mir funktioniert die Zahlung mit Kreditkarte nicht, abgelehnt", 'p'},
    {"The shoes arrived in the wrong size, how do I exchange them?", 'x'},
    {"Connexion impossible, la page de connexion tourne en boucle", 'l'},
    {"payment by card fails, always declined, what is wrong?", 'p'},
    {"Ich kann mich nicht einloggen, die Anmeldung springt in einer Schleife zurück", 'l'},
    {"Mon paiement par carte est toujours refusé à la caisse", 'p'},
    {"Kann ech meng Bestellung nach stornéieren?", 'x'},
    {"Umeldung geet net, ech kommen ëmmer erëm op d'Login Säit", 'l'},
    {"Zahlung per Karte abgelehnt, obwohl genug Geld drauf ist", 'p'},
    {"login loop again, I am sent back to the sign in page", 'l'},
    {"Card declined at checkout, payment does not go through", 'p'},
    {"je n'arrive pas à me connecter, ça revient en boucle à la connexion", 'l'},
    {"Quand vais-je recevoir mon remboursement pour la veste ?", 'x'},
};

static PipelineMessage message_of(int i)
{
    return (PipelineMessage){.id = i + 1,
                             .at = START + i * MINUTE,
                             .person = 100 + i,
                             .text = mails[i % G_N_ELEMENTS(mails)].text};
}

static void drain(Pipeline *pipeline, GString *out)
{
    PipelineEvent event;
    while (pipeline_event(pipeline, &event))
        g_string_append_printf(out, "event %d %d %d %d\n", event.kind, (int)event.cluster,
                               (int)event.into, (int)event.people);
}

static void take(Pipeline *pipeline, const PipelineMessage *message, GString *out)
{
    PipelineVerdict verdict;
    pipeline_take(pipeline, message, &verdict);
    g_string_append_printf(out, "%d %a %d %s %d %d %d %a\n", (int)message->id, verdict.complaint,
                           verdict.is_complaint, verdict.lang, (int)verdict.duplicate_of,
                           verdict.same_person, (int)verdict.cluster, verdict.confidence);
    drain(pipeline, out);
}

static void test_languages_meet(void)
{
    g_autoptr(Pipeline) pipeline = pipeline_new();
    int64_t cluster[G_N_ELEMENTS(mails)];
    int suspects = 0;
    for (guint i = 0; i < G_N_ELEMENTS(mails); i++) {
        PipelineMessage message = message_of(i);
        PipelineVerdict verdict;
        PipelineEvent event;
        pipeline_take(pipeline, &message, &verdict);
        cluster[i] = verdict.cluster;
        while (pipeline_event(pipeline, &event))
            suspects += event.kind == PIPELINE_SUSPECT;
    }
    g_assert_cmpint(suspects, ==, 2);
    for (guint i = 0; i < G_N_ELEMENTS(mails); i++)
        for (guint k = 0; k < i; k++) {
            int64_t a = pipeline_current(pipeline, cluster[i]),
                    b = pipeline_current(pipeline, cluster[k]);
            bool same = mails[i].about == mails[k].about && mails[i].about != 'x';
            if (same != (a == b && a != 0))
                g_test_message("%s | %s", mails[i].text, mails[k].text);
            g_assert_true(same == (a == b && a != 0));
        }
}

static void test_goes_on_as_if_it_had_not_stopped(void)
{
    for (int stop = 0; stop < 100; stop += 9) {
        g_autoptr(Pipeline) whole = pipeline_new(), before = pipeline_new();
        g_autoptr(GString) expected = g_string_new(NULL), seen = g_string_new(NULL);
        for (int i = 0; i < 100; i++) {
            PipelineMessage message = message_of(i);
            take(whole, &message, expected);
        }
        for (int i = 0; i < stop; i++) {
            PipelineMessage message = message_of(i);
            take(before, &message, seen);
        }
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) state = pipeline_save(before);
        g_autoptr(Pipeline) after = pipeline_restore(state, &error);
        g_assert_no_error(error);
        g_autoptr(GBytes) again = pipeline_save(after);
        g_assert_true(g_bytes_equal(state, again));
        for (int i = stop; i < 100; i++) {
            PipelineMessage message = message_of(i);
            take(after, &message, seen);
        }
        g_assert_true(g_string_equal(seen, expected)); /* too long to print */
        g_autoptr(GBytes) end = pipeline_save(whole), end_too = pipeline_save(after);
        g_assert_true(g_bytes_equal(end, end_too));
    }
}

/* A state that was cut or changed must be refused or harmless, never a crash. */
static void test_broken_states(void)
{
    g_autoptr(Pipeline) pipeline = pipeline_new();
    g_autoptr(GString) out = g_string_new(NULL);
    for (int i = 0; i < 20; i++) {
        PipelineMessage message = message_of(i);
        take(pipeline, &message, out);
    }
    g_autoptr(GBytes) state = pipeline_save(pipeline);
    gsize size;
    const uint8_t *data = g_bytes_get_data(state, &size);
    for (gsize cut = 0; cut < size; cut += 1 + size / 200) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) part = g_bytes_new(data, cut);
        g_autoptr(Pipeline) restored = pipeline_restore(part, &error);
        g_assert_null(restored);
        g_assert_error(error, BW_ERROR, BW_ERROR_INVALID);
    }
    g_autofree uint8_t *changed = g_memdup2(data, size);
    for (gsize at = 0; at < size; at += 1 + size / 400) {
        changed[at] ^= 0x55;
        g_autoptr(GBytes) bytes = g_bytes_new(changed, size);
        g_autoptr(Pipeline) restored = pipeline_restore(bytes, NULL);
        for (int i = 0; restored && i < 5; i++) {
            PipelineMessage message = message_of(i);
            take(restored, &message, out);
        }
        changed[at] ^= 0x55;
    }
}

static void test_duplicates_and_repeats(void)
{
    static const struct {
        int64_t person;
        const char *text;
        int64_t of;
        bool same_person;
    } rows[] = {
        {1, "my card payment was declined at checkout", 0, false},
        {2, "RT @anna: my card payment was declined at checkout", 1, false},
        {1, "My card payment was declined at checkout!! https://t.co/x", 1, true},
        {2, "my card payment was declined at checkout", 2, true},
        {3, "my card payment of 12.50 was declined at checkout", 0, false},
        {4, "my card payment of 13.50 was declined at checkout", 0, false},
    };
    g_autoptr(Pipeline) pipeline = pipeline_new();
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        PipelineVerdict verdict;
        PipelineMessage message = {i + 1, START + i, rows[i].person, NULL, rows[i].text};
        pipeline_take(pipeline, &message, &verdict);
        g_assert_cmpint(verdict.duplicate_of, ==, rows[i].of);
        g_assert_cmpint(verdict.same_person, ==, rows[i].same_person);
    }
}

static int64_t cluster_of(Pipeline *pipeline, int64_t id, const char *text)
{
    PipelineVerdict verdict;
    PipelineEvent event;
    PipelineMessage message = {.id = id, .at = START + id * MINUTE, .person = id, .text = text};
    pipeline_take(pipeline, &message, &verdict);
    while (pipeline_event(pipeline, &event))
        ;
    return pipeline_current(pipeline, verdict.cluster);
}

static Pipeline *stopped_and_started(Pipeline *pipeline)
{
    g_autoptr(GBytes) state = pipeline_save(pipeline);
    Pipeline *restored = pipeline_restore(state, NULL);
    g_assert_nonnull(restored);
    pipeline_free(pipeline);
    return restored;
}

/* What a person corrects changes what happens to the next, also after a restart. */
static void test_corrections(void)
{
    Pipeline *pipeline = pipeline_new();
    const char *odd = "card payment declined for gift vouchers, voucher code not accepted";
    int64_t cards = 0;
    for (int i = 1; i <= 8; i++)
        cards = cluster_of(pipeline, i, mails[i % 2 ? 1 : 10].text);
    g_assert_cmpint(cluster_of(pipeline, 9, odd), ==, cards);
    PipelineMessage message = {.id = 9, .at = START + 9 * MINUTE, .person = 9, .text = odd};
    int64_t vouchers = pipeline_move(pipeline, &message, 0);
    g_assert_cmpint(vouchers, !=, cards);
    pipeline = stopped_and_started(pipeline);
    g_assert_cmpint(cluster_of(pipeline, 10, odd), ==, vouchers);
    g_assert_cmpint(
        cluster_of(pipeline, 11, "gift voucher code not accepted, voucher payment declined"), ==,
        vouchers);
    g_assert_cmpint(cluster_of(pipeline, 12, mails[1].text), ==, cards);

    pipeline_merge(pipeline, vouchers, cards);
    pipeline = stopped_and_started(pipeline);
    g_assert_cmpint(cluster_of(pipeline, 13, odd), ==, cards);

    PipelineVerdict before, after;
    PipelineMessage chatter = {.id = 14,
                               .at = START + 14 * MINUTE,
                               .person = 14,
                               .text = "how heavy is the large blue kettle, please?"};
    pipeline_take(pipeline, &chatter, &before);
    for (int i = 0; i < 3; i++)
        pipeline_teach_complaint(pipeline, &chatter, !before.is_complaint);
    pipeline = stopped_and_started(pipeline);
    chatter.id++;
    pipeline_take(pipeline, &chatter, &after);
    if (before.is_complaint)
        g_assert_cmpfloat(after.complaint, <, before.complaint);
    else
        g_assert_cmpfloat(after.complaint, >, before.complaint);
    pipeline_free(pipeline);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pipeline/languages", test_languages_meet);
    g_test_add_func("/pipeline/restore", test_goes_on_as_if_it_had_not_stopped);
    g_test_add_func("/pipeline/broken", test_broken_states);
    g_test_add_func("/pipeline/duplicates", test_duplicates_and_repeats);
    g_test_add_func("/pipeline/corrections", test_corrections);
    return g_test_run();
}
