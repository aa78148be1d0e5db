#include "core/store/brand.h"

void brand_free(Brand *brand)
{
    if (!brand)
        return;
    g_free(brand->slug);
    g_free(brand->name);
    g_free(brand);
}

#define BRAND_COLUMNS "id, slug, name, is_demo"
static Brand *brand_from_row(DbRow row)
{
    Brand *brand = g_new0(Brand, 1);
    brand->id = db_get_int(row, "id");
    brand->slug = g_strdup(db_get_text(row, "slug"));
    brand->name = g_strdup(db_get_text(row, "name"));
    brand->is_demo = db_get_bool(row, "is_demo");
    return brand;
}

GPtrArray *brand_list(Db *db, GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error, "select " BRAND_COLUMNS " from brand order by is_demo, id");
    if (!result)
        return NULL;
    GPtrArray *brands = g_ptr_array_new_with_free_func((GDestroyNotify)brand_free);
    for (int i = 0; i < db_rows(result); i++)
        g_ptr_array_add(brands, brand_from_row(db_row(result, i)));
    return brands;
}

Brand *brand_find(Db *db, const char *slug, GError **error)
{
    g_autoptr(GPtrArray) brands = brand_list(db, error);
    if (!brands)
        return NULL;
    g_autoptr(GString) names = g_string_new("");
    int found = -1, real = 0;
    for (guint i = 0; i < brands->len; i++) {
        Brand *brand = brands->pdata[i];
        g_string_append_printf(names, "%s%s", i ? ", " : "", brand->slug);
        real += !brand->is_demo;
        if (slug ? g_str_equal(brand->slug, slug) : found < 0)
            found = (int)i;
    }
    if (!slug && real > 1) {
        bw_fail(error, BW_ERROR_MISSING, "which brand? give --brand with one of: %s", names->str);
        return NULL;
    }
    if (found < 0) {
        if (brands->len)
            bw_fail(error, BW_ERROR_MISSING, "there is no brand '%s', only: %s", slug ? slug : "",
                    names->str);
        else
            bw_fail(error, BW_ERROR_MISSING,
                    "there is no brand yet: make one with 'breakwater brand add SLUG NAME'");
        return NULL;
    }
    return g_ptr_array_steal_index(brands, (guint)found);
}

Brand *brand_add(Db *db, const char *slug, const char *name, bool demo, GError **error)
{
    g_autoptr(DbResult) result = db_query(
        db, error,
        "with made as (insert into brand (slug, name, is_demo) values ($1, $2, $3) returning *),"
        " admins as (insert into user_role (brand_id, user_id, role)"
        "  select made.id, u.user_id, 'admin'"
        "  from made, (select distinct user_id from user_role where role = 'admin') u)"
        " select " BRAND_COLUMNS " from made",
        db_text(slug), db_text(name), db_bool(demo));
    return result ? brand_from_row(db_row(result, 0)) : NULL;
}

bool brand_remove(Db *db, int64_t brand, GError **error)
{
    static const char *const tables[] = {
        "draft",        "delivery_attempt",
        "delivery",     "incident_update",
        "engine_state", "spike",
        "volume",       "inbox",
        "member",       "incident_event",
        "incident",     "cluster",
        "assignment",   "intake",
        "message",      "conversation",
        "author",       "quarantine",
        "gap",          "channel_state",
        "channel",      "audit",
        "user_role",
    };
    if (!db_begin(db, error))
        return false;
    bool good = true;
    for (gsize i = 0; good && i < G_N_ELEMENTS(tables); i++) {
        g_autofree char *sql = g_strdup_printf("delete from %s where brand_id = $1", tables[i]);
        good = db_run(db, error, sql, db_int(brand));
    }
    good = good && db_run(db, error, "delete from brand where id = $1", db_int(brand)) &&
           db_commit(db, error);
    if (!good)
        db_rollback(db);
    return good;
}
