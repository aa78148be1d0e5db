#include "core/engine/cluster_table.h"

#include <math.h>

#define LESSON 3.0f      /* messages that one moved by a person counts for */
#define LOOK_AGAIN 1.15f /* growth after which to look again for clusters that are the same */

bool clusterer_next_merge(Clusterer *c, ClusterMerge *merge)
{
    g_autofree ClusterMerge *next = g_queue_pop_head(&c->merges);
    if (next)
        *merge = *next;
    return next != NULL;
}

typedef bool (*Asked)(int64_t id, const void *data);

/* The place of the cluster that is most like the one at `place`, or NOWHERE. */
static uint32_t nearest(Clusterer *c, uint32_t place, Asked asked, const void *data,
                        double *likeness)
{
    const Cluster *cluster = &c->all[place];
    Profile profile;
    cluster_profile(c, cluster, &profile);
    Candidate candidates[CANDIDATES];
    guint n = cluster_candidates(c, profile.terms, profile.count, candidates);
    uint32_t best = NOWHERE;
    *likeness = -INFINITY;
    for (guint i = 0; i < n; i++) {
        const Cluster *other = &c->all[candidates[i].place];
        if (other == cluster || other->dismissed || other->size < cluster_settings.merge_size ||
            cluster_kept_apart(c, cluster->id, other->id) || (asked && !asked(other->id, data)))
            continue;
        double like = cluster_likeness(c, cluster, &profile, other);
        if (like > *likeness) {
            *likeness = like;
            best = candidates[i].place;
        }
    }
    return best;
}

static void look_for_merges(Clusterer *c, uint32_t place)
{
    Cluster *cluster = &c->all[place];
    if (cluster->dismissed || cluster->size < cluster->check_at)
        return;
    cluster->check_at = cluster->size * LOOK_AGAIN + 1;
    double likeness;
    uint32_t found = nearest(c, place, NULL, NULL, &likeness);
    if (found == NOWHERE || likeness <= 0)
        return;
    const Cluster *other = &c->all[found];
    if (other->size > cluster->size || (other->size == cluster->size && other->id < cluster->id))
        cluster_join(c, place, found);
    else
        cluster_join(c, found, place);
}

int64_t clusterer_nearest(Clusterer *c, int64_t id, Asked asked, const void *data, double *likeness)
{
    uint32_t place = cluster_place(c, id);
    uint32_t found = place == NOWHERE ? NOWHERE : nearest(c, place, asked, data, likeness);
    return found == NOWHERE ? 0 : c->all[found].id;
}

static const uint32_t *numbers_of(Clusterer *c, const ClusterMessage *m)
{
    g_array_set_size(c->numbers, 0);
    for (guint i = 0; i < m->features->len; i++) {
        uint32_t number = terms_number(&c->terms, g_array_index(m->features, Feature, i).hash);
        g_array_append_val(c->numbers, number);
    }
    return (const uint32_t *)c->numbers->data;
}

/* The numbers of the message's terms, which count from now on. */
static const uint32_t *hear(Clusterer *c, const ClusterMessage *m)
{
    uint8_t lang = cluster_language(m->lang);
    c->now = MAX(c->now, m->at);
    terms_count_message(&c->terms);
    const uint32_t *numbers = numbers_of(c, m);
    for (guint i = 0; i < m->features->len; i++) {
        const Feature *feature = &g_array_index(m->features, Feature, i);
        terms_count(&c->terms, numbers[i], lang, m->source + feature->from, feature->size);
        c->terms.all[numbers[i]].concept = feature->flags & FEATURE_CONCEPT;
    }
    return numbers;
}

/* The cluster that explains a message best, or NOWHERE when none does. */
static uint32_t best_place(Clusterer *c, const ClusterMessage *m, const uint32_t *terms,
                           double *confidence)
{
    const double enough = cluster_settings.enough;
    Candidate candidates[CANDIDATES];
    guint n = cluster_candidates(c, terms, m->features->len, candidates);
    double best = -INFINITY, second = enough;
    uint32_t place = NOWHERE;
    Probe probe;
    cluster_probe(c, m, terms, &probe);
    for (guint i = 0; i < n; i++) {
        double score = cluster_score(c, &c->all[candidates[i].place], &probe);
        second = MAX(second, MIN(best, score));
        if (score > best) {
            best = score;
            place = candidates[i].place;
        }
    }
    *confidence = 1 / (1 + exp((best < enough ? best - enough : second - best) / 2));
    return best < enough ? NOWHERE : place;
}

int64_t clusterer_take(Clusterer *c, const ClusterMessage *m, int64_t wanted, double *confidence)
{
    const uint32_t *terms = hear(c, m);
    cluster_forget(c);
    uint32_t place = wanted ? cluster_place(c, wanted) : NOWHERE;
    *confidence = 1;
    if (place == NOWHERE)
        place = best_place(c, m, terms, confidence);
    if (place == NOWHERE)
        place = cluster_found(c, m->at);
    cluster_add(c, place, m, terms, 1);
    int64_t id = c->all[place].id;
    look_for_merges(c, place);
    return id;
}

int64_t clusterer_guess(Clusterer *c, const ClusterMessage *m, double *confidence)
{
    uint32_t place = best_place(c, m, numbers_of(c, m), confidence);
    return place == NOWHERE ? 0 : c->all[place].id;
}

void clusterer_hear(Clusterer *c, const ClusterMessage *m)
{
    hear(c, m);
}

guint clusterer_live(const Clusterer *c)
{
    return g_hash_table_size(c->places);
}

char **clusterer_terms(const Clusterer *c, int64_t id, int most)
{
    GPtrArray *texts = g_ptr_array_new();
    uint32_t place = cluster_place(c, id);
    if (place != NOWHERE) {
        Profile profile;
        cluster_profile(c, &c->all[place], &profile);
        for (guint i = 0; i < profile.count && (int)texts->len < most; i++)
            if (c->terms.all[profile.terms[i]].text)
                g_ptr_array_add(texts, g_strdup(c->terms.all[profile.terms[i]].text));
    }
    g_ptr_array_add(texts, NULL);
    return (char **)g_ptr_array_free(texts, FALSE);
}

/* ---- corrections ---- */

int64_t clusterer_move(Clusterer *c, const ClusterMessage *m, int64_t from, int64_t into)
{
    const uint32_t *terms = hear(c, m);
    uint32_t old = from ? cluster_place(c, from) : NOWHERE,
             place = into ? cluster_place(c, into) : NOWHERE;
    if (place == NOWHERE)
        place = cluster_found(c, m->at);
    else if (place == old)
        return c->all[place].id;
    cluster_add(c, place, m, terms, LESSON);
    if (old == NOWHERE)
        return c->all[place].id;
    Cluster *cluster = &c->all[old];
    for (guint i = 0; i < m->features->len; i++)
        cluster_add_against(c, old, terms[i], 1);
    cluster->against_size++;
    cluster_keep_apart(c, cluster->id, c->all[place].id);
    return c->all[place].id;
}

void clusterer_merge(Clusterer *c, int64_t from, int64_t into)
{
    uint32_t a = cluster_place(c, from), b = cluster_place(c, into);
    if (clusterer_current(c, from) == clusterer_current(c, into))
        return;
    if (a != NOWHERE && b != NOWHERE) {
        cluster_let_together(c, c->all[a].id, c->all[b].id);
        cluster_join(c, a, b);
    } else {
        cluster_note_merge(c, clusterer_current(c, from), clusterer_current(c, into));
    }
}

void clusterer_dismiss(Clusterer *c, int64_t id)
{
    uint32_t place = cluster_place(c, id);
    if (place != NOWHERE)
        c->all[place].dismissed = true;
}

bool clusterer_dismissed(const Clusterer *c, int64_t id)
{
    uint32_t place = cluster_place(c, id);
    return place != NOWHERE && c->all[place].dismissed;
}
