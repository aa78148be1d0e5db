/* Mailboxes: in by IMAP, out by SMTP.
 *
 * Cursor: {"uidvalidity","last_uid","at"}; \Seen is left to people. A mailbox that was made anew is
 * read again from two days before `at`: external ids tell what is known.
 *
 * SMTP can not be asked whether a mail went out. So our own address is a second recipient of each:
 * the same transaction that delivers the answer puts a copy into our mailbox, which is the proof.
 * The poll moves such copies to the Sent folder. They are known by X-Breakwater-Id, which ends in a
 * MAC that nobody else can make. When the copy of a mail in doubt has not come, a mail to ourselves
 * that has come by the same way later shows that it will not. */
#include "collectors/connector.h"
#include "collectors/imap.h"
#include "collectors/letter.h"
#include "collectors/quote.h"
#include "collectors/smtp.h"
#include "collectors/threading.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SECOND G_GINT64_CONSTANT(1000000)

enum {
    WHOLE_BYTES = 25 * 1024 * 1024, /* larger mails are read in part */
    PART_BYTES = 1024 * 1024,
    RAW_BYTES = 1024 * 1024,
    POLL_BYTES = 32 * 1024 * 1024,
    POLL_MAILS = 100,
    MOST_TROUBLE = 3,    /* a mail that could not be fetched so often goes to quarantine */
    IDLE_MS = 60000,     /* with IDLE: the safety net */
    GIVE_UP_S = 15 * 60, /* then a person decides what became of a mail */
    RESCAN_S = 2 * 86400,
};

typedef struct Email {
    ImapSettings imap_settings;
    Imap *imap; /* NULL: not connected */
    Smtp *smtp;
    char *own, *own_name, *folder, *sent_folder;
    char *key; /* of the MACs */
    int since_days, settle_s;
    int wake; /* an eventfd: readable when news are known already */
    bool idle_works;
    GHashTable *trouble; /* uid -> failed fetches */
    GHashTable *probes;  /* the X-Breakwater-Id of mails to ourselves: sent, or that have come */
    int64_t latest_own;  /* the newest date of a copy that has come */
    GPtrArray *texts;    /* owns what the settings above point to */
} Email;

/* ---- settings ---- */

static const ConnectorField fields[] = {
    {"address", false, true, NULL, "the mailbox's own address, who we are"},
    {"from_name", false, false, NULL, "the name beside it, as customers see it"},
    {"imap_url", false, true, NULL, "imaps://HOST[:PORT], or imap://HOST[:PORT] for STARTTLS"},
    {"smtp_url", false, true, NULL, "smtps://HOST[:PORT], or smtp://HOST[:PORT] for STARTTLS"},
    {"user", false, false, NULL, "the name to sign in with; the address unless given"},
    {"password", true, true, NULL, "the mailbox's password"},
    {"folder", false, false, "INBOX", "the folder that mail arrives in"},
    {"sent_folder", false, false, "Sent", "where copies of what we send are kept"},
    {"ca_file", false, false, NULL,
     "certificates of your own authority, PEM; the system's unless given"},
    {"since_days", false, false, "1",
     "at the start, mail of so many days is read too; 0: only new mail"},
    {"settle_s", false, false, "60",
     "so many seconds after a broken sending its copy may still come"},
    {0},
};

static const char *setting(Email *email, const Channel *channel, const char *name)
{
    const char *value = channel_text(channel, name);
    for (const ConnectorField *field = fields; field->name && (!value || !*value); field++)
        if (strcmp(field->name, name) == 0)
            value = field->standard;
    if (!value || !*value)
        return NULL;
    g_ptr_array_add(email->texts, g_strdup(value));
    return email->texts->pdata[email->texts->len - 1];
}

static bool read_number(Email *email, const Channel *channel, const char *name, int most,
                        int *number, GError **error)
{
    guint64 value;
    const char *text = setting(email, channel, name);
    if (!g_ascii_string_to_unsigned(text, 10, 0, (guint64)most, &value, NULL))
        return bw_fail(error, BW_ERROR_INVALID, "%s must be a number from 0 to %d", name, most);
    *number = (int)value;
    return true;
}

static bool read_settings(Email *email, const Channel *channel, GError **error)
{
    const char *address = setting(email, channel, "address");
    const char *user = setting(email, channel, "user");
    const char *password = setting(email, channel, "password");
    const char *imap_url = setting(email, channel, "imap_url");
    const char *smtp_url = setting(email, channel, "smtp_url");
    const char *ca_file = setting(email, channel, "ca_file");
    if (!address)
        address = channel->address;
    if (!smtp_is_address(address))
        return bw_fail(error, BW_ERROR_INVALID, "address must be the mailbox's e-mail address");
    if (!imap_url || !smtp_url || !password)
        return bw_fail(error, BW_ERROR_INVALID, "imap_url, smtp_url and password are needed");
    email->own = g_utf8_strdown(address, -1);
    email->own_name = g_strdup(setting(email, channel, "from_name"));
    email->folder = g_strdup(setting(email, channel, "folder"));
    email->sent_folder = g_strdup(setting(email, channel, "sent_folder"));
    email->key = g_compute_hmac_for_string(G_CHECKSUM_SHA256, (const guchar *)password,
                                           strlen(password), "X-Breakwater-Id", -1);
    if (!user) {
        g_ptr_array_add(email->texts, g_strdup(address));
        user = email->texts->pdata[email->texts->len - 1];
    }
    email->imap_settings = (ImapSettings){imap_url, user, password, ca_file};
    SmtpSettings smtp_settings = {smtp_url, user, password, ca_file};
    if (!imap_check_url(imap_url, error) ||
        !read_number(email, channel, "since_days", 3650, &email->since_days, error) ||
        !read_number(email, channel, "settle_s", 3600, &email->settle_s, error))
        return false;
    email->smtp = smtp_new(&smtp_settings, error);
    return email->smtp != NULL;
}

static void email_close(void *connection)
{
    Email *email = connection;
    imap_free(email->imap);
    smtp_free(email->smtp);
    g_free(email->own);
    g_free(email->own_name);
    g_free(email->folder);
    g_free(email->sent_folder);
    g_free(email->key);
    g_hash_table_unref(email->trouble);
    g_hash_table_unref(email->probes);
    g_ptr_array_unref(email->texts);
    if (email->wake >= 0)
        close(email->wake);
    g_free(email);
}

static void *email_open(const Channel *channel, GError **error)
{
    Email *email = g_new0(Email, 1);
    email->texts = g_ptr_array_new_with_free_func(g_free);
    email->trouble = g_hash_table_new(NULL, NULL);
    email->probes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    email->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (!read_settings(email, channel, error)) {
        email_close(email);
        return NULL;
    }
    return email;
}

/* ---- what is ours ---- */

static char *own_mark(const Email *email, const char *what)
{
    g_autofree char *mac = g_compute_hmac_for_string(G_CHECKSUM_SHA256, (const guchar *)email->key,
                                                     strlen(email->key), what, -1);
    return g_strdup_printf("%s %.32s", what, mac);
}

static char *delivery_mark(const Email *email, const Outgoing *outgoing)
{
    g_autofree char *what = g_strdup_printf("%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT,
                                            outgoing->brand, outgoing->delivery);
    return own_mark(email, what);
}

static char *probe_mark(const Email *email, const Outgoing *outgoing)
{
    g_autofree char *what = g_strdup_printf("probe-%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT "/%d",
                                            outgoing->brand, outgoing->delivery, outgoing->attempt);
    return own_mark(email, what);
}

static bool is_own_mark(const Email *email, const char *mark)
{
    const char *space = mark ? strchr(mark, ' ') : NULL;
    if (!space)
        return false;
    g_autofree char *what = g_strndup(mark, (gsize)(space - mark));
    g_autofree char *right = own_mark(email, what);
    return strcmp(mark, right) == 0;
}

/* ---- the IMAP connection ---- */

static bool connect_imap(Email *email, GError **error)
{
    if (email->imap && imap_is_lost(email->imap))
        g_clear_pointer(&email->imap, imap_free);
    if (!email->imap)
        email->imap = imap_open(&email->imap_settings, error);
    return email->imap != NULL;
}

/* With the folder open. A connection that has died since the last call is made anew at once. */
static bool enter_folder(Email *email, ImapFolder *folder, bool *fresh, GError **error)
{
    for (int turn = 0; turn < 2; turn++) {
        g_autoptr(GError) problem = NULL;
        *fresh = !email->imap || imap_is_lost(email->imap);
        if (!connect_imap(email, error))
            return false;
        if (imap_select(email->imap, email->folder, folder, &problem))
            return true;
        if (*fresh || !imap_is_lost(email->imap)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return false;
        }
    }
    return bw_fail(error, BW_ERROR_TEMPORARY, "the mail server closes its connections at once");
}

/* ---- poll: where to begin ---- */

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

/* ---- poll: a mail to a message ---- */

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

static void take_mail(Email *email, const Mail *mail, const ImapItem *item, Poll *poll,
                      Chores *chores)
{
    bool marked = mail->own && is_own_mark(email, mail->breakwater_id);
    if (marked && g_str_has_prefix(mail->breakwater_id, "probe-")) {
        g_hash_table_insert(email->probes, g_strdup(mail->breakwater_id), GINT_TO_POINTER(TRUE));
        g_array_append_val(chores->drop, item->uid);
        return;
    }
    if (marked) {
        email->latest_own = MAX(email->latest_own, mail->date);
        g_array_append_val(chores->move, item->uid);
    }
    add_receipt(email, mail, poll);
    g_ptr_array_add(poll->messages, message_of(email, mail, item->date));
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
    take_mail(email, mail, item, poll, chores);
    if (large && poll->messages->len) {
        Message *message = poll->messages->pdata[poll->messages->len - 1];
        char *noted =
            g_strdup_printf("%s%s[This mail is %.0f MB large: what is attached is in the mailbox.]",
                            message->body, *message->body ? "\n\n" : "", item->size / 1e6);
        g_free(message->body);
        message->body = noted;
    }
    return true;
}

/* A mail that can not be fetched again and again must not hold up those behind it. */
static bool give_up(Email *email, const ImapItem *item, const GError *problem, Poll *poll)
{
    gpointer key = GUINT_TO_POINTER(item->uid);
    int count = GPOINTER_TO_INT(g_hash_table_lookup(email->trouble, key)) + 1;
    g_hash_table_insert(email->trouble, key, GINT_TO_POINTER(count));
    if (count < MOST_TROUBLE)
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

/* Cosmetics: what fails here is tried for the next copy again, and nothing depends on it. */
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
    bool fresh, moved;
    if (!enter_folder(email, &folder, &fresh, error) ||
        !take_position(email, &folder, cursor, &position, &moved, error))
        return false;
    Chores chores = {g_array_new(FALSE, FALSE, sizeof(uint32_t)),
                     g_array_new(FALSE, FALSE, sizeof(uint32_t))};
    uint32_t before = position.last_uid;
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

static bool email_poll(void *connection, const json_t *cursor, Poll *poll, GError **error)
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

static int email_wait_fd(void *connection)
{
    Email *email = connection;
    bool news = false;
    int fd = email->imap ? imap_idle(email->imap, &news) : -1;
    email->idle_works = fd >= 0;
    uint64_t one = 1;
    if (!news)
        return fd;
    return write(email->wake, &one, sizeof one) == sizeof one ? email->wake : fd;
}

/* ---- send ---- */

static const char *extra_text(const Outgoing *outgoing, const char *name)
{
    return json_string_value(json_object_get(outgoing->to_extra, name));
}

static bool email_send(void *connection, const Outgoing *outgoing, Sent *sent, GError **error)
{
    Email *email = connection;
    const char *to = extra_text(outgoing, "reply_to");
    if (!to)
        to = outgoing->author_id;
    if (!smtp_is_address(to))
        return bw_fail(error, BW_ERROR_INVALID, "there is no address that can be written to");
    if (g_ascii_strcasecmp(to, email->own) == 0)
        return bw_fail(error, BW_ERROR_INVALID, "this would be a mail to ourselves");
    g_autofree char *id =
        threading_message_id(outgoing->brand, outgoing->delivery, outgoing->to_thread, email->own);
    g_autofree char *mark = delivery_mark(email, outgoing);
    Letter letter = {
        .from = email->own,
        .from_name = email->own_name,
        .to = to,
        .to_name = outgoing->author_name,
        .subject = outgoing->to_subject,
        .body = outgoing->body,
        .lang = outgoing->lang,
        .message_id = id,
        .parent = extra_text(outgoing, "message_id"),
        .chain = json_object_get(outgoing->to_extra, "references"),
        .breakwater_id = mark,
        .automatic = outgoing->automatic,
        .date = g_get_real_time(),
    };
    g_autoptr(GBytes) bytes = letter_compose(&letter);
    SmtpMail mail = {email->own, email->own, to, bytes, outgoing->handing, outgoing->data};
    if (!smtp_send(email->smtp, &mail, error))
        return false;
    sent->external_id = g_steal_pointer(&id);
    return true;
}

/* ---- find_sent ---- */

typedef enum Seen { SEEN_ERROR, SEEN_NOT, SEEN } Seen;

static Seen look_for(Email *email, const char *folder, const char *field, const char *value,
                     GArray **uids, GError **error)
{
    g_autoptr(GError) problem = NULL;
    if (!imap_select(email->imap, folder, NULL, &problem)) {
        if (g_error_matches(problem, BW_ERROR, BW_ERROR_DENIED)) /* nothing was ever moved there */
            return SEEN_NOT;
        g_propagate_error(error, g_steal_pointer(&problem));
        return SEEN_ERROR;
    }
    g_autoptr(GArray) found = imap_search_header(email->imap, field, value, error);
    if (!found)
        return SEEN_ERROR;
    bool any = found->len > 0;
    if (uids)
        *uids = g_steal_pointer(&found);
    return any ? SEEN : SEEN_NOT;
}

/* By our mark, which outlives servers that give mails ids of their own, and by our Message-ID,
 * which outlives a new password. */
static Seen look_for_copy(Email *email, const Outgoing *outgoing, const char *id, GError **error)
{
    g_autofree char *mark = delivery_mark(email, outgoing);
    const char *folders[] = {email->folder, email->sent_folder};
    for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
        Seen seen = look_for(email, folders[i], "X-Breakwater-Id", mark, NULL, error);
        if (seen == SEEN_NOT)
            seen = look_for(email, folders[i], "Message-ID", id, NULL, error);
        if (seen != SEEN_NOT)
            return seen;
    }
    return SEEN_NOT;
}

/* Has a mail that left later than this attempt arrived? Sends one to ourselves where none has. */
static Seen later_has_come(Email *email, const Outgoing *outgoing, GError **error)
{
    if (email->latest_own > outgoing->attempt_at + SECOND)
        return SEEN;
    g_autofree char *mark = probe_mark(email, outgoing);
    bool sent = g_hash_table_contains(email->probes, mark);
    if (sent && GPOINTER_TO_INT(g_hash_table_lookup(email->probes, mark)))
        return SEEN;
    g_autoptr(GArray) uids = NULL;
    Seen seen = look_for(email, email->folder, "X-Breakwater-Id", mark, &uids, error);
    if (seen == SEEN) {
        imap_delete(email->imap, uids, NULL);
        g_hash_table_insert(email->probes, g_strdup(mark), GINT_TO_POINTER(TRUE));
    }
    if (seen != SEEN_NOT || sent)
        return seen;
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, mark, -1);
    g_autofree char *id = g_strdup_printf("bw-probe.%.32s%s", sum, strrchr(email->own, '@'));
    Letter letter = {
        .from = email->own,
        .to = email->own,
        .subject = "Breakwater looks whether mail arrives",
        .body = "This mail deletes itself.",
        .message_id = id,
        .breakwater_id = mark,
        .automatic = true,
        .date = g_get_real_time(),
    };
    g_autoptr(GBytes) bytes = letter_compose(&letter);
    SmtpMail mail = {.from = email->own, .to = email->own, .bytes = bytes};
    if (smtp_send(email->smtp, &mail, NULL))
        g_hash_table_insert(email->probes, g_strdup(mark), GINT_TO_POINTER(FALSE));
    return SEEN_NOT;
}

static Found email_find_sent(void *connection, const Outgoing *outgoing, Sent *sent, GError **error)
{
    Email *email = connection;
    ImapFolder folder;
    bool fresh;
    if (!outgoing->handed)
        return FOUND_NOT;
    int64_t age = g_get_real_time() - outgoing->attempt_at;
    g_autofree char *id =
        threading_message_id(outgoing->brand, outgoing->delivery, outgoing->to_thread, email->own);
    if (!enter_folder(email, &folder, &fresh, error))
        return FOUND_ERROR;
    Seen later = age < email->settle_s * SECOND ? SEEN_NOT : later_has_come(email, outgoing, error);
    if (later == SEEN_ERROR)
        return FOUND_ERROR;
    switch (look_for_copy(email, outgoing, id, error)) {
    case SEEN_ERROR:
        return FOUND_ERROR;
    case SEEN:
        sent->external_id = g_steal_pointer(&id);
        return FOUND_SENT;
    case SEEN_NOT:
        break;
    }
    if (later == SEEN)
        return FOUND_NOT;
    return age < GIVE_UP_S * SECOND ? FOUND_NOT_YET : FOUND_UNCLEAR;
}

static char *email_check(void *connection, GError **error)
{
    Email *email = connection;
    ImapFolder folder;
    bool fresh;
    if (!enter_folder(email, &folder, &fresh, error) || !smtp_check(email->smtp, error))
        return NULL;
    return g_strdup_printf("%s, %u messages in %s", email->own, folder.exists, email->folder);
}

const Connector email_connector = {
    .kind = "email",
    .summary = "a mailbox: mail in by IMAP, answers out by SMTP",
    .fields = fields,
    .poll_ms = 20000,
    .open = email_open,
    .close = email_close,
    .check = email_check,
    .poll = email_poll,
    .wait_fd = email_wait_fd,
    .send = email_send,
    .find_sent = email_find_sent,
};
