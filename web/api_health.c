/* For those who run it: is the process alive, is it ready, how is it doing. */
#include "core/base/config.h"
#include "core/store/health.h"
#include "core/store/migrate.h"
#include "web/api.h"
#include "web/server.h"

#include <string.h>

json_t *health_live(G_GNUC_UNUSED Request *request, G_GNUC_UNUSED GError **error)
{
    return json_pack("{s:b, s:s}", "ok", 1, "version", BW_VERSION);
}

static json_t *health_ready(Request *request, GError **error)
{
    g_autoptr(GError) local = NULL;
    if (migrate_check(request->db, &local))
        return json_pack("{s:b}", "ok", 1);
    bw_fail(error, BW_ERROR_TEMPORARY, "%s", local->message);
    return NULL;
}

static void figure(GString *out, const char *name, const char *labels, int64_t value)
{
    g_string_append_printf(out, "breakwater_%s%s %" G_GINT64_FORMAT "\n", name, labels, value);
}

static void process_figures(const Request *request, GString *out)
{
    ServerFigures figures;
    server_figures(request->server, &figures);
    for (int hundred = 2; hundred < 6; hundred++) {
        g_autofree char *labels = g_strdup_printf("{status=\"%dxx\"}", hundred);
        figure(out, "http_answers_total", labels, figures.answers[hundred]);
    }
    g_string_append_printf(out, "breakwater_http_busy_seconds_total %.3f\n",
                           (double)figures.busy_us / G_USEC_PER_SEC);
    figure(out, "event_streams", "", figures.streams);
    figure(out, "calls_waiting", "", figures.waiting);
}

static json_t *health_metrics(Request *request, GError **error)
{
    bool local = g_str_has_prefix(request->address, "127.") || strcmp(request->address, "::1") == 0;
    if (!local && g_strcmp0(config_get("metrics"), "all") != 0) {
        bw_fail(error, BW_ERROR_DENIED, "This is answered to callers on the same machine alone.");
        return NULL;
    }
    g_autoptr(DbResult) rows = health_queues(request->db, error);
    if (!rows)
        return NULL;
    GString *out = g_string_new(NULL);
    process_figures(request, out);
    for (int i = 0; i < db_rows(rows); i++) {
        static const char *const names[] = {
            "intake_batches",  "deliveries_queued", "deliveries_failed", "deliveries_unknown",
            "delivery_late_s", "quarantine_open",   "channels_failing"};
        DbRow row = db_row(rows, i);
        g_autofree char *labels = g_strdup_printf("{brand=\"%s\"}", db_get_text(row, "slug"));
        for (size_t n = 0; n < G_N_ELEMENTS(names); n++)
            figure(out, names[n], labels, db_get_int(row, names[n]));
    }
    request->bytes = g_string_free_to_bytes(out);
    request->type = "text/plain; version=0.0.4; charset=utf-8";
    return json_null();
}

const Route health_routes[] = {
    {"GET", "/healthz", NEED_NOTHING, health_live, false},
    {"GET", "/readyz", NEED_NOTHING, health_ready, false},
    {"GET", "/metrics", NEED_NOTHING, health_metrics, false},
    {0},
};
