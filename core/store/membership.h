/* Incidents as the core keeps them: opened out of clusters, and who is in them. What people do to
 * incidents is in incident.h. Calls run in the transaction of the batch, held by the caller. */
#pragma once
#include "core/store/sorting.h"

/* Opens a suspected incident for a cluster and takes in everybody who is in it. */
bool membership_open(Db *db, int64_t brand, int64_t cluster, const char *title, int64_t at,
                     int64_t *incident, GError **error);

/* Everybody in a cluster comes into an incident that it was not part of. */
bool membership_take(Db *db, int64_t brand, int64_t incident, int64_t cluster, GError **error);

/* The batch's messages with an incident: their people become members or are counted again. Sets
 * `told` of each verdict, and clears `incident` where a person has taken the author out. */
bool membership_add(Db *db, int64_t brand, const GPtrArray *verdicts, GError **error);

/* Two clusters with an incident each became one. While both are only suspected and nobody was told,
 * the younger goes into the older; otherwise both get a line in their timeline and people decide.
 * `taken` gets the clusters (int64_t) whose messages were counted for the older one by that. */
bool membership_meet(Db *db, int64_t brand, int64_t one, int64_t other, GArray *taken,
                     GError **error);
