/* The files of web/ui, as they are built into the program: by their path, with an ETag. Paths that
 * are the page's own (/b/..., /sign-in, /first) answer with index.html. */
#pragma once
#include <microhttpd.h>

/* The response for a path (shared, not to be destroyed) or NULL where there is none; *etag is
 * borrowed. */
struct MHD_Response *pages_find(const char *path, const char **etag);
/* What every answer carries. */
void pages_secure(struct MHD_Response *response);
