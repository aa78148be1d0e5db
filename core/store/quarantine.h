/* What could not be read, as people see it; the collectors put it there. */
#pragma once
#include "core/base/db.h"

/* id, channel_id, network, channel_name, reason, size, at, external_id, attempts; oldest first. */
DbResult *quarantine_list(Db *db, int64_t brand, int64_t after, int limit, GError **error);
/* raw. MISSING. */
DbResult *quarantine_raw(Db *db, int64_t brand, int64_t id, GError **error);
/* With the reason of who does it. MISSING when it is dismissed already. */
bool quarantine_dismiss(Db *db, int64_t brand, int64_t id, const char *why, GError **error);
