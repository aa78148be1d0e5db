#include "core/engine/cluster.h"

#include "core/engine/counts.h"
#include "core/engine/terms.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_CLUSTERS 50000
#define FORGET_AFTER ((int64_t)14 * 24 * 3600 * 1000000)
#define LANGUAGES 16
#define CORE 8
#define CANDIDATES 24
#define NOWHERE UINT32_MAX
#define LESSON 3.0f /* messages that one moved by a person counts for */

/* One setting for all streams; docs/engines.md says how they were found. Scores are natural
 * logarithms of odds. */
typedef struct Settings {
    double explains; /* share of a message that a cluster explains, at most; the rest is anything */
    double grown;    /* messages in a cluster at which it is trusted half */
    double grown_language; /* the same for those in the language of the message */
    double enough;         /* score from which a message joins */
    double size_counts;    /* how much more likely a big cluster is */
    double early;          /* messages that the prior for the usualness of terms weighs */
    double early_usual;    /* that prior */
    double least_usual;    /* no term is rarer: one in common is never enough */
    double core_share;     /* share of its messages that have a core term */
    double core_missing;   /* how much it counts that a message lacks one */
    double silence;        /* seconds without a message that cost a cluster one point */
    double merge_enough;   /* score that messages of one cluster expect in the other */
    double merge_share;    /* the same as a share of what they expect at home */
    double merge_size;     /* messages in a cluster that may merge */
} Settings;

static const Settings settings = {
    .explains = 0.5,
    .grown = 1.8,
    .grown_language = 10,
    .enough = 4,
    .size_counts = 0.87,
    .early = 800,
    .early_usual = 0.018,
    .least_usual = 0.0034,
    .core_share = 0.37,
    .core_missing = 0.72,
    .silence = 6150,
    .merge_enough = 0.53,
    .merge_share = 0.02,
    .merge_size = 2,
};

typedef struct Cluster {
    int64_t id; /* 0 for a free place */
    int64_t first_at, last_at;
    float size; /* weighted number of messages */
    float by_language[LANGUAGES];
    Counts counts;
    uint32_t core[CORE]; /* terms that most of its messages have */
    uint32_t cores;
    uint32_t newer, older; /* by when they were last added to */
    float check_at;        /* the size at which to look for clusters that are the same */
    Counts against;        /* terms of messages that a person moved away */
    float against_size;
    bool dismissed;
} Cluster;

struct Clusterer {
    Terms terms;
    Cluster *all; /* `length` places */
    uint32_t length, room;
    GArray *unused;          /* free places */
    uint32_t newest, oldest; /* ends of the list by use */
    GHashTable *places;      /* id -> place + 1 */
    GHashTable *merged;      /* id -> id it went into */
    GHashTable *apart;       /* pairs of ids that a person keeps apart: "low:high" as two int64 */
    GQueue merges;           /* ClusterMerge, not yet asked for */
    int64_t next_id, now;
    guint tidy_at; /* how many merges may be remembered before old ones are looked for */
    /* scratch */
    float *gain;     /* by place: what a candidate shares with the message */
    GArray *touched; /* places with gain */
    GArray *numbers; /* the message's terms */
};

typedef struct Pair {
    int64_t low, high;
} Pair;

static guint pair_hash(gconstpointer key)
{
    const Pair *pair = key;
    uint64_t hash = (uint64_t)pair->low * 0x9e3779b97f4a7c15u ^ (uint64_t)pair->high;
    return (guint)(hash ^ hash >> 32);
}

static gboolean pair_equal(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, sizeof(Pair)) == 0;
}

static Pair pair_of(int64_t a, int64_t b)
{
    return (Pair){MIN(a, b), MAX(a, b)};
}

static guint language_slot(const char *lang)
{
    return ((guint)(uint8_t)lang[0] * 31 + (uint8_t)(lang[0] ? lang[1] : 0)) % LANGUAGES;
}

static GHashTable *id_table(void)
{
    return g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
}

Clusterer *clusterer_new(void)
{
    Clusterer *c = g_new0(Clusterer, 1);
    terms_init(&c->terms);
    c->unused = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    c->newest = c->oldest = NOWHERE;
    c->places = id_table();
    c->merged = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    c->apart = g_hash_table_new_full(pair_hash, pair_equal, g_free, NULL);
    g_queue_init(&c->merges);
    c->next_id = 1;
    c->tidy_at = MOST_CLUSTERS;
    c->now = G_MININT64;
    c->touched = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    c->numbers = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    return c;
}

void clusterer_free(Clusterer *c)
{
    if (!c)
        return;
    for (uint32_t i = 0; i < c->length; i++) {
        counts_clear(&c->all[i].counts);
        counts_clear(&c->all[i].against);
    }
    g_free(c->all);
    terms_clear(&c->terms);
    g_array_unref(c->unused);
    g_hash_table_unref(c->places);
    g_hash_table_unref(c->merged);
    g_hash_table_unref(c->apart);
    g_queue_clear_full(&c->merges, g_free);
    g_free(c->gain);
    g_array_unref(c->touched);
    g_array_unref(c->numbers);
    g_free(c);
}

int64_t clusterer_current(const Clusterer *c, int64_t id)
{
    const int64_t *into;
    while ((into = g_hash_table_lookup(c->merged, &id)))
        id = *into;
    return id;
}

static uint32_t place_of(const Clusterer *c, int64_t id)
{
    id = clusterer_current(c, id);
    return GPOINTER_TO_UINT(g_hash_table_lookup(c->places, &id)) - 1;
}

/* ---- the table of clusters ---- */

static void unlink_use(Clusterer *c, uint32_t place)
{
    Cluster *cluster = &c->all[place];
    if (cluster->newer != NOWHERE)
        c->all[cluster->newer].older = cluster->older;
    else
        c->newest = cluster->older;
    if (cluster->older != NOWHERE)
        c->all[cluster->older].newer = cluster->newer;
    else
        c->oldest = cluster->newer;
}

static void link_newest(Clusterer *c, uint32_t place)
{
    Cluster *cluster = &c->all[place];
    cluster->newer = NOWHERE;
    cluster->older = c->newest;
    if (c->newest != NOWHERE)
        c->all[c->newest].newer = place;
    else
        c->oldest = place;
    c->newest = place;
}

static void drop(Clusterer *c, uint32_t place)
{
    Cluster *cluster = &c->all[place];
    for (uint32_t i = 0; i < cluster->counts.capacity; i++) {
        uint32_t term = cluster->counts.slots[i].term;
        if (term == COUNT_NONE)
            continue;
        c->terms.all[term].holders--;
        terms_drop_holder(&c->terms, term, place);
    }
    for (uint32_t i = 0; i < cluster->against.capacity; i++)
        if (cluster->against.slots[i].term != COUNT_NONE)
            c->terms.all[cluster->against.slots[i].term].holders--;
    counts_clear(&cluster->counts);
    counts_clear(&cluster->against);
    unlink_use(c, place);
    g_hash_table_remove(c->places, &cluster->id);
    cluster->id = 0;
    g_array_append_val(c->unused, place);
}

static void forget_old(Clusterer *c)
{
    while (c->oldest != NOWHERE && (g_hash_table_size(c->places) >= MOST_CLUSTERS ||
                                    c->all[c->oldest].last_at < c->now - FORGET_AFTER))
        drop(c, c->oldest);
}

static gboolean leads_nowhere(gpointer key, gpointer into, gpointer clusterer)
{
    (void)key;
    return place_of(clusterer, *(int64_t *)into) == NOWHERE;
}

static gboolean parts_nothing(gpointer key, gpointer value, gpointer clusterer)
{
    const Pair *pair = key;
    (void)value;
    return place_of(clusterer, pair->low) == NOWHERE || place_of(clusterer, pair->high) == NOWHERE;
}

/* Forgets merges into clusters that are forgotten, and who was to be kept apart from them. */
static void tidy(Clusterer *c)
{
    if (g_hash_table_size(c->merged) < c->tidy_at)
        return;
    g_hash_table_foreach_remove(c->apart, parts_nothing, c);
    g_hash_table_foreach_remove(c->merged, leads_nowhere, c);
    c->tidy_at = MOST_CLUSTERS + g_hash_table_size(c->merged);
}

static uint32_t found(Clusterer *c, int64_t at)
{
    uint32_t place;
    if (c->unused->len > 0) {
        place = g_array_index(c->unused, uint32_t, c->unused->len - 1);
        g_array_set_size(c->unused, c->unused->len - 1);
    } else {
        if (c->length == c->room) {
            c->room = c->room ? c->room * 2 : 256;
            c->all = g_renew(Cluster, c->all, c->room);
            c->gain = g_renew(float, c->gain, c->room);
            memset(c->gain + c->length, 0, (c->room - c->length) * sizeof(float));
        }
        place = c->length++;
    }
    c->all[place] = (Cluster){
        .id = c->next_id++, .first_at = at, .last_at = at, .check_at = settings.merge_size};
    g_hash_table_insert(c->places, g_memdup2(&c->all[place].id, sizeof(int64_t)),
                        GUINT_TO_POINTER(place + 1));
    link_newest(c, place);
    return place;
}

static void find_core(Cluster *cluster)
{
    cluster->cores = 0;
    if (cluster->size < 3)
        return;
    for (uint32_t i = 0; i < cluster->counts.capacity; i++) {
        const Count *slot = &cluster->counts.slots[i];
        if (slot->term == COUNT_NONE || slot->count < settings.core_share * cluster->size)
            continue;
        /* kept in order of count, then number, so that slots do not matter */
        uint32_t at = cluster->cores;
        while (at > 0) {
            float other = counts_of(&cluster->counts, cluster->core[at - 1]);
            if (other > slot->count || (other == slot->count && cluster->core[at - 1] < slot->term))
                break;
            at--;
        }
        if (at >= CORE)
            continue;
        uint32_t last = MIN(cluster->cores, CORE - 1);
        memmove(&cluster->core[at + 1], &cluster->core[at], (last - at) * sizeof(uint32_t));
        cluster->core[at] = slot->term;
        cluster->cores = last + 1;
    }
}

static void add_against(Clusterer *c, uint32_t place, uint32_t term, float count)
{
    Cluster *cluster = &c->all[place];
    uint32_t used = cluster->against.used;
    counts_add(&cluster->against, term, count);
    c->terms.all[term].holders += cluster->against.used - used;
}

static void add_term(Clusterer *c, uint32_t place, uint32_t term, float count)
{
    Cluster *cluster = &c->all[place];
    uint32_t used = cluster->counts.used;
    counts_add(&cluster->counts, term, count);
    if (cluster->counts.used > used) {
        c->terms.all[term].holders++;
        terms_add_holder(&c->terms, term, place, &c->all[0].size, sizeof(Cluster));
    }
}

/* ---- how well a cluster explains a message ---- */

/* How usual a term is in the stream; careful while little is known. */
static double usual(const Clusterer *c, uint32_t term)
{
    double p = (c->terms.all[term].messages + settings.early * settings.early_usual) /
               (c->terms.messages + settings.early);
    return MAX(p, settings.least_usual);
}

static double silence(const Cluster *cluster, int64_t at)
{
    double seconds = (at - cluster->last_at) / 1e6;
    if (seconds <= 0)
        return 0;
    return seconds / settings.silence;
}

/* How well the messages that a person moved away explain it. */
static double against(const Clusterer *c, const Cluster *cluster, const uint32_t *terms,
                      guint count)
{
    double sum = 0;
    for (guint i = 0; i < count; i++) {
        double p = MIN(1, counts_of(&cluster->against, terms[i]) / cluster->against_size);
        sum += log(settings.explains * p / usual(c, terms[i]) + 1 - settings.explains);
    }
    return sum;
}

static double score(const Clusterer *c, const Cluster *cluster, const uint32_t *terms,
                    const Feature *features, guint count, guint lang, int64_t at)
{
    double size = cluster->size, known = cluster->by_language[lang];
    double lambda = settings.explains * size / (size + settings.grown);
    double lambda_here = settings.explains * known / (known + settings.grown_language);
    double sum = 0;
    for (guint i = 0; i < count; i++) {
        float n = counts_of(&cluster->counts, terms[i]);
        if (n > 0) {
            double p = MIN(1, n / size);
            sum += log(lambda * p / usual(c, terms[i]) + 1 - lambda);
        } else {
            sum += log(1 - (features[i].flags & (FEATURE_CONCEPT | FEATURE_NUMBER) ? lambda
                                                                                   : lambda_here));
        }
    }
    if (cluster->against_size > 0)
        sum -= MAX(0, against(c, cluster, terms, count));
    double share = known / (known + settings.grown_language);
    for (uint32_t i = 0; i < cluster->cores; i++) {
        bool present = false;
        for (guint k = 0; k < count && !present; k++)
            present = terms[k] == cluster->core[i];
        if (present)
            continue;
        double p = counts_of(&cluster->counts, cluster->core[i]) / (size + 1);
        double p0 = MIN(0.95, usual(c, cluster->core[i]));
        p = MIN(0.95, p);
        if (p > p0)
            sum += settings.core_missing * share * log((1 - p) / (1 - p0));
    }
    return sum + settings.size_counts * log(size + 1) - silence(cluster, at);
}

typedef struct Candidate {
    float gain;
    uint32_t place;
} Candidate;

static int by_gain(const void *a, const void *b)
{
    const Candidate *x = a, *y = b;
    if (x->gain != y->gain)
        return x->gain < y->gain ? 1 : -1;
    return (x->place > y->place) - (x->place < y->place);
}

/* The places of the clusters that share most with `terms`, at most CANDIDATES. */
static guint find_candidates(Clusterer *c, const uint32_t *terms, guint count, Candidate *found_)
{
    g_array_set_size(c->touched, 0);
    for (guint i = 0; i < count; i++) {
        const Term *term = &c->terms.all[terms[i]];
        float gain = -log(usual(c, terms[i]));
        for (uint32_t k = 0; k < term->length; k++) {
            uint32_t place = term->clusters[k];
            if (c->gain[place] == 0)
                g_array_append_val(c->touched, place);
            c->gain[place] += gain;
        }
    }
    guint n = 0;
    for (guint i = 0; i < c->touched->len; i++) {
        uint32_t place = g_array_index(c->touched, uint32_t, i);
        Candidate candidate = {c->gain[place], place};
        c->gain[place] = 0;
        if (n == CANDIDATES && by_gain(&candidate, &found_[n - 1]) > 0)
            continue;
        guint at = n < CANDIDATES ? n++ : n - 1;
        while (at > 0 && by_gain(&candidate, &found_[at - 1]) < 0) {
            found_[at] = found_[at - 1];
            at--;
        }
        found_[at] = candidate;
    }
    return n;
}

/* ---- merging ---- */

#define PROFILE 24
typedef struct Profile {
    uint32_t terms[PROFILE];
    double gains[PROFILE];
    guint count;
} Profile;

/* The terms that say most about a cluster. */
static void profile_of(const Clusterer *c, const Cluster *cluster, Profile *profile)
{
    profile->count = 0;
    for (uint32_t i = 0; i < cluster->counts.capacity; i++) {
        const Count *slot = &cluster->counts.slots[i];
        if (slot->term == COUNT_NONE)
            continue;
        double p = MIN(1, slot->count / cluster->size);
        double gain = p * log(p / usual(c, slot->term));
        if (gain <= 0)
            continue;
        guint at = profile->count;
        while (at > 0 && (profile->gains[at - 1] < gain ||
                          (profile->gains[at - 1] == gain && profile->terms[at - 1] > slot->term)))
            at--;
        if (at >= PROFILE)
            continue;
        guint last = MIN(profile->count, PROFILE - 1);
        memmove(&profile->terms[at + 1], &profile->terms[at], (last - at) * sizeof(uint32_t));
        memmove(&profile->gains[at + 1], &profile->gains[at], (last - at) * sizeof(double));
        profile->terms[at] = slot->term;
        profile->gains[at] = gain;
        profile->count = last + 1;
    }
}

/* What a message of `a` would score in `b`, on average, by the terms that say most about `a`. */
static double expected(const Clusterer *c, const Cluster *a, const Profile *profile,
                       const Cluster *b)
{
    double lambda = settings.explains * b->size / (b->size + settings.grown), sum = 0;
    for (guint i = 0; i < profile->count; i++) {
        uint32_t term = profile->terms[i];
        double pa = MIN(1, counts_of(&a->counts, term) / a->size);
        double pb = MIN(1, counts_of(&b->counts, term) / b->size);
        sum += pa * log(lambda * pb / usual(c, term) + 1 - lambda);
    }
    return sum;
}

static void note_merge(Clusterer *c, int64_t from, int64_t into)
{
    ClusterMerge merge = {from, into};
    g_hash_table_insert(c->merged, g_memdup2(&from, sizeof from), g_memdup2(&into, sizeof into));
    g_queue_push_tail(&c->merges, g_memdup2(&merge, sizeof merge));
}

static void keep_apart(Clusterer *c, int64_t a, int64_t b)
{
    Pair pair = pair_of(a, b);
    if (a != b)
        g_hash_table_replace(c->apart, g_memdup2(&pair, sizeof pair), NULL);
}

/* What was kept apart from `from` is kept apart from `into`. */
static void inherit_apart(Clusterer *c, int64_t from, int64_t into)
{
    g_autoptr(GList) pairs = g_hash_table_get_keys(c->apart);
    g_autoptr(GArray) others = g_array_new(FALSE, FALSE, sizeof(int64_t));
    for (GList *item = pairs; item; item = item->next) {
        const Pair *pair = item->data;
        int64_t other = pair->low == from ? pair->high : pair->low;
        if (pair->low == from || pair->high == from)
            g_array_append_val(others, other);
    }
    for (guint i = 0; i < others->len; i++)
        keep_apart(c, g_array_index(others, int64_t, i), into);
}

static void join(Clusterer *c, uint32_t from, uint32_t into)
{
    Cluster *a = &c->all[from], *b = &c->all[into];
    inherit_apart(c, a->id, b->id);
    note_merge(c, a->id, b->id);
    for (uint32_t i = 0; i < a->counts.capacity; i++)
        if (a->counts.slots[i].term != COUNT_NONE)
            add_term(c, into, a->counts.slots[i].term, a->counts.slots[i].count);
    for (uint32_t i = 0; i < a->against.capacity; i++)
        if (a->against.slots[i].term != COUNT_NONE)
            add_against(c, into, a->against.slots[i].term, a->against.slots[i].count);
    b->against_size += a->against_size;
    b->size += a->size;
    for (guint i = 0; i < LANGUAGES; i++)
        b->by_language[i] += a->by_language[i];
    b->first_at = MIN(a->first_at, b->first_at);
    b->last_at = MAX(a->last_at, b->last_at);
    find_core(b);
    drop(c, from);
}

static bool kept_apart(const Clusterer *c, int64_t a, int64_t b)
{
    Pair pair = pair_of(a, b);
    return g_hash_table_contains(c->apart, &pair);
}

static void look_for_merges(Clusterer *c, uint32_t place)
{
    Cluster *cluster = &c->all[place];
    if (cluster->dismissed || cluster->size < cluster->check_at)
        return;
    cluster->check_at = cluster->size * 1.15 + 1;
    Profile profile, other_profile;
    profile_of(c, cluster, &profile);
    Candidate candidates[CANDIDATES];
    guint n = find_candidates(c, profile.terms, profile.count, candidates);
    double own = expected(c, cluster, &profile, cluster), best = 0;
    uint32_t best_place = NOWHERE;
    for (guint i = 0; i < n; i++) {
        if (candidates[i].place == place)
            continue;
        const Cluster *other = &c->all[candidates[i].place];
        if (other->dismissed || kept_apart(c, cluster->id, other->id) ||
            other->size < settings.merge_size)
            continue;
        profile_of(c, other, &other_profile);
        double there = expected(c, cluster, &profile, other);
        double back = expected(c, other, &other_profile, cluster);
        double other_own = expected(c, other, &other_profile, other);
        double ratio = cluster->size < other->size ? there / own : back / other_own;
        double both = MIN(there, back);
        both -= silence(other, cluster->first_at);
        if (both > settings.merge_enough && ratio > settings.merge_share && ratio > best) {
            best = ratio;
            best_place = candidates[i].place;
        }
    }
    if (best_place == NOWHERE)
        return;
    const Cluster *other = &c->all[best_place];
    if (other->size > cluster->size || (other->size == cluster->size && other->id < cluster->id))
        join(c, place, best_place);
    else
        join(c, best_place, place);
}

bool clusterer_next_merge(Clusterer *c, ClusterMerge *merge)
{
    g_autofree ClusterMerge *next = g_queue_pop_head(&c->merges);
    if (next)
        *merge = *next;
    return next != NULL;
}

/* ---- taking messages ---- */

static void add_message(Clusterer *c, uint32_t place, const ClusterMessage *m,
                        const uint32_t *terms, double weight)
{
    Cluster *cluster = &c->all[place];
    cluster->size += weight;
    cluster->by_language[language_slot(m->lang)] += weight;
    cluster->last_at = MAX(cluster->last_at, m->at);
    for (guint i = 0; i < m->features->len; i++)
        add_term(c, place, terms[i], weight);
    if (cluster->size < 20 || (int)cluster->size % 8 == 0)
        find_core(cluster);
    unlink_use(c, place);
    link_newest(c, place);
}

static const uint32_t *number_terms(Clusterer *c, const ClusterMessage *m)
{
    c->now = MAX(c->now, m->at);
    terms_count_message(&c->terms, m->weight);
    g_array_set_size(c->numbers, 0);
    for (guint i = 0; i < m->features->len; i++) {
        const Feature *feature = &g_array_index(m->features, Feature, i);
        uint32_t number = terms_number(&c->terms, feature->hash);
        g_array_append_val(c->numbers, number);
        terms_count(&c->terms, number, m->weight, m->source + feature->from, feature->size);
    }
    return (const uint32_t *)c->numbers->data;
}

/* The cluster that explains a message best, or NOWHERE when none does. */
static uint32_t best_place(Clusterer *c, const ClusterMessage *m, const uint32_t *terms,
                           double *confidence)
{
    const Feature *features = (const Feature *)m->features->data;
    guint lang = language_slot(m->lang), count = m->features->len;
    Candidate candidates[CANDIDATES];
    guint n = find_candidates(c, terms, count, candidates);
    double best = -INFINITY, second = settings.enough;
    uint32_t place = NOWHERE;
    for (guint i = 0; i < n; i++) {
        const Cluster *cluster = &c->all[candidates[i].place];
        double s = score(c, cluster, terms, features, count, lang, m->at);
        second = MAX(second, MIN(best, s));
        if (s > best) {
            best = s;
            place = candidates[i].place;
        }
    }
    *confidence =
        1 / (1 + exp((best < settings.enough ? best - settings.enough : second - best) / 2));
    return best < settings.enough ? NOWHERE : place;
}

int64_t clusterer_take(Clusterer *c, const ClusterMessage *m, int64_t wanted, double *confidence)
{
    const uint32_t *terms = number_terms(c, m);
    forget_old(c);
    tidy(c);
    uint32_t place = wanted ? place_of(c, wanted) : NOWHERE;
    *confidence = 1;
    if (place == NOWHERE)
        place = best_place(c, m, terms, confidence);
    if (place == NOWHERE)
        place = found(c, m->at);
    add_message(c, place, m, terms, m->weight);
    int64_t id = c->all[place].id;
    look_for_merges(c, place);
    return id;
}

guint clusterer_live(const Clusterer *c)
{
    return g_hash_table_size(c->places);
}

char **clusterer_terms(const Clusterer *c, int64_t id, int most)
{
    GPtrArray *texts = g_ptr_array_new();
    uint32_t place = place_of(c, id);
    if (place != NOWHERE) {
        Profile profile;
        profile_of(c, &c->all[place], &profile);
        for (guint i = 0; i < profile.count && (int)i < most; i++)
            g_ptr_array_add(texts, g_strdup(c->terms.all[profile.terms[i]].text));
    }
    g_ptr_array_add(texts, NULL);
    return (char **)g_ptr_array_free(texts, FALSE);
}

/* ---- corrections ---- */

int64_t clusterer_move(Clusterer *c, const ClusterMessage *m, int64_t from, int64_t into)
{
    const uint32_t *terms = number_terms(c, m);
    uint32_t old = from ? place_of(c, from) : NOWHERE, place = into ? place_of(c, into) : NOWHERE;
    if (place == NOWHERE)
        place = found(c, m->at);
    else if (place == old)
        return c->all[place].id;
    add_message(c, place, m, terms, LESSON);
    if (old == NOWHERE)
        return c->all[place].id;
    Cluster *cluster = &c->all[old];
    for (guint i = 0; i < m->features->len; i++)
        add_against(c, old, terms[i], 1);
    cluster->against_size++;
    keep_apart(c, cluster->id, c->all[place].id);
    return c->all[place].id;
}

void clusterer_merge(Clusterer *c, int64_t from, int64_t into)
{
    uint32_t a = place_of(c, from), b = place_of(c, into);
    if (clusterer_current(c, from) == clusterer_current(c, into))
        return;
    if (a != NOWHERE && b != NOWHERE) {
        Pair pair = pair_of(c->all[a].id, c->all[b].id);
        g_hash_table_remove(c->apart, &pair);
        join(c, a, b);
    } else {
        note_merge(c, clusterer_current(c, from), clusterer_current(c, into));
    }
}

void clusterer_dismiss(Clusterer *c, int64_t id)
{
    uint32_t place = place_of(c, id);
    if (place != NOWHERE)
        c->all[place].dismissed = true;
}

bool clusterer_dismissed(const Clusterer *c, int64_t id)
{
    uint32_t place = place_of(c, id);
    return place != NOWHERE && c->all[place].dismissed;
}

/* ---- saving ---- */

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(Pair));
}

/* A table of pairs of int64 in an order that does not depend on the table's history. */
static void put_pairs(GHashTable *table, bool values, GByteArray *out)
{
    GHashTableIter iter;
    gpointer key, value;
    g_autoptr(GArray) pairs = g_array_new(FALSE, FALSE, sizeof(Pair));
    g_hash_table_iter_init(&iter, table);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        Pair pair = values ? (Pair){*(int64_t *)key, *(int64_t *)value} : *(Pair *)key;
        g_array_append_val(pairs, pair);
    }
    if (pairs->len > 0)
        qsort(pairs->data, pairs->len, sizeof(Pair), by_bytes);
    state_put(out, pairs->len);
    for (guint i = 0; i < pairs->len; i++) {
        state_put(out, g_array_index(pairs, Pair, i).low);
        state_put(out, g_array_index(pairs, Pair, i).high);
    }
}

static void put_cluster(const Cluster *cluster, GByteArray *out)
{
    state_put(out, cluster->id);
    if (!cluster->id)
        return;
    state_put(out, cluster->first_at);
    state_put(out, cluster->last_at);
    state_put_double(out, cluster->size);
    for (int i = 0; i < LANGUAGES; i++)
        state_put_double(out, cluster->by_language[i]);
    counts_put(&cluster->counts, out);
    state_put(out, cluster->cores);
    for (uint32_t i = 0; i < cluster->cores; i++)
        state_put(out, cluster->core[i]);
    state_put(out, cluster->newer);
    state_put(out, cluster->older);
    state_put_double(out, cluster->check_at);
    counts_put(&cluster->against, out);
    state_put_double(out, cluster->against_size);
    state_put(out, cluster->dismissed);
}

static void get_cluster(Cluster *cluster, StateReader *in, uint32_t terms)
{
    cluster->id = state_get(in);
    if (!cluster->id)
        return;
    cluster->first_at = state_get(in);
    cluster->last_at = state_get(in);
    cluster->size = state_get_double(in);
    for (int i = 0; i < LANGUAGES; i++)
        cluster->by_language[i] = state_get_double(in);
    counts_get(&cluster->counts, in, terms);
    cluster->cores = state_get_count(in, 8);
    in->bad |= cluster->cores > CORE;
    for (uint32_t i = 0; i < cluster->cores && !in->bad; i++) {
        cluster->core[i] = state_get(in);
        in->bad |= cluster->core[i] >= terms;
    }
    cluster->newer = state_get(in);
    cluster->older = state_get(in);
    cluster->check_at = state_get_double(in);
    counts_get(&cluster->against, in, terms);
    cluster->against_size = state_get_double(in);
    cluster->dismissed = state_get(in);
}

void clusterer_put(const Clusterer *c, GByteArray *out)
{
    state_put(out, c->next_id);
    state_put(out, c->now);
    state_put(out, c->tidy_at);
    terms_put(&c->terms, out);
    state_put(out, c->length);
    for (uint32_t i = 0; i < c->length; i++)
        put_cluster(&c->all[i], out);
    state_put(out, c->unused->len);
    for (guint i = 0; i < c->unused->len; i++)
        state_put(out, g_array_index(c->unused, uint32_t, i));
    state_put(out, c->newest);
    state_put(out, c->oldest);
    put_pairs(c->merged, true, out);
    put_pairs(c->apart, false, out);
}

static bool place_valid(const Clusterer *c, uint32_t place)
{
    return place == NOWHERE || (place < c->length && c->all[place].id);
}

/* What was read must not lead out of the tables. */
static bool is_sound(const Clusterer *c)
{
    for (uint32_t i = 0; i < c->length; i++)
        if (c->all[i].id && (!place_valid(c, c->all[i].newer) || !place_valid(c, c->all[i].older)))
            return false;
    for (uint32_t i = 0; i < c->terms.length; i++)
        for (uint32_t k = 0; k < c->terms.all[i].length; k++)
            if (c->terms.all[i].clusters[k] >= c->length)
                return false;
    return place_valid(c, c->newest) && place_valid(c, c->oldest);
}

static void get_clusters(Clusterer *c, StateReader *in)
{
    c->length = c->room = state_get_count(in, 8);
    c->all = g_new0(Cluster, c->room + 1);
    c->gain = g_new0(float, c->room + 1);
    for (uint32_t i = 0; i < c->length && !in->bad; i++) {
        get_cluster(&c->all[i], in, c->terms.length);
        if (c->all[i].id)
            g_hash_table_replace(c->places, g_memdup2(&c->all[i].id, sizeof(int64_t)),
                                 GUINT_TO_POINTER(i + 1));
    }
    uint32_t unused = state_get_count(in, 8);
    for (uint32_t i = 0; i < unused; i++) {
        uint32_t place = state_get(in);
        in->bad |= place >= c->length || c->all[place].id;
        g_array_append_val(c->unused, place);
    }
}

Clusterer *clusterer_get(StateReader *in)
{
    g_autoptr(Clusterer) c = clusterer_new();
    c->next_id = state_get(in);
    c->now = state_get(in);
    c->tidy_at = state_get(in);
    terms_clear(&c->terms);
    if (!terms_get(&c->terms, in))
        return NULL;
    get_clusters(c, in);
    c->newest = state_get(in);
    c->oldest = state_get(in);
    for (uint32_t i = state_get_count(in, 16); i > 0; i--) {
        int64_t from = state_get(in), into = state_get(in);
        g_hash_table_replace(c->merged, g_memdup2(&from, sizeof from),
                             g_memdup2(&into, sizeof into));
    }
    for (uint32_t i = state_get_count(in, 16); i > 0; i--) {
        Pair pair = {.low = state_get(in)};
        pair.high = state_get(in);
        g_hash_table_replace(c->apart, g_memdup2(&pair, sizeof pair), NULL);
    }
    return in->bad || !is_sound(c) ? NULL : g_steal_pointer(&c);
}
