/* The data directory of `breakwater up`: a private PostgreSQL cluster reached by a unix socket, the
 * key of the installation, the demo's answers. */
#pragma once
#include "core/base/error.h"

#include <stdbool.h>
#include <sys/types.h>

typedef struct Local {
    char *directory; /* absolute */
    char *cluster;   /* PostgreSQL's data directory */
    char *socket;    /* directory of its socket */
    char *key_file;
    char *demo_out;
    int lock;  /* held as long as this process or a child of it lives */
    uid_t uid; /* who everything runs as */
    gid_t gid;
    char *user;
} Local;
void local_free(Local *local);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Local, local_free)

/* Makes what is missing and locks it. `directory` NULL: the setting data_dir, else ./var, or
 * /var/lib/breakwater where root starts it in a folder that an unprivileged user cannot reach.
 * Started as root, gives the directory to the user `breakwater` if there is one, else to
 * `postgres`, and becomes that user for the rest of the process. */
Local *local_open(const char *directory, GError **error);
/* The address of the cluster for one of its roles. Free with g_free. */
char *local_url(const Local *local, const char *role);
/* For the other commands, when no database is named: uses the one that `up` runs from the setting
 * data_dir, ./var or /var/lib/breakwater, if any, and its key. */
void local_adopt(void);

/* Where PostgreSQL's programs are that fit the cluster (or, for a new one, the newest). */
char *local_postgres_bin(const Local *local, GError **error);
/* initdb, unless it is there. Makes it ready to start after a crash. */
bool local_make_cluster(const Local *local, const char *bin, GError **error);
/* The arguments to run it with, for execv; free with g_strfreev. */
char **local_postgres_argv(const Local *local, const char *bin);
/* Does the cluster that was started as process `pid` take connections? (It says so in its pid file;
 * asking it too early fills its log with refusals.) */
bool local_cluster_ready(const Local *local, pid_t pid);
