#include "collectors/automatic.h"

#include <string.h>

static const char *field(GMimeMessage *message, const char *name)
{
    return g_mime_object_get_header(GMIME_OBJECT(message), name);
}

static bool field_begins(GMimeMessage *message, const char *name, const char *word)
{
    const char *value = field(message, name);
    return value && g_ascii_strncasecmp(value + strspn(value, " \t"), word, strlen(word)) == 0;
}

bool automatic_is_noreply(const char *address)
{
    static const char *const names[] = {"noreply",       "no-reply",       "no_reply",
                                        "donotreply",    "do-not-reply",   "do_not_reply",
                                        "nepasrepondre", "ne-pas-repondre"};
    const char *at = strchr(address, '@');
    for (size_t i = 0; at && i < G_N_ELEMENTS(names); i++)
        if ((size_t)(at - address) >= strlen(names[i]) &&
            g_ascii_strncasecmp(address, names[i], strlen(names[i])) == 0 &&
            !g_ascii_isalnum(address[strlen(names[i])]))
            return true;
    return false;
}

static bool is_daemon(const char *address)
{
    return g_str_has_prefix(address, "mailer-daemon@") ||
           g_str_has_prefix(address, "postmaster@") || g_str_has_prefix(address, "mail-daemon@");
}

static bool is_out_of_office(const char *subject)
{
    static const char *const beginnings[] = {"automatische antwort:",
                                             "automatic reply:",
                                             "réponse automatique",
                                             "out of office",
                                             "abwesenheitsnotiz",
                                             "abwesenheitsassistent",
                                             "autoreply:",
                                             "auto-reply:",
                                             "auto reply:",
                                             "absence du bureau",
                                             "message d'absence",
                                             "automatesch äntwert"};
    if (!subject)
        return false;
    g_autofree char *lower = g_utf8_strdown(subject, -1);
    for (size_t i = 0; i < G_N_ELEMENTS(beginnings); i++)
        if (g_str_has_prefix(lower, beginnings[i]))
            return true;
    return false;
}

/* A list we read from outside is no person; one that is our own front door (support@ as a group,
 * which passes each customer's mail on) is. */
static bool is_foreign_list(GMimeMessage *message, const char *own)
{
    static const char *const marks[] = {"List-Id", "List-Post", "List-Unsubscribe"};
    const char *domain = strchr(own, '@') ? strchr(own, '@') + 1 : own;
    bool list = field_begins(message, "Precedence", "bulk") ||
                field_begins(message, "Precedence", "list") ||
                field_begins(message, "Precedence", "junk");
    for (size_t i = 0; i < G_N_ELEMENTS(marks); i++) {
        const char *value = field(message, marks[i]);
        g_autofree char *lower = value ? g_ascii_strdown(value, -1) : NULL;
        if (lower && i < 2 && strstr(lower, domain))
            return false;
        list = list || lower;
    }
    return list;
}

static const char *report_type(GMimeMessage *message)
{
    GMimeObject *part = g_mime_message_get_mime_part(message);
    GMimeContentType *type = part ? g_mime_object_get_content_type(part) : NULL;
    if (!type || !g_mime_content_type_is_type(type, "multipart", "report"))
        return "";
    const char *report = g_mime_content_type_get_parameter(type, "report-type");
    return report ? report : "";
}

static char *word_of(const char *value)
{
    value += strspn(value, " \t");
    g_autofree char *word = g_strndup(value, strcspn(value, " \t;("));
    char *lower = g_ascii_strdown(word, -1);
    if (strcmp(lower, "auto-replied") != 0 && strcmp(lower, "auto-generated") != 0) {
        g_free(lower);
        lower = g_strdup("auto-generated");
    }
    return lower;
}

static char *classify(const Mail *mail, GMimeMessage *message, const char *own)
{
    const char *submitted = field(message, "Auto-Submitted");
    const char *report = report_type(message);
    bool null_sender = field_begins(message, "Return-Path", "<>");
    if (g_ascii_strcasecmp(report, "delivery-status") == 0 ||
        field(message, "X-Failed-Recipients") || is_daemon(mail->from))
        return g_strdup("bounce");
    if (g_ascii_strcasecmp(report, "disposition-notification") == 0)
        return g_strdup("receipt");
    if (submitted && !field_begins(message, "Auto-Submitted", "no"))
        return word_of(submitted);
    if (field_begins(message, "X-Autoreply", "yes") || field(message, "X-Autorespond") ||
        field(message, "X-AutoReply-From") || field_begins(message, "Precedence", "auto_reply") ||
        is_out_of_office(mail->subject))
        return g_strdup("auto-replied");
    if (null_sender || automatic_is_noreply(mail->from))
        return g_strdup("auto-generated");
    if (field_begins(message, "X-Spam-Flag", "YES"))
        return g_strdup("spam");
    return is_foreign_list(message, own) ? g_strdup("list") : NULL;
}

/* ---- bounces ---- */

static char *content_text(GMimeObject *object)
{
    GMimeDataWrapper *content =
        GMIME_IS_PART(object) ? g_mime_part_get_content(GMIME_PART(object)) : NULL;
    if (!content)
        return NULL;
    GMimeStream *stream = g_mime_stream_mem_new();
    g_mime_data_wrapper_write_to_stream(content, stream);
    GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
    char *text =
        mime_to_utf8(bytes->data ? (const char *)bytes->data : "", MIN(bytes->len, 65536), NULL);
    g_object_unref(stream);
    return text;
}

/* The value of a field in a block of header lines, unfolded; NULL when it is not there. */
static char *field_in(const char *block, const char *name)
{
    g_autofree char *pattern = g_strdup_printf("^%s[ \\t]*:[ \\t]*(.*(?:\\r?\\n[ \\t].*)*)", name);
    g_autoptr(GRegex) regex = g_regex_new(pattern, G_REGEX_CASELESS | G_REGEX_MULTILINE, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    if (!g_regex_match(regex, block, 0, &match))
        return NULL;
    g_autofree char *value = g_match_info_fetch(match, 1);
    GString *line = g_string_new(NULL);
    for (const char *c = value; *c; c++)
        if (!g_ascii_isspace(*c))
            g_string_append_c(line, *c);
        else if (line->len && line->str[line->len - 1] != ' ')
            g_string_append_c(line, ' ');
    return g_strchomp(g_string_free(line, FALSE));
}

/* One block per recipient, after one for the whole message. */
static void read_status(Mail *mail, const char *text, const char *own)
{
    g_autoptr(GRegex) border = g_regex_new("\\r?\\n[ \\t]*\\r?\\n", 0, 0, NULL);
    g_auto(GStrv) blocks = g_regex_split(border, text, 0);
    for (guint i = 0; i < 100 && blocks[i]; i++) {
        g_autofree char *action = field_in(blocks[i], "Action");
        g_autofree char *recipient = field_in(blocks[i], "Final-Recipient");
        if (!action || !recipient)
            continue;
        const char *semicolon = strchr(recipient, ';');
        g_autofree char *address = g_utf8_strdown(semicolon ? semicolon + 1 : recipient, -1);
        g_strstrip(address);
        if (g_ascii_strcasecmp(address, own) == 0) /* our copy of what we sent is our own affair */
            continue;
        bool failed = g_ascii_strncasecmp(action, "failed", 6) == 0;
        if (mail->failed_to && !failed)
            continue;
        g_autofree char *code = field_in(blocks[i], "Diagnostic-Code");
        g_autofree char *status = field_in(blocks[i], "Status");
        const char *detail = code && strchr(code, ';') ? strchr(code, ';') + 1 : code;
        detail = detail ? detail + strspn(detail, " ") : status ? status : "no reason given";
        g_free(mail->failed_to);
        g_free(mail->failed_reason);
        mail->failed_to = g_steal_pointer(&address);
        mail->failed_reason = g_utf8_substring(detail, 0, MIN(300, g_utf8_strlen(detail, -1)));
        mail->failed = failed;
        if (failed)
            return;
    }
}

static char *first_id(const char *value)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    mime_read_ids(value, ids);
    return ids->len ? g_strdup(ids->pdata[0]) : NULL;
}

static void read_bounce_part(Mail *mail, GMimeObject *object, const char *own)
{
    GMimeContentType *type = g_mime_object_get_content_type(object);
    if (GMIME_IS_MESSAGE_PART(object)) {
        GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));
        if (inner && !mail->failed_id)
            mail->failed_id = first_id(field(inner, "Message-ID"));
    } else if (g_mime_content_type_is_type(type, "message", "delivery-status") ||
               g_mime_content_type_is_type(type, "message", "global-delivery-status")) {
        g_autofree char *text = content_text(object);
        if (text)
            read_status(mail, text, own);
    } else if (g_mime_content_type_is_type(type, "text", "rfc822-headers") ||
               g_mime_content_type_is_type(type, "message", "rfc822-headers")) {
        g_autofree char *text = content_text(object);
        g_autofree char *value = text && !mail->failed_id ? field_in(text, "Message-ID") : NULL;
        if (value)
            mail->failed_id = first_id(value);
    }
}

/* Servers that follow no standard name the message somewhere in the text. */
static void read_plain_bounce(Mail *mail, GMimeMessage *message)
{
    const char *recipient = field(message, "X-Failed-Recipients");
    if (!mail->failed_id)
        mail->failed_id = field_in(mail->text, "Message-ID");
    if (mail->failed_id) {
        char *id = first_id(mail->failed_id);
        if (id) {
            g_free(mail->failed_id);
            mail->failed_id = id;
        }
    }
    if (recipient && !mail->failed_to) {
        mail->failed_to = g_utf8_strdown(recipient, -1);
        g_strstrip(mail->failed_to);
        mail->failed_reason = g_strdup("the other side's server returned it");
        mail->failed = true;
    }
}

void automatic_read(Mail *mail, GMimeMessage *message, const char *own)
{
    mail->automatic = classify(mail, message, own);
    if (g_strcmp0(mail->automatic, "bounce") != 0)
        return;
    GMimeObject *part = g_mime_message_get_mime_part(message);
    if (GMIME_IS_MULTIPART(part))
        for (int i = 0; i < MIN(g_mime_multipart_get_count(GMIME_MULTIPART(part)), 20); i++)
            read_bounce_part(mail, g_mime_multipart_get_part(GMIME_MULTIPART(part), i), own);
    read_plain_bounce(mail, message);
}
