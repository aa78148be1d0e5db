#include "core/store/migrate.h"

#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "/breakwater/sql"

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **files(void)
{
    char **names = g_resources_enumerate_children(FOLDER, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
    g_assert(names);
    qsort(names, g_strv_length(names), sizeof *names, by_name);
    return names;
}

static int newest(char **names)
{
    guint count = g_strv_length(names);
    return count ? atoi(names[count - 1]) : 0;
}

/* -1 when there is no schema at all. */
static bool version_of(Db *db, int *version, GError **error)
{
    g_autoptr(DbResult) there =
        db_query(db, error, "select to_regclass('public.migration') is not null as there");
    if (!there)
        return false;
    *version = -1;
    if (!db_get_bool(db_row(there, 0), "there"))
        return true;
    g_autoptr(DbResult) result =
        db_query(db, error, "select coalesce(max(number), -1) as number from migration");
    if (!result)
        return false;
    *version = (int)db_get_int(db_row(result, 0), "number");
    return true;
}

static bool too_new(int version, int known, GError **error)
{
    return bw_fail(
        error, BW_ERROR_INVALID,
        "the database is at schema %d and this program knows %d: use the newer program that made it",
        version, known);
}

static bool apply(Db *db, const char *name, GError **error)
{
    g_autofree char *path = g_strconcat(FOLDER "/", name, NULL);
    g_autoptr(GBytes) bytes = g_resources_lookup_data(path, G_RESOURCE_LOOKUP_FLAGS_NONE, error);
    if (!bytes)
        return false;
    g_autofree char *sql = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    if (!db_begin(db, error))
        return false;
    if (db_script(db, sql, error) &&
        db_run(db, error, "insert into migration (number, name) values ($1, $2)",
               db_int(atoi(name)), db_text(name)) &&
        db_commit(db, error))
        return true;
    db_rollback(db);
    g_prefix_error(error, "%s: ", name);
    return false;
}

bool migrate_run(Db *db, int *applied, GError **error)
{
    g_auto(GStrv) names = files();
    int version;
    *applied = 0;
    if (!db_run(db, error, "select pg_advisory_lock($1)", db_int(DB_LOCK_MIGRATE)))
        return false;
    bool good =
        db_script(
            db,
            "create table if not exists migration (number int primary key, name text not null,"
            " applied_at timestamptz not null default now());"
            "grant select on migration to public",
            error) &&
        version_of(db, &version, error);
    if (good && version > newest(names))
        good = too_new(version, newest(names), error);
    for (char **name = names; good && *name; name++)
        if (atoi(*name) > version) {
            good = apply(db, *name, error);
            *applied += good;
        }
    db_run(db, NULL, "select pg_advisory_unlock($1)", db_int(DB_LOCK_MIGRATE));
    return good;
}

bool migrate_check(Db *db, GError **error)
{
    g_auto(GStrv) names = files();
    int version;
    if (!version_of(db, &version, error))
        return false;
    if (version > newest(names))
        return too_new(version, newest(names), error);
    if (version < newest(names))
        return bw_fail(
            error, BW_ERROR_MISSING,
            "the database is at schema %d, this program needs %d: run 'breakwater migrate'",
            version, newest(names));
    return true;
}
