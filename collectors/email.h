/* A mailbox as a channel, between its parts: email.c sets up, email_poll.c reads, email_send.c
 * sends and finds out what became of it. */
#pragma once
#include "collectors/connector.h"
#include "collectors/imap.h"
#include "collectors/smtp.h"

#define SECOND G_GINT64_CONSTANT(1000000)
#define EMAIL_PROBE "probe-" /* begins the mark of a mail to ourselves */

typedef struct Email {
    ImapSettings imap_settings;
    Imap *imap; /* NULL: not connected */
    Smtp *smtp;
    char *own, *own_name, *folder, *sent_folder;
    char *key; /* of the MACs */
    int since_days, settle_s;
    int wake; /* an eventfd: readable when news are known already */
    bool idle_works;
    bool swept;          /* on this connection: copies that an earlier one could not move */
    GHashTable *trouble; /* uid -> failed fetches */
    GHashTable *probes;  /* the X-Breakwater-Id of mails to ourselves: sent, or that have come */
    int64_t latest_own;  /* the newest date of a copy that has come */
    GPtrArray *texts;    /* owns what the settings above point to */
} Email;

/* The X-Breakwater-Id of something we send: `what`, and a MAC that nobody else can make. */
char *email_own_mark(const Email *email, const char *what);
bool email_is_own_mark(const Email *email, const char *mark);
/* Connected, with the folder open. A connection that has died since the last call is made anew. */
bool email_enter_folder(Email *email, ImapFolder *folder, GError **error);

bool email_poll(void *connection, const json_t *cursor, Poll *poll, GError **error);
bool email_send(void *connection, const Outgoing *outgoing, Sent *sent, GError **error);
Found email_find_sent(void *connection, const Outgoing *outgoing, Sent *sent, GError **error);
