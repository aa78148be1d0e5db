/* The children of `breakwater up`: started, watched, started again with back-off, ended. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct Supervisor Supervisor;

Supervisor *supervisor_new(void);
void supervisor_free(Supervisor *supervisor);

/* Adds a child; it starts with the next supervisor_tick. argv[0] is the program, SUPERVISE_SELF
 * stands for the one that runs; `end_signal` ends it gently. `variable` ("NAME=VALUE", may be NULL)
 * is added to its environment, which others cannot read as they can a command line. `essential`:
 * without it there is no sense in going on. */
void supervisor_add(Supervisor *supervisor, const char *name, char *const *argv,
                    const char *variable, int end_signal, bool essential);
#define SUPERVISE_SELF "breakwater"
bool supervisor_has(const Supervisor *supervisor, const char *name);
/* 0: it does not run. */
pid_t supervisor_pid(const Supervisor *supervisor, const char *name);
/* Ends for good those that are not essential and whose names are not in the set. */
void supervisor_keep(Supervisor *supervisor, GHashTable *wanted);

/* Reaps and starts again. False when an essential child died five times in five minutes, with the
 * reason printed. */
bool supervisor_tick(Supervisor *supervisor);

/* Ends all, the last added first, each within `seconds`. */
void supervisor_stop(Supervisor *supervisor, int seconds);
