#include "core/base/config.h"

#include "core/base/error.h"

const Setting config_settings[] = {
    {"database_url", NULL,
     "PostgreSQL's address, as libpq reads it (postgresql://... or key=value)"},
    {"key_file", NULL, "file with the key that seals channel secrets (32 random bytes, mode 0600)"},
    {"data_dir", NULL,
     "data directory of `breakwater up`, also for the commands beside it (./var)"},
    {"allow_private_urls", "no",
     "yes: addresses that users enter may reach private and loopback networks"},
    {"most_deaths", "5", "how often a process may die in five minutes before `up` gives it up"},
    {"metrics", "loopback", "who may read /metrics: loopback, or all"},
    {"proxy", "no", "yes: callers' addresses come from a proxy, in the header X-Forwarded-For"},
    {"tls", "no",
     "yes: the inbox is reached through a proxy that speaks TLS (cookies become Secure)"},
    {0},
};

static GHashTable *values;

static void load(void)
{
    values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    const char *path = g_getenv("BREAKWATER_CONFIG");
    g_autoptr(GKeyFile) file = g_key_file_new();
    bool has_file = g_key_file_load_from_file(file, path ? path : "/etc/breakwater/breakwater.ini",
                                              G_KEY_FILE_NONE, NULL);
    for (const Setting *setting = config_settings; setting->name; setting++) {
        g_autofree char *upper = g_ascii_strup(setting->name, -1);
        g_autofree char *variable = g_strconcat("BREAKWATER_", upper, NULL);
        char *value = g_strdup(g_getenv(variable));
        if (!value && has_file)
            value = g_key_file_get_string(file, "breakwater", setting->name, NULL);
        if (!value)
            value = g_strdup(setting->standard);
        if (value)
            g_hash_table_insert(values, g_strdup(setting->name), value);
    }
}

const char *config_get(const char *name)
{
    static gsize once;
    if (g_once_init_enter(&once)) {
        if (!values)
            load();
        g_once_init_leave(&once, 1);
    }
    return g_hash_table_lookup(values, name);
}

void config_set(const char *name, const char *value)
{
    config_get(name);
    g_hash_table_insert(values, g_strdup(name), g_strdup(value));
}

const char *config_database_url(GError **error)
{
    const char *url = config_get("database_url");
    if (!url)
        url = g_getenv("DATABASE_URL");
    if (!url)
        bw_fail(error, BW_ERROR_INVALID,
                "no database: give --database-url or set BREAKWATER_DATABASE_URL "
                "(for that of 'breakwater up', run this where it was started, or set "
                "BREAKWATER_DATA_DIR)");
    return url;
}
