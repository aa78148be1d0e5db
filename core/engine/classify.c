#include "core/engine/classify.h"

#include <math.h>
#include <string.h>

#include "core/base/error.h"
#include "core/engine/lexicon.h"

/* What is learnt stands on top of the lexicon's score. A message has features: its words, their
 * beginnings, pairs of neighbours, the lexicon's patterns in it, whom it speaks to, how long it is.
 * Each feature has a weight at the place where its hash falls, made of two parts. One is counted:
 * how much more often it stood in complaints than in the rest (naive Bayes), which one correction
 * already moves. The other is fitted (logistic regression, steps by AdaGrad) and puts right what
 * counting gets wrong because words come together. */
enum {
    BITS = 16,
    SLOTS = 1 << BITS,
    MOST_FEATURES = 2048,
    MOST_WORDS = 256, /* of a message that are looked at */
    STEM = 5,         /* letters of a word's beginning */
};

static const double bias = -1.2;    /* of a message in which nothing speaks for either side */
static const double dampening = 8;  /* the most that the words of one side can say */
static const double long_text = 45; /* words in a text that halve what each says */
static const double rate = 0.2;     /* of the fitted part */
static const double counted = 1.5;  /* what the counted part weighs */
static const double smoothing =
    4; /* a feature starts as if seen so often, a complaint as often as all */
static const double most_ratio = 3;
static const double prior_each = 5; /* messages of either kind as if taught before */

typedef struct Weight {
    float weight, squares;  /* squares: the sum of the squared gradients */
    float complaints, rest; /* messages with this feature */
} Weight;

struct Classifier {
    const Lexicon *lexicon;
    double complaints, rest; /* messages taught */
    Weight *weights;         /* SLOTS of them; NULL until something was taught */
};

typedef struct Features {
    uint32_t slots[MOST_FEATURES];
    uint32_t size;
} Features;

typedef enum Kind {
    KIND_PATTERN = 1,
    KIND_WORD,
    KIND_PAIR,
    KIND_STEM,
    KIND_PLACED_WORD, /* a word together with whether a handle or a link stands beside it */
    KIND_HANDLE,
    KIND_SIGNS,
    KIND_SHAPE,
} Kind;

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

/* A long text holds words of all kinds, so each weighs less in it; and what speaks on one side adds
 * up ever more slowly. */
static double side_of(double sum, guint words)
{
    return dampening * tanh(sum / (1 + words / long_text) / dampening);
}

static double prior(const Normalised *normalised, const LexiconHit *hits, guint size)
{
    double for_it = 0, against = 0;
    guint words = normalised->tokens->len;
    for (guint i = 0; i < size; i++)
        if (hits[i].weight > 0)
            for_it += hits[i].weight;
        else
            against -= hits[i].weight;
    return bias + side_of(for_it, words) - side_of(against, words);
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

static inline uint32_t slot_of(Kind kind, uint64_t hash)
{
    return (uint32_t)(mix(hash + kind * 0x9e3779b97f4a7c15u) >> (64 - BITS));
}

static inline void add_feature(Features *features, Kind kind, uint64_t hash)
{
    if (features->size < MOST_FEATURES)
        features->slots[features->size++] = slot_of(kind, hash);
}

static uint64_t word_hash(const Token *token)
{
    return token->flags & TOKEN_NUMBER ? 1 : token->hash;
}

static bool has_stem(const Token *token)
{
    return (token->flags & TOKEN_WORD) && token->length > STEM;
}

static uint64_t handle_hash(const Normalised *normalised, const Span *handle)
{
    char lower[64];
    uint32_t length = MIN(handle->size, sizeof lower);
    for (uint32_t i = 0; i < length; i++)
        lower[i] = g_ascii_tolower(normalised->source->str[handle->from + i]);
    return normalise_hash(lower, length);
}

/* Whom it speaks to, what it is besides its words, how long it is. */
static void add_shape(const Normalised *normalised, const LexiconHit *hits, guint hit_count,
                      Features *features)
{
    uint64_t signs = 0, handles = normalised->handles->len;
    for (guint i = 0; i < hit_count; i++) {
        add_feature(features, KIND_PATTERN, hits[i].pattern);
        if (hits[i].first == LEXICON_NO_TOKEN)
            signs = signs * 131 + hits[i].pattern;
    }
    add_feature(features, KIND_SIGNS, signs);
    for (guint i = 0; i < MIN(handles, 8); i++)
        add_feature(features, KIND_HANDLE,
                    handle_hash(normalised, &g_array_index(normalised->handles, Span, i)));
    bool answers = handles > 0 && g_array_index(normalised->handles, Span, 0).from <= 1;
    add_feature(features, KIND_SHAPE, answers);
    add_feature(features, KIND_SHAPE,
                16 + g_bit_storage(normalised->tokens->len) * 4 + MIN(handles, 3));
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
    uint64_t place = (normalised->handles->len > 0) * 2 + (normalised->urls->len > 0);
    guint words = MIN(normalised->tokens->len, MOST_WORDS);
    features->size = 0;
    add_shape(normalised, hits, hit_count, features);
    for (guint i = 0; i < words; i++) {
        const Token *token = normalised_token(normalised, i);
        uint64_t hash = word_hash(token);
        add_feature(features, KIND_WORD, hash);
        add_feature(features, KIND_PLACED_WORD, hash * 31 + place);
        add_feature(features, KIND_PAIR, before * 31 + hash);
        if (has_stem(token))
            add_feature(features, KIND_STEM,
                        normalise_hash(normalised_bytes(normalised, token), STEM));
        before = hash;
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

/* The share of complaints among what was taught. */
static double base_rate(const Classifier *classifier)
{
    double all = classifier->complaints + classifier->rest + 2 * prior_each;
    return (classifier->complaints + prior_each) / all;
}

static double slot_weight(const Classifier *classifier, uint32_t slot, double base)
{
    const Weight *weight = &classifier->weights[slot];
    double ratio = log((weight->complaints + smoothing * base) /
                       (weight->rest + smoothing * (1 - base)) * (1 - base) / base);
    return weight->weight + counted * CLAMP(ratio, -most_ratio, most_ratio);
}

static double learnt(const Classifier *classifier, const Features *features)
{
    double sum = 0, base = base_rate(classifier);
    for (uint32_t i = 0; i < features->size; i++)
        sum += slot_weight(classifier, features->slots[i], base);
    return sum / sqrt(MAX(features->size, 1));
}

double classifier_score(const Classifier *classifier, const Normalised *normalised)
{
    LexiconHit hits[LEXICON_MOST_HITS];
    guint size = lexicon_find(classifier->lexicon, normalised, hits);
    double sum = prior(normalised, hits, size);
    if (classifier->weights) {
        Features features;
        find_features(normalised, hits, size, &features);
        sum += learnt(classifier, &features);
    }
    return logistic(sum);
}

static void fit(Classifier *classifier, const Normalised *normalised, bool complaint, bool count)
{
    LexiconHit hits[LEXICON_MOST_HITS];
    Features features;
    guint size = lexicon_find(classifier->lexicon, normalised, hits);
    find_features(normalised, hits, size, &features);
    if (!classifier->weights)
        classifier->weights = g_new0(Weight, SLOTS);
    if (count)
        *(complaint ? &classifier->complaints : &classifier->rest) += 1;
    double value = 1 / sqrt(features.size);
    double error =
        complaint - logistic(prior(normalised, hits, size) + learnt(classifier, &features));
    for (uint32_t i = 0; i < features.size; i++) {
        Weight *weight = &classifier->weights[features.slots[i]];
        double gradient = error * value;
        weight->squares += (float)(gradient * gradient);
        weight->weight += (float)(rate * gradient / sqrt(1e-8 + weight->squares));
        if (count)
            *(complaint ? &weight->complaints : &weight->rest) += 1;
    }
}

void classifier_teach(Classifier *classifier, const Normalised *normalised, bool complaint)
{
    fit(classifier, normalised, complaint, true);
}

void classifier_rehearse(Classifier *classifier, const Normalised *normalised, bool complaint)
{
    fit(classifier, normalised, complaint, false);
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

/* What was learnt about a word itself, as far as it counts in a message of so many features. */
static double word_weight(const Classifier *classifier, const Normalised *normalised,
                          const Token *token, double base)
{
    double sum = slot_weight(classifier, slot_of(KIND_WORD, word_hash(token)), base);
    if (has_stem(token))
        sum += slot_weight(
            classifier,
            slot_of(KIND_STEM, normalise_hash(normalised_bytes(normalised, token), STEM)), base);
    return sum;
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
    double share = 1 / sqrt(features.size), base = base_rate(classifier);
    double side = classifier_score(classifier, normalised) >= CLASSIFIER_THRESHOLD ? 1 : -1;
    for (guint i = 0; i < size; i++) {
        double weight = hits[i].weight;
        if (classifier->weights)
            weight += share * slot_weight(classifier, slot_of(KIND_PATTERN, hits[i].pattern), base);
        if (hits[i].first != LEXICON_NO_TOKEN)
            reasons[count++] = (Reason){hits[i].first, hits[i].last, weight * side};
    }
    guint words = classifier->weights ? MIN(normalised->tokens->len, MOST_WORDS) : 0;
    for (guint i = 0; i < words; i++)
        reasons[count++] = (Reason){
            i, i,
            side * share *
                word_weight(classifier, normalised, normalised_token(normalised, i), base)};
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

/* "BWCLASS2", how many complaints and others were taught, then for each weight that was touched its
 * slot and its four numbers; all 32 bits, little endian. */
static const char magic[8] = {'B', 'W', 'C', 'L', 'A', 'S', 'S', '2'};
enum { HEAD = 16, ENTRY = 20 };

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

static void put_float(GByteArray *out, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_u32(out, bits);
}

static float get_float(const uint8_t *at)
{
    uint32_t bits = get_u32(at);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

GBytes *classifier_save(const Classifier *classifier)
{
    GByteArray *out = g_byte_array_new();
    g_byte_array_append(out, (const uint8_t *)magic, sizeof magic);
    put_float(out, (float)classifier->complaints);
    put_float(out, (float)classifier->rest);
    for (uint32_t slot = 0; classifier->weights && slot < SLOTS; slot++) {
        const Weight *weight = &classifier->weights[slot];
        if (weight->squares == 0 && weight->complaints == 0 && weight->rest == 0)
            continue;
        put_u32(out, slot);
        put_float(out, weight->weight);
        put_float(out, weight->squares);
        put_float(out, weight->complaints);
        put_float(out, weight->rest);
    }
    return g_byte_array_free_to_bytes(out);
}

static bool read_weight(Classifier *classifier, const uint8_t *at)
{
    uint32_t slot = get_u32(at);
    Weight weight = {get_float(at + 4), get_float(at + 8), get_float(at + 12), get_float(at + 16)};
    if (slot >= SLOTS || !isfinite(weight.weight) || !isfinite(weight.squares) ||
        !isfinite(weight.complaints) || !isfinite(weight.rest) || weight.squares < 0 ||
        weight.complaints < 0 || weight.rest < 0)
        return false;
    classifier->weights[slot] = weight;
    return true;
}

Classifier *classifier_restore(GBytes *bytes, GError **error)
{
    gsize size;
    const uint8_t *data = g_bytes_get_data(bytes, &size);
    if (size < HEAD || memcmp(data, magic, sizeof magic) != 0 || (size - HEAD) % ENTRY != 0) {
        bw_fail(error, BW_ERROR_INVALID, "not what a classifier of this version has learnt");
        return NULL;
    }
    g_autoptr(Classifier) classifier = classifier_new();
    classifier->complaints = get_float(data + 8);
    classifier->rest = get_float(data + 12);
    bool good = isfinite(classifier->complaints) && isfinite(classifier->rest) &&
                classifier->complaints >= 0 && classifier->rest >= 0;
    if (size > HEAD)
        classifier->weights = g_new0(Weight, SLOTS);
    for (const uint8_t *at = data + HEAD; good && at < data + size; at += ENTRY)
        good = read_weight(classifier, at);
    if (!good) {
        bw_fail(error, BW_ERROR_INVALID, "what the classifier has learnt is damaged");
        return NULL;
    }
    return g_steal_pointer(&classifier);
}
