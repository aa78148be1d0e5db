#include "core/cli/messages.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_LINE = 8 << 20 };

struct InMessages {
    const char *command;
    GString *line;
    json_t *json;
    InMessage message;
    char number[24]; /* of an id that was a number */
    int64_t line_number;
    bool bad;
};

InMessages *in_messages_new(const char *command)
{
    InMessages *messages = g_new0(InMessages, 1);
    messages->command = command;
    messages->line = g_string_new(NULL);
    return messages;
}

void in_messages_free(InMessages *messages)
{
    if (!messages)
        return;
    json_decref(messages->json);
    g_string_free(messages->line, TRUE);
    g_free(messages);
}

/* False at the end. Of a line that is too long the rest is read and dropped. */
static bool read_line(InMessages *messages, bool *too_long)
{
    int c;
    *too_long = false;
    g_string_truncate(messages->line, 0);
    while ((c = getc_unlocked(stdin)) != EOF && c != '\n') {
        if (messages->line->len < MOST_LINE)
            g_string_append_c(messages->line, (char)c);
        else
            *too_long = true;
    }
    messages->line_number++;
    return c != EOF || messages->line->len > 0;
}

static const char *text_of(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    return text && *text ? text : NULL;
}

/* NULL, or what is wrong with the line. */
static const char *parse(InMessages *messages)
{
    json_error_t error;
    json_decref(messages->json);
    messages->json = json_loadb(messages->line->str, messages->line->len, JSON_ALLOW_NUL, &error);
    if (!messages->json)
        return "no JSON";
    json_t *id = json_object_get(messages->json, "id"), *ts = json_object_get(messages->json, "ts");
    json_t *text = json_object_get(messages->json, "text");
    InMessage *message = &messages->message;
    if (json_is_integer(id)) {
        g_snprintf(messages->number, sizeof messages->number, "%" JSON_INTEGER_FORMAT,
                   json_integer_value(id));
        message->id = messages->number;
    } else {
        message->id = text_of(messages->json, "id");
    }
    if (!message->id || strpbrk(message->id, "\t\r\n"))
        return "no \"id\"";
    if (!json_is_string(text))
        return "no \"text\"";
    if (ts && !json_is_number(ts) && !json_is_null(ts))
        return "\"ts\" is no number";
    message->text = json_string_value(text);
    message->text_length = json_string_length(text);
    message->channel = text_of(messages->json, "channel");
    message->author = text_of(messages->json, "author");
    message->lang = text_of(messages->json, "lang");
    message->ts = json_is_number(ts) ? json_number_value(ts) : NAN;
    return NULL;
}

const InMessage *in_messages_next(InMessages *messages)
{
    bool too_long;
    while (read_line(messages, &too_long)) {
        if (messages->line->len == 0)
            continue;
        const char *wrong = too_long ? "longer than 8 MB" : parse(messages);
        if (!wrong)
            return &messages->message;
        fprintf(stderr, "breakwater %s: line %" G_GINT64_FORMAT ": %s\n", messages->command,
                messages->line_number, wrong);
        messages->bad = true;
    }
    return NULL;
}

int in_messages_status(const InMessages *messages)
{
    return messages->bad ? 1 : 0;
}
