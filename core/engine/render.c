#include "core/engine/render.h"

#include <gio/gio.h>
#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>

typedef enum Unit {
    UNIT_GRAPHEMES,
    UNIT_CODE_POINTS,
    UNIT_UTF16,
    UNIT_BYTES,
    UNIT_THREADS, /* characters, but those beyond the basic plane as their bytes */
    UNIT_X,
    UNIT_MASTODON,
    UNIT_GSM,
} Unit;

static const char *const unit_names[] = {
    [UNIT_GRAPHEMES] = "graphemes", [UNIT_CODE_POINTS] = "code points", [UNIT_UTF16] = "UTF-16",
    [UNIT_BYTES] = "bytes",         [UNIT_THREADS] = "code points",     [UNIT_X] = "x-weighted",
    [UNIT_MASTODON] = "mastodon",   [UNIT_GSM] = "gsm-segments",
};

typedef struct Rule {
    const char *kind;
    Unit unit;
    int64_t limit; /* 0: none */
    int64_t bytes; /* a second limit, 0: none */
} Rule;

/* Figures of mid 2026. Where a network's unit is disputed (Telegram), the stricter one. */
static const Rule rules[] = {
    {"x", UNIT_X, 280, 0},
    {"x/direct", UNIT_CODE_POINTS, 10000, 0},
    {"mastodon", UNIT_MASTODON, 500, 0},
    {"bluesky", UNIT_GRAPHEMES, 300, 3000},
    {"bluesky/direct", UNIT_GRAPHEMES, 1000, 10000},
    {"facebook", UNIT_CODE_POINTS, 8000, 0},
    {"facebook/direct", UNIT_CODE_POINTS, 2000, 0},
    {"instagram", UNIT_CODE_POINTS, 2200, 0},
    {"instagram/direct", UNIT_BYTES, 1000, 0},
    {"threads", UNIT_THREADS, 500, 0},
    {"reddit", UNIT_CODE_POINTS, 10000, 0},
    {"telegram", UNIT_UTF16, 4096, 0},
    {"sms", UNIT_GSM, 1600, 0},
    {"whatsapp", UNIT_CODE_POINTS, 4096, 0},
    {"youtube", UNIT_CODE_POINTS, 10000, 0},
    {"google-play", UNIT_CODE_POINTS, 350, 0},
    {"app-store", UNIT_CODE_POINTS, 5970, 0},
    {"slack", UNIT_CODE_POINTS, 40000, 0},
    {"teams", UNIT_BYTES, 18000, 0},
    {"mattermost", UNIT_CODE_POINTS, 16383, 0},
    {"statuspage", UNIT_CODE_POINTS, 25000, 0},
    {"pagerduty", UNIT_CODE_POINTS, 1024, 0},
    {"email", UNIT_GRAPHEMES, 0, 0},
    {"replay", UNIT_GRAPHEMES, 0, 0},
    {"trustpilot", UNIT_GRAPHEMES, 0, 0},
    {"webhook", UNIT_GRAPHEMES, 0, 0},
};
static const Rule no_rule = {"", UNIT_GRAPHEMES, 0, 0};

enum { URL_LENGTH = 23, GSM_ONE = 160, GSM_MANY = 153, UCS2_ONE = 70, UCS2_MANY = 67 };

static const Rule *find_rule(const char *kind)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
        if (g_strcmp0(kind, rules[i].kind) == 0)
            return &rules[i];
    const char *slash = kind ? strchr(kind, '/') : NULL;
    if (!slash)
        return &no_rule;
    g_autofree char *base = g_strndup(kind, slash - kind);
    return find_rule(base);
}

bool render_knows(const char *kind)
{
    return find_rule(kind) != &no_rule;
}

/* --- graphemes --- */

static void close_breaks(gpointer breaks)
{
    ubrk_close(breaks);
}
static GPrivate grapheme_breaks = G_PRIVATE_INIT(close_breaks);

static bool is_plain_ascii(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text >= 0x80 || *text == '\r')
            return false;
    return true;
}

/* Positions of ICU's borders in `text`, the one at 0 left out. */
static GArray *borders_of(UBreakIterator *breaks, const char *text)
{
    UErrorCode status = U_ZERO_ERROR;
    UText utext = UTEXT_INITIALIZER;
    GArray *found = g_array_new(FALSE, FALSE, sizeof(size_t));
    utext_openUTF8(&utext, text, -1, &status);
    ubrk_setUText(breaks, &utext, &status);
    g_assert(U_SUCCESS(status));
    ubrk_first(breaks);
    for (int32_t at = ubrk_next(breaks); at != UBRK_DONE; at = ubrk_next(breaks)) {
        size_t position = (size_t)at;
        g_array_append_val(found, position);
    }
    utext_close(&utext);
    return found;
}

/* The ends of the extended grapheme clusters (UAX #29). Opening an iterator costs more than a short
 * text, so each thread keeps one. */
static GArray *grapheme_ends(const char *text)
{
    UBreakIterator *breaks = g_private_get(&grapheme_breaks);
    if (!breaks) {
        UErrorCode status = U_ZERO_ERROR;
        breaks = ubrk_open(UBRK_CHARACTER, "en", NULL, 0, &status);
        g_assert(U_SUCCESS(status));
        g_private_set(&grapheme_breaks, breaks);
    }
    return borders_of(breaks, text);
}

static int64_t count_graphemes(const char *text)
{
    if (is_plain_ascii(text))
        return (int64_t)strlen(text);
    g_autoptr(GArray) ends = grapheme_ends(text);
    return ends->len;
}

/* --- links and mentions --- */

typedef enum EntityKind { ENTITY_URL, ENTITY_BARE_URL, ENTITY_MENTION } EntityKind;

typedef struct Entity {
    size_t start, end;
    size_t shown; /* of a mention: where "@user" of "@user@host" ends */
    EntityKind kind;
} Entity;

static GHashTable *top_level_domains(void)
{
    static GHashTable *table;
    if (g_once_init_enter(&table)) {
        g_autoptr(GBytes) bytes =
            g_resources_lookup_data("/breakwater/core/engine/data/tlds.txt", 0, NULL);
        g_assert(bytes);
        GHashTable *domains = g_hash_table_new(g_str_hash, g_str_equal);
        g_auto(GStrv) lines = g_strsplit(g_bytes_get_data(bytes, NULL), "\n", -1);
        for (char **line = lines; *line; line++)
            if (**line && **line != '#')
                g_hash_table_add(domains, (gpointer)g_intern_string(*line));
        g_once_init_leave(&table, domains);
    }
    return table;
}

static bool is_word(gunichar c)
{
    return c == '_' || g_unichar_isalnum(c) || g_unichar_ismark(c);
}

static gunichar char_before(const char *text, const char *at)
{
    return at == text ? 0 : g_utf8_get_char(g_utf8_prev_char(at));
}

/* The end of a link's path and query: up to white space or a quote, less the punctuation that
 * belongs to the sentence. A closing bracket stays when it was opened inside. */
static const char *end_of_path(const char *start)
{
    const char *end = start;
    int open = 0;
    for (const char *at = start; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        if (c == ')' && --open < 0)
            break;
        if (c == '(')
            open++;
        if (c < 0x80 ? !(g_ascii_isalnum(c) || strchr("!*';:=+,.$/%#[]-_~@|&?()", (int)c))
                     : !g_unichar_isalpha(c))
            break;
        if (c >= 0x80 || g_ascii_isalnum(c) || strchr("=_#/+-&)", (int)c))
            end = g_utf8_next_char(at);
    }
    return end;
}

/* Past a port, path and query after a domain that ends at `at`. */
static const char *end_of_url(const char *at)
{
    if (*at == ':' && g_ascii_isdigit(at[1]))
        for (at++; g_ascii_isdigit(*at); at++)
            ;
    return *at == '/' || *at == '?' ? end_of_path(at) : at;
}

static const char *end_of_domain(const char *start, bool bare)
{
    const char *end = start;
    for (const char *at = start; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        bool label = g_ascii_isalnum(c) || (c == '_' && !bare) ||
                     (c >= 0xC0 && g_unichar_isalpha(c) && (!bare || c < 0x250));
        if (!label && c != '.' && c != '-')
            break;
        if (c == '.' && at[1] == '.')
            break;
        if (label)
            end = g_utf8_next_char(at);
    }
    return end;
}

static bool is_top_level(const char *label, size_t length)
{
    char lower[64];
    if (length >= sizeof lower)
        return false;
    for (size_t i = 0; i < length; i++)
        lower[i] = g_ascii_tolower(label[i]);
    lower[length] = '\0';
    return g_hash_table_contains(top_level_domains(), lower);
}

/* "acme.com" in "acme.com.": the longest run of labels whose last one is a top-level domain. */
static const char *end_of_bare_domain(const char *start)
{
    const char *limit = end_of_domain(start, true), *best = NULL, *label = start;
    for (const char *at = start; at <= limit; at++) {
        if (at < limit && *at != '.')
            continue;
        bool stops = at < limit || *at != '@';
        if (label > start && stops && is_top_level(label, at - label))
            best = at;
        label = at + 1;
    }
    return best;
}

static bool match_url(const char *text, const char *at, Entity *found)
{
    size_t scheme = g_ascii_strncasecmp(at, "https://", 8) == 0  ? 8
                    : g_ascii_strncasecmp(at, "http://", 7) == 0 ? 7
                                                                 : 0;
    gunichar before = char_before(text, at);
    if (!scheme || (before && before < 0x80 && (g_ascii_isalnum(before) || strchr("@$#", before))))
        return false;
    const char *end = end_of_domain(at + scheme, false);
    if (end == at + scheme)
        return false;
    *found = (Entity){.start = at - text, .end = end_of_url(end) - text, .kind = ENTITY_URL};
    return true;
}

static bool match_bare_url(const char *text, const char *at, Entity *found)
{
    gunichar before = char_before(text, at);
    if (!g_ascii_isalnum(*at) ||
        (before && (before < 0x80 ? g_ascii_isalnum(before) || strchr("@$#-_./", (int)before)
                                  : before < 0x250 && g_unichar_isalpha(before))))
        return false;
    const char *end = end_of_bare_domain(at);
    if (!end)
        return false;
    *found = (Entity){.start = at - text, .end = end_of_url(end) - text, .kind = ENTITY_BARE_URL};
    return true;
}

static bool match_mention(const char *text, const char *at, Entity *found)
{
    gunichar before = char_before(text, at);
    if (*at != '@' || before == '/' || (before && is_word(before)))
        return false;
    const char *user = at + 1, *end = user;
    for (const char *c = user; g_ascii_isalnum(*c) || *c == '_' || *c == '.' || *c == '-'; c++)
        if (*c != '.' && *c != '-')
            end = c + 1;
    if (end == user || *user == '.' || *user == '-')
        return false;
    const char *shown = end;
    if (*end == '@') {
        const char *host = end_of_domain(end + 1, false);
        if (host > end + 1)
            end = host;
    }
    *found = (Entity){at - text, end - text, shown - text, ENTITY_MENTION};
    return true;
}

static GArray *find_entities(const char *text)
{
    GArray *entities = g_array_new(FALSE, FALSE, sizeof(Entity));
    for (const char *at = text; *at;) {
        Entity entity;
        if ((g_ascii_isalnum(*at) || *at == '@') &&
            (match_url(text, at, &entity) || match_mention(text, at, &entity) ||
             match_bare_url(text, at, &entity))) {
            g_array_append_val(entities, entity);
            at = text + entity.end;
        } else if (g_ascii_isalnum(*at)) {
            while (g_ascii_isalnum(*at))
                at++;
        } else {
            at = g_utf8_next_char(at);
        }
    }
    return entities;
}

/* --- the units --- */

static int64_t count_utf16(const char *text)
{
    int64_t length = 0;
    for (; *text; text = g_utf8_next_char(text))
        length += g_utf8_get_char(text) > 0xFFFF ? 2 : 1;
    return length;
}

static int64_t count_threads(const char *text)
{
    int64_t length = 0;
    for (; *text; text = g_utf8_next_char(text))
        length += g_utf8_get_char(text) > 0xFFFF ? 4 : 1;
    return length;
}

static int64_t count_mastodon(const char *text)
{
    g_autoptr(GArray) entities = find_entities(text);
    g_autoptr(GString) counted = g_string_new(NULL);
    size_t from = 0;
    for (guint i = 0; i < entities->len; i++) {
        Entity *entity = &g_array_index(entities, Entity, i);
        if (entity->kind == ENTITY_BARE_URL)
            continue;
        g_string_append_len(counted, text + from, entity->start - from);
        if (entity->kind == ENTITY_MENTION)
            g_string_append_len(counted, text + entity->start, entity->shown - entity->start);
        else
            for (int n = 0; n < URL_LENGTH; n++)
                g_string_append_c(counted, 'x');
        from = entity->end;
    }
    g_string_append(counted, text + from);
    return count_graphemes(counted->str);
}

static int x_weight(gunichar c)
{
    return c <= 4351 || (c >= 8192 && c <= 8205) || (c >= 8208 && c <= 8223) ||
                   (c >= 8242 && c <= 8247)
               ? 1
               : 2;
}

/* Whether a grapheme is drawn as an emoji: flags, key caps, pictures unless asked for as text. */
static bool is_emoji(const char *grapheme, const char *end)
{
    gunichar first = g_utf8_get_char(grapheme);
    const char *next = g_utf8_next_char(grapheme);
    gunichar second = next < end ? g_utf8_get_char(next) : 0;
    if (u_hasBinaryProperty((UChar32)first, UCHAR_REGIONAL_INDICATOR))
        return u_hasBinaryProperty((UChar32)second, UCHAR_REGIONAL_INDICATOR);
    if (u_hasBinaryProperty((UChar32)first, UCHAR_EXTENDED_PICTOGRAPHIC))
        return second != 0xFE0E && (first > 0xFF || second == 0xFE0F);
    for (const char *at = grapheme; at < end; at = g_utf8_next_char(at))
        if (g_utf8_get_char(at) == 0x20E3)
            return first < 0x80;
    return false;
}

static int64_t x_text(const char *text)
{
    int64_t length = 0;
    if (is_plain_ascii(text))
        return (int64_t)strlen(text);
    g_autoptr(GArray) ends = grapheme_ends(text);
    const char *at = text;
    for (guint i = 0; i < ends->len; i++) {
        const char *end = text + g_array_index(ends, size_t, i);
        if (is_emoji(at, end)) {
            length += 2;
            at = end;
        }
        for (; at < end; at = g_utf8_next_char(at))
            length += x_weight(g_utf8_get_char(at));
    }
    return length;
}

static int64_t count_x(const char *raw)
{
    g_autofree char *text = g_utf8_normalize(raw, -1, G_NORMALIZE_DEFAULT_COMPOSE);
    g_autoptr(GArray) entities = find_entities(text);
    int64_t length = 0;
    size_t from = 0;
    for (guint i = 0; i < entities->len; i++) {
        Entity *entity = &g_array_index(entities, Entity, i);
        if (entity->kind == ENTITY_MENTION)
            continue;
        g_autofree char *before = g_strndup(text + from, entity->start - from);
        length += x_text(before) + URL_LENGTH;
        from = entity->end;
    }
    return length + x_text(text + from);
}

/* Septets of a character in GSM 03.38: 1, 2 for the extension table, 0 when it has none. */
static int gsm_septets(gunichar c)
{
    static const char basic[] =
        "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
        "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
    if (g_utf8_strchr(basic, -1, c))
        return 1;
    return c && g_utf8_strchr("^{}\\[]~|€\f", -1, c) ? 2 : 0;
}

/* Segments of a text of units that cost `cost` each, in which no unit may be cut. */
static int segments_of(const char *text, int (*cost)(gunichar), int one, int many)
{
    int64_t total = 0;
    int segments = 1, used = 0;
    for (; *text; text = g_utf8_next_char(text)) {
        int units = cost(g_utf8_get_char(text));
        total += units;
        if (used + units > many) {
            segments++;
            used = 0;
        }
        used += units;
    }
    return total <= one ? 1 : segments;
}

static int utf16_units(gunichar c)
{
    return c > 0xFFFF ? 2 : 1;
}

static int64_t count_gsm(const char *text, int *segments)
{
    int64_t septets = 0;
    for (const char *at = text; *at; at = g_utf8_next_char(at)) {
        int cost = gsm_septets(g_utf8_get_char(at));
        if (cost == 0) {
            *segments = segments_of(text, utf16_units, UCS2_ONE, UCS2_MANY);
            return count_utf16(text);
        }
        septets += cost;
    }
    *segments = segments_of(text, gsm_septets, GSM_ONE, GSM_MANY);
    return septets;
}

char *render_beyond_gsm(const char *text)
{
    for (; *text; text = g_utf8_next_char(text))
        if (gsm_septets(g_utf8_get_char(text)) == 0)
            return g_strndup(text, g_utf8_next_char(text) - text);
    return NULL;
}

static void count_valid(const Rule *rule, const char *text, int64_t limit_override,
                        RenderCount *out)
{
    *out = (RenderCount){.limit = limit_override > 0 ? limit_override : rule->limit,
                         .unit = unit_names[rule->unit],
                         .segments = 1};
    switch (rule->unit) {
    case UNIT_GRAPHEMES:
        out->length = count_graphemes(text);
        break;
    case UNIT_CODE_POINTS:
        out->length = g_utf8_strlen(text, -1);
        break;
    case UNIT_UTF16:
        out->length = count_utf16(text);
        break;
    case UNIT_BYTES:
        out->length = (int64_t)strlen(text);
        break;
    case UNIT_THREADS:
        out->length = count_threads(text);
        break;
    case UNIT_X:
        out->length = count_x(text);
        break;
    case UNIT_MASTODON:
        out->length = count_mastodon(text);
        break;
    case UNIT_GSM:
        out->length = count_gsm(text, &out->segments);
        break;
    }
    if (rule->bytes && out->length <= out->limit && (int64_t)strlen(text) > rule->bytes) {
        out->length = (int64_t)strlen(text);
        out->limit = rule->bytes;
        out->unit = unit_names[UNIT_BYTES];
    }
}

void render_count(const char *kind, const char *text, int64_t limit_override, RenderCount *out)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    count_valid(find_rule(kind), valid, limit_override, out);
}

/* --- cutting --- */

/* A place where a part may end, and how good a place it is. */
typedef struct Cut {
    size_t at;
    enum { CUT_GRAPHEME, CUT_WORD, CUT_SENTENCE, CUT_PARAGRAPH } quality;
} Cut;

static void raise_cuts(GArray *cuts, const char *text, UBreakIteratorType type, int quality)
{
    UErrorCode status = U_ZERO_ERROR;
    UBreakIterator *breaks = ubrk_open(type, "en", NULL, 0, &status);
    g_assert(U_SUCCESS(status));
    g_autoptr(GArray) borders = borders_of(breaks, text);
    ubrk_close(breaks);
    guint c = 0;
    for (guint i = 0; i < borders->len; i++) {
        size_t at = g_array_index(borders, size_t, i);
        while (c < cuts->len && g_array_index(cuts, Cut, c).at < at)
            c++;
        if (c < cuts->len && g_array_index(cuts, Cut, c).at == at)
            g_array_index(cuts, Cut, c).quality = quality;
    }
}

/* All places where `text` may be cut, in order; the last is its end. */
static GArray *find_cuts(const char *text)
{
    g_autoptr(GArray) ends = grapheme_ends(text);
    g_autoptr(GArray) entities = find_entities(text);
    GArray *cuts = g_array_new(FALSE, FALSE, sizeof(Cut));
    guint e = 0;
    for (guint i = 0; i < ends->len; i++) {
        Cut cut = {g_array_index(ends, size_t, i), CUT_GRAPHEME};
        while (e < entities->len && g_array_index(entities, Entity, e).end <= cut.at)
            e++;
        if (e == entities->len || cut.at <= g_array_index(entities, Entity, e).start)
            g_array_append_val(cuts, cut);
    }
    raise_cuts(cuts, text, UBRK_LINE, CUT_WORD);
    raise_cuts(cuts, text, UBRK_SENTENCE, CUT_SENTENCE);
    for (guint i = 0; i < cuts->len; i++) {
        Cut *cut = &g_array_index(cuts, Cut, i);
        if (cut->at >= 2 && text[cut->at - 1] == '\n' && text[cut->at - 2] == '\n')
            cut->quality = CUT_PARAGRAPH;
    }
    return cuts;
}

static char *slice(const char *text, size_t from, size_t to)
{
    return g_strstrip(g_strndup(text + from, to - from));
}

static bool slice_fits(const Rule *rule, int64_t limit_override, const char *text, size_t from,
                       size_t to)
{
    g_autofree char *part = slice(text, from, to);
    RenderCount count;
    count_valid(rule, part, limit_override, &count);
    return count.length <= count.limit;
}

/* The last of the cuts from `first` on up to which a part from `from` fits; `first` when none does.
 * Looks a doubling step ahead first, so that a long text is not counted to its end for each part.
 */
static guint last_fitting(const Rule *rule, int64_t limit, const char *text, GArray *cuts,
                          guint first, size_t from)
{
    guint good = first, bad, step = 64;
    for (bad = first + step; bad < cuts->len; bad = good + step) {
        if (!slice_fits(rule, limit, text, from, g_array_index(cuts, Cut, bad).at))
            break;
        good = bad;
        step *= 2;
    }
    bad = MIN(bad, cuts->len);
    while (good + 1 < bad) {
        guint middle = good + (bad - good) / 2;
        if (slice_fits(rule, limit, text, from, g_array_index(cuts, Cut, middle).at))
            good = middle;
        else
            bad = middle;
    }
    return good;
}

/* The best cut at or before `last`: the better kind of place wins as long as the part stays at
 * least half full (a word's border always wins over a cut through the word). */
static guint best_cut(const GArray *cuts, guint first, guint last, size_t from)
{
    size_t half = from + (g_array_index(cuts, Cut, last).at - from) / 2;
    guint best = last;
    for (guint i = last + 1; i-- > first;) {
        const Cut *cut = &g_array_index(cuts, Cut, i), *chosen = &g_array_index(cuts, Cut, best);
        if (cut->at < half && chosen->quality >= CUT_WORD)
            break;
        if (cut->quality > chosen->quality && (cut->at >= half || cut->quality >= CUT_WORD))
            best = i;
    }
    return best;
}

GPtrArray *render_parts(const char *kind, const char *text, int64_t limit_override)
{
    const Rule *rule = find_rule(kind);
    GPtrArray *parts = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    RenderCount whole;
    count_valid(rule, valid, limit_override, &whole);
    if (whole.limit == 0 || whole.length <= whole.limit) {
        if (*valid)
            g_ptr_array_add(parts, g_steal_pointer(&valid));
        return parts;
    }
    g_autoptr(GArray) cuts = find_cuts(valid);
    size_t from = 0;
    for (guint first = 0; first < cuts->len;) {
        guint last = last_fitting(rule, limit_override, valid, cuts, first, from);
        if (last + 1 < cuts->len) {
            /* A shorter part can be longer by the network's count (an SMS of "€" alone against one
             * of "€ê"): then the first cut stands. */
            guint better = best_cut(cuts, first, last, from);
            size_t at = g_array_index(cuts, Cut, better).at;
            if (slice_fits(rule, limit_override, valid, from, at))
                last = better;
        }
        size_t to = g_array_index(cuts, Cut, last).at;
        g_autofree char *part = slice(valid, from, to);
        if (*part)
            g_ptr_array_add(parts, g_steal_pointer(&part));
        from = to;
        first = last + 1;
    }
    return parts;
}
