#include "core/engine/words.h"

#include <gio/gio.h>
#include <string.h>

#define DATA "/breakwater/core/engine/data/"
#define MOST_CONCEPTS 3 /* that one word can mean: Kreditkartenzahlung */
#define MOST_PHRASE 4   /* words in a phrase */
#define MOST_REMEMBERED 65536
#define SHORTEST_PATTERN 3

/* What is known of a word, so that lists are searched once per word and not per message. */
typedef struct Meaning {
    uint64_t hashes[MOST_CONCEPTS]; /* concepts, or the word without its ending */
    uint8_t count;                  /* 0 for a stop word */
    bool sense;
    bool starts_phrase;
} Meaning;

typedef struct Phrase {
    uint64_t words[MOST_PHRASE];
    int length;
    uint64_t sense;
    struct Phrase *next; /* with the same first word, longest first */
} Phrase;

struct Words {
    GHashTable *exact, *prefix,
        *suffix;          /* hash of a word, its beginning, its end -> GArray of concepts */
    GHashTable *stop;     /* hashes of words */
    GHashTable *phrases;  /* hash of the first word -> Phrase */
    GHashTable *meanings; /* hash of a word -> Meaning */
};

static guint hash64(gconstpointer key)
{
    uint64_t hash = *(const uint64_t *)key;
    return (guint)(hash ^ hash >> 32);
}

static gboolean equal64(gconstpointer a, gconstpointer b)
{
    return *(const uint64_t *)a == *(const uint64_t *)b;
}

static uint64_t *copy64(uint64_t value)
{
    return g_memdup2(&value, sizeof value);
}

static void array_free(gpointer array)
{
    g_array_unref(array);
}

static void phrase_free(gpointer data)
{
    for (Phrase *phrase = data, *next; phrase; phrase = next) {
        next = phrase->next;
        g_free(phrase);
    }
}

static void add_pattern(GHashTable *patterns, uint64_t hash, uint64_t sense)
{
    GArray *concepts = g_hash_table_lookup(patterns, &hash);
    if (!concepts) {
        concepts = g_array_new(FALSE, FALSE, sizeof(uint64_t));
        g_hash_table_insert(patterns, copy64(hash), concepts);
    }
    g_array_append_val(concepts, sense);
}

static void add_phrase(Words *words, const Normalised *n, uint64_t sense)
{
    Phrase *phrase = g_new0(Phrase, 1);
    phrase->length = n->tokens->len;
    phrase->sense = sense;
    for (int i = 0; i < phrase->length; i++)
        phrase->words[i] = normalised_token(n, i)->hash;
    Phrase *first = g_hash_table_lookup(words->phrases, &phrase->words[0]);
    if (!first || first->length < phrase->length) {
        gpointer key = NULL;
        g_hash_table_steal_extended(words->phrases, &phrase->words[0], &key, NULL);
        g_free(key);
        phrase->next = first;
        g_hash_table_insert(words->phrases, copy64(phrase->words[0]), phrase);
        return;
    }
    while (first->next && first->next->length >= phrase->length)
        first = first->next;
    phrase->next = first->next;
    first->next = phrase;
}

/* One line of the list: "payment = zahl* = *zahlung = money back". */
static void add_equal_words(Words *words, Normalised *n, const char *line)
{
    g_auto(GStrv) parts = g_strsplit(line, "=", -1);
    uint64_t sense = 0;
    for (char **part = parts; *part; part++) {
        char *text = g_strstrip(*part);
        gsize length = strlen(text);
        bool suffix = text[0] == '*', prefix = length > 0 && text[length - 1] == '*';
        normalise(n, text, -1);
        if (n->tokens->len == 0 || n->tokens->len > MOST_PHRASE)
            continue;
        const Token *token = normalised_token(n, 0);
        if (sense == 0) /* a sense's name may not meet the word itself */
            sense = token->hash ^ 0x5bd1e9955bd1e995u;
        if (n->tokens->len > 1)
            add_phrase(words, n, sense);
        else if (suffix)
            add_pattern(words->suffix, token->hash, sense);
        else if (prefix)
            add_pattern(words->prefix, token->hash, sense);
        else
            add_pattern(words->exact, token->hash, sense);
    }
}

static void add_stop_words(Words *words, Normalised *n, const char *line)
{
    const char *words_of_line = strchr(line, ':');
    g_auto(GStrv) parts = g_strsplit(words_of_line ? words_of_line + 1 : line, " ", -1);
    for (char **part = parts; *part; part++) {
        normalise(n, *part, -1);
        for (guint i = 0; i < n->tokens->len; i++)
            g_hash_table_add(words->stop, copy64(normalised_token(n, i)->hash));
    }
}

static void add_lines(Words *words, const char *text,
                      void (*add)(Words *words, Normalised *n, const char *line))
{
    g_autoptr(Normalised) n = normalised_new();
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++)
        if (**line != '#' && **line)
            add(words, n, *line);
}

static void add_resource(Words *words, const char *path,
                         void (*add)(Words *words, Normalised *n, const char *line))
{
    g_autoptr(GBytes) bytes = g_resources_lookup_data(path, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
    g_assert(bytes);
    g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    add_lines(words, text, add);
}

Words *words_new(const char *more)
{
    Words *words = g_new0(Words, 1);
    words->exact = g_hash_table_new_full(hash64, equal64, g_free, array_free);
    words->prefix = g_hash_table_new_full(hash64, equal64, g_free, array_free);
    words->suffix = g_hash_table_new_full(hash64, equal64, g_free, array_free);
    words->stop = g_hash_table_new_full(hash64, equal64, g_free, NULL);
    words->phrases = g_hash_table_new_full(hash64, equal64, g_free, phrase_free);
    words->meanings = g_hash_table_new_full(hash64, equal64, g_free, g_free);
    add_resource(words, DATA "equal-words.txt", add_equal_words);
    add_resource(words, DATA "stop-words.txt", add_stop_words);
    if (more)
        add_lines(words, more, add_equal_words);
    return words;
}

void words_free(Words *words)
{
    if (!words)
        return;
    g_hash_table_unref(words->exact);
    g_hash_table_unref(words->prefix);
    g_hash_table_unref(words->suffix);
    g_hash_table_unref(words->stop);
    g_hash_table_unref(words->phrases);
    g_hash_table_unref(words->meanings);
    g_free(words);
}

static void mean(Meaning *meaning, const GArray *concepts)
{
    for (guint i = 0; concepts && i < concepts->len; i++) {
        uint64_t sense = g_array_index(concepts, uint64_t, i);
        bool known = false;
        for (int k = 0; k < meaning->count; k++)
            known |= meaning->hashes[k] == sense;
        if (!known && meaning->count < MOST_CONCEPTS)
            meaning->hashes[meaning->count++] = sense;
    }
}

/* A word without its ending. Names must come out the same whatever language stands around them, so
 * this asks no language: a plural or an inflection goes, then what is longer than six letters is
 * cut there. */
static gsize stem_length(const char *word, gsize length)
{
    static const gsize most = 6;
    if (length > 4 && ((word[length - 1] == 's' && word[length - 2] != 's') ||
                       (word[length - 1] == 'n' && word[length - 2] == 'e')))
        length--;
    if (length > 4 && word[length - 1] == 'e')
        length--;
    if (length <= most)
        return length;
    gsize cut = most;
    while (cut < length && ((uint8_t)word[cut] & 0xc0) == 0x80)
        cut++;
    return cut;
}

static const Meaning *meaning_of(Words *words, const char *bytes, const Token *token)
{
    Meaning *meaning = g_hash_table_lookup(words->meanings, &token->hash);
    if (meaning)
        return meaning;
    if (g_hash_table_size(words->meanings) >= MOST_REMEMBERED)
        g_hash_table_remove_all(words->meanings);
    meaning = g_new0(Meaning, 1);
    meaning->starts_phrase = g_hash_table_contains(words->phrases, &token->hash);
    mean(meaning, g_hash_table_lookup(words->exact, &token->hash));
    for (gsize i = SHORTEST_PATTERN; i <= token->length && i < 32; i++) {
        uint64_t beginning = normalise_hash(bytes, i);
        mean(meaning, g_hash_table_lookup(words->prefix, &beginning));
    }
    for (gsize i = SHORTEST_PATTERN; i <= token->length && i < 32; i++) {
        uint64_t end = normalise_hash(bytes + token->length - i, i);
        mean(meaning, g_hash_table_lookup(words->suffix, &end));
    }
    if (meaning->count > 0) {
        meaning->sense = true;
    } else if (!g_hash_table_contains(words->stop, &token->hash) && token->length > 1) {
        gsize length =
            token->flags & TOKEN_WORD ? stem_length(bytes, token->length) : token->length;
        meaning->hashes[meaning->count++] = normalise_hash(bytes, length);
    }
    g_hash_table_insert(words->meanings, copy64(token->hash), meaning);
    return meaning;
}

static const Phrase *phrase_at(const Words *words, const Normalised *n, guint at)
{
    const Phrase *phrase = g_hash_table_lookup(words->phrases, &normalised_token(n, at)->hash);
    for (; phrase; phrase = phrase->next) {
        int i = 1;
        while (i < phrase->length && at + i < n->tokens->len &&
               normalised_token(n, at + i)->hash == phrase->words[i])
            i++;
        if (i == phrase->length)
            return phrase;
    }
    return NULL;
}

static void add_feature(GArray *features, uint64_t hash, const Token *first, const Token *last,
                        uint32_t flags)
{
    if (features->len >= WORDS_MOST_FEATURES)
        return;
    for (guint i = 0; i < features->len; i++)
        if (g_array_index(features, Feature, i).hash == hash)
            return;
    Feature feature = {hash, first->from, last->from + last->size - first->from, flags};
    g_array_append_val(features, feature);
}

void words_features(Words *words, const Normalised *n, GArray *features)
{
    g_array_set_size(features, 0);
    for (guint i = 0; i < n->tokens->len && features->len < WORDS_MOST_FEATURES; i++) {
        const Token *token = normalised_token(n, i);
        const Meaning *meaning = meaning_of(words, normalised_bytes(n, token), token);
        uint32_t flags = (token->flags & TOKEN_NUMBER ? FEATURE_NUMBER : 0) |
                         (token->flags & TOKEN_HASHTAG ? FEATURE_HASHTAG : 0);
        if (meaning->starts_phrase) {
            const Phrase *phrase = phrase_at(words, n, i);
            if (phrase) {
                add_feature(features, phrase->sense, token,
                            normalised_token(n, i + phrase->length - 1), FEATURE_CONCEPT);
                i += phrase->length - 1;
                continue;
            }
        }
        if (token->flags & (TOKEN_SYMBOL | TOKEN_CUT))
            continue;
        for (int k = 0; k < meaning->count; k++)
            add_feature(features, meaning->hashes[k], token, token,
                        meaning->sense ? FEATURE_CONCEPT : flags);
    }
}
