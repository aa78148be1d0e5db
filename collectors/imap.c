#include "collectors/imap.h"

#include "collectors/imap_stream.h"

#include <gio/gio.h>
#include <string.h>

enum {
    COMMAND_S = 60,
    FETCH_S = 600, /* 25 MiB over a slow line */
};

struct Imap {
    mailimap *session;
    char *host;
    char *selected; /* the open folder, as it was when it was opened */
    ImapFolder folder;
    bool idling, lost;
};

static bool lose(Imap *imap, GError **error)
{
    imap->lost = true;
    return bw_fail(error, BW_ERROR_TEMPORARY, "IMAP %s: %s", imap->host,
                   imap->session->imap_stream ? imap_stream_problem(imap->session->imap_stream)
                                              : "not connected");
}

/* What the server said, its response code first; without line ends, may be "". */
static char *said(Imap *imap)
{
    const struct mailimap_response_info *info = imap->session->imap_response_info;
    const char *words = imap->session->imap_response ? imap->session->imap_response : "";
    g_autofree char *all = info && info->rsp_atom
                               ? g_strdup_printf("[%s] %s", info->rsp_atom, words)
                               : g_strdup(words);
    char *text = g_utf8_make_valid(all, -1);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 32)
            *c = ' ';
    return g_strstrip(text);
}

static bool says(const char *text, const char *word)
{
    g_autofree char *lower = g_ascii_strdown(text, -1);
    return strstr(lower, word) != NULL;
}

/* The class of a refusal, by the response codes of RFC 5530; `usual` where there is none. */
static bool refused(Imap *imap, const char *what, BwError usual, GError **error)
{
    g_autofree char *text = said(imap);
    BwError code = usual;
    if (says(text, "unavailable") || says(text, "inuse") || says(text, "serverbug") ||
        says(text, "temporar") || says(text, "try again") || says(text, "internal error"))
        code = BW_ERROR_TEMPORARY;
    else if (says(text, "[limit]") || says(text, "too many") || says(text, "throttled"))
        code = BW_ERROR_LIMITED;
    else if (says(text, "authenticationfailed") || says(text, "authorizationfailed") ||
             says(text, "expired"))
        code = BW_ERROR_DENIED;
    return bw_fail(error, code, "IMAP %s: %s: %s", imap->host, what, *text ? text : "refused");
}

static bool is_connection_problem(int result)
{
    return result == MAILIMAP_ERROR_STREAM || result == MAILIMAP_ERROR_PARSE ||
           result == MAILIMAP_ERROR_PROTOCOL || result == MAILIMAP_ERROR_BAD_STATE ||
           result == MAILIMAP_ERROR_FATAL || result == MAILIMAP_ERROR_DONT_ACCEPT_CONNECTION ||
           result == MAILIMAP_ERROR_NEEDS_MORE_DATA || result == MAILIMAP_ERROR_MEMORY;
}

static bool good(Imap *imap, int result, const char *what, BwError usual, GError **error)
{
    if (result == MAILIMAP_NO_ERROR || result == MAILIMAP_NO_ERROR_AUTHENTICATED ||
        result == MAILIMAP_NO_ERROR_NON_AUTHENTICATED)
        return true;
    return is_connection_problem(result) ? lose(imap, error) : refused(imap, what, usual, error);
}

/* ---- connecting ---- */

typedef struct Place {
    char *host;
    guint16 port;
    bool tls_first, plain;
} Place;

static bool is_loopback(const char *host)
{
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(host);
    return strcmp(host, "localhost") == 0 || (address && g_inet_address_get_is_loopback(address));
}

static bool read_url(const char *url, Place *place, GError **error)
{
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_NONE, NULL);
    const char *scheme = uri ? g_uri_get_scheme(uri) : "";
    const char *host = uri ? g_uri_get_host(uri) : NULL;
    *place = (Place){.tls_first = strcmp(scheme, "imaps") == 0};
    if ((!place->tls_first && strcmp(scheme, "imap") != 0) || !host || !*host)
        return bw_fail(error, BW_ERROR_INVALID,
                       "imap_url must be imaps://HOST:PORT, or imap://HOST:PORT for STARTTLS");
    place->plain = !place->tls_first && g_strcmp0(g_uri_get_query(uri), "tls=off") == 0;
    if (place->plain && !is_loopback(host))
        return bw_fail(error, BW_ERROR_INVALID, "imap_url: tls=off is for this machine alone");
    int port = g_uri_get_port(uri);
    place->port = (guint16)(port > 0 ? port : place->tls_first ? 993 : 143);
    place->host = g_strdup(host);
    return true;
}

bool imap_check_url(const char *url, GError **error)
{
    Place place;
    bool valid = read_url(url, &place, error);
    if (valid)
        g_free(place.host);
    return valid;
}

static bool sign_in(Imap *imap, const Place *place, const ImapSettings *settings, GError **error)
{
    mailstream *stream = imap_stream_open(place->host, place->port, error);
    if (!stream)
        return false;
    if (place->tls_first && !imap_stream_start_tls(stream, place->host, settings->ca_file, error)) {
        mailstream_close(stream);
        return false;
    }
    mailimap *session = imap->session;
    if (!good(imap, mailimap_connect(session, stream), "connecting", BW_ERROR_TEMPORARY, error))
        return false;
    if (!place->tls_first && !place->plain) {
        if (!good(imap, mailimap_starttls(session), "STARTTLS", BW_ERROR_DENIED, error) ||
            !imap_stream_start_tls(stream, place->host, settings->ca_file, error))
            return false;
    }
    if (!good(imap, mailimap_login(session, settings->user, settings->password), "signing in",
              BW_ERROR_DENIED, error))
        return false;
    struct mailimap_capability_data *capabilities = NULL;
    if (!good(imap, mailimap_capability(session, &capabilities), "CAPABILITY", BW_ERROR_TEMPORARY,
              error))
        return false;
    mailimap_capability_data_free(capabilities);
    return true;
}

Imap *imap_open(const ImapSettings *settings, GError **error)
{
    Place place;
    if (!read_url(settings->url, &place, error))
        return NULL;
    Imap *imap = g_new0(Imap, 1);
    imap->host = place.host;
    imap->session = mailimap_new(0, NULL);
    if (!sign_in(imap, &place, settings, error)) {
        imap->lost = true;
        g_clear_pointer(&imap, imap_free);
    }
    return imap;
}

void imap_free(Imap *imap)
{
    if (!imap)
        return;
    if (imap->session->imap_stream) /* for the LOGOUT in mailimap_free */
        imap_stream_set_deadline(imap->session->imap_stream, imap->lost || imap->idling ? 0 : 5);
    mailimap_free(imap->session);
    g_free(imap->host);
    g_free(imap->selected);
    g_free(imap);
}

bool imap_is_lost(const Imap *imap)
{
    return imap->lost;
}

/* ---- IDLE: by hand, since libetpan's loses what a server tells before its "+" ---- */

#define IDLE_TAG "idle"

static char *read_line(Imap *imap)
{
    g_autofree char *line = NULL;
    MMAPString *buffer = mmap_string_new("");
    if (mailstream_read_line_remove_eol(imap->session->imap_stream, buffer))
        line = g_strdup(buffer->str);
    mmap_string_free(buffer);
    return g_steal_pointer(&line);
}

static bool write_line(Imap *imap, const char *line)
{
    mailstream *stream = imap->session->imap_stream;
    size_t size = strlen(line);
    return mailstream_write(stream, line, size) == (ssize_t)size && mailstream_flush(stream) == 0;
}

/* Back to where commands may be sent. */
static bool ready(Imap *imap, int seconds, GError **error)
{
    if (imap->lost)
        return lose(imap, error);
    imap_stream_set_deadline(imap->session->imap_stream, seconds);
    if (!imap->idling)
        return true;
    imap->idling = false;
    if (!write_line(imap, "DONE\r\n"))
        return lose(imap, error);
    while (true) {
        g_autofree char *line = read_line(imap);
        if (!line)
            return lose(imap, error);
        if (g_str_has_prefix(line, IDLE_TAG " "))
            return true;
    }
}

int imap_idle(Imap *imap, bool *news)
{
    *news = false;
    if (imap->lost || !mailimap_has_extension(imap->session, "IDLE"))
        return -1;
    mailstream *stream = imap->session->imap_stream;
    if (!imap->idling) {
        imap_stream_set_deadline(stream, COMMAND_S);
        if (!write_line(imap, IDLE_TAG " IDLE\r\n")) {
            imap->lost = true;
            return -1;
        }
        while (!imap->idling) {
            g_autofree char *line = read_line(imap);
            if (!line || g_str_has_prefix(line, IDLE_TAG " ")) {
                imap->lost = !line;
                return -1;
            }
            imap->idling = line[0] == '+';
            *news = *news || strstr(line, " EXISTS");
        }
    }
    *news = *news || imap_stream_is_pending(stream);
    return imap_stream_fd(stream);
}

/* ---- folders and searches ---- */

bool imap_select(Imap *imap, const char *name, ImapFolder *folder, GError **error)
{
    if (g_strcmp0(imap->selected, name) != 0) {
        g_autofree char *what = g_strdup_printf("folder %s", name);
        if (!ready(imap, COMMAND_S, error))
            return false;
        g_clear_pointer(&imap->selected, g_free);
        if (!good(imap, mailimap_select(imap->session, name), what, BW_ERROR_DENIED, error))
            return false;
        const struct mailimap_selection_info *info = imap->session->imap_selection_info;
        imap->selected = g_strdup(name);
        imap->folder = (ImapFolder){info->sel_uidvalidity, info->sel_uidnext, info->sel_exists};
    }
    if (folder)
        *folder = imap->folder;
    return true;
}

static int compare_uids(gconstpointer a, gconstpointer b)
{
    uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;
    return first < second ? -1 : first > second;
}

/* Takes the key. */
static GArray *search(Imap *imap, struct mailimap_search_key *key, GError **error)
{
    clist *found = NULL;
    bool worked = ready(imap, COMMAND_S, error) &&
                  good(imap, mailimap_uid_search(imap->session, NULL, key, &found), "SEARCH",
                       BW_ERROR_TEMPORARY, error);
    mailimap_search_key_free(key);
    if (!worked) {
        if (found) /* libetpan gives an empty list with a refusal */
            mailimap_search_result_free(found);
        return NULL;
    }
    GArray *uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    for (clistiter *each = clist_begin(found); each; each = clist_next(each))
        g_array_append_val(uids, *(uint32_t *)clist_content(each));
    mailimap_search_result_free(found);
    g_array_sort(uids, compare_uids);
    return uids;
}

GArray *imap_search_from(Imap *imap, uint32_t uid, bool *announced, GError **error)
{
    if (!ready(imap, COMMAND_S, error))
        return NULL;
    imap->session->imap_selection_info->sel_has_exists = 0;
    struct mailimap_set *from = mailimap_set_new_interval(uid, 0); /* 0 is "*" */
    GArray *uids = search(imap, mailimap_search_key_new_uid(from), error);
    if (!uids)
        return NULL;
    while (uids->len && g_array_index(uids, uint32_t, 0) < uid) /* "n:*" always has the last one */
        g_array_remove_index(uids, 0);
    if (announced)
        *announced = imap->session->imap_selection_info->sel_has_exists;
    return uids;
}

/* A day earlier: the server compares days, and by its own time zone. */
static struct mailimap_search_key *since_key(int64_t since)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(since / G_USEC_PER_SEC - 86400);
    return mailimap_search_key_new_since(mailimap_date_new(g_date_time_get_day_of_month(time),
                                                           g_date_time_get_month(time),
                                                           g_date_time_get_year(time)));
}

GArray *imap_search_since(Imap *imap, int64_t since, GError **error)
{
    return search(imap, since_key(since), error);
}

GArray *imap_search_header(Imap *imap, const char *name, const char *value, int64_t since,
                           GError **error)
{
    struct mailimap_search_key *both = mailimap_search_key_new_multiple_empty();
    mailimap_search_key_multiple_add(both, since_key(since));
    mailimap_search_key_multiple_add(both,
                                     mailimap_search_key_new_header(strdup(name), strdup(value)));
    return search(imap, both, error);
}

/* ---- fetching ---- */

/* Takes the type. The answers, or NULL. */
static clist *fetch(Imap *imap, const uint32_t *uids, guint count, struct mailimap_fetch_type *type,
                    BwError usual, GError **error)
{
    clist *answers = NULL;
    struct mailimap_set *set = mailimap_set_new_empty();
    for (guint i = 0; i < count; i++)
        mailimap_set_add_single(set, uids[i]);
    bool worked =
        ready(imap, FETCH_S, error) &&
        good(imap, mailimap_uid_fetch(imap->session, set, type, &answers), "FETCH", usual, error);
    mailimap_set_free(set);
    mailimap_fetch_type_free(type);
    return worked ? answers : NULL; /* with a refusal libetpan has freed what it gives */
}

static int64_t time_of(const struct mailimap_date_time *date)
{
    g_autoptr(GDateTime) time =
        g_date_time_new_utc(date->dt_year, date->dt_month, date->dt_day, date->dt_hour,
                            date->dt_min, MIN(date->dt_sec, 59));
    if (!time)
        return 0;
    int zone = date->dt_zone; /* +0130 is 130 */
    int64_t offset = (zone / 100) * 3600 + (zone % 100) * 60;
    return (g_date_time_to_unix(time) - offset) * G_USEC_PER_SEC;
}

static void read_item(const struct mailimap_msg_att *answer, ImapItem *item)
{
    for (clistiter *each = clist_begin(answer->att_list); each; each = clist_next(each)) {
        const struct mailimap_msg_att_item *part = clist_content(each);
        if (part->att_type != MAILIMAP_MSG_ATT_ITEM_STATIC)
            continue;
        const struct mailimap_msg_att_static *fact = part->att_data.att_static;
        if (fact->att_type == MAILIMAP_MSG_ATT_UID)
            item->uid = fact->att_data.att_uid;
        else if (fact->att_type == MAILIMAP_MSG_ATT_RFC822_SIZE)
            item->size = fact->att_data.att_rfc822_size;
        else if (fact->att_type == MAILIMAP_MSG_ATT_INTERNALDATE)
            item->date = time_of(fact->att_data.att_internal_date);
    }
}

static int compare_items(gconstpointer a, gconstpointer b)
{
    return compare_uids(&((const ImapItem *)a)->uid, &((const ImapItem *)b)->uid);
}

GArray *imap_list(Imap *imap, const uint32_t *uids, guint count, GError **error)
{
    struct mailimap_fetch_type *type = mailimap_fetch_type_new_fetch_att_list_empty();
    mailimap_fetch_type_new_fetch_att_list_add(type, mailimap_fetch_att_new_uid());
    mailimap_fetch_type_new_fetch_att_list_add(type, mailimap_fetch_att_new_rfc822_size());
    mailimap_fetch_type_new_fetch_att_list_add(type, mailimap_fetch_att_new_internaldate());
    GArray *items = g_array_new(FALSE, TRUE, sizeof(ImapItem));
    if (count == 0) {
        mailimap_fetch_type_free(type);
        return items;
    }
    clist *answers = fetch(imap, uids, count, type, BW_ERROR_TEMPORARY, error);
    if (!answers) {
        g_array_unref(items);
        return NULL;
    }
    for (clistiter *each = clist_begin(answers); each; each = clist_next(each)) {
        ImapItem item = {0};
        read_item(clist_content(each), &item);
        bool asked = false; /* others come too, when their flags change meanwhile */
        for (guint i = 0; i < count && !asked; i++)
            asked = uids[i] == item.uid;
        if (asked && item.date)
            g_array_append_val(items, item);
    }
    mailimap_fetch_list_free(answers);
    g_array_sort(items, compare_items);
    return items;
}

static GBytes *bytes_in(clist *answers)
{
    for (clistiter *answer = clist_begin(answers); answer; answer = clist_next(answer)) {
        const struct mailimap_msg_att *facts = clist_content(answer);
        for (clistiter *each = clist_begin(facts->att_list); each; each = clist_next(each)) {
            const struct mailimap_msg_att_item *part = clist_content(each);
            if (part->att_type != MAILIMAP_MSG_ATT_ITEM_STATIC ||
                part->att_data.att_static->att_type != MAILIMAP_MSG_ATT_BODY_SECTION)
                continue;
            const struct mailimap_msg_att_body_section *section =
                part->att_data.att_static->att_data.att_body_section;
            return section->sec_body_part ? g_bytes_new(section->sec_body_part, section->sec_length)
                                          : g_bytes_new_static("", 0);
        }
    }
    return NULL;
}

/* Takes the section. */
static GBytes *fetch_bytes(Imap *imap, uint32_t uid, struct mailimap_section *section,
                           uint32_t most, GError **error)
{
    struct mailimap_fetch_att *part =
        most ? mailimap_fetch_att_new_body_peek_section_partial(section, 0, most)
             : mailimap_fetch_att_new_body_peek_section(section);
    clist *answers =
        fetch(imap, &uid, 1, mailimap_fetch_type_new_fetch_att(part), BW_ERROR_INVALID, error);
    if (!answers)
        return NULL;
    GBytes *bytes = bytes_in(answers);
    mailimap_fetch_list_free(answers);
    return bytes;
}

GBytes *imap_fetch(Imap *imap, uint32_t uid, uint32_t most, GError **error)
{
    return fetch_bytes(imap, uid, mailimap_section_new(NULL), most, error);
}

GBytes *imap_fetch_section(Imap *imap, uint32_t uid, const char *section, uint32_t most,
                           GError **error)
{
    clist *numbers = clist_new();
    g_auto(GStrv) parts = g_strsplit(section, ".", -1);
    for (guint i = 0; parts[i]; i++) {
        uint32_t *number = malloc(sizeof *number);
        *number = (uint32_t)g_ascii_strtoull(parts[i], NULL, 10);
        clist_append(numbers, number);
    }
    return fetch_bytes(imap, uid, mailimap_section_new_part(mailimap_section_part_new(numbers)),
                       most, error);
}

/* ---- the structure of mails that are too large to read whole ---- */

static const char *parameter(const struct mailimap_body_fld_param *parameters, const char *name)
{
    for (clistiter *each = parameters ? clist_begin(parameters->pa_list) : NULL; each;
         each = clist_next(each)) {
        const struct mailimap_single_body_fld_param *one = clist_content(each);
        if (g_ascii_strcasecmp(one->pa_name, name) == 0)
            return one->pa_value;
    }
    return NULL;
}

static const char *encoding_name(const struct mailimap_body_fld_enc *encoding)
{
    static const char *const names[] = {"7bit", "8bit", "binary", "base64", "quoted-printable"};
    int type = encoding->enc_type;
    return type >= 0 && type < (int)G_N_ELEMENTS(names) ? names[type] : "8bit";
}

static json_t *valid_string(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text ? text : "", -1);
    return json_string(valid);
}

static void read_part(const struct mailimap_body_type_1part *part, const char *section, json_t *out)
{
    const struct mailimap_body_fields *fields;
    g_autofree char *type = NULL;
    if (part->bd_type == MAILIMAP_BODY_TYPE_1PART_TEXT) {
        fields = part->bd_data.bd_type_text->bd_fields;
        type = g_strconcat("text/", part->bd_data.bd_type_text->bd_media_text, NULL);
    } else if (part->bd_type == MAILIMAP_BODY_TYPE_1PART_MSG) {
        fields = part->bd_data.bd_type_msg->bd_fields;
        type = g_strdup("message/rfc822");
    } else {
        static const char *const kinds[] = {"application", "audio", "image", "message", "video"};
        const struct mailimap_media_basic *media = part->bd_data.bd_type_basic->bd_media_basic;
        int kind = media->med_type - MAILIMAP_MEDIA_BASIC_APPLICATION;
        fields = part->bd_data.bd_type_basic->bd_fields;
        type = g_strconcat(kind >= 0 && kind < (int)G_N_ELEMENTS(kinds) ? kinds[kind]
                           : media->med_basic_type                      ? media->med_basic_type
                                                                        : "application",
                           "/", media->med_subtype, NULL);
    }
    const struct mailimap_body_fld_dsp *disposition =
        part->bd_ext_1part ? part->bd_ext_1part->bd_disposition : NULL;
    bool attached = disposition && g_ascii_strcasecmp(disposition->dsp_type, "attachment") == 0;
    g_autofree char *lower = g_ascii_strdown(type, -1);
    bool text = !attached && (strcmp(lower, "text/plain") == 0 || strcmp(lower, "text/html") == 0);
    if (text && !json_object_get(out, "text")) {
        const char *charset = parameter(fields->bd_parameter, "charset");
        g_autofree char *head =
            g_strdup_printf("Content-Type: %s; charset=\"%s\"\r\nContent-Transfer-Encoding: %s\r\n",
                            lower, charset ? charset : "utf-8", encoding_name(fields->bd_encoding));
        json_object_set_new(out, "text", json_string(section));
        json_object_set_new(out, "head", valid_string(head));
    } else if (!text) {
        const char *name = disposition ? parameter(disposition->dsp_attributes, "filename") : NULL;
        if (!name)
            name = parameter(fields->bd_parameter, "name");
        double share = strcmp(encoding_name(fields->bd_encoding), "base64") == 0 ? 0.73 : 1;
        json_t *one = json_pack("{s:o, s:o, s:I}", "name", valid_string(name), "type",
                                valid_string(lower), "size", (json_int_t)(fields->bd_size * share));
        json_array_append_new(json_object_get(out, "attachments"), one);
    }
}

static void read_structure(const struct mailimap_body *body, const char *section, int depth,
                           json_t *out)
{
    if (json_array_size(json_object_get(out, "attachments")) > 200 || depth > 30)
        return;
    if (body->bd_type == MAILIMAP_BODY_1PART) {
        read_part(body->bd_data.bd_body_1part, *section ? section : "1", out);
        return;
    }
    int number = 0;
    for (clistiter *each = clist_begin(body->bd_data.bd_body_mpart->bd_list); each;
         each = clist_next(each)) {
        g_autofree char *inner = g_strdup_printf("%s%s%d", section, *section ? "." : "", ++number);
        read_structure(clist_content(each), inner, depth + 1, out);
    }
}

json_t *imap_structure(Imap *imap, uint32_t uid, GError **error)
{
    clist *answers = fetch(
        imap, &uid, 1, mailimap_fetch_type_new_fetch_att(mailimap_fetch_att_new_bodystructure()),
        BW_ERROR_INVALID, error);
    if (!answers)
        return NULL;
    json_t *out = json_pack("{s:[]}", "attachments");
    for (clistiter *answer = clist_begin(answers); answer; answer = clist_next(answer)) {
        const struct mailimap_msg_att *facts = clist_content(answer);
        for (clistiter *each = clist_begin(facts->att_list); each; each = clist_next(each)) {
            const struct mailimap_msg_att_item *part = clist_content(each);
            if (part->att_type == MAILIMAP_MSG_ATT_ITEM_STATIC &&
                part->att_data.att_static->att_type == MAILIMAP_MSG_ATT_BODYSTRUCTURE)
                read_structure(part->att_data.att_static->att_data.att_bodystructure, "", 0, out);
        }
    }
    mailimap_fetch_list_free(answers);
    return out;
}

/* ---- moving ---- */

static struct mailimap_set *set_of(const GArray *uids)
{
    struct mailimap_set *set = mailimap_set_new_empty();
    for (guint i = 0; i < uids->len; i++)
        mailimap_set_add_single(set, g_array_index(uids, uint32_t, i));
    return set;
}

static bool add_flag(Imap *imap, struct mailimap_set *set, struct mailimap_flag *flag,
                     GError **error)
{
    struct mailimap_flag_list *flags = mailimap_flag_list_new_empty();
    mailimap_flag_list_add(flags, flag);
    struct mailimap_store_att_flags *change = mailimap_store_att_flags_new_add_flags_silent(flags);
    bool worked =
        ready(imap, COMMAND_S, error) && good(imap, mailimap_uid_store(imap->session, set, change),
                                              "STORE", BW_ERROR_TEMPORARY, error);
    mailimap_store_att_flags_free(change);
    return worked;
}

static bool delete_set(Imap *imap, struct mailimap_set *set, GError **error)
{
    if (!add_flag(imap, set, mailimap_flag_new_deleted(), error))
        return false;
    /* Without UIDPLUS an EXPUNGE would take what others have marked along: it stays marked. */
    return !mailimap_has_uidplus(imap->session) ||
           good(imap, mailimap_uid_expunge(imap->session, set), "EXPUNGE", BW_ERROR_TEMPORARY,
                error);
}

static bool move_set(Imap *imap, struct mailimap_set *set, const char *folder, GError **error)
{
    if (mailimap_has_extension(imap->session, "MOVE"))
        return good(imap, mailimap_uid_move(imap->session, set, folder), "MOVE", BW_ERROR_MISSING,
                    error);
    return good(imap, mailimap_uid_copy(imap->session, set, folder), "COPY", BW_ERROR_MISSING,
                error) &&
           delete_set(imap, set, error);
}

bool imap_move(Imap *imap, const GArray *uids, const char *folder, GError **error)
{
    struct mailimap_set *set = set_of(uids);
    g_autoptr(GError) problem = NULL;
    bool moved = add_flag(imap, set, mailimap_flag_new_seen(), error);
    if (moved && !move_set(imap, set, folder, &problem)) {
        moved =
            g_error_matches(problem, BW_ERROR, BW_ERROR_MISSING) &&
            good(imap, mailimap_create(imap->session, folder), "CREATE", BW_ERROR_DENIED, error) &&
            move_set(imap, set, folder, error);
        if (!moved && error && !*error)
            g_propagate_error(error, g_steal_pointer(&problem));
    }
    mailimap_set_free(set);
    return moved;
}

bool imap_delete(Imap *imap, const GArray *uids, GError **error)
{
    struct mailimap_set *set = set_of(uids);
    bool deleted = delete_set(imap, set, error);
    mailimap_set_free(set);
    return deleted;
}
