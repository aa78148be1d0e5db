#include "collectors/mastodon_read.h"

#include "collectors/html.h"
#include "core/base/jsonx.h"

#include <string.h>

/* ---- names and visibility ---- */

char *mastodon_acct(const char *acct, const char *domain)
{
    if (acct && *acct == '@')
        acct++;
    if (!acct || !*acct)
        return NULL;
    g_autofree char *whole =
        strchr(acct, '@') || !domain ? g_strdup(acct) : g_strconcat(acct, "@", domain, NULL);
    return g_ascii_strdown(whole, -1);
}

/* What we answer with. Our own words stay out of public timelines, and are never wider than theirs.
 */
static const struct {
    const char *theirs, *ours;
    bool is_private;
} visibilities[] = {
    {"public", "unlisted", false},
    {"unlisted", "unlisted", false},
    {"private", "private", true},
    {"direct", "direct", true},
};

bool mastodon_is_private(const char *visibility)
{
    for (gsize i = 0; i < G_N_ELEMENTS(visibilities); i++)
        if (g_strcmp0(visibility, visibilities[i].theirs) == 0)
            return visibilities[i].is_private;
    return true;
}

const char *mastodon_reply_visibility(const char *visibility, bool direct)
{
    for (gsize i = 0; i < G_N_ELEMENTS(visibilities); i++)
        if (g_strcmp0(visibility, visibilities[i].theirs) == 0)
            return direct && !visibilities[i].is_private ? "direct" : visibilities[i].ours;
    return "direct";
}

/* ---- a status ---- */

static const char *http_link(const char *url)
{
    return url && (g_str_has_prefix(url, "https://") || g_str_has_prefix(url, "http://")) ? url
                                                                                          : NULL;
}

static char *status_body(const json_t *status)
{
    const char *content = jsonx_text(status, "content", NULL);
    const char *warning = jsonx_text(status, "spoiler_text", NULL);
    char *text = html_to_text(content ? content : "", -1, HTML_LINKS, NULL);
    if (!warning || !*warning)
        return text;
    char *whole = g_strconcat(warning, *text ? "\n\n" : "", text, NULL);
    g_free(text);
    return whole;
}

static json_t *attachments(const json_t *status)
{
    json_t *list = json_array();
    size_t i;
    json_t *each;
    json_array_foreach(jsonx_at(status, "media_attachments", NULL), i, each)
    {
        const char *name = jsonx_text(each, "description", NULL);
        const char *type = jsonx_text(each, "type", NULL);
        json_array_append_new(list, json_pack("{ss ss ss*}", "name", name ? name : "", "type",
                                              type ? type : "unknown", "url",
                                              http_link(jsonx_text(each, "url", NULL))));
    }
    return list;
}

Message *mastodon_read(const json_t *status, const char *domain, GError **error)
{
    g_autoptr(Message) message = message_new();
    const char *visibility = jsonx_text(status, "visibility", NULL);
    const char *acct = jsonx_text(status, "account", "acct", NULL);
    const char *url = http_link(jsonx_text(status, "url", NULL));
    const char *uri = jsonx_text(status, "uri", NULL);
    const char *name = jsonx_text(status, "account", "display_name", NULL);
    message->external_id = jsonx_id(status, "id", NULL);
    message->author_id = mastodon_acct(acct, domain);
    message->sent_at = time_parse_iso(jsonx_text(status, "created_at", NULL));
    if (!message->external_id || !message->author_id || !message->sent_at) {
        bw_fail(error, BW_ERROR_INVALID, "a status without %s",
                !message->external_id ? "id"
                : !message->author_id ? "account"
                                      : "a readable time");
        return NULL;
    }
    message->parent = jsonx_id(status, "in_reply_to_id", NULL);
    message->thread = message->parent ? NULL : g_strdup(message->external_id);
    message->author_handle = g_strconcat("@", message->author_id, NULL);
    message->author_name =
        g_strdup(name && *name ? name : jsonx_text(status, "account", "username", NULL));
    message->automatic = jsonx_bool(status, "account", "bot", NULL) ? g_strdup("bot") : NULL;
    message->direct = mastodon_is_private(visibility);
    message->lang = g_strdup(jsonx_text(status, "language", NULL));
    message->body = status_body(status);
    message->permalink = g_strdup(url ? url : http_link(uri));
    message->extra = json_pack("{ss* ss* so}", "visibility", visibility, "uri", uri, "attachments",
                               attachments(status));
    return g_steal_pointer(&message);
}

/* ---- an answer ---- */

static bool is_name(gunichar c)
{
    return c == '_' || g_unichar_isalnum(c);
}

/* The mention that begins at `at` (an "@" that no word, "/" or "=" precedes): its end, or NULL. */
static const char *mention_end(const char *text, const char *at)
{
    if (at > text) {
        gunichar before = g_utf8_get_char(g_utf8_prev_char(at));
        if (is_name(before) || before == '/' || before == '=')
            return NULL;
    }
    const char *end = at + 1;
    while (g_ascii_isalnum(*end) || *end == '_' || ((*end == '.' || *end == '-') && end > at + 1))
        end++;
    if (end == at + 1)
        return NULL;
    if (*end == '@' && g_ascii_isalnum(end[1]))
        for (end++; g_ascii_isalnum(*end) || (*end && strchr("._-:", *end));)
            end++;
    while (end > at + 1 && strchr(".-:", end[-1]))
        end--;
    return end;
}

static bool mentions(const char *mention, gsize size, const char *acct, const char *domain)
{
    g_autofree char *name = g_strndup(mention, size);
    g_autofree char *whole = mastodon_acct(name, domain);
    return g_strcmp0(whole, acct) == 0;
}

char *mastodon_reply_text(const char *body, const char *acct, const char *domain, bool is_private)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *whole = mastodon_acct(acct, domain);
    bool mentioned = false;
    for (const char *at = body; *at;) {
        const char *end = *at == '@' ? mention_end(body, at) : NULL;
        if (!end) {
            const char *next = g_utf8_next_char(at);
            g_string_append_len(text, at, next - at);
            at = next;
            continue;
        }
        bool theirs = mentions(at, (gsize)(end - at), whole, domain);
        mentioned = mentioned || theirs;
        g_string_append(text, "@");
        if (is_private && !theirs)
            g_string_append(text, "\u2060"); /* word joiner: looks the same, names nobody */
        g_string_append_len(text, at + 1, end - at - 1);
        at = end;
    }
    if (mentioned || !whole)
        return g_strdup(text->str);
    /* One of this server needs no host, and some servers do not take one. */
    const char *host = strchr(whole, '@');
    bool local = host && g_strcmp0(host + 1, domain) == 0;
    return g_strdup_printf("@%.*s %s", (int)(local ? host - whole : (gssize)strlen(whole)), whole,
                           text->str);
}

/* Letters and digits, without the words that mention somebody. */
static char *essence(const char *text)
{
    GString *out = g_string_new(NULL);
    for (const char *at = text; *at;) {
        const char *end = *at == '@' ? mention_end(text, at) : NULL;
        if (end) {
            at = end;
            continue;
        }
        gunichar c = g_utf8_get_char(at);
        if (g_unichar_isalnum(c))
            g_string_append_unichar(out, g_unichar_tolower(c));
        at = g_utf8_next_char(at);
    }
    return g_string_free(out, FALSE);
}

bool mastodon_same_text(const char *content, const char *text)
{
    g_autofree char *plain = html_to_text(content, -1, HTML_PLAIN, NULL);
    g_autofree char *theirs = essence(plain), *ours = essence(text);
    return strcmp(theirs, ours) == 0;
}

/* ---- answers of the server ---- */

int64_t mastodon_retry_at(const char *reset, const char *retry_after, int64_t now)
{
    int64_t at = time_parse_iso(reset);
    guint64 seconds;
    if (!at && reset && g_ascii_string_to_unsigned(reset, 10, 1, 1ULL << 40, &seconds, NULL))
        at = (int64_t)seconds * G_USEC_PER_SEC;
    if (!at && retry_after &&
        g_ascii_string_to_unsigned(retry_after, 10, 0, 1 << 30, &seconds, NULL))
        at = now + (int64_t)seconds * G_USEC_PER_SEC;
    /* A clock that is wrong must not keep us away for days. */
    return at ? CLAMP(at, now + G_USEC_PER_SEC, now + 3600LL * G_USEC_PER_SEC) : 0;
}

/* The first row that fits decides. A server that fails while it is given something may have taken
 * it. */
static const struct {
    int from, to;
    const char *says; /* part of its words, NULL: any */
    BwError reading, sending;
    const char *meaning;
} answers[] = {
    {200, 299, NULL, BW_ERROR_TEMPORARY, BW_ERROR_UNKNOWN,
     "answered with something that is not its API"},
    {300, 399, NULL, BW_ERROR_DENIED, BW_ERROR_DENIED, "has moved to another address"},
    {401, 401, NULL, BW_ERROR_DENIED, BW_ERROR_DENIED, "does not accept the access token"},
    {403, 403, "scope", BW_ERROR_DENIED, BW_ERROR_DENIED,
     "says that the access token lacks a scope"},
    {403, 403, "login", BW_ERROR_DENIED, BW_ERROR_DENIED, "has disabled the account"},
    {403, 403, "suspended", BW_ERROR_DENIED, BW_ERROR_DENIED, "has suspended the account"},
    {403, 403, "pending", BW_ERROR_DENIED, BW_ERROR_DENIED, "has not approved the account"},
    {403, 403, "confirm", BW_ERROR_DENIED, BW_ERROR_DENIED,
     "waits for the account's e-mail to be confirmed"},
    {403, 403, NULL, BW_ERROR_DENIED, BW_ERROR_INVALID, "does not allow this"},
    {404, 404, NULL, BW_ERROR_MISSING, BW_ERROR_MISSING,
     "does not have it any more, or does not show it to us"},
    {408, 408, NULL, BW_ERROR_TEMPORARY, BW_ERROR_UNKNOWN, "waited for us too long"},
    {410, 410, NULL, BW_ERROR_DENIED, BW_ERROR_MISSING, "says that this is gone for good"},
    {422, 422, NULL, BW_ERROR_INVALID, BW_ERROR_INVALID, "does not take the text"},
    {429, 429, NULL, BW_ERROR_LIMITED, BW_ERROR_LIMITED, "asks to slow down"},
    {400, 499, NULL, BW_ERROR_INVALID, BW_ERROR_INVALID, "does not take the request"},
    {0, 999, NULL, BW_ERROR_TEMPORARY, BW_ERROR_UNKNOWN, "has a problem of its own"},
};

static bool says_it(const char *said, const char *part)
{
    if (!part)
        return true;
    g_autofree char *lower = said ? g_ascii_strdown(said, -1) : NULL;
    return lower && strstr(lower, part);
}

bool mastodon_fail(int status, const char *body, bool sending, GError **error)
{
    g_autoptr(json_t) json = body ? jsonx_parse(body, -1, NULL) : NULL;
    const char *said = jsonx_text(json, "error", NULL);
    gsize i = 0;
    while (status < answers[i].from || status > answers[i].to || !says_it(said, answers[i].says))
        i++;
    g_autofree char *quoted =
        said ? g_utf8_substring(said, 0, MIN(300, g_utf8_strlen(said, -1))) : NULL;
    return bw_fail(error, sending ? answers[i].sending : answers[i].reading,
                   "the server %s (%d%s%s)", answers[i].meaning, status, quoted ? ": " : "",
                   quoted ? quoted : "");
}
