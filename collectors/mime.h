/* The bytes of a mail to a struct: sender, threading ids, text, a list of what is attached, and
 * whether a machine wrote it. Pure: no network, and nothing that a mail points to is fetched. GMime
 * does the parsing; whatever it makes of broken input comes out as valid UTF-8. */
#pragma once
#include "core/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Mail {
    char *message_id;       /* without its <>, or NULL */
    GPtrArray *references;  /* char *, oldest first: References, then In-Reply-To, each once */
    char *parent;           /* what it answers, or NULL */
    char *from, *from_name; /* the writer's address in lower case; the name or NULL */
    char *reply_to;         /* where answers go, when that is not `from` */
    GPtrArray *to;          /* char *, To and Cc in lower case */
    bool own;               /* we are the sender */
    char *subject;          /* or NULL */
    int64_t date;           /* the sender's clock, microseconds UTC; 0 unknown */
    char *text;             /* plain, with "\n" line ends; "" when there is none */
    json_t *attachments;    /* [{"name","type","size"}] */
    char *automatic; /* "auto-replied", "auto-generated", "bounce", "receipt", "list", "spam", or
                        NULL */
    char *breakwater_id; /* the X-Breakwater-Id field, or NULL */
    char *digest; /* the same for the same mail however it was encoded on its way; 16 hex digits */
    /* of a bounce: what came back, to whom it was to go, and why; NULL where it does not say */
    bool failed; /* for good, not just late */
    char *failed_id, *failed_to, *failed_reason;
} Mail;
void mail_free(Mail *mail);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Mail, mail_free)

/* `own` is our address. INVALID, with a reason for a person, where no message can be made of it. */
Mail *mime_read(const void *bytes, size_t size, const char *own, GError **error);

/* Bytes in a charset (NULL: it does not say) to valid UTF-8. Charsets that mails get wrong are
 * mended: UTF-8 that is called Latin-1, Windows characters in ISO 8859, raw 8-bit text without a
 * name. */
char *mime_to_utf8(const char *bytes, size_t size, const char *charset);
/* RFC 3676: joins the lines that the sender's program wrapped. */
char *mime_unflow(const char *text, bool delsp);
/* The ids in a header field: "<a@b> <c@d>" without their <>. Adds to `ids`. */
void mime_read_ids(const char *value, GPtrArray *ids);
