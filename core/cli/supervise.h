/* The children of `breakwater up`: started, watched, started again with back-off, ended. */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct Supervisor Supervisor;

Supervisor *supervisor_new(void);
void supervisor_free(Supervisor *supervisor);

/* Adds a child; it starts with the next supervisor_tick. argv[0] is the program; `end_signal` ends
 * it gently. `variable` ("NAME=VALUE", may be NULL) is added to its environment, which others
 * cannot read as they can a command line. `essential`: without it there is no sense in going on. */
void supervisor_add(Supervisor *supervisor, const char *name, char *const *argv,
                    const char *variable, int end_signal, bool essential);
bool supervisor_has(const Supervisor *supervisor, const char *name);
/* Starts one now and returns whether it lives. */
bool supervisor_start(Supervisor *supervisor, const char *name);
bool supervisor_alive(const Supervisor *supervisor, const char *name);
/* Ends a child for good. */
void supervisor_remove(Supervisor *supervisor, const char *name);

/* Reaps and starts again. False when an essential child died five times in five minutes, with the
 * reason printed. */
bool supervisor_tick(Supervisor *supervisor);

/* Ends all, the last added first, each within `seconds`. */
void supervisor_stop(Supervisor *supervisor, int seconds);
