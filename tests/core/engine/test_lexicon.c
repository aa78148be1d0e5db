/* The lexicon's form, what its patterns find, and that its file is sound. */
#include "core/engine/lexicon.h"

#include <gio/gio.h>
#include <string.h>

#include "core/base/error.h"

static void test_parse(void)
{
    static const char *const good[] = {
        "",
        "# only a remark\n",
        "[1] a, b c, d .. e\n[-2.5]\nf*, *gh\n",
        "@c: a, b\n[1] @c x\n",
        "[0.5] <url>",
    };
    static const struct {
        const char *text, *line;
    } bad[] = {
        {"[x] a", "line 1"},
        {"# fine\n[1 a", "line 2"},
        {"[1] @unknown a", "line 1"},
        {"[1] .. a", "line 1"},
        {"[1] a ..", "line 1"},
        {"[1] <what>", "line 1"},
        {"[1] a b c d e f g", "line 1"},
        {"\n\n[1] a  b", "line 3"},
        {"[inf] a", "line 1"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Lexicon) lexicon = lexicon_parse(good[i], &error);
        g_assert_no_error(error);
        g_assert_nonnull(lexicon);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Lexicon) lexicon = lexicon_parse(bad[i].text, &error);
        g_assert_null(lexicon);
        g_assert_error(error, BW_ERROR, BW_ERROR_INVALID);
        g_assert_true(g_str_has_prefix(error->message, bad[i].line));
    }
}

/* "weight@first-last" of each hit, in the order found. */
static char *find(const Lexicon *lexicon, const char *text)
{
    LexiconHit hits[LEXICON_MOST_HITS];
    g_autoptr(Normalised) normalised = normalised_new();
    GString *all = g_string_new(NULL);
    normalise(normalised, text, -1);
    guint size = lexicon_find(lexicon, normalised, hits);
    for (guint i = 0; i < size; i++)
        if (hits[i].first == LEXICON_NO_TOKEN)
            g_string_append_printf(all, "%g ", hits[i].weight);
        else
            g_string_append_printf(all, "%g@%u-%u ", hits[i].weight, hits[i].first, hits[i].last);
    return g_string_free(all, FALSE);
}

static void test_find(void)
{
    static const struct {
        const char *text, *hits;
    } rows[] = {
        {"one two three words", ""},
        {"a plain word here", "1@0-0 "},
        {"aa bb cc dd", "2@0-1 "},
        {"a b c d", "2@0-1 "},                         /* the pair, not its single words */
        {"b a c d", "1@1-1 "},                         /* the other way round it is no pair */
        {"x one two three four five six y", "3@0-7 "}, /* six words between, no more */
        {"x one two three four five six seven y", ""},
        {"starting restart unrelated words", "5@1-1 4@0-0 "}, /* a beginning, an ending */
        {"starter words words words", "6@0-0 "},              /* the word itself is listed */
        {"red wine and bread", "7@0-1 "},
        {"white wine and bread", "7@0-1 "},
        {"the page http://x.example/ is there", "9 "},
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(Lexicon) lexicon =
        lexicon_parse("@colour: red, white\n[1] a\n[2] a b, aa bb\n[3] x .. y\n[4] start*\n"
                      "[5] *start\n[6] starter\n[7] @colour wine\n[9] <url>\n",
                      &error);
    g_assert_no_error(error);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *hits = find(lexicon, rows[i].text);
        g_assert_cmpstr(hits, ==, rows[i].hits);
    }
}

/* What a word of the file becomes when it stands in a message: the file must say it that way. */
static void check_words(const char *text)
{
    g_autoptr(Normalised) normalised = normalised_new();
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    for (char **word = words; *word; word++) {
        if (strcmp(*word, "..") == 0 || **word == '@' || strchr(*word, '*'))
            continue;
        normalise(normalised, *word, -1);
        if (strcmp(normalised->canon->str, *word) != 0) {
            g_test_message("'%s' in '%s' would be '%s'", *word, text, normalised->canon->str);
            g_test_fail();
        }
    }
}

static void check_line(const char *line, GHashTable *seen)
{
    bool class = *line == '@' && strchr(line, ':');
    const char *list = class ? strchr(line, ':') + 1 : line;
    if (*line == '[')
        list = strchr(line, ']') + 1;
    g_auto(GStrv) patterns = g_strsplit(list, ",", -1);
    for (char **pattern = patterns; *pattern; pattern++) {
        if (*g_strstrip(*pattern) == '\0' || **pattern == '<')
            continue;
        check_words(*pattern);
        if (!class && !g_hash_table_add(seen, g_strdup(*pattern))) {
            g_test_message("'%s' stands twice", *pattern);
            g_test_fail();
        }
    }
}

static void test_file(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes =
        g_resources_lookup_data("/breakwater/core/engine/data/complaint.txt", 0, &error);
    g_assert_no_error(error);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_auto(GStrv) lines = g_strsplit(g_bytes_get_data(bytes, NULL), "\n", -1);
    for (char **line = lines; *line; line++)
        if (**line && **line != '#')
            check_line(*line, seen);
    g_assert_cmpuint(g_hash_table_size(seen), >, 1000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lexicon/parse", test_parse);
    g_test_add_func("/lexicon/find", test_find);
    g_test_add_func("/lexicon/file", test_file);
    return g_test_run();
}
