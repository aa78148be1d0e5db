/* The volume chart: people per 5 minutes against what is normal for this hour, with marks. What is
 * normal is taken from the same hour of the weeks before, or of the days before while there are no
 * weeks yet. */
#pragma once
#include "web/request.h"

/* Incident 0: of all complaints. `hours` is used where the query names none. */
json_t *chart_json(Request *request, int64_t incident, int hours, GError **error);
/* What is normal now: people per 5 minutes, or negative where nobody can know yet. */
bool chart_normal(Request *request, int64_t now, double *normal, GError **error);
/* One decimal, as people read it. */
double chart_round(double value);

typedef struct ChartBand {
    double low, mid, high; /* negative: unknown */
} ChartBand;
/* Pure: the band around `values` (people in like 5 minutes of the past). */
ChartBand chart_band(GArray *values);
