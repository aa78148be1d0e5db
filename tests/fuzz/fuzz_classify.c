/* Any bytes as a message: scored, taught, explained, saved and restored. The first byte says which
 * judgement; a second half, behind a NUL, is taken for a saved state. */
#include <stdlib.h>
#include <string.h>

#include "core/engine/classify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Classifier *classifier;
    static Normalised *normalised;
    if (!classifier) {
        classifier = classifier_new();
        normalised = normalised_new();
    }
    if (size == 0)
        return 0;
    normalise(normalised, (const char *)data + 1, (gssize)size - 1);
    double score = classifier_score(classifier, normalised);
    if (!(score >= 0 && score <= 1))
        abort();
    g_auto(GStrv) why = classifier_why(classifier, normalised, 5);
    classifier_teach(classifier, normalised, data[0] & 1);

    const uint8_t *state = memchr(data, 0, size);
    g_autoptr(GBytes) bytes = g_bytes_new_static(state ? state + 1 : data,
                                                 state ? size - (size_t)(state + 1 - data) : size);
    g_autoptr(GError) error = NULL;
    g_autoptr(Classifier) restored = classifier_restore(bytes, &error);
    if (!restored != !!error)
        abort();
    if (restored)
        classifier_score(restored, normalised);
    return 0;
}
