#include "core/engine/classify.h"

#include <math.h>
#include <string.h>

#include "core/base/error.h"
#include "core/engine/lexicon.h"

/* What is learnt: a weight for each of the features of a message (its words, pairs of words, runs
 * of letters, patterns of the lexicon), by logistic regression on top of the lexicon's score. A
 * feature's weight stands where its hash falls; the steps are AdaGrad's, so that a word seen for
 * the first time moves far and a common one little. */
enum {
    BITS = 18,
    SLOTS = 1 << BITS,
    MOST_FEATURES = 2048,
    MOST_WORDS = 256, /* of a message that are looked at */
};

static const double bias = -1.6;
static const double rate = 0.15;

typedef struct Weight {
    float weight, squares; /* squares: the sum of the squared gradients */
} Weight;

struct Classifier {
    const Lexicon *lexicon;
    Weight *weights; /* NULL until something was taught */
};

typedef struct Features {
    uint32_t slots[MOST_FEATURES];
    uint32_t size;
} Features;

Classifier *classifier_new(void)
{
    Classifier *classifier = g_new0(Classifier, 1);
    classifier->lexicon = lexicon_get();
    return classifier;
}

void classifier_free(Classifier *classifier)
{
    if (!classifier)
        return;
    g_free(classifier->weights);
    g_free(classifier);
}

/* --- the first day --- */

/* What speaks on one side adds up ever more slowly: a long text holds many words. */
static double dampen(double sum)
{
    return 4 * tanh(sum / 4);
}

static double prior(const LexiconHit *hits, guint size)
{
    double for_it = 0, against = 0;
    for (guint i = 0; i < size; i++)
        if (hits[i].weight > 0)
            for_it += hits[i].weight;
        else
            against -= hits[i].weight;
    return bias + dampen(for_it) - dampen(against);
}

/* --- features --- */

static inline uint64_t mix(uint64_t hash)
{
    hash ^= hash >> 31;
    hash *= 0x7fb5d329728ea185u;
    hash ^= hash >> 27;
    hash *= 0x81dadef4bc2dd44du;
    return hash ^ hash >> 33;
}

static inline void add_feature(Features *features, uint64_t kind, uint64_t hash)
{
    if (features->size < MOST_FEATURES)
        features->slots[features->size++] =
            (uint32_t)(mix(hash + kind * 0x9e3779b97f4a7c15u) >> (64 - BITS));
}

static void add_letters(Features *features, const char *bytes, uint32_t length)
{
    for (uint32_t n = 3; n <= 5; n++)
        for (uint32_t at = 0; at + n <= length; at++)
            add_feature(features, 10 + n, normalise_hash(bytes + at, n));
}

static int compare_slots(const void *a, const void *b)
{
    uint32_t one = *(const uint32_t *)a, two = *(const uint32_t *)b;
    return one < two ? -1 : one > two;
}

static void find_features(const Normalised *normalised, const LexiconHit *hits, guint hit_count,
                          Features *features)
{
    uint64_t before = 0;
    features->size = 0;
    for (guint i = 0; i < hit_count; i++)
        add_feature(features, 1, hits[i].pattern);
    guint words = MIN(normalised->tokens->len, MOST_WORDS);
    for (guint i = 0; i < words; i++) {
        const Token *token = normalised_token(normalised, i);
        uint64_t hash = token->flags & TOKEN_NUMBER ? 1 : token->hash;
        add_feature(features, 2, hash);
        add_feature(features, 3, before * 31 + hash);
        before = hash;
        if (token->flags & TOKEN_WORD)
            add_letters(features, normalised_bytes(normalised, token), MIN(token->length, 32));
    }
    qsort(features->slots, features->size, sizeof *features->slots, compare_slots);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < features->size; i++)
        if (kept == 0 || features->slots[kept - 1] != features->slots[i])
            features->slots[kept++] = features->slots[i];
    features->size = kept;
}

/* --- score and teach --- */

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

static double learnt(const Classifier *classifier, const Features *features)
{
    double sum = 0;
    for (uint32_t i = 0; i < features->size; i++)
        sum += classifier->weights[features->slots[i]].weight;
    return features->size ? sum / sqrt(features->size) : 0;
}

double classifier_score(const Classifier *classifier, const Normalised *normalised)
{
    LexiconHit hits[LEXICON_MOST_HITS];
    guint size = lexicon_find(classifier->lexicon, normalised, hits);
    double sum = prior(hits, size);
    if (classifier->weights) {
        Features features;
        find_features(normalised, hits, size, &features);
        sum += learnt(classifier, &features);
    }
    return logistic(sum);
}

void classifier_teach(Classifier *classifier, const Normalised *normalised, bool complaint)
{
    LexiconHit hits[LEXICON_MOST_HITS];
    Features features;
    guint size = lexicon_find(classifier->lexicon, normalised, hits);
    find_features(normalised, hits, size, &features);
    if (features.size == 0)
        return;
    if (!classifier->weights)
        classifier->weights = g_new0(Weight, SLOTS);
    double value = 1 / sqrt(features.size);
    double error = complaint - logistic(prior(hits, size) + learnt(classifier, &features));
    for (uint32_t i = 0; i < features.size; i++) {
        Weight *weight = &classifier->weights[features.slots[i]];
        double gradient = error * value;
        weight->squares += (float)(gradient * gradient);
        weight->weight += (float)(rate * gradient / sqrt(1e-8 + weight->squares));
    }
}

/* --- why --- */

typedef struct Reason {
    uint32_t first, last;
    double weight;
} Reason;

static int compare_reasons(const void *a, const void *b)
{
    const Reason *one = a, *two = b;
    if (one->weight != two->weight)
        return one->weight > two->weight ? -1 : 1;
    return one->first < two->first ? -1 : one->first > two->first;
}

static double weight_of(const Classifier *classifier, uint64_t kind, uint64_t hash)
{
    Features one = {.size = 0};
    add_feature(&one, kind, hash);
    return classifier->weights ? classifier->weights[one.slots[0]].weight : 0;
}

/* Of a word by what was learnt about it and its letters, shared out as `learnt` does. */
static double word_weight(const Classifier *classifier, const Normalised *normalised, guint i,
                          double share)
{
    const Token *token = normalised_token(normalised, i);
    Features letters = {.size = 0};
    double sum = weight_of(classifier, 2, token->flags & TOKEN_NUMBER ? 1 : token->hash);
    if (token->flags & TOKEN_WORD)
        add_letters(&letters, normalised_bytes(normalised, token), MIN(token->length, 32));
    for (uint32_t f = 0; f < letters.size; f++)
        sum += classifier->weights[letters.slots[f]].weight;
    return sum * share;
}

static char *as_written(const Normalised *normalised, const Reason *reason)
{
    const Token *first = normalised_token(normalised, reason->first);
    const Token *last = normalised_token(normalised, reason->last);
    return g_strndup(normalised->source->str + first->from, last->from + last->size - first->from);
}

char **classifier_why(const Classifier *classifier, const Normalised *normalised, int most)
{
    LexiconHit hits[LEXICON_MOST_HITS];
    Reason reasons[LEXICON_MOST_HITS + MOST_WORDS];
    Features features;
    size_t count = 0;
    guint size = lexicon_find(classifier->lexicon, normalised, hits);
    find_features(normalised, hits, size, &features);
    double share = features.size ? 1 / sqrt(features.size) : 0;
    double side = classifier_score(classifier, normalised) >= CLASSIFIER_THRESHOLD ? 1 : -1;
    for (guint i = 0; i < size; i++) {
        double weight = hits[i].weight + weight_of(classifier, 1, hits[i].pattern) * share;
        if (hits[i].first != LEXICON_NO_TOKEN)
            reasons[count++] = (Reason){hits[i].first, hits[i].last, weight * side};
    }
    guint words = classifier->weights ? MIN(normalised->tokens->len, MOST_WORDS) : 0;
    for (guint i = 0; i < words; i++)
        reasons[count++] = (Reason){i, i, word_weight(classifier, normalised, i, share) * side};
    qsort(reasons, count, sizeof *reasons, compare_reasons);
    GPtrArray *why = g_ptr_array_new();
    for (size_t i = 0; i < count && why->len < (guint)MAX(most, 0); i++) {
        g_autofree char *words_written = as_written(normalised, &reasons[i]);
        bool again = false;
        for (guint w = 0; w < why->len && !again; w++)
            again = strstr(g_ptr_array_index(why, w), words_written) != NULL;
        if (reasons[i].weight > 0.1 && !again)
            g_ptr_array_add(why, g_steal_pointer(&words_written));
    }
    g_ptr_array_add(why, NULL);
    return (char **)g_ptr_array_free(why, FALSE);
}

/* --- state --- */

/* "BWCLASS1", then for each weight that was touched its slot, weight and squares as 32 bits, little
 * endian. Patterns of the lexicon are features by their number, so its size is part of the version.
 */
static const char magic[8] = {'B', 'W', 'C', 'L', 'A', 'S', 'S', '1'};

static void put_u32(GByteArray *out, uint32_t value)
{
    uint32_t little = GUINT32_TO_LE(value);
    g_byte_array_append(out, (const uint8_t *)&little, sizeof little);
}

static uint32_t get_u32(const uint8_t *at)
{
    uint32_t little;
    memcpy(&little, at, sizeof little);
    return GUINT32_FROM_LE(little);
}

static uint32_t float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float bits_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

GBytes *classifier_save(const Classifier *classifier)
{
    GByteArray *out = g_byte_array_new();
    g_byte_array_append(out, (const uint8_t *)magic, sizeof magic);
    for (uint32_t slot = 0; classifier->weights && slot < SLOTS; slot++) {
        const Weight *weight = &classifier->weights[slot];
        if (weight->squares == 0)
            continue;
        put_u32(out, slot);
        put_u32(out, float_bits(weight->weight));
        put_u32(out, float_bits(weight->squares));
    }
    return g_byte_array_free_to_bytes(out);
}

Classifier *classifier_restore(GBytes *bytes, GError **error)
{
    gsize size;
    const uint8_t *data = g_bytes_get_data(bytes, &size);
    if (size < sizeof magic || memcmp(data, magic, sizeof magic) != 0 ||
        (size - sizeof magic) % 12 != 0) {
        bw_fail(error, BW_ERROR_INVALID, "not a classifier of this version");
        return NULL;
    }
    g_autoptr(Classifier) classifier = classifier_new();
    if (size > sizeof magic)
        classifier->weights = g_new0(Weight, SLOTS);
    for (const uint8_t *at = data + sizeof magic; at < data + size; at += 12) {
        uint32_t slot = get_u32(at);
        Weight weight = {bits_float(get_u32(at + 4)), bits_float(get_u32(at + 8))};
        if (slot >= SLOTS || !isfinite(weight.weight) || !isfinite(weight.squares) ||
            weight.squares <= 0) {
            bw_fail(error, BW_ERROR_INVALID, "the classifier's weights are broken");
            return NULL;
        }
        classifier->weights[slot] = weight;
    }
    return g_steal_pointer(&classifier);
}
