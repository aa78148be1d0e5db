/* The named characters of HTML. */
#pragma once
#include <glib.h>

/* The character of that name, 0 when there is none. Names are case-sensitive. */
gunichar html_entity(const char *name, gsize length);
