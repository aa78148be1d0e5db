/* Sending from a mailbox.
 *
 * SMTP can not be asked whether a mail went out. So our own address is a second recipient of each:
 * the same transaction that delivers the answer puts a copy into our mailbox, which is the proof.
 * The poll moves such copies to the Sent folder. They are known by their mark. When the copy of a
 * mail in doubt has not come, a mail to ourselves that has come by the same way later shows that it
 * will not. */
#include "collectors/email.h"
#include "collectors/letter.h"
#include "collectors/threading.h"

#include <string.h>

enum { GIVE_UP_S = 15 * 60 }; /* then a person decides what became of a mail */

static char *delivery_mark(const Email *email, const Outgoing *outgoing)
{
    g_autofree char *what = g_strdup_printf("%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT,
                                            outgoing->brand, outgoing->delivery);
    return email_own_mark(email, what);
}

static char *probe_mark(const Email *email, const Outgoing *outgoing)
{
    g_autofree char *what =
        g_strdup_printf(EMAIL_PROBE "%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT "/%d", outgoing->brand,
                        outgoing->delivery, outgoing->attempt);
    return email_own_mark(email, what);
}

/* ---- send ---- */

static const char *extra_text(const Outgoing *outgoing, const char *name)
{
    return json_string_value(json_object_get(outgoing->to_extra, name));
}

bool email_send(void *connection, const Outgoing *outgoing, Sent *sent, GError **error)
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
                     int64_t since, GArray **uids, GError **error)
{
    g_autoptr(GError) problem = NULL;
    if (!imap_select(email->imap, folder, NULL, &problem)) {
        if (g_error_matches(problem, BW_ERROR, BW_ERROR_DENIED)) /* nothing was ever moved there */
            return SEEN_NOT;
        g_propagate_error(error, g_steal_pointer(&problem));
        return SEEN_ERROR;
    }
    g_autoptr(GArray) found = imap_search_header(email->imap, field, value, since, error);
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
        Seen seen =
            look_for(email, folders[i], "X-Breakwater-Id", mark, outgoing->attempt_at, NULL, error);
        if (seen == SEEN_NOT)
            seen = look_for(email, folders[i], "Message-ID", id, outgoing->attempt_at, NULL, error);
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
    Seen seen =
        look_for(email, email->folder, "X-Breakwater-Id", mark, outgoing->attempt_at, &uids, error);
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

Found email_find_sent(void *connection, const Outgoing *outgoing, Sent *sent, GError **error)
{
    Email *email = connection;
    ImapFolder folder;
    if (!outgoing->handed)
        return FOUND_NOT;
    int64_t age = g_get_real_time() - outgoing->attempt_at;
    g_autofree char *id =
        threading_message_id(outgoing->brand, outgoing->delivery, outgoing->to_thread, email->own);
    if (!email_enter_folder(email, &folder, error))
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
