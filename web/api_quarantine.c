/* What could not be read: see it, take its bytes, dismiss it. */
#include "core/store/quarantine.h"
#include "core/store/user.h"
#include "web/api.h"

static json_t *list_quarantine(Request *request, GError **error)
{
    int64_t after;
    int limit = request_limit(request);
    if (!request_after(request, 1, &after, error))
        return NULL;
    g_autoptr(DbResult) rows =
        quarantine_list(request->db, request->brand->id, after, limit, error);
    if (!rows)
        return NULL;
    json_t *items = json_array();
    g_autofree char *next = NULL;
    for (int i = 0; i < db_rows(rows); i++) {
        DbRow row = db_row(rows, i);
        json_array_append_new(
            items,
            json_pack("{s:o, s:o, s:s, s:I, s:o, s:s, s:I}", "id", json_id(db_get_int(row, "id")),
                      "channel", channel_json(row), "reason", db_get_text(row, "reason"), "size",
                      (json_int_t)db_get_int(row, "size"), "at", json_time(db_get_time(row, "at")),
                      "external_id", db_get_text(row, "external_id"), "attempts",
                      (json_int_t)db_get_int(row, "attempts")));
        if (i + 1 == limit)
            next = g_strdup_printf("%" G_GINT64_FORMAT, db_get_int(row, "id"));
    }
    return json_list(items, next);
}

static json_t *show_raw(Request *request, GError **error)
{
    g_autoptr(DbResult) result =
        quarantine_raw(request->db, request->brand->id, request->ids[0], error);
    if (!result)
        return NULL;
    size_t size;
    const void *bytes = db_get_bytes(db_row(result, 0), "raw", &size);
    request->bytes = g_bytes_new(bytes, size);
    request->type = "application/octet-stream";
    request->file_name = g_strdup_printf("quarantine-%" G_GINT64_FORMAT ".bin", request->ids[0]);
    return json_null();
}

static json_t *done(Request *request, const char *action, GError **error)
{
    g_autofree char *object = g_strdup_printf("quarantine:%" G_GINT64_FORMAT, request->ids[0]);
    if (!audit_add(request->db, request->brand->id, request->session->user->id, action, object,
                   NULL, error) ||
        !api_notify(request, error, "overview,%s", object))
        return NULL;
    request->status = 204;
    return json_null();
}

static json_t *dismiss(Request *request, GError **error)
{
    const char *why = request_text(request, "why", 1, 500, error);
    if (!why || !quarantine_dismiss(request->db, request->brand->id, request->ids[0], why, error))
        return NULL;
    return done(request, "quarantine-dismiss", error);
}

const Route quarantine_routes[] = {
    {"GET", "/api/b/:brand/quarantine", NEED_READER, list_quarantine, false},
    {"GET", "/api/b/:brand/quarantine/:id/raw", NEED_AGENT, show_raw, false},
    {"POST", "/api/b/:brand/quarantine/:id/dismiss", NEED_AGENT, dismiss, true},
    {0},
};
