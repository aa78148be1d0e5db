#include "core/engine/language.h"

#include "core/engine/cld2.h"

#include <string.h>

void language_of(const Normalised *normalised, const char *claim, char lang[4])
{
    Cld2Guess guesses[3];
    strcpy(lang, "-");
    char hint[3] = "";
    if (claim && g_ascii_isalpha(claim[0]) && g_ascii_isalpha(claim[1]) &&
        !g_ascii_isalpha(claim[2])) {
        hint[0] = g_ascii_tolower(claim[0]);
        hint[1] = g_ascii_tolower(claim[1]);
    }
    cld2_guess(normalised->plain->str, normalised->plain->len, *hint ? hint : NULL, guesses);
    if (*guesses[0].lang)
        strcpy(lang, guesses[0].lang);
}
