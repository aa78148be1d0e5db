/* Mails as they come, whole and broken, and what is read out of them. */
#include "collectors/mime.h"

#include <string.h>

#define OWN "support@acme.example"
#define HEAD                                                                                       \
    "From: Jana Nowak <Jana@Example.net>\r\nTo: support@acme.example\r\nSubject: Login\r\n"        \
    "Message-ID: <m1@example.net>\r\nDate: Mon, 2 Nov 2026 10:00:00 +0100\r\n"
#define TEXT HEAD "Content-Type: text/plain; charset=utf-8\r\n"
#define MIXED HEAD "Content-Type: multipart/mixed; boundary=B\r\n\r\n"

static Mail *read_text(const char *raw)
{
    g_autoptr(GError) error = NULL;
    Mail *mail = mime_read(raw, strlen(raw), OWN, &error);
    g_assert_no_error(error);
    return mail;
}

/* ---- text ---- */

typedef struct TextCase {
    const char *name, *raw, *text;
} TextCase;

static const TextCase texts[] = {
    {"plain", TEXT "\r\nThe app\r\nlogs me out.\r\n", "The app\nlogs me out."},
    {"no body", HEAD, ""},
    {"empty body", TEXT "\r\n", ""},
    {"empty HTML without charset", HEAD "Content-Type: text/html\r\n\r\n", ""},
    {"no content type", HEAD "\r\nhello", "hello"},
    {"bare line feeds", "From: j@example.net\nSubject: x\n\nhello\nyou\n", "hello\nyou"},
    {"quoted-printable",
     TEXT "Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=\r\n=C3=9Fe", "Grüße"},
    {"base64", TEXT "Content-Transfer-Encoding: base64\r\n\r\nR3LDvMOfZQ==\r\n", "Grüße"},
    {"base64, broken off", TEXT "Content-Transfer-Encoding: base64\r\n\r\nR3LDvMOfZ", "Grüß"},
    {"latin-1", HEAD "Content-Type: text/plain; charset=iso-8859-1\r\n\r\nGr\xfc\xdf\x65", "Grüße"},
    {"windows in latin-1", HEAD "Content-Type: text/plain; charset=iso-8859-1\r\n\r\n5 \x80",
     "5 €"},
    {"utf-8 called latin-1",
     HEAD "Content-Type: text/plain; charset=iso-8859-1\r\n\r\nGr\xc3\xbc\xc3\x9f\x65", "Grüße"},
    {"8 bit without charset", HEAD "\r\nGr\xfc\xdf\x65", "Grüße"},
    {"8 bit called ascii", HEAD "Content-Type: text/plain; charset=us-ascii\r\n\r\nGr\xfc\xdf\x65",
     "Grüße"},
    {"broken utf-8", TEXT "\r\nab\xff\xc3(", "ab\xef\xbf\xbd\xef\xbf\xbd("},
    {"unknown charset", HEAD "Content-Type: text/plain; charset=x-klingon\r\n\r\nhello \xe9",
     "hello é"},
    {"koi8-r", HEAD "Content-Type: text/plain; charset=koi8-r\r\n\r\n\xf0\xd2\xc9\xd7\xc5\xd4",
     "Привет"},
    {"flowed",
     HEAD "Content-Type: text/plain; charset=utf-8; format=flowed\r\n\r\nThe app \r\nlogs me "
          "\r\nout.\r\n\r\nBye",
     "The app logs me out.\n\nBye"},
    {"flowed delsp", HEAD "Content-Type: text/plain; format=flowed; delsp=yes\r\n\r\nlog \r\nin",
     "login"},
    {"flowed quote",
     HEAD "Content-Type: text/plain; format=flowed\r\n\r\n> a \r\n> b\r\nnew \r\n-- \r\nJ",
     "> a b\nnew \n-- \nJ"},
    {"html",
     HEAD
     "Content-Type: text/html; charset=utf-8\r\n\r\n<p>Hi &uuml; &amp; <b>co</b></p><p>x<br>y</p>",
     "Hi ü & co\n\nx\ny"},
    {"html, charset inside", HEAD "Content-Type: text/html\r\n\r\n<meta charset=koi8-r><p>\xf0\xd2",
     "Пр"},
    {"alternative",
     HEAD "Content-Type: multipart/alternative; boundary=B\r\n\r\n--B\r\n\r\nplain\r\n--B\r\n"
          "Content-Type: text/html\r\n\r\n<p>rich\r\n--B--\r\n",
     "plain"},
    {"alternative, plain empty",
     HEAD "Content-Type: multipart/alternative; boundary=B\r\n\r\n--B\r\n\r\n \r\n--B\r\n"
          "Content-Type: text/html\r\n\r\n<p>rich\r\n--B--\r\n",
     "rich"},
    {"text around a picture",
     MIXED "--B\r\n\r\none\r\n--B\r\nContent-Type: image/png\r\n\r\nx\r\n--B\r\n\r\ntwo\r\n--B--",
     "one\n\ntwo"},
    {"no end", MIXED "--B\r\n\r\none\r\n--B\r\nContent-Type: text/plain\r\n\r\ntw", "one\n\ntw"},
    {"boundary missing", HEAD "Content-Type: multipart/mixed\r\n\r\nhello", "hello"},
    {"boundary wrong",
     HEAD "Content-Type: multipart/mixed; boundary=C\r\n\r\n--B\r\n\r\nhello\r\n--B--\r\n",
     "--B\n\nhello\n--B--"},
    {"forwarded as attachment",
     MIXED "--B\r\nContent-Type: message/rfc822\r\n\r\nFrom: a@b.example\r\nSubject: in\r\n\r\n"
           "inner words\r\n--B--\r\n",
     "inner words"},
    {"nul bytes are dropped", TEXT "Content-Transfer-Encoding: base64\r\n\r\nYQBi\r\n", "ab"},
};

static void test_text(gconstpointer data)
{
    const TextCase *row = data;
    g_autoptr(Mail) mail = read_text(row->raw);
    g_assert_cmpstr(mail->text, ==, row->text);
}

static void test_attachments(void)
{
    g_autoptr(Mail) mail = read_text(
        MIXED "--B\r\n\r\nsee picture\r\n--B\r\nContent-Type: image/png; name=\"a/b\\c.png\"\r\n"
              "Content-Disposition: attachment; filename*=utf-8''..%2Fgr%C3%BC%C3%9Fe.png\r\n"
              "Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--B\r\nContent-Type: text/plain; "
              "name=log.txt\r\n"
              "Content-Disposition: attachment\r\n\r\n12345\r\n--B\r\nContent-Type: "
              "message/rfc822\r\n\r\n"
              "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nx\r\n--B--\r\n");
    g_autofree char *list = json_dumps(mail->attachments, JSON_COMPACT);
    g_assert_cmpstr(mail->text, ==, "see picture");
    g_assert_cmpstr(list, ==,
                    "[{\"name\":\"grüße.png\",\"type\":\"image/png\",\"size\":3},"
                    "{\"name\":\"log.txt\",\"type\":\"text/plain\",\"size\":5},"
                    "{\"name\":\"Grüße\",\"type\":\"message/rfc822\",\"size\":0}]");
}

/* ---- header ---- */

static void test_header(void)
{
    g_autoptr(Mail) mail = read_text(
        "From: =?iso-8859-1?Q?J=FCrgen?= <J@Example.NET>, other@example.net\r\n"
        "To: Support <Support@acme.example>, team: a@b.example, c@d.example;\r\nCc: E@f.example\r\n"
        "Reply-To: \"x\" <answers@example.net>\r\nSubject: =?utf-8?b?R3LDvMOfZQ==?=\r\n "
        "=?utf-8?q?_an_alle?=\r\n"
        "Message-ID:  <Abc@example.net> (odd)\r\nIn-Reply-To: your mail <p1@x> of today <p2@x>\r\n"
        "References: <r1@x>\r\n <r2@\r\n x> <r1@x> <Abc@example.net>\r\nDate: Mon, 2 Nov 2026 "
        "10:00:00 +0100\r\n\r\nx");
    g_assert_cmpstr(mail->from, ==, "j@example.net");
    g_assert_cmpstr(mail->from_name, ==, "Jürgen");
    g_assert_cmpstr(mail->reply_to, ==, "answers@example.net");
    g_assert_cmpuint(mail->to->len, ==, 4);
    g_assert_cmpstr(mail->to->pdata[0], ==, "support@acme.example");
    g_assert_cmpstr(mail->subject, ==, "Grüße an alle");
    g_assert_cmpstr(mail->message_id, ==, "Abc@example.net");
    g_assert_cmpstr(mail->parent, ==, "p1@x");
    g_assert_cmpint(mail->date, ==, G_GINT64_CONSTANT(1793610000) * G_USEC_PER_SEC);
    static const char *const ids[] = {"r1@x", "r2@x", "p1@x", "p2@x"};
    g_assert_cmpuint(mail->references->len, ==, G_N_ELEMENTS(ids));
    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++)
        g_assert_cmpstr(mail->references->pdata[i], ==, ids[i]);
}

typedef struct HeadCase {
    const char *name, *raw, *from, *id, *subject;
    bool own;
} HeadCase;

static const HeadCase heads[] = {
    {"no id", "From: a@b.example\r\nSubject: x\r\n\r\n", "a@b.example", NULL, "x"},
    {"empty id", "From: a@b.example\r\nMessage-ID: <>\r\n\r\n", "a@b.example", NULL, NULL},
    {"id without brackets", "From: a@b.example\r\nMessage-ID: m@b\r\n\r\n", "a@b.example", "m@b",
     NULL},
    {"id with a space", "From: a@b.example\r\nMessage-ID: <m 1@b>\r\n\r\n", "a@b.example", "m1@b",
     NULL},
    {"raw 8 bit subject", "From: a@b.example\r\nSubject: Gr\xfc\xdf\x65\r\n\r\n", "a@b.example",
     NULL, "Grüße"},
    {"control characters", "From: a@b.example\r\nSubject: =?utf-8?q?a=0D=0ABcc:_x?=\r\n\r\n",
     "a@b.example", NULL, "a Bcc: x"},
    {"sender only", "Sender: a@b.example\r\n\r\n", "a@b.example", NULL, NULL},
    {"from is broken", "From: nobody\r\nReturn-Path: <a@b.example>\r\n\r\n", "a@b.example", NULL,
     NULL},
    {"our own", "From: Support@acme.example\r\nTo: j@example.net\r\n\r\n", OWN, NULL, NULL, true},
    {"contact form in our name",
     "From: support@acme.example\r\nTo: support@acme.example\r\nReply-To: j@example.net\r\n\r\n",
     "j@example.net", NULL, NULL},
    {"contact form, no-reply",
     "From: no-reply@acme.example\r\nTo: support@acme.example\r\nReply-To: j@example.net\r\n\r\n",
     "j@example.net", NULL, NULL},
    {"answers to us", "From: a@b.example\r\nReply-To: support@acme.example\r\n\r\n", "a@b.example",
     NULL, NULL},
};

static void test_head(gconstpointer data)
{
    const HeadCase *row = data;
    g_autoptr(Mail) mail = read_text(row->raw);
    g_assert_cmpstr(mail->from, ==, row->from);
    g_assert_cmpstr(mail->message_id, ==, row->id);
    g_assert_cmpstr(mail->subject, ==, row->subject);
    g_assert_cmpint(mail->own, ==, row->own);
    g_assert_null(mail->reply_to);
}

static const char noise[] = "Return-Path: <a@b.example>\r\nReceived: from x\r\n\r\nnoise";
static const char nobody[] = "From: \r\nTo: " OWN "\r\n\r\nx";

static void test_unreadable(void)
{
    static const char *const raws[] = {
        "", "\r\n", "hello\r\nthere\r\n", "Subject: x\r\n\r\nno sender", nobody, noise, "\x89PNG"};
    for (size_t i = 0; i < G_N_ELEMENTS(raws); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(mime_read(raws[i], strlen(raws[i]), OWN, &error));
        g_assert_error(error, BW_ERROR, BW_ERROR_INVALID);
        g_assert_cmpuint(strlen(error->message), >, 10);
    }
}

/* The same mail by two ways has one digest, another mail that borrows its Message-ID has its own.
 */
static void test_digest(void)
{
    g_autoptr(Mail) mail = read_text(TEXT "\r\nGrüße an alle");
    g_autoptr(Mail) again = read_text(
        "Received: from x\r\n" TEXT
        "Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe an=\r\n alle\r\n");
    g_autoptr(Mail) other = read_text(TEXT "\r\nGrüße an keinen");
    g_autoptr(Mail) sender =
        read_text("From: mallory@example.net\r\nMessage-ID: <m1@example.net>\r\n\r\nGrüße an alle");
    g_assert_cmpuint(strlen(mail->digest), ==, 16);
    g_assert_cmpstr(mail->digest, ==, again->digest);
    g_assert_cmpstr(mail->digest, !=, other->digest);
    g_assert_cmpstr(mail->digest, !=, sender->digest);
}

/* ---- automatic ---- */

typedef struct AutomaticCase {
    const char *name, *fields, *automatic;
} AutomaticCase;

static const AutomaticCase automatics[] = {
    {"person", "Subject: help", NULL},
    {"person, says no", "Auto-Submitted: no", NULL},
    {"asks for no automatic answer", "X-Auto-Response-Suppress: All", NULL},
    {"out of office", "Auto-Submitted: auto-replied (vacation)", "auto-replied"},
    {"monitoring", "Auto-Submitted: auto-generated", "auto-generated"},
    {"notification", "Auto-Submitted: auto-notified; owner-email=x@y", "auto-generated"},
    {"old vacation", "Precedence: auto_reply", "auto-replied"},
    {"x-autoreply", "X-Autoreply: yes", "auto-replied"},
    {"subject de", "Subject: Automatische Antwort: Login", "auto-replied"},
    {"subject fr", "Subject: =?utf-8?q?R=C3=A9ponse_automatique_:_Login?=", "auto-replied"},
    {"subject of a person", "Subject: your automatic reply makes no sense", NULL},
    {"null sender", "Return-Path: <>", "auto-generated"},
    {"newsletter", "List-Unsubscribe: <https://x.example/u>", "list"},
    {"list", "List-Id: <users.lists.example>", "list"},
    {"bulk", "Precedence: bulk", "list"},
    {"our own group",
     "List-Id: <support.acme.example>\r\nPrecedence: list\r\nList-Unsubscribe: <mailto:x@y>", NULL},
    {"spam", "X-Spam-Flag: YES", "spam"},
    {"exim bounce", "X-Failed-Recipients: gone@example.net", "bounce"},
    {"read receipt",
     "Content-Type: multipart/report; report-type=disposition-notification; boundary=B", "receipt"},
    {"bounce", "Content-Type: multipart/report; report-type=delivery-status; boundary=B", "bounce"},
};

static void test_automatic(gconstpointer data)
{
    const AutomaticCase *row = data;
    g_autofree char *raw =
        g_strconcat("From: j@example.net\r\nTo: " OWN "\r\n", row->fields, "\r\n\r\nx\r\n", NULL);
    g_autoptr(Mail) mail = read_text(raw);
    g_assert_cmpstr(mail->automatic, ==, row->automatic);
}

static void test_senders(void)
{
    g_autoptr(Mail) daemon = read_text("From: MAILER-DAEMON@example.net (Mail Delivery)\r\n\r\nx");
    g_autoptr(Mail) noreply = read_text("From: no-reply@shop.example\r\n\r\nx");
    g_autoptr(Mail) person = read_text("From: noreplyson@shop.example\r\n\r\nx");
    g_assert_cmpstr(daemon->automatic, ==, "bounce");
    g_assert_cmpstr(noreply->automatic, ==, "auto-generated");
    g_assert_null(person->automatic);
}

#define DSN(recipient, action)                                                                     \
    "From: MAILER-DAEMON@mx.example\r\nContent-Type: multipart/report; "                           \
    "report-type=delivery-status; boundary=B\r\n\r\n"                                              \
    "--B\r\n\r\nSorry\r\n--B\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; " \
    "mx.example\r\n\r\n"                                                                           \
    "Final-Recipient: rfc822; " recipient "\r\nAction: " action "\r\nStatus: 5.2.2\r\n"            \
    "Diagnostic-Code: smtp; 552 5.2.2\r\n Mailbox full\r\n\r\n--B\r\nContent-Type: "               \
    "message/rfc822\r\n\r\n"                                                                       \
    "From: support@acme.example\r\nMessage-ID: <bw.1.2.x@acme.example>\r\n\r\nhello\r\n--B--\r\n"

static void test_bounce(void)
{
    g_autoptr(Mail) mail = read_text(DSN("Full@example.net", "failed"));
    g_assert_cmpstr(mail->automatic, ==, "bounce");
    g_assert_true(mail->failed);
    g_assert_cmpstr(mail->failed_id, ==, "bw.1.2.x@acme.example");
    g_assert_cmpstr(mail->failed_to, ==, "full@example.net");
    g_assert_cmpstr(mail->failed_reason, ==, "552 5.2.2 Mailbox full");
    g_assert_cmpstr(mail->text, ==, "Sorry");

    g_autoptr(Mail) late = read_text(DSN("full@example.net", "delayed"));
    g_assert_false(late->failed);
    g_autoptr(Mail) copy = read_text(DSN(OWN, "failed"));
    g_assert_false(copy->failed);
    g_assert_null(copy->failed_to);

    g_autoptr(Mail) plain =
        read_text("From: mailer-daemon@mx.example\r\nX-Failed-Recipients: gone@example.net\r\n\r\n"
                  "This message was created automatically.\r\n\r\nMessage-ID: "
                  "<bw.1.3.x@acme.example>\r\nSubject: y\r\n");
    g_assert_true(plain->failed);
    g_assert_cmpstr(plain->failed_id, ==, "bw.1.3.x@acme.example");
}

/* ---- hostile ---- */

static double read_seconds(const char *raw, size_t size)
{
    gint64 start = g_get_monotonic_time();
    g_autoptr(Mail) mail = mime_read(raw, size, OWN, NULL);
    if (mail)
        g_assert_true(g_utf8_validate(mail->text, -1, NULL));
    return (double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC;
}

static void test_deep(void)
{
    GString *raw = g_string_new("From: a@b.example\r\n");
    for (int i = 0; i < 10000; i++)
        g_string_append_printf(raw, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n",
                               i, i);
    g_string_append(raw, "\r\ndeep");
    g_assert_cmpfloat(read_seconds(raw->str, raw->len), <, 20);
    g_string_truncate(raw, 0);
    g_string_append(raw, "From: a@b.example\r\n");
    for (int i = 0; i < 10000; i++)
        g_string_append(raw, "Content-Type: message/rfc822\r\n\r\n");
    g_assert_cmpfloat(read_seconds(raw->str, raw->len), <, 20);
    g_string_free(raw, TRUE);
}

static void test_many_parts(void)
{
    GString *raw = g_string_new(MIXED "--B\r\n\r\nthe words\r\n");
    for (int i = 0; i < 300000; i++)
        g_string_append(raw, "--B\r\n\r\n\r\n");
    g_autoptr(Mail) mail = mime_read(raw->str, raw->len, OWN, NULL);
    g_assert_nonnull(mail);
    g_assert_true(g_str_has_prefix(mail->text, "the words\n\n[This mail has too many parts"));
    g_string_free(raw, TRUE);
}

/* Whatever bytes are changed, cut or doubled in a mail, reading it ends, in valid text or with a
 * reason. */
static void test_mutations(void)
{
    const char *seed = MIXED
        "--B\r\nContent-Type: multipart/alternative; "
        "boundary=C\r\n\r\n--C\r\n\r\nGr\xc3\xbc\xc3\x9f\x65\r\n"
        "--C\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: "
        "quoted-printable\r\n\r\n"
        "<p>Gr=C3=BC&szlig;e <a href=3D\"https://x.example\">x</a>\r\n--C--\r\n--B\r\n"
        "Content-Type: image/png; name=\"=?utf-8?q?=C3=A4?=\"\r\nContent-Transfer-Encoding: "
        "base64\r\n\r\nAAAA\r\n"
        "--B\r\nContent-Type: message/rfc822\r\n\r\n" DSN("a@b.example", "failed") "\r\n--B--\r\n";
    size_t length = strlen(seed);
    for (int round = 0; round < 3000; round++) {
        GByteArray *raw = g_byte_array_new();
        g_byte_array_append(raw, (const guint8 *)seed, (guint)length);
        for (int changes = g_test_rand_int_range(1, 8); changes--;) {
            if (!raw->len)
                break;
            guint at = (guint)g_test_rand_int_range(0, (gint32)raw->len);
            switch (g_test_rand_int_range(0, 3)) {
            case 0:
                raw->data[at] = (guint8)g_test_rand_int_range(0, 256);
                break;
            case 1: {
                guint most = (guint)g_test_rand_int_range(1, 40);
                g_byte_array_remove_range(raw, at, MIN(raw->len - at, most));
                break;
            }
            default:
                g_byte_array_append(raw, (const guint8 *)seed + at % length,
                                    (guint)(length - at % length));
            }
        }
        g_autoptr(GError) error = NULL;
        g_autoptr(Mail) mail = mime_read(raw->data, raw->len, OWN, &error);
        g_assert_true((mail == NULL) == (error != NULL));
        if (mail) {
            g_assert_true(g_utf8_validate(mail->text, -1, NULL));
            g_assert_true(!mail->subject || g_utf8_validate(mail->subject, -1, NULL));
            g_assert_true(g_utf8_validate(mail->from, -1, NULL));
            g_assert_true(strchr(mail->from, '@') != NULL);
            g_autofree char *list = json_dumps(mail->attachments, 0);
            g_assert_nonnull(list);
        }
        g_byte_array_unref(raw);
    }
}

static void add_texts(const char *folder, const TextCase *rows, size_t count, GTestDataFunc test)
{
    for (size_t i = 0; i < count; i++) {
        g_autofree char *path = g_strconcat(folder, rows[i].name, NULL);
        g_test_add_data_func(path, &rows[i], test);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_texts("/mime/text/", texts, G_N_ELEMENTS(texts), test_text);
    for (size_t i = 0; i < G_N_ELEMENTS(heads); i++) {
        g_autofree char *path = g_strconcat("/mime/head/", heads[i].name, NULL);
        g_test_add_data_func(path, &heads[i], test_head);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(automatics); i++) {
        g_autofree char *path = g_strconcat("/mime/automatic/", automatics[i].name, NULL);
        g_test_add_data_func(path, &automatics[i], test_automatic);
    }
    g_test_add_func("/mime/header", test_header);
    g_test_add_func("/mime/attachments", test_attachments);
    g_test_add_func("/mime/unreadable", test_unreadable);
    g_test_add_func("/mime/digest", test_digest);
    g_test_add_func("/mime/senders", test_senders);
    g_test_add_func("/mime/bounce", test_bounce);
    g_test_add_func("/mime/hostile/deep", test_deep);
    g_test_add_func("/mime/hostile/many parts", test_many_parts);
    g_test_add_func("/mime/hostile/mutations", test_mutations);
    return g_test_run();
}
