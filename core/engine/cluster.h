/* Clusters: messages that say the same thing, found in one pass. A cluster is a count of terms; a
 * message goes to the cluster that explains it best, or founds one. Clusters that turn out to be
 * one merge. Terms live here too, with how usual each is in the whole stream.
 *
 * Memory is bounded by the number of live clusters and terms; clusters that nobody has added to
 * for longest are forgotten first, their ids are never used again. */
#pragma once
#include "core/engine/state.h"
#include "core/engine/words.h"

typedef struct Clusterer Clusterer;

typedef struct ClusterMessage {
    int64_t at; /* microseconds UTC */
    const char *lang;
    const GArray *features; /* Feature */
    const char *source;     /* what the features' spans point into */
} ClusterMessage;

typedef struct ClusterMerge {
    int64_t from, into;
} ClusterMerge;

Clusterer *clusterer_new(void);
void clusterer_free(Clusterer *clusterer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Clusterer, clusterer_free)

/* The cluster for `message`, which may be new. `wanted` (or 0) is where a person put a message with
 * the same words: taken if it still lives. `confidence` is how clearly it belongs there. */
int64_t clusterer_take(Clusterer *clusterer, const ClusterMessage *message, int64_t wanted,
                       double *confidence);

/* The cluster that explains `message` best, without putting it there; 0 when none does. */
int64_t clusterer_guess(Clusterer *clusterer, const ClusterMessage *message, double *confidence);

/* A message that goes into no cluster, but tells how usual its terms are. */
void clusterer_hear(Clusterer *clusterer, const ClusterMessage *message);

/* The next merge since it was last asked; false when there is none. */
bool clusterer_next_merge(Clusterer *clusterer, ClusterMerge *merge);

/* The cluster that is most like `id`, of those `is_asked` (with `data`) says yes to; 0 when none
 * is. `likeness` is above 0 when the two would merge anyway; it says how far they are from that. */
int64_t clusterer_nearest(Clusterer *clusterer, int64_t id,
                          bool (*is_asked)(int64_t id, const void *data), const void *data,
                          double *likeness);

/* Follows merges; `id` itself if there was none. */
int64_t clusterer_current(const Clusterer *clusterer, int64_t id);

/* A person says that `message` belongs to `into` (0: to a new one) and not to `from` (0: it was in
 * none, or in one that is forgotten). Gives the cluster it is in then. The two never merge by
 * themselves any more. */
int64_t clusterer_move(Clusterer *clusterer, const ClusterMessage *message, int64_t from,
                       int64_t into);
/* A person says that two clusters are one. */
void clusterer_merge(Clusterer *clusterer, int64_t from, int64_t into);
/* A person says that a cluster is nothing: it goes on taking what is like it, but takes in no
 * other cluster and goes into none. */
void clusterer_dismiss(Clusterer *clusterer, int64_t id);
bool clusterer_dismissed(const Clusterer *clusterer, int64_t id);

/* Up to `most` terms as people wrote them, the most telling first. */
char **clusterer_terms(const Clusterer *clusterer, int64_t id, int most);

guint clusterer_live(const Clusterer *clusterer);

void clusterer_put(const Clusterer *clusterer, GByteArray *out);
Clusterer *clusterer_get(StateReader *in); /* NULL when the bytes are no such state */
