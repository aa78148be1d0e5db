/* The contract that every network fills in: one table of functions per kind of channel. A connector
 * knows its network's API and nothing else: it stores nothing, never sleeps and never retries. The
 * loop in collect.c drives it, and owns cursors, timing, back-off, leases, health and secrets.
 *
 * Errors say what the loop does next (core/base/error.h): TEMPORARY back off and try again; LIMITED
 * wait until retry_at; DENIED stop the channel until a person acts; INVALID and MISSING this one
 * message or delivery can not be done, go on with the next; UNKNOWN (send only) it may have gone
 * out: find_sent decides before anything is tried again. */
#pragma once
#include "core/base/error.h"
#include "core/store/channel.h"
#include "core/store/message.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Bytes that could not be read as a message: kept whole (or their beginning), with a reason. */
typedef struct Unreadable {
    char *external_id;
    char *reason; /* one sentence for a person */
    GBytes *raw;
    int64_t size; /* of the whole, in bytes */
} Unreadable;
void unreadable_free(Unreadable *unreadable);

/* What the network says later about something we sent: a bounce. */
typedef struct Receipt {
    char *external_id; /* ours, as send gave it */
    char *reason;      /* one sentence for a person */
} Receipt;
void receipt_free(Receipt *receipt);

/* A period that the network can not give back. */
typedef struct Gap {
    int64_t from, to; /* microseconds UTC; from 0: unknown */
    char *reason;
} Gap;
void gap_free(Gap *gap);

/* What one poll brings. Filled by poll; the loop stores all of it and the cursor in one
 * transaction. A poll brings at most a few hundred messages and sets `more` when there is more to
 * fetch at once; it never moves the cursor past something that is not in it. */
typedef struct Poll {
    GPtrArray *messages;   /* Message *, see core/store/message.h */
    GPtrArray *unreadable; /* Unreadable * */
    GPtrArray *receipts;   /* Receipt * */
    GPtrArray *gaps;       /* Gap * */
    json_t *cursor;        /* the new cursor, the connector's own; NULL: as it was */
    bool more;             /* poll again at once */
    int64_t next_ms;       /* not before this many milliseconds; 0: the connector's poll_ms */
    int64_t retry_at;      /* with LIMITED: microseconds UTC, 0 unknown */
} Poll;

/* One text to one recipient. All of it is borrowed. */
typedef struct Outgoing {
    int64_t brand, delivery; /* the same delivery makes the same client-side id (Message-ID, ...) */
    int attempt;             /* 1, 2, ... */
    int64_t attempt_at;      /* when this attempt began, microseconds UTC */
    bool handed;             /* find_sent: that attempt had begun to hand it over */
    const char *body;        /* plain text, rendered */
    const char *lang;        /* "de", or "-" */
    bool direct;             /* the reply must be private: never send it publicly */
    bool automatic;          /* no person pressed a button for this one */
    /* the message it answers */
    const char *to_external_id, *to_subject, *to_thread;
    const json_t *to_extra; /* what poll put into Message.extra */
    int64_t to_sent_at;
    const char *author_id, *author_handle, *author_name;
    /* To be called (with `data`) right before the first byte leaves that could make the network
     * publish it. When it returns false, give up with TEMPORARY: our own database is away. */
    bool (*handing)(void *data);
    void *data;
} Outgoing;

typedef struct Sent {
    char *external_id; /* the network's id of our message: what its poll or a bounce will name */
    char *permalink;   /* or NULL */
    int64_t retry_at;  /* with LIMITED: microseconds UTC, 0 unknown */
} Sent;
void sent_clear(Sent *sent);

typedef enum Found {
    FOUND_ERROR,   /* could not look; error is set */
    FOUND_SENT,    /* it went out; `sent` is filled */
    FOUND_NOT,     /* it certainly did not: it may be tried again */
    FOUND_NOT_YET, /* too early to say: ask again in some seconds */
    FOUND_UNCLEAR, /* can not be known: a person decides */
} Found;

/* A field that `breakwater channel add` asks for, or takes as NAME=VALUE. */
typedef struct ConnectorField {
    const char *name;
    bool secret; /* sealed; read from a file or the terminal, never from the command line */
    bool required;
    const char *standard; /* default value or NULL */
    const char *help;     /* one sentence */
} ConnectorField;

typedef struct Connector {
    const char *kind;
    const char *summary;          /* one line for `breakwater channel add --help` */
    const ConnectorField *fields; /* ends with {0} */
    int64_t poll_ms;              /* the usual pause between polls */

    /* The channel lives as long as the connection. No network is touched yet. INVALID: settings. */
    void *(*open)(const Channel *channel, GError **error);
    void (*close)(void *connection);
    /* Is it set up right? A sentence for a person ("support@acme.example, 12 messages in INBOX").
     */
    char *(*check)(void *connection, GError **error);
    /* `cursor` is NULL the first time. */
    bool (*poll)(void *connection, const json_t *cursor, Poll *poll, GError **error);
    /* After a poll: a file descriptor that becomes readable when there is something new (IMAP
     * IDLE), or -1 to wait by time alone. NULL: never. */
    int (*wait_fd)(void *connection);
    bool (*send)(void *connection, const Outgoing *outgoing, Sent *sent, GError **error);
    Found (*find_sent)(void *connection, const Outgoing *outgoing, Sent *sent, GError **error);
} Connector;

/* NULL when there is no such kind. */
const Connector *connector_find(const char *kind);
/* All of them, ends with NULL. */
extern const Connector *const connectors[];
