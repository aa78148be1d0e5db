/* The mails we send, read back the way others will read them. */
#include "collectors/letter.h"
#include "collectors/mime.h"

#include <string.h>

#define OWN "support@acme.example"

static const Letter plain = {
    .from = OWN,
    .from_name = "Acme Hilfe",
    .to = "jana@example.net",
    .to_name = "Jana Nowak",
    .subject = "Login",
    .body = "Hello Jana,\n\nit works again.",
    .lang = "de",
    .message_id = "bw.1.2.x@acme.example",
    .parent = "m2@example.net",
    .breakwater_id = "1/2 mac",
    .date = G_GINT64_CONSTANT(1793610000) * G_USEC_PER_SEC,
};

static char *raw_of(const Letter *letter)
{
    g_autoptr(GBytes) bytes = letter_compose(letter);
    gsize size;
    const char *data = g_bytes_get_data(bytes, &size);
    return g_strndup(data, size);
}

static Mail *read_back(const Letter *letter)
{
    g_autofree char *raw = raw_of(letter);
    return mime_read(raw, strlen(raw), "nobody@acme.example", NULL);
}

static void test_plain(void)
{
    Letter letter = plain;
    json_t *chain = json_pack("[s,s]", "m1@example.net", "m2@example.net");
    letter.chain = chain;
    g_autoptr(Mail) mail = read_back(&letter);
    g_assert_cmpstr(mail->from, ==, OWN);
    g_assert_cmpstr(mail->from_name, ==, "Acme Hilfe");
    g_assert_cmpstr(mail->to->pdata[0], ==, "jana@example.net");
    g_assert_cmpstr(mail->subject, ==, "Re: Login");
    g_assert_cmpstr(mail->message_id, ==, "bw.1.2.x@acme.example");
    g_assert_cmpstr(mail->parent, ==, "m2@example.net");
    g_assert_cmpuint(mail->references->len, ==, 2);
    g_assert_cmpstr(mail->references->pdata[0], ==, "m1@example.net");
    g_assert_cmpstr(mail->text, ==, "Hello Jana,\n\nit works again.");
    g_assert_cmpstr(mail->breakwater_id, ==, "1/2 mac");
    g_assert_cmpint(mail->date, ==, letter.date);
    g_assert_null(mail->automatic);
    g_autofree char *raw = raw_of(&letter);
    g_assert_nonnull(strstr(raw, "\r\nContent-Language: de\r\n"));
    g_assert_nonnull(strstr(raw, "\r\nContent-Transfer-Encoding: quoted-printable\r\n"));
    g_assert_null(strstr(raw, "Auto-Submitted"));
    json_decref(chain);
}

static void test_automatic(void)
{
    Letter letter = plain;
    letter.automatic = true;
    g_autoptr(Mail) mail = read_back(&letter);
    g_autofree char *raw = raw_of(&letter);
    g_assert_cmpstr(mail->automatic, ==, "auto-replied");
    g_assert_nonnull(strstr(raw, "\r\nX-Auto-Response-Suppress: All\r\n"));
}

static void test_languages(void)
{
    static const char *const texts[] = {
        "Grüße, Größe",         "Ça marche à nouveau – désolé", "Et geet nees, Äer Kaart",
        "日本語のメール",       "👨‍👩‍👧‍👦 ok", "a=b = c=3D",
        "trailing space \nline"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        Letter letter = plain;
        letter.subject = letter.to_name = letter.body = texts[i];
        letter.to_name = "Zoë Müller, Dr.";
        g_autoptr(Mail) mail = read_back(&letter);
        g_autofree char *raw = raw_of(&letter);
        g_assert_cmpstr(mail->text, ==, texts[i]);
        g_assert_true(g_str_is_ascii(raw));
        if (!strchr(texts[i], '\n')) {
            g_autofree char *subject = g_strconcat("Re: ", texts[i], NULL);
            g_assert_cmpstr(mail->subject, ==, subject);
        }
    }
}

/* Every line ends in CRLF, none is longer than SMTP takes, and a lone dot is the server's business.
 */
static void test_lines(void)
{
    GString *body = g_string_new(".\n..\nFrom here on\n");
    for (int i = 0; i < 5000; i++)
        g_string_append(body, "ö long ");
    json_t *chain = json_array();
    for (int i = 0; i < 12; i++) {
        g_autofree char *id = g_strdup_printf("%0300d@x", i);
        json_array_append_new(chain, json_string(id));
    }
    Letter letter = plain;
    letter.body = body->str;
    letter.subject = "a very long subject with many words, and then Größe and more words so that "
                     "it has to be folded "
                     "at least once or twice before it ends somewhere here";
    letter.chain = chain;
    g_autofree char *raw = raw_of(&letter);
    g_auto(GStrv) lines = g_strsplit(raw, "\r\n", -1);
    for (guint i = 0; lines[i]; i++) {
        g_assert_cmpuint(strlen(lines[i]), <, 998);
        g_assert_null(strpbrk(lines[i], "\r\n"));
    }
    g_autoptr(Mail) mail = read_back(&letter);
    g_assert_cmpuint(mail->references->len, ==, 13);
    g_autofree char *subject = g_strconcat("Re: ", letter.subject, NULL);
    g_assert_cmpstr(mail->subject, ==, subject);
    g_assert_true(g_str_has_prefix(mail->text, ".\n..\nFrom here on\nö long"));
    json_decref(chain);
    g_string_free(body, TRUE);
}

static void test_injection(void)
{
    static const char evil[] = "x\r\nBcc: victim@example.net\r\n\r\nbody\nX-Evil: 1";
    Letter letter = plain;
    json_t *chain = json_pack("[s,s,s]", evil, "<a> <b>", "ok@x");
    letter.subject = letter.from_name = letter.to_name = letter.lang = letter.breakwater_id = evil;
    letter.parent = evil;
    letter.chain = chain;
    g_autofree char *raw = raw_of(&letter);
    g_autofree char *head = g_strndup(raw, (gsize)(strstr(raw, "\r\n\r\n") - raw));
    g_assert_null(strstr(head, "\nBcc"));
    g_assert_null(strstr(head, "\nX-Evil"));
    g_autoptr(Mail) mail = read_back(&letter);
    g_assert_cmpuint(mail->references->len, ==, 1);
    g_assert_cmpstr(mail->references->pdata[0], ==, "ok@x");
    g_assert_cmpuint(mail->to->len, ==, 1);
    g_assert_cmpstr(mail->text, ==, plain.body);
    json_decref(chain);
}

static void test_subject(void)
{
    static const char *const cases[][2] = {{"Login", "Re: Login"},
                                           {"Re: Login", "Re: Login"},
                                           {"RE: AW: Re[2]: Login", "Re: Login"},
                                           {"Antwort: Login", "Re: Login"},
                                           {"  re :Login", "Re: Login"},
                                           {"", "Re:"},
                                           {NULL, "Re:"},
                                           {"Re:", "Re:"},
                                           {"Reklamation: Tasse", "Re: Reklamation: Tasse"},
                                           {"Fwd: Login", "Re: Fwd: Login"},
                                           {"RE", "Re: RE"},
                                           {"AWS: down", "Re: AWS: down"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *subject = letter_subject(cases[i][0]);
        g_assert_cmpstr(subject, ==, cases[i][1]);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/letter/plain", test_plain);
    g_test_add_func("/letter/automatic", test_automatic);
    g_test_add_func("/letter/languages", test_languages);
    g_test_add_func("/letter/lines", test_lines);
    g_test_add_func("/letter/injection", test_injection);
    g_test_add_func("/letter/subject", test_subject);
    return g_test_run();
}
