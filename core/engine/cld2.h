/* CLD2 with its full tables, as C. The one file of the program that is C++. */
#pragma once
#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

typedef struct Cld2Guess {
    char lang[4];  /* ISO 639 code; empty for no idea */
    int percent;   /* how much of the text is in it */
    double score;  /* how much its n-grams weigh, per kilobyte */
    bool reliable; /* clearly ahead of the second */
} Cld2Guess;

/* The best guesses for valid UTF-8, best first. `hint` (may be NULL) is a language code that the
 * guess leans to. */
void cld2_guess(const char *text, int length, const char *hint, Cld2Guess guesses[3]);

G_END_DECLS
