#include "core/engine/cluster_table.h"

#include <math.h>
#include <string.h>

#define RARE 0.02f /* share of messages below which a term says little about a cluster */

const Settings cluster_settings = {
    .explains = 0.486,
    .grown = 1.5,
    .grown_language = 17,
    .enough = 4.2,
    .size_counts = 0.87,
    .early = 1800,
    .early_usual = 0.02,
    .least_usual = 0.0041,
    .core_share = 0.37,
    .core_missing = 0.77,
    .name_conflict = 9.8,
    .name_from = 20,
    .name_lead = 0.25,
    .name_unknown = 0.1,
    .any_missing = 0.6,
    .silence = 5540,
    .recent = 1209600,
    .size_cap = 1000,
    .merge_enough = 1,
    .merge_size = 2,
};

/* How usual a term is in the stream, a cluster or two (`without`, `size`: of them) left out: what
 * half of all people complain about just now is no less telling for that. Careful while little is
 * known. */
static double usual(const Clusterer *c, uint32_t term, double without, double size)
{
    double with = MAX(0, c->terms.all[term].messages - without);
    double all = MAX(with, c->terms.messages - size);
    double p = (with + cluster_settings.early * cluster_settings.early_usual) /
               (all + cluster_settings.early);
    return MAX(p, cluster_settings.least_usual);
}

static double silence(const Cluster *cluster, int64_t at)
{
    double seconds = (at - cluster->last_at) / 1e6;
    if (seconds <= 0)
        return 0;
    return seconds / cluster_settings.silence;
}

/* Words belong to a language, names to none: what people of several languages use about equally is
 * a brand, a place, a product. Where all write in one language nothing is known to be a name. */
static bool is_name(const Clusterer *c, uint32_t number)
{
    const Term *term = &c->terms.all[number];
    return !term->concept && term->messages >= cluster_settings.name_from &&
           term->lead < cluster_settings.name_lead * term->messages;
}

void cluster_probe(const Clusterer *c, const ClusterMessage *m, const uint32_t *terms, Probe *probe)
{
    *probe = (Probe){.terms = terms,
                     .features = (const Feature *)m->features->data,
                     .count = m->features->len,
                     .lang = cluster_language(m->lang),
                     .at = m->at};
    g_assert(probe->count <= G_N_ELEMENTS(probe->named));
    for (guint i = 0; i < probe->count; i++) {
        probe->named[i] = !(probe->features[i].flags & FEATURE_NUMBER) && is_name(c, terms[i]);
    }
}

static bool has(const Probe *probe, uint32_t term)
{
    for (guint i = 0; i < probe->count; i++)
        if (probe->terms[i] == term)
            return true;
    return false;
}

/* How well the terms of the message fit: each is from what the cluster is about, or anything. */
static double fit(const Clusterer *c, const Cluster *cluster, const Probe *probe, double trust,
                  double trust_language)
{
    double sum = 0;
    for (guint i = 0; i < probe->count; i++) {
        float count = counts_of(&cluster->counts, probe->terms[i]);
        bool any = probe->features[i].flags & (FEATURE_CONCEPT | FEATURE_NUMBER);
        double lambda = cluster_settings.explains * (count > 0 || any ? trust : trust_language);
        double share = MIN(1, count / cluster->size);
        sum += log(lambda * share / usual(c, probe->terms[i], count, cluster->size) + 1 - lambda);
    }
    return sum;
}

/* How well the messages that a person moved away explain it. */
static double fit_against(const Clusterer *c, const Cluster *cluster, const Probe *probe)
{
    double sum = 0, lambda = cluster_settings.explains;
    if (cluster->against_size == 0)
        return 0;
    for (guint i = 0; i < probe->count; i++) {
        double share =
            MIN(1, counts_of(&cluster->against, probe->terms[i]) / cluster->against_size);
        sum += log(lambda * share / usual(c, probe->terms[i], 0, 0) + 1 - lambda);
    }
    return MAX(0, sum);
}

/* Does the message lack a name of the cluster and have another instead? */
static bool names_differ(const Clusterer *c, const Cluster *cluster, const Probe *probe)
{
    bool other = false;
    for (guint i = 0; i < probe->count && !other; i++)
        other = probe->named[i] && counts_of(&cluster->counts, probe->terms[i]) <=
                                       cluster_settings.name_unknown * cluster->size;
    for (uint32_t i = 0; i < cluster->cores && other; i++)
        if (is_name(c, cluster->core[i]) && !has(probe, cluster->core[i]))
            return true;
    return false;
}

/* What it costs that the message lacks terms which most messages of the cluster have. A term that
 * is commoner than any language in the cluster must be of several. */
static double missing(const Clusterer *c, const Cluster *cluster, const Probe *probe, double trust,
                      double trust_language)
{
    double sum = 0, most = 0;
    for (int i = 0; i < LANGUAGES; i++)
        most = MAX(most, cluster->by_language[i]);
    for (uint32_t i = 0; i < cluster->cores && cluster->size >= 3; i++) {
        uint32_t term = cluster->core[i];
        if (has(probe, term))
            continue;
        float count = counts_of(&cluster->counts, term);
        double share = MIN(0.95, count / (cluster->size + 1)),
               else_share = MIN(0.95, usual(c, term, count, cluster->size));
        bool any = c->terms.all[term].concept || count > most * 1.2f;
        if (share > else_share)
            sum += (any ? cluster_settings.any_missing * trust
                        : cluster_settings.core_missing * trust_language) *
                   log((1 - else_share) / (1 - share));
    }
    return sum;
}

double cluster_score(const Clusterer *c, const Cluster *cluster, const Probe *probe)
{
    double size = cluster->size, known = cluster->by_language[probe->lang];
    double trust = size / (size + cluster_settings.grown);
    double trust_language = known / (known + cluster_settings.grown_language);
    double sum = fit(c, cluster, probe, trust, trust_language) - fit_against(c, cluster, probe) -
                 missing(c, cluster, probe, trust, trust_language);
    if (names_differ(c, cluster, probe))
        sum -= cluster_settings.name_conflict;
    double faded = cluster->recent *
                   exp(-MAX(0, (probe->at - cluster->last_at) / 1e6) / cluster_settings.recent);
    return sum + cluster_settings.size_counts * log(MIN(faded, cluster_settings.size_cap) + 1) -
           silence(cluster, probe->at);
}

static int by_gain(const void *a, const void *b)
{
    const Candidate *x = a, *y = b;
    if (x->gain != y->gain)
        return x->gain < y->gain ? 1 : -1;
    return (x->place > y->place) - (x->place < y->place);
}

guint cluster_candidates(Clusterer *c, const uint32_t *terms, guint count,
                         Candidate found[CANDIDATES])
{
    g_array_set_size(c->touched, 0);
    for (guint i = 0; i < count; i++) {
        const Term *term = &c->terms.all[terms[i]];
        float gain = -log(usual(c, terms[i], 0, 0));
        for (uint32_t k = 0; k < term->length; k++) {
            uint32_t place = term_clusters(term)[k];
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
        if (n == CANDIDATES && by_gain(&candidate, &found[n - 1]) > 0)
            continue;
        guint at = n < CANDIDATES ? n++ : n - 1;
        while (at > 0 && by_gain(&candidate, &found[at - 1]) < 0) {
            found[at] = found[at - 1];
            at--;
        }
        found[at] = candidate;
    }
    return n;
}

void cluster_profile(const Clusterer *c, const Cluster *cluster, Profile *profile)
{
    profile->count = 0;
    for (uint32_t i = 0; i < cluster->counts.capacity; i++) {
        const Count *slot = &cluster->counts.slots[i];
        if (slot->term == COUNT_NONE || slot->count < RARE * cluster->size)
            continue;
        double p = MIN(1, slot->count / cluster->size);
        double gain = p * log(p / usual(c, slot->term, slot->count, cluster->size));
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
    double lambda = cluster_settings.explains * b->size / (b->size + cluster_settings.grown),
           sum = 0;
    for (guint i = 0; i < profile->count; i++) {
        uint32_t term = profile->terms[i];
        float in_a = counts_of(&a->counts, term), in_b = counts_of(&b->counts, term);
        double p = usual(c, term, in_a + in_b, a->size + b->size);
        sum += MIN(1, in_a / a->size) * log(lambda * MIN(1, in_b / b->size) / p + 1 - lambda);
    }
    return sum;
}

/* Does `b` hardly know a name that most messages of `a` have? */
static bool lacks_name(const Clusterer *c, const Cluster *a, const Profile *profile,
                       const Cluster *b)
{
    for (guint i = 0; i < profile->count; i++) {
        uint32_t term = profile->terms[i];
        if (counts_of(&a->counts, term) >= 0.5f * a->size &&
            counts_of(&b->counts, term) <= (float)cluster_settings.name_unknown * b->size &&
            is_name(c, term))
            return true;
    }
    return false;
}

double cluster_likeness(const Clusterer *c, const Cluster *a, const Profile *profile_a,
                        const Cluster *b)
{
    double there = expected(c, a, profile_a, b) - silence(b, a->first_at);
    if (there < -cluster_settings.merge_enough) /* most end here: the other profile costs more */
        return there - cluster_settings.merge_enough;
    Profile profile_b;
    cluster_profile(c, b, &profile_b);
    double back = expected(c, b, &profile_b, a) - silence(b, a->first_at);
    if (lacks_name(c, a, profile_a, b) && lacks_name(c, b, &profile_b, a))
        return -cluster_settings.name_conflict;
    return MIN(there, back) - cluster_settings.merge_enough;
}
