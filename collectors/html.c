#include "collectors/html.h"
#include "collectors/html_entities.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAME = 12, MAX_HREF = 2000, MAX_QUOTES = 5 };

/* ---- what an element means for the text ---- */

typedef enum Role {
    ROLE_NONE,
    ROLE_BLOCK,     /* a line of its own */
    ROLE_PARAGRAPH, /* ... with an empty line around it */
    ROLE_BREAK,
    ROLE_CELL,
    ROLE_ITEM,
    ROLE_LIST,
    ROLE_QUOTE,
    ROLE_PRE,
    ROLE_LINK,
    ROLE_IMAGE,
    ROLE_RAW,  /* not text, and its content is not markup */
    ROLE_SKIP, /* not text, with all elements in it */
} Role;

typedef struct Element {
    const char *name;
    Role role;
} Element;

static const Element elements[] = {
    {"a", ROLE_LINK},        {"address", ROLE_BLOCK},    {"article", ROLE_BLOCK},
    {"aside", ROLE_BLOCK},   {"blockquote", ROLE_QUOTE}, {"body", ROLE_BLOCK},
    {"br", ROLE_BREAK},      {"center", ROLE_BLOCK},     {"dd", ROLE_BLOCK},
    {"details", ROLE_BLOCK}, {"div", ROLE_BLOCK},        {"dl", ROLE_PARAGRAPH},
    {"dt", ROLE_BLOCK},      {"fieldset", ROLE_BLOCK},   {"figcaption", ROLE_BLOCK},
    {"figure", ROLE_BLOCK},  {"footer", ROLE_BLOCK},     {"form", ROLE_BLOCK},
    {"h1", ROLE_PARAGRAPH},  {"h2", ROLE_PARAGRAPH},     {"h3", ROLE_PARAGRAPH},
    {"h4", ROLE_PARAGRAPH},  {"h5", ROLE_PARAGRAPH},     {"h6", ROLE_PARAGRAPH},
    {"header", ROLE_BLOCK},  {"hr", ROLE_PARAGRAPH},     {"iframe", ROLE_RAW},
    {"img", ROLE_IMAGE},     {"li", ROLE_ITEM},          {"main", ROLE_BLOCK},
    {"math", ROLE_SKIP},     {"nav", ROLE_BLOCK},        {"noembed", ROLE_RAW},
    {"noframes", ROLE_RAW},  {"ol", ROLE_LIST},          {"p", ROLE_PARAGRAPH},
    {"pre", ROLE_PRE},       {"script", ROLE_RAW},       {"section", ROLE_BLOCK},
    {"select", ROLE_SKIP},   {"style", ROLE_RAW},        {"summary", ROLE_BLOCK},
    {"svg", ROLE_SKIP},      {"table", ROLE_BLOCK},      {"tbody", ROLE_BLOCK},
    {"td", ROLE_CELL},       {"template", ROLE_SKIP},    {"textarea", ROLE_RAW},
    {"tfoot", ROLE_BLOCK},   {"th", ROLE_CELL},          {"thead", ROLE_BLOCK},
    {"title", ROLE_RAW},     {"tr", ROLE_BLOCK},         {"ul", ROLE_LIST},
    {"xmp", ROLE_RAW},
};

/* Elements whose end a writer may not leave out: only these are hidden by their style, as one that
 * never ends would hide the rest of the mail. */
static const char *const hideable[] = {"div", "p", "span", "table", "td", "tr", NULL};

static int compare_element(const void *key, const void *element)
{
    return strcmp(key, ((const Element *)element)->name);
}

static Role role_of(const char *name)
{
    const Element *found =
        bsearch(name, elements, G_N_ELEMENTS(elements), sizeof elements[0], compare_element);
    return found ? found->role : ROLE_NONE;
}

/* ---- the state: where we are in the markup, and the text so far ---- */

typedef struct Tag {
    char name[MAX_NAME]; /* lower case; "" for one that is longer and means nothing here */
    bool end;
    const char *attributes, *attributes_end;
} Tag;

typedef struct Html {
    const char *at, *end;
    HtmlFlags flags;
    bool show_hidden;

    GString *text;
    int newlines; /* wanted before the next character */
    bool space;   /* wanted before the next character on the same line */
    int quotes, pre, lists;
    int text_quotes; /* how deep the last line was quoted */
    gssize quote_at;

    char skipping[MAX_NAME]; /* the element whose content is left out */
    int skip_depth;
    bool skip_hidden; /* ... because its style says so */

    bool item;  /* the next character is the first of a list item */
    char *href; /* of the open link */
    gsize link_at;
} Html;

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* ---- writing ---- */

static void want_newlines(Html *html, int count)
{
    html->newlines = MAX(html->newlines, count);
    html->space = false;
}

static void write_prefix(Html *html, int depth)
{
    for (int i = 0; i < MIN(depth, MAX_QUOTES); i++)
        g_string_append(html->text, "> ");
}

static void begin_text(Html *html)
{
    int quotes = html->flags & HTML_QUOTES ? html->quotes : 0;
    bool first = html->text->len == 0;
    if (first)
        write_prefix(html, quotes);
    for (int i = first ? 0 : html->newlines; i > 0; i--) {
        g_string_append_c(html->text, '\n');
        write_prefix(html, i > 1 ? MIN(quotes, html->text_quotes) : quotes);
    }
    if (html->space && html->newlines == 0 && !first)
        g_string_append_c(html->text, ' ');
    if (html->item)
        g_string_append(html->text, "- ");
    html->newlines = 0;
    html->space = html->item = false;
    html->text_quotes = quotes;
}

/* Soft hyphen, joiner, zero width space and byte order mark are padding in mails, not words. */
static bool is_padding(gunichar c)
{
    return c == 0xad || c == 0x34f || c == 0x200b || c == 0xfeff;
}

static void put_character(Html *html, gunichar c)
{
    if (html->skip_depth)
        return;
    if (html->pre && c == '\n') {
        html->newlines = MIN(html->newlines + 1, 2);
        html->space = false;
        return;
    }
    if (html->pre && (c == ' ' || c == '\t') && html->text->len > 0) {
        begin_text(html);
        g_string_append_c(html->text, (char)c);
        return;
    }
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == 0xa0) {
        html->space = html->newlines == 0;
        return;
    }
    if (c < 0x20 || (c >= 0x7f && c < 0xa0) || is_padding(c))
        return;
    begin_text(html);
    g_string_append_unichar(html->text, c);
}

/* ---- characters by name and number ---- */

/* What browsers make of numbers that are no characters but bytes of windows-1252. */
static const guint16 windows1252[32] = {
    0x20ac, 0xfffd, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0xfffd, 0x017d, 0xfffd, 0xfffd, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0xfffd, 0x017e, 0x0178,
};

static gunichar numbered(const char **at, const char *end)
{
    const char *from = *at + 2;
    bool hex = from < end && (*from == 'x' || *from == 'X');
    if (hex)
        from++;
    const char *to = from;
    guint32 value = 0;
    for (; to < end && (hex ? g_ascii_isxdigit(*to) : g_ascii_isdigit(*to)); to++)
        if (value <= 0x10ffff)
            value = value * (hex ? 16 : 10) + (guint32)g_ascii_xdigit_value(*to);
    if (to == from)
        return 0;
    *at = to < end && *to == ';' ? to + 1 : to;
    if (value >= 0x80 && value < 0xa0)
        return windows1252[value - 0x80];
    return value && g_unichar_validate(value) ? value : 0xfffd;
}

/* The character that a "&" begins; `at` moves behind it. 0 when it is only an ampersand. Without
 * its semicolon a name counts where browsers take it: the Latin-1 ones, and not in an attribute,
 * where
 * "&copy=1" is a parameter. */
static gunichar named(const char **at, const char *end, bool attribute)
{
    if (*at + 1 < end && (*at)[1] == '#')
        return numbered(at, end);
    const char *from = *at + 1, *to = from;
    while (to < end && to - from < 32 && g_ascii_isalnum(*to))
        to++;
    gunichar found = html_entity(from, (gsize)(to - from));
    if (found && to < end && *to == ';') {
        *at = to + 1;
        return found;
    }
    for (; !attribute && to > from; to--) {
        found = html_entity(from, (gsize)(to - from));
        if (found && found < 256 && to - from > 1) {
            *at = to;
            return found;
        }
    }
    return 0;
}

/* The next character, with entities resolved; `at` moves on. */
static gunichar next_character(const char **at, const char *end, bool attribute)
{
    gunichar c = **at == '&' ? named(at, end, attribute) : 0;
    if (c)
        return c;
    c = g_utf8_get_char(*at);
    *at = g_utf8_next_char(*at);
    return c;
}

/* ---- tags ---- */

/* Steps over one attribute; false at the end of the tag. */
static bool next_attribute(const char **at, const char *end, const char **name, gsize *name_size,
                           const char **value, gsize *value_size)
{
    const char *p = *at;
    while (p < end && (is_space(*p) || *p == '/'))
        p++;
    if (p >= end)
        return false;
    *name = p;
    for (p++; p < end && !is_space(*p) && *p != '=' && *p != '/';)
        p++;
    *name_size = (gsize)(p - *name);
    *value = p;
    *value_size = 0;
    while (p < end && is_space(*p))
        p++;
    if (p < end && *p == '=') {
        for (p++; p < end && is_space(*p);)
            p++;
        char quote = p < end && (*p == '"' || *p == '\'') ? *p++ : 0;
        *value = p;
        while (p < end && (quote ? *p != quote : !is_space(*p)))
            p++;
        *value_size = (gsize)(p - *value);
        if (quote && p < end)
            p++;
    }
    *at = p;
    return true;
}

/* The value of an attribute, entities resolved, cut at `limit` bytes; NULL where it is missing. */
static char *attribute(const Tag *tag, const char *wanted, gsize limit)
{
    const char *at = tag->attributes, *name, *value;
    gsize name_size, value_size, size = strlen(wanted);
    while (next_attribute(&at, tag->attributes_end, &name, &name_size, &value, &value_size)) {
        if (name_size != size || g_ascii_strncasecmp(name, wanted, size) != 0)
            continue;
        GString *text = g_string_new(NULL);
        const char *end = value + value_size;
        while (value < end && text->len < limit)
            g_string_append_unichar(text, next_character(&value, end, true));
        return g_string_free(text, FALSE);
    }
    return NULL;
}

typedef enum Markup {
    MARKUP_TAG,
    MARKUP_OTHER, /* a comment or a declaration, or a tag that never ends: stepped over */
    MARKUP_NONE,  /* the "<" is only a character, and left to the caller */
} Markup;

/* At "<!", "<?" or "</" without a name: everything up to its end means nothing. */
static Markup skip_declaration(Html *html)
{
    const char *from = html->at + 1;
    gsize left = (gsize)(html->end - from);
    bool comment = left >= 3 && memcmp(from, "!--", 3) == 0;
    /* "<!-->" and "<!--->" are whole comments, so the "-->" may begin inside of the "<!--". */
    const char *mark = comment ? "-->" : ">";
    const char *close = g_strstr_len(from + (comment ? 1 : 0), html->end - from - comment, mark);
    html->at = close ? close + strlen(mark) : html->end;
    return MARKUP_OTHER;
}

/* The ">" that ends a tag: one inside a quoted value does not. */
static const char *tag_end(const char *at, const char *end)
{
    char quote = 0;
    for (bool after_equals = false; at < end && (quote || *at != '>'); at++) {
        if (quote) {
            quote = *at == quote ? 0 : quote;
        } else if (after_equals && (*at == '"' || *at == '\'')) {
            quote = *at;
            after_equals = false;
        } else if (!is_space(*at)) {
            after_equals = *at == '=';
        }
    }
    return at;
}

static Markup read_markup(Html *html, Tag *tag)
{
    const char *p = html->at + 1;
    if (p < html->end && (*p == '!' || *p == '?'))
        return skip_declaration(html);
    tag->end = p < html->end && *p == '/';
    p += tag->end;
    if (p >= html->end || !g_ascii_isalpha(*p))
        return tag->end && p < html->end ? skip_declaration(html) : MARKUP_NONE;
    gsize length = 0;
    for (; p < html->end && !is_space(*p) && *p != '/' && *p != '>'; p++, length++)
        if (length < MAX_NAME - 1)
            tag->name[length] = g_ascii_tolower(*p);
    tag->name[length < MAX_NAME ? length : 0] = '\0';
    tag->attributes = p;
    tag->attributes_end = tag_end(p, html->end);
    html->at = tag->attributes_end;
    if (html->at == html->end)
        return MARKUP_OTHER;
    html->at++;
    return MARKUP_TAG;
}

/* ---- links ---- */

static bool is_target(const char *href)
{
    static const char *const schemes[] = {"http://", "https://", "mailto:", "tel:"};
    for (gsize i = 0; i < G_N_ELEMENTS(schemes); i++)
        if (g_ascii_strncasecmp(href, schemes[i], strlen(schemes[i])) == 0)
            return href[strlen(schemes[i])] != '\0';
    return false;
}

/* A target as people write it in words: without scheme, "www." and a last slash. */
static char *bare_target(const char *target)
{
    const char *from = strstr(target, "://");
    from = from ? from + 3 : target;
    if (g_ascii_strncasecmp(from, "mailto:", 7) == 0)
        from += 7;
    else if (g_ascii_strncasecmp(from, "tel:", 4) == 0)
        from += 4;
    if (g_ascii_strncasecmp(from, "www.", 4) == 0)
        from += 4;
    char *bare = g_ascii_strdown(from, -1);
    gsize size = strlen(bare);
    if (size && bare[size - 1] == '/')
        bare[size - 1] = '\0';
    return bare;
}

static void open_link(Html *html, const Tag *tag)
{
    g_autofree char *href = attribute(tag, "href", MAX_HREF + 1);
    if (!href || strlen(href) > MAX_HREF)
        return;
    GString *clean = g_string_new(NULL);
    for (const char *at = href; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        if (c > 0x20 && (c < 0x7f || c > 0xa0) && !is_padding(c))
            g_string_append_unichar(clean, c);
    }
    html->href = g_string_free(clean, FALSE);
    html->link_at = html->text->len;
}

/* Adds the target of a link where its words do not say it. Words that a server has cut
 * ("acme.example /long…") give way to it; a mention or a hashtag is said by its words. */
static void close_link(Html *html)
{
    g_autofree char *href = g_steal_pointer(&html->href);
    if (!href || !(html->flags & HTML_LINKS) || !is_target(href))
        return;
    const char *words = html->text->str + html->link_at;
    while (is_space(*words) || *words == '>')
        words++;
    bool tag = (*words == '@' || *words == '#') && !strpbrk(words, " \n");
    if (!*words || tag)
        return;
    g_autofree char *said = bare_target(words), *meant = bare_target(href);
    if (strcmp(said, meant) == 0)
        return;
    gsize size = strlen(said);
    gsize dots = g_str_has_suffix(said, "…") ? 3 : g_str_has_suffix(said, "...") ? 3 : 0;
    if (dots && size > dots && strncmp(said, meant, size - dots) == 0) {
        g_string_truncate(html->text, (gsize)(words - html->text->str));
        g_string_append(html->text, href);
        return;
    }
    const char *shown = g_ascii_strncasecmp(href, "mailto:", 7) == 0 ? href + 7
                        : g_ascii_strncasecmp(href, "tel:", 4) == 0  ? href + 4
                                                                     : href;
    g_string_append_printf(html->text, " (%s)", shown);
}

/* ---- what is left out ---- */

/* As in XHTML: browsers would go on, and take the whole mail for the title that "<title/>" begins.
 */
static bool closes_itself(const Tag *tag)
{
    return tag->attributes_end[-1] == '/';
}

/* Behind the start of an element whose content is no markup: to the end tag that closes it. */
static void skip_raw(Html *html, const char *name)
{
    gsize size = strlen(name);
    for (const char *at = html->at; (at = memchr(at, '<', (gsize)(html->end - at))); at++) {
        if ((gsize)(html->end - at) < size + 2)
            break;
        char after = (gsize)(html->end - at) > size + 2 ? at[size + 2] : '>';
        if (at[1] == '/' && g_ascii_strncasecmp(at + 2, name, size) == 0 &&
            (is_space(after) || after == '>' || after == '/')) {
            html->at = at;
            return;
        }
    }
    html->at = html->end;
}

static bool is_hidden(const Tag *tag)
{
    if (!g_strv_contains(hideable, tag->name))
        return false;
    g_autofree char *hidden = attribute(tag, "hidden", 10);
    g_autofree char *style = attribute(tag, "style", 1000);
    if (hidden)
        return true;
    if (!style)
        return false;
    GString *dense = g_string_new(NULL);
    for (const char *at = style; *at; at++)
        if (!is_space(*at))
            g_string_append_c(dense, g_ascii_tolower(*at));
    g_autofree char *text = g_string_free(dense, FALSE);
    return strstr(text, "display:none") || strstr(text, "mso-hide:all") ||
           strstr(text, "visibility:hidden");
}

static void skip_element(Html *html, const Tag *tag, bool hidden)
{
    g_strlcpy(html->skipping, tag->name, sizeof html->skipping);
    html->skip_depth = 1;
    html->skip_hidden = hidden;
}

/* Inside of what is left out only its own end counts. True when the tag is still to be handled. */
static bool skip_tag(Html *html, const Tag *tag)
{
    if (strcmp(tag->name, html->skipping) != 0)
        return false;
    bool nests = strcmp(tag->name, "p") != 0;
    html->skip_depth += tag->end ? -1 : nests ? 1 : -1;
    return html->skip_depth == 0 && !tag->end;
}

/* How mail programs mark the history below a reply. */
static bool begins_history(const Tag *tag)
{
    static const char *const classes[] = {"gmail_quote", "yahoo_quoted", "moz-cite-prefix",
                                          "protonmail_quote"};
    static const char *const ids[] = {"divRplyFwdMsg", "appendonsend", "OLK_SRC_BODY_SECTION",
                                      "mail-editor-reference-message-container"};
    if (strcmp(tag->name, "blockquote") == 0) {
        g_autofree char *type = attribute(tag, "type", 10);
        if (type && g_ascii_strcasecmp(type, "cite") == 0)
            return true;
    } else if (strcmp(tag->name, "div") != 0 && strcmp(tag->name, "span") != 0) {
        return false;
    }
    g_autofree char *class = attribute(tag, "class", 200), *id = attribute(tag, "id", 200);
    for (gsize i = 0; class && i < G_N_ELEMENTS(classes); i++)
        if (strstr(class, classes[i]))
            return true;
    for (gsize i = 0; id && i < G_N_ELEMENTS(ids); i++)
        if (g_str_has_suffix(id, ids[i]))
            return true;
    return false;
}

/* ---- elements ---- */

/* The alternative of a picture counts where it is an emoji, not where it names a logo. */
static void put_image(Html *html, const Tag *tag)
{
    g_autofree char *alt = attribute(tag, "alt", 40);
    if (!alt)
        return;
    for (const char *c = alt; *c; c++)
        if (g_ascii_isalnum(*c))
            return;
    for (const char *c = alt; *c; c = g_utf8_next_char(c))
        put_character(html, g_utf8_get_char(c));
}

static void start_element(Html *html, const Tag *tag, Role role)
{
    if (!html->show_hidden && is_hidden(tag)) {
        skip_element(html, tag, true);
        return;
    }
    if (html->quote_at < 0 && begins_history(tag))
        html->quote_at = (gssize)html->text->len;
    switch (role) {
    case ROLE_NONE:
        break;
    case ROLE_BLOCK:
        want_newlines(html, 1);
        break;
    case ROLE_PARAGRAPH:
        want_newlines(html, 2);
        break;
    case ROLE_BREAK:
        html->newlines = MIN(html->newlines + 1, 2);
        html->space = false;
        break;
    case ROLE_CELL:
        html->space = html->newlines == 0;
        break;
    case ROLE_ITEM:
        want_newlines(html, 1);
        html->item = true;
        break;
    case ROLE_LIST:
        want_newlines(html, html->lists++ ? 1 : 2);
        break;
    case ROLE_QUOTE:
        want_newlines(html, 2);
        html->quotes++;
        break;
    case ROLE_PRE:
        want_newlines(html, 2);
        html->pre++;
        break;
    case ROLE_LINK:
        close_link(html);
        open_link(html, tag);
        break;
    case ROLE_IMAGE:
        put_image(html, tag);
        break;
    case ROLE_RAW:
        if (!closes_itself(tag))
            skip_raw(html, tag->name);
        break;
    case ROLE_SKIP:
        if (!closes_itself(tag))
            skip_element(html, tag, false);
        break;
    }
}

static void end_element(Html *html, Role role)
{
    switch (role) {
    case ROLE_BLOCK:
    case ROLE_ITEM:
        want_newlines(html, 1);
        html->item = false;
        break;
    case ROLE_PARAGRAPH:
        want_newlines(html, 2);
        break;
    case ROLE_BREAK:
        html->newlines = MIN(html->newlines + 1, 2);
        break;
    case ROLE_LIST:
        html->lists = MAX(html->lists - 1, 0);
        want_newlines(html, html->lists ? 1 : 2);
        break;
    case ROLE_QUOTE:
        html->quotes = MAX(html->quotes - 1, 0);
        want_newlines(html, 2);
        break;
    case ROLE_PRE:
        html->pre = MAX(html->pre - 1, 0);
        want_newlines(html, 2);
        break;
    case ROLE_LINK:
        close_link(html);
        break;
    default:
        break;
    }
}

static void handle_tag(Html *html, const Tag *tag)
{
    Role role = role_of(tag->name);
    if (html->skip_depth && !skip_tag(html, tag)) {
        if (role == ROLE_RAW && !tag->end && !closes_itself(tag))
            skip_raw(html, tag->name);
        return;
    }
    if (tag->end)
        end_element(html, role);
    else
        start_element(html, tag, role);
}

static char *convert(const char *text, gsize size, HtmlFlags flags, bool show_hidden,
                     gssize *quote_at, bool *cut)
{
    Html html = {.at = text, .end = text + size, .flags = flags, .show_hidden = show_hidden};
    html.text = g_string_sized_new(size / 2 + 1);
    html.quote_at = -1;
    while (html.at < html.end) {
        Tag tag;
        Markup markup = *html.at == '<' ? read_markup(&html, &tag) : MARKUP_NONE;
        if (markup == MARKUP_TAG)
            handle_tag(&html, &tag);
        else if (markup == MARKUP_NONE)
            put_character(&html, next_character(&html.at, html.end, false));
    }
    close_link(&html);
    *cut = html.skip_depth && html.skip_hidden;
    if (quote_at)
        *quote_at = html.quote_at;
    return g_string_free(html.text, FALSE);
}

char *html_to_text(const char *html, gssize size, HtmlFlags flags, gssize *quote_at)
{
    gsize length = size < 0 ? strlen(html) : (gsize)size;
    g_autofree char *valid = NULL;
    if (!g_utf8_validate_len(html, length, NULL)) {
        valid = g_utf8_make_valid(html, (gssize)length);
        html = valid;
        length = strlen(valid);
    }
    bool cut;
    char *text = convert(html, length, flags, false, quote_at, &cut);
    if (cut) { /* what is hidden never ends, so that it is not only what was meant */
        g_free(text);
        text = convert(html, length, flags, true, quote_at, &cut);
    }
    return text;
}
