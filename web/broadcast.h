/* One message to everybody in an incident: who gets it, what exactly, how long it is on their
 * network, and who is left out and why. The preview shows it and the sending writes it: the same
 * computation. */
#pragma once
#include "core/store/update.h"
#include "web/compose.h"
#include "web/request.h"

typedef struct Broadcast {
    int64_t as_of;
    int64_t recipients, too_long;
    GPtrArray *blocked; /* char *, sentences */
    UpdateRows rows;
    GArray *channels; /* int64_t: those that send */
    /* what the above borrows from */
    DbResult *people;
    GHashTable *filled; /* language -> text with its fields */
    GStringChunk *personal;
    GPtrArray *groups;    /* Group * */
    GHashTable *skipped;  /* reason -> people */
    GPtrArray *languages; /* Language * */
} Broadcast;

/* `as_of` 0: now. */
Broadcast *broadcast_prepare(Request *request, int64_t incident, const Draft *draft, int64_t as_of,
                             GError **error);
void broadcast_free(Broadcast *broadcast);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Broadcast, broadcast_free)
json_t *broadcast_json(const Broadcast *broadcast);
