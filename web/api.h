/* The routes of the API, one file per resource (api_*.c), and what several of them write. */
#pragma once
#include "web/request.h"

extern const Route overview_routes[];
extern const Route incident_routes[];
extern const Route update_routes[];
extern const Route conversation_routes[];
extern const Route quarantine_routes[];
extern const Route health_routes[];
/* The one call that is answered without the database. */
json_t *health_live(Request *request, GError **error);

/* Tells the screens what changed, when the transaction is committed: "conversation:55,overview". */
bool api_notify(Request *request, GError **error, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* Tells the collectors of these channels (int64_t) that there is something to send. */
bool api_wake_channels(Request *request, const GArray *channels, GError **error);

/* One row of these queries as JSON; the headers of core/store name the columns. */
json_t *delivery_json(DbRow row);
json_t *conversation_json(Request *request, DbRow row);
json_t *channel_json(DbRow row); /* columns channel_id, network, channel_name */
/* An update with its counts; NULL and MISSING where there is none. */
json_t *update_json(Request *request, int64_t id, GError **error);
/* All of an incident, newest first. */
json_t *updates_json(Request *request, int64_t incident, GError **error);
json_t *incident_show(Request *request, int64_t id, GError **error);
/* The conversation with all that its page shows. */
json_t *conversation_show(Request *request, int64_t id, GError **error);
