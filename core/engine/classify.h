/* Is a message a complaint, or a question about a failure? On the first day by a lexicon of our
 * own; from then on by what the brand's people corrected, learnt at once. One classifier per brand;
 * the same messages and corrections in the same order give the same scores. */
#pragma once
#include "core/engine/normalise.h"

/* At this score and above a message counts as a complaint. */
#define CLASSIFIER_THRESHOLD 0.5

typedef struct Classifier Classifier;

Classifier *classifier_new(void);
void classifier_free(Classifier *classifier);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Classifier, classifier_free)

/* 0..1 */
double classifier_score(const Classifier *classifier, const Normalised *normalised);

/* A person's judgement. Takes effect with the next score. */
void classifier_teach(Classifier *classifier, const Normalised *normalised, bool complaint);

/* The same judgement once more, for training over several rounds: fits, but does not count it anew.
 */
void classifier_rehearse(Classifier *classifier, const Normalised *normalised, bool complaint);

/* Up to `most` words or turns of phrase that spoke for the decision, the strongest first, as they
 * were written. g_strfreev it; empty when no word decided. */
char **classifier_why(const Classifier *classifier, const Normalised *normalised, int most);

/* What was learnt, as bytes. Bytes of another version or broken ones give BW_ERROR_INVALID. */
GBytes *classifier_save(const Classifier *classifier);
Classifier *classifier_restore(GBytes *bytes, GError **error);
