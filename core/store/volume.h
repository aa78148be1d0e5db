/* People per 5 minutes, for the charts: reads what the core counts (core/store/sorting). */
#pragma once
#include "core/base/db.h"

#define VOLUME_STEP_US (300LL * G_USEC_PER_SEC)

/* People per step from `from` (a step's beginning), `count` of them, 0 where nobody wrote. Incident
 * 0: all complaints; of an incident, also of those merged into it. */
GArray *volume_series(Db *db, int64_t brand, int64_t incident, int64_t from, int count,
                      GError **error);
/* When the brand's history begins; 0: there is none. */
bool volume_begins(Db *db, int64_t brand, int64_t *at, GError **error);
/* What went on in the same hour of other days: all complaints, around the times of `count` steps
 * from `from`, one or more days before. Rows: bucket, people; buckets in which nobody wrote are
 * left out. */
DbResult *volume_past(Db *db, int64_t brand, int64_t from, int count, const GArray *days_before,
                      int64_t around_us, GError **error);
/* since, people, normal of the spike that is on; no row in normal times. */
DbResult *volume_spike(Db *db, int64_t brand, GError **error);
