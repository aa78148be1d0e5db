#include "collectors/mime.h"

#include "collectors/automatic.h"
#include "collectors/html.h"

#include <errno.h>
#include <gmime/gmime.h>
#include <string.h>

/* Bounds for hostile mail. Deeper parts are left alone; of a mail with more lines that look like
 * the border of a part, only the beginning is read. */
#define MAX_DEPTH 100
#define MAX_PARTS 10000
#define MAX_BORDERS 20000
#define BEGINNING (1024 * 1024)
#define MAX_TEXT (1024 * 1024)
#define MAX_LISTED 200
#define MAX_IDS 100
#define DIGEST_BYTES (64 * 1024)

void mail_free(Mail *mail)
{
    if (!mail)
        return;
    g_free(mail->message_id);
    g_ptr_array_unref(mail->references);
    g_free(mail->parent);
    g_free(mail->from);
    g_free(mail->from_name);
    g_free(mail->reply_to);
    g_ptr_array_unref(mail->to);
    g_free(mail->subject);
    g_free(mail->text);
    json_decref(mail->attachments);
    g_free(mail->automatic);
    g_free(mail->breakwater_id);
    g_free(mail->digest);
    g_free(mail->failed_id);
    g_free(mail->failed_to);
    g_free(mail->failed_reason);
    g_free(mail);
}

/* ---- text ---- */

static char *convert(const char *bytes, size_t size, const char *charset)
{
    GIConv converter = g_iconv_open("UTF-8", charset);
    if (converter == (GIConv)-1)
        return NULL;
    GString *out = g_string_sized_new(size + size / 8 + 16);
    char *in = (char *)bytes;
    gsize left = size;
    while (left) {
        char buffer[4096];
        char *end = buffer;
        gsize room = sizeof buffer;
        gsize result = g_iconv(converter, &in, &left, &end, &room);
        int problem = errno;
        g_string_append_len(out, buffer, end - buffer);
        if (result != (gsize)-1 || problem == E2BIG)
            continue;
        g_string_append(out, "\xef\xbf\xbd");
        if (problem == EINVAL) /* ends in the middle of a character */
            break;
        in++;
        left--;
    }
    g_iconv_close(converter);
    char *text = g_utf8_make_valid(out->str, (gssize)out->len);
    g_string_free(out, TRUE);
    return text;
}

static bool is_single_byte(const char *charset)
{
    return g_ascii_strncasecmp(charset, "iso-8859", 8) == 0 ||
           g_ascii_strncasecmp(charset, "windows-125", 11) == 0 ||
           g_ascii_strncasecmp(charset, "cp125", 5) == 0 ||
           g_ascii_strncasecmp(charset, "latin", 5) == 0 ||
           g_ascii_strcasecmp(charset, "us-ascii") == 0 ||
           g_ascii_strcasecmp(charset, "ascii") == 0;
}

char *mime_to_utf8(const char *bytes, size_t size, const char *charset)
{
    const char *nul = memchr(bytes, '\0', size);
    g_autofree char *cleaned = NULL;
    bool wide = charset && (g_ascii_strncasecmp(charset, "utf-16", 6) == 0 ||
                            g_ascii_strncasecmp(charset, "utf-32", 6) == 0 ||
                            g_ascii_strncasecmp(charset, "ucs-", 4) == 0);
    if (nul && !wide) {
        size_t kept = 0;
        cleaned = g_malloc(size);
        for (size_t i = 0; i < size; i++)
            if (bytes[i])
                cleaned[kept++] = bytes[i];
        bytes = cleaned;
        size = kept;
    }
    bool utf8_named = !charset || !*charset || g_ascii_strcasecmp(charset, "utf-8") == 0 ||
                      g_ascii_strcasecmp(charset, "utf8") == 0 ||
                      g_ascii_strncasecmp(charset, "unknown", 7) == 0;
    if (utf8_named || (!wide && is_single_byte(charset))) {
        if (g_utf8_validate(bytes, (gssize)size, NULL))
            return g_strndup(bytes, size);
        if (charset && g_ascii_strncasecmp(charset, "utf", 3) == 0)
            return g_utf8_make_valid(bytes, (gssize)size);
    }
    const char *name = "windows-1252";
    if (!utf8_named && !g_str_has_suffix(charset, "ascii") && !g_str_has_suffix(charset, "ASCII"))
        name = g_mime_charset_iconv_name(g_mime_charset_iso_to_windows(charset));
    char *text = convert(bytes, size, name);
    if (!text && g_utf8_validate(bytes, (gssize)size, NULL))
        text = g_strndup(bytes, size);
    return text ? text : convert(bytes, size, "windows-1252");
}

/* "\r\n" and "\r" to "\n", without control characters that only draw. */
static char *plain_lines(const char *text)
{
    GString *out = g_string_sized_new(strlen(text));
    for (const char *c = text; *c; c++) {
        if (*c == '\r') {
            g_string_append_c(out, '\n');
            c += c[1] == '\n';
        } else if ((unsigned char)*c >= 32 || *c == '\n' || *c == '\t') {
            g_string_append_c(out, *c);
        }
    }
    return g_string_free(out, FALSE);
}

char *mime_unflow(const char *text, bool delsp)
{
    GString *out = g_string_new(NULL);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    size_t open_depth = 0;
    bool open = false; /* the line before goes on */
    for (guint i = 0; lines[i]; i++) {
        const char *line = lines[i];
        size_t depth = strspn(line, ">");
        line += depth;
        if (*line == ' ')
            line++;
        bool signature = strcmp(line, "-- ") == 0;
        if (open && (depth != open_depth || signature))
            open = false;
        if (!open) {
            if (i)
                g_string_append_c(out, '\n');
            for (size_t d = 0; d < depth; d++)
                g_string_append_c(out, '>');
            if (depth)
                g_string_append_c(out, ' ');
        }
        size_t length = strlen(line);
        open = length && line[length - 1] == ' ' && !signature;
        open_depth = depth;
        g_string_append_len(out, line, (gssize)(open && delsp ? length - 1 : length));
    }
    return g_string_free(out, FALSE);
}

/* ---- parts ---- */

typedef struct Reader {
    int parts;
    json_t *attachments;
    GMimeMessage *attached; /* the first mail inside this mail; borrowed */
    GByteArray *first_text; /* the first text part's bytes */
    bool too_deep;          /* something was left out */
} Reader;

static GByteArray *content_of(GMimePart *part)
{
    GByteArray *bytes = g_byte_array_new();
    GMimeDataWrapper *content = g_mime_part_get_content(part);
    if (content) {
        GMimeStream *stream = g_mime_stream_mem_new_with_byte_array(bytes);
        g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(stream), FALSE);
        g_mime_data_wrapper_write_to_stream(content, stream);
        g_object_unref(stream);
    }
    return bytes;
}

static gint64 content_size(GMimePart *part)
{
    GMimeDataWrapper *content = g_mime_part_get_content(part);
    if (!content)
        return 0;
    GMimeStream *nowhere = g_mime_stream_null_new();
    gssize size = g_mime_data_wrapper_write_to_stream(content, nowhere);
    g_object_unref(nowhere);
    return MAX(size, 0);
}

static void list_attachment(Reader *reader, const char *name, const char *type, gint64 size)
{
    if (json_array_size(reader->attachments) >= MAX_LISTED)
        return;
    g_autofree char *valid = g_utf8_make_valid(name ? name : "", -1);
    const char *slash = MAX(strrchr(valid, '/'), strrchr(valid, '\\'));
    g_autofree char *shown = g_utf8_substring(
        slash ? slash + 1 : valid, 0, MIN(200, g_utf8_strlen(slash ? slash + 1 : valid, -1)));
    for (char *c = shown; *c; c++)
        if ((unsigned char)*c < 32 || *c == 127)
            *c = ' ';
    g_autofree char *kind = g_utf8_make_valid(type, -1);
    json_array_append_new(reader->attachments,
                          json_pack("{s:s, s:s, s:I}", "name", g_strstrip(shown), "type", kind,
                                    "size", (json_int_t)size));
}

static void list_part(Reader *reader, GMimePart *part)
{
    g_autofree char *type =
        g_mime_content_type_get_mime_type(g_mime_object_get_content_type(GMIME_OBJECT(part)));
    list_attachment(reader, g_mime_part_get_filename(part), type, content_size(part));
}

static char *read_text_part(Reader *reader, GMimePart *part, bool html)
{
    g_autoptr(GByteArray) bytes = content_of(part);
    GMimeObject *object = GMIME_OBJECT(part);
    const char *charset = g_mime_object_get_content_type_parameter(object, "charset");
    size_t size = MIN(bytes->len, MAX_TEXT);
    if (!reader->first_text)
        reader->first_text = g_byte_array_ref(bytes);
    g_autofree char *meta = NULL;
    if (html && size && (!charset || !*charset)) {
        g_autofree char *head = g_strndup((const char *)bytes->data, MIN(size, 2048));
        g_autofree char *lower = g_ascii_strdown(head, -1);
        const char *named = strstr(lower, "charset=");
        if (named) {
            named += strlen("charset=");
            named += strspn(named, "\"' ");
            meta = g_strndup(named, strspn(named, "abcdefghijklmnopqrstuvwxyz0123456789-_"));
            charset = meta;
        }
    }
    g_autofree char *utf8 =
        mime_to_utf8(bytes->data ? (const char *)bytes->data : "", size, charset);
    if (html)
        return html_to_text(utf8, -1, HTML_LINKS | HTML_QUOTES, NULL);
    g_autofree char *lines = plain_lines(utf8);
    const char *format = g_mime_object_get_content_type_parameter(object, "format");
    const char *delsp = g_mime_object_get_content_type_parameter(object, "delsp");
    if (format && g_ascii_strcasecmp(format, "flowed") == 0)
        return mime_unflow(lines, delsp && g_ascii_strcasecmp(delsp, "yes") == 0);
    return g_steal_pointer(&lines);
}

static bool is_blank(const char *text)
{
    for (; *text; text = g_utf8_next_char(text))
        if (g_unichar_isgraph(g_utf8_get_char(text)))
            return false;
    return true;
}

static char *read_object(Reader *reader, GMimeObject *object, int depth, bool *is_plain);

/* The best of several forms of the same text: plain, else the last that has words. */
static char *read_alternative(Reader *reader, GMimeMultipart *multipart, int depth, bool *is_plain)
{
    char *best = NULL;
    bool best_plain = false;
    int count = g_mime_multipart_get_count(multipart);
    for (int i = 0; i < count && reader->parts < MAX_PARTS; i++) {
        bool plain = false;
        g_autofree char *text =
            read_object(reader, g_mime_multipart_get_part(multipart, i), depth + 1, &plain);
        if (!text || is_blank(text) || (best_plain && !plain))
            continue;
        if (best_plain && plain)
            continue;
        g_free(best);
        best = g_steal_pointer(&text);
        best_plain = plain;
    }
    *is_plain = best_plain;
    return best;
}

static char *read_mixed(Reader *reader, GMimeMultipart *multipart, int depth, bool *is_plain)
{
    GString *all = g_string_new(NULL);
    int count = g_mime_multipart_get_count(multipart);
    if (count == 0) { /* its border never came: then all of it stands before the first one */
        const char *prologue = g_mime_multipart_get_prologue(multipart);
        g_autofree char *utf8 = prologue ? mime_to_utf8(prologue, strlen(prologue), NULL) : NULL;
        g_string_free(all, TRUE);
        return utf8 ? plain_lines(utf8) : NULL;
    }
    for (int i = 0; i < count && reader->parts < MAX_PARTS; i++) {
        bool plain = false;
        g_autofree char *text =
            read_object(reader, g_mime_multipart_get_part(multipart, i), depth + 1, &plain);
        if (!text || is_blank(text) || all->len > MAX_TEXT)
            continue;
        *is_plain = all->len == 0 ? plain : *is_plain && plain;
        if (all->len)
            g_string_append(all, "\n\n");
        g_string_append(all, g_strchomp(text));
    }
    return g_string_free(all, all->len == 0);
}

/* The text of a part and what is in it, or NULL; what is no text is listed. */
static char *read_object(Reader *reader, GMimeObject *object, int depth, bool *is_plain)
{
    *is_plain = false;
    if (!object)
        return NULL;
    if (depth > MAX_DEPTH || ++reader->parts > MAX_PARTS) {
        reader->too_deep = true;
        return NULL;
    }
    GMimeContentType *type = g_mime_object_get_content_type(object);
    if (GMIME_IS_MULTIPART(object)) {
        if (g_mime_content_type_is_type(type, "multipart", "alternative"))
            return read_alternative(reader, GMIME_MULTIPART(object), depth, is_plain);
        return read_mixed(reader, GMIME_MULTIPART(object), depth, is_plain);
    }
    if (GMIME_IS_MESSAGE_PART(object)) {
        GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));
        const char *subject = inner ? g_mime_message_get_subject(inner) : NULL;
        if (inner && !reader->attached)
            reader->attached = inner;
        list_attachment(reader, subject, "message/rfc822", 0);
        return NULL;
    }
    if (!GMIME_IS_PART(object))
        return NULL;
    GMimePart *part = GMIME_PART(object);
    bool html = g_mime_content_type_is_type(type, "text", "html") ||
                g_mime_content_type_is_type(type, "application", "xhtml+xml");
    bool plain = g_mime_content_type_is_type(type, "text", "plain") ||
                 g_mime_content_type_is_type(type, "text", "enriched") ||
                 g_mime_content_type_is_type(type, "text", "markdown");
    bool report = g_mime_content_type_is_type(type, "message", "*") ||
                  g_mime_content_type_is_type(type, "text", "rfc822-headers");
    if (report)
        return NULL;
    if ((!html && !plain) || g_mime_part_is_attachment(part) ||
        (g_mime_part_get_filename(part) && depth > 0)) {
        list_part(reader, part);
        return NULL;
    }
    *is_plain = plain;
    return read_text_part(reader, part, html);
}

/* ---- header ---- */

static void add_id(GPtrArray *ids, char *id)
{
    if (*id && !g_ptr_array_find_with_equal_func(ids, id, g_str_equal, NULL)) {
        if (ids->len == MAX_IDS)
            g_ptr_array_remove_index(ids, 1); /* the first says which thread it is */
        g_ptr_array_add(ids, id);
    } else {
        g_free(id);
    }
}

static char *clean_id(const char *text, gsize length)
{
    GString *id = g_string_new(NULL);
    for (gsize i = 0; i < length && id->len < 500; i++)
        if ((unsigned char)text[i] > ' ' && text[i] != '<' && text[i] != '>' && text[i] != 127)
            g_string_append_c(id, text[i]);
    char *valid = g_utf8_make_valid(id->str, (gssize)id->len);
    g_string_free(id, TRUE);
    return valid;
}

void mime_read_ids(const char *value, GPtrArray *ids)
{
    if (!value)
        return;
    bool any = false;
    for (const char *open = strchr(value, '<'); open;) {
        const char *close = strchr(open, '>');
        if (!close)
            break;
        add_id(ids, clean_id(open + 1, (gsize)(close - open - 1)));
        any = true;
        open = strchr(close, '<');
    }
    if (!any && strchr(value, '@')) {
        g_auto(GStrv) words = g_strsplit_set(value, " \t\r\n", -1);
        for (guint i = 0; words[i]; i++)
            if (strchr(words[i], '@'))
                add_id(ids, clean_id(words[i], strlen(words[i])));
    }
}

/* One line of valid text without control characters, or NULL when nothing is left. */
static char *clean_line(const char *text, glong most)
{
    if (!text)
        return NULL;
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *out = g_string_new(NULL);
    glong count = 0;
    for (const char *c = valid; *c && count < most; c = g_utf8_next_char(c), count++) {
        gunichar u = g_utf8_get_char(c);
        if (g_unichar_iscntrl(u) || g_unichar_isspace(u)) {
            if (out->len && out->str[out->len - 1] != ' ')
                g_string_append_c(out, ' ');
        } else {
            g_string_append_unichar(out, u);
        }
    }
    char *line = g_strstrip(g_string_free(out, FALSE));
    if (*line)
        return line;
    g_free(line);
    return NULL;
}

static void add_addresses(InternetAddressList *list, GPtrArray *addresses, char **name, int depth)
{
    int count = list ? internet_address_list_length(list) : 0;
    for (int i = 0; i < count && addresses->len < 100; i++) {
        InternetAddress *address = internet_address_list_get_address(list, i);
        if (INTERNET_ADDRESS_IS_GROUP(address)) {
            if (depth < 3)
                add_addresses(internet_address_group_get_members(INTERNET_ADDRESS_GROUP(address)),
                              addresses, name, depth + 1);
            continue;
        }
        const char *text = internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(address));
        g_autofree char *clean = clean_line(text, 254);
        if (!clean || !strchr(clean, '@') || strchr(clean, ' '))
            continue;
        if (name && addresses->len == 0)
            *name = clean_line(internet_address_get_name(address), 200);
        g_ptr_array_add(addresses, g_utf8_strdown(clean, -1));
    }
}

static char *first_address(InternetAddressList *list, char **name)
{
    g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func(g_free);
    add_addresses(list, addresses, name, 0);
    return addresses->len ? g_strdup(addresses->pdata[0]) : NULL;
}

static char *address_in_header(GMimeMessage *message, const char *header)
{
    const char *value = g_mime_object_get_header(GMIME_OBJECT(message), header);
    InternetAddressList *list = value ? internet_address_list_parse(NULL, value) : NULL;
    char *address = list ? first_address(list, NULL) : NULL;
    g_clear_object(&list);
    return address;
}

/* The last server adds a Return-Path to whatever it is given, also to bytes that are no mail. */
static bool looks_like_mail(GMimeMessage *message)
{
    static const char *const fields[] = {"From", "Subject", "Date", "Message-ID"};
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
        if (g_mime_object_get_header(GMIME_OBJECT(message), fields[i]))
            return true;
    return false;
}

/* Who wrote it. A contact form writes in its own name, or in ours, and puts the customer into
 * Reply-To. */
static bool read_people(Mail *mail, GMimeMessage *message, const char *own, GError **error)
{
    char *reply_name = NULL;
    mail->from = first_address(g_mime_message_get_from(message), &mail->from_name);
    mail->reply_to = first_address(g_mime_message_get_reply_to(message), &reply_name);
    g_autofree char *name = reply_name;
    add_addresses(g_mime_message_get_to(message), mail->to, NULL, 0);
    add_addresses(g_mime_message_get_cc(message), mail->to, NULL, 0);
    if (!mail->from)
        mail->from = first_address(g_mime_message_get_sender(message), &mail->from_name);
    if (!mail->from)
        mail->from = g_strdup(mail->reply_to);
    if (!mail->from && looks_like_mail(message))
        mail->from = address_in_header(message, "Return-Path");
    if (!mail->from)
        return bw_fail(error, BW_ERROR_INVALID, "it has no sender that could be read");
    if (mail->reply_to && g_ascii_strcasecmp(mail->reply_to, own) == 0)
        g_clear_pointer(&mail->reply_to, g_free);
    mail->own = g_ascii_strcasecmp(mail->from, own) == 0;
    bool to_own =
        mail->to->len == 0 || g_ptr_array_find_with_equal_func(mail->to, own, g_str_equal, NULL);
    if (mail->reply_to && ((mail->own && to_own) || automatic_is_noreply(mail->from))) {
        g_free(mail->from);
        g_free(mail->from_name);
        mail->from = g_steal_pointer(&mail->reply_to);
        mail->from_name = g_steal_pointer(&name);
        mail->own = false;
    }
    if (mail->reply_to && strcmp(mail->reply_to, mail->from) == 0)
        g_clear_pointer(&mail->reply_to, g_free);
    return true;
}

static void read_threading(Mail *mail, GMimeMessage *message)
{
    GMimeObject *object = GMIME_OBJECT(message);
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    const char *value = g_mime_object_get_header(object, "Message-ID");
    mime_read_ids(value, ids);
    if (ids->len)
        mail->message_id = g_strdup(ids->pdata[0]);
    else if (value)
        mail->message_id = clean_id(value, strlen(value));
    if (mail->message_id && !*mail->message_id)
        g_clear_pointer(&mail->message_id, g_free);
    g_ptr_array_set_size(ids, 0);
    mime_read_ids(g_mime_object_get_header(object, "In-Reply-To"), ids);
    mime_read_ids(g_mime_object_get_header(object, "References"), mail->references);
    if (ids->len)
        mail->parent = g_strdup(ids->pdata[0]);
    else if (mail->references->len)
        mail->parent = g_strdup(mail->references->pdata[mail->references->len - 1]);
    for (guint i = 0; i < ids->len; i++)
        add_id(mail->references, g_strdup(ids->pdata[i]));
    for (guint i = mail->references->len; mail->message_id && i-- > 0;)
        if (strcmp(mail->references->pdata[i], mail->message_id) == 0)
            g_ptr_array_remove_index(mail->references, i); /* some answer themselves */
}

static char *digest_of(GMimeMessage *message, const GByteArray *text)
{
    static const char *const fields[] = {"From", "Date", "Subject", "Message-ID"};
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
        const char *value = g_mime_object_get_header(GMIME_OBJECT(message), fields[i]);
        if (value)
            g_checksum_update(sum, (const guchar *)value, -1);
        g_checksum_update(sum, (const guchar *)"", 1);
    }
    for (guint i = 0; text && i < MIN(text->len, DIGEST_BYTES); i++)
        if (!g_ascii_isspace(text->data[i]))
            g_checksum_update(sum, text->data + i, 1);
    char *digest = g_strndup(g_checksum_get_string(sum), 16);
    g_checksum_free(sum);
    return digest;
}

static size_t count_borders(const char *bytes, size_t size)
{
    size_t count = 0;
    for (const char *line = bytes; line && line + 2 < bytes + size;) {
        count += line[0] == '-' && line[1] == '-';
        line = memchr(line, '\n', (size_t)(bytes + size - line));
        if (line)
            line++;
    }
    return count;
}

static GMimeParserOptions *options(void)
{
    static GMimeParserOptions *made;
    if (g_once_init_enter(&made)) {
        g_mime_init();
        GMimeParserOptions *fresh = g_mime_parser_options_new();
        const char *fallbacks[] = {"utf-8", "windows-1252", NULL};
        g_mime_parser_options_set_fallback_charsets(fresh, fallbacks);
        g_once_init_leave(&made, fresh);
    }
    return made;
}

static GMimeMessage *parse(const void *bytes, size_t size)
{
    GMimeParserOptions *how = options();
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer(bytes, size);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    g_mime_parser_set_persist_stream(parser, FALSE);
    GMimeMessage *message = g_mime_parser_construct_message(parser, how);
    g_object_unref(parser);
    g_object_unref(stream);
    return message;
}

static char *read_text(Reader *reader, GMimeMessage *message)
{
    bool is_plain;
    char *text = read_object(reader, g_mime_message_get_mime_part(message), 0, &is_plain);
    if ((!text || is_blank(text)) &&
        reader->attached) { /* forwarded as an attachment, without a word */
        GMimeMessage *inner = reader->attached;
        g_free(text);
        text = read_object(reader, g_mime_message_get_mime_part(inner), 0, &is_plain);
    }
    return text ? g_strchomp(text) : g_strdup("");
}

Mail *mime_read(const void *bytes, size_t size, const char *own, GError **error)
{
    bool cut = count_borders(bytes, size) > MAX_BORDERS;
    GMimeMessage *message = size ? parse(bytes, cut ? MIN(size, BEGINNING) : size) : NULL;
    if (!message) {
        bw_fail(error, BW_ERROR_INVALID, size ? "it is not in the form of a mail" : "it is empty");
        return NULL;
    }
    g_autoptr(Mail) mail = g_new0(Mail, 1);
    mail->references = g_ptr_array_new_with_free_func(g_free);
    mail->to = g_ptr_array_new_with_free_func(g_free);
    mail->attachments = json_array();
    if (!read_people(mail, message, own, error)) {
        g_object_unref(message);
        return NULL;
    }
    read_threading(mail, message);
    mail->subject = clean_line(g_mime_message_get_subject(message), 1000);
    GDateTime *date = g_mime_message_get_date(message);
    mail->date = date ? g_date_time_to_unix(date) * G_USEC_PER_SEC : 0;
    mail->breakwater_id =
        clean_line(g_mime_object_get_header(GMIME_OBJECT(message), "X-Breakwater-Id"), 200);

    Reader reader = {.attachments = mail->attachments};
    mail->text = read_text(&reader, message);
    if (cut || reader.too_deep) {
        char *noted = g_strconcat(mail->text, *mail->text ? "\n\n" : "",
                                  "[This mail has too many parts to be shown whole.]", NULL);
        g_free(mail->text);
        mail->text = noted;
    }
    mail->digest = digest_of(message, reader.first_text);
    automatic_read(mail, message, own);
    if (reader.first_text)
        g_byte_array_unref(reader.first_text);
    g_object_unref(message);
    return g_steal_pointer(&mail);
}
