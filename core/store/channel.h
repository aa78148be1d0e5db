/* Channels: one account on one network. `breakwater channel` writes them, the collector of the
 * channel keeps its state. Owns the tables channel, channel_state, gap and quarantine. */
#pragma once
#include "core/base/db.h"

typedef struct Channel {
    int64_t brand, id;
    char *kind, *name, *address;
    json_t *settings; /* object */
    json_t *secret;   /* object, opened; NULL where it was not asked for */
    bool paused;
} Channel;
void channel_free(Channel *channel);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Channel, channel_free)

/* A setting, or a secret of that name, or NULL. Borrowed. */
const char *channel_text(const Channel *channel, const char *name);

/* With secrets (sealed with the key of core/base/secret.h). MISSING when there is none. */
Channel *channel_find(Db *db, int64_t brand, const char *name, GError **error);
Channel *channel_load(Db *db, int64_t brand, int64_t id, GError **error);
/* All that are not removed, of all brands (brand 0) or one, without secrets. */
GPtrArray *channel_list(Db *db, int64_t brand, GError **error);
/* CONFLICT when the name is taken. Sets channel->id. */
bool channel_add(Db *db, Channel *channel, GError **error);
bool channel_pause(Db *db, int64_t brand, int64_t id, bool paused, GError **error);
/* Skips what is queued; what may have gone out waits for a person's word. */
bool channel_remove(Db *db, int64_t brand, int64_t id, GError **error);

/* The cursor, a new reference, or NULL the first time. False when it failed. */
bool channel_cursor(Db *db, int64_t brand, int64_t id, json_t **cursor, GError **error);
bool channel_save_cursor(Db *db, int64_t brand, int64_t id, const json_t *cursor, GError **error);
/* How it goes: state is "ok", "failing" or "stopped"; next_at microseconds UTC. */
bool channel_save_state(Db *db, int64_t brand, int64_t id, const char *state, const char *problem,
                        int failures, int64_t next_at, GError **error);

/* What could not be read, with its bytes (at most the first 1 MiB is kept). The same again counts
 * an attempt. */
bool channel_quarantine(Db *db, int64_t brand, int64_t id, const char *external_id,
                        const char *reason, GBytes *raw, int64_t size, GError **error);
/* A period that the network could not give back; from 0: unknown. */
bool channel_add_gap(Db *db, int64_t brand, int64_t id, int64_t from, int64_t to,
                     const char *reason, GError **error);
