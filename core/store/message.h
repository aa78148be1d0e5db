/* Messages that come in, and our own as the network shows them. Collectors store them in batches
 * together with the channel's cursor; the core takes them from the intake. Owns the tables author,
 * conversation, message and intake. */
#pragma once
#include "core/base/db.h"

/* One message as a connector reads it from the network. The struct owns its strings; required:
 * those marked *. All text is valid UTF-8 without NUL (message_tidy sees to it). */
typedef struct Message {
    char *external_id; /* * unique on its channel */
    char *thread;    /* * what the network calls the thread; the external id where it starts one */
    char *parent;    /* external id of what it answers */
    char *network;   /* where it was written, NULL: the connector's kind (replay pretends) */
    char *author_id; /* * stable id of the author on the network; for our own: of who we talk to */
    char *author_handle; /* @petra@sand.example, petra@example.net */
    char *author_name;
    bool outbound; /* ours: a reply made elsewhere, or seen again after we sent it */
    char
        *automatic; /* why it is not a person's, or NULL: "auto-replied", "bounce", "list", "own" */
    bool direct;    /* private: only we see it */
    char *lang;     /* the network's claim */
    char *subject;
    char *body; /* * plain text, what is new in it; may be "" */
    char *rest; /* quotes and signature */
    char *permalink;
    json_t *extra;   /* what send needs; attachments [{"name","type","size"}] */
    int64_t sent_at; /* * microseconds UTC, the network's clock */
} Message;
Message *message_new(void);
void message_free(Message *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Message, message_free)
/* Replaces invalid UTF-8 and NUL, cuts body and rest at 100,000 characters (with a note in the
 * text). */
void message_tidy(Message *message);

/* Stores messages for one channel: authors and conversations are found or made, what is known
 * already is left alone, the new ones go to the core's intake. To be called inside a transaction.
 * `stored` gets the number of new ones. The writer keeps ids it has seen, so make one per
 * connection. */
typedef struct MessageWriter MessageWriter;
MessageWriter *message_writer_new(Db *db, int64_t brand, int64_t channel, const char *kind);
void message_writer_free(MessageWriter *writer);
bool message_write(MessageWriter *writer, const GPtrArray *messages, int *stored, GError **error);
/* After a rollback: forgets the ids that were made in it. */
void message_writer_reset(MessageWriter *writer);
