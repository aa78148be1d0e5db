/* The mail we send: one text to one person, in the thread of what it answers. Pure. */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Letter {
    const char *from, *from_name; /* name may be NULL */
    const char *to, *to_name;
    const char *subject;    /* of the mail it answers, or NULL */
    const char *body;       /* plain text, "\n" line ends */
    const char *lang;       /* "de", "-" or NULL */
    const char *message_id; /* without <> */
    const char *parent;     /* id of the mail it answers, or NULL */
    const json_t *chain;    /* ids of the thread, oldest first, with the parent; or NULL */
    const char *breakwater_id;
    bool automatic; /* no person pressed a button for it */
    int64_t date;   /* microseconds UTC */
} Letter;

/* The whole mail with CRLF line ends, ASCII only. No field of `letter` can add a header line. */
GBytes *letter_compose(const Letter *letter);
/* "Re: " once before the subject, whatever languages' own "AW:" and "RE:" it had. */
char *letter_subject(const char *subject);
