/* From the tokens of a message to the terms that clusters are made of: stop words gone, endings
 * cut, words that mean the same failure in several languages mapped to one concept by a list that
 * people can edit (data/equal-words.txt says its form). */
#pragma once
#include "core/engine/normalise.h"

#define WORDS_MOST_FEATURES 64 /* of one message: what a long mail begins with */

typedef struct Words Words;

typedef enum FeatureFlags {
    FEATURE_CONCEPT = 1 << 0, /* from the list of equal words: the same in every language */
    FEATURE_NUMBER = 1 << 1,
    FEATURE_HASHTAG = 1 << 2,
} FeatureFlags;

typedef struct Feature {
    uint64_t hash;
    uint32_t from, size; /* where in the message's `source`: as it was written */
    uint32_t flags;
} Feature;

/* `more` are lines of equal words in addition to the start set, those of a brand; may be NULL. */
Words *words_new(const char *more);
void words_free(Words *words);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Words, words_free)

/* The terms of a message in the order of their first appearance, each once. Clears `features` (of
 * Feature) first. */
void words_features(Words *words, const Normalised *normalised, GArray *features);
