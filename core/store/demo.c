#include "core/store/demo.h"

#include "core/store/brand.h"
#include "core/store/channel.h"

/* demo/outage-day.mjs: where the recording's history ends and its live part begins. */
#define DEMO_START "1764511200"

bool demo_make(Db *db, const char *out, bool *made, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(Brand) brand = brand_find(db, "demo", &problem);
    *made = false;
    if (brand)
        return true;
    if (!g_error_matches(problem, BW_ERROR, BW_ERROR_MISSING)) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return false;
    }
    brand = brand_add(db, "demo", "Hafenladen", true, error);
    if (!brand)
        return false;
    g_autoptr(Channel) channel = g_new0(Channel, 1);
    channel->brand = brand->id;
    channel->kind = g_strdup("replay");
    channel->name = g_strdup("Hafenladen, recorded");
    channel->address = g_strdup("");
    channel->settings = json_pack("{ssssssss}", "file", "builtin:outage-day.jsonl", "speed", "1",
                                  "start", DEMO_START, "out", out);
    *made = true;
    return channel_add(db, channel, error);
}
