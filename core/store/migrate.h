/* The schema: sql/NNN_name.sql, built into the program, each applied once, in order. */
#pragma once
#include "core/base/db.h"

/* Brings the database up to date; waits while somebody else does the same. `applied` gets the
 * number of files. INVALID when the database is newer than the program. */
bool migrate_run(Db *db, int *applied, GError **error);
/* True when the database is exactly at the program's version; MISSING/INVALID otherwise, with a
 * sentence that says what to do. */
bool migrate_check(Db *db, GError **error);
