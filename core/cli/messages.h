/* What the engines' commands read: messages as JSON lines on stdin,
 * {"id","ts","channel","author","lang"?,"text"}, "ts" in seconds or left out. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct InMessage {
    const char *id, *text;
    const char *channel, *author, *lang; /* NULL when left out or empty */
    size_t text_length;                  /* a NUL may stand in it */
    double ts;                           /* seconds; NAN when left out */
} InMessage;

typedef struct InMessages InMessages;

InMessages *in_messages_new(const char *command);
void in_messages_free(InMessages *messages);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(InMessages, in_messages_free)

/* The next good line, valid until the next call; NULL at the end. A bad one is told on stderr with
 * its number and passed by. */
const InMessage *in_messages_next(InMessages *messages);

/* The exit status: 1 when a line was bad, else 0. */
int in_messages_status(const InMessages *messages);
