/* Deliveries, the outbox: one text on its way to one recipient. The web and the core write them,
 * the collector of the channel claims, sends and finishes them. Owns delivery and delivery_attempt.
 */
#pragma once
#include "core/base/db.h"

typedef struct Delivery {
    int64_t brand, id, channel, conversation, person, message;
    int64_t update; /* 0: a single reply */
    int attempts;
    bool direct, automatic;
    char *state, *lang, *body;
    int64_t attempt_at; /* the last attempt's beginning */
    bool handed;        /* ... it had begun to hand over */
    /* the message it answers, and its author */
    char *to_external_id, *to_subject, *to_thread;
    json_t *to_extra;
    int64_t to_sent_at;
    char *author_id, *author_handle, *author_name;
} Delivery;
void delivery_free(Delivery *delivery);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Delivery, delivery_free)

/* Takes up to `limit` due ones of a channel: their state becomes `sending`, with an attempt row,
 * before anything leaves. Commits by itself. */
GPtrArray *delivery_claim(Db *db, int64_t brand, int64_t channel, int limit, GError **error);
/* Those of the channel whose fate is open (`unknown`, or `sending` by a process that is gone) and
 * whose time to look again has come. They become `unknown`. Call only while holding the channel's
 * lock. */
GPtrArray *delivery_open_questions(Db *db, int64_t brand, int64_t channel, bool at_start, int limit,
                                   GError **error);
/* When the next one is due, microseconds UTC; 0: none. */
bool delivery_next_at(Db *db, int64_t brand, int64_t channel, int64_t *at, GError **error);

bool delivery_handing(Db *db, const Delivery *delivery, GError **error);
/* Sent: also stores our message in the conversation, and marks the member as told. */
bool delivery_sent(Db *db, const Delivery *delivery, const char *external_id, const char *permalink,
                   GError **error);
/* state: "failed" (reason for a person), "unknown" (ask again at send_at; 0: a person decides),
 * "queued" (try again at send_at). */
bool delivery_ended(Db *db, const Delivery *delivery, const char *state, const char *reason,
                    int64_t send_at, GError **error);
/* Claimed, but not tried after all: back in the queue until send_at, without an attempt. */
bool delivery_release(Db *db, const Delivery *delivery, int64_t send_at, GError **error);
/* A bounce: a sent delivery of this channel with that external id becomes failed. */
bool delivery_bounced(Db *db, int64_t brand, int64_t channel, const char *external_id,
                      const char *reason, GError **error);
