/* Errors that cross a module's border. The code says what the caller can do about it, so that one
 * switch in collect.c sets the back-off and one in server.c the HTTP status. */
#pragma once
#include <glib.h>

typedef enum BwError {
    BW_ERROR_TEMPORARY, /* network, 5xx, lost connection: try again later */
    BW_ERROR_LIMITED,   /* the other side asks us to slow down */
    BW_ERROR_DENIED,    /* refused: a person has to act */
    BW_ERROR_INVALID,   /* not acceptable as it is: do not try again */
    BW_ERROR_MISSING,   /* there is no such thing */
    BW_ERROR_CONFLICT,  /* somebody changed it first: read it again */
    BW_ERROR_UNKNOWN,   /* it may or may not have happened: find out before trying again */
} BwError;

#define BW_ERROR (bw_error_quark())
GQuark bw_error_quark(void);

/* Sets `error` and returns false, so that a failing function can end with `return bw_fail(...)`. */
gboolean bw_fail(GError **error, BwError code, const char *format, ...) G_GNUC_PRINTF(3, 4);
