/* HTML to plain text: Mastodon's statuses, mails that have no text part. Pure, linear in the size
 * of the input, no recursion; nothing is loaded or run. Scripts, styles, comments and what is
 * hidden (a mail's preheader) are left out, white space is as a browser would show it, with at most
 * one empty line in a row. The result is valid UTF-8 without control characters but \n and \t. */
#pragma once
#include <glib.h>

typedef enum HtmlFlags {
    HTML_PLAIN = 0,
    HTML_LINKS = 1 << 0, /* "words (target)" where the words do not say it; without it, the words */
    HTML_QUOTES = 1 << 1, /* "> " before the lines of a <blockquote> */
} HtmlFlags;

/* `size` -1: up to the NUL. `quote_at`, when not NULL: the byte of the result at which the history
 * begins that a mail program put below a reply (Gmail, Outlook, Yahoo, Thunderbird mark it), -1
 * where it is not marked. To be freed; never NULL. */
char *html_to_text(const char *html, gssize size, HtmlFlags flags, gssize *quote_at);
