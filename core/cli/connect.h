/* What the commands that administer a database share. */
#pragma once
#include "core/base/db.h"
#include "core/store/brand.h"

/* --database-url, as a row of a command's options. */
#define CONNECT_OPTION                                                                             \
    {                                                                                              \
        "database-url", 0, 0, G_OPTION_ARG_CALLBACK, (void *)connect_option,                       \
            "PostgreSQL's address (else BREAKWATER_DATABASE_URL, or that of 'up')", "URL"          \
    }
gboolean connect_option(const char *name, const char *value, gpointer data, GError **error);

/* The database of the option, the environment, or of `breakwater up` in ./var or
 * /var/lib/breakwater, as the owner of the tables; its schema must be current. */
Db *connect_admin(GError **error);
/* The same and the brand named `slug` (NULL: the only one). */
Db *connect_brand(const char *slug, Brand **brand, GError **error);
