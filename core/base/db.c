#include "core/base/db.h"

#include <libpq-fe.h>
#include <string.h>

/* Type oids are part of PostgreSQL's protocol (catalog/pg_type.dat) and never change. */
enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_JSON = 114,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_TIMESTAMPTZ = 1184,
    OID_JSONB = 3802,
    OID_BOOL_ARRAY = 1000,
    OID_TEXT_ARRAY = 1009,
    OID_INT8_ARRAY = 1016,
    OID_FLOAT8_ARRAY = 1022,
    OID_TIMESTAMPTZ_ARRAY = 1185,
};
/* Microseconds between 1970-01-01 and PostgreSQL's epoch, 2000-01-01. */
#define PG_EPOCH 946684800000000LL

struct Db {
    PGconn *conn;
    GHashTable *prepared; /* sql text -> statement name */
    GPtrArray *listening;
    int next_statement;
    bool by_key;
    int plans_made;
    int64_t planned_at; /* monotonic microseconds */
};

struct DbResult {
    PGresult *result;
};

struct DbCopy {
    Db *db;
    GByteArray *buffer;
};

/* ---- parameters ---- */

DbParam db_int(int64_t value)
{
    return (DbParam){.type = OID_INT8, .number = value};
}

DbParam db_id(int64_t value)
{
    return (DbParam){.type = OID_INT8, .number = value, .null = value == 0};
}

DbParam db_bool(bool value)
{
    return (DbParam){.type = OID_BOOL, .number = value};
}

DbParam db_real(double value)
{
    return (DbParam){.type = OID_FLOAT8, .real = value};
}

DbParam db_time(int64_t us)
{
    return (DbParam){.type = OID_TIMESTAMPTZ, .number = us - PG_EPOCH, .null = us == 0};
}

DbParam db_text(const char *text)
{
    return (DbParam){
        .type = OID_TEXT, .text = text, .size = text ? strlen(text) : 0, .null = !text};
}

DbParam db_bytes(const void *bytes, size_t size)
{
    return (DbParam){.type = OID_BYTEA, .text = bytes, .size = size, .null = !bytes};
}

DbParam db_json(const char *json)
{
    return (DbParam){
        .type = OID_JSONB, .text = json, .size = json ? strlen(json) : 0, .null = !json};
}

DbParam db_ints(const GArray *int64s)
{
    return (DbParam){.type = OID_INT8_ARRAY, .numbers = int64s};
}

DbParam db_ids(const GArray *int64s)
{
    return (DbParam){.type = OID_INT8_ARRAY, .numbers = int64s, .number = 1};
}

DbParam db_times(const GArray *int64s)
{
    return (DbParam){.type = OID_TIMESTAMPTZ_ARRAY, .numbers = int64s, .number = 1};
}

DbParam db_reals(const GArray *doubles)
{
    return (DbParam){.type = OID_FLOAT8_ARRAY, .numbers = doubles};
}

DbParam db_bools(const GArray *bools)
{
    return (DbParam){.type = OID_BOOL_ARRAY, .numbers = bools};
}

DbParam db_texts(const GPtrArray *texts)
{
    return (DbParam){.type = OID_TEXT_ARRAY, .texts = texts};
}

static void put32(GByteArray *out, int32_t value)
{
    uint32_t big = GUINT32_TO_BE((uint32_t)value);
    g_byte_array_append(out, (const guint8 *)&big, 4);
}

static void put64(GByteArray *out, int64_t value)
{
    uint64_t big = GUINT64_TO_BE((uint64_t)value);
    g_byte_array_append(out, (const guint8 *)&big, 8);
}

static int64_t real_bits(double value)
{
    int64_t bits;
    memcpy(&bits, &value, 8);
    return bits;
}

/* An array's binary form: dimensions, has-null flag, element type, length, lower bound, elements.
 */
static void put_array(GByteArray *out, const DbParam *param)
{
    static const struct {
        uint32_t array, element;
    } kinds[] = {{OID_INT8_ARRAY, OID_INT8},
                 {OID_TIMESTAMPTZ_ARRAY, OID_TIMESTAMPTZ},
                 {OID_FLOAT8_ARRAY, OID_FLOAT8},
                 {OID_BOOL_ARRAY, OID_BOOL},
                 {OID_TEXT_ARRAY, OID_TEXT}};
    uint32_t element = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (kinds[i].array == param->type)
            element = kinds[i].element;
    guint count = param->texts ? param->texts->len : param->numbers->len;
    put32(out, count ? 1 : 0);
    put32(out, 1);
    put32(out, (int32_t)element);
    if (!count)
        return;
    put32(out, (int32_t)count);
    put32(out, 1);
    for (guint i = 0; i < count; i++) {
        if (element == OID_TEXT) {
            const char *text = g_ptr_array_index(param->texts, i);
            size_t size = text ? strlen(text) : 0;
            put32(out, text ? (int32_t)size : -1);
            g_byte_array_append(out, (const guint8 *)text, (guint)size);
        } else if (element == OID_BOOL) {
            put32(out, 1);
            g_byte_array_append(out, (const guint8 *)&g_array_index(param->numbers, bool, i), 1);
        } else if (element == OID_FLOAT8) {
            put32(out, 8);
            put64(out, real_bits(g_array_index(param->numbers, double, i)));
        } else {
            int64_t value = g_array_index(param->numbers, int64_t, i);
            if (value == 0 && param->number) {
                put32(out, -1);
                continue;
            }
            put32(out, 8);
            put64(out, element == OID_TIMESTAMPTZ ? value - PG_EPOCH : value);
        }
    }
}

static void put_param(GByteArray *out, const DbParam *param)
{
    switch (param->type) {
    case OID_INT8:
    case OID_TIMESTAMPTZ:
        put64(out, param->number);
        break;
    case OID_BOOL:
        g_byte_array_append(out, (const guint8[]){param->number != 0}, 1);
        break;
    case OID_FLOAT8:
        put64(out, real_bits(param->real));
        break;
    case OID_JSONB:
        g_byte_array_append(out, (const guint8[]){1}, 1);
        g_byte_array_append(out, (const guint8 *)param->text, (guint)param->size);
        break;
    case OID_TEXT:
    case OID_BYTEA:
        g_byte_array_append(out, (const guint8 *)param->text, (guint)param->size);
        break;
    default:
        put_array(out, param);
    }
}

/* ---- results ---- */

void db_result_free(DbResult *result)
{
    if (!result)
        return;
    PQclear(result->result);
    g_free(result);
}

int db_rows(const DbResult *result)
{
    return PQntuples(result->result);
}

DbRow db_row(DbResult *result, int index)
{
    return (DbRow){result, index};
}

int64_t db_affected(const DbResult *result)
{
    return g_ascii_strtoll(PQcmdTuples(result->result), NULL, 10);
}

static int column_of(DbRow row, const char *column)
{
    int index = PQfnumber(row.result->result, column);
    if (index < 0)
        g_error("no column %s in the result", column);
    return index;
}

static const char *value_of(DbRow row, int column)
{
    return PQgetvalue(row.result->result, row.index, column);
}

static int64_t big64(const char *bytes)
{
    uint64_t big;
    memcpy(&big, bytes, 8);
    return (int64_t)GUINT64_FROM_BE(big);
}

static int32_t big32(const char *bytes)
{
    uint32_t big;
    memcpy(&big, bytes, 4);
    return (int32_t)GUINT32_FROM_BE(big);
}

bool db_get_null(DbRow row, const char *column)
{
    return PQgetisnull(row.result->result, row.index, column_of(row, column));
}

int64_t db_get_int(DbRow row, const char *column)
{
    int index = column_of(row, column);
    if (PQgetisnull(row.result->result, row.index, index))
        return 0;
    const char *bytes = value_of(row, index);
    switch (PQftype(row.result->result, index)) {
    case OID_INT8:
        return big64(bytes);
    case OID_INT4:
        return big32(bytes);
    case OID_INT2: {
        uint16_t big;
        memcpy(&big, bytes, 2);
        return (int16_t)GUINT16_FROM_BE(big);
    }
    case OID_BOOL:
        return bytes[0];
    default:
        g_error("column %s is no integer", column);
    }
}

bool db_get_bool(DbRow row, const char *column)
{
    return db_get_int(row, column) != 0;
}

double db_get_real(DbRow row, const char *column)
{
    int index = column_of(row, column);
    if (PQgetisnull(row.result->result, row.index, index))
        return 0;
    const char *bytes = value_of(row, index);
    if (PQftype(row.result->result, index) == OID_FLOAT4) {
        int32_t bits = big32(bytes);
        float value;
        memcpy(&value, &bits, 4);
        return value;
    }
    if (PQftype(row.result->result, index) != OID_FLOAT8)
        g_error("column %s is no float", column);
    int64_t bits = big64(bytes);
    double value;
    memcpy(&value, &bits, 8);
    return value;
}

int64_t db_get_time(DbRow row, const char *column)
{
    int index = column_of(row, column);
    if (PQgetisnull(row.result->result, row.index, index))
        return 0;
    if (PQftype(row.result->result, index) != OID_TIMESTAMPTZ)
        g_error("column %s is no timestamptz", column);
    return big64(value_of(row, index)) + PG_EPOCH;
}

const char *db_get_text(DbRow row, const char *column)
{
    int index = column_of(row, column);
    if (PQgetisnull(row.result->result, row.index, index))
        return NULL;
    return value_of(row, index) + (PQftype(row.result->result, index) == OID_JSONB ? 1 : 0);
}

const void *db_get_bytes(DbRow row, const char *column, size_t *size)
{
    int index = column_of(row, column);
    *size = (size_t)PQgetlength(row.result->result, row.index, index);
    return PQgetisnull(row.result->result, row.index, index) ? NULL : value_of(row, index);
}

json_t *db_get_json(DbRow row, const char *column)
{
    const char *text = db_get_text(row, column);
    return text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
}

/* The elements of a one-dimensional array: `each` gets every element, bytes NULL for null. */
typedef void (*EachElement)(void *data, const char *bytes, int size);
static void walk_array(DbRow row, const char *column, EachElement each, void *data)
{
    int index = column_of(row, column);
    if (PQgetisnull(row.result->result, row.index, index))
        return;
    const char *at = value_of(row, index);
    if (big32(at) == 0)
        return;
    int count = big32(at + 12);
    at += 20;
    for (int i = 0; i < count; i++) {
        int size = big32(at);
        at += 4;
        each(data, size < 0 ? NULL : at, size);
        at += size < 0 ? 0 : size;
    }
}

static void add_text(void *data, const char *bytes, int size)
{
    g_ptr_array_add(data, bytes ? g_strndup(bytes, (gsize)size) : g_strdup(""));
}

char **db_get_texts(DbRow row, const char *column)
{
    GPtrArray *texts = g_ptr_array_new();
    walk_array(row, column, add_text, texts);
    g_ptr_array_add(texts, NULL);
    return (char **)g_ptr_array_free(texts, FALSE);
}

static void add_int(void *data, const char *bytes, int size)
{
    int64_t value = !bytes ? 0 : size == 8 ? big64(bytes) : big32(bytes);
    g_array_append_val((GArray *)data, value);
}

GArray *db_get_ints(DbRow row, const char *column)
{
    GArray *ints = g_array_new(FALSE, FALSE, sizeof(int64_t));
    walk_array(row, column, add_int, ints);
    return ints;
}

/* ---- the connection ---- */

/* What the caller can do about it, from SQLSTATE (PostgreSQL manual, appendix A). */
static BwError code_of(PGconn *conn, const PGresult *result)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    if (PQstatus(conn) != CONNECTION_OK || !state)
        return BW_ERROR_TEMPORARY;
    if (strcmp(state, "23505") == 0)
        return BW_ERROR_CONFLICT;
    if (g_str_has_prefix(state, "08") || g_str_has_prefix(state, "40") ||
        g_str_has_prefix(state, "53") || g_str_has_prefix(state, "55") ||
        g_str_has_prefix(state, "57P"))
        return BW_ERROR_TEMPORARY;
    if (strcmp(state, "42501") == 0)
        return BW_ERROR_DENIED;
    return BW_ERROR_INVALID;
}

static gboolean fail(Db *db, const PGresult *result, GError **error)
{
    const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    g_autofree char *text = g_strdup(primary ? primary : PQerrorMessage(db->conn));
    g_strchomp(text);
    return bw_fail(error, code_of(db->conn, result), "database: %s", text);
}

static void no_notice(G_GNUC_UNUSED void *arg, G_GNUC_UNUSED const PGresult *result)
{
}

Db *db_open(const char *url, const char *role, GError **error)
{
    g_autofree char *options = g_strdup_printf(
        "-c role=%s -c timezone=UTC -c client_min_messages=warning", role ? role : "none");
    const char *keys[] = {"dbname",          "options",         "fallback_application_name",
                          "client_encoding", "connect_timeout", NULL};
    const char *values[] = {url, options, role ? role : "breakwater", "UTF8", "10", NULL};
    g_autoptr(Db) db = g_new0(Db, 1);
    db->prepared = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    db->listening = g_ptr_array_new_with_free_func(g_free);
    db->conn = PQconnectdbParams(keys, values, 1);
    if (PQstatus(db->conn) != CONNECTION_OK) {
        fail(db, NULL, error);
        return NULL;
    }
    PQsetNoticeReceiver(db->conn, no_notice, NULL);
    return g_steal_pointer(&db);
}

void db_close(Db *db)
{
    if (!db)
        return;
    PQfinish(db->conn);
    g_hash_table_unref(db->prepared);
    g_ptr_array_unref(db->listening);
    g_free(db);
}

bool db_is_alive(const Db *db)
{
    return PQstatus(db->conn) == CONNECTION_OK;
}

bool db_ask_by_key(Db *db, GError **error)
{
    db->by_key = true;
    return db_script(
        db,
        "set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off;"
        "set enable_bitmapscan = off; set enable_material = off;"
        "set plan_cache_mode = force_generic_plan; set jit = off",
        error);
}

bool db_plan_again(Db *db, GError **error)
{
    enum { OFTEN_AT_FIRST = 20 };
    int64_t now = g_get_monotonic_time();
    if (db->plans_made >= OFTEN_AT_FIRST && now - db->planned_at < G_USEC_PER_SEC)
        return true;
    db->plans_made++;
    db->planned_at = now;
    return db_script(db, "discard plans", error);
}

bool db_reconnect(Db *db, GError **error)
{
    g_hash_table_remove_all(db->prepared);
    PQreset(db->conn);
    if (PQstatus(db->conn) != CONNECTION_OK)
        return fail(db, NULL, error);
    if (db->by_key && !db_ask_by_key(db, error))
        return false;
    for (guint i = 0; i < db->listening->len; i++) {
        g_autofree char *sql =
            g_strdup_printf("listen %s", (char *)g_ptr_array_index(db->listening, i));
        if (!db_script(db, sql, error))
            return false;
    }
    return true;
}

int db_fd(const Db *db)
{
    return PQsocket(db->conn);
}

static const char *prepare(Db *db, GError **error, const char *sql, size_t count,
                           const DbParam *params)
{
    const char *name = g_hash_table_lookup(db->prepared, sql);
    if (name)
        return name;
    Oid types[64];
    g_assert(count <= G_N_ELEMENTS(types));
    for (size_t i = 0; i < count; i++)
        types[i] = params[i].type;
    char *fresh = g_strdup_printf("s%d", db->next_statement++);
    PGresult *result = PQprepare(db->conn, fresh, sql, (int)count, types);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        fail(db, result, error);
        PQclear(result);
        g_free(fresh);
        return NULL;
    }
    PQclear(result);
    g_hash_table_insert(db->prepared, g_strdup(sql), fresh);
    return fresh;
}

DbResult *db_query_n(Db *db, GError **error, const char *sql, size_t count, const DbParam *params)
{
    const char *name = prepare(db, error, sql, count, params);
    if (!name)
        return NULL;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    size_t starts[65];
    int lengths[64], formats[64];
    const char *values[64];
    for (size_t i = 0; i < count; i++) {
        starts[i] = bytes->len;
        if (!params[i].null)
            put_param(bytes, &params[i]);
        starts[i + 1] = bytes->len;
    }
    g_byte_array_append(bytes, (const guint8 *)"", 1);
    for (size_t i = 0; i < count; i++) {
        values[i] = params[i].null ? NULL : (const char *)bytes->data + starts[i];
        lengths[i] = (int)(starts[i + 1] - starts[i]);
        formats[i] = 1;
    }
    PGresult *result = PQexecPrepared(db->conn, name, (int)count, values, lengths, formats, 1);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        fail(db, result, error);
        PQclear(result);
        return NULL;
    }
    DbResult *wrapped = g_new0(DbResult, 1);
    wrapped->result = result;
    return wrapped;
}

bool db_run_n(Db *db, GError **error, const char *sql, size_t count, const DbParam *params)
{
    g_autoptr(DbResult) result = db_query_n(db, error, sql, count, params);
    return result != NULL;
}

bool db_script(Db *db, const char *sql, GError **error)
{
    PGresult *result = PQexec(db->conn, sql);
    ExecStatusType status = PQresultStatus(result);
    bool good =
        status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
    if (!good)
        fail(db, result, error);
    PQclear(result);
    return good;
}

bool db_begin(Db *db, GError **error)
{
    return db_script(db, "begin", error);
}

bool db_commit(Db *db, GError **error)
{
    return db_script(db, "commit", error);
}

void db_rollback(Db *db)
{
    db_script(db, "rollback", NULL);
}

/* ---- COPY ---- */

DbCopy *db_copy_begin(Db *db, const char *table_and_columns, GError **error)
{
    g_autofree char *sql = g_strdup_printf("copy %s from stdin (format binary)", table_and_columns);
    PGresult *result = PQexec(db->conn, sql);
    if (PQresultStatus(result) != PGRES_COPY_IN) {
        fail(db, result, error);
        PQclear(result);
        return NULL;
    }
    PQclear(result);
    DbCopy *copy = g_new0(DbCopy, 1);
    copy->db = db;
    copy->buffer = g_byte_array_sized_new(1 << 16);
    g_byte_array_append(copy->buffer, (const guint8 *)"PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
    return copy;
}

void db_copy_row(DbCopy *copy, int columns)
{
    uint16_t big = GUINT16_TO_BE((uint16_t)columns);
    g_byte_array_append(copy->buffer, (const guint8 *)&big, 2);
}

void db_copy_int(DbCopy *copy, int64_t value)
{
    put32(copy->buffer, 8);
    put64(copy->buffer, value);
}

void db_copy_id(DbCopy *copy, int64_t value)
{
    if (value)
        db_copy_int(copy, value);
    else
        put32(copy->buffer, -1);
}

void db_copy_bool(DbCopy *copy, bool value)
{
    put32(copy->buffer, 1);
    g_byte_array_append(copy->buffer, (const guint8[]){value}, 1);
}

void db_copy_time(DbCopy *copy, int64_t us)
{
    if (us)
        db_copy_int(copy, us - PG_EPOCH);
    else
        put32(copy->buffer, -1);
}

void db_copy_text(DbCopy *copy, const char *text)
{
    size_t size = text ? strlen(text) : 0;
    put32(copy->buffer, text ? (int32_t)size : -1);
    g_byte_array_append(copy->buffer, (const guint8 *)text, (guint)size);
}

void db_copy_json(DbCopy *copy, const char *json)
{
    size_t size = json ? strlen(json) : 0;
    put32(copy->buffer, json ? (int32_t)size + 1 : -1);
    g_byte_array_append(copy->buffer, (const guint8 *)"\1", json ? 1 : 0);
    g_byte_array_append(copy->buffer, (const guint8 *)json, (guint)size);
}

bool db_copy_end(DbCopy *copy, GError **error)
{
    Db *db = copy->db;
    g_byte_array_append(copy->buffer, (const guint8 *)"\377\377", 2);
    bool good =
        PQputCopyData(db->conn, (const char *)copy->buffer->data, (int)copy->buffer->len) == 1 &&
        PQputCopyEnd(db->conn, NULL) == 1;
    if (!good)
        fail(db, NULL, error);
    PGresult *result;
    while ((result = PQgetResult(db->conn))) {
        if (PQresultStatus(result) != PGRES_COMMAND_OK && good) {
            fail(db, result, error);
            good = false;
        }
        PQclear(result);
    }
    g_byte_array_unref(copy->buffer);
    g_free(copy);
    return good;
}

/* ---- the bell, and locks ---- */

bool db_listen(Db *db, const char *channel, GError **error)
{
    g_autofree char *sql = g_strdup_printf("listen %s", channel);
    if (!db_script(db, sql, error))
        return false;
    g_ptr_array_add(db->listening, g_strdup(channel));
    return true;
}

bool db_notify(Db *db, const char *channel, const char *payload, GError **error)
{
    return db_run(db, error, "select pg_notify($1, $2)", db_text(channel), db_text(payload));
}

char *db_notified(Db *db, char **channel)
{
    PQconsumeInput(db->conn);
    PGnotify *notify = PQnotifies(db->conn);
    if (!notify)
        return NULL;
    char *payload = g_strdup(notify->extra);
    if (channel)
        *channel = g_strdup(notify->relname);
    PQfreemem(notify);
    return payload;
}

/* Two-part keys would cut ids to 32 bits, so the space goes into the high byte. */
static int64_t lock_key(int space, int64_t id)
{
    return ((int64_t)0x4257 << 48) | ((int64_t)space << 40) | (id & 0xffffffffffLL);
}

bool db_try_lock(Db *db, int space, int64_t id, GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error, "select pg_try_advisory_lock($1) as got", db_int(lock_key(space, id)));
    return result && db_get_bool(db_row(result, 0), "got");
}

void db_unlock(Db *db, int space, int64_t id)
{
    db_run(db, NULL, "select pg_advisory_unlock($1)", db_int(lock_key(space, id)));
}
