#include "web/compose.h"

#include <string.h>

#define FIRST_NAME "first_name"

static const char *const fields[] = {"workaround", "next_update", "status_url"};

bool compose_is_field(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
        if (strcmp(fields[i], name) == 0)
            return true;
    return false;
}

/* The next {name} in the text: its beginning, or NULL. Anything else in braces is just text. */
static const char *next_field(const char *text, char **name)
{
    for (const char *open = strchr(text, '{'); open; open = strchr(open + 1, '{')) {
        size_t size = strspn(open + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
        if (size == 0 || open[1 + size] != '}')
            continue;
        *name = g_strndup(open + 1, size);
        return open;
    }
    return NULL;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text && text[strspn(text, " \t\r\n")] ? text : NULL;
}

static void add_once(GPtrArray *list, char *sentence)
{
    if (g_ptr_array_find_with_equal_func(list, sentence, g_str_equal, NULL))
        g_free(sentence);
    else
        g_ptr_array_add(list, sentence);
}

static void check_fields(const Draft *draft, const char *text, GPtrArray *blocked)
{
    char *name;
    for (const char *at = next_field(text, &name); at; at = next_field(at + 1, &name)) {
        if (!compose_is_field(name) && strcmp(name, FIRST_NAME) != 0)
            add_once(blocked,
                     g_strdup_printf("{%s} is no field: there are {workaround}, {next_update}, "
                                     "{status_url} and {first_name}",
                                     name));
        else if (compose_is_field(name) && !text_of(draft->fields, name))
            add_once(
                blocked,
                g_strdup_printf("{%s} has no value: set it on the incident before sending", name));
        g_free(name);
    }
}

GPtrArray *compose_blocked(const Draft *draft)
{
    GPtrArray *blocked = g_ptr_array_new_with_free_func(g_free);
    const char *lang;
    json_t *value;
    bool any = false;
    json_object_foreach((json_t *)draft->texts, lang, value)
    {
        const char *text = text_of(draft->texts, lang);
        any = any || text;
        if (text)
            check_fields(draft, text, blocked);
    }
    if (!any)
        g_ptr_array_add(blocked, g_strdup("There is no text yet"));
    else if (!text_of(draft->texts, draft->fallback))
        g_ptr_array_add(blocked,
                        g_strdup_printf("There is no text in %s, which everybody else would get",
                                        draft->fallback));
    return blocked;
}

const char *compose_language(const Draft *draft, const char *lang)
{
    if (text_of(draft->texts, lang))
        return lang;
    return text_of(draft->texts, draft->fallback) ? draft->fallback : NULL;
}

char *compose_fill(const Draft *draft, const char *text)
{
    GString *out = g_string_new(NULL);
    const char *from = text;
    char *name;
    for (const char *at = next_field(text, &name); at; at = next_field(at + 1, &name)) {
        const char *value = text_of(draft->fields, name);
        if (value && compose_is_field(name)) {
            g_string_append_len(out, from, at - from);
            g_string_append(out, value);
            from = at + strlen(name) + 2;
        }
        g_free(name);
    }
    g_string_append(out, from);
    return g_strstrip(g_string_free(out, FALSE));
}

bool compose_is_personal(const char *text)
{
    return strstr(text, "{" FIRST_NAME "}") != NULL;
}

char *compose_first_name(const char *name, const char *handle)
{
    const char *comma = strstr(name, ", "); /* "Weber, Jana" */
    const char *start = comma ? comma + 2 : name;
    while (*start && !g_unichar_isalpha(g_utf8_get_char(start)))
        start = g_utf8_next_char(start);
    const char *end = start;
    while (*end && !g_unichar_isspace(g_utf8_get_char(end)) && !strchr(",;:()<>@", *end))
        end = g_utf8_next_char(end);
    if (end > start && g_utf8_strlen(start, end - start) <= 30)
        return g_strndup(start, (gsize)(end - start));
    handle += *handle == '@';
    return g_strndup(handle, strcspn(handle, "@"));
}

char *compose_personal(const char *text, const char *first_name)
{
    GString *out = g_string_new(text);
    g_string_replace(out, "{" FIRST_NAME "}", first_name, 0);
    return g_string_free(out, FALSE);
}

char *compose_mention(const char *network, bool direct, const char *handle)
{
    bool mentions = strcmp(network, "mastodon") == 0 || (strcmp(network, "x") == 0 && !direct);
    if (!mentions || !*handle)
        return g_strdup("");
    return g_strdup_printf("%s%s ", *handle == '@' ? "" : "@", handle);
}

char *compose_kind(const char *network, bool direct)
{
    return direct ? g_strconcat(network, "/direct", NULL) : g_strdup(network);
}
