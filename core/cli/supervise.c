#include "core/cli/supervise.h"

#include "core/base/config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WINDOW_S = 300, BACK_OFF_MOST_MS = 10000 };

typedef struct Child {
    char *name;
    char **argv;
    char *variable;
    int end_signal;
    bool essential;
    bool given_up;
    pid_t pid;        /* 0: not running */
    GArray *deaths;   /* monotonic microseconds, of the last five minutes */
    int64_t start_at; /* not before */
} Child;

struct Supervisor {
    GPtrArray *children;
    int most_deaths;
};

static void child_free(void *data)
{
    Child *child = data;
    g_free(child->name);
    g_strfreev(child->argv);
    g_free(child->variable);
    g_array_unref(child->deaths);
    g_free(child);
}

Supervisor *supervisor_new(void)
{
    Supervisor *supervisor = g_new0(Supervisor, 1);
    supervisor->children = g_ptr_array_new_with_free_func(child_free);
    supervisor->most_deaths = atoi(config_get("most_deaths"));
    return supervisor;
}

void supervisor_free(Supervisor *supervisor)
{
    g_ptr_array_unref(supervisor->children);
    g_free(supervisor);
}

static Child *find(const Supervisor *supervisor, const char *name)
{
    for (guint i = 0; i < supervisor->children->len; i++) {
        Child *child = supervisor->children->pdata[i];
        if (strcmp(child->name, name) == 0)
            return child;
    }
    return NULL;
}

void supervisor_add(Supervisor *supervisor, const char *name, char *const *argv,
                    const char *variable, int end_signal, bool essential)
{
    Child *child = g_new0(Child, 1);
    child->name = g_strdup(name);
    child->argv = g_strdupv((char **)argv);
    child->variable = g_strdup(variable);
    child->end_signal = end_signal;
    child->essential = essential;
    child->deaths = g_array_new(FALSE, FALSE, sizeof(int64_t));
    g_ptr_array_add(supervisor->children, child);
}

bool supervisor_has(const Supervisor *supervisor, const char *name)
{
    return find(supervisor, name) != NULL;
}

pid_t supervisor_pid(const Supervisor *supervisor, const char *name)
{
    const Child *child = find(supervisor, name);
    return child ? child->pid : 0;
}

static void start(Child *child)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        g_warning("%s could not be started: %s", child->name, g_strerror(errno));
        child->start_at = g_get_monotonic_time() + G_USEC_PER_SEC;
        return;
    }
    if (pid == 0) {
        /* whoever kills the supervisor ends its children too */
        prctl(PR_SET_PDEATHSIG, child->end_signal);
        if (getppid() != parent)
            _exit(1);
        setpgid(0, 0);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (child->variable)
            putenv(child->variable);
        /* through /proc it works also where the program lies in a folder that the user it runs as
         * cannot enter */
        bool self = strcmp(child->argv[0], SUPERVISE_SELF) == 0;
        execv(self ? "/proc/self/exe" : child->argv[0], child->argv);
        _exit(127);
    }
    child->pid = pid;
}

static void forget_old_deaths(Child *child)
{
    int64_t limit = g_get_monotonic_time() - WINDOW_S * (int64_t)G_USEC_PER_SEC;
    while (child->deaths->len && g_array_index(child->deaths, int64_t, 0) < limit)
        g_array_remove_index(child->deaths, 0);
}

static char *how(int status)
{
    if (WIFSIGNALED(status))
        return g_strdup_printf("was ended by signal %d (%s)", WTERMSIG(status),
                               g_strsignal(WTERMSIG(status)));
    return g_strdup_printf("ended with status %d", WEXITSTATUS(status));
}

/* Status 0 is a collector that was asked to end or saw its channel paused. Where it is still wanted
 * (the channel was resumed) it starts again; otherwise supervisor_keep removes it. */
static void bury(Supervisor *supervisor, Child *child, int status)
{
    int64_t now = g_get_monotonic_time();
    g_autofree char *text = how(status);
    child->pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && !child->essential) {
        child->start_at = now + G_USEC_PER_SEC;
        g_info("%s %s", child->name, text);
        return;
    }
    forget_old_deaths(child);
    g_array_append_val(child->deaths, now);
    int64_t wait_ms = MIN(BACK_OFF_MOST_MS, 100 << MIN(child->deaths->len - 1, 10u));
    child->start_at = now + wait_ms * 1000;
    if ((int)child->deaths->len >= supervisor->most_deaths) {
        child->given_up = true;
        g_warning(
            "%s %s, death %u in five minutes: it is not started again. The lines above say why%s",
            child->name, text, child->deaths->len,
            child->essential ? "" : "; 'breakwater channel pause', then 'resume', starts it anew");
    } else {
        g_warning("%s %s; it is started again", child->name, text);
    }
}

bool supervisor_tick(Supervisor *supervisor)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (guint i = 0; i < supervisor->children->len; i++) {
            Child *child = supervisor->children->pdata[i];
            if (child->pid == pid)
                bury(supervisor, child, status);
        }
    for (guint i = 0; i < supervisor->children->len; i++) {
        Child *child = supervisor->children->pdata[i];
        if (child->given_up && child->essential)
            return false;
        if (!child->pid && !child->given_up && g_get_monotonic_time() >= child->start_at)
            start(child);
    }
    return true;
}

static void end(Child *child, int seconds)
{
    int64_t limit = g_get_monotonic_time() + seconds * (int64_t)G_USEC_PER_SEC;
    if (!child->pid)
        return;
    kill(child->pid, child->end_signal);
    while (waitpid(child->pid, NULL, WNOHANG) == 0) {
        if (g_get_monotonic_time() > limit) {
            g_warning("%s does not end; it is killed", child->name);
            kill(child->pid, SIGKILL);
            waitpid(child->pid, NULL, 0);
            break;
        }
        g_usleep(10000);
    }
    child->pid = 0;
}

void supervisor_keep(Supervisor *supervisor, GHashTable *wanted)
{
    for (guint i = supervisor->children->len; i > 0; i--) {
        Child *child = supervisor->children->pdata[i - 1];
        if (child->essential || g_hash_table_contains(wanted, child->name))
            continue;
        end(child, 5);
        g_ptr_array_remove_index(supervisor->children, i - 1);
    }
}

void supervisor_stop(Supervisor *supervisor, int seconds)
{
    for (guint i = supervisor->children->len; i > 1; i--) {
        Child *child = supervisor->children->pdata[i - 1];
        if (child->pid)
            kill(child->pid, child->end_signal);
    }
    for (guint i = supervisor->children->len; i > 0; i--)
        end(supervisor->children->pdata[i - 1], seconds);
}
