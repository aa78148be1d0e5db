/* Handing one mail to a server by SMTP (libcurl), with the answers sorted by what may be done next.
 * TLS is required, but for a server on this machine when the URL says so. */
#pragma once
#include "core/base/error.h"

#include <stdbool.h>

typedef struct Smtp Smtp;
typedef struct SmtpSettings {
    const char *url; /* smtps://host:port, smtp://host:port (STARTTLS), with ?tls=off on loopback */
    const char *user, *password;
    const char *ca_file; /* or NULL */
} SmtpSettings;

bool smtp_check_url(const char *url, GError **error);
/* INVALID: settings. Nothing is connected yet. */
Smtp *smtp_new(const SmtpSettings *settings, GError **error);
void smtp_free(Smtp *smtp);

/* May a mail be sent to it? One address, nothing that could be read as a command. */
bool smtp_is_address(const char *text);

typedef struct SmtpMail {
    const char *from;
    const char *own; /* the second recipient: our own mailbox, or NULL */
    const char *to;
    GBytes *bytes; /* the mail, with CRLF line ends */
    /* Called right before the first byte of the mail leaves; false: give up. */
    bool (*handing)(void *data);
    void *data;
} SmtpMail;
/* TEMPORARY, LIMITED, INVALID and DENIED: it certainly did not go out. UNKNOWN: the last byte had
 * left when the connection broke. */
bool smtp_send(Smtp *smtp, const SmtpMail *mail, GError **error);
/* Connects and signs in, sends nothing. */
bool smtp_check(Smtp *smtp, GError **error);
