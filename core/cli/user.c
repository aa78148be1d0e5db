/* breakwater user: who may sign in. Passwords come from the terminal or a file, never from the
 * command line, where every process of the machine can read them. */
#include "core/store/user.h"
#include "core/cli/cli.h"
#include "core/cli/connect.h"
#include "core/store/brand.h"
#include "web/session.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const char *name, *password_file, *address;
static char **grants;
static gboolean undo;

static char *read_line(FILE *from)
{
    char line[USER_PASSWORD_MAX * 4 + 2];
    if (!fgets(line, sizeof line, from))
        return NULL;
    line[strcspn(line, "\r\n")] = '\0';
    char *copy = g_strdup(line);
    sodium_memzero(line, sizeof line);
    return copy;
}

static char *ask(const char *prompt)
{
    struct termios before, silent;
    bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    if (terminal) {
        fprintf(stderr, "%s", prompt);
        silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    char *line = read_line(stdin);
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fprintf(stderr, "\n");
    }
    return line;
}

/* The hash of a new password, from --password-file or asked for twice. */
static char *new_password(GError **error)
{
    g_autofree char *password = NULL;
    if (password_file) {
        FILE *file = fopen(password_file, "re");
        if (!file) {
            bw_fail(error, BW_ERROR_INVALID, "%s: %s", password_file, g_strerror(errno));
            return NULL;
        }
        password = read_line(file);
        fclose(file);
    } else {
        password = ask("Password: ");
        g_autofree char *again = isatty(STDIN_FILENO) ? ask("Again: ") : g_strdup(password);
        if (g_strcmp0(password, again) != 0) {
            bw_fail(error, BW_ERROR_INVALID, "the two passwords are not the same");
            return NULL;
        }
    }
    if (!password || !g_utf8_validate(password, -1, NULL) ||
        g_utf8_strlen(password, -1) < USER_PASSWORD_MIN ||
        g_utf8_strlen(password, -1) > USER_PASSWORD_MAX) {
        bw_fail(error, BW_ERROR_INVALID, "a password has at least %d characters",
                USER_PASSWORD_MIN);
        return NULL;
    }
    return session_hash_password(password, error);
}

/* BRAND:ROLE, or ROLE where there is one brand. */
static bool grant(Db *db, const User *user, const char *text, GError **error)
{
    const char *colon = strrchr(text, ':');
    g_autofree char *slug = colon ? g_strndup(text, (gsize)(colon - text)) : NULL;
    unsigned role = role_parse(colon ? colon + 1 : text);
    if (!role)
        return bw_fail(error, BW_ERROR_INVALID,
                       "'%s' names no role: reader, agent, comms, supervisor, ops or admin", text);
    g_autoptr(Brand) brand = brand_find(db, slug, error);
    return brand && user_grant(db, user->id, brand->id, role, error);
}

static bool make_user(Db *db, const char *email, GError **error)
{
    g_autoptr(User) user = g_new0(User, 1);
    user->email = user_tidy_email(email, error);
    if (!user->email)
        return false;
    user->name = name ? g_strdup(name) : g_strndup(user->email, strcspn(user->email, "@"));
    user->password_hash = new_password(error);
    if (!user->password_hash || !db_begin(db, error))
        return false;
    bool good = user_add(db, user, error);
    for (char **one = grants; good && one && *one; one++)
        good = grant(db, user, *one, error);
    if (good && db_commit(db, error)) {
        printf("%s (%s) may sign in\n", user->email, user->initials);
        return true;
    }
    db_rollback(db);
    return false;
}

static bool show_users(Db *db, G_GNUC_UNUSED const char *email, GError **error)
{
    g_autoptr(GPtrArray) users = user_list(db, error);
    for (guint i = 0; users && i < users->len; i++) {
        const User *user = g_ptr_array_index(users, i);
        g_autofree char *roles = user_roles_text(db, user->id, error);
        if (!roles)
            return false;
        printf("%s\t%s\t%s\t%s\t%s\n", user->email, user->initials, user->name,
               *roles ? roles : "no role", user->disabled ? "disabled" : "");
    }
    return users != NULL;
}

static bool lock_out(Db *db, const char *email, GError **error)
{
    g_autoptr(User) user = user_find(db, email, error);
    return user && user_disable(db, user->id, !undo, error);
}

static bool change_password(Db *db, const char *email, GError **error)
{
    g_autoptr(User) user = user_find(db, email, error);
    g_autofree char *hash = user ? new_password(error) : NULL;
    return hash && user_set_password(db, user->id, hash, error);
}

static bool make_link(Db *db, G_GNUC_UNUSED const char *email, GError **error)
{
    g_autofree char *token = session_new_token();
    uint8_t hash[32];
    session_hash_token(token, hash);
    if (!user_link_add(db, hash, g_get_real_time() + 3600LL * G_USEC_PER_SEC, error))
        return false;
    printf("%s/first#%s\n", address ? address : "http://127.0.0.1:8080", token);
    return true;
}

/* `usage` is "EMAIL" or "". */
static int act(const char *usage, const char *text, const GOptionEntry *entries, int argc,
               char **argv, bool (*run)(Db *db, const char *email, GError **error))
{
    int wanted = *usage ? 1 : 0;
    g_autofree char *command = g_strdup(argv[0]);
    g_autoptr(GError) error = NULL;
    if (!cli_parse(usage, text, entries, wanted, wanted, &argc, &argv))
        return CLI_WRONG_USE;
    g_autofree char *email = wanted ? g_utf8_strdown(argv[1], -1) : NULL;
    g_autoptr(Db) db = sodium_init() >= 0 ? connect_admin(&error) : NULL;
    if (!db || !run(db, email, &error))
        return cli_fail(command, "%s", error ? error->message : "libsodium has no random numbers");
    return 0;
}

#define PASSWORD_OPTION                                                                            \
    {                                                                                              \
        "password-file", 0, 0, G_OPTION_ARG_FILENAME, &password_file,                              \
            "read it from the first line of this file instead of asking", "FILE"                   \
    }

static int add(int argc, char **argv)
{
    const GOptionEntry entries[] = {
        {"name", 0, 0, G_OPTION_ARG_STRING, &name, "how the person is called", "NAME"},
        {"role", 0, 0, G_OPTION_ARG_STRING_ARRAY, &grants,
         "a role (reader, agent, comms, supervisor, ops, admin); once or more often",
         "[BRAND:]ROLE"},
        PASSWORD_OPTION,
        CONNECT_OPTION,
        {0}};
    return act("EMAIL", "Adds a person who may sign in.", entries, argc, argv, make_user);
}

static int list(int argc, char **argv)
{
    const GOptionEntry entries[] = {CONNECT_OPTION, {0}};
    return act("", "Lists the users: e-mail, initials, name, roles, and whether disabled.", entries,
               argc, argv, show_users);
}

static int disable(int argc, char **argv)
{
    const GOptionEntry entries[] = {
        {"undo", 0, 0, G_OPTION_ARG_NONE, &undo, "let the person sign in again", NULL},
        CONNECT_OPTION,
        {0}};
    return act("EMAIL", "Ends a person's sessions and lets them sign in no more.", entries, argc,
               argv, lock_out);
}

static int password(int argc, char **argv)
{
    const GOptionEntry entries[] = {PASSWORD_OPTION, CONNECT_OPTION, {0}};
    return act("EMAIL", "Sets a person's password.", entries, argc, argv, change_password);
}

static int print_link(int argc, char **argv)
{
    const GOptionEntry entries[] = {{"address", 0, 0, G_OPTION_ARG_STRING, &address,
                                     "where the inbox is reached (http://127.0.0.1:8080)", "URL"},
                                    CONNECT_OPTION,
                                    {0}};
    return act("",
               "Prints a link with which somebody becomes admin of every brand, once, within an "
               "hour.",
               entries, argc, argv, make_link);
}

static const Command actions[] = {
    {"add", "add a person who may sign in", add},
    {"list", "who may sign in, and as what", list},
    {"disable", "let a person sign in no more", disable},
    {"password", "set a person's password", password},
    {"link", "print a one-time link that makes an admin", print_link},
    {0},
};

int cmd_user(int argc, char **argv)
{
    return cli_actions("Users: who may sign in, and as what.", actions, argc, argv);
}
