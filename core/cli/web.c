/* breakwater web: the inbox and its API. */
#include "core/base/config.h"
#include "core/base/log.h"
#include "core/cli/cli.h"
#include "web/server.h"

#include <signal.h>

int cmd_web(int argc, char **argv)
{
    g_autofree char *listen = NULL, *url = NULL;
    const GOptionEntry entries[] = {
        {"listen", 0, 0, G_OPTION_ARG_STRING, &listen,
         "where to listen, 127.0.0.1:8080 unless given; port 0 takes a free one", "ADDR:PORT"},
        {"database-url", 0, 0, G_OPTION_ARG_STRING, &url, "PostgreSQL's address", "URL"},
        {0},
    };
    if (!cli_parse("", "Serves the inbox and its API until it is told to stop (SIGTERM, Ctrl-C).",
                   entries, 0, 0, &argc, &argv))
        return CLI_WRONG_USE;
    g_autoptr(GError) error = NULL;
    g_autofree char *host = NULL;
    uint16_t port;
    if (listen && !server_parse_listen(listen, &host, &port, &error))
        return cli_wrong_use("web", error->message);
    if (url)
        config_set("database_url", url);
    const char *database = config_database_url(&error);
    if (!database)
        return cli_fail("web", "%s", error->message);
    log_start("web");
    /* Every thread to come has them blocked, so that this one gets them. */
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stop, NULL);
    signal(SIGPIPE, SIG_IGN);
    Server *server = server_start(listen ? listen : "127.0.0.1:8080", database, &error);
    if (!server)
        return cli_fail("web", "%s", error->message);
    g_message("listening on http://%s", server_address(server));
    int signal_number;
    sigwait(&stop, &signal_number);
    g_message("stopping");
    server_stop(server);
    return 0;
}
