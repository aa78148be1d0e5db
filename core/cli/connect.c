#include "core/cli/connect.h"

#include "core/base/config.h"
#include "core/cli/local.h"
#include "core/store/migrate.h"

gboolean connect_option(G_GNUC_UNUSED const char *name, const char *value,
                        G_GNUC_UNUSED gpointer data, G_GNUC_UNUSED GError **error)
{
    config_set("database_url", value);
    return TRUE;
}

Db *connect_admin(GError **error)
{
    local_adopt();
    const char *url = config_database_url(error);
    g_autoptr(Db) db = url ? db_open(url, NULL, error) : NULL;
    if (!db || !migrate_check(db, error))
        return NULL;
    return g_steal_pointer(&db);
}

Db *connect_brand(const char *slug, Brand **brand, GError **error)
{
    g_autoptr(Db) db = connect_admin(error);
    if (!db)
        return NULL;
    *brand = brand_find(db, slug, error);
    return *brand ? g_steal_pointer(&db) : NULL;
}
