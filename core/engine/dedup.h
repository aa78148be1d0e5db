/* Duplicates: the same words again, exactly or nearly. Nearly is measured by the letter trigrams
 * that two texts share; texts with different numbers (order, amount, flight) are never the same.
 * What was taken off by normalise (links, handles, retweet marks) makes no difference, and a text
 * that its network cut is compared with as much of the other as there is.
 *
 * Looks back over a window that is bounded in messages and in time. */
#pragma once
#include "core/engine/normalise.h"
#include "core/engine/state.h"

#define DEDUP_MOST 100000                            /* messages */
#define DEDUP_FOR ((int64_t)7 * 24 * 3600 * 1000000) /* microseconds */

typedef struct Dedup Dedup;

typedef struct Duplicate {
    int64_t of;       /* the first message in the window with these words, or 0; the first by the
                         same person if there is one */
    bool same_person; /* `of` is by the same person */
    int64_t cluster;  /* where a person put a message with these words, or 0 */
} Duplicate;

Dedup *dedup_new(void);
void dedup_free(Dedup *dedup);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Dedup, dedup_free)

/* Looks for the words of `normalised` in the window, and puts them there as message `id`. */
void dedup_take(Dedup *dedup, const Normalised *normalised, int64_t id, int64_t at, int64_t person,
                Duplicate *duplicate);

/* Notes the cluster of a message in the window. `by_person`: the same words shall go there too. */
void dedup_note_cluster(Dedup *dedup, int64_t id, int64_t cluster, bool by_person);
/* The cluster noted for it, or 0. */
int64_t dedup_cluster(const Dedup *dedup, int64_t id);

guint dedup_size(const Dedup *dedup);

void dedup_put(const Dedup *dedup, GByteArray *out);
Dedup *dedup_get(StateReader *in); /* NULL when the bytes are no such state */
