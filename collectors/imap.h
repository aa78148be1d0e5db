/* One IMAP connection: what a mailbox channel needs of libetpan, with our errors. Uids only, and
 * nothing is marked as read. After an error that is TEMPORARY and imap_is_lost(), open it again. */
#pragma once
#include "core/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Imap Imap;
typedef struct ImapSettings {
    const char *url; /* imaps://host:port, imap://host:port (STARTTLS), with ?tls=off on loopback */
    const char *user, *password;
    const char *ca_file; /* or NULL */
} ImapSettings;

/* INVALID: not such an URL. */
bool imap_check_url(const char *url, GError **error);
/* Connects and signs in. DENIED: the certificate, or user and password, are refused. */
Imap *imap_open(const ImapSettings *settings, GError **error);
void imap_free(Imap *imap);
bool imap_is_lost(const Imap *imap);

typedef struct ImapFolder {
    uint32_t uidvalidity, uidnext, exists;
} ImapFolder;
/* Opens a folder, unless it is open. `folder` may be NULL. DENIED: there is none of that name. */
bool imap_select(Imap *imap, const char *name, ImapFolder *folder, GError **error);

/* Uids of the selected folder, ascending: from `uid` on; those the server got in the last days;
 * those with a header field that contains `value`. `announced` (may be NULL): the server told of
 * new mail while it answered, which the answer may not have in it. */
GArray *imap_search_from(Imap *imap, uint32_t uid, bool *announced, GError **error);
GArray *imap_search_since(Imap *imap, int64_t since, GError **error);
GArray *imap_search_header(Imap *imap, const char *name, const char *value, int64_t since,
                           GError **error);

typedef struct ImapItem {
    uint32_t uid, size;
    int64_t date; /* when the server got it, microseconds UTC */
} ImapItem;
/* Those that still exist. */
GArray *imap_list(Imap *imap, const uint32_t *uids, guint count, GError **error);
/* A mail as it is, or its first `most` bytes (0: all). NULL without error: it is gone. INVALID: the
 * server can not give it out. */
GBytes *imap_fetch(Imap *imap, uint32_t uid, uint32_t most, GError **error);
/* What is in a mail that is not read whole: {"attachments": [{"name","type","size"}], "text":
 * section, "head": that section's header lines}; without "text" where it has none. */
json_t *imap_structure(Imap *imap, uint32_t uid, GError **error);
GBytes *imap_fetch_section(Imap *imap, uint32_t uid, const char *section, uint32_t most,
                           GError **error);

/* Marks as read and moves; `folder` is made when it is missing. */
bool imap_move(Imap *imap, const GArray *uids, const char *folder, GError **error);
bool imap_delete(Imap *imap, const GArray *uids, GError **error);

/* Asks the server to tell of new mail. The descriptor to wait on, or -1 where it can not, or when
 * it is lost. `news`: it has told already. Any other call ends it. */
int imap_idle(Imap *imap, bool *news);
