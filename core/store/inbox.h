/* Conversations as people see and sort them: the rows of the lists, the page of one, claims,
 * drafts, and the counts beside the views. The core makes the rows of the table inbox when a
 * message comes; this is what people do with them. Owns draft. */
#pragma once
#include "core/base/db.h"

/* Rows of the lists have the columns: conversation_id, state, triage, name, handle, channel_id,
 * network, channel_name, visibility, subject, snippet, lang, waiting_since, last_at, messages,
 * incident_id, incident_title, claimed_by, claimed_initials, claimed_until (null when it has run
 * out), done_at, version, person_id, last_message_id. */

/* NULL and INVALID for an unknown view. `after` is the key of the last row: time (0: from the
 * start) and conversation. `user` is who "mine" means. */
DbResult *inbox_list(Db *db, int64_t brand, const char *view, int64_t user, const int64_t after[2],
                     int limit, GError **error);
/* The key of a row of that view, for `after`. */
void inbox_key(const char *view, DbRow row, int64_t key[2]);
/* One row; MISSING when there is none. */
DbResult *inbox_find(Db *db, int64_t brand, int64_t conversation, GError **error);
/* Locks it until the transaction ends. */
bool inbox_lock(Db *db, int64_t brand, int64_t conversation, GError **error);

/* One row: waiting, mine, incidents, parked, failed, other, done, quarantine, unsorted. Exact up to
 * INBOX_COUNT_MAX, which stands for "that many or more". */
enum { INBOX_COUNT_MAX = 10000 };
DbResult *inbox_counts(Db *db, int64_t brand, int64_t user, GError **error);
/* Columns id, kind, name, address, state, polled_at, error, waiting_to_send. */
DbResult *inbox_channels(Db *db, int64_t brand, GError **error);

/* The newest `limit` messages, oldest first: id, inbound, author, text, rest, subject, sent_at,
 * received_at, permalink, visibility, lang, complaint (null: none). */
DbResult *inbox_history(Db *db, int64_t brand, int64_t conversation, int limit, GError **error);
/* network, handle, name of the person's accounts. */
DbResult *inbox_authors(Db *db, int64_t brand, int64_t person, GError **error);
/* One row: message (the newest inbound one; 0: none), newest (of both sides), visibility,
 * automatic, network, handle, channel_id, channel_name, paused, removed, max_length (of the server,
 * 0: unknown). */
DbResult *inbox_target(Db *db, int64_t brand, int64_t conversation, GError **error);

/* Each CONFLICT when the version is another by now. NULL state or triage: as it is. */
bool inbox_change(Db *db, int64_t brand, int64_t conversation, int64_t version, const char *state,
                  const char *triage, GError **error);
/* CONFLICT, with the other's initials in the sentence, when somebody else has it. */
bool inbox_claim(Db *db, int64_t brand, int64_t conversation, int64_t user, GError **error);
bool inbox_release(Db *db, int64_t brand, int64_t conversation, int64_t user, GError **error);

/* To be freed; NULL without an error when there is none. */
char *inbox_draft(Db *db, int64_t brand, int64_t conversation, int64_t user, GError **error);
/* An empty text deletes it. */
bool inbox_save_draft(Db *db, int64_t brand, int64_t conversation, int64_t user, const char *text,
                      GError **error);
