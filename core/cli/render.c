#include "core/cli/cli.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/engine/render.h"

enum { MOST_BYTES = 1 << 20 };

/* What stands on stdin as UTF-8 text, without the line end that a shell adds; NULL when too long.
 */
static char *read_text(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[8192];
    size_t got;
    while ((got = fread(buffer, 1, sizeof buffer, stdin)) > 0) {
        g_string_append_len(text, buffer, (gssize)got);
        if (text->len > MOST_BYTES)
            return NULL;
    }
    if (text->len > 0 && text->str[text->len - 1] == '\n')
        g_string_truncate(text, text->len - 1);
    return g_utf8_make_valid(text->str, (gssize)text->len);
}

static json_t *part_json(const char *kind, const char *text, int64_t limit)
{
    RenderCount count;
    render_count(kind, text, limit, &count);
    json_t *part = json_pack("{s:s, s:I, s:o}", "text", text, "length", (json_int_t)count.length,
                             "limit", count.limit ? json_integer(count.limit) : json_null());
    if (strcmp(kind, "sms") == 0)
        json_object_set_new(part, "segments", json_integer(count.segments));
    return part;
}

int cmd_render(int argc, char **argv)
{
    g_autofree char *kind = NULL;
    gint64 limit = 0;
    const GOptionEntry entries[] = {
        {"channel", 'c', 0, G_OPTION_ARG_STRING, &kind, "the network: mastodon, x, sms ...",
         "KIND"},
        {"limit", 'l', 0, G_OPTION_ARG_INT64, &limit, "the server's own limit", "N"},
        {0},
    };
    if (!cli_parse(
            "",
            "Reads a text on stdin and prints it as JSON, in as many parts as the network needs,"
            "\nwith the length of each as that network counts. KIND/direct is its private message.",
            entries, 0, 0, &argc, &argv))
        return CLI_WRONG_USE;
    if (!kind || !render_knows(kind) || limit < 0) {
        cli_fail("render", !kind       ? "missing --channel KIND"
                           : limit < 0 ? "--limit must not be negative"
                                       : "this kind of channel is not known");
        return CLI_WRONG_USE;
    }
    g_autofree char *text = read_text();
    if (!text)
        return cli_fail("render", "the text is longer than %d bytes", MOST_BYTES);
    RenderCount count;
    render_count(kind, text, limit, &count);
    g_autoptr(GPtrArray) parts = render_parts(kind, text, limit);
    json_t *list = json_array();
    for (guint i = 0; i < parts->len; i++)
        json_array_append_new(list, part_json(kind, g_ptr_array_index(parts, i), limit));
    json_t *out = json_pack("{s:s, s:s, s:o}", "channel", kind, "unit", count.unit, "parts", list);
    json_dumpf(out, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(out);
    return 0;
}
