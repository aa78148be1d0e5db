/* The demo brand: a recorded outage day that plays by itself. */
#pragma once
#include "core/base/db.h"

/* Makes the brand `demo` with its replay channel unless there is one; answers go to `out`. `made`
 * tells whether it did. */
bool demo_make(Db *db, const char *out, bool *made, GError **error);
