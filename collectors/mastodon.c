/* Mastodon, and servers that speak its client API: mentions and private mentions in, answers in the
 * same visibility or a narrower one out. One channel is one account with one token. What the
 * payloads mean is in mastodon_read.c. */
#include "collectors/connector.h"
#include "collectors/mastodon_read.h"
#include "core/base/config.h"
#include "core/base/http.h"
#include "core/base/jsonx.h"

#include <string.h>

enum {
    POLL_S = 15,
    PAGE = 80,        /* the most that a page of notifications holds */
    OWN_PAGE = 40,    /* ... of statuses */
    FULL_ENOUGH = 20, /* some servers give less than was asked for: then there may be more */
    MOST_IMPORT = 400,
    MOST_REMEMBERED = 20000,
    MOST_LOOKS = 3,   /* after that a thread that cannot be read is named by its parent */
    OWN_PAUSE_S = 60, /* what we wrote elsewhere is not urgent */
    FEW_LEFT = 40,    /* calls before the limit at which we begin to spread them */
    SETTLE_S = 90,    /* a request that got no answer may still be at work on the server */
    SKEW_S = 120,     /* the server's clock against ours */
    MOST_OWN_PAGES = 10,
    STOCK_CHARACTERS = 500, /* of a status, where a server does not say otherwise */
};

typedef struct Mastodon {
    char *base, *token;
    Http *http;
    int64_t poll_ms, import;
    int64_t max_characters; /* what the composer counts with */
    /* who we are, once asked */
    char *own_id, *own_acct, *domain, *version;
    int64_t limit; /* characters of a status, 0: not said */
    /* the limits of the server, as its last answer told them */
    int status;
    int64_t retry_at, remaining, reset_at;
    GHashTable *roots; /* status id -> id of its thread's first status */
    GHashTable *looks; /* status id -> how often its thread could not be read */
    GHashTable *ours;  /* ids of statuses of ours that are done with */
    int64_t own_due;   /* monotonic */
} Mastodon;

/* ---- the connection ---- */

static void mastodon_close(void *connection)
{
    Mastodon *mastodon = connection;
    http_free(mastodon->http);
    g_free(mastodon->base);
    g_free(mastodon->token);
    g_free(mastodon->own_id);
    g_free(mastodon->own_acct);
    g_free(mastodon->domain);
    g_free(mastodon->version);
    g_hash_table_unref(mastodon->roots);
    g_hash_table_unref(mastodon->looks);
    g_hash_table_unref(mastodon->ours);
    g_free(mastodon);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Mastodon, mastodon_close)

/* "mastodon.example", "https://mastodon.example/" -> "https://mastodon.example" */
static char *base_of(const char *server, bool allow_private, GError **error)
{
    g_autofree char *text = g_strstrip(g_strdup(server ? server : ""));
    while (g_str_has_suffix(text, "/") && !g_str_has_suffix(text, "://"))
        text[strlen(text) - 1] = '\0';
    char *base = strstr(text, "://") ? g_strdup(text) : g_strconcat("https://", text, NULL);
    g_autoptr(GUri) uri = g_uri_parse(base, G_URI_FLAGS_NONE, NULL);
    const char *scheme = uri ? g_uri_get_scheme(uri) : "";
    bool plain = strcmp(scheme, "http") == 0;
    if (uri && *g_uri_get_host(uri) && !*g_uri_get_path(uri) && !g_uri_get_userinfo(uri) &&
        (strcmp(scheme, "https") == 0 || (plain && allow_private)))
        return base;
    bw_fail(error, BW_ERROR_INVALID,
            plain ? "the token would go out in the clear: use the https address of the server"
                  : "server=HOST must name the server of the account, such as mastodon.example");
    g_free(base);
    return NULL;
}

static bool number_of(const Channel *channel, const char *name, int64_t standard, int64_t from,
                      int64_t to, int64_t *value, GError **error)
{
    const char *text = channel_text(channel, name);
    *value = standard;
    if (!text || !*text || g_ascii_string_to_signed(text, 10, from, to, value, NULL))
        return true;
    return bw_fail(error, BW_ERROR_INVALID,
                   "%s must be a number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, name, from,
                   to);
}

static void *mastodon_open(const Channel *channel, GError **error)
{
    g_autoptr(Mastodon) mastodon = g_new0(Mastodon, 1);
    const char *ca_file = channel_text(channel, "ca_file");
    const char *token = channel_text(channel, "token");
    bool allow_private = g_strcmp0(config_get("allow_private_urls"), "yes") == 0;
    int64_t poll_s;
    mastodon->roots = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    mastodon->looks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    mastodon->ours = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    mastodon->remaining = -1;
    mastodon->base = base_of(channel_text(channel, "server"), allow_private, error);
    if (!mastodon->base || !number_of(channel, "poll_s", POLL_S, 1, 3600, &poll_s, error) ||
        !number_of(channel, "import", 0, 0, MOST_IMPORT, &mastodon->import, error) ||
        !number_of(channel, "max_characters", STOCK_CHARACTERS, 1, 1000000,
                   &mastodon->max_characters, error))
        return NULL;
    if (!token || !*token) {
        bw_fail(error, BW_ERROR_INVALID,
                "a mastodon channel needs the access token of its account");
        return NULL;
    }
    mastodon->token = g_strstrip(g_strdup(token));
    mastodon->poll_ms = poll_s * 1000;
    mastodon->http = http_new(&(HttpOptions){.ca_file = ca_file && *ca_file ? ca_file : NULL,
                                             .allow_private = allow_private});
    return g_steal_pointer(&mastodon);
}

/* The answer as JSON. Leaves its status and what it says about limits in `mastodon`. */
static json_t *call(Mastodon *mastodon, HttpRequest *request, GError **error)
{
    bool sending = request->json != NULL;
    int64_t now = g_get_real_time();
    request->bearer = mastodon->token;
    mastodon->status = 0;
    mastodon->retry_at = 0;
    g_autoptr(HttpResponse) response = http_send(mastodon->http, request, error);
    if (!response)
        return NULL;
    const char *reset = http_header(response, "X-RateLimit-Reset");
    const char *remaining = http_header(response, "X-RateLimit-Remaining");
    mastodon->status = response->status;
    mastodon->reset_at = mastodon_retry_at(reset, NULL, now);
    mastodon->remaining = remaining ? g_ascii_strtoll(remaining, NULL, 10) : -1;
    g_autoptr(json_t) json =
        response->status < 300 ? jsonx_parse(response->body, (gssize)response->size, NULL) : NULL;
    if (json)
        return g_steal_pointer(&json);
    if (response->status == 429)
        mastodon->retry_at = mastodon_retry_at(reset, http_header(response, "Retry-After"), now);
    mastodon_fail(response->status, response->body, sending, error);
    return NULL;
}

static json_t *get(Mastodon *mastodon, const char *url, GError **error)
{
    return call(mastodon, &(HttpRequest){.url = url}, error);
}

static json_t *get_path(Mastodon *mastodon, const char *path, GError **error)
{
    g_autofree char *url = http_url(mastodon->base, path, NULL);
    return get(mastodon, url, error);
}

/* What the server says about itself: an empty object where it has no such call. Its domain stands
 * in people's names, so a server that is only in trouble is asked again later. */
static json_t *get_instance(Mastodon *mastodon, GError **error)
{
    static const char *const paths[] = {"/api/v2/instance", "/api/v1/instance"};
    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GError) problem = NULL;
        json_t *instance = get_path(mastodon, paths[i], &problem);
        if (instance)
            return instance;
        bool has_none =
            mastodon->status >= 400 && mastodon->status < 500 && mastodon->status != 429;
        if (!has_none) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return NULL;
        }
    }
    return json_object();
}

/* Who we are. Asked once per connection. */
static bool identify(Mastodon *mastodon, GError **error)
{
    if (mastodon->own_id)
        return true;
    g_autoptr(json_t) account = get_path(mastodon, "/api/v1/accounts/verify_credentials", error);
    g_autoptr(json_t) instance = account ? get_instance(mastodon, error) : NULL;
    if (!instance)
        return false;
    const char *domain = jsonx_text(instance, "domain", NULL);
    if (!domain) /* v1 */
        domain = jsonx_text(instance, "uri", NULL);
    if (!domain || !*domain)
        domain = mastodon->base;
    const char *scheme = strstr(domain, "://");
    g_free(mastodon->domain);
    mastodon->domain = g_ascii_strdown(scheme ? scheme + 3 : domain, -1);
    g_free(mastodon->version);
    mastodon->version = g_strdup(jsonx_text(instance, "version", NULL));
    mastodon->limit = jsonx_int(instance, "configuration", "statuses", "max_characters", NULL);
    g_free(mastodon->own_acct);
    mastodon->own_acct = mastodon_acct(jsonx_text(account, "acct", NULL), mastodon->domain);
    mastodon->own_id = jsonx_id(account, "id", NULL);
    if (!mastodon->own_id || !mastodon->own_acct) {
        g_clear_pointer(&mastodon->own_id, g_free);
        return bw_fail(error, BW_ERROR_TEMPORARY, "the server does not say whose token this is");
    }
    return true;
}

static char *mastodon_check(void *connection, GError **error)
{
    Mastodon *mastodon = connection;
    g_clear_pointer(&mastodon->own_id, g_free);
    if (!identify(mastodon, error))
        return NULL;
    g_autoptr(json_t) page = get_path(mastodon, "/api/v1/notifications?limit=1", error);
    if (!page)
        return NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_printf(text, "@%s (server version %s)", mastodon->own_acct,
                    mastodon->version ? mastodon->version : "unknown");
    if (mastodon->limit && mastodon->limit != mastodon->max_characters)
        g_string_append_printf(text,
                               "; it takes statuses of %" G_GINT64_FORMAT
                               " characters: max_characters=%" G_GINT64_FORMAT " tells the inbox",
                               mastodon->limit, mastodon->limit);
    return g_strdup(text->str);
}

/* ---- threads ---- */

static void remember_root(Mastodon *mastodon, const char *id, const char *root)
{
    if (g_hash_table_size(mastodon->roots) >= MOST_REMEMBERED)
        g_hash_table_remove_all(mastodon->roots);
    g_hash_table_replace(mastodon->roots, g_strdup(id), g_strdup(root));
}

static json_t *get_context(Mastodon *mastodon, const char *id, GError **error)
{
    g_autofree char *escaped = http_escape(id);
    g_autofree char *path = g_strdup_printf("/api/v1/statuses/%s/context", escaped);
    return get_path(mastodon, path, error);
}

/* A thread that the server cannot tell is tried again with the next poll, but not for ever. */
static bool give_up_on(Mastodon *mastodon, const char *id, const GError *problem)
{
    if (mastodon->status == 403 || mastodon->status == 404 || mastodon->status == 410)
        return true;
    if (problem->code == BW_ERROR_LIMITED || problem->code == BW_ERROR_DENIED)
        return false;
    int looks = GPOINTER_TO_INT(g_hash_table_lookup(mastodon->looks, id)) + 1;
    g_hash_table_replace(mastodon->looks, g_strdup(id), GINT_TO_POINTER(looks));
    return looks >= MOST_LOOKS;
}

/* The thread of a message that answers another one: the first status that is known of it. */
static bool find_thread(Mastodon *mastodon, Message *message, GError **error)
{
    if (!message->thread) {
        const char *known = g_hash_table_lookup(mastodon->roots, message->parent);
        g_autoptr(GError) problem = NULL;
        g_autoptr(json_t) context =
            known ? NULL : get_context(mastodon, message->external_id, &problem);
        if (!known && !context && !give_up_on(mastodon, message->external_id, problem)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return false;
        }
        g_autofree char *root = jsonx_id(context, "ancestors", "0", "id", NULL);
        message->thread = g_strdup(known ? known : root ? root : message->parent);
    }
    g_hash_table_remove(mastodon->looks, message->external_id);
    remember_root(mastodon, message->external_id, message->thread);
    return true;
}

/* ---- in ---- */

static void add_unreadable(Poll *poll, const json_t *json, const char *reason)
{
    Unreadable *item = g_new0(Unreadable, 1);
    char *text = json_dumps(json, JSON_INDENT(1));
    item->external_id = jsonx_id(json, "id", NULL);
    item->reason = g_strdup(reason);
    item->size = text ? (int64_t)strlen(text) : 0;
    item->raw = g_bytes_new(text ? text : "", (gsize)item->size);
    free(text);
    if (!item->external_id)
        item->external_id = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, item->raw);
    g_ptr_array_add(poll->unreadable, item);
}

/* One notification into the poll. What is not somebody's mention of us is passed over: a status
 * that was deleted meanwhile, our own. */
static bool take_notification(Mastodon *mastodon, const json_t *notification, Poll *poll,
                              GError **error)
{
    const char *type = jsonx_text(notification, "type", NULL);
    const json_t *status = jsonx_at(notification, "status", NULL);
    g_autofree char *author = jsonx_id(status, "account", "id", NULL);
    if (g_strcmp0(type, "mention") != 0 || !json_is_object(status) ||
        g_strcmp0(author, mastodon->own_id) == 0)
        return true;
    g_autoptr(GError) problem = NULL;
    g_autoptr(Message) message = mastodon_read(status, mastodon->domain, &problem);
    if (!message) {
        add_unreadable(poll, notification, problem->message);
        return true;
    }
    if (!find_thread(mastodon, message, error))
        return false;
    g_ptr_array_add(poll->messages, g_steal_pointer(&message));
    return true;
}

/* Inside a page the newest comes first. */
static bool take_page(Mastodon *mastodon, const json_t *page, Poll *poll, GError **error)
{
    for (size_t i = json_array_size(page); i > 0; i--)
        if (!take_notification(mastodon, json_array_get(page, i - 1), poll, error))
            return false;
    return true;
}

static json_t *mentions_page(Mastodon *mastodon, int limit, const char *bound, const char *id,
                             GError **error)
{
    g_autofree char *count = g_strdup_printf("%d", limit);
    g_autofree char *url =
        http_url(mastodon->base, "/api/v1/notifications", "limit", count, "types[]", "mention",
                 "include_filtered", "true", bound, id, NULL);
    g_autoptr(json_t) page = get(mastodon, url, error);
    if (!page)
        return NULL;
    if (!json_is_array(page)) {
        bw_fail(error, BW_ERROR_TEMPORARY, "the server's list of notifications is not a list");
        return NULL;
    }
    return g_steal_pointer(&page);
}

/* A new channel begins now, or with the last `import` mentions. */
static bool poll_first(Mastodon *mastodon, Poll *poll, char **newest, GError **error)
{
    g_autoptr(json_t) all = json_array();
    g_autofree char *oldest = NULL;
    int wanted = MAX((int)mastodon->import, 1);
    while (json_array_size(all) < (size_t)wanted) {
        int left = wanted - (int)json_array_size(all);
        g_autoptr(json_t) page =
            mentions_page(mastodon, MIN(left, PAGE), oldest ? "max_id" : NULL, oldest, error);
        if (!page)
            return false;
        size_t size = json_array_size(page);
        g_autofree char *last = jsonx_id(json_array_get(page, size - 1), "id", NULL);
        if (!size || !last || g_strcmp0(last, oldest) == 0)
            break;
        json_array_extend(all, page);
        g_free(oldest);
        oldest = g_steal_pointer(&last);
    }
    *newest = jsonx_id(all, "0", "id", NULL);
    return !mastodon->import || take_page(mastodon, all, poll, error);
}

/* The page after the cursor: min_id reads forward, so that nothing between is left out. */
static bool poll_next(Mastodon *mastodon, const char *after, Poll *poll, char **newest,
                      GError **error)
{
    g_autoptr(json_t) page = mentions_page(mastodon, PAGE, "min_id", after, error);
    if (!page)
        return false;
    *newest = jsonx_id(page, "0", "id", NULL);
    poll->more = json_array_size(page) >= FULL_ENOUGH && g_strcmp0(*newest, after) != 0;
    return take_page(mastodon, page, poll, error);
}

/* ---- what we wrote elsewhere ---- */

static bool mentions_us(const Mastodon *mastodon, const json_t *status)
{
    size_t i;
    json_t *mention;
    json_array_foreach(jsonx_at(status, "mentions", NULL), i, mention)
    {
        g_autofree char *id = jsonx_id(mention, "id", NULL);
        g_autofree char *acct = mastodon_acct(jsonx_text(mention, "acct", NULL), mastodon->domain);
        if (g_strcmp0(id, mastodon->own_id) == 0 || g_strcmp0(acct, mastodon->own_acct) == 0)
            return true;
    }
    return false;
}

static void remember_ours(Mastodon *mastodon, const char *id)
{
    if (g_hash_table_size(mastodon->ours) >= MOST_REMEMBERED)
        g_hash_table_remove_all(mastodon->ours);
    g_hash_table_add(mastodon->ours, g_strdup(id));
}

/* The last ancestor is what our status answers: it becomes a message to its author if that had
 * written to us. */
static void take_answer(Mastodon *mastodon, Message *answer, const json_t *ancestors, Poll *poll)
{
    const json_t *parent = json_array_get(ancestors, json_array_size(ancestors) - 1);
    g_autofree char *parent_id = jsonx_id(parent, "id", NULL);
    char *author = mastodon_acct(jsonx_text(parent, "account", "acct", NULL), mastodon->domain);
    if (!author || g_strcmp0(parent_id, answer->parent) != 0 || !mentions_us(mastodon, parent)) {
        g_free(author);
        message_free(answer);
        return;
    }
    answer->outbound = true;
    answer->thread = jsonx_id(ancestors, "0", "id", NULL);
    g_clear_pointer(&answer->automatic, g_free);
    g_free(answer->author_id);
    g_free(answer->author_handle);
    g_free(answer->author_name);
    answer->author_id = author;
    answer->author_handle = g_strconcat("@", author, NULL);
    answer->author_name = g_strdup(jsonx_text(parent, "account", "display_name", NULL));
    g_ptr_array_add(poll->messages, answer);
}

/* An answer that somebody of us gave without Breakwater. */
static bool take_own(Mastodon *mastodon, const json_t *status, Poll *poll, GError **error)
{
    g_autofree char *id = jsonx_id(status, "id", NULL);
    g_autofree char *to = jsonx_id(status, "in_reply_to_account_id", NULL);
    if (!id || !to || g_strcmp0(to, mastodon->own_id) == 0 ||
        g_hash_table_contains(mastodon->ours, id))
        return true;
    g_autoptr(Message) answer = mastodon_read(status, mastodon->domain, NULL);
    g_autoptr(GError) problem = NULL;
    g_autoptr(json_t) context =
        answer && answer->parent ? get_context(mastodon, id, &problem) : NULL;
    if (problem && !give_up_on(mastodon, id, problem)) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return false;
    }
    if (context)
        take_answer(mastodon, g_steal_pointer(&answer), jsonx_at(context, "ancestors", NULL), poll);
    remember_ours(mastodon, id);
    return true;
}

static json_t *own_page(Mastodon *mastodon, int limit, const char *bound, const char *id,
                        GError **error)
{
    g_autofree char *own = http_escape(mastodon->own_id);
    g_autofree char *path = g_strdup_printf("/api/v1/accounts/%s/statuses", own);
    g_autofree char *count = g_strdup_printf("%d", limit);
    g_autofree char *url =
        http_url(mastodon->base, path, "limit", count, "exclude_reblogs", "true", bound, id, NULL);
    return get(mastodon, url, error);
}

/* Never fails the poll: the mentions are worth more. What could not be read comes the next time. */
static char *poll_own(Mastodon *mastodon, const char *after, Poll *poll)
{
    int64_t now = g_get_monotonic_time();
    if (now < mastodon->own_due)
        return NULL;
    mastodon->own_due = now + OWN_PAUSE_S * G_USEC_PER_SEC;
    g_autoptr(GError) problem = NULL;
    g_autoptr(json_t) page =
        own_page(mastodon, after ? OWN_PAGE : 1, after ? "min_id" : NULL, after, &problem);
    char *newest = jsonx_id(page, "0", "id", NULL);
    if (!after)
        return newest ? newest : page ? g_strdup("0") : NULL;
    guint had = poll->messages->len;
    for (size_t i = json_array_size(page); i > 0; i--)
        if (!take_own(mastodon, json_array_get(page, i - 1), poll, &problem)) {
            g_debug("our own statuses: %s", problem ? problem->message : "not readable");
            g_ptr_array_set_size(poll->messages, (gint)had);
            g_clear_pointer(&newest, g_free);
            break;
        }
    return newest;
}

/* How long until the next poll: the usual pause, or more when the server's limit comes near. */
static int64_t pause_ms(const Mastodon *mastodon)
{
    int64_t left = mastodon->reset_at - g_get_real_time();
    if (mastodon->remaining < 0 || mastodon->remaining > FEW_LEFT || left <= 0)
        return mastodon->poll_ms;
    /* Two calls a poll, and everything is allowed again after the reset. */
    return MAX(mastodon->poll_ms, MIN(left, 2 * left / (mastodon->remaining + 1)) / 1000);
}

static bool mastodon_poll(void *connection, const json_t *cursor, Poll *poll, GError **error)
{
    Mastodon *mastodon = connection;
    const char *after = jsonx_text(cursor, "notification", NULL);
    const char *own_after = jsonx_text(cursor, "own", NULL);
    g_autofree char *newest = NULL;
    if (!identify(mastodon, error) || !(after ? poll_next(mastodon, after, poll, &newest, error)
                                              : poll_first(mastodon, poll, &newest, error))) {
        poll->retry_at = mastodon->retry_at;
        return false;
    }
    poll->next_ms = pause_ms(mastodon);
    poll->more = poll->more && poll->next_ms == mastodon->poll_ms;
    g_autofree char *own = poll_own(mastodon, own_after, poll);
    poll->cursor = json_pack("{ss ss*}", "notification",
                             newest  ? newest
                             : after ? after
                                     : "0",
                             "own", own ? own : own_after);
    return true;
}

/* ---- out ---- */

static char *reply_text(const Mastodon *mastodon, const Outgoing *outgoing, const char *visibility)
{
    const char *acct = outgoing->author_handle ? outgoing->author_handle : outgoing->author_id;
    return mastodon_reply_text(outgoing->body, acct, mastodon->domain,
                               mastodon_is_private(visibility));
}

static const char *reply_visibility(const Outgoing *outgoing)
{
    return mastodon_reply_visibility(jsonx_text(outgoing->to_extra, "visibility", NULL),
                                     outgoing->direct);
}

/* The same for each attempt at a delivery. The text is part of it, as a number may come back after
 * a database was made anew, and the server would answer with the old status. */
static char *idempotency_key(const Outgoing *outgoing, const char *text)
{
    g_autofree char *whole =
        g_strdup_printf("%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT "/%s/%s", outgoing->brand,
                        outgoing->delivery, outgoing->to_external_id, text);
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, whole, -1);
}

static void fill_sent(Mastodon *mastodon, const json_t *status, Sent *sent)
{
    const char *url = jsonx_text(status, "url", NULL);
    sent->external_id = jsonx_id(status, "id", NULL);
    sent->permalink = g_strdup(url ? url : jsonx_text(status, "uri", NULL));
    if (sent->external_id)
        remember_ours(mastodon, sent->external_id);
}

static bool mastodon_send(void *connection, const Outgoing *outgoing, Sent *sent, GError **error)
{
    Mastodon *mastodon = connection;
    if (!identify(mastodon, error)) {
        sent->retry_at = mastodon->retry_at;
        return false;
    }
    const char *visibility = reply_visibility(outgoing);
    bool has_lang = outgoing->lang && strcmp(outgoing->lang, "-") != 0;
    g_autofree char *text = reply_text(mastodon, outgoing, visibility);
    g_autofree char *key = idempotency_key(outgoing, text);
    g_autofree char *url = http_url(mastodon->base, "/api/v1/statuses", NULL);
    g_autoptr(json_t) body =
        json_pack("{ss ss ss ss*}", "status", text, "in_reply_to_id", outgoing->to_external_id,
                  "visibility", visibility, "language", has_lang ? outgoing->lang : NULL);
    const char *headers[] = {"Idempotency-Key", key, NULL};
    HttpRequest request = {.url = url,
                           .json = body,
                           .headers = headers,
                           .handing = outgoing->handing,
                           .data = outgoing->data};
    g_autoptr(json_t) status = call(mastodon, &request, error);
    if (!status) {
        sent->retry_at = mastodon->retry_at;
        return false;
    }
    fill_sent(mastodon, status, sent);
    if (!sent->external_id)
        return mastodon_fail(mastodon->status, NULL, true, error);
    return true;
}

/* ---- did it go out? ---- */

static const json_t *find_reply(const Mastodon *mastodon, const json_t *statuses,
                                const Outgoing *outgoing, const char *text)
{
    size_t i;
    json_t *status;
    json_array_foreach(statuses, i, status)
    {
        g_autofree char *author = jsonx_id(status, "account", "id", NULL);
        g_autofree char *parent = jsonx_id(status, "in_reply_to_id", NULL);
        const char *content = jsonx_text(status, "content", NULL);
        int64_t at = time_parse_iso(jsonx_text(status, "created_at", NULL));
        if (g_strcmp0(author, mastodon->own_id) == 0 &&
            g_strcmp0(parent, outgoing->to_external_id) == 0 && content &&
            at >= outgoing->attempt_at - SKEW_S * G_USEC_PER_SEC &&
            mastodon_same_text(content, text))
            return status;
    }
    return NULL;
}

/* Looks through our own statuses back to the attempt. FOUND_UNCLEAR: there were too many. */
static Found find_among_own(Mastodon *mastodon, const Outgoing *outgoing, const char *text,
                            Sent *sent, GError **error)
{
    g_autofree char *oldest = NULL;
    for (int i = 0; i < MOST_OWN_PAGES; i++) {
        g_autoptr(json_t) page =
            own_page(mastodon, OWN_PAGE, oldest ? "max_id" : NULL, oldest, error);
        if (!page)
            return FOUND_ERROR;
        const json_t *found = find_reply(mastodon, page, outgoing, text);
        if (found) {
            fill_sent(mastodon, found, sent);
            return FOUND_SENT;
        }
        const json_t *last = json_array_get(page, json_array_size(page) - 1);
        g_autofree char *last_id = jsonx_id(last, "id", NULL);
        int64_t last_at = time_parse_iso(jsonx_text(last, "created_at", NULL));
        if (!last_id || g_strcmp0(last_id, oldest) == 0 ||
            last_at < outgoing->attempt_at - SKEW_S * G_USEC_PER_SEC)
            return FOUND_NOT;
        g_free(oldest);
        oldest = g_steal_pointer(&last_id);
    }
    return FOUND_UNCLEAR;
}

static Found mastodon_find_sent(void *connection, const Outgoing *outgoing, Sent *sent,
                                GError **error)
{
    Mastodon *mastodon = connection;
    if (!outgoing->handed)
        return FOUND_NOT;
    if (!identify(mastodon, error))
        return FOUND_ERROR;
    g_autofree char *text = reply_text(mastodon, outgoing, reply_visibility(outgoing));
    g_autoptr(GError) problem = NULL;
    g_autoptr(json_t) context = get_context(mastodon, outgoing->to_external_id, &problem);
    if (!context && mastodon->status != 404) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FOUND_ERROR;
    }
    const json_t *reply =
        find_reply(mastodon, jsonx_at(context, "descendants", NULL), outgoing, text);
    if (reply) {
        fill_sent(mastodon, reply, sent);
        return FOUND_SENT;
    }
    Found found = find_among_own(mastodon, outgoing, text, sent, error);
    bool settled = g_get_real_time() > outgoing->attempt_at + SETTLE_S * G_USEC_PER_SEC;
    return found == FOUND_NOT && !settled ? FOUND_NOT_YET : found;
}

static const ConnectorField fields[] = {
    {"server", false, true, NULL, "the server of the account, such as mastodon.example"},
    {"token", true, true, NULL,
     "access token with the scopes read and write:statuses (Preferences, Development, New "
     "application)"},
    {"poll_s", false, false, "15", "seconds between looks for new mentions"},
    {"import", false, false, "0",
     "how many of the last mentions to take in at the start, at most 400"},
    {"max_characters", false, false, "500", "the longest status that the server takes"},
    {"ca_file", false, false, NULL,
     "file with the certificate authorities to trust instead of the system's"},
    {0},
};

const Connector mastodon_connector = {
    .kind = "mastodon",
    .summary = "an account on Mastodon or a server with its API: mentions and private mentions",
    .fields = fields,
    .poll_ms = POLL_S * 1000,
    .open = mastodon_open,
    .close = mastodon_close,
    .check = mastodon_check,
    .poll = mastodon_poll,
    .send = mastodon_send,
    .find_sent = mastodon_find_sent,
};
