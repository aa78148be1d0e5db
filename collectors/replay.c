/* Replay: reads recorded JSON lines (docs/demo.md) at a chosen speed, as
 * if they came from a network, and writes what is sent to a file. Demos and load tests use it.
 * Times of the recording are moved: `start` (a time in the file) becomes the moment of the first
 * poll; what lies before it is history and comes at once. */
#include "collectors/connector.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MOST_AT_ONCE = 1000 };

typedef struct Replay {
    const Channel *channel;
    GInputStream *lines_in;
    GDataInputStream *lines;
    int64_t line;  /* lines read so far */
    json_t *ahead; /* the message read but not due yet */
    double speed;  /* 0: as fast as it goes */
    double start;  /* seconds, in the file's time; NAN: its first message */
    char *out_path;
    int out;
    int64_t sent;
} Replay;

static void replay_close(void *connection)
{
    Replay *replay = connection;
    g_clear_object(&replay->lines);
    g_clear_object(&replay->lines_in);
    json_decref(replay->ahead);
    if (replay->out >= 0)
        close(replay->out);
    g_free(replay->out_path);
    g_free(replay);
}

static double number_of(const Channel *channel, const char *name, double standard)
{
    const char *text = channel_text(channel, name);
    return text && *text ? g_ascii_strtod(text, NULL) : standard;
}

static bool open_file(Replay *replay, GError **error)
{
    const char *path = channel_text(replay->channel, "file");
    g_autoptr(GError) problem = NULL;
    g_clear_object(&replay->lines);
    g_clear_object(&replay->lines_in);
    json_decref(replay->ahead);
    replay->ahead = NULL;
    replay->line = 0;
    if (g_str_has_prefix(path, "builtin:")) {
        g_autofree char *resource =
            g_strconcat("/breakwater/demo/", path + strlen("builtin:"), NULL);
        replay->lines_in =
            g_resources_open_stream(resource, G_RESOURCE_LOOKUP_FLAGS_NONE, &problem);
    } else {
        g_autoptr(GFile) file = g_file_new_for_path(path);
        replay->lines_in = G_INPUT_STREAM(g_file_read(file, NULL, &problem));
    }
    if (!replay->lines_in)
        return bw_fail(error, BW_ERROR_DENIED, "cannot read the recording: %s", problem->message);
    replay->lines = g_data_input_stream_new(replay->lines_in);
    g_data_input_stream_set_newline_type(replay->lines, G_DATA_STREAM_NEWLINE_TYPE_LF);
    g_buffered_input_stream_set_buffer_size(G_BUFFERED_INPUT_STREAM(replay->lines), 1 << 16);
    return true;
}

static void *replay_open(const Channel *channel, GError **error)
{
    const char *file = channel_text(channel, "file");
    if (!file || !*file) {
        bw_fail(error, BW_ERROR_INVALID, "a replay channel needs file=PATH");
        return NULL;
    }
    Replay *replay = g_new0(Replay, 1);
    replay->channel = channel;
    replay->out = -1;
    replay->speed = number_of(channel, "speed", 1);
    replay->start = number_of(channel, "start", NAN);
    replay->out_path = g_strdup(channel_text(channel, "out"));
    return replay;
}

static char *replay_check(void *connection, GError **error)
{
    Replay *replay = connection;
    if (!open_file(replay, error))
        return NULL;
    return g_strdup_printf("%s can be read", channel_text(replay->channel, "file"));
}

static char *text_of(const json_t *line, const char *name)
{
    return g_strdup(json_string_value(json_object_get(line, name)));
}

static bool time_of(const json_t *line, double *seconds)
{
    const json_t *ts = json_object_get(line, "ts");
    *seconds = json_number_value(ts);
    return json_is_number(ts);
}

static Message *replay_read(const json_t *line, int64_t sent_at)
{
    g_autoptr(Message) message = message_new();
    message->external_id = text_of(line, "id");
    message->network = text_of(line, "channel");
    message->author_id = text_of(line, "author");
    message->author_name = text_of(line, "author_name");
    message->author_handle = text_of(line, "author_handle");
    message->lang = text_of(line, "lang");
    message->subject = text_of(line, "subject");
    message->body = text_of(line, "text");
    message->thread = text_of(line, "thread");
    message->parent = text_of(line, "parent");
    message->permalink = text_of(line, "permalink");
    message->direct =
        g_strcmp0(json_string_value(json_object_get(line, "visibility")), "direct") == 0;
    message->outbound = json_is_true(json_object_get(line, "outbound"));
    message->sent_at = sent_at;
    if (!message->external_id || !message->body)
        return NULL;
    if (!message->thread)
        message->thread = g_strdup(message->external_id);
    /* without an author, everybody is somebody else */
    if (!message->author_id || !*message->author_id) {
        g_free(message->author_id);
        message->author_id = g_strconcat("author of ", message->external_id, NULL);
    }
    if (!message->author_name && !message->author_handle)
        message->author_name = g_strdup(message->author_id);
    return g_steal_pointer(&message);
}

static void quarantine_line(Replay *replay, Poll *poll, const char *text, const char *reason)
{
    Unreadable *item = g_new0(Unreadable, 1);
    item->external_id = g_strdup_printf("line %" G_GINT64_FORMAT, replay->line);
    item->reason = g_strdup_printf("line %" G_GINT64_FORMAT ": %s", replay->line, reason);
    item->raw = g_bytes_new(text, strlen(text));
    item->size = (int64_t)strlen(text);
    g_ptr_array_add(poll->unreadable, item);
}

/* The next message of the file as JSON; NULL at its end, or with error. Bad lines are put aside. */
static json_t *next_line(Replay *replay, Poll *poll, GError **error)
{
    while (!replay->ahead) {
        g_autofree char *text = g_data_input_stream_read_line(replay->lines, NULL, NULL, error);
        if (!text)
            return NULL;
        replay->line++;
        if (!*text)
            continue;
        json_error_t problem;
        double seconds;
        json_t *line = json_loads(text, 0, &problem);
        if (line && json_string_value(json_object_get(line, "id")) &&
            json_string_value(json_object_get(line, "text")) && time_of(line, &seconds))
            replay->ahead = line;
        else {
            quarantine_line(replay, poll, text, line ? "id, ts or text is missing" : problem.text);
            json_decref(line);
        }
    }
    return replay->ahead;
}

/* After a restart: to the line that the cursor names. */
static bool skip_to(Replay *replay, int64_t line, GError **error)
{
    if (replay->lines && replay->line - (replay->ahead != NULL) == line)
        return true;
    if (!open_file(replay, error))
        return false;
    while (replay->line < line) {
        g_autoptr(GError) problem = NULL;
        g_autofree char *text = g_data_input_stream_read_line(replay->lines, NULL, NULL, &problem);
        if (!text)
            return bw_fail(error, BW_ERROR_DENIED, "the recording has become shorter than before");
        replay->line++;
    }
    return true;
}

/* Where the recording's clock stands against ours: kept in the cursor, so that it goes on after a
 * restart as if it had never stopped. */
static bool replay_poll(void *connection, const json_t *cursor, Poll *poll, GError **error)
{
    Replay *replay = connection;
    int64_t now = g_get_real_time();
    int64_t line = json_integer_value(json_object_get(cursor, "line"));
    int64_t base = json_integer_value(json_object_get(cursor, "base"));
    double start = cursor ? json_real_value(json_object_get(cursor, "start")) : replay->start;
    if (!skip_to(replay, line, error))
        return false;
    if (!base)
        base = now;
    poll->next_ms = 3600 * 1000;
    while (poll->messages->len < MOST_AT_ONCE) {
        g_autoptr(GError) problem = NULL;
        double ts;
        json_t *next = next_line(replay, poll, &problem);
        if (problem)
            return bw_fail(error, BW_ERROR_TEMPORARY, "reading the recording: %s",
                           problem->message);
        if (!next)
            break;
        time_of(next, &ts);
        if (isnan(start))
            start = ts;
        double after = (ts - start) / (ts > start && replay->speed > 0 ? replay->speed : 1);
        int64_t at = base + (int64_t)(after * G_USEC_PER_SEC);
        if (at > now && replay->speed > 0) {
            poll->next_ms = MAX(1, (at - now + 999) / 1000);
            break;
        }
        Message *message = replay_read(next, at);
        g_ptr_array_add(poll->messages, message);
        json_decref(replay->ahead);
        replay->ahead = NULL;
    }
    poll->more = poll->messages->len == MOST_AT_ONCE;
    int64_t read = replay->line - (replay->ahead != NULL);
    poll->cursor = json_pack("{sIsIsf}", "line", (json_int_t)read, "base", (json_int_t)base,
                             "start", isnan(start) ? 0.0 : start);
    return true;
}

static bool open_out(Replay *replay, GError **error)
{
    if (replay->out >= 0)
        return true;
    if (!replay->out_path || !*replay->out_path)
        return bw_fail(error, BW_ERROR_INVALID,
                       "this replay channel has no out=FILE to write answers to");
    replay->out = open(replay->out_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (replay->out < 0)
        return bw_fail(error, BW_ERROR_DENIED, "cannot write %s: %s", replay->out_path,
                       g_strerror(errno));
    return true;
}

static char *own_id(const Outgoing *outgoing)
{
    return g_strdup_printf("sent-%" G_GINT64_FORMAT "-%" G_GINT64_FORMAT, outgoing->brand,
                           outgoing->delivery);
}

static bool replay_send(void *connection, const Outgoing *outgoing, Sent *sent, GError **error)
{
    Replay *replay = connection;
    if (!open_out(replay, error))
        return false;
    g_autofree char *id = own_id(outgoing);
    g_autofree char *to = g_strdup(outgoing->author_id);
    json_t *line =
        json_pack("{ss ss ss ss* sb ss*}", "id", id, "to", to, "answers", outgoing->to_external_id,
                  "lang", outgoing->lang, "direct", outgoing->direct, "text", outgoing->body);
    g_autofree char *text = json_dumps(line, JSON_COMPACT);
    g_autofree char *whole = g_strconcat(text, "\n", NULL);
    json_decref(line);
    if (!outgoing->handing(outgoing->data))
        return bw_fail(error, BW_ERROR_TEMPORARY, "the database is away");
    /* one write of one line with O_APPEND: all of it or nothing, whoever is killed */
    if (write(replay->out, whole, strlen(whole)) != (ssize_t)strlen(whole))
        return bw_fail(error, BW_ERROR_UNKNOWN, "writing %s: %s", replay->out_path,
                       g_strerror(errno));
    sent->external_id = g_steal_pointer(&id);
    return true;
}

static Found replay_find_sent(void *connection, const Outgoing *outgoing, Sent *sent,
                              GError **error)
{
    Replay *replay = connection;
    g_autofree char *bytes = NULL;
    g_autoptr(GError) problem = NULL;
    if (!open_out(replay, error))
        return FOUND_ERROR;
    if (!g_file_get_contents(replay->out_path, &bytes, NULL, &problem)) {
        bw_fail(error, BW_ERROR_TEMPORARY, "%s", problem->message);
        return FOUND_ERROR;
    }
    g_autofree char *id = own_id(outgoing);
    g_autofree char *mark = g_strdup_printf("{\"id\":\"%s\",", id);
    if (!strstr(bytes, mark))
        return FOUND_NOT;
    sent->external_id = g_steal_pointer(&id);
    return FOUND_SENT;
}

static const ConnectorField fields[] = {
    {"file", false, true, NULL, "JSON lines to read, or builtin:outage-day.jsonl for the demo day"},
    {"speed", false, false, "1", "how fast: 1 as recorded, 60 an hour a minute, 0 all at once"},
    {"start", false, false, NULL,
     "time in the file (epoch seconds) that is now; before it is history"},
    {"out", false, false, NULL, "file that answers are written to, one JSON object a line"},
    {0},
};

const Connector replay_connector = {
    .kind = "replay",
    .summary = "plays recorded messages from a file; for demos, drills and load tests",
    .fields = fields,
    .poll_ms = 1000,
    .open = replay_open,
    .close = replay_close,
    .check = replay_check,
    .poll = replay_poll,
    .send = replay_send,
    .find_sent = replay_find_sent,
};
