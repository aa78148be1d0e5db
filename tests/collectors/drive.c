/* Drives one connector without a database, for tests that play the network: reads a JSON object a
 * line ({"do": "open" | "check" | "poll" | "wait" | "send" | "find_sent", ...}) and writes one. */
#include "collectors/connector.h"
#include "core/base/jsonx.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

static const char *const codes[] = {
    [BW_ERROR_TEMPORARY] = "TEMPORARY", [BW_ERROR_LIMITED] = "LIMITED",
    [BW_ERROR_DENIED] = "DENIED",       [BW_ERROR_INVALID] = "INVALID",
    [BW_ERROR_MISSING] = "MISSING",     [BW_ERROR_CONFLICT] = "CONFLICT",
    [BW_ERROR_UNKNOWN] = "UNKNOWN",
};
static const char *const finds[] = {
    [FOUND_ERROR] = "error",     [FOUND_SENT] = "sent",       [FOUND_NOT] = "not",
    [FOUND_NOT_YET] = "not yet", [FOUND_UNCLEAR] = "unclear",
};

static Channel *channel;
static const Connector *connector;
static void *connection;

static void put_error(json_t *answer, const GError *error)
{
    if (!error)
        return;
    json_object_set_new(answer, "error", json_string(codes[error->code]));
    json_object_set_new(answer, "message", json_string(error->message));
}

static void open_channel(const json_t *order, json_t *answer)
{
    g_autoptr(GError) error = NULL;
    if (connection)
        connector->close(connection);
    channel_free(channel);
    channel = g_new0(Channel, 1);
    channel->brand = channel->id = 1;
    channel->kind = g_strdup(jsonx_text(order, "kind", NULL));
    channel->settings = json_incref(json_object_get(order, "settings"));
    channel->secret = json_incref(json_object_get(order, "secret"));
    connector = connector_find(channel->kind);
    g_assert(connector);
    connection = connector->open(channel, &error);
    put_error(answer, error);
}

static json_t *message_json(const Message *message)
{
    return json_pack("{ss* ss* ss* ss* ss* ss* ss* ss* sb sb ss* ss* ss* ss* ss* sO* sI}",
                     "external_id", message->external_id, "thread", message->thread, "parent",
                     message->parent, "network", message->network, "author_id", message->author_id,
                     "author_handle", message->author_handle, "author_name", message->author_name,
                     "automatic", message->automatic, "outbound", message->outbound, "direct",
                     message->direct, "lang", message->lang, "subject", message->subject, "body",
                     message->body, "rest", message->rest, "permalink", message->permalink, "extra",
                     message->extra, "sent_at", (json_int_t)message->sent_at);
}

static void poll_channel(const json_t *order, json_t *answer)
{
    g_autoptr(GError) error = NULL;
    Poll poll = {
        .messages = g_ptr_array_new_with_free_func((GDestroyNotify)message_free),
        .unreadable = g_ptr_array_new_with_free_func((GDestroyNotify)unreadable_free),
        .receipts = g_ptr_array_new_with_free_func((GDestroyNotify)receipt_free),
        .gaps = g_ptr_array_new_with_free_func((GDestroyNotify)gap_free),
    };
    connector->poll(connection, json_object_get(order, "cursor"), &poll, &error);
    json_t *messages = json_array(), *unreadable = json_array(), *receipts = json_array();
    for (guint i = 0; i < poll.messages->len; i++)
        json_array_append_new(messages, message_json(poll.messages->pdata[i]));
    for (guint i = 0; i < poll.unreadable->len; i++) {
        const Unreadable *item = poll.unreadable->pdata[i];
        json_array_append_new(unreadable,
                              json_pack("{ss ss sI}", "external_id", item->external_id, "reason",
                                        item->reason, "size", (json_int_t)item->size));
    }
    for (guint i = 0; i < poll.receipts->len; i++) {
        const Receipt *receipt = poll.receipts->pdata[i];
        json_array_append_new(receipts, json_pack("{ss ss}", "external_id", receipt->external_id,
                                                  "reason", receipt->reason));
    }
    json_object_set_new(answer, "receipts", receipts);
    json_object_set_new(answer, "messages", messages);
    json_object_set_new(answer, "unreadable", unreadable);
    json_object_set_new(answer, "cursor", poll.cursor ? poll.cursor : json_null());
    json_object_set_new(answer, "more", json_boolean(poll.more));
    json_object_set_new(answer, "next_ms", json_integer(poll.next_ms));
    json_object_set_new(answer, "retry_at", json_integer(poll.retry_at));
    put_error(answer, error);
    g_ptr_array_unref(poll.messages);
    g_ptr_array_unref(poll.unreadable);
    g_ptr_array_unref(poll.receipts);
    g_ptr_array_unref(poll.gaps);
}

typedef struct Handed {
    int times;
    bool willing;
} Handed;

static bool on_handing(void *data)
{
    Handed *handed = data;
    handed->times++;
    return handed->willing;
}

static Outgoing outgoing_of(const json_t *order, Handed *handed)
{
    return (Outgoing){
        .brand = jsonx_int(order, "brand", NULL),
        .delivery = jsonx_int(order, "delivery", NULL),
        .attempt = (int)jsonx_int(order, "attempt", NULL),
        .attempt_at = jsonx_int(order, "attempt_at", NULL),
        .handed = jsonx_bool(order, "handed", NULL),
        .body = jsonx_text(order, "body", NULL),
        .lang = jsonx_text(order, "lang", NULL),
        .direct = jsonx_bool(order, "direct", NULL),
        .automatic = jsonx_bool(order, "automatic", NULL),
        .to_external_id = jsonx_text(order, "to_external_id", NULL),
        .to_subject = jsonx_text(order, "to_subject", NULL),
        .to_thread = jsonx_text(order, "to_thread", NULL),
        .to_extra = jsonx_at(order, "to_extra", NULL),
        .to_sent_at = jsonx_int(order, "to_sent_at", NULL),
        .author_id = jsonx_text(order, "author_id", NULL),
        .author_handle = jsonx_text(order, "author_handle", NULL),
        .author_name = jsonx_text(order, "author_name", NULL),
        .handing = on_handing,
        .data = handed,
    };
}

static void send_delivery(const json_t *order, json_t *answer, bool find)
{
    g_autoptr(GError) error = NULL;
    Handed handed = {.willing = !jsonx_bool(order, "database_away", NULL)};
    Outgoing outgoing = outgoing_of(order, &handed);
    Sent sent = {0};
    if (find)
        json_object_set_new(
            answer, "found",
            json_string(finds[connector->find_sent(connection, &outgoing, &sent, &error)]));
    else
        json_object_set_new(answer, "sent",
                            json_boolean(connector->send(connection, &outgoing, &sent, &error)));
    json_object_set_new(answer, "handed", json_integer(handed.times));
    json_object_set_new(answer, "external_id",
                        sent.external_id ? json_string(sent.external_id) : json_null());
    json_object_set_new(answer, "permalink",
                        sent.permalink ? json_string(sent.permalink) : json_null());
    json_object_set_new(answer, "retry_at", json_integer(sent.retry_at));
    put_error(answer, error);
    sent_clear(&sent);
}

static void check_channel(json_t *answer)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = connector->check(connection, &error);
    json_object_set_new(answer, "text", text ? json_string(text) : json_null());
    put_error(answer, error);
}

/* What the loop does between two polls: {"fd": can it ring, "rang": did it within "seconds"}. */
static void wait_channel(const json_t *order, json_t *answer)
{
    int fd = connector->wait_fd ? connector->wait_fd(connection) : -1;
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    int rang = fd >= 0 ? poll(&waiting, 1, (int)jsonx_int(order, "seconds", NULL) * 1000) : 0;
    json_object_set_new(answer, "fd", json_boolean(fd >= 0));
    json_object_set_new(answer, "rang", json_boolean(rang > 0));
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        g_autoptr(json_t) order = jsonx_parse(line, -1, NULL);
        g_autoptr(json_t) answer = json_object();
        const char *what = jsonx_text(order, "do", NULL);
        if (g_strcmp0(what, "open") == 0)
            open_channel(order, answer);
        else if (g_strcmp0(what, "check") == 0)
            check_channel(answer);
        else if (g_strcmp0(what, "wait") == 0)
            wait_channel(order, answer);
        else if (g_strcmp0(what, "poll") == 0)
            poll_channel(order, answer);
        else
            send_delivery(order, answer, g_strcmp0(what, "find_sent") == 0);
        g_autofree char *text = json_dumps(answer, JSON_COMPACT);
        puts(text);
        fflush(stdout);
    }
    free(line);
    if (connection)
        connector->close(connection);
    channel_free(channel);
    return 0;
}
