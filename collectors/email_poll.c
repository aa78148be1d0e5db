/* Reading a mailbox. Cursor: {"uidvalidity","last_uid","at"}; \Seen is left to people. A mailbox
 * that was made anew is read again from two days before `at`: external ids tell what is known. */
#include "collectors/email.h"
#include "collectors/quote.h"
#include "collectors/threading.h"

#include <string.h>
#include <unistd.h>

enum {
    WHOLE_BYTES = 25 * 1024 * 1024, /* larger mails are read in part */
    PART_BYTES = 1024 * 1024,
    RAW_BYTES = 1024 * 1024,
    HEADER_BYTES = 64 * 1024,
    POLL_BYTES = 32 * 1024 * 1024,
    POLL_MAILS = 100,
    MOST_REFUSED = 3, /* a mail that the server would not give out so often goes to quarantine */
    MOST_LOST = 10,   /* ... or during which the connection broke so often */
    IDLE_MS = 60000,  /* with IDLE: the safety net */
    RESCAN_S = 2 * 86400,
};

/* ---- where to begin ---- */

typedef struct Position {
    uint32_t uidvalidity, last_uid;
    int64_t at;
} Position;

static json_t *position_json(const Position *position)
{
    return json_pack("{s:I, s:I, s:I}", "uidvalidity", (json_int_t)position->uidvalidity,
                     "last_uid", (json_int_t)position->last_uid, "at", (json_int_t)position->at);
}

/* Before the first mail that the server got at `since` or later. */
static bool find_start(Email *email, const ImapFolder *folder, int64_t since, uint32_t *last_uid,
                       GError **error)
{
    g_autoptr(GArray) uids = imap_search_since(email->imap, since, error);
    if (!uids)
        return false;
    for (guint i = 0; i < uids->len; i += POLL_MAILS) {
        const uint32_t *some = &g_array_index(uids, uint32_t, i);
        g_autoptr(GArray) items =
            imap_list(email->imap, some, MIN(POLL_MAILS, uids->len - i), error);
        if (!items)
            return false;
        for (guint n = 0; n < items->len; n++) {
            const ImapItem *item = &g_array_index(items, ImapItem, n);
            if (item->date >= since) {
                *last_uid = item->uid - 1;
                return true;
            }
        }
    }
    *last_uid = folder->uidnext ? folder->uidnext - 1 : 0;
    return true;
}

/* Reads the cursor. `moved`: the position is a new one and has to be stored. */
static bool take_position(Email *email, const ImapFolder *folder, const json_t *cursor,
                          Position *position, bool *moved, GError **error)
{
    int64_t now = g_get_real_time();
    json_int_t uidvalidity = json_integer_value(json_object_get(cursor, "uidvalidity"));
    *position = (Position){folder->uidvalidity,
                           (uint32_t)json_integer_value(json_object_get(cursor, "last_uid")),
                           json_integer_value(json_object_get(cursor, "at"))};
    *moved = !cursor || uidvalidity != (json_int_t)folder->uidvalidity;
    if (!*moved)
        return true;
    int64_t since =
        cursor ? position->at - RESCAN_S * SECOND : now - email->since_days * 86400 * SECOND;
    if (!cursor && email->since_days == 0)
        since = now + 86400 * SECOND * 2;
    position->at = now;
    return find_start(email, folder, since, &position->last_uid, error);
}

/* ---- a mail to a message ---- */

static json_t *string_list(const GPtrArray *texts)
{
    json_t *list = json_array();
    for (guint i = 0; i < texts->len; i++)
        json_array_append_new(list, json_string(texts->pdata[i]));
    return list;
}

static json_t *extra_of(const Mail *mail)
{
    json_t *extra = json_object();
    json_object_set_new(extra, "references", threading_chain(mail));
    json_object_set_new(extra, "to", string_list(mail->to));
    if (mail->message_id)
        json_object_set_new(extra, "message_id", json_string(mail->message_id));
    if (mail->reply_to)
        json_object_set_new(extra, "reply_to", json_string(mail->reply_to));
    if (json_array_size(mail->attachments))
        json_object_set(extra, "attachments", mail->attachments);
    return extra;
}

static const char *other_side(const Email *email, const Mail *mail)
{
    for (guint i = 0; i < mail->to->len; i++)
        if (strcmp(mail->to->pdata[i], email->own) != 0)
            return mail->to->pdata[i];
    return email->own;
}

static Message *message_of(Email *email, const Mail *mail, int64_t received)
{
    Message *message = message_new();
    message->external_id = threading_external_id(mail, email->own);
    message->thread = threading_token(mail, email->own);
    message->parent = g_strdup(mail->parent);
    message->outbound = mail->own;
    message->author_id = g_strdup(mail->own ? other_side(email, mail) : mail->from);
    message->author_handle = g_strdup(message->author_id);
    message->author_name = g_strdup(mail->own ? NULL : mail->from_name);
    message->automatic = g_strdup(mail->own ? "own" : mail->automatic);
    message->direct = true;
    message->subject = g_strdup(mail->subject);
    message->extra = extra_of(mail);
    message->sent_at = received;
    quote_split(mail->text, &message->body, &message->rest);
    return message;
}

/* A bounce of something we sent to a customer: the answer has not arrived. */
static void add_receipt(Email *email, const Mail *mail, Poll *poll)
{
    g_autofree char *thread =
        mail->failed && mail->failed_id ? threading_of_own(mail->failed_id, email->own) : NULL;
    if (!thread)
        return;
    Receipt *receipt = g_new0(Receipt, 1);
    receipt->external_id = g_ascii_strdown(mail->failed_id, -1);
    receipt->reason = g_strdup_printf(
        "came back from %s: %s", mail->failed_to ? mail->failed_to : "the mail server",
        mail->failed_reason ? mail->failed_reason : "no reason given");
    g_ptr_array_add(poll->receipts, receipt);
}

static void add_unreadable(Poll *poll, GBytes *raw, uint32_t size, const char *id,
                           const char *reason)
{
    Unreadable *unreadable = g_new0(Unreadable, 1);
    unreadable->external_id = g_strdup(id);
    unreadable->reason = g_strdup(reason);
    unreadable->raw = g_bytes_new_from_bytes(raw, 0, MIN(g_bytes_get_size(raw), RAW_BYTES));
    unreadable->size = size;
    g_ptr_array_add(poll->unreadable, unreadable);
}

/* Copies to move and probes to delete once the poll has read all. */
typedef struct Chores {
    GArray *move, *drop;
} Chores;

/* NULL: a mail to ourselves, which nobody is shown. */
static Message *take_mail(Email *email, const Mail *mail, const ImapItem *item, Poll *poll,
                          Chores *chores)
{
    bool marked = mail->own && email_is_own_mark(email, mail->breakwater_id);
    if (marked && g_str_has_prefix(mail->breakwater_id, EMAIL_PROBE)) {
        g_hash_table_insert(email->probes, g_strdup(mail->breakwater_id), GINT_TO_POINTER(TRUE));
        g_array_append_val(chores->drop, item->uid);
        return NULL;
    }
    if (marked) {
        email->latest_own = MAX(email->latest_own, mail->date);
        g_array_append_val(chores->move, item->uid);
    }
    Message *message = message_of(email, mail, item->date);
    add_receipt(email, mail, poll);
    g_ptr_array_add(poll->messages, message);
    return message;
}

/* The text of a mail that is too large to be read whole, where its beginning does not have it. */
static void read_text_section(Email *email, uint32_t uid, const json_t *structure, Mail *mail)
{
    const char *section = json_string_value(json_object_get(structure, "text"));
    const char *head = json_string_value(json_object_get(structure, "head"));
    g_autoptr(GBytes) bytes =
        section ? imap_fetch_section(email->imap, uid, section, PART_BYTES, NULL) : NULL;
    if (!bytes)
        return;
    GByteArray *raw = g_byte_array_new();
    gsize size;
    const guint8 *data = g_bytes_get_data(bytes, &size);
    g_byte_array_append(raw, (const guint8 *)"From: x@x\r\n", 11);
    g_byte_array_append(raw, (const guint8 *)head, (guint)strlen(head));
    g_byte_array_append(raw, (const guint8 *)"\r\n", 2);
    g_byte_array_append(raw, data, (guint)size);
    g_autoptr(Mail) part = mime_read(raw->data, raw->len, email->own, NULL);
    g_byte_array_unref(raw);
    if (part) {
        g_free(mail->text);
        mail->text = g_steal_pointer(&part->text);
    }
}

static void complete_large(Email *email, const ImapItem *item, Mail *mail)
{
    json_t *structure = imap_structure(email->imap, item->uid, NULL);
    if (structure) {
        json_decref(mail->attachments);
        mail->attachments = json_incref(json_object_get(structure, "attachments"));
        if (!*mail->text)
            read_text_section(email, item->uid, structure, mail);
        json_decref(structure);
    }
}

/* Fetches one mail and adds it. False: it could not be fetched, this time. */
static bool read_item(Email *email, const ImapItem *item, Poll *poll, Chores *chores,
                      GError **error)
{
    bool large = item->size > WHOLE_BYTES;
    g_autoptr(GError) problem = NULL;
    g_autoptr(GBytes) bytes = imap_fetch(email->imap, item->uid, large ? PART_BYTES : 0, &problem);
    if (!bytes && problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return false;
    }
    if (!bytes) /* somebody has deleted it meanwhile */
        return true;
    gsize size;
    const void *data = g_bytes_get_data(bytes, &size);
    g_autoptr(Mail) mail = mime_read(data, size, email->own, &problem);
    if (!mail) {
        g_autofree char *sum = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, bytes);
        add_unreadable(poll, bytes, item->size, sum, problem->message);
        return true;
    }
    if (large)
        complete_large(email, item, mail);
    Message *message = take_mail(email, mail, item, poll, chores);
    if (large && message) {
        char *noted =
            g_strdup_printf("%s%s[This mail is %.0f MB large: what is attached is in the mailbox.]",
                            message->body, *message->body ? "\n\n" : "", item->size / 1e6);
        g_free(message->body);
        message->body = noted;
    }
    g_hash_table_remove(email->trouble, GUINT_TO_POINTER(item->uid));
    return true;
}

/* A mail that can not be fetched again and again must not hold up those behind it. */
static bool give_up(Email *email, const ImapItem *item, const GError *problem, Poll *poll)
{
    gpointer key = GUINT_TO_POINTER(item->uid);
    int count = GPOINTER_TO_INT(g_hash_table_lookup(email->trouble, key)) + 1;
    g_hash_table_insert(email->trouble, key, GINT_TO_POINTER(count));
    if (count < (imap_is_lost(email->imap) ? MOST_LOST : MOST_REFUSED))
        return false;
    g_autoptr(GBytes) nothing = g_bytes_new_static("", 0);
    g_autofree char *id = g_strdup_printf("uid %u, %" G_GINT64_FORMAT, item->uid, item->date);
    g_autofree char *reason = g_strdup_printf("it can not be fetched: %s", problem->message);
    add_unreadable(poll, nothing, item->size, id, reason);
    g_hash_table_remove(email->trouble, key);
    return true;
}

/* Reads what is new, as far as one poll goes. */
static bool read_new(Email *email, Position *position, Poll *poll, Chores *chores, GError **error)
{
    bool announced = false;
    g_autoptr(GArray) uids =
        imap_search_from(email->imap, position->last_uid + 1, &announced, error);
    if (!uids)
        return false;
    guint count = MIN(uids->len, POLL_MAILS);
    g_autoptr(GArray) items =
        imap_list(email->imap, (const uint32_t *)(const void *)uids->data, count, error);
    if (!items)
        return false;
    poll->more = uids->len > 0 || announced;
    int64_t total = 0;
    for (guint i = 0; i < items->len; i++) {
        const ImapItem *item = &g_array_index(items, ImapItem, i);
        g_autoptr(GError) problem = NULL;
        int64_t cost = item->size > WHOLE_BYTES ? PART_BYTES : item->size;
        if (i > 0 && total + cost > POLL_BYTES)
            return true;
        if (!read_item(email, item, poll, chores, &problem) &&
            !give_up(email, item, problem, poll)) {
            if (i > 0)
                return true;
            g_propagate_error(error, g_steal_pointer(&problem));
            return false;
        }
        total += cost;
        position->last_uid = item->uid;
        if (imap_is_lost(email->imap))
            return true;
    }
    if (count)
        position->last_uid = MAX(position->last_uid, g_array_index(uids, uint32_t, count - 1));
    return true;
}

/* What an earlier connection had read but could not move before it broke, or before we were ended.
 */
static void sweep(Email *email, const Position *position, Chores *chores)
{
    if (email->swept || imap_is_lost(email->imap))
        return;
    g_autoptr(GArray) uids = imap_search_header(email->imap, "X-Breakwater-Id", "",
                                                position->at - RESCAN_S * SECOND, NULL);
    email->swept = uids != NULL;
    for (guint i = 0; uids && i < uids->len && !imap_is_lost(email->imap); i++) {
        uint32_t uid = g_array_index(uids, uint32_t, i);
        g_autoptr(GBytes) bytes =
            uid <= position->last_uid ? imap_fetch(email->imap, uid, HEADER_BYTES, NULL) : NULL;
        if (!bytes)
            continue;
        gsize size;
        const void *data = g_bytes_get_data(bytes, &size);
        g_autoptr(Mail) mail = mime_read(data, size, email->own, NULL);
        if (mail && mail->own && email_is_own_mark(email, mail->breakwater_id))
            g_array_append_val(g_str_has_prefix(mail->breakwater_id, EMAIL_PROBE) ? chores->drop
                                                                                  : chores->move,
                               uid);
    }
}

/* What fails here is done by the next connection; nothing but the look of the mailbox depends on
 * it. */
static void do_chores(Email *email, const Chores *chores)
{
    if (chores->move->len && !imap_is_lost(email->imap))
        imap_move(email->imap, chores->move, email->sent_folder, NULL);
    if (chores->drop->len && !imap_is_lost(email->imap))
        imap_delete(email->imap, chores->drop, NULL);
}

static bool poll_folder(Email *email, const json_t *cursor, Poll *poll, GError **error)
{
    ImapFolder folder;
    Position position;
    bool moved;
    if (!email_enter_folder(email, &folder, error) ||
        !take_position(email, &folder, cursor, &position, &moved, error))
        return false;
    Chores chores = {g_array_new(FALSE, FALSE, sizeof(uint32_t)),
                     g_array_new(FALSE, FALSE, sizeof(uint32_t))};
    uint32_t before = position.last_uid;
    sweep(email, &position, &chores);
    bool read = read_new(email, &position, poll, &chores, error);
    if (read)
        do_chores(email, &chores);
    g_array_unref(chores.move);
    g_array_unref(chores.drop);
    int64_t now = g_get_real_time();
    if (read && (moved || position.last_uid != before || now - position.at > 3600 * SECOND)) {
        if (!poll->more)
            position.at = now;
        poll->cursor = position_json(&position);
    }
    poll->next_ms = email->idle_works ? IDLE_MS : 0;
    return read;
}

bool email_poll(void *connection, const json_t *cursor, Poll *poll, GError **error)
{
    Email *email = connection;
    g_autoptr(GError) problem = NULL;
    uint64_t bell;
    while (read(email->wake, &bell, sizeof bell) > 0)
        ;
    bool had = email->imap != NULL;
    if (poll_folder(email, cursor, poll, &problem))
        return true;
    /* servers close connections that were quiet for long: that is no failure */
    bool stale = had && email->imap && imap_is_lost(email->imap) && poll->messages->len == 0 &&
                 poll->unreadable->len == 0 && g_hash_table_size(email->trouble) == 0;
    if (!stale) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return false;
    }
    return poll_folder(email, cursor, poll, error);
}
