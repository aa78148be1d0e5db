#include "collectors/letter.h"

#include <gmime/gmime.h>
#include <string.h>

/* One line: what could begin another header line becomes a space. */
static char *one_line(const char *text)
{
    char *line = g_utf8_make_valid(text ? text : "", -1);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < 32 || *c == 127)
            *c = ' ';
    return g_strstrip(line);
}

char *letter_subject(const char *subject)
{
    static const char *const marks[] = {"re", "aw", "antw", "antwort", "sv", "vs", "rép", "réf"};
    g_autofree char *line = one_line(subject);
    const char *rest = line;
    for (bool again = true; again;) {
        again = false;
        rest += strspn(rest, " ");
        for (size_t i = 0; i < G_N_ELEMENTS(marks) && !again; i++) {
            size_t length = strlen(marks[i]);
            if (g_ascii_strncasecmp(rest, marks[i], length) != 0)
                continue;
            const char *after = rest + length;
            if (*after == '[') { /* Re[2]: */
                size_t digits = strspn(after + 1, "0123456789");
                after = digits && after[digits + 1] == ']' ? after + digits + 2 : after;
            }
            after += strspn(after, " ");
            if (*after == ':') {
                rest = after + 1;
                again = true;
            }
        }
    }
    rest += strspn(rest, " ");
    return *rest ? g_strconcat("Re: ", rest, NULL) : g_strdup("Re:");
}

/* An id from somebody's header: only what can stand between <>. */
static bool is_id(const char *id)
{
    if (!id || !*id || strlen(id) > 500)
        return false;
    for (const char *c = id; *c; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 127 || *c == '<' || *c == '>')
            return false;
    return true;
}

static void set_threading(GMimeObject *object, const Letter *letter)
{
    GString *references = g_string_new(NULL);
    size_t i;
    json_t *id;
    json_array_foreach((json_t *)letter->chain, i, id)
    {
        if (is_id(json_string_value(id)))
            g_string_append_printf(references, "%s<%s>", references->len ? " " : "",
                                   json_string_value(id));
    }
    if (is_id(letter->parent)) {
        g_autofree char *parent = g_strdup_printf("<%s>", letter->parent);
        g_mime_object_set_header(object, "In-Reply-To", parent, NULL);
        if (!strstr(references->str, parent))
            g_string_append_printf(references, "%s%s", references->len ? " " : "", parent);
    }
    if (references->len)
        g_mime_object_set_header(object, "References", references->str, NULL);
    g_string_free(references, TRUE);
}

static GMimeObject *text_part(const char *body)
{
    GMimePart *part = g_mime_part_new_with_type("text", "plain");
    g_autofree char *valid = g_utf8_make_valid(body ? body : "", -1);
    GString *text = g_string_new(NULL);
    for (const char *c = valid; *c; c++)
        if (*c != '\r')
            g_string_append_c(text, *c);
    if (!text->len || text->str[text->len - 1] != '\n')
        g_string_append_c(text, '\n');
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer(text->str, text->len);
    GMimeDataWrapper *content =
        g_mime_data_wrapper_new_with_stream(stream, GMIME_CONTENT_ENCODING_DEFAULT);
    g_mime_part_set_content(part, content);
    g_mime_part_set_content_encoding(part, GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
    g_mime_object_set_content_type_parameter(GMIME_OBJECT(part), "charset", "utf-8");
    g_object_unref(content);
    g_object_unref(stream);
    g_string_free(text, TRUE);
    return GMIME_OBJECT(part);
}

static void add_mailbox(GMimeMessage *message, GMimeAddressType type, const char *name,
                        const char *address)
{
    g_autofree char *line = one_line(name);
    g_mime_message_add_mailbox(message, type, *line ? line : NULL, address);
}

static GBytes *write_out(GMimeMessage *message)
{
    GMimeFormatOptions *format = g_mime_format_options_new();
    GMimeStream *stream = g_mime_stream_mem_new();
    g_mime_format_options_set_newline_format(format, GMIME_NEWLINE_FORMAT_DOS);
    g_mime_object_write_to_stream(GMIME_OBJECT(message), format, stream);
    GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
    GBytes *out = g_bytes_new(bytes->data, bytes->len);
    g_object_unref(stream);
    g_mime_format_options_free(format);
    return out;
}

GBytes *letter_compose(const Letter *letter)
{
    g_mime_init();
    GMimeMessage *message = g_mime_message_new(TRUE);
    GMimeObject *object = GMIME_OBJECT(message);
    g_autofree char *subject = letter_subject(letter->subject);
    g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(letter->date / G_USEC_PER_SEC);
    g_autofree char *breakwater_id = one_line(letter->breakwater_id);
    add_mailbox(message, GMIME_ADDRESS_TYPE_FROM, letter->from_name, letter->from);
    add_mailbox(message, GMIME_ADDRESS_TYPE_TO, letter->to_name, letter->to);
    g_mime_message_set_subject(message, subject, "utf-8");
    g_mime_message_set_date(message, date);
    g_mime_message_set_message_id(message, letter->message_id);
    set_threading(object, letter);
    g_mime_object_set_header(object, "X-Breakwater-Id", breakwater_id, NULL);
    if (letter->lang && strlen(letter->lang) == 2 && g_ascii_isalpha(letter->lang[0]) &&
        g_ascii_isalpha(letter->lang[1]))
        g_mime_object_set_header(object, "Content-Language", letter->lang, NULL);
    if (letter->automatic) {
        g_mime_object_set_header(object, "Auto-Submitted", "auto-replied", NULL);
        g_mime_object_set_header(object, "X-Auto-Response-Suppress", "All", NULL);
    }
    GMimeObject *part = text_part(letter->body);
    g_mime_message_set_mime_part(message, part);
    g_mime_object_set_header(object, "MIME-Version", "1.0", NULL);
    GBytes *bytes = write_out(message);
    g_object_unref(part);
    g_object_unref(message);
    return bytes;
}
