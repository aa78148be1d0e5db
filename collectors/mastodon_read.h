/* Mastodon's payloads and rules without its network: what a status says as a message, what an
 * answer to it looks like, what an HTTP status means. Pure, so that recorded payloads test it. */
#pragma once
#include "core/base/error.h"
#include "core/store/message.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* "petra@sand.example", lower case; one of this server ("petra") gets its domain. NULL for none. */
char *mastodon_acct(const char *acct, const char *domain);

/* Only "public" and "unlisted" are public; what we do not know is private. */
bool mastodon_is_private(const char *visibility);
/* The same or narrower, and out of the public timelines; `direct`: it must be private. */
const char *mastodon_reply_visibility(const char *visibility, bool direct);

/* A status as a message. `thread` is NULL where it answers another one: the connector asks for the
 * root. INVALID, with a reason for a person, when it is not a status. */
Message *mastodon_read(const json_t *status, const char *domain, GError **error);

/* What the server will publish: the recipient's mention before the text, unless it is in it. In a
 * private answer other mentions are broken, as each would add a reader. */
char *mastodon_reply_text(const char *body, const char *acct, const char *domain, bool is_private);
/* Is the content of a status (HTML) what was sent as `text`? Mentions and marks do not count, as
 * servers rewrite them. */
bool mastodon_same_text(const char *content, const char *text);

/* When a limited caller may come back, microseconds UTC; 0: it was not said. Reset is an ISO time
 * (Mastodon) or epoch seconds (others), `retry_after` seconds. NULL where there is no such header.
 */
int64_t mastodon_retry_at(const char *reset, const char *retry_after, int64_t now);

/* Sets the error for an answer of that status that is no success. */
bool mastodon_fail(int status, const char *body, bool sending, GError **error);
