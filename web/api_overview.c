/* The overview beside every page, and the chart of all complaints. */
#include "core/store/inbox.h"
#include "core/store/incident.h"
#include "core/store/volume.h"
#include "web/api.h"
#include "web/chart.h"

#include <string.h>

static json_t *views_json(DbRow row)
{
    static const char *const names[] = {"waiting", "mine",  "incidents", "parked",
                                        "failed",  "other", "done",      "quarantine"};
    json_t *views = json_object();
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        json_object_set_new(views, names[i], json_integer(db_get_int(row, names[i])));
    return views;
}

static json_t *channels_json(DbResult *channels)
{
    json_t *list = json_array();
    for (int i = 0; i < db_rows(channels); i++) {
        DbRow row = db_row(channels, i);
        json_array_append_new(
            list, json_pack("{s:o, s:s, s:s, s:s, s:s, s:o, s:o, s:I}", "id",
                            json_id(db_get_int(row, "id")), "kind", db_get_text(row, "kind"),
                            "name", db_get_text(row, "name"), "address",
                            db_get_text(row, "address"), "state", db_get_text(row, "state"),
                            "polled_at", json_time(db_get_time(row, "polled_at")), "error",
                            json_text(db_get_text(row, "error")), "waiting_to_send",
                            (json_int_t)db_get_int(row, "waiting_to_send")));
    }
    return list;
}

static json_t *spike_json(DbResult *spike)
{
    if (!db_rows(spike))
        return json_null();
    DbRow row = db_row(spike, 0);
    return json_pack("{s:o, s:I, s:f}", "since", json_time(db_get_time(row, "since")), "people",
                     (json_int_t)db_get_int(row, "people"), "normal",
                     chart_round(db_get_real(row, "normal")));
}

static json_t *show_overview(Request *request, GError **error)
{
    const UserBrand *brand = request->brand;
    g_autoptr(DbResult) counts =
        inbox_counts(request->db, brand->id, request->session->user->id, error);
    g_autoptr(DbResult) channels = counts ? inbox_channels(request->db, brand->id, error) : NULL;
    g_autoptr(DbResult) spike = channels ? volume_spike(request->db, brand->id, error) : NULL;
    if (!spike)
        return NULL;
    DbRow row = db_row(counts, 0);
    return json_pack("{s:{s:s, s:s, s:b}, s:o, s:I, s:o, s:o}", "brand", "slug", brand->slug,
                     "name", brand->name, "demo", brand->demo, "views", views_json(row), "unsorted",
                     (json_int_t)db_get_int(row, "unsorted"), "spike", spike_json(spike),
                     "channels", channels_json(channels));
}

static json_t *show_chart(Request *request, GError **error)
{
    return chart_json(request, 0, 24, error);
}

const Route overview_routes[] = {
    {"GET", "/api/b/:brand/overview", NEED_READER, show_overview, false},
    {"GET", "/api/b/:brand/chart", NEED_READER, show_chart, false},
    {0},
};
