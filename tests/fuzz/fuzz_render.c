/* Any bytes as a text for any network: counted, and cut into parts of which each makes progress. */
#include <stdlib.h>
#include <string.h>

#include "core/engine/render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const kinds[] = {"x",       "mastodon", "bluesky",          "sms",
                                        "threads", "telegram", "instagram/direct", "google-play"};
    if (size < 2)
        return 0;
    const char *kind = kinds[data[0] % G_N_ELEMENTS(kinds)];
    int64_t limit = data[1] % 64;
    g_autofree char *text = g_strndup((const char *)data + 2, size - 2);
    RenderCount count;
    render_count(kind, text, limit, &count);
    if (count.length < 0 || count.segments < 1)
        abort();
    g_autoptr(GPtrArray) parts = render_parts(kind, text, limit);
    for (guint i = 0; i < parts->len; i++)
        if (*(const char *)g_ptr_array_index(parts, i) == '\0')
            abort();
    g_autofree char *beyond = render_beyond_gsm(parts->len ? g_ptr_array_index(parts, 0) : "");
    return 0;
}
