/* The command line: `breakwater <command>`. Each command is a row of the table in main.c; all read
 * their options through cli_parse, so that --help and wrong use are alike everywhere. */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct Command {
    const char *name;
    const char *summary;               /* one line, as `breakwater --help` shows it */
    int (*run)(int argc, char **argv); /* argv[0] is the command's name; the exit status */
} Command;

/* Reads the options of a command. `usage` names the arguments after the options ("CHANNEL"),
 * `text` is what --help says below the summary (may be NULL), `entries` ends with {0} (may be
 * NULL). Between `min` and `max` arguments must be left; max < 0 means any number. --help is
 * answered and ends the program with status 0. Wrong use prints one line to stderr and returns
 * false: the command then returns CLI_WRONG_USE. */
bool cli_parse(const char *usage, const char *text, const GOptionEntry *entries, int min, int max,
               int *argc, char ***argv);
#define CLI_WRONG_USE 2

/* Prints "breakwater COMMAND: message" to stderr and returns 1, to end a command that failed. */
int cli_fail(const char *command, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* The same for what cli_parse cannot see to be wrong; returns CLI_WRONG_USE. */
int cli_wrong_use(const char *command, const char *message);

/* commands, each in the file of its name */
int cmd_brand(int argc, char **argv);
int cmd_channel(int argc, char **argv);
int cmd_classify(int argc, char **argv);
int cmd_cluster(int argc, char **argv);
int cmd_collect(int argc, char **argv);
int cmd_core(int argc, char **argv);
int cmd_migrate(int argc, char **argv);
int cmd_render(int argc, char **argv);
int cmd_spikes(int argc, char **argv);
int cmd_suspect(int argc, char **argv);

/* A table of actions below a command ("channel add"): runs the one named by argv[1], answers
 * --help, and says what there is when it is none of them. */
int cli_actions(const char *text, const Command *actions, int argc, char **argv);
int cmd_up(int argc, char **argv);
int cmd_user(int argc, char **argv);
int cmd_web(int argc, char **argv);
