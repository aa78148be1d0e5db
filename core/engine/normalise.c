#include "core/engine/normalise.h"

#include <string.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utf8.h>

/* Folding works code point by code point: decomposed (NFKD), case-folded, marks dropped. Without
 * marks the order of composition no longer matters, so no context is needed and ten thousand
 * combining marks cost ten thousand steps. What most texts use comes from a table. */
#define FOLD_TABLE 0x600
#define FOLD_BYTES 12
typedef struct Fold {
    uint8_t length;
    char bytes[FOLD_BYTES];
} Fold;

static Fold fold_table[FOLD_TABLE];

typedef enum Kind { KIND_OTHER, KIND_LETTER, KIND_DIGIT, KIND_MARK, KIND_SYMBOL } Kind;
static uint8_t kind_table[FOLD_TABLE];

static const UNormalizer2 *nfkc_casefold, *nfkd;

/* Scripts that do without blanks: each character is a word of its own. */
static bool stands_alone(UChar32 c)
{
    return (c >= 0x3040 && c <= 0x30ff) || (c >= 0x3400 && c <= 0x9fff) ||
           (c >= 0xf900 && c <= 0xfaff) || (c >= 0x0e00 && c <= 0x0e7f) ||
           (c >= 0x20000 && c <= 0x3ffff);
}

static Kind kind_of_slow(UChar32 c)
{
    switch (u_charType(c)) {
    case U_UPPERCASE_LETTER:
    case U_LOWERCASE_LETTER:
    case U_TITLECASE_LETTER:
    case U_MODIFIER_LETTER:
    case U_OTHER_LETTER:
        return KIND_LETTER;
    case U_NON_SPACING_MARK:
    case U_ENCLOSING_MARK:
    case U_COMBINING_SPACING_MARK:
    case U_FORMAT_CHAR:
        return KIND_MARK;
    case U_DECIMAL_DIGIT_NUMBER:
        return KIND_DIGIT;
    default:
        break;
    }
    if (c >= 0x1f3fb && c <= 0x1f3ff) /* skin tones */
        return KIND_MARK;
    if (c > 0xff && u_hasBinaryProperty(c, UCHAR_EXTENDED_PICTOGRAPHIC))
        return KIND_SYMBOL;
    return KIND_OTHER;
}

static inline Kind kind_of(UChar32 c)
{
    return c < FOLD_TABLE ? (Kind)kind_table[c] : kind_of_slow(c);
}

static void fold_slow(UChar32 c, Fold *fold)
{
    UErrorCode status = U_ZERO_ERROR;
    UChar one[2], folded[24], apart[48];
    int32_t n = 0;
    fold->length = 0;
    U16_APPEND_UNSAFE(one, n, c);
    int32_t length = unorm2_normalize(nfkc_casefold, one, n, folded, G_N_ELEMENTS(folded), &status);
    if (U_SUCCESS(status))
        length = unorm2_normalize(nfkd, folded, length, apart, G_N_ELEMENTS(apart), &status);
    if (U_FAILURE(status)) /* a ligature of a whole sentence: not worth a word */
        return;
    for (int32_t i = 0; i < length;) {
        UChar32 part;
        U16_NEXT(apart, i, length, part);
        Kind kind = kind_of_slow(part);
        if (kind != KIND_LETTER && kind != KIND_DIGIT && kind != KIND_SYMBOL)
            continue;
        if (kind == KIND_DIGIT)
            part = '0' + u_charDigitValue(part);
        if (part == 0x131) /* the dotless i loses nothing more by becoming an i */
            part = 'i';
        int32_t at = fold->length;
        if (at + U8_LENGTH(part) > FOLD_BYTES)
            break;
        U8_APPEND_UNSAFE(fold->bytes, at, part);
        fold->length = at;
    }
}

static void fold_init(void)
{
    static gsize done;
    if (!g_once_init_enter(&done))
        return;
    UErrorCode status = U_ZERO_ERROR;
    nfkc_casefold = unorm2_getNFKCCasefoldInstance(&status);
    nfkd = unorm2_getNFKDInstance(&status);
    g_assert(U_SUCCESS(status));
    for (UChar32 c = 0; c < FOLD_TABLE; c++) {
        kind_table[c] = kind_of_slow(c);
        fold_slow(c, &fold_table[c]);
    }
    g_once_init_leave(&done, 1);
}

uint64_t normalise_hash(const char *bytes, gsize length)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (gsize i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)bytes[i]) * 0x100000001b3u;
    hash ^= hash >> 32;
    hash *= 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

Normalised *normalised_new(void)
{
    Normalised *normalised = g_new0(Normalised, 1);
    normalised->source = g_string_sized_new(512);
    normalised->plain = g_string_sized_new(512);
    normalised->canon = g_string_sized_new(512);
    normalised->tokens = g_array_sized_new(FALSE, FALSE, sizeof(Token), 64);
    normalised->urls = g_array_new(FALSE, FALSE, sizeof(Span));
    normalised->handles = g_array_new(FALSE, FALSE, sizeof(Span));
    fold_init();
    return normalised;
}

void normalised_free(Normalised *normalised)
{
    if (!normalised)
        return;
    g_string_free(normalised->source, TRUE);
    g_string_free(normalised->plain, TRUE);
    g_string_free(normalised->canon, TRUE);
    g_array_unref(normalised->tokens);
    g_array_unref(normalised->urls);
    g_array_unref(normalised->handles);
    g_free(normalised);
}

/* Copies the text, a blank for what is not UTF-8 and for control characters. */
static void take_source(Normalised *n, const char *text, gssize length)
{
    gsize left = length < 0 ? strnlen(text, NORMALISE_MOST_BYTES + 1) : (gsize)length;
    if (left > NORMALISE_MOST_BYTES) {
        left = NORMALISE_MOST_BYTES;
        while (left > NORMALISE_MOST_BYTES - 4 && ((uint8_t)text[left] & 0xc0) == 0x80)
            left--;
    }
    g_string_set_size(n->source, 0);
    while (left > 0) {
        const char *end;
        bool valid = g_utf8_validate_len(text, left, &end);
        g_string_append_len(n->source, text, end - text);
        left -= end - text;
        text = end;
        if (!valid) {
            g_string_append_c(n->source, ' ');
            text++;
            left--;
        }
    }
}

static inline bool is_blank(char c)
{
    return (uint8_t)c <= ' ' || c == 0x7f;
}

static inline bool is_handle_char(char c)
{
    return g_ascii_isalnum(c) || c == '_' || c == '.' || c == '-';
}

static uint32_t to_blank(const char *s, uint32_t i, uint32_t n)
{
    uint32_t at = i;
    while (at < n && !is_blank(s[at]) && !strchr("<>\"", s[at]))
        at++;
    return at - i;
}

/* The length of the link that starts at `i`, or 0. Any short word before ":/" will do for a scheme:
 * people mistype those too. */
static uint32_t url_at(const char *s, uint32_t i, uint32_t n)
{
    uint32_t at = i;
    while (at < n && at < i + 6 && g_ascii_isalpha(s[at]))
        at++;
    bool scheme = at >= i + 3 && at + 2 < n && s[at] == ':' && s[at + 1] == '/';
    bool host =
        at == i + 3 && at + 1 < n && s[at] == '.' && g_ascii_strncasecmp(s + i, "www", 3) == 0;
    return scheme || host ? to_blank(s, i, n) : 0;
}

/* The length of "@anna" or "@anna@example.org" at `i`, or 0. */
static uint32_t handle_at(const char *s, uint32_t i, uint32_t n)
{
    uint32_t at = i;
    for (int part = 0; part < 2 && at < n && s[at] == '@'; part++) {
        uint32_t end = at + 1;
        while (end < n && is_handle_char(s[end]))
            end++;
        while (end > at + 1 && (s[end - 1] == '.' || s[end - 1] == '-'))
            end--;
        if (end == at + 1)
            break;
        at = end;
    }
    return at - i;
}

/* The length of the mail address at `i`, or 0: "anna.meier@example.org". Looks at a bounded number
 * of bytes, so that a long line without blanks stays linear. */
static uint32_t mail_address_at(const char *s, uint32_t i, uint32_t n)
{
    uint32_t at = i, most = MIN(n, i + 64);
    while (at < most && (is_handle_char(s[at]) || s[at] == '+'))
        at++;
    if (at == i || at >= most || s[at] != '@')
        return 0;
    uint32_t length = handle_at(s, at, n);
    return length > 1 && memchr(s + at, '.', length) ? at - i + length : 0;
}

/* What tweets carry of HTML. */
static uint32_t entity_at(const char *s, uint32_t i, uint32_t n)
{
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&nbsp;"};
    for (gsize k = 0; k < G_N_ELEMENTS(entities); k++) {
        uint32_t length = strlen(entities[k]);
        if (n - i >= length && memcmp(s + i, entities[k], length) == 0)
            return length;
    }
    return 0;
}

/* Emoticons become the emoji that says the same. */
static uint32_t emoticon_at(const char *s, uint32_t i, uint32_t n, const char **emoji)
{
    static const struct {
        const char *mouths, *emoji;
    } faces[] = {
        {")D]", "\xf0\x9f\x99\x82"}, {"([", "\xf0\x9f\x99\x81"}, {"/\\|", "\xf0\x9f\x98\x95"}};
    if ((s[i] != ':' && s[i] != ';' && s[i] != '=') || i + 1 >= n)
        return 0;
    uint32_t mouth = i + 1 + (s[i + 1] == '-' || s[i + 1] == '\'');
    if (mouth >= n)
        return 0;
    for (gsize k = 0; k < G_N_ELEMENTS(faces); k++)
        if (strchr(faces[k].mouths, s[mouth])) {
            *emoji = faces[k].emoji;
            return mouth + 1 - i;
        }
    return 0;
}

static bool full(const Normalised *n)
{
    return n->tokens->len >= NORMALISE_MOST_TOKENS;
}

/* Ends the token whose bytes were appended to `canon` since `start`. */
static Token *add_token(Normalised *n, uint32_t start, uint32_t from, uint32_t to, uint32_t flags)
{
    Token token = {.start = start,
                   .length = n->canon->len - start,
                   .from = from,
                   .size = to - from,
                   .flags = flags};
    if (token.length == 0)
        return NULL;
    token.hash = normalise_hash(n->canon->str + start, token.length);
    g_string_append_c(n->canon, ' ');
    g_array_append_val(n->tokens, token);
    return &g_array_index(n->tokens, Token, n->tokens->len - 1);
}

static void add_symbol(Normalised *n, const char *bytes, gsize length, uint32_t from, uint32_t to)
{
    if (n->tokens->len > 0) { /* five angry faces are one */
        const Token *last = normalised_token(n, n->tokens->len - 1);
        if ((last->flags & TOKEN_SYMBOL) && last->length == length &&
            memcmp(normalised_bytes(n, last), bytes, length) == 0)
            return;
    }
    uint32_t start = n->canon->len;
    g_string_append_len(n->canon, bytes, length);
    add_token(n, start, from, to, TOKEN_SYMBOL);
}

static const Fold *fold_of(UChar32 c, Fold *space)
{
    if (c < FOLD_TABLE)
        return &fold_table[c];
    fold_slow(c, space);
    return space;
}

/* Reads a word or number that starts at `i`; returns where it ends. Apostrophes end a French or
 * Luxembourgish article ("l'appli", "d'App"), cut off an English ending ("it's"), and vanish in
 * "don't". A dot, comma, colon or slash between digits belongs to the number. */
static uint32_t take_word(Normalised *n, uint32_t i, uint32_t flags)
{
    const char *s = n->source->str;
    uint32_t length = n->source->len, from = i, start = n->canon->len;
    uint32_t letters = 0, capitals = 0, run = 0,
             ends = 0;                 /* ends: of canon before the apostrophe */
    uint32_t apostrophe = 0, rest = 0; /* where it stands, and what follows it */
    UChar32 before = 0;
    bool digits = false;
    while (i < length) {
        uint32_t next = i;
        UChar32 c;
        if ((uint8_t)s[i] < 0x80)
            c = (uint8_t)s[next++];
        else
            U8_NEXT((const uint8_t *)s, next, length, c);
        Kind kind = kind_of(c);
        if (kind == KIND_MARK) {
            i = next;
            continue;
        }
        if (kind != KIND_LETTER && kind != KIND_DIGIT) {
            bool between_digits = next < length && g_ascii_isdigit(s[next]) && before < 0x80 &&
                                  g_ascii_isdigit(before);
            if (between_digits && (c == '.' || c == ',' || c == ':' || c == '/')) {
                g_string_append_c(n->canon, c == ',' ? '.' : c);
                before = c;
                i = next;
                continue;
            }
            if ((c == '\'' || c == 0x2019 || c == 0x60 || c == 0xb4) && letters > 0 && !ends &&
                !digits && next < length &&
                (g_ascii_isalpha(s[next]) || (uint8_t)s[next] >= 0x80)) {
                if (letters <= 2 && before != 'n' && g_ascii_tolower(s[next]) != 't')
                    break; /* an article */
                ends = n->canon->len;
                apostrophe = i;
                rest = next;
                letters = 0;
                i = next;
                before = c;
                continue;
            }
            break;
        }
        if (stands_alone(c) && n->canon->len > start)
            break;
        if (c == 'h' && i > from && length - i > 8 && memcmp(s + i, "http", 4) == 0 &&
            url_at(s, i, length) > 0)
            break; /* a link without a blank before it */
        Fold space;
        const Fold *fold = fold_of(c, &space);
        bool same =
            fold->length > 0 && fold->length <= 4 && n->canon->len >= start + fold->length &&
            memcmp(n->canon->str + n->canon->len - fold->length, fold->bytes, fold->length) == 0 &&
            kind == KIND_LETTER;
        run = same ? run + 1 : 1;
        if (run == 3) { /* "sooo": back to one */
            g_string_truncate(n->canon, n->canon->len - fold->length);
            flags |= TOKEN_STRETCHED;
        } else if (run < 3) {
            g_string_append_len(n->canon, fold->bytes, fold->length);
        }
        if (kind == KIND_LETTER) {
            bool capital = c < 0x80 ? g_ascii_isupper(c) : u_isupper(c);
            if (letters == 0 && !ends && capital)
                flags |= TOKEN_CAPITAL;
            letters++;
            capitals += capital;
        } else {
            digits = true;
        }
        before = kind == KIND_DIGIT && fold->length == 1 ? fold->bytes[0] : c;
        i = next;
        if (stands_alone(c))
            break;
    }
    uint32_t to = i;
    if (ends) {
        uint32_t ending = n->canon->len - ends;
        if (ending <= 2 && !(ending == 1 && n->canon->str[ends] == 't')) {
            g_string_truncate(n->canon, ends); /* it's, we're, you'll */
            to = apostrophe;
        } else if (ending > 2) { /* qu'elle, aujourd'hui: read the rest as a word of its own */
            g_string_truncate(n->canon, ends);
            to = apostrophe;
            i = rest;
        }
    }
    if (capitals >= 2 && capitals >= letters)
        flags |= TOKEN_SHOUTED;
    flags |= digits ? TOKEN_NUMBER : TOKEN_WORD;
    add_token(n, start, from, to, flags);
    return i;
}

static bool token_is(const Normalised *n, const Token *token, const char *word)
{
    return token->length == strlen(word) &&
           memcmp(normalised_bytes(n, token), word, token->length) == 0;
}

/* Takes "rt", "mt" or "via" off again when a handle follows. */
static bool take_retweet(Normalised *n, uint32_t handle, uint32_t size)
{
    if (n->tokens->len == 0)
        return false;
    const Token *last = normalised_token(n, n->tokens->len - 1);
    if (handle - (last->from + last->size) > 2)
        return false;
    if (!token_is(n, last, "rt") && !token_is(n, last, "mt") && !token_is(n, last, "via"))
        return false;
    n->retweet = true;
    n->retweet_of = (Span){handle + 1, size - 1};
    g_string_truncate(n->canon, last->start);
    g_string_truncate(n->plain, n->plain->len - MIN(n->plain->len, handle - last->from));
    g_array_set_size(n->tokens, n->tokens->len - 1);
    return true;
}

/* A text that ends with an ellipsis right behind a word was cut by its network. */
static void find_cut(Normalised *n)
{
    const char *s = n->source->str;
    uint32_t end = n->source->len;
    while (end > 0 && (is_blank(s[end - 1]) || s[end - 1] == ']' || s[end - 1] == ')'))
        end--;
    bool one = end >= 3 && memcmp(s + end - 3, "\xe2\x80\xa6", 3) == 0;
    bool three = end >= 3 && memcmp(s + end - 3, "...", 3) == 0;
    if (!one && !three)
        return;
    n->cut = true;
    if (n->tokens->len == 0)
        return;
    Token *last = &g_array_index(n->tokens, Token, n->tokens->len - 1);
    if (last->from + last->size == end - 3)
        last->flags |= TOKEN_CUT;
}

void normalise(Normalised *n, const char *text, gssize length)
{
    g_string_set_size(n->plain, 0);
    g_string_set_size(n->canon, 0);
    g_array_set_size(n->tokens, 0);
    g_array_set_size(n->urls, 0);
    g_array_set_size(n->handles, 0);
    n->retweet = n->cut = false;
    n->retweet_of = (Span){0, 0};
    n->questions = n->exclamations = 0;
    take_source(n, text, length);

    const char *s = n->source->str;
    uint32_t size = n->source->len;
    bool hashtag = false, fresh = true; /* fresh: a link, handle or address may start here */
    for (uint32_t i = 0; i < size && !full(n);) {
        uint32_t taken;
        const char *emoji;
        char c = s[i];
        if (is_blank(c)) {
            g_string_append_c(n->plain, ' ');
            fresh = true;
            hashtag = false;
            i++;
            continue;
        }
        if (c == '@' && (taken = handle_at(s, i, size)) > 0) {
            Span span = {i, taken};
            if (!take_retweet(n, i, taken))
                g_array_append_val(n->handles, span);
            i += taken;
            if (i < size && s[i] == ':' && n->retweet)
                i++;
            continue;
        }
        if (fresh && (taken = url_at(s, i, size)) > 0) {
            Span span = {i, taken};
            g_array_append_val(n->urls, span);
            i += taken;
            continue;
        }
        if (fresh && g_ascii_isalnum(c) && (taken = mail_address_at(s, i, size)) > 0) {
            Span span = {i, taken};
            g_array_append_val(n->handles, span);
            i += taken;
            continue;
        }
        if (c == '&' && (taken = entity_at(s, i, size)) > 0) {
            g_string_append_c(n->plain, ' ');
            i += taken;
            continue;
        }
        if (fresh && (taken = emoticon_at(s, i, size, &emoji)) > 0) {
            add_symbol(n, emoji, strlen(emoji), i, i + taken);
            i += taken;
            continue;
        }
        uint32_t next = i;
        UChar32 point;
        if ((uint8_t)c < 0x80)
            point = (uint8_t)s[next++];
        else
            U8_NEXT((const uint8_t *)s, next, size, point);
        Kind kind = kind_of(point);
        if (kind == KIND_LETTER || kind == KIND_DIGIT) {
            next = take_word(n, i, hashtag ? TOKEN_HASHTAG : 0);
            g_string_append_len(n->plain, s + i, next - i);
            fresh = next < size && s[next] == 'h';
        } else {
            if (kind == KIND_SYMBOL)
                add_symbol(n, s + i, next - i, i, next);
            n->questions += point == '?' || point == 0xff1f || point == 0x61f;
            n->exclamations += point == '!' || point == 0xff01;
            g_string_append_len(n->plain, s + i, next - i);
            fresh = kind != KIND_MARK;
            hashtag = point == '#';
        }
        i = next;
    }
    if (n->canon->len > 0)
        g_string_truncate(n->canon, n->canon->len - 1);
    find_cut(n);
}
