#include "core/engine/emerge.h"

#include <math.h>
#include <stdlib.h>

#define WINDOW ((int64_t)24 * 3600 * 1000000)
#define FORGET_AFTER ((int64_t)15 * 24 * 3600 * 1000000) /* longer than a cluster lives */
#define FEWEST 4                                         /* people */
#define PER_NORMAL 0.35 /* times the square root of what else came in within a day */
#define COPY_WEIGHS 0.5 /* somebody who only repeats the words of another */
#define MOST_SEEN 32    /* people of a cluster that are told apart; more are counted and fade */
#define TIDY_EVERY 4096 /* messages */
#define COMPLAINS 0.4   /* mean score from which a cluster consists of complaints */
#define FEWEST_SCORES 3 /* of messages that can say so */

typedef struct Seen {
    int64_t person, at;
    bool copy; /* has only repeated the words of others */
} Seen;

typedef struct Watch {
    int64_t last_at;
    double beyond; /* people who came when `seen` was full, fading over WINDOW */
    GArray *seen;  /* Seen, in the order they came; NULL once settled */
    double score;  /* sum of its messages' complaint scores */
    int64_t messages;
    bool settled;
} Watch;

struct Emerge {
    GHashTable *watches; /* cluster -> Watch */
    double normal;       /* complaints of the last day, fading */
    int64_t now;
    int64_t strangers; /* people without a number so far; theirs are negative */
    int since_tidy;
};

static void watch_free(gpointer data)
{
    Watch *watch = data;
    if (watch->seen)
        g_array_unref(watch->seen);
    g_free(watch);
}

Emerge *emerge_new(void)
{
    Emerge *e = g_new0(Emerge, 1);
    e->watches = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, watch_free);
    e->now = G_MININT64;
    return e;
}

void emerge_free(Emerge *e)
{
    if (!e)
        return;
    g_hash_table_unref(e->watches);
    g_free(e);
}

static Watch *watch_of(Emerge *e, int64_t cluster)
{
    Watch *watch = g_hash_table_lookup(e->watches, &cluster);
    if (!watch) {
        watch = g_new0(Watch, 1);
        watch->seen = g_array_new(FALSE, FALSE, sizeof(Seen));
        g_hash_table_insert(e->watches, g_memdup2(&cluster, sizeof cluster), watch);
    }
    return watch;
}

static void see(Watch *watch, int64_t person, int64_t at, bool copy)
{
    if (watch->beyond > 0 && at > watch->last_at)
        watch->beyond *= exp(-(double)(at - watch->last_at) / WINDOW);
    watch->last_at = MAX(watch->last_at, at);
    if (!watch->seen)
        return;
    for (guint i = 0; i < watch->seen->len; i++) {
        Seen *seen = &g_array_index(watch->seen, Seen, i);
        if (seen->person == person) {
            seen->at = MAX(seen->at, at);
            seen->copy &= copy;
            return;
        }
    }
    Seen seen = {person, at, copy};
    if (watch->seen->len < MOST_SEEN) {
        g_array_append_val(watch->seen, seen);
        return;
    }
    Seen *oldest = &g_array_index(watch->seen, Seen, 0);
    for (guint i = 1; i < watch->seen->len; i++)
        if (g_array_index(watch->seen, Seen, i).at < oldest->at)
            oldest = &g_array_index(watch->seen, Seen, i);
    if (oldest->at >= at - WINDOW)
        watch->beyond += oldest->copy ? COPY_WEIGHS : 1;
    *oldest = seen;
}

/* Different people lately, and how much they weigh. */
static int people_since(const Watch *watch, int64_t since, double *weight)
{
    int people = (int)watch->beyond;
    *weight = watch->beyond;
    for (guint i = 0; i < watch->seen->len; i++) {
        const Seen *seen = &g_array_index(watch->seen, Seen, i);
        if (seen->at < since)
            continue;
        people++;
        *weight += seen->copy ? COPY_WEIGHS : 1;
    }
    return people;
}

static gboolean is_over(gpointer key, gpointer watch, gpointer emerge)
{
    (void)key;
    return ((Watch *)watch)->last_at < ((Emerge *)emerge)->now - FORGET_AFTER;
}

static void settle(Watch *watch)
{
    watch->settled = true;
    g_clear_pointer(&watch->seen, g_array_unref);
}

static bool complains(const Watch *watch)
{
    return watch->messages >= FEWEST_SCORES && watch->score >= COMPLAINS * watch->messages;
}

bool emerge_complains(const Emerge *e, int64_t cluster)
{
    const Watch *watch = g_hash_table_lookup(e->watches, &cluster);
    return watch && complains(watch);
}

int emerge_take(Emerge *e, int64_t cluster, int64_t person, int64_t at, double complaint, bool copy)
{
    if (e->now != G_MININT64 && at > e->now)
        e->normal *= exp(-(double)(at - e->now) / WINDOW);
    e->now = MAX(e->now, at);
    if (++e->since_tidy >= TIDY_EVERY) {
        e->since_tidy = 0;
        g_hash_table_foreach_remove(e->watches, is_over, e);
    }
    Watch *watch = watch_of(e, cluster);
    see(watch, person ? person : -++e->strangers, at, copy);
    watch->score += complaint;
    watch->messages++;
    e->normal += complaint;
    if (watch->settled || !complains(watch))
        return 0;
    double weight;
    int people = people_since(watch, e->now - WINDOW, &weight);
    if (weight < FEWEST || weight < PER_NORMAL * sqrt(MAX(0, e->normal - people)))
        return 0;
    settle(watch);
    return people;
}

void emerge_merge(Emerge *e, int64_t from, int64_t into)
{
    Watch *old = g_hash_table_lookup(e->watches, &from);
    if (!old)
        return;
    Watch *watch = watch_of(e, into);
    watch->last_at = MAX(watch->last_at, old->last_at);
    watch->score += old->score;
    watch->messages += old->messages;
    watch->beyond += old->beyond;
    if (old->settled && !watch->settled)
        settle(watch);
    for (guint i = 0; old->seen && i < old->seen->len; i++) {
        const Seen *seen = &g_array_index(old->seen, Seen, i);
        see(watch, seen->person, seen->at, seen->copy);
    }
    g_hash_table_remove(e->watches, &from);
}

void emerge_settle(Emerge *e, int64_t cluster)
{
    Watch *watch = watch_of(e, cluster);
    if (!watch->settled)
        settle(watch);
    watch->last_at = MAX(watch->last_at, e->now);
}

void emerge_reopen(Emerge *e, int64_t cluster)
{
    Watch *watch = g_hash_table_lookup(e->watches, &cluster);
    if (!watch || !watch->settled)
        return;
    watch->settled = false;
    watch->beyond = 0;
    watch->seen = g_array_new(FALSE, FALSE, sizeof(Seen));
}

bool emerge_settled(const Emerge *e, int64_t cluster)
{
    const Watch *watch = g_hash_table_lookup(e->watches, &cluster);
    return watch && watch->settled;
}

static int by_number(const void *a, const void *b)
{
    int64_t x = **(int64_t *const *)a, y = **(int64_t *const *)b;
    return (x > y) - (x < y);
}

void emerge_put(const Emerge *e, GByteArray *out)
{
    guint count;
    g_autofree int64_t **clusters = (int64_t **)g_hash_table_get_keys_as_array(e->watches, &count);
    qsort(clusters, count, sizeof *clusters, by_number);
    state_put_double(out, e->normal);
    state_put(out, e->now);
    state_put(out, e->strangers);
    state_put(out, e->since_tidy);
    state_put(out, count);
    for (guint i = 0; i < count; i++) {
        const Watch *watch = g_hash_table_lookup(e->watches, clusters[i]);
        guint seen = watch->seen ? watch->seen->len : 0;
        state_put(out, *clusters[i]);
        state_put(out, watch->last_at);
        state_put(out, watch->settled);
        state_put_double(out, watch->beyond);
        state_put_double(out, watch->score);
        state_put(out, watch->messages);
        state_put(out, seen);
        for (guint k = 0; k < seen; k++) {
            state_put(out, g_array_index(watch->seen, Seen, k).person);
            state_put(out, g_array_index(watch->seen, Seen, k).at);
            state_put(out, g_array_index(watch->seen, Seen, k).copy);
        }
    }
}

Emerge *emerge_get(StateReader *in)
{
    g_autoptr(Emerge) e = emerge_new();
    e->normal = state_get_double(in);
    e->now = state_get(in);
    e->strangers = state_get(in);
    e->since_tidy = state_get(in) % TIDY_EVERY;
    for (uint32_t i = state_get_count(in, 56); i > 0 && !in->bad; i--) {
        Watch *watch = watch_of(e, state_get(in));
        watch->last_at = state_get(in);
        if (state_get(in) && !watch->settled)
            settle(watch);
        watch->beyond = state_get_double(in);
        watch->score = state_get_double(in);
        watch->messages = state_get(in);
        for (uint32_t k = state_get_count(in, 24); k > 0; k--) {
            Seen seen = {.person = state_get(in)};
            seen.at = state_get(in);
            seen.copy = state_get(in);
            if (watch->seen)
                g_array_append_val(watch->seen, seen);
        }
    }
    return in->bad ? NULL : g_steal_pointer(&e);
}
