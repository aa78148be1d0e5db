#include "collectors/quote.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

/* Patterns are matched against lines of at most this many bytes, so that a hostile mail costs
 * little. */
#define MAX_LINE 400

typedef enum Pattern {
    INTRO,      /* "On ... wrote:", with a date in it */
    WEAK_INTRO, /* "Jana wrote:", only right before ">" lines */
    SEPARATOR,  /* "-----Original Message-----" */
    FORWARD,
    HEADER_FROM, /* Outlook's copy of the header */
    HEADER_OTHER,
    CLOSING, /* "Mit freundlichen Grüßen" */
    DEVICE,  /* "Sent from my phone" */
    PATTERNS,
} Pattern;

static const char *const pattern_texts[PATTERNS] = {
    [INTRO] =
        "^(?=.*\\d)(?:On\\b.{6,} wrote"
        "|Am\\b.{6,} schrieb\\b.*|.{3,} schrieb am .{6,}"
        "|Le\\b.{6,} a écrit"
        "|(?:Den|Um|Op|Am|De|E)\\b.{6,} (?:huet\\b.* geschriwwen|schreift\\b.*|schreiwt\\b.*)"
        "|El\\b.{6,} escribió|Il\\b.{6,} ha scritto|Op\\b.{6,} schreef\\b.*|Em\\b.{6,} escreveu"
        "|W dniu\\b.{6,} (?:pisze|napisał\\S*)|Den\\b.{6,} skrev\\b.*) ?:$",
    [WEAK_INTRO] = "^.{2,120} (?:wrote|writes|schrieb|schreibt|a écrit|écrit|geschriwwen) ?:$",
    [SEPARATOR] = "^-{2,} ?(?:Original Message|Original-Nachricht|Originalnachricht"
                  "|Ursprüngliche (?:Nachricht|E-Mail)|Message d['’]origine|Message original"
                  "|Mensaje original|Messaggio originale|Oorspronkelijk bericht) ?-{2,}$",
    [FORWARD] = "^(?:-{2,} ?(?:Forwarded message|Weitergeleitete Nachricht|Message transféré"
                "|Mensaje reenviado|Messaggio inoltrato|Doorgestuurd bericht|Weidergeleete Message)"
                "|Begin forwarded message|Anfang der weitergeleiteten (?:Nachricht|E-Mail)"
                "|Début du message (?:transféré|réexpédié))\\b.*$",
    [HEADER_FROM] = "^\\*?(?:From|Von|De|Van|Da|Vun|Expéditeur) ?:\\*? ?\\S.*$",
    [HEADER_OTHER] =
        "^\\*?(?:Sent|Gesendet|Envoyé|Date|Datum|Verzonden|Inviato|Geschéckt|To|An|À|Aan"
        "|Destinataire|Cc|Kopie|Subject|Betreff|Objet|Onderwerp|Oggetto|Sujet) ?:.*$",
    [CLOSING] =
        "^(?:Mit (?:freundlichen|besten|lieben|herzlichen) Grü(?:ß|ss)en"
        "|(?:Freundliche|Viele|Beste|Liebe|Schöne|Herzliche) Grü(?:ß|ss)e|Grü(?:ß|ss)e?|LG|MfG|VG"
        "|(?:Bien )?cordialement|Bien à vous|(?:Sincères |Meilleures )?salutations"
        "|(?:Best|Kind|Warm|With kind) regards|Regards|Best wishes|Cheers|Yours sincerely"
        "|Mat (?:beschte|frëndleche) Gréiss|(?:Beschte|Schéine|Léif) Gréiss"
        "|Saludos|Cordiali saluti|Met vriendelijke groet(?:en)?)"
        "(?:[,.!]* ?$|[,.! ]+(?:[\\p{Lu}\\W][^ ]*)(?: [^ ]+){0,3}$)",
    [DEVICE] = "^(?:Sent from (?:my|Outlook|Mail|Yahoo|Proton).{0,60}|Get Outlook for .{2,20}.*"
               "|Von meinem .{2,40} gesendet|Gesendet (?:von|mit|über) .{2,60}|Von .{2,20} gesendet"
               "|Diese Nachricht wurde von meinem .{2,60} gesendet.*"
               "|Envoyé (?:de|depuis) (?:mon|ma) .{2,40}|Envoyé depuis .{2,40}"
               "|Vu mengem .{2,40} geschéckt)[.!]?$",
};

static bool matches(Pattern pattern, const char *line)
{
    static GRegex *compiled[PATTERNS];
    static gsize ready;
    if (g_once_init_enter(&ready)) {
        for (int i = 0; i < PATTERNS; i++) {
            GRegexCompileFlags flags = G_REGEX_OPTIMIZE;
            if (i != CLOSING)
                flags |= G_REGEX_CASELESS;
            compiled[i] = g_regex_new(pattern_texts[i], flags, 0, NULL);
            g_assert(compiled[i]);
        }
        g_once_init_leave(&ready, 1);
    }
    return strlen(line) <= MAX_LINE && g_regex_match(compiled[pattern], line, 0, NULL);
}

typedef struct Line {
    char *text; /* as it came */
    char *bare; /* for the patterns: without spaces at the ends, odd spaces made plain */
    bool quoted, blank, cut;
} Line;

static char *bare_line(const char *text)
{
    GString *bare = g_string_new(NULL);
    for (const char *c = text; *c; c = g_utf8_next_char(c)) {
        gunichar u = g_utf8_get_char(c);
        if (g_unichar_isspace(u) || u == 0xa0 || u == 0x202f)
            u = ' ';
        if (u == ' ' && (bare->len == 0 || bare->str[bare->len - 1] == ' '))
            continue;
        if (u != 0x200e && u != 0x200f && u != 0xfeff)
            g_string_append_unichar(bare, u);
        if (bare->len > MAX_LINE)
            break;
    }
    return g_strchomp(g_string_free(bare, FALSE));
}

static void line_clear(gpointer data)
{
    Line *line = data;
    g_free(line->text);
    g_free(line->bare);
}

static GArray *read_lines(const char *text)
{
    GArray *lines = g_array_new(FALSE, TRUE, sizeof(Line));
    g_array_set_clear_func(lines, line_clear);
    while (true) {
        const char *end = strchr(text, '\n');
        Line line = {.text = end ? g_strndup(text, (gsize)(end - text)) : g_strdup(text)};
        line.bare = bare_line(line.text);
        line.quoted = line.bare[0] == '>';
        line.blank = line.bare[0] == '\0';
        g_array_append_val(lines, line);
        if (!end)
            return lines;
        text = end + 1;
    }
}

#define LINE_AT(i) (&g_array_index(lines, Line, (i)))

static guint next_filled(GArray *lines, guint from)
{
    while (from < lines->len && LINE_AT(from)->blank)
        from++;
    return from;
}

/* Mail programs wrap "On ... wrote:" over up to three lines. The line after it, or 0 when there is
 * none. */
static guint intro_end(GArray *lines, guint from)
{
    if (LINE_AT(from)->blank || LINE_AT(from)->quoted)
        return 0;
    g_autofree char *joined = g_strdup(LINE_AT(from)->bare);
    for (guint end = from + 1; end <= from + 3 && end <= lines->len; end++) {
        if (joined[0] && joined[strlen(joined) - 1] == ':') {
            if (matches(INTRO, joined))
                return end;
            guint next = next_filled(lines, end);
            if (end == from + 1 && next < lines->len && LINE_AT(next)->quoted &&
                matches(WEAK_INTRO, joined))
                return end;
        }
        if (end == lines->len || LINE_AT(end)->blank || LINE_AT(end)->quoted)
            return 0;
        char *longer = g_strconcat(joined, " ", LINE_AT(end)->bare, NULL);
        g_free(joined);
        joined = longer;
    }
    return 0;
}

static bool is_header_block(GArray *lines, guint from)
{
    if (!matches(HEADER_FROM, LINE_AT(from)->bare))
        return false;
    int others = 0;
    for (guint i = from + 1; i < lines->len && i <= from + 7; i++)
        others += matches(HEADER_OTHER, LINE_AT(i)->bare);
    return others >= 2;
}

static bool is_rule(const char *bare)
{
    return strlen(bare) >= 5 &&
           (strspn(bare, "_") == strlen(bare) || strspn(bare, "-") == strlen(bare));
}

/* The first line of the quoted history, or lines->len. `replies` says whether ">" lines follow its
 * beginning: then text below them may be an answer. */
static guint find_quote(GArray *lines, guint *after_intro, bool *replies)
{
    for (guint i = 0; i < lines->len; i++) {
        const char *bare = LINE_AT(i)->bare;
        if (LINE_AT(i)->blank)
            continue;
        if (matches(FORWARD, bare))
            return lines->len;
        guint end = intro_end(lines, i);
        if (end) {
            guint next = next_filled(lines, end);
            *after_intro = end;
            *replies = next < lines->len && LINE_AT(next)->quoted;
            return i;
        }
        if (matches(SEPARATOR, bare) || is_header_block(lines, i)) {
            *after_intro = i + 1;
            *replies = false;
            while (i > 0 && (LINE_AT(i - 1)->blank || is_rule(LINE_AT(i - 1)->bare)))
                i--;
            return i;
        }
    }
    /* ">" lines that nothing introduces */
    for (guint i = 0; i < lines->len; i++)
        if (LINE_AT(i)->quoted) {
            *after_intro = i;
            *replies = true;
            return i;
        }
    return lines->len;
}

static void cut(GArray *lines, guint from, guint to)
{
    for (guint i = from; i < to; i++)
        LINE_AT(i)->cut = true;
}

static void cut_quote(GArray *lines)
{
    guint after_intro = 0;
    bool replies = false;
    guint start = find_quote(lines, &after_intro, &replies);
    if (start == lines->len)
        return;
    if (!replies) {
        cut(lines, start, lines->len);
        return;
    }
    int blocks = 0;
    bool inside = false;
    guint answer = lines->len; /* the first line below the first block that is not quoted */
    for (guint i = after_intro; i < lines->len; i++) {
        const Line *line = LINE_AT(i);
        if (line->blank)
            continue;
        blocks += line->quoted && !inside;
        inside = line->quoted;
        if (!inside && blocks && answer == lines->len)
            answer = i;
    }
    if (answer == lines->len)
        cut(lines, start, lines->len);
    else if (blocks == 1)
        cut(lines, start, answer); /* written below the quote */
    /* else between its lines: without them the answers make no sense */
}

/* Marks the signature at the end of what is left. */
static void cut_signature(GArray *lines)
{
    guint end = lines->len;
    while (end > 0 && (LINE_AT(end - 1)->cut || LINE_AT(end - 1)->blank))
        end--;
    guint filled = 0, start = end;
    for (guint i = end; i-- > 0;) {
        const Line *line = LINE_AT(i);
        if (line->cut)
            continue;
        if (strcmp(line->text, "-- ") == 0 || (strcmp(line->bare, "--") == 0 && filled <= 12)) {
            start = i;
            continue;
        }
        if (line->blank)
            continue;
        filled++;
        if (strlen(line->bare) > 100 && filled > 1)
            filled += 100; /* prose: what stands above it closes nothing */
        if ((filled <= 3 && matches(DEVICE, line->bare)) ||
            (filled <= 9 && matches(CLOSING, line->bare)))
            start = i;
        if (filled <= 9 && g_ascii_strncasecmp(line->bare, "P.S", 3) == 0)
            return;
    }
    for (guint i = start; i < end; i++)
        LINE_AT(i)->cut = true;
}

static char *collect(GArray *lines, bool cut_ones)
{
    GString *out = g_string_new(NULL);
    int blanks = 0;
    bool gap = false; /* something of the other kind lies between */
    for (guint i = 0; i < lines->len; i++) {
        const Line *line = LINE_AT(i);
        if (line->cut != cut_ones) {
            gap = true;
            continue;
        }
        if (line->blank) {
            blanks++;
            continue;
        }
        if (out->len)
            for (int b = 0; b <= MAX(MIN(blanks, 2), gap); b++)
                g_string_append_c(out, '\n');
        blanks = 0;
        gap = false;
        g_string_append(out, line->text);
    }
    return g_string_free(out, FALSE);
}

static bool says_something(const char *text)
{
    int letters = 0;
    for (; *text && letters < 2; text = g_utf8_next_char(text))
        letters += g_unichar_isgraph(g_utf8_get_char(text));
    return letters >= 2;
}

void quote_split(const char *text, char **body, char **rest)
{
    g_autoptr(GArray) lines = read_lines(text);
    cut_quote(lines);
    cut_signature(lines);
    *body = collect(lines, false);
    *rest = collect(lines, true);
    if (!says_something(*body)) {
        for (guint i = 0; i < lines->len; i++)
            LINE_AT(i)->cut = false;
        g_free(*body);
        *body = collect(lines, false);
        g_clear_pointer(rest, g_free);
    } else if (!**rest) {
        g_clear_pointer(rest, g_free);
    }
}
