/* breakwater collect: one channel, or without a name one child per channel. */
#include "collectors/collect.h"

#include "core/base/config.h"
#include "core/base/log.h"
#include "core/cli/cli.h"
#include "core/cli/connect.h"
#include "core/cli/supervise.h"
#include "core/store/channel.h"

#include <signal.h>

static volatile sig_atomic_t ending;

static void on_signal(G_GNUC_UNUSED int signal_number)
{
    ending = 1;
}

static bool follow(Supervisor *supervisor, Db *db, GError **error)
{
    g_autoptr(GPtrArray) channels = channel_list(db, 0, error);
    if (!channels)
        return false;
    g_autoptr(GHashTable) wanted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < channels->len; i++) {
        const Channel *channel = channels->pdata[i];
        g_autofree char *brand = g_strdup_printf("%" G_GINT64_FORMAT, channel->brand);
        g_autofree char *id = g_strdup_printf("%" G_GINT64_FORMAT, channel->id);
        g_autofree char *name = g_strdup_printf("collect %s/%s", brand, id);
        char *argv[] = {SUPERVISE_SELF, "collect", "--id", brand, id, NULL};
        if (channel->paused)
            continue;
        g_hash_table_add(wanted, g_strdup(name));
        if (!supervisor_has(supervisor, name))
            supervisor_add(supervisor, name, argv, NULL, SIGTERM, false);
    }
    supervisor_keep(supervisor, wanted);
    return true;
}

/* All channels: children, watched as `up` does. */
static int collect_all(const char *url)
{
    struct sigaction action = {.sa_handler = on_signal};
    Supervisor *supervisor = supervisor_new();
    g_autoptr(Db) db = NULL;
    int64_t looked = 0;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    log_start("collect");
    g_setenv("BREAKWATER_DATABASE_URL", url, TRUE);
    while (!ending) {
        supervisor_tick(supervisor);
        if (g_get_monotonic_time() - looked > G_USEC_PER_SEC) {
            g_autoptr(GError) error = NULL;
            if (!db)
                db = db_open(url, "breakwater_collect", &error);
            else if (!db_is_alive(db))
                db_reconnect(db, &error);
            if (error || !follow(supervisor, db, &error))
                g_warning("%s", error->message);
            looked = g_get_monotonic_time();
        }
        g_usleep(50000);
    }
    supervisor_stop(supervisor, 10);
    supervisor_free(supervisor);
    return 0;
}

int cmd_collect(int argc, char **argv)
{
    g_autofree char *slug = NULL;
    gboolean by_id = FALSE;
    const GOptionEntry entries[] = {
        {"brand", 0, 0, G_OPTION_ARG_STRING, &slug, "the channel's brand", "SLUG"},
        {"id", 0, 0, G_OPTION_ARG_NONE, &by_id, "the channel is given as two ids, BRAND CHANNEL",
         NULL},
        CONNECT_OPTION,
        {0}};
    g_autoptr(GError) error = NULL;
    if (!cli_parse(
            "[CHANNEL]",
            "Polls a channel and sends what is due there, until SIGTERM. Without a name, all "
            "channels, one process each.",
            entries, 0, 2, &argc, &argv))
        return CLI_WRONG_USE;
    if (by_id ? argc != 3 : argc > 2)
        return cli_wrong_use("collect", by_id ? "--id takes two ids, BRAND CHANNEL"
                                              : "one CHANNEL at a time, or all");
    const char *url = config_database_url(&error);
    if (!url)
        return cli_fail("collect", "%s", error->message);
    if (by_id)
        return collect_run(url, g_ascii_strtoll(argv[1], NULL, 10),
                           g_ascii_strtoll(argv[2], NULL, 10));
    if (argc == 1)
        return collect_all(url);
    g_autoptr(Brand) brand = NULL;
    g_autoptr(Db) db = connect_brand(slug, &brand, &error);
    g_autoptr(Channel) channel = db ? channel_find(db, brand->id, argv[1], &error) : NULL;
    if (!channel)
        return cli_fail("collect", "%s", error->message);
    g_clear_pointer(&db, db_close);
    return collect_run(url, channel->brand, channel->id);
}
