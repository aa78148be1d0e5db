#include "core/store/channel.h"

#include "core/base/secret.h"

void channel_free(Channel *channel)
{
    if (!channel)
        return;
    g_free(channel->kind);
    g_free(channel->name);
    g_free(channel->address);
    json_decref(channel->settings);
    json_decref(channel->secret);
    g_free(channel);
}

const char *channel_text(const Channel *channel, const char *name)
{
    json_t *value = json_object_get(channel->settings, name);
    if (!value)
        value = json_object_get(channel->secret, name);
    return json_string_value(value);
}

#define CHANNEL_COLUMNS "brand_id, id, kind, name, address, settings, paused"
static Channel *channel_from_row(DbRow row)
{
    Channel *channel = g_new0(Channel, 1);
    channel->brand = db_get_int(row, "brand_id");
    channel->id = db_get_int(row, "id");
    channel->kind = g_strdup(db_get_text(row, "kind"));
    channel->name = g_strdup(db_get_text(row, "name"));
    channel->address = g_strdup(db_get_text(row, "address"));
    channel->settings = db_get_json(row, "settings");
    channel->paused = db_get_bool(row, "paused");
    return channel;
}

static char *context_of(int64_t brand, int64_t id)
{
    return g_strdup_printf("channel %" G_GINT64_FORMAT "/%" G_GINT64_FORMAT, brand, id);
}

static Channel *with_secret(DbRow row, GError **error)
{
    g_autoptr(Channel) channel = channel_from_row(row);
    size_t size;
    const void *sealed = db_get_bytes(row, "secret", &size);
    if (sealed) {
        g_autofree char *context = context_of(channel->brand, channel->id);
        g_autofree char *text = secret_open(sealed, size, context, error);
        if (!text)
            return NULL;
        channel->secret = json_loads(text, 0, NULL);
    }
    return g_steal_pointer(&channel);
}

Channel *channel_find(Db *db, int64_t brand, const char *name, GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "select " CHANNEL_COLUMNS ", secret from channel"
                 " where brand_id = $1 and name = $2 and removed_at is null",
                 db_int(brand), db_text(name));
    if (!result)
        return NULL;
    if (db_rows(result) == 0) {
        bw_fail(error, BW_ERROR_MISSING, "there is no channel '%s' (see 'breakwater channel list')",
                name);
        return NULL;
    }
    return with_secret(db_row(result, 0), error);
}

Channel *channel_load(Db *db, int64_t brand, int64_t id, GError **error)
{
    g_autoptr(DbResult) result = db_query(db, error,
                                          "select " CHANNEL_COLUMNS ", secret from channel"
                                          " where brand_id = $1 and id = $2 and removed_at is null",
                                          db_int(brand), db_int(id));
    if (!result)
        return NULL;
    if (db_rows(result) == 0) {
        bw_fail(error, BW_ERROR_MISSING, "the channel has been removed");
        return NULL;
    }
    return with_secret(db_row(result, 0), error);
}

GPtrArray *channel_list(Db *db, int64_t brand, GError **error)
{
    g_autoptr(DbResult) result = db_query(db, error,
                                          "select " CHANNEL_COLUMNS " from channel"
                                          " where ($1 = 0 or brand_id = $1) and removed_at is null"
                                          " order by brand_id, id",
                                          db_int(brand));
    if (!result)
        return NULL;
    GPtrArray *channels = g_ptr_array_new_with_free_func((GDestroyNotify)channel_free);
    for (int i = 0; i < db_rows(result); i++)
        g_ptr_array_add(channels, channel_from_row(db_row(result, i)));
    return channels;
}

static bool seal(Db *db, Channel *channel, GError **error)
{
    g_autofree char *text = json_dumps(channel->secret, JSON_COMPACT);
    g_autofree char *context = context_of(channel->brand, channel->id);
    g_autoptr(GBytes) sealed = secret_seal(text, context, error);
    if (!sealed)
        return false;
    return db_run(db, error, "update channel set secret = $3 where brand_id = $1 and id = $2",
                  db_int(channel->brand), db_int(channel->id),
                  db_bytes(g_bytes_get_data(sealed, NULL), g_bytes_get_size(sealed)));
}

static bool add(Db *db, Channel *channel, GError **error)
{
    g_autofree char *settings = json_dumps(channel->settings, JSON_COMPACT);
    g_autoptr(DbResult) result =
        db_query(db, error,
                 "insert into channel (brand_id, kind, name, address, settings)"
                 " values ($1, $2, $3, $4, $5) returning id",
                 db_int(channel->brand), db_text(channel->kind), db_text(channel->name),
                 db_text(channel->address ? channel->address : ""), db_json(settings));
    if (!result)
        return false;
    channel->id = db_get_int(db_row(result, 0), "id");
    return (!json_object_size(channel->secret) || seal(db, channel, error)) &&
           db_run(db, error, "insert into channel_state (brand_id, channel_id) values ($1, $2)",
                  db_int(channel->brand), db_int(channel->id));
}

bool channel_add(Db *db, Channel *channel, GError **error)
{
    g_autoptr(GError) problem = NULL;
    if (!db_begin(db, error))
        return false;
    if (add(db, channel, &problem) && db_commit(db, &problem))
        return true;
    db_rollback(db);
    if (g_error_matches(problem, BW_ERROR, BW_ERROR_CONFLICT))
        return bw_fail(error, BW_ERROR_CONFLICT, "there is a channel '%s' already", channel->name);
    g_propagate_error(error, g_steal_pointer(&problem));
    return false;
}

bool channel_pause(Db *db, int64_t brand, int64_t id, bool paused, GError **error)
{
    return db_run(db, error, "update channel set paused = $3 where brand_id = $1 and id = $2",
                  db_int(brand), db_int(id), db_bool(paused));
}

/* One statement: of a row that its collector moves meanwhile it sees where it went. */
static bool end_deliveries(Db *db, int64_t brand, int64_t id, GError **error)
{
    return db_run(db, error,
                  "update delivery set state = case state when 'queued' then 'skipped'"
                  "  else 'unknown' end,"
                  " reason = case state when 'queued' then 'the channel was removed'"
                  "  else 'the channel was removed while this was going out:"
                  " say whether it was sent' end,"
                  " finished_at = case state when 'queued' then now() end,"
                  " send_at = case state when 'queued' then send_at else 'infinity' end"
                  " where brand_id = $1 and channel_id = $2"
                  " and state in ('queued', 'sending', 'unknown')",
                  db_int(brand), db_int(id));
}

bool channel_remove(Db *db, int64_t brand, int64_t id, GError **error)
{
    if (!db_begin(db, error))
        return false;
    if (db_run(db, error,
               "update channel set removed_at = now(), secret = null"
               " where brand_id = $1 and id = $2",
               db_int(brand), db_int(id)) &&
        end_deliveries(db, brand, id, error) && db_commit(db, error))
        return true;
    db_rollback(db);
    return false;
}

bool channel_cursor(Db *db, int64_t brand, int64_t id, json_t **cursor, GError **error)
{
    g_autoptr(DbResult) result = db_query(
        db, error, "select cursor from channel_state where brand_id = $1 and channel_id = $2",
        db_int(brand), db_int(id));
    if (!result)
        return false;
    *cursor = db_rows(result) ? db_get_json(db_row(result, 0), "cursor") : NULL;
    return true;
}

bool channel_save_cursor(Db *db, int64_t brand, int64_t id, const json_t *cursor, GError **error)
{
    g_autofree char *text = json_dumps(cursor, JSON_COMPACT | JSON_ENCODE_ANY);
    return db_run(db, error,
                  "update channel_state set cursor = $3 where brand_id = $1 and channel_id = $2",
                  db_int(brand), db_int(id), db_json(text));
}

bool channel_save_state(Db *db, int64_t brand, int64_t id, const char *state, const char *problem,
                        int failures, int64_t next_at, GError **error)
{
    return db_run(db, error,
                  "update channel_state set state = $3, error = $4, failures = $5, next_at = $6,"
                  " polled_at = case when $3 = 'ok' then clock_timestamp() else polled_at end"
                  " where brand_id = $1 and channel_id = $2",
                  db_int(brand), db_int(id), db_text(state), db_text(problem), db_int(failures),
                  db_time(next_at));
}

enum { MOST_RAW = 1 << 20 };

bool channel_quarantine(Db *db, int64_t brand, int64_t id, const char *external_id,
                        const char *reason, GBytes *raw, int64_t size, GError **error)
{
    gsize length;
    const void *bytes = g_bytes_get_data(raw, &length);
    return db_run(db, error,
                  "insert into quarantine (brand_id, channel_id, external_id, reason, raw, size)"
                  " values ($1, $2, $3, $4, $5, $6)"
                  " on conflict (brand_id, channel_id, external_id) do update"
                  "  set attempts = quarantine.attempts + 1, reason = excluded.reason",
                  db_int(brand), db_int(id), db_text(external_id), db_text(reason),
                  db_bytes(length ? bytes : "", MIN(length, MOST_RAW)), db_int(size));
}

bool channel_add_gap(Db *db, int64_t brand, int64_t id, int64_t from, int64_t to,
                     const char *reason, GError **error)
{
    return db_run(db, error,
                  "insert into gap (brand_id, channel_id, from_at, to_at, reason)"
                  " values ($1, $2, $3, $4, $5)",
                  db_int(brand), db_int(id), db_time(from), db_time(to), db_text(reason));
}
