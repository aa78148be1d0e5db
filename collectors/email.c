/* Mailboxes: in by IMAP, out by SMTP. */
#include "collectors/email.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

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

char *email_own_mark(const Email *email, const char *what)
{
    g_autofree char *mac = g_compute_hmac_for_string(G_CHECKSUM_SHA256, (const guchar *)email->key,
                                                     strlen(email->key), what, -1);
    return g_strdup_printf("%s %.32s", what, mac);
}

bool email_is_own_mark(const Email *email, const char *mark)
{
    const char *space = mark ? strchr(mark, ' ') : NULL;
    if (!space)
        return false;
    g_autofree char *what = g_strndup(mark, (gsize)(space - mark));
    g_autofree char *right = email_own_mark(email, what);
    return strcmp(mark, right) == 0;
}

/* ---- the IMAP connection ---- */

static bool connect_imap(Email *email, GError **error)
{
    if (email->imap && imap_is_lost(email->imap))
        g_clear_pointer(&email->imap, imap_free);
    if (!email->imap) {
        email->imap = imap_open(&email->imap_settings, error);
        email->swept = false;
    }
    return email->imap != NULL;
}

/* With the folder open. A connection that has died since the last call is made anew at once. */
bool email_enter_folder(Email *email, ImapFolder *folder, GError **error)
{
    for (int turn = 0; turn < 2; turn++) {
        g_autoptr(GError) problem = NULL;
        bool fresh = !email->imap || imap_is_lost(email->imap);
        if (!connect_imap(email, error))
            return false;
        if (imap_select(email->imap, email->folder, folder, &problem))
            return true;
        if (fresh || !imap_is_lost(email->imap)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return false;
        }
    }
    return bw_fail(error, BW_ERROR_TEMPORARY, "the mail server closes its connections at once");
}

/* ---- the connector ---- */

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

static char *email_check(void *connection, GError **error)
{
    Email *email = connection;
    ImapFolder folder;
    if (!email_enter_folder(email, &folder, error) || !smtp_check(email->smtp, error))
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
