/* How full the queues are, for monitoring. Cheap: each figure is capped at 10,000. */
#pragma once
#include "core/base/db.h"

/* One row per brand: slug, intake_batches, deliveries_queued, deliveries_failed,
 * deliveries_unknown, delivery_late_s (how long the oldest due one has waited), quarantine_open,
 * channels_failing. */
DbResult *health_queues(Db *db, GError **error);
