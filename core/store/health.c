#include "core/store/health.h"

#define CAPPED(rows) "(select count(*) from (select 1 " rows " limit 10000) t)"

DbResult *health_queues(Db *db, GError **error)
{
    return db_query(
        db, error,
        "select b.slug," CAPPED("from intake where brand_id = b.id") " as intake_batches," CAPPED(
            "from delivery where brand_id = b.id and state = 'queued'"
            " and channel_id in (select id from channel where brand_id = b.id)") " as "
                                                                                 "deliveries_"
                                                                                 "queued," CAPPED("from delivery where brand_id = b.id and state = 'failed'") " as deliveries_failed," CAPPED(
                                                                                     "from delivery where brand_id = b.id and state = 'unknown'") " as deliveries_unknown,"
                                                                                                                                                  " coalesce((select extract(epoch from now() - min(d.at))::bigint from channel c"
                                                                                                                                                  "  cross join lateral (select send_at as at from delivery where brand_id = b.id"
                                                                                                                                                  "   and channel_id = c.id and state = 'queued' and send_at <= now()"
                                                                                                                                                  "   order by send_at limit 1) d where c.brand_id = b.id), 0) as delivery_late_s," CAPPED("from quarantine where brand_id = b.id and state = 'open'") " as quarantine_open," CAPPED(
                                                                                                                                                      "from channel_state where brand_id = b.id and state in ('failing', 'stopped')") " as channels_failing"
                                                                                                                                                                                                                                      " from brand b order by b.id");
}
