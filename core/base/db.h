/* PostgreSQL: one connection, prepared statements, typed parameters in binary form, typed results.
 * A Db belongs to one thread. Values are always parameters, never part of the text; each text is
 * prepared once per connection. Time is int64_t microseconds since 1970 UTC. */
#pragma once
#include "core/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Db Db;

typedef struct DbParam {
    uint32_t type; /* PostgreSQL's type oid */
    bool null;
    int64_t number;         /* int8, timestamptz (microseconds since 1970), bool */
    double real;            /* float8 */
    const char *text;       /* text, bytea, jsonb: borrowed until the query returns */
    size_t size;            /* bytes in text */
    const GArray *numbers;  /* int8[], timestamptz[], float8[], bool[] */
    const GPtrArray *texts; /* text[]: char *, NULL is null */
} DbParam;

DbParam db_int(int64_t value);
DbParam db_id(int64_t value); /* null for 0: a reference that may be missing */
DbParam db_bool(bool value);
DbParam db_real(double value);
DbParam db_time(int64_t us);       /* null for 0 */
DbParam db_text(const char *text); /* null for NULL; must be UTF-8 without NUL */
DbParam db_bytes(const void *bytes, size_t size);
DbParam db_json(const char *json);      /* jsonb, null for NULL */
DbParam db_ints(const GArray *int64s);  /* int8[] of int64_t */
DbParam db_ids(const GArray *int64s);   /* the same, 0 is null */
DbParam db_times(const GArray *int64s); /* timestamptz[] of int64_t, 0 is null */
DbParam db_reals(const GArray *doubles);
DbParam db_bools(const GArray *bools); /* bool[] of `bool` */
DbParam db_texts(const GPtrArray *texts);

typedef struct DbResult DbResult;
typedef struct DbRow {
    DbResult *result;
    int index;
} DbRow;
void db_result_free(DbResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DbResult, db_result_free)
int db_rows(const DbResult *result);
DbRow db_row(DbResult *result, int index);
int64_t db_affected(const DbResult *result); /* rows changed by insert, update, delete */

/* By column name; a missing column is our own mistake and ends the program. */
bool db_get_null(DbRow row, const char *column);
int64_t db_get_int(DbRow row, const char *column); /* int2/4/8; 0 for null */
bool db_get_bool(DbRow row, const char *column);
double db_get_real(DbRow row, const char *column);  /* float4/8 */
int64_t db_get_time(DbRow row, const char *column); /* timestamptz; 0 for null */
const char *
db_get_text(DbRow row,
            const char *column); /* text, json, jsonb; NULL for null; lives with the result */
const void *db_get_bytes(DbRow row, const char *column, size_t *size);
json_t *db_get_json(DbRow row, const char *column); /* a new reference; NULL for null */
char **db_get_texts(DbRow row,
                    const char *column); /* text[]; free with g_strfreev; empty for null */
GArray *db_get_ints(DbRow row, const char *column); /* int8[] of int64_t; empty for null */

/* Connects. `role` is what the connection may do (breakwater_web, …; NULL: what the login may). */
Db *db_open(const char *url, const char *role, GError **error);
void db_close(Db *db);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Db, db_close)
/* After BW_ERROR_TEMPORARY: false and TEMPORARY while the server is still away. What was listened
 * to is listened to again; an open transaction and session locks are gone. */
bool db_reconnect(Db *db, GError **error);
bool db_is_alive(const Db *db);
/* For a connection that asks by key alone: tells the planner so. The statistics of a table that has
 * just been filled would mislead it into reading all of it. Holds after db_reconnect too. */
bool db_ask_by_key(Db *db, GError **error);
/* To be called between transactions of such a connection: plans are made anew now and then, because
 * one that was made while a table was nearly empty may use any index of it, and would be kept. */
bool db_plan_again(Db *db, GError **error);

DbResult *db_query_n(Db *db, GError **error, const char *sql, size_t count, const DbParam *params);
#define db_query(db, error, sql, ...)                                                              \
    db_query_n(db, error, sql, sizeof((DbParam[]){{0}, ##__VA_ARGS__}) / sizeof(DbParam) - 1,      \
               (DbParam[]){{0}, ##__VA_ARGS__} + 1)
/* The same where no rows are wanted: false when it failed. */
bool db_run_n(Db *db, GError **error, const char *sql, size_t count, const DbParam *params);
#define db_run(db, error, sql, ...)                                                                \
    db_run_n(db, error, sql, sizeof((DbParam[]){{0}, ##__VA_ARGS__}) / sizeof(DbParam) - 1,        \
             (DbParam[]){{0}, ##__VA_ARGS__} + 1)
/* Several statements without parameters (a migration). */
bool db_script(Db *db, const char *sql, GError **error);

bool db_begin(Db *db, GError **error);
bool db_commit(Db *db, GError **error);
/* Quiet: what went wrong before is what counts. */
void db_rollback(Db *db);

/* COPY table (columns) FROM STDIN (FORMAT binary): rows are built with db_copy_*, in the order of
 * the columns. */
typedef struct DbCopy DbCopy;
DbCopy *db_copy_begin(Db *db, const char *table_and_columns, GError **error);
void db_copy_row(DbCopy *copy, int columns);
void db_copy_int(DbCopy *copy, int64_t value);
void db_copy_id(DbCopy *copy, int64_t value); /* null for 0 */
void db_copy_bool(DbCopy *copy, bool value);
void db_copy_time(DbCopy *copy, int64_t us);       /* null for 0 */
void db_copy_text(DbCopy *copy, const char *text); /* null for NULL */
void db_copy_json(DbCopy *copy, const char *json); /* jsonb, null for NULL */
/* Ends it (and frees copy): CONFLICT when a unique key was violated. */
bool db_copy_end(DbCopy *copy, GError **error);

/* LISTEN/NOTIFY: the bell, never the data. */
bool db_listen(Db *db, const char *channel, GError **error);
bool db_notify(Db *db, const char *channel, const char *payload, GError **error);
/* Reads what has arrived. The next notification's payload, or NULL; free with g_free. `channel`,
 * when not NULL, is set to the name (free it too). */
char *db_notified(Db *db, char **channel);
int db_fd(const Db *db);

/* Session advisory locks: `space` is one of the DB_LOCK_… */
enum { DB_LOCK_BRAND = 1, DB_LOCK_CHANNEL = 2, DB_LOCK_MIGRATE = 3 };
/* false without error: somebody else has it. */
bool db_try_lock(Db *db, int space, int64_t id, GError **error);
void db_unlock(Db *db, int space, int64_t id);
