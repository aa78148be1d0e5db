/* The networks' length rules as a table: how long a text is as its network counts it, and where to
 * cut one that is too long. Pure: what a server says about itself (a Mastodon instance's limit)
 * comes as an argument. A kind is a connector's name ("mastodon"); "KIND/direct" is the private
 * message on the same network, where that has a rule of its own. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct RenderCount {
    int64_t length;   /* in `unit` */
    int64_t limit;    /* 0: none */
    const char *unit; /* static: "graphemes", "code points", "UTF-16", "bytes", "x-weighted",
                         "mastodon", "gsm-segments" */
    int segments;     /* what an SMS is billed as; 1 elsewhere */
} RenderCount;

/* `limit_override` is the limit that the server itself gave, 0 for the table's. A network with a
 * second limit in bytes is reported in bytes once that one is passed. An unknown kind has no limit.
 */
void render_count(const char *kind, const char *text, int64_t limit_override, RenderCount *out);

/* The text in parts that each fit: cut between paragraphs, sentences or words, in this order, never
 * inside a grapheme, a link or a mention, and without the white space at the cut. One part when it
 * fits or there is no limit; none for an empty text. A single word that no part can hold stays
 * whole and too long, for render_count to tell. An array of char *. */
GPtrArray *render_parts(const char *kind, const char *text, int64_t limit_override);

bool render_knows(const char *kind);

/* The character that makes an SMS cost UCS-2 segments ("ê"), or NULL when it fits GSM-7. g_free it.
 */
char *render_beyond_gsm(const char *text);
