/* Reading and writing the engines' state as bytes: fixed-width numbers, least byte first, so that
 * a state moves between machines. A reader never runs past its end: once it would, everything it
 * gives is zero and `bad` is set. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct StateReader {
    const uint8_t *at, *end;
    bool bad;
} StateReader;

void state_put(GByteArray *out, uint64_t value);
void state_put_double(GByteArray *out, double value);
void state_put_text(GByteArray *out, const char *text); /* NULL comes back as NULL */

uint64_t state_get(StateReader *in);
double state_get_double(StateReader *in);
char *state_get_text(StateReader *in);

/* How many elements follow; at most what the bytes left could hold at `least` bytes each, so that a
 * damaged state cannot ask for all the memory. */
uint32_t state_get_count(StateReader *in, uint32_t least);
