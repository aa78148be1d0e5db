#include "core/engine/cluster_table.h"

#include <math.h>
#include <string.h>

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

guint cluster_language(const char *lang)
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

uint32_t cluster_place(const Clusterer *c, int64_t id)
{
    id = clusterer_current(c, id);
    return GPOINTER_TO_UINT(g_hash_table_lookup(c->places, &id)) - 1;
}

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

void cluster_drop(Clusterer *c, uint32_t place)
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

static gboolean leads_nowhere(gpointer key, gpointer into, gpointer clusterer)
{
    (void)key;
    return cluster_place(clusterer, *(int64_t *)into) == NOWHERE;
}

static gboolean parts_nothing(gpointer key, gpointer value, gpointer clusterer)
{
    const Pair *pair = key;
    (void)value;
    return cluster_place(clusterer, pair->low) == NOWHERE ||
           cluster_place(clusterer, pair->high) == NOWHERE;
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

void cluster_forget(Clusterer *c)
{
    tidy(c);
    while (c->oldest != NOWHERE && (g_hash_table_size(c->places) >= MOST_CLUSTERS ||
                                    c->all[c->oldest].last_at < c->now - FORGET_AFTER))
        cluster_drop(c, c->oldest);
}

uint32_t cluster_found(Clusterer *c, int64_t at)
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
        .id = c->next_id++, .first_at = at, .last_at = at, .check_at = cluster_settings.merge_size};
    g_hash_table_insert(c->places, g_memdup2(&c->all[place].id, sizeof(int64_t)),
                        GUINT_TO_POINTER(place + 1));
    link_newest(c, place);
    return place;
}

static void find_core(Cluster *cluster)
{
    cluster->cores = 0;
    for (uint32_t i = 0; i < cluster->counts.capacity; i++) {
        const Count *slot = &cluster->counts.slots[i];
        if (slot->term == COUNT_NONE || slot->count < cluster_settings.core_share * cluster->size)
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

void cluster_add_against(Clusterer *c, uint32_t place, uint32_t term, float count)
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

/* Forgets the rarest terms of a cluster that has too many: typing errors, order numbers, names. */
static void prune(Clusterer *c, uint32_t place)
{
    Cluster *cluster = &c->all[place];
    if (cluster->counts.used <= MOST_COUNTS)
        return;
    float floor = counts_floor(&cluster->counts, MOST_COUNTS / 2);
    g_autoptr(GArray) gone = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    for (uint32_t i = 0; i < cluster->counts.capacity; i++)
        if (cluster->counts.slots[i].term != COUNT_NONE && cluster->counts.slots[i].count <= floor)
            g_array_append_val(gone, cluster->counts.slots[i].term);
    for (guint i = 0; i < gone->len; i++) {
        uint32_t term = g_array_index(gone, uint32_t, i);
        counts_remove(&cluster->counts, term);
        c->terms.all[term].holders--;
        terms_drop_holder(&c->terms, term, place);
    }
}

void cluster_add(Clusterer *c, uint32_t place, const ClusterMessage *m, const uint32_t *terms,
                 float weight)
{
    Cluster *cluster = &c->all[place];
    cluster->size += weight;
    cluster->recent =
        cluster->recent * exp(-MAX(0, (m->at - cluster->last_at) / 1e6) / cluster_settings.recent) +
        weight;
    cluster->by_language[cluster_language(m->lang)] += weight;
    cluster->last_at = MAX(cluster->last_at, m->at);
    for (guint i = 0; i < m->features->len; i++)
        add_term(c, place, terms[i], weight);
    prune(c, place);
    if (cluster->size < 20 || (int)cluster->size % 8 == 0)
        find_core(cluster);
    unlink_use(c, place);
    link_newest(c, place);
}

void cluster_note_merge(Clusterer *c, int64_t from, int64_t into)
{
    ClusterMerge merge = {from, into};
    g_hash_table_insert(c->merged, g_memdup2(&from, sizeof from), g_memdup2(&into, sizeof into));
    g_queue_push_tail(&c->merges, g_memdup2(&merge, sizeof merge));
}

void cluster_keep_apart(Clusterer *c, int64_t a, int64_t b)
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
        cluster_keep_apart(c, g_array_index(others, int64_t, i), into);
}

void cluster_join(Clusterer *c, uint32_t from, uint32_t into)
{
    Cluster *a = &c->all[from], *b = &c->all[into];
    inherit_apart(c, a->id, b->id);
    cluster_note_merge(c, a->id, b->id);
    for (uint32_t i = 0; i < a->counts.capacity; i++)
        if (a->counts.slots[i].term != COUNT_NONE)
            add_term(c, into, a->counts.slots[i].term, a->counts.slots[i].count);
    for (uint32_t i = 0; i < a->against.capacity; i++)
        if (a->against.slots[i].term != COUNT_NONE)
            cluster_add_against(c, into, a->against.slots[i].term, a->against.slots[i].count);
    b->against_size += a->against_size;
    b->size += a->size;
    b->recent += a->recent;
    for (guint i = 0; i < LANGUAGES; i++)
        b->by_language[i] += a->by_language[i];
    b->first_at = MIN(a->first_at, b->first_at);
    b->last_at = MAX(a->last_at, b->last_at);
    prune(c, into);
    find_core(b);
    cluster_drop(c, from);
}

bool cluster_kept_apart(const Clusterer *c, int64_t a, int64_t b)
{
    Pair pair = pair_of(a, b);
    return g_hash_table_contains(c->apart, &pair);
}

void cluster_let_together(Clusterer *c, int64_t a, int64_t b)
{
    Pair pair = pair_of(a, b);
    g_hash_table_remove(c->apart, &pair);
}
