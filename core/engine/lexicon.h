/* The words and turns of phrase that make a message a complaint or not, from
 * core/engine/data/complaint.txt (its head explains the form). Loaded once, never changed. */
#pragma once
#include "core/engine/normalise.h"

#define LEXICON_MOST_HITS 128
#define LEXICON_NO_TOKEN UINT32_MAX

typedef struct LexiconHit {
    uint32_t pattern;     /* its number, the same for as long as the file is */
    float weight;         /* > 0 speaks for a complaint */
    uint32_t first, last; /* the tokens it spans; LEXICON_NO_TOKEN when it is not about words */
} LexiconHit;

typedef struct Lexicon Lexicon;

const Lexicon *lexicon_get(void);

/* The patterns found in a message, each token in at most one: long ones win over short ones. At
 * most LEXICON_MOST_HITS; returns how many. */
guint lexicon_find(const Lexicon *lexicon, const Normalised *normalised, LexiconHit *hits);

/* Reads a lexicon from text in the file's form; BW_ERROR_INVALID names the line that is wrong. */
Lexicon *lexicon_parse(const char *text, GError **error);
void lexicon_free(Lexicon *lexicon);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Lexicon, lexicon_free)
