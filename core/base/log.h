/* The log: one line per event on stderr, "time process level: text". Process loops log, libraries
 * return errors. Names and ids, never message text or secrets. */
#pragma once
#include <glib.h>

/* `name` stands in every line ("core", "collect support@...").
 * BREAKWATER_LOG=debug|info|message|warning chooses the least level, message unless set. */
void log_start(const char *name);
