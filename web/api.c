#include "web/api.h"

bool api_notify(Request *request, GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *payload = g_strdup_printf("%" G_GINT64_FORMAT " %s", request->brand->id, what);
    return db_notify(request->db, "inbox", payload, error);
}

bool api_wake_channels(Request *request, const GArray *channels, GError **error)
{
    for (guint i = 0; i < channels->len; i++) {
        g_autofree char *payload =
            g_strdup_printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT, request->brand->id,
                            g_array_index(channels, int64_t, i));
        if (!db_notify(request->db, "outbox", payload, error))
            return false;
    }
    return true;
}

json_t *channel_json(DbRow row)
{
    return json_pack("{s:o, s:o, s:o}", "id", json_id(db_get_int(row, "channel_id")), "kind",
                     json_text(db_get_text(row, "network")), "name",
                     json_text(db_get_text(row, "channel_name")));
}
