#include "core/engine/lexicon.h"

#include <gio/gio.h>
#include <math.h>
#include <string.h>

#include "core/base/error.h"

enum {
    MOST_WORDS = 6,    /* in a pattern */
    MOST_SYMBOLS = 12, /* that one token can be */
    GAP = 6,           /* words that ".." may skip */
    MOST_TOKENS = 256, /* of a message that are looked at */
    MOST_FOUND = 512,
};

/* What a pattern's place can hold: a word, a beginning, an ending or a class, all numbered alike.
 */
typedef struct Place {
    uint32_t symbol;
    bool gap; /* others may stand before it */
} Place;

typedef struct Pattern {
    Place places[MOST_WORDS];
    uint32_t size;
    float weight;
} Pattern;

/* Things about a message that are not words. */
typedef enum Sign {
    SIGN_URL,
    SIGN_RETWEET,
    SIGN_HANDLE,
    SIGN_CARE_HANDLE,
    SIGN_QUESTION,
    SIGN_EXCLAIM,
    SIGN_SHOUTED,
    SIGN_NUMBER,
    SIGN_HASHTAGS,
    SIGN_SHORT,
    SIGN_LONG,
    SIGNS,
} Sign;
static const char *const sign_names[SIGNS] = {
    [SIGN_URL] = "<url>",           [SIGN_RETWEET] = "<retweet>",
    [SIGN_HANDLE] = "<handle>",     [SIGN_CARE_HANDLE] = "<care handle>",
    [SIGN_QUESTION] = "<question>", [SIGN_EXCLAIM] = "<exclaim>",
    [SIGN_SHOUTED] = "<shouted>",   [SIGN_NUMBER] = "<number>",
    [SIGN_HASHTAGS] = "<hashtags>", [SIGN_SHORT] = "<short>",
    [SIGN_LONG] = "<long>",
};

/* A map from a word's hash to a symbol, open addressing; symbol + 1, so that 0 is empty. */
typedef struct Slot {
    uint64_t hash;
    uint32_t symbol;
} Slot;
typedef struct Map {
    Slot *slots;
    uint32_t mask, used;
} Map;

struct Lexicon {
    Map words, beginnings, endings;
    uint32_t symbols;
    GArray *patterns;   /* Pattern */
    GArray *classes_of; /* by symbol: GArray of the class symbols it belongs to, or NULL */
    uint32_t *starts;   /* by symbol: where its patterns begin in `by_first`; one more at the end */
    uint32_t *by_first;
    float signs[SIGNS];
    GHashTable *names; /* "word*" or "@class" to symbol + 1, while parsing */
};

/* --- hashes of beginnings and endings, byte by byte --- */

static inline uint64_t hash_step(uint64_t hash, char byte)
{
    return (hash ^ (uint8_t)byte) * 0x100000001b3u;
}
static const uint64_t hash_start = 0xcbf29ce484222325u;

static uint64_t hash_forward(const char *bytes, size_t length)
{
    uint64_t hash = hash_start;
    for (size_t i = 0; i < length; i++)
        hash = hash_step(hash, bytes[i]);
    return hash;
}

static uint64_t hash_backward(const char *bytes, size_t length)
{
    uint64_t hash = hash_start;
    for (size_t i = length; i-- > 0;)
        hash = hash_step(hash, bytes[i]);
    return hash;
}

static Slot *map_slot(const Map *map, uint64_t hash)
{
    uint32_t at = (uint32_t)(hash ^ hash >> 29) & map->mask;
    while (map->slots[at].symbol && map->slots[at].hash != hash)
        at = (at + 1) & map->mask;
    return &map->slots[at];
}

static void map_grow(Map *map)
{
    Map old = *map;
    map->mask = old.slots ? old.mask * 2 + 1 : 63;
    map->slots = g_new0(Slot, map->mask + 1);
    for (uint32_t i = 0; old.slots && i <= old.mask; i++)
        if (old.slots[i].symbol)
            *map_slot(map, old.slots[i].hash) = old.slots[i];
    g_free(old.slots);
}

static void map_put(Map *map, uint64_t hash, uint32_t symbol)
{
    if (!map->slots || map->used * 3 > map->mask)
        map_grow(map);
    Slot *slot = map_slot(map, hash);
    map->used += slot->symbol == 0;
    *slot = (Slot){hash, symbol + 1};
}

static uint32_t map_get(const Map *map, uint64_t hash)
{
    return map->slots ? map_slot(map, hash)->symbol : 0;
}

/* --- reading the file --- */

static uint32_t new_symbol(Lexicon *lexicon, const char *name)
{
    GArray *none = NULL;
    g_array_append_val(lexicon->classes_of, none);
    g_hash_table_insert(lexicon->names, g_strdup(name), GUINT_TO_POINTER(lexicon->symbols + 1));
    return lexicon->symbols++;
}

/* The symbol of "word", "word*", "*word" or "@class"; classes must be known already. */
static bool symbol_of(Lexicon *lexicon, const char *name, uint32_t *symbol)
{
    uint32_t known = GPOINTER_TO_UINT(g_hash_table_lookup(lexicon->names, name));
    size_t length = strlen(name);
    if (known) {
        *symbol = known - 1;
        return true;
    }
    if (length == 0 || *name == '@' || strcmp(name, "*") == 0)
        return false;
    *symbol = new_symbol(lexicon, name);
    if (name[length - 1] == '*')
        map_put(&lexicon->beginnings, hash_forward(name, length - 1), *symbol);
    else if (*name == '*')
        map_put(&lexicon->endings, hash_backward(name + 1, length - 1), *symbol);
    else
        map_put(&lexicon->words, normalise_hash(name, length), *symbol);
    return true;
}

static bool read_class(Lexicon *lexicon, char *line, GError **error)
{
    char *colon = strchr(line, ':');
    if (!colon)
        return bw_fail(error, BW_ERROR_INVALID, "'%s' has no colon", line);
    *colon = '\0';
    uint32_t class = new_symbol(lexicon, line);
    g_auto(GStrv) words = g_strsplit(colon + 1, ",", -1);
    for (char **word = words; *word; word++) {
        uint32_t symbol;
        if (!symbol_of(lexicon, g_strstrip(*word), &symbol))
            return bw_fail(error, BW_ERROR_INVALID, "%s: '%s' is no word", line, *word);
        GArray **of = &g_array_index(lexicon->classes_of, GArray *, symbol);
        if (!*of)
            *of = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        g_array_append_val(*of, class);
    }
    return true;
}

static bool read_sign(Lexicon *lexicon, const char *text, float weight)
{
    for (int i = 0; i < SIGNS; i++)
        if (strcmp(text, sign_names[i]) == 0) {
            lexicon->signs[i] = weight;
            return true;
        }
    return false;
}

static bool read_pattern(Lexicon *lexicon, const char *text, float weight, GError **error)
{
    Pattern pattern = {.weight = weight};
    if (*text == '<')
        return read_sign(lexicon, text, weight) ||
               bw_fail(error, BW_ERROR_INVALID, "'%s' is not known", text);
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    bool gap = false;
    for (char **word = words; *word; word++) {
        if (strcmp(*word, "..") == 0) {
            gap = true;
            continue;
        }
        if (pattern.size == MOST_WORDS)
            return bw_fail(error, BW_ERROR_INVALID, "'%s' is too long", text);
        Place *place = &pattern.places[pattern.size++];
        place->gap = gap;
        gap = false;
        if (!symbol_of(lexicon, *word, &place->symbol))
            return bw_fail(error, BW_ERROR_INVALID, "'%s' in '%s' is not known", *word, text);
    }
    if (pattern.size == 0 || gap || pattern.places[0].gap)
        return bw_fail(error, BW_ERROR_INVALID, "'%s' is no pattern", text);
    g_array_append_val(lexicon->patterns, pattern);
    return true;
}

static bool read_line(Lexicon *lexicon, char *line, float *weight, GError **error)
{
    g_strstrip(line);
    if (*line == '\0' || *line == '#')
        return true;
    if (*line == '@' && strchr(line, ':'))
        return read_class(lexicon, line, error);
    if (*line == '[') {
        char *end;
        *weight = (float)g_ascii_strtod(line + 1, &end);
        if (*end != ']' || !isfinite(*weight))
            return bw_fail(error, BW_ERROR_INVALID, "'%s' is no weight", line);
        line = end + 1;
    }
    g_auto(GStrv) patterns = g_strsplit(line, ",", -1);
    for (char **pattern = patterns; *pattern; pattern++)
        if (*g_strstrip(*pattern) && !read_pattern(lexicon, *pattern, *weight, error))
            return false;
    return true;
}

/* Sorts the patterns by their first symbol (counting sort). */
static void index_patterns(Lexicon *lexicon)
{
    uint32_t symbols = lexicon->symbols, count = lexicon->patterns->len;
    lexicon->starts = g_new0(uint32_t, symbols + 1);
    lexicon->by_first = g_new(uint32_t, count);
    g_autofree uint32_t *next = g_new0(uint32_t, symbols + 1);
    for (uint32_t i = 0; i < count; i++)
        lexicon->starts[g_array_index(lexicon->patterns, Pattern, i).places[0].symbol + 1]++;
    for (uint32_t i = 0; i < symbols; i++)
        lexicon->starts[i + 1] += lexicon->starts[i];
    memcpy(next, lexicon->starts, sizeof *next * (symbols + 1));
    for (uint32_t i = 0; i < count; i++)
        lexicon->by_first[next[g_array_index(lexicon->patterns, Pattern, i).places[0].symbol]++] =
            i;
}

Lexicon *lexicon_parse(const char *text, GError **error)
{
    g_autoptr(Lexicon) lexicon = g_new0(Lexicon, 1);
    lexicon->patterns = g_array_new(FALSE, FALSE, sizeof(Pattern));
    lexicon->classes_of = g_array_new(FALSE, FALSE, sizeof(GArray *));
    lexicon->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    float weight = 0;
    for (int i = 0; lines[i]; i++)
        if (!read_line(lexicon, lines[i], &weight, error)) {
            g_prefix_error(error, "line %d: ", i + 1);
            return NULL;
        }
    index_patterns(lexicon);
    g_clear_pointer(&lexicon->names, g_hash_table_unref);
    return g_steal_pointer(&lexicon);
}

void lexicon_free(Lexicon *lexicon)
{
    if (!lexicon)
        return;
    for (guint i = 0; i < lexicon->classes_of->len; i++)
        g_clear_pointer(&g_array_index(lexicon->classes_of, GArray *, i), g_array_unref);
    g_array_unref(lexicon->classes_of);
    g_array_unref(lexicon->patterns);
    g_clear_pointer(&lexicon->names, g_hash_table_unref);
    g_free(lexicon->words.slots);
    g_free(lexicon->beginnings.slots);
    g_free(lexicon->endings.slots);
    g_free(lexicon->starts);
    g_free(lexicon->by_first);
    g_free(lexicon);
}

const Lexicon *lexicon_get(void)
{
    static Lexicon *shared;
    if (g_once_init_enter(&shared)) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) bytes =
            g_resources_lookup_data("/breakwater/core/engine/data/complaint.txt", 0, &error);
        Lexicon *lexicon = bytes ? lexicon_parse(g_bytes_get_data(bytes, NULL), &error) : NULL;
        if (!lexicon)
            g_error("complaint.txt: %s", error->message);
        g_once_init_leave(&shared, lexicon);
    }
    return shared;
}

/* --- finding --- */

/* The symbols of one token; of beginnings and endings only the longest that fits, and only where
 * the word itself is not listed. */
typedef struct Symbols {
    uint32_t list[MOST_SYMBOLS];
    uint32_t size;
} Symbols;

static void add_symbol(const Lexicon *lexicon, Symbols *symbols, uint32_t symbol)
{
    const GArray *classes = g_array_index(lexicon->classes_of, GArray *, symbol);
    if (symbols->size < MOST_SYMBOLS)
        symbols->list[symbols->size++] = symbol;
    for (guint i = 0; classes && i < classes->len && symbols->size < MOST_SYMBOLS; i++)
        symbols->list[symbols->size++] = g_array_index(classes, uint32_t, i);
}

static void read_token(const Lexicon *lexicon, const Normalised *normalised, const Token *token,
                       Symbols *symbols)
{
    symbols->size = 0;
    uint32_t word = map_get(&lexicon->words, token->hash);
    if (word) {
        add_symbol(lexicon, symbols, word - 1);
        return;
    }
    if (!(token->flags & TOKEN_WORD))
        return;
    const char *bytes = normalised_bytes(normalised, token);
    uint32_t length = MIN(token->length, 48), beginning = 0, ending = 0, found;
    uint64_t hash = hash_start;
    for (uint32_t i = 0; i < length; i++) {
        hash = hash_step(hash, bytes[i]);
        if (i >= 2 && (found = map_get(&lexicon->beginnings, hash)))
            beginning = found;
    }
    hash = hash_start;
    for (uint32_t i = 0; i < length; i++) {
        hash = hash_step(hash, bytes[token->length - 1 - i]);
        if (i >= 2 && (found = map_get(&lexicon->endings, hash)))
            ending = found;
    }
    if (beginning)
        add_symbol(lexicon, symbols, beginning - 1);
    else if (ending)
        add_symbol(lexicon, symbols, ending - 1);
}

static bool has_symbol(const Symbols *symbols, uint32_t symbol)
{
    for (uint32_t i = 0; i < symbols->size; i++)
        if (symbols->list[i] == symbol)
            return true;
    return false;
}

typedef struct Found {
    uint32_t pattern, size;
    float weight;
    uint16_t tokens[MOST_WORDS];
} Found;

static bool match(const Pattern *pattern, const Symbols *symbols, uint32_t count, uint32_t at,
                  Found *found)
{
    found->tokens[0] = at;
    for (uint32_t i = 1; i < pattern->size; i++) {
        uint32_t last = MIN(at + 1 + (pattern->places[i].gap ? GAP : 0), count - 1), next = at + 1;
        while (next <= last && !has_symbol(&symbols[next], pattern->places[i].symbol))
            next++;
        if (next > last)
            return false;
        found->tokens[i] = at = next;
    }
    found->size = pattern->size;
    found->weight = pattern->weight;
    return true;
}

static int compare_found(const void *a, const void *b)
{
    const Found *one = a, *two = b;
    if (one->size != two->size)
        return one->size > two->size ? -1 : 1;
    if (fabsf(one->weight) != fabsf(two->weight))
        return fabsf(one->weight) > fabsf(two->weight) ? -1 : 1;
    if (one->tokens[0] != two->tokens[0])
        return one->tokens[0] < two->tokens[0] ? -1 : 1;
    return one->pattern < two->pattern ? -1 : one->pattern > two->pattern;
}

/* A handle that a company answers people at: @acme_help, @AskAcme, @AcmeSupport. */
static bool is_care_handle(const Normalised *normalised, const Span *handle)
{
    static const char *const marks[] = {"help",  "support", "care",  "ask", "service",
                                        "hilft", "hilfe",   "assis", "_cs", "aide"};
    char lower[64];
    uint32_t length = MIN(handle->size, sizeof lower - 1);
    for (uint32_t i = 0; i < length; i++)
        lower[i] = g_ascii_tolower(normalised->source->str[handle->from + i]);
    lower[length] = '\0';
    for (size_t i = 0; i < G_N_ELEMENTS(marks); i++)
        if (strstr(lower, marks[i]))
            return true;
    return false;
}

static void find_signs(const Normalised *normalised, bool signs[SIGNS])
{
    uint32_t words = 0, shouted = 0, hashtags = 0;
    for (guint i = 0; i < normalised->tokens->len; i++) {
        uint32_t flags = normalised_token(normalised, i)->flags;
        words += (flags & TOKEN_WORD) != 0;
        shouted += (flags & TOKEN_SHOUTED) != 0;
        hashtags += (flags & TOKEN_HASHTAG) != 0;
        signs[SIGN_NUMBER] |= (flags & TOKEN_NUMBER) != 0;
    }
    signs[SIGN_URL] = normalised->urls->len > 0;
    signs[SIGN_RETWEET] = normalised->retweet;
    signs[SIGN_HANDLE] = normalised->handles->len > 0;
    for (guint i = 0; i < normalised->handles->len && !signs[SIGN_CARE_HANDLE]; i++)
        signs[SIGN_CARE_HANDLE] =
            is_care_handle(normalised, &g_array_index(normalised->handles, Span, i));
    signs[SIGN_QUESTION] = normalised->questions > 0;
    signs[SIGN_EXCLAIM] = normalised->exclamations > 0;
    signs[SIGN_SHOUTED] = shouted >= 2 && shouted * 3 >= words;
    signs[SIGN_HASHTAGS] = hashtags >= 3;
    signs[SIGN_SHORT] = words < 3;
    signs[SIGN_LONG] = words > 60;
}

static guint add_hit(LexiconHit *hits, guint size, LexiconHit hit)
{
    if (size < LEXICON_MOST_HITS)
        hits[size++] = hit;
    return size;
}

/* All places where a pattern fits, overlapping ones too; returns how many. */
static uint32_t find_all(const Lexicon *lexicon, const Normalised *normalised, uint32_t count,
                         Found *found)
{
    Symbols symbols[MOST_TOKENS];
    uint32_t size = 0;
    for (uint32_t i = 0; i < count; i++)
        read_token(lexicon, normalised, normalised_token(normalised, i), &symbols[i]);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t s = 0; s < symbols[i].size; s++) {
            uint32_t symbol = symbols[i].list[s];
            for (uint32_t p = lexicon->starts[symbol]; p < lexicon->starts[symbol + 1]; p++) {
                uint32_t number = lexicon->by_first[p];
                const Pattern *pattern = &g_array_index(lexicon->patterns, Pattern, number);
                if (size < MOST_FOUND && match(pattern, symbols, count, i, &found[size]))
                    found[size++].pattern = number;
            }
        }
    return size;
}

/* Takes the tokens of `found`; false when one of them is taken already. */
static bool take_tokens(const Found *found, bool *taken)
{
    for (uint32_t i = 0; i < found->size; i++)
        if (taken[found->tokens[i]])
            return false;
    for (uint32_t i = 0; i < found->size; i++)
        taken[found->tokens[i]] = true;
    return true;
}

guint lexicon_find(const Lexicon *lexicon, const Normalised *normalised, LexiconHit *hits)
{
    uint32_t count = MIN(normalised->tokens->len, MOST_TOKENS);
    Found found[MOST_FOUND];
    bool taken[MOST_TOKENS] = {false}, signs[SIGNS] = {false};
    guint size = 0;
    uint32_t all = find_all(lexicon, normalised, count, found);
    if (all > 0)
        qsort(found, all, sizeof *found, compare_found);
    for (uint32_t i = 0; i < all; i++)
        if (take_tokens(&found[i], taken))
            size = add_hit(hits, size,
                           (LexiconHit){found[i].pattern, found[i].weight, found[i].tokens[0],
                                        found[i].tokens[found[i].size - 1]});
    find_signs(normalised, signs);
    for (int i = 0; i < SIGNS; i++)
        if (signs[i])
            size = add_hit(hits, size,
                           (LexiconHit){lexicon->patterns->len + i, lexicon->signs[i],
                                        LEXICON_NO_TOKEN, LEXICON_NO_TOKEN});
    return size;
}
