/* Incidents: what the team answers; their members, drafts and timeline. The core opens them and
 * adds members, people name, phase, merge and correct them. Owns incident, incident_event and
 * member. */
#pragma once
#include "core/base/db.h"

/* Rows of the lists have the columns: id, title, phase, opened_by, people, told, messages,
 * new_since_told, langs, first_at, last_at, drafts, fields, draft_at, merged_into, version, samples
 * (up to three texts, each of another language), spark (people per 5 minutes, oldest first). */

/* Open ones: most people first, keys people and id; those that are over: newest first, keys 0 and
 * id. */
DbResult *incident_list(Db *db, int64_t brand, bool over, const int64_t after[2], int limit,
                        GError **error);
/* One row, and the column oldest_waiting_at; MISSING. */
DbResult *incident_find(Db *db, int64_t brand, int64_t id, GError **error);
/* Locks it until the transaction ends, so that counters and members are changed one after the
 * other. `phase` may be NULL. MISSING. */
bool incident_lock(Db *db, int64_t brand, int64_t id, char **phase, GError **error);

/* id, people, first_at, terms; most people first. */
DbResult *incident_clusters(Db *db, int64_t brand, int64_t id, GError **error);
/* message, conversation, person, author, text, lang, confidence, sent_at, permalink. */
DbResult *incident_samples(Db *db, int64_t brand, int64_t id, int limit, GError **error);
/* at, kind, who (initials), text; newest first, at most 200. `from` 0: since ever. Incident 0: the
 * beginnings and ends of all of the brand. */
DbResult *incident_timeline(Db *db, int64_t brand, int64_t id, int64_t from, GError **error);
bool incident_event(Db *db, int64_t brand, int64_t id, int64_t user, const char *kind,
                    const char *text, GError **error);

typedef struct MemberQuery {
    const char *state; /* all, waiting, told */
    int64_t from, to;  /* wrote in that time; 0: any */
    int64_t after[2];  /* time (0 unless waiting) and person of the last row */
    int limit;
} MemberQuery;
/* person_id, name, handle, channel_id, network, channel_name, lang, messages, first_at, last_at,
 * text, conversation_id, told_at. Waiting: who waits longest first. */
DbResult *incident_members(Db *db, int64_t brand, int64_t id, const MemberQuery *query,
                           GError **error);

bool incident_open(Db *db, int64_t brand, int64_t user, const char *title, int64_t *id,
                   GError **error);
/* The conversation's person becomes a member, or is one again. MISSING without such a conversation.
 */
bool incident_add(Db *db, int64_t brand, int64_t id, int64_t conversation, GError **error);
/* Stays out. MISSING when they are no member. */
bool incident_take_out(Db *db, int64_t brand, int64_t id, int64_t person, GError **error);
/* The conversation leaves its incident, if it is in one. */
bool incident_take_out_conversation(Db *db, int64_t brand, int64_t conversation, GError **error);

/* NULL title or phase: as it is. CONFLICT when the version is another. */
bool incident_change(Db *db, int64_t brand, int64_t id, int64_t user, int64_t version,
                     const char *title, const char *phase, GError **error);
bool incident_save_drafts(Db *db, int64_t brand, int64_t id, const char *drafts, const char *fields,
                          int64_t *saved_at, GError **error);
/* `id` becomes part of `into`: members, conversations and clusters go there. */
bool incident_merge(Db *db, int64_t brand, int64_t id, int64_t into, int64_t user, int64_t version,
                    GError **error);
