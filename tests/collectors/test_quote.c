/* What is cut off a mail's text, by language and mail program, and what must stay. */
#include "collectors/quote.h"

#include <glib.h>
#include <string.h>

typedef struct Case {
    const char *name, *text, *body, *rest;
} Case;

static const Case cases[] = {
    {"nothing", "The app logs me out.", "The app logs me out.", NULL},
    {"empty", "", "", NULL},
    {"english",
     "Still broken.\n\nOn Mon, 2 Nov 2026 at 10:00, Acme <a@acme.example> wrote:\n> We look into "
     "it.\n",
     "Still broken.",
     "On Mon, 2 Nov 2026 at 10:00, Acme <a@acme.example> wrote:\n> We look into it."},
    {"english wrapped",
     "Still broken.\nOn Mon, 2 Nov 2026 at 10:00,\nAcme Support <a@acme.example>\nwrote:\n\n> hi",
     "Still broken.",
     "On Mon, 2 Nov 2026 at 10:00,\nAcme Support <a@acme.example>\nwrote:\n\n> hi"},
    {"german", "Geht immer noch nicht.\n\nAm 02.11.2026 um 10:00 schrieb Acme:\n> Wir prüfen das.",
     "Geht immer noch nicht.", "Am 02.11.2026 um 10:00 schrieb Acme:\n> Wir prüfen das."},
    {"german gmail",
     "Nein.\n\nAcme <a@acme.example> schrieb am Mo., 2. Nov. 2026, 10:00:\n\n> Geht es?", "Nein.",
     "Acme <a@acme.example> schrieb am Mo., 2. Nov. 2026, 10:00:\n\n> Geht es?"},
    {"french",
     "Toujours en panne.\n\nLe lun. 2 nov. 2026 à 10:00, Acme <a@acme.example> a écrit\u00a0:\n> "
     "Bonjour",
     "Toujours en panne.",
     "Le lun. 2 nov. 2026 à 10:00, Acme <a@acme.example> a écrit\u00a0:\n> Bonjour"},
    {"luxembourgish",
     "Et geet nach ëmmer net.\n\nDen 02.11.2026 um 10:00 huet Acme geschriwwen:\n> Moien",
     "Et geet nach ëmmer net.", "Den 02.11.2026 um 10:00 huet Acme geschriwwen:\n> Moien"},
    {"spanish", "No.\n\nEl lun, 2 nov 2026, Acme escribió:\n> Hola", "No.",
     "El lun, 2 nov 2026, Acme escribió:\n> Hola"},
    {"italian", "Ancora no.\nIl giorno 2 nov 2026 Acme ha scritto:\n> Ciao", "Ancora no.",
     "Il giorno 2 nov 2026 Acme ha scritto:\n> Ciao"},
    {"dutch", "Nog steeds.\nOp 2 nov 2026 schreef Acme <a@x.example>:\n> Dag", "Nog steeds.",
     "Op 2 nov 2026 schreef Acme <a@x.example>:\n> Dag"},
    {"without >", "Still broken.\n\nOn Mon, 2 Nov 2026, Acme wrote:\n\nWe look into it.",
     "Still broken.", "On Mon, 2 Nov 2026, Acme wrote:\n\nWe look into it."},
    {"outlook",
     "Nein, leider nicht.\n\n________________________________\nVon: Acme <a@acme.example>\n"
     "Gesendet: Montag, 2. November 2026 10:00\nAn: Jana\nBetreff: AW: Login\n\nGuten Tag",
     "Nein, leider nicht.",
     "________________________________\nVon: Acme <a@acme.example>\nGesendet: Montag, 2. November "
     "2026 10:00\n"
     "An: Jana\nBetreff: AW: Login\n\nGuten Tag"},
    {"outlook french",
     "Non.\n\nDe : Acme\nEnvoyé : lundi\nÀ : Jana\nObjet : RE: Connexion\n\nBonjour", "Non.",
     "De : Acme\nEnvoyé : lundi\nÀ : Jana\nObjet : RE: Connexion\n\nBonjour"},
    {"original message", "No.\n-----Original Message-----\nFrom: x", "No.",
     "-----Original Message-----\nFrom: x"},
    {"ursprüngliche", "Nein.\n-----Ursprüngliche Nachricht-----\nVon: x", "Nein.",
     "-----Ursprüngliche Nachricht-----\nVon: x"},
    {"d'origine", "Non.\n-----Message d'origine-----\nDe : x", "Non.",
     "-----Message d'origine-----\nDe : x"},
    {"bare >", "It works now, thanks.\n\n> Does it work?\n> Acme", "It works now, thanks.",
     "> Does it work?\n> Acme"},
    {"name only", "No it does not.\nJana Nowak wrote:\n> Does it work?", "No it does not.",
     "Jana Nowak wrote:\n> Does it work?"},
    {"below", "On Mon, 2 Nov 2026, Acme wrote:\n> Does it work?\n\nNo it does not.",
     "No it does not.", "On Mon, 2 Nov 2026, Acme wrote:\n> Does it work?"},
    {"between the lines",
     "On Mon, 2 Nov 2026, Acme wrote:\n> Which browser?\nFirefox.\n> Since when?\nSince noon.",
     "On Mon, 2 Nov 2026, Acme wrote:\n> Which browser?\nFirefox.\n> Since when?\nSince noon.",
     NULL},
    {"forwarded",
     "See below.\n\n---------- Forwarded message ---------\nFrom: Shop <s@x.example>\nDate: Mon\n"
     "Subject: Card\nTo: me\n\nYour card was refused.",
     "See below.\n\n---------- Forwarded message ---------\nFrom: Shop <s@x.example>\nDate: Mon\n"
     "Subject: Card\nTo: me\n\nYour card was refused.",
     NULL},
    {"weitergeleitet",
     "-------- Weitergeleitete Nachricht --------\nVon: x\nDatum: y\nBetreff: z\n\nKarte abgelehnt",
     "-------- Weitergeleitete Nachricht --------\nVon: x\nDatum: y\nBetreff: z\n\nKarte abgelehnt",
     NULL},
    {"only a quote", "On Mon, 2 Nov 2026, Acme wrote:\n> Does it work?",
     "On Mon, 2 Nov 2026, Acme wrote:\n> Does it work?", NULL},
    {"no intro: a sentence",
     "On Monday my bank wrote: the card is fine. So it is you.\nPlease fix it.",
     "On Monday my bank wrote: the card is fine. So it is you.\nPlease fix it.", NULL},
    {"no intro: no date", "On the error page someone wrote:\nTry again later.",
     "On the error page someone wrote:\nTry again later.", NULL},
    {"no block", "From: the app\nit says nothing at all.", "From: the app\nit says nothing at all.",
     NULL},
    {"signature", "Login fails.\n\n-- \nJana Nowak\nSales", "Login fails.",
     "-- \nJana Nowak\nSales"},
    {"signature, then quote", "Login fails.\n-- \nJana\n\nOn Mon, 2 Nov 2026, Acme wrote:\n> hi",
     "Login fails.", "-- \nJana\n\nOn Mon, 2 Nov 2026, Acme wrote:\n> hi"},
    {"closing de", "Die Karte geht nicht.\n\nMit freundlichen Grüßen\nJana Nowak\nTel. 123",
     "Die Karte geht nicht.", "Mit freundlichen Grüßen\nJana Nowak\nTel. 123"},
    {"closing with a name", "Die Karte geht nicht.\nLG Jana", "Die Karte geht nicht.", "LG Jana"},
    {"closing fr", "La carte est refusée.\n\nBien cordialement,\nAnne", "La carte est refusée.",
     "Bien cordialement,\nAnne"},
    {"closing lb", "D'Kaart geet net.\n\nMat beschte Gréiss\nTun", "D'Kaart geet net.",
     "Mat beschte Gréiss\nTun"},
    {"closing en", "Card refused.\n\nKind regards,\nJana", "Card refused.", "Kind regards,\nJana"},
    {"phone", "Card refused\n\nSent from my iPhone", "Card refused", "Sent from my iPhone"},
    {"phone de", "Karte abgelehnt\n\nVon meinem iPhone gesendet", "Karte abgelehnt",
     "Von meinem iPhone gesendet"},
    {"phone fr", "Carte refusée\n\nEnvoyé de mon iPhone", "Carte refusée", "Envoyé de mon iPhone"},
    {"a closing is no signature", "Best regards to the driver who lost my parcel.\nWhere is it?",
     "Best regards to the driver who lost my parcel.\nWhere is it?", NULL},
    {"prose after a closing",
     "Hello\nCheers\nand now the long story of how I tried to pay five times today with two "
     "different cards and the "
     "page kept failing.\nI want an answer.",
     "Hello\nCheers\nand now the long story of how I tried to pay five times today with two "
     "different cards and the "
     "page kept failing.\nI want an answer.",
     NULL},
    {"only a signature", "Mit freundlichen Grüßen\nJana", "Mit freundlichen Grüßen\nJana", NULL},
    {"postscript", "Card refused.\n\nRegards\nJana\n\nP.S. It worked yesterday.",
     "Card refused.\n\nRegards\nJana\n\nP.S. It worked yesterday.", NULL},
};

static void test_case(gconstpointer data)
{
    const Case *row = data;
    g_autofree char *body = NULL, *rest = NULL;
    quote_split(row->text, &body, &rest);
    g_assert_cmpstr(body, ==, row->body);
    g_assert_cmpstr(rest, ==, row->rest);
}

/* Whatever is cut, no word of the mail is lost. */
static void test_nothing_lost(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *body = NULL, *rest = NULL;
        quote_split(cases[i].text, &body, &rest);
        g_auto(GStrv) lines = g_strsplit(cases[i].text, "\n", -1);
        for (guint n = 0; lines[n]; n++)
            g_assert_true(strstr(body, lines[n]) || (rest && strstr(rest, lines[n])));
    }
}

/* Lines made to keep patterns busy: 200,000 of them take less than a few seconds, not hours. */
static void test_hostile(void)
{
    static const char *const pieces[] = {"On 1 ",
                                         "Am 1 schrieb schrieb ",
                                         "> ",
                                         "From: a\nTo: b\n",
                                         "-- \n",
                                         "Le 1 a écrit ",
                                         "\u00a0\u202f ",
                                         "LG A ",
                                         "wrote"};
    for (size_t p = 0; p < G_N_ELEMENTS(pieces); p++) {
        GString *text = g_string_new(NULL);
        for (int i = 0; i < 20000; i++) {
            g_string_append(text, pieces[p]);
            if (i % 7 == 0)
                g_string_append_c(text, '\n');
        }
        g_autofree char *body = NULL, *rest = NULL;
        gint64 start = g_get_monotonic_time();
        quote_split(text->str, &body, &rest);
        g_assert_cmpint(g_get_monotonic_time() - start, <, 10 * G_USEC_PER_SEC);
        g_assert_true(g_utf8_validate(body, -1, NULL));
        g_string_free(text, TRUE);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/quote/", cases[i].name, NULL);
        g_test_add_data_func(path, &cases[i], test_case);
    }
    g_test_add_func("/quote/nothing lost", test_nothing_lost);
    g_test_add_func("/quote/hostile", test_hostile);
    return g_test_run();
}
