/* Settings of the installation: a table in config.c, read from the environment
 * (BREAKWATER_DATABASE_URL) or an ini file (BREAKWATER_CONFIG, else /etc/breakwater/breakwater.ini,
 * group [breakwater]). What belongs to a brand or a channel is in the database instead. */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct Setting {
    const char *name;
    const char *standard; /* NULL: not set */
    const char *help;     /* one sentence */
} Setting;
extern const Setting config_settings[]; /* ends with {0} */

/* The value, or NULL. Lives as long as the program. `name` must be in the table. */
const char *config_get(const char *name);
/* For options on the command line, which win. */
void config_set(const char *name, const char *value);
/* The database's address, or an error that says how to give one. */
const char *config_database_url(GError **error);
