#include "core/cli/local.h"

#include "core/base/config.h"
#include "core/base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SYSTEM_DIRECTORY "/var/lib/breakwater"
/* sockaddr_un.sun_path holds 108 bytes; the socket's name takes 20 of them. */
enum { LONGEST_SOCKET_DIRECTORY = 85 };
/* An empty cluster takes 40 MB and its log of changes 16 MB at a time. */
enum { ROOM_FOR_CLUSTER_MB = 150, ROOM_TO_RUN_MB = 20 };
/* How long the children of an instance that was killed may take to end. */
enum { ENDING_WITHIN_S = 15 };

void local_free(Local *local)
{
    if (!local)
        return;
    if (local->lock >= 0)
        close(local->lock);
    g_free(local->directory);
    g_free(local->cluster);
    g_free(local->socket);
    g_free(local->key_file);
    g_free(local->demo_out);
    g_free(local->user);
    g_free(local);
}

static bool choose_user(Local *local, GError **error)
{
    static const char *const names[] = {"breakwater", "postgres"};
    if (geteuid() != 0) {
        local->uid = geteuid();
        local->gid = getegid();
        local->user = g_strdup(g_get_user_name());
        return true;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        const struct passwd *entry = getpwnam(names[i]);
        if (!entry)
            continue;
        local->uid = entry->pw_uid;
        local->gid = entry->pw_gid;
        local->user = g_strdup(names[i]);
        return true;
    }
    return bw_fail(
        error, BW_ERROR_DENIED,
        "PostgreSQL does not run as root and there is no user 'breakwater' or 'postgres': make one (useradd --system breakwater) or start as an ordinary user");
}

/* May the user pass through all folders above the path? */
static bool can_reach(const Local *local, const char *path)
{
    g_autofree char *above = g_path_get_dirname(path);
    while (true) {
        struct stat info;
        if (stat(above, &info) == 0) {
            mode_t bit = info.st_uid == local->uid   ? S_IXUSR
                         : info.st_gid == local->gid ? S_IXGRP
                                                     : S_IXOTH;
            if (!(info.st_mode & bit))
                return false;
        }
        if (strcmp(above, "/") == 0)
            return true;
        char *next = g_path_get_dirname(above);
        g_free(above);
        above = next;
    }
}

static bool choose_directory(Local *local, const char *directory, GError **error)
{
    if (!directory)
        directory = config_get("data_dir");
    g_autofree char *here = g_canonicalize_filename(directory ? directory : "var", NULL);
    if (geteuid() == 0 && !can_reach(local, here)) {
        if (directory)
            return bw_fail(error, BW_ERROR_DENIED,
                           "user %s, as whom everything runs, cannot reach %s: choose another "
                           "--data-dir or open the folders above it (chmod o+x)",
                           local->user, here);
        g_printerr("breakwater: user %s cannot reach %s; the data is in " SYSTEM_DIRECTORY
                   " instead\n",
                   local->user, here);
        local->directory = g_strdup(SYSTEM_DIRECTORY);
        return true;
    }
    local->directory = g_steal_pointer(&here);
    return true;
}

static void name_files(Local *local)
{
    local->cluster = g_build_filename(local->directory, "postgresql", NULL);
    local->key_file = g_build_filename(local->directory, "key", NULL);
    local->demo_out = g_build_filename(local->directory, "demo-sent.jsonl", NULL);
    local->socket = g_build_filename(local->directory, "run", NULL);
    if (strlen(local->socket) > LONGEST_SOCKET_DIRECTORY) {
        g_autofree char *sum =
            g_compute_checksum_for_string(G_CHECKSUM_SHA256, local->directory, -1);
        g_free(local->socket);
        local->socket = g_strdup_printf("/tmp/breakwater-%u-%.16s", (unsigned)local->uid, sum);
    }
}

/* Ours, or empty: `--data-dir /etc` must not change whose /etc is. */
static bool check_contents(const char *path, GError **error)
{
    static const char *const before_the_key[] = {"run", "lock", "lost+found", NULL};
    g_autofree char *key = g_build_filename(path, "key", NULL);
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    const char *name;
    if (access(key, F_OK) == 0)
        return true;
    while (folder && (name = g_dir_read_name(folder)))
        if (!g_strv_contains(before_the_key, name))
            return bw_fail(
                error, BW_ERROR_DENIED,
                "%s holds other things than Breakwater's data (%s): choose an empty --data-dir",
                path, name);
    return true;
}

static bool check_room(const char *path, int wanted_mb, GError **error)
{
    struct statvfs info;
    if (statvfs(path, &info) < 0)
        return true;
    uint64_t free_mb = (uint64_t)info.f_bavail * info.f_frsize / 1000000;
    if (free_mb >= (uint64_t)wanted_mb)
        return true;
    return bw_fail(error, BW_ERROR_DENIED,
                   "the disk is full: %s has room for %d MB and %d are needed; free some space, or "
                   "choose another --data-dir",
                   path, (int)free_mb, wanted_mb);
}

static bool make_folder_private(const Local *local, const char *path, int folder, GError **error)
{
    struct stat info;
    bool root = geteuid() == 0;
    if (fstat(folder, &info) < 0 || (info.st_uid != local->uid && !(root && info.st_uid == 0)))
        return bw_fail(
            error, BW_ERROR_DENIED,
            "the data directory %s belongs to another user: start as that user, or choose another --data-dir",
            path);
    if (root && fchown(folder, local->uid, local->gid) < 0)
        return bw_fail(error, BW_ERROR_DENIED, "cannot give %s to user %s: %s", path, local->user,
                       g_strerror(errno));
    if (fchmod(folder, 0700) < 0)
        return bw_fail(error, BW_ERROR_DENIED, "cannot close %s to others: %s", path,
                       g_strerror(errno));
    return true;
}

/* Ours alone: who can enter the socket's folder is trusted by the cluster. Its name in /tmp can be
 * guessed, so that root must not follow a link that somebody put there. */
static bool make_private(const Local *local, const char *path, GError **error)
{
    if (g_mkdir_with_parents(path, 0700) < 0)
        return bw_fail(error, BW_ERROR_DENIED, "cannot make the data directory %s: %s", path,
                       g_strerror(errno));
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return bw_fail(error, BW_ERROR_DENIED,
                       "the data directory %s is a link or cannot be opened (%s): choose another "
                       "--data-dir",
                       path, g_strerror(errno));
    bool good = make_folder_private(local, path, folder, error);
    close(folder);
    return good;
}

static bool become(const Local *local, GError **error)
{
    if (geteuid() != 0)
        return true;
    if (setgroups(0, NULL) < 0 || initgroups(local->user, local->gid) < 0 ||
        setgid(local->gid) < 0 || setuid(local->uid) < 0)
        return bw_fail(error, BW_ERROR_DENIED, "cannot become user %s: %s", local->user,
                       g_strerror(errno));
    g_setenv("HOME", local->directory, TRUE);
    return true;
}

static pid_t holder(int lock)
{
    char text[32] = "";
    return pread(lock, text, sizeof text - 1, 0) > 0 ? atoi(text) : 0;
}

/* One `up` per directory. Its children inherit the lock, so that after `kill -9` the next start
 * waits until the last of them is gone; the file names who runs. */
static bool lock_directory(Local *local, GError **error)
{
    int64_t limit = g_get_monotonic_time() + ENDING_WITHIN_S * (int64_t)G_USEC_PER_SEC;
    g_autofree char *text = g_strdup_printf("%d\n", (int)getpid());
    local->lock = open("lock", O_RDWR | O_CREAT, 0600); /* NOLINT(android-cloexec-open) */
    if (local->lock < 0)
        return bw_fail(error, BW_ERROR_DENIED, "cannot write in the data directory %s: %s",
                       local->directory, g_strerror(errno));
    while (flock(local->lock, LOCK_EX | LOCK_NB) < 0) {
        pid_t pid = holder(local->lock);
        if (pid <= 0 || kill(pid, 0) == 0 || errno == EPERM)
            return bw_fail(
                error, BW_ERROR_CONFLICT,
                "Breakwater runs already in %s: stop it first, or choose another --data-dir",
                local->directory);
        if (g_get_monotonic_time() > limit)
            return bw_fail(error, BW_ERROR_CONFLICT,
                           "processes of a Breakwater that was killed still end in %s: try again "
                           "in a minute",
                           local->directory);
        g_usleep(20000);
    }
    if (ftruncate(local->lock, 0) < 0 ||
        pwrite(local->lock, text, strlen(text), 0) != (ssize_t)strlen(text))
        return bw_fail(error, BW_ERROR_DENIED, "cannot write in the data directory %s: %s",
                       local->directory, g_strerror(errno));
    return true;
}

Local *local_open(const char *directory, GError **error)
{
    g_autoptr(Local) local = g_new0(Local, 1);
    local->lock = -1;
    if (!choose_user(local, error) || !choose_directory(local, directory, error))
        return NULL;
    name_files(local);
    if (!check_contents(local->directory, error) || !make_private(local, local->directory, error) ||
        !make_private(local, local->socket, error) || !become(local, error))
        return NULL;
    if (access(local->directory, R_OK | W_OK | X_OK) < 0 || chdir(local->directory) < 0) {
        bw_fail(error, BW_ERROR_DENIED, "the data directory %s cannot be used: %s",
                local->directory, g_strerror(errno));
        return NULL;
    }
    if (!check_room(local->directory, ROOM_TO_RUN_MB, error) || !lock_directory(local, error) ||
        !secret_make_key(local->key_file, error))
        return NULL;
    return g_steal_pointer(&local);
}

char *local_url(const Local *local, const char *role)
{
    return g_strdup_printf("host=%s port=5432 dbname=breakwater user=%s", local->socket, role);
}

void local_adopt(void)
{
    const char *named = config_get("data_dir");
    const char *const places[] = {named ? named : "var", named ? NULL : SYSTEM_DIRECTORY};
    for (gsize i = 0; i < G_N_ELEMENTS(places) && places[i]; i++) {
        g_autofree char *path = g_canonicalize_filename(places[i], NULL);
        g_autoptr(Local) local = g_new0(Local, 1);
        struct stat info;
        local->lock = -1;
        if (stat(path, &info) < 0)
            continue;
        local->directory = g_strdup(path);
        local->uid = info.st_uid;
        name_files(local);
        g_autofree char *socket = g_build_filename(local->socket, ".s.PGSQL.5432", NULL);
        if (!config_get("key_file") && access(local->key_file, R_OK) == 0)
            config_set("key_file", local->key_file);
        if (!config_get("database_url") && !g_getenv("DATABASE_URL") && access(socket, F_OK) == 0) {
            g_autofree char *url = local_url(local, "breakwater");
            config_set("database_url", url);
        }
    }
}

/* ---- PostgreSQL's programs ---- */

static int version_of_cluster(const Local *local)
{
    g_autofree char *path = g_build_filename(local->cluster, "PG_VERSION", NULL);
    g_autofree char *text = NULL;
    return g_file_get_contents(path, &text, NULL, NULL) ? atoi(text) : 0;
}

/* Debian keeps each major version's programs in a folder of its own. */
static char *newest_debian_bin(int wanted, int *found)
{
    g_autoptr(GDir) folder = g_dir_open("/usr/lib/postgresql", 0, NULL);
    const char *name;
    *found = 0;
    while (folder && (name = g_dir_read_name(folder))) {
        g_autofree char *program =
            g_build_filename("/usr/lib/postgresql", name, "bin/initdb", NULL);
        int version = atoi(name);
        if (access(program, X_OK) == 0 && (wanted ? version == wanted : version > *found))
            *found = version;
    }
    return *found ? g_strdup_printf("/usr/lib/postgresql/%d/bin", *found) : NULL;
}

static char *bin_in_path(int *found)
{
    g_autofree char *initdb = g_find_program_in_path("initdb");
    g_autofree char *postgres = g_find_program_in_path("postgres");
    g_autofree char *output = NULL;
    *found = 0;
    if (!initdb || !postgres)
        return NULL;
    g_autofree char *command = g_strdup_printf("%s --version", postgres);
    if (g_spawn_command_line_sync(command, &output, NULL, NULL, NULL)) {
        const char *digits = strpbrk(output, "0123456789");
        *found = digits ? atoi(digits) : 0;
    }
    return g_path_get_dirname(initdb);
}

char *local_postgres_bin(const Local *local, GError **error)
{
    int wanted = version_of_cluster(local), found = 0, in_path = 0;
    char *bin = newest_debian_bin(wanted, &found);
    if (bin)
        return bin;
    bin = bin_in_path(&in_path);
    if (bin && (!wanted || in_path == wanted))
        return bin;
    g_free(bin);
    if (wanted)
        bw_fail(
            error, BW_ERROR_DENIED,
            "the data directory %s was made by PostgreSQL %d, which is not installed: install postgresql-%d, or choose another --data-dir",
            local->directory, wanted, wanted);
    else
        bw_fail(
            error, BW_ERROR_DENIED,
            "PostgreSQL is not installed: run 'make deps' (Debian's package postgresql), or use a server you have with --database-url");
    return NULL;
}

/* After a crash PostgreSQL's lock files name a process that is no more, or a number that something
 * else got (in a container that starts again, likely one of ours), and PostgreSQL would refuse to
 * start for it. The lock on the directory says that none of ours lives. */
static void forget_dead_postmaster(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *text = NULL, *stat = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return;
    g_autofree char *process = g_strdup_printf("/proc/%d/stat", atoi(text));
    bool lives = g_file_get_contents(process, &stat, NULL, NULL) && strstr(stat, "(postgres) ") &&
                 !strstr(stat, ") Z ");
    if (!lives)
        g_unlink(path);
}

/* The child inherits the lock on the directory: a start after `kill -9` waits for its end. */
static bool run_initdb(const char *bin, char *cluster, GError **error)
{
    g_autofree char *initdb = g_build_filename(bin, "initdb", NULL);
    g_autofree char *problem = NULL;
    int status = 0;
    g_autoptr(GError) failed = NULL;
    char *argv[] = {initdb,  "--pgdata",   cluster, "--username", "breakwater", "--auth",
                    "trust", "--encoding", "UTF8",  "--locale",   "C.UTF-8",    NULL};
    if (!g_spawn_sync(NULL, argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_LEAVE_DESCRIPTORS_OPEN,
                      NULL, NULL, NULL, &problem, &status, &failed))
        return bw_fail(error, BW_ERROR_DENIED, "cannot run %s: %s", initdb, failed->message);
    if (g_spawn_check_wait_status(status, NULL))
        return true;
    bool full = problem && strstr(problem, "No space left");
    g_strdelimit(g_strchomp(problem), "\n", ' ');
    return bw_fail(error, BW_ERROR_DENIED, "%s: %s",
                   full ? "the disk is full: free some space, or choose another --data-dir"
                        : "initdb failed",
                   problem);
}

static bool remove_folder(char *path)
{
    char *argv[] = {"rm", "-rf", "--", path, NULL};
    int status = 0;
    return g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status,
                        NULL) &&
           g_spawn_check_wait_status(status, NULL);
}

/* A new name that a failing power supply cannot take back. */
static bool rename_for_good(const Local *local, const char *from, const char *to)
{
    int folder = open(local->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = folder >= 0 && rename(from, to) == 0 && fsync(folder) == 0;
    if (folder >= 0)
        close(folder);
    return good;
}

bool local_make_cluster(const Local *local, const char *bin, GError **error)
{
    if (version_of_cluster(local)) {
        forget_dead_postmaster(local->cluster, "postmaster.pid");
        forget_dead_postmaster(local->socket, ".s.PGSQL.5432.lock");
        return true;
    }
    if (g_file_test(local->cluster, G_FILE_TEST_EXISTS))
        return bw_fail(error, BW_ERROR_DENIED,
                       "%s is there, but its file PG_VERSION cannot be read: restore it, or choose "
                       "another --data-dir",
                       local->cluster);
    if (!check_room(local->directory, ROOM_FOR_CLUSTER_MB, error))
        return false;
    /* initdb writes PG_VERSION first: only a whole cluster gets the name that the next start looks
     * for, and what an interrupted one left has no data in it */
    g_autofree char *unfinished = g_strconcat(local->cluster, ".new", NULL);
    if (!remove_folder(unfinished))
        return bw_fail(error, BW_ERROR_DENIED, "cannot remove %s", unfinished);
    if (!run_initdb(bin, unfinished, error))
        return false;
    if (!rename_for_good(local, unfinished, local->cluster))
        return bw_fail(error, BW_ERROR_DENIED, "cannot rename %s to %s: %s", unfinished,
                       local->cluster, g_strerror(errno));
    return true;
}

char **local_postgres_argv(const Local *local, const char *bin)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_autofree char *postgres = g_build_filename(bin, "postgres", NULL);
    g_autofree char *socket = g_strconcat("unix_socket_directories=", local->socket, NULL);
    const char *const settings[] = {
        socket,
        "listen_addresses=",
        "port=5432",
        "max_connections=200",
        "shared_buffers=256MB",
        "max_wal_size=4GB",
        "wal_compression=lz4",
        "autovacuum_naptime=5s", /* a table that fills soon has statistics */
        "logging_collector=off",
        "log_min_messages=fatal",
        "log_line_prefix=%t postgresql %q%a: ",
    };
    g_strv_builder_add_many(builder, postgres, "-D", local->cluster, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(settings); i++)
        g_strv_builder_add_many(builder, "-c", settings[i], NULL);
    return g_strv_builder_end(builder);
}

bool local_cluster_ready(const Local *local, pid_t pid)
{
    g_autofree char *path = g_build_filename(local->cluster, "postmaster.pid", NULL);
    g_autofree char *text = NULL;
    return pid && g_file_get_contents(path, &text, NULL, NULL) && atoi(text) == pid &&
           strstr(text, "\nready");
}
