/* breakwater up: all of it on one machine. Makes and runs a private PostgreSQL (or uses one that is
 * there), migrates, and watches over core, web and one collector per channel. */
#include "core/base/config.h"
#include "core/base/log.h"
#include "core/cli/cli.h"
#include "core/cli/local.h"
#include "core/cli/supervise.h"
#include "core/store/brand.h"
#include "core/store/channel.h"
#include "core/store/demo.h"
#include "core/store/migrate.h"
#include "core/store/user.h"
#include "web/server.h"
#include "web/session.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DATABASE_WITHIN_S = 60, CHANNELS_EVERY_MS = 1000, STOP_WITHIN_S = 10 };
#define POSTGRESQL "postgresql"
#define LINK_S (3600 * (int64_t)G_USEC_PER_SEC)

typedef struct Up {
    Local *local;
    Supervisor *supervisor;
    Db *db;
    char *listen;
    const char *url; /* --database-url, or NULL */
    bool demo;
} Up;

static volatile sig_atomic_t ending;

static void on_signal(G_GNUC_UNUSED int signal_number)
{
    ending = 1;
}

/* A busy port is said at once, not by a web process that dies five times. */
static bool check_port(const char *listen, GError **error)
{
    g_autofree char *host = NULL;
    uint16_t port;
    if (!server_parse_listen(listen, &host, &port, error))
        return false;
    g_autofree char *service = g_strdup_printf("%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST};
    struct addrinfo *info = NULL;
    int problem = getaddrinfo(host, service, &hints, &info);
    if (problem)
        return bw_fail(error, BW_ERROR_INVALID, "--listen %s: %s", listen, gai_strerror(problem));
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool good = bind(fd, info->ai_addr, info->ai_addrlen) == 0;
    if (!good)
        bw_fail(
            error, BW_ERROR_CONFLICT,
            errno == EADDRINUSE
                ? "%s is in use by another program: stop it, or choose another --listen ADDR:PORT"
                : "cannot listen on %s: choose another --listen ADDR:PORT",
            listen);
    close(fd);
    freeaddrinfo(info);
    return good;
}

/* ---- the database ---- */

static bool wait_for_database(Up *up, GError **error)
{
    int64_t limit = g_get_monotonic_time() + DATABASE_WITHIN_S * (int64_t)G_USEC_PER_SEC;
    while (!ending && g_get_monotonic_time() < limit) {
        if (!supervisor_tick(up->supervisor))
            return bw_fail(error, BW_ERROR_DENIED,
                           "PostgreSQL does not start in %s: the lines above say why",
                           up->local->cluster);
        g_usleep(20000);
        if (local_cluster_ready(up->local, supervisor_pid(up->supervisor, POSTGRESQL)))
            return true;
    }
    return bw_fail(error, BW_ERROR_TEMPORARY,
                   ending ? "stopped" : "PostgreSQL did not answer within a minute");
}

static bool make_database(const char *socket, GError **error)
{
    g_autofree char *url =
        g_strdup_printf("host=%s port=5432 dbname=postgres user=breakwater", socket);
    g_autoptr(Db) db = db_open(url, NULL, error);
    if (!db)
        return false;
    g_autoptr(DbResult) there =
        db_query(db, error, "select from pg_database where datname = 'breakwater'");
    return there && (db_rows(there) || db_script(db, "create database breakwater", error));
}

static bool start_own_database(Up *up, GError **error)
{
    g_autofree char *bin = local_postgres_bin(up->local, error);
    if (!bin || !local_make_cluster(up->local, bin, error))
        return false;
    g_auto(GStrv) argv = local_postgres_argv(up->local, bin);
    supervisor_add(up->supervisor, POSTGRESQL, argv, NULL, SIGINT, true);
    return wait_for_database(up, error) && make_database(up->local->socket, error);
}

static char *url_for(const Up *up, const char *role)
{
    return up->url ? g_strdup(up->url) : local_url(up->local, role);
}

static bool open_database(Up *up, GError **error)
{
    int applied;
    if (!up->url && !start_own_database(up, error))
        return false;
    g_autofree char *url = url_for(up, "breakwater");
    up->db = db_open(url, NULL, error);
    if (!up->db || !migrate_run(up->db, &applied, error))
        return false;
    if (applied)
        g_message("the schema is up to date, %d steps applied", applied);
    return true;
}

/* ---- who works on it ---- */

static void add_child(Up *up, const char *name, const char *role, const char *const *arguments,
                      bool essential)
{
    g_autoptr(GStrvBuilder) argv = g_strv_builder_new();
    g_autofree char *url = url_for(up, role);
    g_strv_builder_add(argv, SUPERVISE_SELF);
    g_strv_builder_addv(argv, (const char **)arguments);
    g_auto(GStrv) all = g_strv_builder_end(argv);
    g_autofree char *variable = g_strconcat("BREAKWATER_DATABASE_URL=", url, NULL);
    supervisor_add(up->supervisor, name, all, variable, SIGTERM, essential);
}

static char *child_name(const Channel *channel)
{
    return g_strdup_printf("collect %" G_GINT64_FORMAT "/%" G_GINT64_FORMAT, channel->brand,
                           channel->id);
}

/* One collector per channel that is not paused. */
static bool follow_channels(Up *up, GError **error)
{
    g_autoptr(GPtrArray) channels = channel_list(up->db, 0, error);
    if (!channels)
        return false;
    g_autoptr(GHashTable) wanted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < channels->len; i++) {
        const Channel *channel = channels->pdata[i];
        g_autofree char *name = child_name(channel);
        g_autofree char *brand = g_strdup_printf("%" G_GINT64_FORMAT, channel->brand);
        g_autofree char *id = g_strdup_printf("%" G_GINT64_FORMAT, channel->id);
        if (channel->paused)
            continue;
        g_hash_table_add(wanted, g_strdup(name));
        const char *arguments[] = {"collect", "--id", brand, id, NULL};
        if (!supervisor_has(up->supervisor, name))
            add_child(up, name, "breakwater_collect", arguments, false);
    }
    supervisor_keep(up->supervisor, wanted);
    return true;
}

static bool greet(Up *up, GError **error)
{
    bool any;
    if (!user_exists_any(up->db, &any, error))
        return false;
    if (any) {
        printf("\n  Breakwater runs: http://%s/\n\n", up->listen);
    } else {
        g_autofree char *token = session_new_token();
        uint8_t hash[32];
        session_hash_token(token, hash);
        if (!user_link_add(up->db, hash, g_get_real_time() + LINK_S, error))
            return false;
        printf(
            "\n  Breakwater runs. Make the first admin here (the link works once, for an hour):\n"
            "  http://%s/first#%s\n\n",
            up->listen, token);
    }
    fflush(stdout);
    return true;
}

static bool first_start(Up *up, GError **error)
{
    g_autoptr(GPtrArray) brands = brand_list(up->db, error);
    bool made;
    if (!brands)
        return false;
    if (brands->len || !up->demo)
        return true;
    return demo_make(up->db, up->local->demo_out, &made, error);
}

static bool watch(Up *up, GError **error)
{
    int64_t looked = 0;
    while (!ending) {
        if (!supervisor_tick(up->supervisor))
            return bw_fail(error, BW_ERROR_DENIED,
                           "stopped, because a process that is needed keeps dying");
        if (g_get_monotonic_time() - looked > CHANNELS_EVERY_MS * 1000) {
            g_autoptr(GError) problem = NULL;
            if (!db_is_alive(up->db) ? !db_reconnect(up->db, &problem)
                                     : !follow_channels(up, &problem))
                g_info("%s", problem->message);
            looked = g_get_monotonic_time();
        }
        g_usleep(50000);
    }
    return true;
}

static bool run(Up *up, GError **error)
{
    const char *core[] = {"core", NULL};
    const char *web[] = {"web", "--listen", up->listen, NULL};
    if (!check_port(up->listen, error))
        return false;
    g_setenv("BREAKWATER_KEY_FILE", up->local->key_file, FALSE);
    if (!open_database(up, error) || !first_start(up, error))
        return false;
    add_child(up, "core", "breakwater_core", core, true);
    add_child(up, "web", "breakwater_web", web, true);
    return supervisor_tick(up->supervisor) && greet(up, error) && watch(up, error);
}

int cmd_up(int argc, char **argv)
{
    g_autofree char *directory = NULL, *listen = NULL, *url = NULL;
    gboolean no_demo = FALSE;
    const GOptionEntry entries[] = {
        {"data-dir", 0, 0, G_OPTION_ARG_FILENAME, &directory, "where the data is kept (./var)",
         "DIR"},
        {"listen", 0, 0, G_OPTION_ARG_STRING, &listen, "where the inbox answers (127.0.0.1:8080)",
         "ADDR:PORT"},
        {"database-url", 0, 0, G_OPTION_ARG_STRING, &url,
         "use this PostgreSQL instead of a private one", "URL"},
        {"no-demo", 0, 0, G_OPTION_ARG_NONE, &no_demo, "no demo brand on the first start", NULL},
        {0},
    };
    if (!cli_parse("", "Runs all of Breakwater on this machine. Ctrl-C stops it.", entries, 0, 0,
                   &argc, &argv))
        return CLI_WRONG_USE;
    struct sigaction action = {.sa_handler = on_signal};
    g_autoptr(GError) error = NULL;
    g_autofree char *host = NULL;
    uint16_t port;
    if (listen && !server_parse_listen(listen, &host, &port, &error))
        return cli_wrong_use("up", error->message);
    Up up = {.listen = listen ? listen : "127.0.0.1:8080", .url = url, .demo = !no_demo};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    log_start("up");
    up.local = local_open(directory, &error);
    up.supervisor = supervisor_new();
    bool good = up.local && run(&up, &error);
    db_close(up.db);
    supervisor_stop(up.supervisor, STOP_WITHIN_S);
    supervisor_free(up.supervisor);
    local_free(up.local);
    return good || ending
               ? 0
               : cli_fail("up", "%s", error ? error->message : "a process did not start");
}
