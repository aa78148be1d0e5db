#include "web/chart.h"

#include "core/store/incident.h"
#include "core/store/volume.h"

#include <math.h>
#include <string.h>

enum { WEEKS = 4, DAYS = 6, AROUND_STEPS = 4, VALUES_MIN = 9, HOURS_MAX = 168 };
#define DAY_US (86400LL * G_USEC_PER_SEC)

double chart_round(double value)
{
    return round(value * 10) / 10;
}

static int by_value(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
    return one < other ? -1 : one > other;
}

/* Outages of the past are in the values too: the highest tenth is left out of the middle. Counts
 * scatter like a Poisson's at least, so the band is never narrower than that. */
ChartBand chart_band(GArray *values)
{
    if (values->len < VALUES_MIN)
        return (ChartBand){-1, -1, -1};
    g_array_sort(values, by_value);
    guint kept = values->len - values->len / 10;
    double sum = 0, squares = 0;
    for (guint i = 0; i < kept; i++) {
        double value = (double)g_array_index(values, int64_t, i);
        sum += value;
        squares += value * value;
    }
    double mid = sum / kept, variance = squares / kept - mid * mid;
    double spread = 1.64 * sqrt(fmax(variance, fmax(mid, 0.25)));
    return (ChartBand){chart_round(fmax(0, mid - spread)), chart_round(mid),
                       chart_round(mid + spread)};
}

/* How many days back the like hours are: whole weeks where the history has two of them. */
static GArray *days_before(int64_t begins, int64_t at)
{
    GArray *days = g_array_new(FALSE, FALSE, sizeof(int64_t));
    bool weekly = begins && at - begins >= 14 * DAY_US;
    for (int i = 1; i <= (weekly ? WEEKS : DAYS); i++) {
        int64_t back = weekly ? i * 7 : i;
        g_array_append_val(days, back);
    }
    return days;
}

/* The bands of `count` steps from `from`. */
static ChartBand *bands_of(Request *request, int64_t from, int count, int64_t begins,
                           GError **error)
{
    int64_t around = AROUND_STEPS * VOLUME_STEP_US;
    g_autoptr(GArray) days = days_before(begins, from);
    g_autoptr(DbResult) past =
        volume_past(request->db, request->brand->id, from, count, days, around, error);
    if (!past)
        return NULL;
    g_autoptr(GHashTable) people = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    for (int i = 0; i < db_rows(past); i++) {
        DbRow row = db_row(past, i);
        int64_t *key = g_new(int64_t, 1);
        *key = db_get_time(row, "bucket");
        g_hash_table_insert(people, key, GINT_TO_POINTER((int)db_get_int(row, "people")));
    }
    ChartBand *bands = g_new(ChartBand, count);
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(int64_t));
    for (int step = 0; step < count; step++) {
        g_array_set_size(values, 0);
        for (guint d = 0; d < days->len; d++)
            for (int near = -AROUND_STEPS; near <= AROUND_STEPS; near++) {
                int64_t at = from + (step + near) * VOLUME_STEP_US -
                             g_array_index(days, int64_t, d) * DAY_US;
                int64_t value = GPOINTER_TO_INT(g_hash_table_lookup(people, &at));
                if (begins && at >= begins)
                    g_array_append_val(values, value);
            }
        bands[step] = chart_band(values);
    }
    return bands;
}

bool chart_normal(Request *request, int64_t now, double *normal, GError **error)
{
    int64_t begins, from = now - now % VOLUME_STEP_US;
    if (!volume_begins(request->db, request->brand->id, &begins, error))
        return false;
    g_autofree ChartBand *bands = bands_of(request, from, 1, begins, error);
    if (!bands)
        return false;
    *normal = bands[0].mid;
    return true;
}

static json_t *series_json(const GArray *people, int64_t from, int64_t begins)
{
    json_t *list = json_array();
    for (guint i = 0; i < people->len; i++) {
        bool known = begins && from + i * VOLUME_STEP_US >= begins;
        json_array_append_new(list, known ? json_integer(g_array_index(people, int64_t, i))
                                          : json_null());
    }
    return list;
}

static void add_bands(json_t *chart, const ChartBand *bands, int count)
{
    json_t *low = json_array(), *mid = json_array(), *high = json_array();
    for (int i = 0; i < count; i++) {
        const ChartBand *band = &bands[i];
        json_array_append_new(low, band->mid < 0 ? json_null() : json_real(band->low));
        json_array_append_new(mid, band->mid < 0 ? json_null() : json_real(band->mid));
        json_array_append_new(high, band->mid < 0 ? json_null() : json_real(band->high));
    }
    json_object_set_new(chart, "low", low);
    json_object_set_new(chart, "mid", mid);
    json_object_set_new(chart, "high", high);
}

static json_t *marks_json(DbResult *events)
{
    json_t *marks = json_array();
    for (int i = db_rows(events) - 1; i >= 0; i--) {
        DbRow row = db_row(events, i);
        json_array_append_new(
            marks, json_pack("{s:o, s:s, s:s}", "at", json_time(db_get_time(row, "at")), "kind",
                             db_get_text(row, "kind"), "text", db_get_text(row, "text")));
    }
    return marks;
}

json_t *chart_json(Request *request, int64_t incident, int hours, GError **error)
{
    int64_t asked = request_parse_id(request_query(request, "hours"));
    int count = (int)(asked ? MIN(asked, HOURS_MAX) : hours) * 12;
    int64_t now = g_get_real_time(), brand = request->brand->id;
    int64_t from = now - now % VOLUME_STEP_US - (count - 1) * VOLUME_STEP_US;
    int64_t begins;
    if (!volume_begins(request->db, brand, &begins, error))
        return NULL;
    g_autoptr(GArray) all = volume_series(request->db, brand, 0, from, count, error);
    g_autoptr(GArray) own =
        all && incident ? volume_series(request->db, brand, incident, from, count, error) : NULL;
    if (!all || (incident && !own))
        return NULL;
    g_autofree ChartBand *bands = bands_of(request, from, count, begins, error);
    g_autoptr(DbResult) events =
        bands ? incident_timeline(request->db, brand, incident, from, error) : NULL;
    if (!events)
        return NULL;
    json_t *chart = json_pack("{s:i, s:o, s:o, s:o}", "step_s", 300, "from", json_time(from), "all",
                              series_json(all, from, begins), "marks", marks_json(events));
    if (own)
        json_object_set_new(chart, "incident", series_json(own, from, begins));
    add_bands(chart, bands, count);
    return chart;
}
