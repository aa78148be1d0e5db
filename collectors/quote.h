/* A mail's text without what it repeats: quoted history and signature are cut off, never lost.
 * Pure. */
#pragma once

/* `body` gets what is new in `text`, `rest` what was cut (NULL when nothing). Answers written
 * between the lines of a quote stay with it; a forwarded mail is content; where nothing would be
 * left, all of it is body. `text` is valid UTF-8 with "\n" line ends. Free both with g_free. */
void quote_split(const char *text, char **body, char **rest);
