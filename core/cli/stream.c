#include "core/cli/stream.h"

#include "core/engine/normalise.h"

#include <math.h>
#include <string.h>

#define LATEST 253402300799.0 /* seconds: the end of year 9999 */

struct Stream {
    InMessages *messages;
    Pipeline *pipeline;
    char **ids; /* number n at n % STREAM_KEPT */
    GString *text;
    int64_t number, at;
};

Stream *stream_new(const char *command, Pipeline *pipeline)
{
    Stream *stream = g_new0(Stream, 1);
    stream->messages = in_messages_new(command);
    stream->pipeline = pipeline;
    stream->ids = g_new0(char *, STREAM_KEPT);
    stream->text = g_string_new(NULL);
    return stream;
}

void stream_free(Stream *stream)
{
    if (!stream)
        return;
    in_messages_free(stream->messages);
    pipeline_free(stream->pipeline);
    for (int i = 0; i < STREAM_KEPT; i++)
        g_free(stream->ids[i]);
    g_free(stream->ids);
    g_string_free(stream->text, TRUE);
    g_free(stream);
}

/* Authors have names here, the pipeline wants numbers; a hash of 63 bits will do. */
static int64_t person_of(const char *author)
{
    return author ? (int64_t)(normalise_hash(author, strlen(author)) >> 1) : 0;
}

bool stream_next(Stream *stream, StreamItem *item)
{
    const InMessage *in = in_messages_next(stream->messages);
    if (!in)
        return false;
    if (!isnan(in->ts))
        stream->at = (int64_t)(CLAMP(in->ts, -LATEST, LATEST) * 1e6);
    g_string_truncate(stream->text, 0);
    g_string_append_len(stream->text, in->text, (gssize)in->text_length);
    for (gsize i = 0; i < stream->text->len; i++)
        if (stream->text->str[i] == '\0')
            stream->text->str[i] = ' ';
    PipelineMessage message = {.id = ++stream->number,
                               .at = stream->at,
                               .person = person_of(in->author),
                               .lang = in->lang,
                               .text = stream->text->str};
    pipeline_take(stream->pipeline, &message, &item->verdict);
    char **kept = &stream->ids[message.id % STREAM_KEPT];
    g_free(*kept);
    item->id = *kept = g_strdup(in->id);
    item->number = message.id;
    item->at = stream->at;
    return true;
}

Pipeline *stream_pipeline(Stream *stream)
{
    return stream->pipeline;
}

const char *stream_id(const Stream *stream, int64_t number)
{
    bool kept = number > 0 && number <= stream->number && stream->number - number < STREAM_KEPT;
    return kept ? stream->ids[number % STREAM_KEPT] : NULL;
}

int stream_status(const Stream *stream)
{
    return in_messages_status(stream->messages);
}
