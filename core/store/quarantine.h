/* What could not be read, as people see it; the collectors put it there and read it again. */
#pragma once
#include "core/base/db.h"

/* id, channel_id, network, channel_name, reason, size, at, external_id, attempts, state; oldest
 * first. */
DbResult *quarantine_list(Db *db, int64_t brand, int64_t after, int limit, GError **error);
/* raw. MISSING. */
DbResult *quarantine_raw(Db *db, int64_t brand, int64_t id, GError **error);
/* Asks the channel's collector to read it again; `channel` is whose. */
bool quarantine_retry(Db *db, int64_t brand, int64_t id, int64_t *channel, GError **error);
bool quarantine_dismiss(Db *db, int64_t brand, int64_t id, const char *why, GError **error);
