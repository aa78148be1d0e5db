/* Conversations: the lists, the page of one, replies, claims, sorting. */
#include "core/engine/render.h"
#include "core/store/inbox.h"
#include "core/store/incident.h"
#include "core/store/outbox.h"
#include "web/api.h"
#include "web/compose.h"

#include <string.h>

enum { TEXT_MAX = 10000, HISTORY_MAX = 500 };

/* ---- reading ---- */

json_t *conversation_json(Request *request, DbRow row)
{
    int64_t claimed_by = db_get_int(row, "claimed_by");
    json_t *claimed = claimed_by ? json_pack("{s:o, s:b, s:o}", "user",
                                             json_text(db_get_text(row, "claimed_initials")),
                                             "mine", claimed_by == request->session->user->id,
                                             "until", json_time(db_get_time(row, "claimed_until")))
                                 : json_null();
    int64_t incident = db_get_int(row, "incident_id");
    json_t *in = incident ? json_pack("{s:o, s:o}", "id", json_id(incident), "title",
                                      json_text(db_get_text(row, "incident_title")))
                          : json_null();
    return json_pack(
        "{s:o, s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:s, s:s, s:o, s:o, s:I, s:o, s:o, s:I}", "id",
        json_id(db_get_int(row, "conversation_id")), "state", db_get_text(row, "state"), "triage",
        db_get_text(row, "triage"), "name", db_get_text(row, "name"), "handle",
        db_get_text(row, "handle"), "channel", channel_json(row), "visibility",
        db_get_text(row, "visibility"), "subject", json_text(db_get_text(row, "subject")), "text",
        db_get_text(row, "snippet"), "lang", db_get_text(row, "lang"), "waiting_since",
        json_time(db_get_time(row, "waiting_since")), "last_at",
        json_time(db_get_time(row, "last_at")), "messages", (json_int_t)db_get_int(row, "messages"),
        "incident", in, "claimed", claimed, "version", (json_int_t)db_get_int(row, "version"));
}

static json_t *list_conversations(Request *request, GError **error)
{
    const char *view = request_query(request, "view");
    int64_t after[2];
    int limit = request_limit(request);
    if (!view)
        view = "waiting";
    if (!request_after(request, 2, after, error))
        return NULL;
    g_autoptr(DbResult) rows = inbox_list(request->db, request->brand->id, view,
                                          request->session->user->id, after, limit, error);
    if (!rows)
        return NULL;
    json_t *items = json_array();
    g_autofree char *next = NULL;
    for (int i = 0; i < db_rows(rows); i++) {
        json_array_append_new(items, conversation_json(request, db_row(rows, i)));
        if (i + 1 == limit) {
            int64_t key[2];
            inbox_key(view, db_row(rows, i), key);
            next = request_key(key[0], key[1]);
        }
    }
    return json_list(items, next);
}

static json_t *history_json(DbResult *rows)
{
    json_t *list = json_array();
    for (int i = 0; i < db_rows(rows); i++) {
        DbRow row = db_row(rows, i);
        json_array_append_new(
            list,
            json_pack("{s:o, s:b, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o}", "id",
                      json_id(db_get_int(row, "id")), "inbound", db_get_bool(row, "inbound"),
                      "author", json_text(db_get_text(row, "author")), "text",
                      db_get_text(row, "text"), "rest", json_text(db_get_text(row, "rest")),
                      "subject", json_text(db_get_text(row, "subject")), "at",
                      json_time(db_get_time(row, "sent_at")), "received_at",
                      json_time(db_get_time(row, "received_at")), "permalink",
                      json_text(db_get_text(row, "permalink")), "visibility",
                      db_get_text(row, "visibility"), "lang", json_text(db_get_text(row, "lang")),
                      "complaint",
                      db_get_null(row, "complaint") ? json_null()
                                                    : json_real(db_get_real(row, "complaint"))));
    }
    return list;
}

static json_t *authors_json(DbResult *rows)
{
    json_t *list = json_array();
    for (int i = 0; i < db_rows(rows); i++) {
        DbRow row = db_row(rows, i);
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s}", "network", db_get_text(row, "network"), "handle",
                            db_get_text(row, "handle"), "name", db_get_text(row, "name")));
    }
    return list;
}

/* What keeps a reply from going out, or NULL. */
static const char *cannot_reply(Request *request, DbRow target)
{
    if (!(request->roles & (NEED_AGENT | ROLE_ADMIN)))
        return "You may read here, not answer.";
    if (!db_get_int(target, "message"))
        return "There is no message to answer.";
    if (db_get_text(target, "automatic"))
        return "This was written automatically; such mail is never answered.";
    if (db_get_bool(target, "removed"))
        return "The channel was removed.";
    if (db_get_bool(target, "paused"))
        return "The channel is paused.";
    return NULL;
}

/* How long the text would be as it goes out, with the mention that the network counts. */
static void count_reply(DbRow target, const char *text, RenderCount *out)
{
    const char *network = db_get_text(target, "network");
    bool direct = strcmp(db_get_text(target, "visibility"), "direct") == 0;
    g_autofree char *kind = compose_kind(network, direct);
    g_autofree char *mention = compose_mention(network, direct, db_get_text(target, "handle"));
    g_autofree char *whole = g_strconcat(mention, text, NULL);
    render_count(kind, whole, db_get_int(target, "max_length"), out);
}

static json_t *limit_json(const char *key, json_t *value, const RenderCount *count)
{
    return json_pack("{s:o, s:o, s:s}", key, value, "limit",
                     count->limit ? json_integer(count->limit) : json_null(), "unit", count->unit);
}

static json_t *pending_json(DbResult *rows)
{
    json_t *list = json_array();
    for (int i = 0; i < db_rows(rows); i++)
        json_array_append_new(list, delivery_json(db_row(rows, i)));
    return list;
}

json_t *conversation_show(Request *request, int64_t id, GError **error)
{
    Db *db = request->db;
    int64_t brand = request->brand->id;
    g_autoptr(GError) local = NULL;
    g_autoptr(DbResult) found = inbox_find(db, brand, id, error);
    g_autoptr(DbResult) history = found ? inbox_history(db, brand, id, HISTORY_MAX, error) : NULL;
    g_autoptr(DbResult) target = history ? inbox_target(db, brand, id, error) : NULL;
    g_autoptr(DbResult) pending = target ? outbox_pending(db, brand, id, error) : NULL;
    if (!pending)
        return NULL;
    DbRow row = db_row(found, 0), to = db_row(target, 0);
    int64_t person = db_get_int(row, "person_id");
    g_autoptr(DbResult) authors = inbox_authors(db, brand, person, error);
    if (!authors)
        return NULL;
    g_autofree char *draft = inbox_draft(db, brand, id, request->session->user->id, &local);
    if (local) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    RenderCount count;
    count_reply(to, "", &count);
    const char *why = cannot_reply(request, to);
    json_t *conversation = conversation_json(request, row);
    json_t *more = json_pack("{s:{s:o, s:s, s:o}, s:o, s:o, s:b, s:o, s:s, s:o}", "person", "id",
                             json_id(person), "name", db_get_text(row, "name"), "authors",
                             authors_json(authors), "history", history_json(history), "limit",
                             limit_json("kind", json_text(db_get_text(to, "network")), &count),
                             "can_reply", why == NULL, "can_reply_why", json_text(why), "draft",
                             draft ? draft : "", "pending", pending_json(pending));
    json_object_update(conversation, more);
    json_decref(more);
    return conversation;
}

static json_t *show_conversation(Request *request, GError **error)
{
    return conversation_show(request, request->ids[0], error);
}

static json_t *count_text(Request *request, GError **error)
{
    const char *text = request_text(request, "text", 0, TEXT_MAX, error);
    g_autoptr(DbResult) target =
        text ? inbox_target(request->db, request->brand->id, request->ids[0], error) : NULL;
    if (!target)
        return NULL;
    RenderCount count;
    count_reply(db_row(target, 0), text, &count);
    return limit_json("length", json_integer(count.length), &count);
}

/* ---- changes ---- */

static bool record(Request *request, const char *action, GError **error)
{
    g_autofree char *object = g_strdup_printf("conversation:%" G_GINT64_FORMAT, request->ids[0]);
    return (!action || audit_add(request->db, request->brand->id, request->session->user->id,
                                 action, object, NULL, error)) &&
           api_notify(request, error, "overview,%s", object);
}

/* On a conflict the answer carries the conversation as it is now. */
static void add_current(Request *request, const GError *error)
{
    if (!g_error_matches(error, BW_ERROR, BW_ERROR_CONFLICT))
        return;
    json_t *conversation = conversation_show(request, request->ids[0], NULL);
    if (conversation)
        request->more = json_pack("{s:o}", "conversation", conversation);
}

static bool check_reply(Request *request, DbRow target, const char *text, int64_t seen,
                        GError **error)
{
    const char *why = cannot_reply(request, target);
    RenderCount count;
    if (why)
        return bw_fail(error, BW_ERROR_INVALID, "%s", why);
    if (db_get_int(target, "newest") > seen)
        return bw_fail(error, BW_ERROR_CONFLICT,
                       "Something new was written meanwhile: read it first.");
    if (!outbox_check_alone(request->db, request->brand->id, request->ids[0],
                            request->session->user->id, error))
        return false;
    count_reply(target, text, &count);
    if (count.limit && count.length > count.limit) {
        request->field = g_strdup("text");
        return bw_fail(error, BW_ERROR_INVALID,
                       "The text is too long: %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT ".",
                       count.length, count.limit);
    }
    return true;
}

static bool write_reply(Request *request, const char *text, const char *token, int64_t *id,
                        GError **error)
{
    Db *db = request->db;
    int64_t brand = request->brand->id, conversation = request->ids[0], seen;
    if (!request_id_of(request, "seen", &seen, error))
        return false;
    g_autoptr(DbResult) target = inbox_target(db, brand, conversation, error);
    g_autoptr(DbResult) found = target ? inbox_find(db, brand, conversation, error) : NULL;
    if (!found || !check_reply(request, db_row(target, 0), text, seen, error))
        return false;
    DbRow row = db_row(found, 0), to = db_row(target, 0);
    Reply reply = {.conversation = conversation,
                   .person = db_get_int(row, "person_id"),
                   .message = db_get_int(to, "message"),
                   .channel = db_get_int(row, "channel_id"),
                   .user = request->session->user->id,
                   .visibility = db_get_text(to, "visibility"),
                   .lang = db_get_text(row, "lang"),
                   .body = text,
                   .token = token,
                   .then_done = json_is_true(json_object_get(request->body, "done")),
                   .delay_ms = request->brand->undo_reply_ms};
    g_autoptr(GArray) channels = g_array_new(FALSE, FALSE, sizeof(int64_t));
    g_array_append_val(channels, reply.channel);
    return outbox_reply(db, brand, &reply, id, error) &&
           inbox_save_draft(db, brand, conversation, reply.user, "", error) &&
           api_wake_channels(request, channels, error) && record(request, "reply", error);
}

static json_t *reply(Request *request, GError **error)
{
    const char *token = request_text(request, "token", 8, 100, error);
    const char *text = token ? request_text(request, "text", 1, TEXT_MAX, error) : NULL;
    int64_t id;
    if (!text)
        return NULL;
    if (!request_is_token(token) || !text[strspn(text, " \t\r\n")]) {
        request_fail_field(request, text[strspn(text, " \t\r\n")] ? "token" : "text",
                           "There is nothing to send, or the token is not as it must be.", error);
        return NULL;
    }
    /* The lock makes two clicks, or two people, come one after the other. */
    if (!inbox_lock(request->db, request->brand->id, request->ids[0], error) ||
        !outbox_by_token(request->db, request->brand->id, request->ids[0], token, &id, error))
        return NULL;
    g_autoptr(GError) local = NULL;
    if (!id && !write_reply(request, text, token, &id, &local)) {
        add_current(request, local);
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    g_autoptr(DbResult) delivery = outbox_find(request->db, request->brand->id, id, error);
    request->status = 201;
    return delivery ? delivery_json(db_row(delivery, 0)) : NULL;
}

static bool change_incident(Request *request, json_t *incident, GError **error)
{
    if (json_is_null(incident))
        return incident_take_out_conversation(request->db, request->brand->id, request->ids[0],
                                              error);
    int64_t id;
    return request_id_of(request, "incident", &id, error) &&
           incident_add(request->db, request->brand->id, id, request->ids[0], error) &&
           api_notify(request, error, "incident:%" G_GINT64_FORMAT, id);
}

static json_t *change_conversation(Request *request, GError **error)
{
    static const char *const states[] = {"waiting", "done", "parked", NULL};
    static const char *const kinds[] = {"complaint", "question", "other", "automatic", NULL};
    int64_t version;
    g_autoptr(GError) local = NULL;
    if (!request_version(request, &version, error))
        return NULL;
    const char *state = request_text_if(request, "state", 1, 20, &local);
    const char *triage = local ? NULL : request_text_if(request, "triage", 1, 20, &local);
    if (!local &&
        ((state && !g_strv_contains(states, state)) || (triage && !g_strv_contains(kinds, triage))))
        request_fail_field(request, "state", "There is no such state or triage.", &local);
    json_t *incident = json_object_get(request->body, "incident");
    if (!local && inbox_lock(request->db, request->brand->id, request->ids[0], &local) &&
        inbox_change(request->db, request->brand->id, request->ids[0], version, state, triage,
                     &local) &&
        incident)
        change_incident(request, incident, &local);
    if (local) {
        add_current(request, local);
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    return record(request, "sort", error) ? conversation_show(request, request->ids[0], error)
                                          : NULL;
}

static json_t *claim(Request *request, GError **error)
{
    g_autoptr(GError) local = NULL;
    if (!inbox_claim(request->db, request->brand->id, request->ids[0], request->session->user->id,
                     &local)) {
        add_current(request, local);
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    g_autoptr(DbResult) row = inbox_find(request->db, request->brand->id, request->ids[0], error);
    return row && record(request, NULL, error) ? conversation_json(request, db_row(row, 0)) : NULL;
}

static json_t *release(Request *request, GError **error)
{
    g_autoptr(DbResult) row = inbox_find(request->db, request->brand->id, request->ids[0], error);
    if (!row ||
        !inbox_release(request->db, request->brand->id, request->ids[0], request->session->user->id,
                       error) ||
        !record(request, NULL, error))
        return NULL;
    request->status = 204;
    return json_null();
}

static json_t *save_draft(Request *request, GError **error)
{
    const char *text = request_text(request, "text", 0, TEXT_MAX, error);
    g_autoptr(DbResult) row =
        text ? inbox_find(request->db, request->brand->id, request->ids[0], error) : NULL;
    if (!row || !inbox_save_draft(request->db, request->brand->id, request->ids[0],
                                  request->session->user->id, text, error))
        return NULL;
    request->status = 204;
    return json_null();
}

const Route conversation_routes[] = {
    {"GET", "/api/b/:brand/conversations", NEED_READER, list_conversations, false},
    {"GET", "/api/b/:brand/conversations/:id", NEED_READER, show_conversation, false},
    {"POST", "/api/b/:brand/conversations/:id/reply", NEED_AGENT, reply, true},
    {"POST", "/api/b/:brand/conversations/:id/count", NEED_READER, count_text, false},
    {"PATCH", "/api/b/:brand/conversations/:id", NEED_ANYONE_AT_WORK, change_conversation, true},
    {"POST", "/api/b/:brand/conversations/:id/claim", NEED_ANYONE_AT_WORK, claim, true},
    {"DELETE", "/api/b/:brand/conversations/:id/claim", NEED_ANYONE_AT_WORK, release, true},
    {"PUT", "/api/b/:brand/conversations/:id/draft", NEED_AGENT, save_draft, true},
    {0},
};
