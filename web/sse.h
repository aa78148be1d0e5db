/* Events for the screens: one thread with its own database connection listens on `inbox` (payload
 * "<brand id> what,what") and says to every open stream of the brand what to look at, at most four
 * times a second. A stream that waits is a suspended connection; a comment line every 15 s finds
 * those that are gone, and then each stream's session is looked up again. */
#pragma once
#include "web/request.h"

typedef struct Hub Hub;
Hub *hub_start(const char *database_url);
/* Ends every stream; to be called before the daemon stops. */
void hub_stop(Hub *hub);
/* Frees it, after the daemon has stopped. */
void hub_free(Hub *hub);
int64_t hub_streams(Hub *hub);

extern const Route sse_routes[];

/* Pure: adds what a payload names to a list without repeats. When there would be more than can be
 * named, the list becomes the single word "all". */
void sse_add(GPtrArray *what, const char *names);
