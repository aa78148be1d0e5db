#include "core/engine/language.h"

#include "core/engine/cld2.h"

#include <gio/gio.h>
#include <string.h>

/* CLD2 knows eighty languages by their n-grams, but in "Nordbank app plante encore" it sees the two
 * names. Little words are few and certain: what they say is added up and weighed against it. */
#define STOP_WORDS "/breakwater/core/engine/data/stop-words.txt"
#define LIKELY 0.8   /* what CLD2's first guess weighs, in little words */
#define RELIABLE 1.0 /* ... when it is clearly ahead of its second */
#define CLAIMED 0.5  /* what the network's word weighs */
#define DECIDED 4.0  /* a lead in little words that CLD2 could hardly turn: it is not asked */
#define LOOK_AT 64   /* tokens */

static const char *const home[] = {"de", "en", "fr", "lb"};
#define HOME G_N_ELEMENTS(home)

static guint hash64(gconstpointer key)
{
    uint64_t hash = *(const uint64_t *)key;
    return (guint)(hash ^ hash >> 32);
}

/* Hash of a word -> the languages it is a little word of, as bits. */
static GHashTable *load_little_words(void)
{
    GHashTable *words = g_hash_table_new_full(hash64, g_int64_equal, g_free, NULL);
    g_autoptr(GBytes) bytes =
        g_resources_lookup_data(STOP_WORDS, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
    g_assert(bytes);
    g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        guint bit = 0;
        for (gsize i = 0; i < HOME; i++)
            if (g_str_has_prefix(*line, home[i]) && (*line)[2] == ':')
                bit = 1u << i;
        g_auto(GStrv) parts = bit ? g_strsplit(*line + 3, " ", -1) : g_new0(char *, 1);
        for (char **part = parts; *part; part++) {
            uint64_t hash = normalise_hash(*part, strlen(*part));
            guint bits = GPOINTER_TO_UINT(g_hash_table_lookup(words, &hash)) | bit;
            if (**part)
                g_hash_table_replace(words, g_memdup2(&hash, sizeof hash), GUINT_TO_POINTER(bits));
        }
    }
    return words;
}

static const GHashTable *little_words(void)
{
    static gsize words;
    if (g_once_init_enter(&words)) {
        gpointer loaded = load_little_words();
        g_once_init_leave(&words, (gsize)loaded);
    }
    return (const GHashTable *)words;
}

/* A word of one language counts one, a word of two a half in each, and so on. */
static void count_little_words(const Normalised *n, double score[HOME])
{
    GHashTable *words = (GHashTable *)little_words();
    for (guint i = 0; i < n->tokens->len && i < LOOK_AT; i++) {
        const Token *token = normalised_token(n, i);
        guint bits = GPOINTER_TO_UINT(g_hash_table_lookup(words, &token->hash));
        double share = bits ? 1.0 / __builtin_popcount(bits) : 0;
        for (gsize k = 0; k < HOME; k++)
            score[k] += bits >> k & 1 ? share : 0;
    }
}

/* Letters with marks that one language has and another has not; of the text as it was written. */
static void count_letters(const Normalised *n, double score[HOME])
{
    static const struct {
        const char *letter;
        float shares[HOME];
    } letters[] = {
        {"\u00df", {1, 0, 0, 0}},     {"\u00f6", {0.6, 0, 0, 0.2}}, {"\u00fc", {0.6, 0, 0, 0.2}},
        {"\u00e4", {0.3, 0, 0, 0.3}}, {"\u00eb", {0, 0, 0.1, 0.8}}, {"\u00e9", {0, 0, 0.5, 0.4}},
        {"\u00e8", {0, 0, 0.7, 0.1}}, {"\u00ea", {0, 0, 0.7, 0.1}}, {"\u00e0", {0, 0, 0.7, 0}},
        {"\u00e7", {0, 0, 0.7, 0}},   {"\u00f4", {0, 0, 0.7, 0}},   {"\u0153", {0, 0, 0.7, 0}},
    };
    const char *text = n->plain->str;
    for (gsize at = 0, found = 0; text[at] && found < 16; at++) {
        if ((uint8_t)text[at] != 0xc3 && (uint8_t)text[at] != 0xc5)
            continue;
        for (gsize i = 0; i < G_N_ELEMENTS(letters); i++)
            if (text[at + 1] == letters[i].letter[1] && text[at] == letters[i].letter[0]) {
                for (gsize k = 0; k < HOME; k++)
                    score[k] += letters[i].shares[k];
                found++;
            }
    }
}

static int home_of(const char *lang)
{
    for (gsize i = 0; i < HOME; i++)
        if (strcmp(lang, home[i]) == 0)
            return (int)i;
    return -1;
}

/* The best of the home languages, and by how much. */
static int best_of(const double score[HOME], double *lead)
{
    int best = 0;
    double second = 0;
    for (int i = 1; i < (int)HOME; i++)
        if (score[i] > score[best])
            best = i;
    for (int i = 0; i < (int)HOME; i++)
        if (i != best && score[i] > second)
            second = score[i];
    *lead = score[best] - second;
    return best;
}

/* "de-AT" to "de"; empty for what is no code. */
static void read_claim(const char *claim, char code[4])
{
    *code = '\0';
    if (!claim || !g_ascii_isalpha(claim[0]) || !g_ascii_isalpha(claim[1]) ||
        g_ascii_isalpha(claim[2]))
        return;
    code[0] = g_ascii_tolower(claim[0]);
    code[1] = g_ascii_tolower(claim[1]);
    code[2] = '\0';
}

void language_of(const Normalised *normalised, const char *claim, char lang[4])
{
    double score[HOME] = {0}, lead;
    char claimed[4];
    read_claim(claim, claimed);
    count_little_words(normalised, score);
    count_letters(normalised, score);
    int best = best_of(score, &lead);
    if (lead >= DECIDED) {
        g_strlcpy(lang, home[best], 4);
        return;
    }
    Cld2Guess guesses[3];
    cld2_guess(normalised->plain->str, (int)normalised->plain->len, *claimed ? claimed : NULL,
               guesses);
    double guess = guesses[0].reliable ? RELIABLE : LIKELY;
    int at_home = home_of(guesses[0].lang), claimed_home = home_of(claimed);
    if (at_home >= 0)
        score[at_home] += guess;
    if (claimed_home >= 0)
        score[claimed_home] += CLAIMED;
    best = best_of(score, &lead);
    if (*guesses[0].lang && at_home < 0 && guess > score[best])
        g_strlcpy(lang, guesses[0].lang, 4);
    else
        g_strlcpy(lang, score[best] > (claimed_home >= 0 ? CLAIMED : 0) ? home[best] : "-", 4);
}
