/* Updates: one status message of an incident, and its deliveries to everybody in it. Owns
 * incident_update; the deliveries are written together with it, in one transaction. */
#pragma once
#include "core/base/db.h"

/* Who an update would go to, in no order that means something: the incident's people as of a time.
 * Columns: person_id, conversation_id, message_id, channel_id, network, channel_name, max_length,
 * visibility, lang, handle, name, skip (why nothing goes to them, or null). `only_new` leaves out
 * who was told something already, is about to be or may have been. */
DbResult *update_recipients(Db *db, int64_t brand, int64_t incident, int64_t as_of, bool only_new,
                            GError **error);
/* The database's clock, cut to milliseconds, as it is shown and sent back. */
bool update_now(Db *db, int64_t *now, GError **error);

/* The outbox rows of an update, as columns of the same length. */
typedef struct UpdateRows {
    GArray *person, *conversation, *message, *channel; /* int64_t */
    GArray *direct;                                    /* bool */
    GPtrArray *lang, *body;                            /* const char *, borrowed */
} UpdateRows;
void update_rows_init(UpdateRows *rows);
void update_rows_clear(UpdateRows *rows);

typedef struct Update {
    int64_t incident, user, delay_ms;
    const char *texts, *fields; /* JSON */
    const char *fallback, *token;
} Update;
/* The id of the update that this token made before; 0: none. INVALID when that was for another
 * incident. */
bool update_by_token(Db *db, int64_t brand, int64_t incident, const char *token, int64_t *id,
                     GError **error);
/* CONFLICT when another update of this incident is still going out. */
bool update_check_alone(Db *db, int64_t brand, int64_t incident, GError **error);
/* To be called with the incident locked (incident_lock). */
bool update_add(Db *db, int64_t brand, const Update *update, const UpdateRows *rows, int64_t *id,
                GError **error);

/* Columns: id, incident_id, created_at, who (initials), texts, fields, recipients, send_at,
 * stopped_at, is_due, sent, queued (with sending), failed, skipped, unknown. Update 0: all of the
 * incident, newest first. MISSING for an update that is not there. */
DbResult *update_list(Db *db, int64_t brand, int64_t incident, int64_t update, GError **error);

/* From now on nothing of it is claimed (core/store/delivery). `before_due`: only while it can still
 * be undone, CONFLICT afterwards. */
bool update_stop(Db *db, int64_t brand, int64_t update, bool before_due, GError **error);
/* Skips up to `limit` of what is queued, what would go out first before the rest; `skipped` gets
 * how many. */
bool update_skip(Db *db, int64_t brand, int64_t update, const char *reason, int limit, int *skipped,
                 GError **error);
