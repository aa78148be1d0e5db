#include "core/base/error.h"

G_DEFINE_QUARK(bw - error - quark, bw_error)

gboolean bw_fail(GError **error, BwError code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (error)
        *error = g_error_new_valist(BW_ERROR, code, format, args);
    va_end(args);
    return FALSE;
}
