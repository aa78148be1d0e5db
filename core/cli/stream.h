/* What `cluster` and `suspect` share: messages from stdin, one after the other, through a pipeline.
 * The pipeline's message ids are the numbers of the lines; the texts of the latest ids are kept. */
#pragma once
#include "core/cli/messages.h"
#include "core/engine/pipeline.h"

#define STREAM_KEPT 131072 /* ids: more than dedup looks back */

typedef struct Stream Stream;

/* Takes over `pipeline`. */
Stream *stream_new(const char *command, Pipeline *pipeline);
void stream_free(Stream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Stream, stream_free)

typedef struct StreamItem {
    const char *id; /* valid until the next call */
    int64_t number; /* as the pipeline knows it */
    int64_t at;     /* microseconds; that of the message before where there is none */
    PipelineVerdict verdict;
} StreamItem;

/* False at the end. */
bool stream_next(Stream *stream, StreamItem *item);

Pipeline *stream_pipeline(Stream *stream);

/* The id that a number stands for, or NULL when that is too long ago. */
const char *stream_id(const Stream *stream, int64_t number);

int stream_status(const Stream *stream); /* for the exit */
