/* breakwater channel: connect a network account, see that it is healthy. Secrets come from a file
 * or the terminal, never from the command line, where every user of the machine could read them. */
#include "core/store/channel.h"

#include "collectors/connector.h"
#include "core/cli/cli.h"
#include "core/cli/connect.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const ConnectorField *field_of(const Connector *connector, const char *name)
{
    for (const ConnectorField *field = connector->fields; field->name; field++)
        if (strcmp(field->name, name) == 0)
            return field;
    return NULL;
}

static char *kinds_help(void)
{
    GString *text =
        g_string_new("Connects an account. KIND and its settings, * required, + secret:\n");
    for (const Connector *const *each = connectors; *each; each++) {
        g_string_append_printf(text, "\n%s: %s\n", (*each)->kind, (*each)->summary);
        for (const ConnectorField *field = (*each)->fields; field->name; field++)
            g_string_append_printf(
                text, "  %s%s%s\t%s%s%s%s\n", field->name, field->required ? "*" : "",
                field->secret ? "+" : "", field->help, field->standard ? " (" : "",
                field->standard ? field->standard : "", field->standard ? ")" : "");
    }
    g_string_append(text, "\nA secret is asked for on the terminal, or read with NAME=@FILE "
                          "(or --secret-file FILE where there is only one).");
    return g_string_free(text, FALSE);
}

static char *ask(const char *label, GError **error)
{
    struct termios before, quiet;
    FILE *terminal = fopen("/dev/tty", "r+");
    if (!terminal) {
        bw_fail(error, BW_ERROR_INVALID, "no terminal to ask for %s on: give %s=@FILE", label,
                label);
        return NULL;
    }
    char line[4096] = "";
    fprintf(terminal, "%s: ", label);
    fflush(terminal);
    tcgetattr(fileno(terminal), &before);
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(fileno(terminal), TCSAFLUSH, &quiet);
    bool got = fgets(line, sizeof line, terminal) != NULL;
    tcsetattr(fileno(terminal), TCSAFLUSH, &before);
    fprintf(terminal, "\n");
    fclose(terminal);
    if (!got) {
        bw_fail(error, BW_ERROR_INVALID, "nothing entered for %s", label);
        return NULL;
    }
    return g_strdup(g_strchomp(line));
}

static char *read_secret_file(const char *path, GError **error)
{
    char *text = NULL;
    g_autoptr(GError) problem = NULL;
    if (!g_file_get_contents(path, &text, NULL, &problem)) {
        bw_fail(error, BW_ERROR_INVALID, "%s", problem->message);
        return NULL;
    }
    return g_strchomp(text);
}

/* One NAME=VALUE or NAME=@FILE of the command line. */
static bool take_setting(const Connector *connector, Channel *channel, const char *pair,
                         GError **error)
{
    const char *equals = strchr(pair, '=');
    if (!equals)
        return bw_fail(error, BW_ERROR_INVALID, "'%s' is not NAME=VALUE", pair);
    g_autofree char *name = g_strndup(pair, (gsize)(equals - pair));
    const ConnectorField *field = field_of(connector, name);
    if (!field)
        return bw_fail(error, BW_ERROR_INVALID, "a channel of kind %s has no setting '%s'",
                       connector->kind, name);
    if (field->secret && equals[1] != '@')
        return bw_fail(
            error, BW_ERROR_INVALID,
            "%s is a secret and does not belong on the command line: give %s=@FILE, or leave it out to be asked",
            name, name);
    g_autofree char *value =
        field->secret ? read_secret_file(equals + 2, error) : g_strdup(equals + 1);
    if (!value)
        return false;
    json_object_set_new(field->secret ? channel->secret : channel->settings, name,
                        json_string(value));
    return true;
}

/* Defaults, and the secrets that are still missing. */
static bool complete(const Connector *connector, Channel *channel, const char *secret_file,
                     GError **error)
{
    for (const ConnectorField *field = connector->fields; field->name; field++) {
        if (channel_text(channel, field->name))
            continue;
        if (field->secret && field->required) {
            g_autofree char *value =
                secret_file ? read_secret_file(secret_file, error) : ask(field->name, error);
            if (!value)
                return false;
            json_object_set_new(channel->secret, field->name, json_string(value));
        } else if (field->standard) {
            json_object_set_new(channel->settings, field->name, json_string(field->standard));
        } else if (field->required) {
            return bw_fail(error, BW_ERROR_INVALID, "%s is missing: %s", field->name, field->help);
        }
    }
    return true;
}

static bool try_out(const Connector *connector, const Channel *channel, GError **error)
{
    void *connection = connector->open(channel, error);
    if (!connection)
        return false;
    g_autofree char *report = connector->check(connection, error);
    connector->close(connection);
    if (report)
        printf("%s\n", report);
    return report != NULL;
}

static int add(int argc, char **argv)
{
    g_autofree char *slug = NULL, *secret_file = NULL, *help = kinds_help();
    gboolean untested = FALSE;
    const GOptionEntry entries[] = {
        {"brand", 0, 0, G_OPTION_ARG_STRING, &slug, "whose channel it is (the only brand)", "SLUG"},
        {"secret-file", 0, 0, G_OPTION_ARG_FILENAME, &secret_file, "file with the secret", "FILE"},
        {"untested", 0, 0, G_OPTION_ARG_NONE, &untested, "add it even if it does not answer now",
         NULL},
        CONNECT_OPTION,
        {0}};
    g_autoptr(GError) error = NULL;
    if (!cli_parse("KIND NAME [SETTING=VALUE...]", help, entries, 2, -1, &argc, &argv))
        return CLI_WRONG_USE;
    const Connector *connector = connector_find(argv[1]);
    if (!connector)
        return cli_fail("channel add",
                        "there is no kind '%s' (see 'breakwater channel add --help')", argv[1]);
    g_autoptr(Brand) brand = NULL;
    g_autoptr(Db) db = connect_brand(slug, &brand, &error);
    if (!db)
        return cli_fail("channel add", "%s", error->message);
    g_autoptr(Channel) channel = g_new0(Channel, 1);
    channel->brand = brand->id;
    channel->kind = g_strdup(connector->kind);
    channel->name = g_strdup(argv[2]);
    channel->settings = json_object();
    channel->secret = json_object();
    for (int i = 3; i < argc; i++)
        if (!take_setting(connector, channel, argv[i], &error))
            return cli_fail("channel add", "%s", error->message);
    if (!complete(connector, channel, secret_file, &error))
        return cli_fail("channel add", "%s", error->message);
    const char *address = channel_text(channel, "address");
    channel->address = g_strdup(address ? address : argv[2]);
    if (!untested && !try_out(connector, channel, &error))
        return cli_fail("channel add", "%s; nothing was added (--untested adds it all the same)",
                        error->message);
    if (!channel_add(db, channel, &error))
        return cli_fail("channel add", "%s", error->message);
    printf("channel '%s' added to %s\n", channel->name, brand->slug);
    return 0;
}

static int list(int argc, char **argv)
{
    g_autofree char *slug = NULL;
    const GOptionEntry entries[] = {
        {"brand", 0, 0, G_OPTION_ARG_STRING, &slug, "only this brand's", "SLUG"},
        CONNECT_OPTION,
        {0}};
    g_autoptr(GError) error = NULL;
    if (!cli_parse("", "Lists the channels: brand, kind, name, state, last poll, what is wrong.",
                   entries, 0, 0, &argc, &argv))
        return CLI_WRONG_USE;
    g_autoptr(Brand) brand = NULL;
    g_autoptr(Db) db = slug ? connect_brand(slug, &brand, &error) : connect_admin(&error);
    g_autoptr(DbResult) result =
        db ? db_query(
                 db, &error,
                 "select b.slug, c.kind, c.name, case when c.paused then 'paused' else s.state end"
                 "  as state, coalesce(to_char(s.polled_at, 'YYYY-MM-DD HH24:MI:SS\"Z\"'), 'never')"
                 "  as polled, coalesce(s.error, '') as error"
                 " from channel c join brand b on b.id = c.brand_id"
                 " join channel_state s on s.brand_id = c.brand_id and s.channel_id = c.id"
                 " where c.removed_at is null and ($1::bigint is null or c.brand_id = $1)"
                 " order by b.slug, c.id",
                 db_id(brand ? brand->id : 0))
           : NULL;
    if (!result)
        return cli_fail("channel list", "%s", error->message);
    for (int i = 0; i < db_rows(result); i++) {
        DbRow row = db_row(result, i);
        printf("%s\t%s\t%s\t%s\t%s\t%s\n", db_get_text(row, "slug"), db_get_text(row, "kind"),
               db_get_text(row, "name"), db_get_text(row, "state"), db_get_text(row, "polled"),
               db_get_text(row, "error"));
    }
    return 0;
}

/* The actions on one channel that exists. */
static int on_channel(const char *action, const char *text, int argc, char **argv,
                      bool (*act)(Db *db, Channel *channel, GError **error), const char *done)
{
    g_autofree char *slug = NULL;
    const GOptionEntry entries[] = {
        {"brand", 0, 0, G_OPTION_ARG_STRING, &slug, "whose channel it is (the only brand)", "SLUG"},
        CONNECT_OPTION,
        {0}};
    g_autoptr(GError) error = NULL;
    if (!cli_parse("NAME", text, entries, 1, 1, &argc, &argv))
        return CLI_WRONG_USE;
    g_autoptr(Brand) brand = NULL;
    g_autoptr(Db) db = connect_brand(slug, &brand, &error);
    g_autoptr(Channel) channel = db ? channel_find(db, brand->id, argv[1], &error) : NULL;
    if (!channel || !act(db, channel, &error))
        return cli_fail(action, "%s", error->message);
    if (done)
        printf("channel '%s' %s\n", channel->name, done);
    return 0;
}

static bool act_test(G_GNUC_UNUSED Db *db, Channel *channel, GError **error)
{
    const Connector *connector = connector_find(channel->kind);
    if (!connector)
        return bw_fail(error, BW_ERROR_INVALID, "this program knows no channels of kind '%s'",
                       channel->kind);
    return try_out(connector, channel, error);
}

static bool act_pause(Db *db, Channel *channel, GError **error)
{
    return channel_pause(db, channel->brand, channel->id, true, error);
}

static bool act_resume(Db *db, Channel *channel, GError **error)
{
    return channel_pause(db, channel->brand, channel->id, false, error);
}

static bool act_remove(Db *db, Channel *channel, GError **error)
{
    return channel_remove(db, channel->brand, channel->id, error);
}

static int test(int argc, char **argv)
{
    return on_channel("channel test", "Connects and says what it finds; changes nothing.", argc,
                      argv, act_test, NULL);
}

static int pause_channel(int argc, char **argv)
{
    return on_channel("channel pause", "Stops polling and sending; what is queued waits.", argc,
                      argv, act_pause, "is paused");
}

static int resume(int argc, char **argv)
{
    return on_channel("channel resume", "Polls and sends again.", argc, argv, act_resume,
                      "goes on");
}

static int remove_channel(int argc, char **argv)
{
    return on_channel("channel remove",
                      "Disconnects it and forgets its secrets; its conversations stay readable.",
                      argc, argv, act_remove, "is removed");
}

static const Command actions[] = {
    {"list", "the channels, and how they are", list},
    {"add", "connect an account (see 'add --help' for the kinds)", add},
    {"test", "connect and say what is found", test},
    {"pause", "stop polling and sending", pause_channel},
    {"resume", "go on after a pause", resume},
    {"remove", "disconnect; the history stays", remove_channel},
    {0},
};

int cmd_channel(int argc, char **argv)
{
    return cli_actions("Channels: one account on one network each.", actions, argc, argv);
}
