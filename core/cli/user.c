/* breakwater user: who may sign in. Passwords come from the terminal or a file, never from the
 * command line, where every process of the machine can read them. */
#include "core/store/user.h"
#include "core/base/config.h"
#include "core/cli/cli.h"
#include "core/store/brand.h"
#include "web/session.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const char *url, *name, *password_file, *address;
static char **grants;
static gboolean undo;

static int wrong_use(const char *sentence)
{
    fprintf(stderr, "breakwater user: %s (see 'breakwater user --help')\n", sentence);
    return CLI_WRONG_USE;
}

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

static bool add(Db *db, const char *email, GError **error)
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

static bool list(Db *db, G_GNUC_UNUSED const char *email, GError **error)
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

static bool disable(Db *db, const char *email, GError **error)
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

static const struct {
    const char *name;
    bool with_email;
    bool (*run)(Db *db, const char *email, GError **error);
} actions[] = {
    {"add", true, add},         {"list", false, list},
    {"disable", true, disable}, {"password", true, change_password},
    {"link", false, make_link},
};

int cmd_user(int argc, char **argv)
{
    const GOptionEntry entries[] = {
        {"database-url", 0, 0, G_OPTION_ARG_STRING, &url, "PostgreSQL's address", "URL"},
        {"name", 0, 0, G_OPTION_ARG_STRING, &name, "add: how the person is called", "NAME"},
        {"role", 0, 0, G_OPTION_ARG_STRING_ARRAY, &grants,
         "add: a role (reader, agent, comms, supervisor, ops, admin); once or more often",
         "[BRAND:]ROLE"},
        {"password-file", 0, 0, G_OPTION_ARG_FILENAME, &password_file,
         "add, password: read it from the first line of this file instead of asking", "FILE"},
        {"undo", 0, 0, G_OPTION_ARG_NONE, &undo, "disable: let the person sign in again", NULL},
        {"address", 0, 0, G_OPTION_ARG_STRING, &address,
         "link: where the inbox is reached, http://127.0.0.1:8080 unless given", "URL"},
        {0},
    };
    if (!cli_parse(
            "ACTION [EMAIL]",
            "ACTION: add EMAIL, list, disable EMAIL, password EMAIL, or link, which prints a link "
            "with\nwhich somebody becomes admin of every brand, once, within an hour.",
            entries, 1, 2, &argc, &argv))
        return CLI_WRONG_USE;
    size_t at = 0;
    while (at < G_N_ELEMENTS(actions) && strcmp(actions[at].name, argv[1]) != 0)
        at++;
    if (at == G_N_ELEMENTS(actions))
        return wrong_use("there is no such action");
    if (actions[at].with_email != (argc == 3))
        return wrong_use(actions[at].with_email ? "missing EMAIL" : "unexpected EMAIL");
    g_autoptr(GError) error = NULL;
    if (url)
        config_set("database_url", url);
    const char *database = config_database_url(&error);
    g_autoptr(Db) db = database && sodium_init() >= 0 ? db_open(database, NULL, &error) : NULL;
    g_autofree char *email = argc == 3 ? g_utf8_strdown(argv[2], -1) : NULL;
    if (!db || !actions[at].run(db, email, &error))
        return cli_fail("user", "%s", error->message);
    return 0;
}
