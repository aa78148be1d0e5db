#include "core/store/volume.h"

GArray *volume_series(Db *db, int64_t brand, int64_t incident, int64_t from, int count,
                      GError **error)
{
    int64_t to = from + count * VOLUME_STEP_US;
    g_autoptr(DbResult) result =
        incident ? db_query(db, error,
                            "select bucket, sum(people)::bigint as people from volume"
                            " where brand_id = $1 and kind = 'incident' and label = '' and key in"
                            "  (select $2::bigint union all select id from incident"
                            "   where brand_id = $1 and merged_into = $2)"
                            " and bucket >= $3 and bucket < $4 group by bucket",
                            db_int(brand), db_int(incident), db_time(from), db_time(to))
                 : db_query(db, error,
                            "select bucket, people from volume where brand_id = $1 and kind = 'all'"
                            " and key = 0 and label = '' and bucket >= $2 and bucket < $3",
                            db_int(brand), db_time(from), db_time(to));
    if (!result)
        return NULL;
    GArray *people = g_array_sized_new(FALSE, TRUE, sizeof(int64_t), (guint)count);
    g_array_set_size(people, (guint)count);
    for (int i = 0; i < db_rows(result); i++) {
        DbRow row = db_row(result, i);
        int64_t step = (db_get_time(row, "bucket") - from) / VOLUME_STEP_US;
        if (step >= 0 && step < count)
            g_array_index(people, int64_t, step) = db_get_int(row, "people");
    }
    return people;
}

bool volume_begins(Db *db, int64_t brand, int64_t *at, GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "select min(bucket) as at from volume where brand_id = $1 and kind = 'all'"
                 " and key = 0 and label = ''",
                 db_int(brand));
    if (!result)
        return false;
    *at = db_get_time(db_row(result, 0), "at");
    return true;
}

DbResult *volume_past(Db *db, int64_t brand, int64_t from, int count, const GArray *days_before,
                      int64_t around_us, GError **error)
{
    g_autoptr(GArray) starts = g_array_new(FALSE, FALSE, sizeof(int64_t));
    for (guint i = 0; i < days_before->len; i++) {
        int64_t start =
            from - around_us - g_array_index(days_before, int64_t, i) * 86400 * G_USEC_PER_SEC;
        g_array_append_val(starts, start);
    }
    int64_t seconds = (count * VOLUME_STEP_US + 2 * around_us) / G_USEC_PER_SEC;
    return db_query(
        db, error,
        "select v.bucket, v.people from unnest($2) s (at) join volume v on v.brand_id = $1"
        " and v.kind = 'all' and v.key = 0 and v.label = '' and v.bucket >= s.at"
        " and v.bucket < s.at + $3 * interval '1 second'",
        db_int(brand), db_times(starts), db_int(seconds));
}

DbResult *volume_spike(Db *db, int64_t brand, GError **error)
{
    return db_query(db, error,
                    "select started_at as since, people, normal from spike where brand_id = $1"
                    " and ended_at is null order by started_at desc limit 1",
                    db_int(brand));
}
