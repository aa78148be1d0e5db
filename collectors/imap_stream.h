/* The connection below libetpan: a socket with time limits, and TLS by GnuTLS whose certificate is
 * really verified, chain and name, before the first byte of IMAP is sent (libetpan's own does not).
 */
#pragma once
#include "core/base/error.h"

#include <libetpan/libetpan.h>
#include <stdbool.h>

/* Connects, without TLS yet. Close and free it with mailstream_close, as any other. */
mailstream *imap_stream_open(const char *host, guint16 port, GError **error);
/* TLS from here on. `ca_file`: the only authorities to trust; NULL: the system's. DENIED: the
 * server's certificate is not for `host`, not signed by one of them, or not valid now. */
bool imap_stream_start_tls(mailstream *stream, const char *host, const char *ca_file,
                           GError **error);
/* The next command may take so long altogether. */
void imap_stream_set_deadline(mailstream *stream, int seconds);
/* Something has been read from the socket that nobody has taken yet: poll() would not tell. */
bool imap_stream_is_pending(mailstream *stream);
int imap_stream_fd(mailstream *stream);
/* What went wrong last, for a person; never NULL. */
const char *imap_stream_problem(mailstream *stream);
