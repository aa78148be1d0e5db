/* The outbox as people see it: the lists of deliveries and what a person may still change about
 * one. Claiming and sending are core/store/delivery's. */
#pragma once
#include "core/base/db.h"

/* Rows have the columns: id, state, reason, person_id, name, channel_id, network, channel_name,
 * visibility, body, lang, sent_at, permalink, conversation_id, attempts, send_at, update_id. */

/* `states` empty: all; update 0: all. Oldest first; after: the last id. */
DbResult *outbox_list(Db *db, int64_t brand, int64_t update, const GPtrArray *states, int64_t after,
                      int limit, GError **error);
/* One row; MISSING. */
DbResult *outbox_find(Db *db, int64_t brand, int64_t id, GError **error);
/* The conversation's answers that are not over: queued, sending, failed, unknown; oldest first. */
DbResult *outbox_pending(Db *db, int64_t brand, int64_t conversation, GError **error);

typedef struct Reply {
    int64_t conversation, person, message, channel, user;
    const char *visibility, *lang, *body, *token;
    bool then_done;
    int64_t delay_ms;
} Reply;
/* To be called with the conversation locked (inbox_lock), after outbox_by_token found none. */
bool outbox_reply(Db *db, int64_t brand, const Reply *reply, int64_t *id, GError **error);
/* The delivery that this token made before; 0: none. INVALID when it was for another conversation.
 */
bool outbox_by_token(Db *db, int64_t brand, int64_t conversation, const char *token, int64_t *id,
                     GError **error);
/* Somebody else's answer to the conversation that is on its way: CONFLICT names them. */
bool outbox_check_alone(Db *db, int64_t brand, int64_t conversation, int64_t user, GError **error);

/* Before it is due: CONFLICT afterwards. */
bool outbox_undo(Db *db, int64_t brand, int64_t id, const char *who, GError **error);
/* What a person found out about an `unknown` one: "sent", "again" (also for a failed one) or
 * "failed". CONFLICT when it is in another state. */
bool outbox_resolve(Db *db, int64_t brand, int64_t id, const char *as, const char *who,
                    GError **error);
