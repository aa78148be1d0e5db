/* Which thread a mail belongs to, found in the mail alone: a connector remembers nothing.
 *
 * A thread is named by a token, a hash of the id of its first mail. Each Message-ID that we send
 * carries the token of its thread, so an answer finds its way back by any one of our ids, even
 * where the mail program kept nothing but In-Reply-To or the customer's first mail had no id at
 * all. An answer that names none of ours goes by the first of its References. Subjects never count,
 * and a thread belongs to one author: a stranger who names our ids gets a conversation of their
 * own. */
#pragma once
#include "collectors/mime.h"

char *threading_token(const Mail *mail, const char *own);
/* Unique for the mail, not just its Message-ID: two mails that share one are two. For our own: the
 * Message-ID alone, which is what a bounce will name. */
char *threading_external_id(const Mail *mail, const char *own);
/* The Message-ID of a delivery, without <>: the same however often it is asked for. */
char *threading_message_id(int64_t brand, int64_t delivery, const char *thread, const char *own);
/* The thread in one of our Message-IDs, or NULL. */
char *threading_of_own(const char *id, const char *own);
/* What an answer's References say: the first and the last ten of the thread's ids, and the id of
 * the mail itself. */
json_t *threading_chain(const Mail *mail);
