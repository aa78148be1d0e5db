#include "core/engine/cld2.h"

#include <cstdio>
#include <cstring>

#include <cld2/public/compact_lang_det.h>
#include <cld2/public/encodings.h>

void cld2_guess(const char *text, int length, const char *hint, Cld2Guess guesses[3])
{
    CLD2::CLDHints hints = {nullptr, nullptr, CLD2::UNKNOWN_ENCODING, CLD2::UNKNOWN_LANGUAGE};
    CLD2::Language languages[3];
    int percents[3], bytes;
    double scores[3];
    bool reliable;
    if (hint)
        hints.content_language_hint = hint;
    CLD2::ExtDetectLanguageSummary(text, length, true, &hints, CLD2::kCLDFlagBestEffort, languages,
                                   percents, scores, nullptr, &bytes, &reliable);
    for (int i = 0; i < 3; i++) {
        const char *code =
            languages[i] == CLD2::UNKNOWN_LANGUAGE ? "" : CLD2::LanguageCode(languages[i]);
        /* the codes with a script ("zh-Hant") are cut to the language */
        g_strlcpy(guesses[i].lang, code, sizeof guesses[i].lang);
        if (guesses[i].lang[2] == '-')
            guesses[i].lang[2] = '\0';
        guesses[i].percent = percents[i];
        guesses[i].score = scores[i];
        guesses[i].reliable = i == 0 && reliable;
    }
}
