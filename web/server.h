/* The process `breakwater web`: libmicrohttpd's threads read and write sockets, workers with a
 * database connection each run the handlers, while the connection is suspended, so that a slow
 * query stops no one else's page or events. Errors become HTTP statuses here. */
#pragma once
#include "core/base/error.h"
#include "web/request.h"

typedef struct Server Server;

/* `listen` is ADDR:PORT ("127.0.0.1:8080", "[::1]:8080"); port 0 takes a free one. The database
 * need not be there yet. */
Server *server_start(const char *listen, const char *database_url, GError **error);
/* "127.0.0.1:8080", as it is bound. */
const char *server_address(const Server *server);
/* Ends the streams, lets calls that run finish, and stops. */
void server_stop(Server *server);

/* ADDR:PORT into its parts: false and INVALID when it is none. */
bool server_parse_listen(const char *listen, char **host, uint16_t *port, GError **error);

/* What /metrics tells of the process. */
typedef struct ServerFigures {
    int64_t answers[6]; /* by hundreds of the status */
    int64_t busy_us;    /* in handlers */
    int64_t streams;
    int64_t waiting; /* calls that no worker has taken yet */
} ServerFigures;
void server_figures(const Server *server, ServerFigures *figures);
struct Hub *server_hub(const Server *server);
