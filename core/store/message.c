#include "core/store/message.h"

#include <string.h>

enum {
    MOST_CHARACTERS = 100000,
    MOST_REMEMBERED = 200000,
    BULK = 100, /* so many at once are taken for new until the table says otherwise */
};

Message *message_new(void)
{
    return g_new0(Message, 1);
}

void message_free(Message *message)
{
    if (!message)
        return;
    g_free(message->external_id);
    g_free(message->thread);
    g_free(message->parent);
    g_free(message->network);
    g_free(message->author_id);
    g_free(message->author_handle);
    g_free(message->author_name);
    g_free(message->automatic);
    g_free(message->lang);
    g_free(message->subject);
    g_free(message->body);
    g_free(message->rest);
    g_free(message->permalink);
    json_decref(message->extra);
    g_free(message);
}

/* PostgreSQL takes neither invalid UTF-8 nor NUL (a C string ends there anyway). */
static void tidy(char **text, glong most)
{
    if (!*text)
        return;
    if (!g_utf8_validate(*text, -1, NULL)) {
        char *valid = g_utf8_make_valid(*text, -1);
        g_free(*text);
        *text = valid;
    }
    if ((glong)strlen(*text) > most && g_utf8_strlen(*text, -1) > most) {
        g_autofree char *start = g_utf8_substring(*text, 0, most);
        g_free(*text);
        *text = g_strconcat(start, "\n[cut here: the message is longer]", NULL);
    }
}

void message_tidy(Message *message)
{
    char **shorts[] = {&message->external_id, &message->thread,    &message->parent,
                       &message->network,     &message->author_id, &message->author_handle,
                       &message->author_name, &message->automatic, &message->lang,
                       &message->subject,     &message->permalink};
    for (gsize i = 0; i < G_N_ELEMENTS(shorts); i++)
        tidy(shorts[i], 2000);
    /* clients claim anything; before 2000 is no time that a complaint was written at */
    if (message->sent_at < 946684800 * (int64_t)G_USEC_PER_SEC)
        message->sent_at = g_get_real_time();
    tidy(&message->body, MOST_CHARACTERS);
    tidy(&message->rest, MOST_CHARACTERS);
    if (!message->body)
        message->body = g_strdup("");
}

struct MessageWriter {
    Db *db;
    int64_t brand, channel;
    char *kind;
    GHashTable *authors;       /* "network\nexternal id" -> Known */
    GHashTable *conversations; /* "author id\nthread" -> id */
};

/* An author we have met; `label` notices a new handle or name. */
typedef struct Known {
    int64_t id;
    guint label;
} Known;

static int64_t *box(int64_t id)
{
    int64_t *boxed = g_new(int64_t, 1);
    *boxed = id;
    return boxed;
}

MessageWriter *message_writer_new(Db *db, int64_t brand, int64_t channel, const char *kind)
{
    MessageWriter *writer = g_new0(MessageWriter, 1);
    writer->db = db;
    writer->brand = brand;
    writer->channel = channel;
    writer->kind = g_strdup(kind);
    writer->authors = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    writer->conversations = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return writer;
}

void message_writer_free(MessageWriter *writer)
{
    if (!writer)
        return;
    g_hash_table_unref(writer->authors);
    g_hash_table_unref(writer->conversations);
    g_free(writer->kind);
    g_free(writer);
}

void message_writer_reset(MessageWriter *writer)
{
    g_hash_table_remove_all(writer->authors);
    g_hash_table_remove_all(writer->conversations);
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static const char *network_of(const MessageWriter *writer, const Message *message)
{
    return message->network ? message->network : writer->kind;
}

static char *author_key(const MessageWriter *writer, const Message *message)
{
    return g_strconcat(network_of(writer, message), "\n", message->author_id, NULL);
}

static guint label_of(const Message *message)
{
    return g_str_hash(or_empty(message->author_handle)) * 31 +
           g_str_hash(or_empty(message->author_name));
}

/* Takes `count` ids from the sequence of `table`, so that rows can be built before they are
 * written. */
static GArray *new_ids(Db *db, const char *table, guint count, GError **error)
{
    GArray *ids = g_array_new(FALSE, FALSE, sizeof(int64_t));
    g_autofree char *sql = g_strdup_printf(
        "select nextval('%s_id_seq') as id from generate_series(1, $1::bigint)", table);
    g_autoptr(DbResult) result = db_query(db, error, sql, db_int(count));
    if (!result) {
        g_array_unref(ids);
        return NULL;
    }
    for (int i = 0; i < db_rows(result); i++) {
        int64_t id = db_get_int(db_row(result, i), "id");
        g_array_append_val(ids, id);
    }
    return ids;
}

static void learn_authors(MessageWriter *writer, DbResult *result)
{
    for (int i = 0; i < db_rows(result); i++) {
        DbRow row = db_row(result, i);
        Known *known = g_new(Known, 1);
        known->id = db_get_int(row, "id");
        known->label =
            g_str_hash(db_get_text(row, "handle")) * 31 + g_str_hash(db_get_text(row, "name"));
        g_hash_table_replace(
            writer->authors,
            g_strconcat(db_get_text(row, "network"), "\n", db_get_text(row, "external_id"), NULL),
            known);
    }
}

static bool add_authors(MessageWriter *writer, const GPtrArray *fresh, GError **error)
{
    g_autoptr(GPtrArray) networks = g_ptr_array_new(), externals = g_ptr_array_new();
    g_autoptr(GPtrArray) handles = g_ptr_array_new(), names = g_ptr_array_new();
    for (guint i = 0; i < fresh->len; i++) {
        const Message *message = fresh->pdata[i];
        g_ptr_array_add(networks, (char *)network_of(writer, message));
        g_ptr_array_add(externals, message->author_id);
        g_ptr_array_add(handles, (char *)or_empty(message->author_handle));
        g_ptr_array_add(names, (char *)or_empty(message->author_name));
    }
    g_autoptr(GArray) ids = new_ids(writer->db, "author", fresh->len, error);
    if (!ids)
        return false;
    g_autoptr(DbResult) made =
        db_query(writer->db, error,
                 "insert into author (brand_id, id, network, external_id, handle, name, person_id)"
                 " select $1, id, network, external_id, handle, name, id"
                 " from unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[])"
                 "  as o (id, network, external_id, handle, name)"
                 " on conflict (brand_id, network, external_id) do nothing"
                 " returning id, network, external_id, handle, name",
                 db_int(writer->brand), db_ints(ids), db_texts(networks), db_texts(externals),
                 db_texts(handles), db_texts(names));
    if (!made)
        return false;
    learn_authors(writer, made);
    if (db_rows(made) == (int)fresh->len)
        return true;
    g_autoptr(DbResult) known = db_query(
        writer->db, error,
        "select a.id, a.network, a.external_id, a.handle, a.name"
        " from unnest($2::text[], $3::text[]) as o (network, external_id) cross join lateral"
        "  (select * from author a where a.brand_id = $1 and a.network = o.network"
        "   and a.external_id = o.external_id limit 1) a",
        db_int(writer->brand), db_texts(networks), db_texts(externals));
    if (!known)
        return false;
    learn_authors(writer, known);
    return true;
}

/* A person has another name or handle than before. */
static bool rename_author(MessageWriter *writer, Known *known, const Message *message,
                          GError **error)
{
    known->label = label_of(message);
    return db_run(writer->db, error,
                  "update author set handle = $3, name = $4 where brand_id = $1 and id = $2",
                  db_int(writer->brand), db_int(known->id),
                  db_text(or_empty(message->author_handle)),
                  db_text(or_empty(message->author_name)));
}

static bool find_authors(MessageWriter *writer, const GPtrArray *messages, GError **error)
{
    g_autoptr(GPtrArray) fresh = g_ptr_array_new();
    g_autoptr(GHashTable) asked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < messages->len; i++) {
        const Message *message = messages->pdata[i];
        g_autofree char *key = author_key(writer, message);
        if (!g_hash_table_contains(writer->authors, key) &&
            g_hash_table_add(asked, g_steal_pointer(&key)))
            g_ptr_array_add(fresh, (void *)message);
    }
    if (fresh->len && !add_authors(writer, fresh, error))
        return false;
    for (guint i = 0; i < messages->len; i++) {
        const Message *message = messages->pdata[i];
        g_autofree char *key = author_key(writer, message);
        Known *known = g_hash_table_lookup(writer->authors, key);
        if (!known)
            return bw_fail(error, BW_ERROR_TEMPORARY, "an author disappeared while writing");
        if (!message->outbound && (message->author_handle || message->author_name) &&
            known->label != label_of(message) && !rename_author(writer, known, message, error))
            return false;
    }
    return true;
}

static int64_t author_of(const MessageWriter *writer, const Message *message)
{
    g_autofree char *key = author_key(writer, message);
    return ((Known *)g_hash_table_lookup(writer->authors, key))->id;
}

static char *conversation_key(int64_t author, const char *thread)
{
    return g_strdup_printf("%" G_GINT64_FORMAT "\n%s", author, thread);
}

static void learn_conversations(MessageWriter *writer, DbResult *result)
{
    for (int i = 0; i < db_rows(result); i++) {
        DbRow row = db_row(result, i);
        g_hash_table_replace(
            writer->conversations,
            conversation_key(db_get_int(row, "author_id"), db_get_text(row, "thread")),
            box(db_get_int(row, "id")));
    }
}

static bool find_conversations(MessageWriter *writer, const GPtrArray *messages, GError **error)
{
    g_autoptr(GPtrArray) threads = g_ptr_array_new();
    g_autoptr(GArray) authors = g_array_new(FALSE, FALSE, sizeof(int64_t));
    g_autoptr(GHashTable) asked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < messages->len; i++) {
        const Message *message = messages->pdata[i];
        int64_t author = author_of(writer, message);
        g_autofree char *key = conversation_key(author, message->thread);
        if (g_hash_table_contains(writer->conversations, key) ||
            !g_hash_table_add(asked, g_steal_pointer(&key)))
            continue;
        g_ptr_array_add(threads, message->thread);
        g_array_append_val(authors, author);
    }
    if (!threads->len)
        return true;
    g_autoptr(GArray) ids = new_ids(writer->db, "conversation", threads->len, error);
    if (!ids)
        return false;
    g_autoptr(DbResult) made =
        db_query(writer->db, error,
                 "insert into conversation (brand_id, id, channel_id, author_id, thread)"
                 " select $1, id, $2, author_id, thread"
                 " from unnest($3::bigint[], $4::bigint[], $5::text[]) as o (id, author_id, thread)"
                 " on conflict (brand_id, channel_id, thread, author_id) do nothing"
                 " returning id, author_id, thread",
                 db_int(writer->brand), db_int(writer->channel), db_ints(ids), db_ints(authors),
                 db_texts(threads));
    if (!made)
        return false;
    learn_conversations(writer, made);
    if (db_rows(made) == (int)threads->len)
        return true;
    g_autoptr(DbResult) known = db_query(
        writer->db, error,
        "select c.id, c.author_id, c.thread"
        " from unnest($3::bigint[], $4::text[]) as o (author_id, thread) cross join lateral"
        "  (select * from conversation c where c.brand_id = $1 and c.channel_id = $2"
        "   and c.thread = o.thread and c.author_id = o.author_id limit 1) c",
        db_int(writer->brand), db_int(writer->channel), db_ints(authors), db_texts(threads));
    if (!known)
        return false;
    learn_conversations(writer, known);
    return true;
}

/* The columns of message, one array each. */
typedef struct Columns {
    GArray *ids, *conversations, *authors, *sent, *inbound, *direct;
    GPtrArray *external, *automatic, *network, *lang, *subject, *body, *rest, *permalink, *parent,
        *extra;
} Columns;

static void columns_clear(Columns *columns)
{
    GArray *numbers[] = {columns->ids,  columns->conversations, columns->authors,
                         columns->sent, columns->inbound,       columns->direct};
    GPtrArray *texts[] = {columns->external, columns->automatic, columns->network,
                          columns->lang,     columns->subject,   columns->body,
                          columns->rest,     columns->permalink, columns->parent,
                          columns->extra};
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
        if (numbers[i])
            g_array_unref(numbers[i]);
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        g_ptr_array_unref(texts[i]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Columns, columns_clear)

static void columns_init(Columns *columns, guint count)
{
    GArray **numbers[] = {&columns->conversations, &columns->authors, &columns->sent};
    GPtrArray **texts[] = {&columns->external, &columns->automatic, &columns->network,
                           &columns->lang,     &columns->subject,   &columns->body,
                           &columns->rest,     &columns->permalink, &columns->parent};
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
        *numbers[i] = g_array_sized_new(FALSE, FALSE, sizeof(int64_t), count);
    columns->inbound = g_array_sized_new(FALSE, FALSE, sizeof(bool), count);
    columns->direct = g_array_sized_new(FALSE, FALSE, sizeof(bool), count);
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        *texts[i] = g_ptr_array_sized_new(count);
    columns->extra = g_ptr_array_new_with_free_func(g_free);
}

static void columns_add(Columns *columns, const MessageWriter *writer, const Message *message)
{
    int64_t author = author_of(writer, message), none = 0;
    g_autofree char *key = conversation_key(author, message->thread);
    int64_t conversation = *(int64_t *)g_hash_table_lookup(writer->conversations, key);
    bool inbound = !message->outbound;
    g_array_append_val(columns->conversations, conversation);
    g_array_append_vals(columns->authors, inbound ? &author : &none, 1);
    g_array_append_val(columns->sent, message->sent_at);
    g_array_append_val(columns->inbound, inbound);
    g_array_append_val(columns->direct, message->direct);
    g_ptr_array_add(columns->external, message->external_id);
    g_ptr_array_add(columns->automatic, message->automatic);
    g_ptr_array_add(columns->network, (char *)network_of(writer, message));
    g_ptr_array_add(columns->lang, message->lang);
    g_ptr_array_add(columns->subject, message->subject);
    g_ptr_array_add(columns->body, message->body);
    g_ptr_array_add(columns->rest, message->rest);
    g_ptr_array_add(columns->permalink, message->permalink);
    g_ptr_array_add(columns->parent, message->parent);
    g_ptr_array_add(columns->extra,
                    message->extra ? json_dumps(message->extra, JSON_COMPACT) : NULL);
}

static bool insert(MessageWriter *writer, Columns *columns, GArray *made, GError **error)
{
    columns->ids = new_ids(writer->db, "message", columns->external->len, error);
    if (!columns->ids)
        return false;
    g_autoptr(DbResult) result = db_query(
        writer->db, error,
        "insert into message (brand_id, channel_id, id, conversation_id, author_id, external_id,"
        "  inbound, automatic, visibility, network, lang, subject, body, rest, permalink, parent,"
        "  extra, sent_at)"
        " select $1, $2, id, conversation, author, external, inbound, automatic,"
        "  case when direct then 'direct' else 'public' end, network, lang, subject, body, rest,"
        "  permalink, parent, extra::jsonb, sent"
        " from unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::bool[], $8::text[],"
        "  $9::bool[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], "
        "$15::text[],"
        "  $16::text[], $17::text[], $18::timestamptz[])"
        "  as t (id, conversation, author, external, inbound, automatic, direct, network, lang,"
        "  subject, body, rest, permalink, parent, extra, sent)"
        " on conflict (brand_id, channel_id, external_id) do nothing returning id",
        db_int(writer->brand), db_int(writer->channel), db_ints(columns->ids),
        db_ints(columns->conversations), db_ids(columns->authors), db_texts(columns->external),
        db_bools(columns->inbound), db_texts(columns->automatic), db_bools(columns->direct),
        db_texts(columns->network), db_texts(columns->lang), db_texts(columns->subject),
        db_texts(columns->body), db_texts(columns->rest), db_texts(columns->permalink),
        db_texts(columns->parent), db_texts(columns->extra), db_times(columns->sent));
    if (!result)
        return false;
    for (int i = 0; i < db_rows(result); i++) {
        int64_t id = db_get_int(db_row(result, i), "id");
        g_array_append_val(made, id);
    }
    return true;
}

/* ---- many at once ---- */

/* Bulk: a batch of a rush is new as a rule, so it goes in by COPY, which is half as dear as looking
 * first. A unique key that objects undoes it, and the careful way is taken instead. */

static bool bulk_authors(MessageWriter *writer, const GPtrArray *messages, GError **error)
{
    g_autoptr(GPtrArray) fresh = g_ptr_array_new();
    for (guint i = 0; i < messages->len; i++) {
        const Message *message = messages->pdata[i];
        char *key = author_key(writer, message);
        if (g_hash_table_contains(writer->authors, key)) {
            g_free(key);
            continue;
        }
        Known *known = g_new0(Known, 1);
        known->label = label_of(message);
        g_hash_table_insert(writer->authors, key, known);
        g_ptr_array_add(fresh, (void *)message);
    }
    g_autoptr(GArray) ids = new_ids(writer->db, "author", fresh->len, error);
    DbCopy *copy = ids ? db_copy_begin(writer->db,
                                       "author (brand_id, id, network, external_id, handle, name,"
                                       " person_id)",
                                       error)
                       : NULL;
    if (!copy)
        return false;
    for (guint i = 0; i < fresh->len; i++) {
        const Message *message = fresh->pdata[i];
        int64_t id = g_array_index(ids, int64_t, i);
        g_autofree char *key = author_key(writer, message);
        ((Known *)g_hash_table_lookup(writer->authors, key))->id = id;
        db_copy_row(copy, 7);
        db_copy_int(copy, writer->brand);
        db_copy_int(copy, id);
        db_copy_text(copy, network_of(writer, message));
        db_copy_text(copy, message->author_id);
        db_copy_text(copy, or_empty(message->author_handle));
        db_copy_text(copy, or_empty(message->author_name));
        db_copy_int(copy, id);
    }
    return db_copy_end(copy, error);
}

static bool bulk_conversations(MessageWriter *writer, const GPtrArray *messages, GError **error)
{
    g_autoptr(GPtrArray) fresh = g_ptr_array_new();
    for (guint i = 0; i < messages->len; i++) {
        const Message *message = messages->pdata[i];
        char *key = conversation_key(author_of(writer, message), message->thread);
        if (g_hash_table_contains(writer->conversations, key)) {
            g_free(key);
            continue;
        }
        g_hash_table_insert(writer->conversations, key, box(0));
        g_ptr_array_add(fresh, (void *)message);
    }
    g_autoptr(GArray) ids = new_ids(writer->db, "conversation", fresh->len, error);
    DbCopy *copy =
        ids ? db_copy_begin(writer->db,
                            "conversation (brand_id, id, channel_id, author_id, thread)", error)
            : NULL;
    if (!copy)
        return false;
    for (guint i = 0; i < fresh->len; i++) {
        const Message *message = fresh->pdata[i];
        int64_t id = g_array_index(ids, int64_t, i), author = author_of(writer, message);
        g_autofree char *key = conversation_key(author, message->thread);
        *(int64_t *)g_hash_table_lookup(writer->conversations, key) = id;
        db_copy_row(copy, 5);
        db_copy_int(copy, writer->brand);
        db_copy_int(copy, id);
        db_copy_int(copy, writer->channel);
        db_copy_int(copy, author);
        db_copy_text(copy, message->thread);
    }
    return db_copy_end(copy, error);
}

static bool bulk_messages(MessageWriter *writer, const GPtrArray *messages, GArray *made,
                          GError **error)
{
    g_autoptr(GArray) ids = new_ids(writer->db, "message", messages->len, error);
    DbCopy *copy =
        ids ? db_copy_begin(writer->db,
                            "message (brand_id, channel_id, id, conversation_id, author_id,"
                            " external_id, inbound, automatic, visibility, network, lang, subject,"
                            " body, rest, permalink, parent, extra, sent_at)",
                            error)
            : NULL;
    if (!copy)
        return false;
    for (guint i = 0; i < messages->len; i++) {
        const Message *message = messages->pdata[i];
        int64_t author = author_of(writer, message);
        g_autofree char *key = conversation_key(author, message->thread);
        g_autofree char *extra = message->extra ? json_dumps(message->extra, JSON_COMPACT) : NULL;
        db_copy_row(copy, 18);
        db_copy_int(copy, writer->brand);
        db_copy_int(copy, writer->channel);
        db_copy_int(copy, g_array_index(ids, int64_t, i));
        db_copy_int(copy, *(int64_t *)g_hash_table_lookup(writer->conversations, key));
        db_copy_id(copy, message->outbound ? 0 : author);
        db_copy_text(copy, message->external_id);
        db_copy_bool(copy, !message->outbound);
        db_copy_text(copy, message->automatic);
        db_copy_text(copy, message->direct ? "direct" : "public");
        db_copy_text(copy, network_of(writer, message));
        db_copy_text(copy, message->lang);
        db_copy_text(copy, message->subject);
        db_copy_text(copy, message->body);
        db_copy_text(copy, message->rest);
        db_copy_text(copy, message->permalink);
        db_copy_text(copy, message->parent);
        db_copy_json(copy, extra);
        db_copy_time(copy, message->sent_at);
    }
    if (!db_copy_end(copy, error))
        return false;
    g_array_append_vals(made, ids->data, ids->len);
    return true;
}

/* CONFLICT: something of it is known, nothing was written. */
static bool write_bulk(MessageWriter *writer, const GPtrArray *messages, GArray *made,
                       GError **error)
{
    g_autoptr(GError) problem = NULL;
    if (!db_script(writer->db, "savepoint bulk", error))
        return false;
    if (bulk_authors(writer, messages, &problem) &&
        bulk_conversations(writer, messages, &problem) &&
        bulk_messages(writer, messages, made, &problem))
        return db_script(writer->db, "release savepoint bulk", error);
    message_writer_reset(writer);
    if (g_error_matches(problem, BW_ERROR, BW_ERROR_CONFLICT) &&
        !db_script(writer->db, "rollback to savepoint bulk", error))
        return false;
    g_propagate_error(error, g_steal_pointer(&problem));
    return false;
}

static bool write_carefully(MessageWriter *writer, const GPtrArray *messages, GArray *made,
                            GError **error)
{
    if (!find_authors(writer, messages, error) || !find_conversations(writer, messages, error))
        return false;
    g_auto(Columns) columns = {0};
    columns_init(&columns, messages->len);
    for (guint i = 0; i < messages->len; i++)
        columns_add(&columns, writer, messages->pdata[i]);
    return insert(writer, &columns, made, error);
}

static bool write_all(MessageWriter *writer, const GPtrArray *messages, GArray *made,
                      GError **error)
{
    g_autoptr(GError) problem = NULL;
    if (messages->len < BULK)
        return write_carefully(writer, messages, made, error);
    if (write_bulk(writer, messages, made, &problem))
        return true;
    if (g_error_matches(problem, BW_ERROR, BW_ERROR_CONFLICT))
        return write_carefully(writer, messages, made, error);
    g_propagate_error(error, g_steal_pointer(&problem));
    return false;
}

bool message_write(MessageWriter *writer, const GPtrArray *messages, int *stored, GError **error)
{
    *stored = 0;
    if (!messages->len)
        return true;
    if (g_hash_table_size(writer->authors) > MOST_REMEMBERED ||
        g_hash_table_size(writer->conversations) > MOST_REMEMBERED)
        message_writer_reset(writer);
    g_autoptr(GArray) made = g_array_new(FALSE, FALSE, sizeof(int64_t));
    if (!write_all(writer, messages, made, error))
        return false;
    *stored = (int)made->len;
    return !made->len ||
           db_run(writer->db, error, "insert into intake (brand_id, message_ids) values ($1, $2)",
                  db_int(writer->brand), db_ints(made));
}
