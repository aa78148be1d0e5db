/* Which mails a machine wrote, and what a bounce says. Header fields first, since they are meant
 * for this; subjects only in the few fixed forms that old programs send without them. */
#pragma once
#include "collectors/mime.h"

#include <gmime/gmime.h>

/* Sets mail->automatic and, for a bounce, mail->failed_...; the rest of `mail` is read already. */
void automatic_read(Mail *mail, GMimeMessage *message, const char *own);
/* noreply@, do-not-reply@ ...: nobody reads there. */
bool automatic_is_noreply(const char *address);
