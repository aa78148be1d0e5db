/* Watches a brand's volume: is it a spike? Feeds closed five-minute steps to the engine and keeps
 * the table spike; a step that is far above normal long before it is over does not wait for its
 * end. */
#pragma once
#include "core/base/db.h"

typedef struct Watch Watch;
Watch *watch_new(int64_t brand);
void watch_free(Watch *watch);

/* To be called now and then, in no transaction; `now` is microseconds UTC. `changed`: a spike began
 * or ended. */
bool watch_look(Watch *watch, Db *db, int64_t now, bool *changed, GError **error);
