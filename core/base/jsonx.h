/* JSON from outside: read tolerantly by path, and the times in it. A path is a list of keys up to
 * NULL; a key of an array is its index ("0"). A step that is missing or of another kind makes the
 * whole look-up NULL, 0 or false, so that the finished struct can be checked once. */
#pragma once
#include "core/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

/* A whole text as JSON; invalid UTF-8 and halves of surrogate pairs in it become U+FFFD, as one bad
 * string must not hide the rest. INVALID when it is none. `size` -1: up to the NUL. */
json_t *jsonx_parse(const char *text, gssize size, GError **error);

/* Borrowed from `json`. */
json_t *jsonx_at(const json_t *json, ...) G_GNUC_NULL_TERMINATED;
const char *jsonx_text(const json_t *json, ...) G_GNUC_NULL_TERMINATED;
int64_t jsonx_int(const json_t *json, ...) G_GNUC_NULL_TERMINATED;
bool jsonx_bool(const json_t *json, ...) G_GNUC_NULL_TERMINATED;
/* A string that is not empty, or an integer as one: ids come as both. To be freed. */
char *jsonx_id(const json_t *json, ...) G_GNUC_NULL_TERMINATED;

/* "2026-11-22T14:02:10.123Z", to be freed. `us`: microseconds since 1970 UTC. */
char *time_iso(int64_t us);
/* ISO 8601 with date and time, to the microsecond; without an offset it is taken as UTC. 0 when it
 * is NULL or none. */
int64_t time_parse_iso(const char *text);
