/* Threads, found in the mails alone, whatever mail programs leave of the ids. */
#include "collectors/threading.h"

#include <string.h>

#define OWN "support@acme.example"

/* ---- single mails ---- */

static Mail *make(const char *from, const char *id, const char *references, const char *answers)
{
    GString *raw = g_string_new(NULL);
    g_string_append_printf(raw, "From: %s\r\n", from);
    if (id)
        g_string_append_printf(raw, "Message-ID: <%s>\r\n", id);
    if (references)
        g_string_append_printf(raw, "References: %s\r\n", references);
    if (answers)
        g_string_append_printf(raw, "In-Reply-To: %s\r\n", answers);
    g_string_append(raw, "\r\nwords\r\n");
    g_autoptr(GError) error = NULL;
    Mail *mail = mime_read(raw->str, raw->len, OWN, &error);
    g_assert_no_error(error);
    g_string_free(raw, TRUE);
    return mail;
}

static char *thread_of(const char *from, const char *id, const char *references,
                       const char *answers)
{
    g_autoptr(Mail) mail = make(from, id, references, answers);
    return threading_token(mail, OWN);
}

static void test_nothing_matches_nothing(void)
{
    g_autofree char *none = thread_of("a@x.example", NULL, NULL, NULL);
    g_autofree char *other = thread_of("b@x.example", NULL, NULL, NULL);
    g_autofree char *empty = thread_of("a@x.example", "1@x", "<>", "<>");
    g_autofree char *empty2 = thread_of("a@x.example", "2@x", "<> <>", "");
    g_assert_cmpstr(none, !=, other);
    g_assert_cmpstr(empty, !=, empty2);
}

static void test_chain(void)
{
    g_autofree char *first = thread_of("a@x.example", "1@x", NULL, NULL);
    g_autofree char *second = thread_of("a@x.example", "2@x", "<1@x>", "<1@x>");
    g_autofree char *third = thread_of("a@x.example", "3@x", "<1@x> <2@x>", "<2@x>");
    g_autofree char *other = thread_of("a@x.example", "4@x", NULL, NULL);
    g_assert_cmpstr(first, ==, second);
    g_assert_cmpstr(first, ==, third);
    g_assert_cmpstr(first, !=, other);
}

static void test_own_id(void)
{
    g_autofree char *thread = thread_of("a@x.example", "1@x", NULL, NULL);
    g_autofree char *id = threading_message_id(7, 1234, thread, OWN);
    g_autofree char *again = threading_message_id(7, 1234, thread, OWN);
    g_autofree char *next = threading_message_id(7, 1235, thread, OWN);
    g_assert_cmpstr(id, ==, again);
    g_assert_cmpstr(id, !=, next);
    g_assert_true(g_str_has_suffix(id, "@acme.example"));
    g_autofree char *found = threading_of_own(id, OWN);
    g_assert_cmpstr(found, ==, thread);
    g_autofree char *upper = g_ascii_strup(id, -1);
    g_autofree char *loud = threading_of_own(upper, OWN);
    g_assert_cmpstr(loud, ==, thread);

    static const char *const foreign[] = {"",
                                          "bw.",
                                          "bw.1.2.@acme.example",
                                          "bw.1.2.0123456789abcdef0123456789abcdef@evil.example",
                                          "bw.1.2.0123456789abcdef0123456789abcde@acme.example",
                                          "bw..2.0123456789abcdef0123456789abcdef@acme.example",
                                          "bw.1.x.0123456789abcdef0123456789abcdef@acme.example",
                                          "x@acme.example",
                                          "bw.1.2.0123456789abcdef0123456789abcdeg@acme.example"};
    for (size_t i = 0; i < G_N_ELEMENTS(foreign); i++)
        g_assert_null(threading_of_own(foreign[i], OWN));
}

static void test_external_id(void)
{
    g_autoptr(Mail) mail = make("a@x.example", "1@x", NULL, NULL);
    g_autoptr(Mail) again = make("a@x.example", "1@x", NULL, NULL);
    g_autoptr(Mail) thief = make("b@x.example", "1@x", NULL, NULL);
    g_autoptr(Mail) bare = make("a@x.example", NULL, NULL, NULL);
    g_autofree char *id = threading_external_id(mail, OWN);
    g_autofree char *same = threading_external_id(again, OWN);
    g_autofree char *stolen = threading_external_id(thief, OWN);
    g_autofree char *made = threading_external_id(bare, OWN);
    g_assert_true(g_str_has_prefix(id, "1@x/"));
    g_assert_cmpstr(id, ==, same);
    g_assert_cmpstr(id, !=, stolen);
    g_assert_true(g_str_has_prefix(made, "gen:"));

    g_autofree char *sent = threading_message_id(1, 2, NULL, OWN);
    g_autoptr(Mail) copy = make(OWN, sent, NULL, NULL);
    g_autofree char *copy_id = threading_external_id(copy, OWN);
    g_assert_cmpstr(copy_id, ==, sent);
    /* a stranger's mail under our id does not take its place */
    g_autoptr(Mail) forged = make("b@x.example", sent, NULL, NULL);
    g_autofree char *forged_id = threading_external_id(forged, OWN);
    g_assert_cmpstr(forged_id, !=, sent);
}

static void test_long_chain(void)
{
    GString *references = g_string_new(NULL);
    for (int i = 0; i < 500; i++)
        g_string_append_printf(references, "<r%d@x> ", i);
    g_autoptr(Mail) mail = make("a@x.example", "new@x", references->str, "<r499@x>");
    json_t *chain = threading_chain(mail);
    g_assert_cmpuint(json_array_size(chain), ==, 12);
    g_assert_cmpstr(json_string_value(json_array_get(chain, 0)), ==, "r0@x");
    g_assert_cmpstr(json_string_value(json_array_get(chain, 1)), ==, "r490@x");
    g_assert_cmpstr(json_string_value(json_array_get(chain, 11)), ==, "new@x");
    json_decref(chain);
    g_string_free(references, TRUE);
}

/* ---- conversations, at random ---- */

typedef struct Conversation {
    char *thread;     /* of its first mail */
    GPtrArray *chain; /* all ids so far, as a full References would have them */
    char *last_own;   /* the id of our last answer, or NULL */
} Conversation;

static char *join_ids(GPtrArray *ids, guint from)
{
    GString *out = g_string_new(NULL);
    for (guint i = from; i < ids->len; i++)
        g_string_append_printf(out, "%s<%s>", out->len ? "\r\n " : "", (char *)ids->pdata[i]);
    return g_string_free(out, FALSE);
}

/* A customer's answer to our last mail, with what their program leaves of the ids; or another mail
 * of theirs below their own first one. */
static char *customer_answers(Conversation *talk, const char *id)
{
    g_autofree char *answers = NULL, *references = NULL;
    int kept = g_test_rand_int_range(0, 4);
    if (!talk->last_own) {
        references = join_ids(talk->chain, 0);
    } else {
        answers = g_strdup_printf("<%s>", talk->last_own);
        if (kept == 1) /* the whole chain */
            references = join_ids(talk->chain, 0);
        else if (kept == 2) /* the end of it */
            references = join_ids(talk->chain, talk->chain->len - 1);
        if (kept == 3) { /* references alone */
            references = join_ids(talk->chain, 0);
            g_clear_pointer(&answers, g_free);
        }
    }
    g_autoptr(Mail) mail = make("a@x.example", id, references, answers);
    return threading_token(mail, OWN);
}

static void we_answer(Conversation *talk, int delivery)
{
    g_free(talk->last_own);
    talk->last_own = threading_message_id(1, delivery, talk->thread, OWN);
    g_ptr_array_add(talk->chain, g_strdup(talk->last_own));
}

static void test_conversations(void)
{
    int delivery = 0;
    g_autoptr(GHashTable) threads = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (int round = 0; round < 500; round++) {
        Conversation talk = {.chain = g_ptr_array_new_with_free_func(g_free)};
        g_autofree char *id = g_strdup_printf("first-%d@x", round);
        bool has_id = g_test_rand_int_range(0, 10) > 0;
        g_autofree char *subject_free = g_strdup_printf("a%d@x.example", round);
        talk.thread =
            thread_of(has_id ? "a@x.example" : subject_free, has_id ? id : NULL, NULL, NULL);
        g_assert_true(g_hash_table_add(threads, g_strdup(talk.thread)));
        if (has_id)
            g_ptr_array_add(talk.chain, g_strdup(id));
        else
            we_answer(&talk, ++delivery);
        for (int step = 0; step < 6; step++) {
            if (g_test_rand_int_range(0, 2)) {
                we_answer(&talk, ++delivery);
            } else {
                g_autofree char *next = g_strdup_printf("%d-%d@x", round, step);
                g_autofree char *thread = customer_answers(&talk, next);
                g_assert_cmpstr(thread, ==, talk.thread);
                g_ptr_array_add(talk.chain, g_strdup(next));
            }
        }
        g_ptr_array_unref(talk.chain);
        g_free(talk.thread);
        g_free(talk.last_own);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/threading/nothing matches nothing", test_nothing_matches_nothing);
    g_test_add_func("/threading/chain", test_chain);
    g_test_add_func("/threading/own id", test_own_id);
    g_test_add_func("/threading/external id", test_external_id);
    g_test_add_func("/threading/long chain", test_long_chain);
    g_test_add_func("/threading/conversations", test_conversations);
    return g_test_run();
}
