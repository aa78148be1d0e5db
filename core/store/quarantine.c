#include "core/store/quarantine.h"

DbResult *quarantine_list(Db *db, int64_t brand, int64_t after, int limit, GError **error)
{
    return db_query(
        db, error,
        "select q.id, q.channel_id, c.kind as network, c.name as channel_name, q.reason,"
        " q.size, q.at, q.external_id, q.attempts from quarantine q"
        " join channel c on c.brand_id = $1 and c.id = q.channel_id"
        " where q.brand_id = $1 and q.state = 'open' and q.id > $2"
        " order by q.id limit $3",
        db_int(brand), db_int(after), db_int(limit));
}

static bool missing(GError **error)
{
    return bw_fail(error, BW_ERROR_MISSING, "This is not in quarantine.");
}

DbResult *quarantine_raw(Db *db, int64_t brand, int64_t id, GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error, "select raw from quarantine where brand_id = $1 and id = $2",
                 db_int(brand), db_int(id));
    if (result && !db_rows(result)) {
        missing(error);
        return NULL;
    }
    return g_steal_pointer(&result);
}

bool quarantine_dismiss(Db *db, int64_t brand, int64_t id, const char *why, GError **error)
{
    g_autoptr(DbResult) result = db_query(
        db, error,
        "update quarantine set state = 'dismissed', why = $3 where brand_id = $1 and id = $2"
        " and state = 'open'",
        db_int(brand), db_int(id), db_text(why));
    if (!result)
        return false;
    return db_affected(result) || missing(error);
}
