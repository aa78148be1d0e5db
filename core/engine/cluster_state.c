#include "core/engine/cluster_table.h"

#include <stdlib.h>
#include <string.h>

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
    state_put_double(out, cluster->recent);
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
    cluster->recent = state_get_double(in);
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
            if (term_clusters(&c->terms.all[i])[k] >= c->length)
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
