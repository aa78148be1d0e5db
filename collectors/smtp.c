#include "collectors/smtp.h"

#include <curl/curl.h>
#include <gio/gio.h>
#include <string.h>

enum {
    CONNECT_S = 20,
    STILL_S = 60, /* no byte for so long: broken */
    MOST_S = 300,
};

struct Smtp {
    CURL *curl;
    char *url;
};

/* One conversation: what was said last, and how far the mail has got. */
typedef struct Talk {
    const SmtpMail *mail;
    gsize taken;
    bool handed, refused, ended; /* handing() was called, it said no, the last byte was given out */
    char verb[16];               /* the command the last answer belongs to */
    bool over;                   /* we have said QUIT: what comes now tells nothing */
    int recipient;               /* which RCPT that is */
    GString *answer;             /* its last line */
    int code;
} Talk;

static bool is_loopback(const char *host)
{
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(host);
    return strcmp(host, "localhost") == 0 || (address && g_inet_address_get_is_loopback(address));
}

/* The URL for libcurl, or NULL; `plain`: without TLS. */
static char *read_url(const char *url, bool *plain, GError **error)
{
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_NONE, NULL);
    const char *scheme = uri ? g_uri_get_scheme(uri) : "";
    const char *host = uri ? g_uri_get_host(uri) : NULL;
    bool tls_first = strcmp(scheme, "smtps") == 0;
    if ((!tls_first && strcmp(scheme, "smtp") != 0) || !host || !*host) {
        bw_fail(error, BW_ERROR_INVALID,
                "smtp_url must be smtps://HOST:PORT, or smtp://HOST:PORT for STARTTLS");
        return NULL;
    }
    *plain = !tls_first && g_strcmp0(g_uri_get_query(uri), "tls=off") == 0;
    if (*plain && !is_loopback(host)) {
        bw_fail(error, BW_ERROR_INVALID, "smtp_url: tls=off is for this machine alone");
        return NULL;
    }
    int port = g_uri_get_port(uri);
    bool six = strchr(host, ':') != NULL;
    return g_strdup_printf("%s://%s%s%s:%d/", scheme, six ? "[" : "", host, six ? "]" : "",
                           port > 0    ? port
                           : tls_first ? 465
                                       : 587);
}

bool smtp_check_url(const char *url, GError **error)
{
    bool plain;
    g_autofree char *read = read_url(url, &plain, error);
    return read != NULL;
}

bool smtp_is_address(const char *text)
{
    const char *at = text ? strrchr(text, '@') : NULL;
    if (!at || at == text || !at[1] || strlen(text) > 254 || text[0] == '-' ||
        !g_utf8_validate(text, -1, NULL))
        return false;
    for (const char *c = text; *c; c = g_utf8_next_char(c)) {
        gunichar u = g_utf8_get_char(c);
        if (g_unichar_isspace(u) || g_unichar_iscntrl(u) || !g_unichar_isprint(u) ||
            (u < 128 && strchr("<>()[],;:\\\"", (int)u) && !(c > at && strchr("[]:", (int)u))))
            return false;
    }
    return strchr(text, '@') == at;
}

static size_t give_bytes(char *buffer, size_t size, size_t count, void *data)
{
    Talk *talk = data;
    gsize length;
    const char *bytes = g_bytes_get_data(talk->mail->bytes, &length);
    if (talk->ended) /* never a second time in one call */
        return CURL_READFUNC_ABORT;
    if (!talk->handed) {
        talk->handed = true;
        if (talk->mail->handing && !talk->mail->handing(talk->mail->data)) {
            talk->refused = true;
            return CURL_READFUNC_ABORT;
        }
    }
    gsize given = MIN(size * count, length - talk->taken);
    memcpy(buffer, bytes + talk->taken, given);
    talk->taken += given;
    talk->ended = given == 0;
    return given;
}

/* Follows the conversation; what goes by is not kept but for the server's last line. */
static int follow(G_GNUC_UNUSED CURL *curl, curl_infotype type, char *text, size_t size, void *data)
{
    Talk *talk = data;
    if (talk->over)
        return 0;
    if (type == CURLINFO_HEADER_OUT && size >= 4 && memcmp(text, "QUIT", 4) == 0) {
        talk->over = true;
    } else if (type == CURLINFO_HEADER_OUT) {
        gsize length = 0;
        while (length < size && length < sizeof talk->verb - 1 && g_ascii_isalpha(text[length]))
            length++;
        g_strlcpy(talk->verb, text, MIN(length + 1, sizeof talk->verb));
        talk->recipient += strcmp(talk->verb, "RCPT") == 0;
        talk->code = 0;
    } else if (type == CURLINFO_HEADER_IN && size >= 3 && g_ascii_isdigit(text[0])) {
        talk->code = (int)g_ascii_strtoull((char[]){text[0], text[1], text[2], 0}, NULL, 10);
        g_string_truncate(talk->answer, 0);
        g_string_append_len(talk->answer, text, (gssize)MIN(size, 500));
    }
    return 0;
}

static size_t drop(G_GNUC_UNUSED char *bytes, size_t size, size_t count, G_GNUC_UNUSED void *data)
{
    return size * count;
}

Smtp *smtp_new(const SmtpSettings *settings, GError **error)
{
    static gsize started;
    bool plain;
    char *url = read_url(settings->url, &plain, error);
    if (!url)
        return NULL;
    if (g_once_init_enter(&started)) {
        curl_global_init(CURL_GLOBAL_DEFAULT);
        g_once_init_leave(&started, 1);
    }
    Smtp *smtp = g_new0(Smtp, 1);
    smtp->url = url;
    smtp->curl = curl_easy_init();
    curl_easy_setopt(smtp->curl, CURLOPT_URL, url);
    curl_easy_setopt(smtp->curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(smtp->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(smtp->curl, CURLOPT_USE_SSL, (long)(plain ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    curl_easy_setopt(smtp->curl, CURLOPT_USERNAME, settings->user);
    curl_easy_setopt(smtp->curl, CURLOPT_PASSWORD, settings->password);
    if (settings->ca_file)
        curl_easy_setopt(smtp->curl, CURLOPT_CAINFO, settings->ca_file);
    curl_easy_setopt(smtp->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(smtp->curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(smtp->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(smtp->curl, CURLOPT_LOW_SPEED_TIME, (long)STILL_S);
    curl_easy_setopt(smtp->curl, CURLOPT_TIMEOUT, (long)MOST_S);
    curl_easy_setopt(smtp->curl, CURLOPT_READFUNCTION, give_bytes);
    curl_easy_setopt(smtp->curl, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(smtp->curl, CURLOPT_DEBUGFUNCTION, follow);
    curl_easy_setopt(smtp->curl, CURLOPT_VERBOSE, 1L);
    return smtp;
}

void smtp_free(Smtp *smtp)
{
    if (!smtp)
        return;
    curl_easy_cleanup(smtp->curl);
    g_free(smtp->url);
    g_free(smtp);
}

static bool is_certificate_problem(CURLcode result)
{
    return result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE ||
           result == CURLE_SSL_ISSUER_ERROR || result == CURLE_SSL_CERTPROBLEM;
}

static bool begins_authentication(const char *verb)
{
    return strcmp(verb, "AUTH") == 0 || *verb == '\0';
}

/* What a failed conversation means. */
static bool explain(const Talk *talk, CURLcode result, GError **error)
{
    g_autofree char *line = g_utf8_make_valid(talk->answer->str, -1);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < 32)
            *c = ' ';
    g_strstrip(line);
    bool answered = talk->code >= 400;
    if (talk->refused)
        return bw_fail(error, BW_ERROR_TEMPORARY, "our database is away");
    if (talk->ended && !answered)
        return bw_fail(error, BW_ERROR_UNKNOWN,
                       "the connection to the mail server broke after the mail (%s)",
                       curl_easy_strerror(result));
    if (is_certificate_problem(result))
        return bw_fail(error, BW_ERROR_DENIED, "the mail server's certificate is not accepted: %s",
                       curl_easy_strerror(result));
    if (result == CURLE_USE_SSL_FAILED)
        return bw_fail(error, BW_ERROR_DENIED, "the mail server offers no TLS");
    if (result == CURLE_LOGIN_DENIED || (answered && begins_authentication(talk->verb)))
        return bw_fail(
            error, talk->code >= 400 && talk->code < 500 ? BW_ERROR_TEMPORARY : BW_ERROR_DENIED,
            "the mail server refuses to sign us in: %s", answered ? line : "no common way");
    if (!answered)
        return bw_fail(error, BW_ERROR_TEMPORARY, "mail server: %s", curl_easy_strerror(result));
    bool own =
        talk->mail && talk->mail->own && strcmp(talk->verb, "RCPT") == 0 && talk->recipient == 1;
    bool hurried =
        strstr(line, "4.7.") && (strcasestr(line, "rate") || strcasestr(line, "too many") ||
                                 strcasestr(line, "limit") || strcasestr(line, "throttl"));
    if (talk->code < 500)
        return bw_fail(error, hurried ? BW_ERROR_LIMITED : BW_ERROR_TEMPORARY, "mail server%s: %s",
                       own ? ", our own mailbox" : "", line);
    if (own)
        return bw_fail(
            error, BW_ERROR_DENIED,
            "the mail server takes no mail for our own address, where the proof of what we send "
            "has to arrive: %s",
            line);
    bool sender = strcmp(talk->verb, "MAIL") == 0;
    bool policy = talk->code == 530 || talk->code == 534 || talk->code == 535 ||
                  talk->code == 538 || strstr(line, "5.7.30") || strstr(line, "5.7.26");
    return bw_fail(error, sender || policy ? BW_ERROR_DENIED : BW_ERROR_INVALID, "mail server: %s",
                   line);
}

static bool talk_once(Smtp *smtp, Talk *talk, bool fresh, GError **error)
{
    curl_easy_setopt(smtp->curl, CURLOPT_DEBUGDATA, talk);
    curl_easy_setopt(smtp->curl, CURLOPT_READDATA, talk);
    curl_easy_setopt(smtp->curl, CURLOPT_FRESH_CONNECT, (long)fresh);
    CURLcode result = curl_easy_perform(smtp->curl);
    curl_easy_setopt(smtp->curl, CURLOPT_DEBUGDATA, NULL);
    return result == CURLE_OK || explain(talk, result, error);
}

/* A connection that was kept from the mail before may be dead by now; that is no failure of this
 * one, as long as nothing of it has left. */
static bool converse(Smtp *smtp, const SmtpMail *mail, GError **error)
{
    for (int turn = 0;; turn++) {
        g_autoptr(GError) problem = NULL;
        Talk talk = {.mail = mail, .answer = g_string_new(NULL)};
        bool good = talk_once(smtp, &talk, turn > 0, &problem);
        long connects = 0;
        curl_easy_getinfo(smtp->curl, CURLINFO_NUM_CONNECTS, &connects);
        bool stale = !good && turn == 0 && connects == 0 && !talk.handed && talk.code < 500;
        g_string_free(talk.answer, TRUE);
        if (good)
            return true;
        if (!stale) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return false;
        }
    }
}

bool smtp_send(Smtp *smtp, const SmtpMail *mail, GError **error)
{
    if (!smtp_is_address(mail->to))
        return bw_fail(error, BW_ERROR_INVALID, "there is no address that can be written to");
    g_autofree char *from = g_strdup_printf("<%s>", mail->from);
    struct curl_slist *to = NULL;
    if (mail->own)
        to = curl_slist_append(to, mail->own);
    to = curl_slist_append(to, mail->to);
    curl_easy_setopt(smtp->curl, CURLOPT_MAIL_FROM, from);
    curl_easy_setopt(smtp->curl, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(smtp->curl, CURLOPT_NOBODY, 0L);
    curl_easy_setopt(smtp->curl, CURLOPT_CUSTOMREQUEST, NULL);
    curl_easy_setopt(smtp->curl, CURLOPT_UPLOAD, 1L);
    bool sent = converse(smtp, mail, error);
    curl_easy_setopt(smtp->curl, CURLOPT_MAIL_RCPT, NULL);
    curl_slist_free_all(to);
    return sent;
}

bool smtp_check(Smtp *smtp, GError **error)
{
    curl_easy_setopt(smtp->curl, CURLOPT_MAIL_FROM, NULL);
    curl_easy_setopt(smtp->curl, CURLOPT_UPLOAD, 0L);
    curl_easy_setopt(smtp->curl, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(smtp->curl, CURLOPT_CUSTOMREQUEST, "NOOP");
    return converse(smtp, NULL, error);
}
