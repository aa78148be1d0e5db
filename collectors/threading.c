#include "collectors/threading.h"

#include <string.h>

#define TOKEN_LENGTH 32
#define CHAIN_LENGTH 10

static const char *domain_of(const char *address)
{
    const char *at = strrchr(address, '@');
    return at && at[1] ? at + 1 : "localhost";
}

static char *token_for(const char *id)
{
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, id, -1);
    return g_strndup(sum, TOKEN_LENGTH);
}

static bool is_token(const char *text)
{
    return strspn(text, "0123456789abcdef") == TOKEN_LENGTH && strlen(text) == TOKEN_LENGTH;
}

char *threading_message_id(int64_t brand, int64_t delivery, const char *thread, const char *own)
{
    g_autofree char *token =
        thread && is_token(thread) ? g_strdup(thread) : token_for(thread ? thread : "");
    g_autofree char *domain = g_ascii_strdown(domain_of(own), -1);
    return g_strdup_printf("bw.%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT ".%s@%s", brand, delivery,
                           token, domain);
}

static const char *skip_number(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits && digits < 20 && text[digits] == '.' ? text + digits + 1 : NULL;
}

char *threading_of_own(const char *id, const char *own)
{
    g_autofree char *lower = g_ascii_strdown(id, -1);
    const char *rest = g_str_has_prefix(lower, "bw.") ? skip_number(lower + 3) : NULL;
    rest = rest ? skip_number(rest) : NULL;
    if (!rest || strlen(rest) < TOKEN_LENGTH + 2 || rest[TOKEN_LENGTH] != '@' ||
        g_ascii_strcasecmp(rest + TOKEN_LENGTH + 1, domain_of(own)) != 0)
        return NULL;
    g_autofree char *token = g_strndup(rest, TOKEN_LENGTH);
    return is_token(token) ? g_steal_pointer(&token) : NULL;
}

static char *id_of(const Mail *mail)
{
    return mail->message_id ? g_strdup(mail->message_id) : g_strconcat("gen:", mail->digest, NULL);
}

char *threading_token(const Mail *mail, const char *own)
{
    char *found = mail->own && mail->message_id ? threading_of_own(mail->message_id, own) : NULL;
    for (guint i = mail->references->len; !found && i-- > 0;)
        found = threading_of_own(mail->references->pdata[i], own);
    if (found)
        return found;
    if (mail->references->len)
        return token_for(mail->references->pdata[0]);
    g_autofree char *id = id_of(mail);
    return token_for(id);
}

char *threading_external_id(const Mail *mail, const char *own)
{
    g_autofree char *thread =
        mail->own && mail->message_id ? threading_of_own(mail->message_id, own) : NULL;
    if (thread)
        return g_strdup(mail->message_id);
    g_autofree char *id = id_of(mail);
    return mail->message_id ? g_strconcat(id, "/", mail->digest, NULL) : g_steal_pointer(&id);
}

json_t *threading_chain(const Mail *mail)
{
    json_t *chain = json_array();
    guint count = mail->references->len;
    for (guint i = 0; i < count; i++)
        if (i == 0 || i + CHAIN_LENGTH >= count)
            json_array_append_new(chain, json_string(mail->references->pdata[i]));
    if (mail->message_id)
        json_array_append_new(chain, json_string(mail->message_id));
    return chain;
}
