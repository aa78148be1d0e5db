/* Updates of an incident: preview, send once, undo, stop; and every delivery's true state. */
#include "core/base/jsonx.h"
#include "core/store/incident.h"
#include "core/store/outbox.h"
#include "core/store/update.h"
#include "web/api.h"
#include "web/broadcast.h"

#include <string.h>

enum { TEXT_MAX = 10000, SKIP_AT_ONCE = 5000 };

/* ---- updates ---- */

static const char *state_of(DbRow row)
{
    if (!db_get_null(row, "stopped_at"))
        return "stopped";
    if (!db_get_bool(row, "is_due"))
        return "pending";
    return db_get_int(row, "queued") ? "sending" : "done";
}

static json_t *update_row_json(DbRow row)
{
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:s, s:o, s:I, s:I, s:I, s:I, s:I}", "id",
        json_id(db_get_int(row, "id")), "incident", json_id(db_get_int(row, "incident_id")), "at",
        json_time(db_get_time(row, "created_at")), "by", json_text(db_get_text(row, "who")),
        "texts", db_get_json(row, "texts"), "fields", db_get_json(row, "fields"), "recipients",
        (json_int_t)db_get_int(row, "recipients"), "state", state_of(row), "send_at",
        json_time(db_get_time(row, "send_at")), "sent", (json_int_t)db_get_int(row, "sent"),
        "queued", (json_int_t)db_get_int(row, "queued"), "failed",
        (json_int_t)db_get_int(row, "failed"), "skipped", (json_int_t)db_get_int(row, "skipped"),
        "unknown", (json_int_t)db_get_int(row, "unknown"));
}

json_t *updates_json(Request *request, int64_t incident, GError **error)
{
    g_autoptr(DbResult) rows = update_list(request->db, request->brand->id, incident, 0, error);
    if (!rows)
        return NULL;
    json_t *list = json_array();
    for (int i = 0; i < db_rows(rows); i++)
        json_array_append_new(list, update_row_json(db_row(rows, i)));
    return list;
}

json_t *update_json(Request *request, int64_t id, GError **error)
{
    g_autoptr(DbResult) rows = update_list(request->db, request->brand->id, 0, id, error);
    return rows ? update_row_json(db_row(rows, 0)) : NULL;
}

static json_t *show_update(Request *request, GError **error)
{
    return update_json(request, request->ids[0], error);
}

/* ---- preview and sending ---- */

static bool read_draft(Request *request, Draft *draft, GError **error)
{
    draft->texts = request_texts(request, "texts", TEXT_MAX, request_is_lang, error);
    if (!draft->texts)
        return false;
    draft->fallback = request_text(request, "fallback", 2, 12, error);
    if (!draft->fallback)
        return false;
    json_t *to = json_object_get(request->body, "to");
    const char *who = to ? json_string_value(to) : "all";
    draft->only_new = g_strcmp0(who, "new") == 0;
    if (!draft->only_new && g_strcmp0(who, "all") != 0) {
        request_fail_field(request, "to", "'to' is all or new.", error);
        return false;
    }
    if (json_object_get(request->body, "fields")) {
        draft->fields = request_texts(request, "fields", 500, compose_is_field, error);
        return draft->fields != NULL;
    }
    draft->fields = NULL;
    return true;
}

static json_t *preview(Request *request, GError **error)
{
    Draft draft;
    g_autoptr(DbResult) found =
        incident_find(request->db, request->brand->id, request->ids[0], error);
    if (!found || !read_draft(request, &draft, error))
        return NULL;
    g_autoptr(Broadcast) broadcast = broadcast_prepare(request, request->ids[0], &draft, 0, error);
    return broadcast ? broadcast_json(broadcast) : NULL;
}

/* Why it must not go out as it is, together with the preview that says it in full. */
static bool check(Request *request, const Broadcast *broadcast, int64_t expect, GError **error)
{
    bool good = false;
    if (broadcast->blocked->len)
        bw_fail(error, BW_ERROR_INVALID, "%s.", (char *)g_ptr_array_index(broadcast->blocked, 0));
    else if (broadcast->too_long)
        bw_fail(error, BW_ERROR_INVALID,
                "The text is too long for %" G_GINT64_FORMAT " people: shorten it.",
                broadcast->too_long);
    else if (broadcast->recipients != expect)
        bw_fail(error, BW_ERROR_CONFLICT,
                "It would go to %" G_GINT64_FORMAT " people, not to %" G_GINT64_FORMAT
                ": look at the preview again.",
                broadcast->recipients, expect);
    else if (!broadcast->recipients)
        bw_fail(error, BW_ERROR_INVALID, "There is nobody to send this to.");
    else
        good = true;
    if (!good)
        request->more = json_pack("{s:o}", "preview", broadcast_json(broadcast));
    return good;
}

static bool write_update(Request *request, const Draft *draft, const char *token,
                         const Broadcast *broadcast, int64_t *id, GError **error)
{
    char *texts = json_dumps(draft->texts, JSON_COMPACT);
    char *fields = draft->fields ? json_dumps(draft->fields, JSON_COMPACT) : NULL;
    const User *user = request->session->user;
    Update update = {.incident = request->ids[0],
                     .user = user->id,
                     .delay_ms = request->brand->undo_ms,
                     .texts = texts,
                     .fields = fields ? fields : "{}",
                     .fallback = draft->fallback,
                     .token = token};
    g_autofree char *summary =
        g_strdup_printf("%" G_GINT64_FORMAT " people", broadcast->recipients);
    bool good = update_add(request->db, request->brand->id, &update, &broadcast->rows, id, error) &&
                incident_event(request->db, request->brand->id, update.incident, user->id, "update",
                               summary, error);
    free(texts);
    free(fields);
    return good;
}

static json_t *send_update(Request *request, GError **error)
{
    Draft draft;
    int64_t brand = request->brand->id, incident = request->ids[0], id;
    g_autofree char *phase = NULL;
    const char *token = request_text(request, "token", 8, 100, error);
    if (!token || !read_draft(request, &draft, error))
        return NULL;
    json_t *expect = json_object_get(request->body, "expect");
    const char *as_of_text = json_string_value(json_object_get(request->body, "as_of"));
    int64_t as_of = time_parse_iso(as_of_text);
    if (!request_is_token(token) || !json_is_integer(expect) || (as_of_text && !as_of)) {
        bw_fail(error, BW_ERROR_INVALID, "'token', 'expect' or 'as_of' is not as it must be.");
        return NULL;
    }
    /* The lock makes two clicks, or two people, come one after the other. */
    if (!incident_lock(request->db, brand, incident, &phase, error) ||
        !update_by_token(request->db, brand, incident, token, &id, error))
        return NULL;
    request->status = 201;
    if (id)
        return update_json(request, id, error);
    if (strcmp(phase, "dismissed") == 0) {
        bw_fail(error, BW_ERROR_CONFLICT, "This incident was dismissed: open it again first.");
        return NULL;
    }
    if (!update_check_alone(request->db, brand, incident, error))
        return NULL;
    g_autoptr(Broadcast) broadcast = broadcast_prepare(request, incident, &draft, as_of, error);
    if (!broadcast || !check(request, broadcast, json_integer_value(expect), error) ||
        !write_update(request, &draft, token, broadcast, &id, error))
        return NULL;
    g_autofree char *object = g_strdup_printf("update:%" G_GINT64_FORMAT, id);
    g_autoptr(json_t) detail = json_pack("{s:o, s:I}", "incident", json_id(incident), "people",
                                         (json_int_t)broadcast->recipients);
    if (!audit_add(request->db, brand, request->session->user->id, "update-send", object, detail,
                   error) ||
        !api_wake_channels(request, broadcast->channels, error) ||
        !api_notify(request, error, "overview,incident:%" G_GINT64_FORMAT ",%s", incident, object))
        return NULL;
    return update_json(request, id, error);
}

/* First nothing of it is claimed any more, then what is queued is marked, in steps, so that the
 * screens and the collectors are never kept waiting by a hundred thousand rows. */
static json_t *end_update(Request *request, bool undo, GError **error)
{
    Db *db = request->db;
    int64_t brand = request->brand->id, id = request->ids[0];
    const User *user = request->session->user;
    g_autofree char *object = g_strdup_printf("update:%" G_GINT64_FORMAT, id);
    g_autofree char *reason =
        g_strdup_printf(undo ? "undone by %s" : "stopped by %s", user->initials);
    if (!update_stop(db, brand, id, undo, error) ||
        !audit_add(db, brand, user->id, undo ? "update-undo" : "update-stop", object, NULL, error))
        return NULL;
    int skipped;
    do {
        if (!update_skip(db, brand, id, reason, SKIP_AT_ONCE, &skipped, error))
            return NULL;
    } while (skipped);
    json_t *update = update_json(request, id, error);
    if (update && !api_notify(request, error, "overview,incident:%s,%s",
                              json_string_value(json_object_get(update, "incident")), object))
        g_clear_pointer(&update, json_decref);
    return update;
}

static json_t *stop_update(Request *request, GError **error)
{
    return end_update(request, false, error);
}

static json_t *undo_update(Request *request, GError **error)
{
    return end_update(request, true, error);
}

/* ---- deliveries ---- */

json_t *delivery_json(DbRow row)
{
    return json_pack(
        "{s:o, s:s, s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:o, s:o}", "id",
        json_id(db_get_int(row, "id")), "state", db_get_text(row, "state"), "reason",
        json_text(db_get_text(row, "reason")), "person", json_id(db_get_int(row, "person_id")),
        "name", json_text(db_get_text(row, "name")), "channel", channel_json(row), "visibility",
        db_get_text(row, "visibility"), "body", db_get_text(row, "body"), "lang",
        db_get_text(row, "lang"), "sent_at", json_time(db_get_time(row, "sent_at")), "permalink",
        json_text(db_get_text(row, "permalink")), "conversation",
        json_id(db_get_int(row, "conversation_id")), "attempts",
        (json_int_t)db_get_int(row, "attempts"), "send_at", json_time(db_get_time(row, "send_at")),
        "update", json_id(db_get_int(row, "update_id")));
}

static json_t *list_deliveries(Request *request, GError **error)
{
    static const char *const known[] = {"queued",  "sending", "sent", "failed",
                                        "skipped", "unknown", NULL};
    int64_t after, update = 0;
    int limit = request_limit(request);
    const char *update_text = request_query(request, "update");
    const char *state_text = request_query(request, "state");
    if (!request_after(request, 1, &after, error))
        return NULL;
    if (update_text && !(update = request_parse_id(update_text))) {
        request_fail_field(request, "update", "'update' must be an id.", error);
        return NULL;
    }
    g_auto(GStrv) parts = g_strsplit(state_text ? state_text : "", ",", 10);
    g_autoptr(GPtrArray) states = g_ptr_array_new();
    for (char **part = parts; *part; part++) {
        if (!g_strv_contains(known, *part)) {
            request_fail_field(request, "state", "There is no such state.", error);
            return NULL;
        }
        g_ptr_array_add(states, *part);
    }
    g_autoptr(DbResult) rows =
        outbox_list(request->db, request->brand->id, update, states, after, limit, error);
    if (!rows)
        return NULL;
    json_t *items = json_array();
    g_autofree char *next = NULL;
    for (int i = 0; i < db_rows(rows); i++) {
        json_array_append_new(items, delivery_json(db_row(rows, i)));
        if (i + 1 == limit)
            next = g_strdup_printf("%" G_GINT64_FORMAT, db_get_int(db_row(rows, i), "id"));
    }
    return json_list(items, next);
}

/* After a person changed a delivery: who must know, and the delivery as it is now. */
static json_t *changed(Request *request, const char *action, bool wake, GError **error)
{
    int64_t brand = request->brand->id, id = request->ids[0];
    g_autofree char *object = g_strdup_printf("delivery:%" G_GINT64_FORMAT, id);
    g_autoptr(DbResult) found = outbox_find(request->db, brand, id, error);
    if (!found ||
        !audit_add(request->db, brand, request->session->user->id, action, object, NULL, error))
        return NULL;
    DbRow row = db_row(found, 0);
    g_autoptr(GArray) channels = g_array_new(FALSE, FALSE, sizeof(int64_t));
    int64_t channel = db_get_int(row, "channel_id");
    g_array_append_val(channels, channel);
    int64_t update = db_get_int(row, "update_id");
    if ((wake && !api_wake_channels(request, channels, error)) ||
        !api_notify(request, error, "overview,conversation:%" G_GINT64_FORMAT,
                    db_get_int(row, "conversation_id")) ||
        (update && !api_notify(request, error, "update:%" G_GINT64_FORMAT, update)))
        return NULL;
    return delivery_json(row);
}

static json_t *resolve_delivery(Request *request, GError **error)
{
    static const char *const ways[] = {"sent", "again", "failed", NULL};
    const char *as = request_text(request, "as", 1, 10, error);
    if (!as)
        return NULL;
    if (!g_strv_contains(ways, as)) {
        request_fail_field(request, "as", "'as' is sent, again or failed.", error);
        return NULL;
    }
    if (!outbox_resolve(request->db, request->brand->id, request->ids[0], as,
                        request->session->user->initials, error))
        return NULL;
    g_autofree char *action = g_strconcat("delivery-", as, NULL);
    return changed(request, action, strcmp(as, "again") == 0, error);
}

static json_t *undo_delivery(Request *request, GError **error)
{
    if (!outbox_undo(request->db, request->brand->id, request->ids[0],
                     request->session->user->initials, error))
        return NULL;
    return changed(request, "delivery-undo", false, error);
}

const Route update_routes[] = {
    {"POST", "/api/b/:brand/incidents/:id/preview", NEED_AGENT, preview, false},
    {"POST", "/api/b/:brand/incidents/:id/updates", NEED_COMMS, send_update, true},
    {"GET", "/api/b/:brand/updates/:id", NEED_READER, show_update, false},
    {"POST", "/api/b/:brand/updates/:id/stop", NEED_COMMS, stop_update, false},
    {"POST", "/api/b/:brand/updates/:id/undo", NEED_COMMS, undo_update, false},
    {"GET", "/api/b/:brand/deliveries", NEED_READER, list_deliveries, false},
    {"POST", "/api/b/:brand/deliveries/:id/resolve", NEED_AGENT, resolve_delivery, true},
    {"POST", "/api/b/:brand/deliveries/:id/undo", NEED_AGENT, undo_delivery, true},
    {0},
};
