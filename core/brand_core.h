/* One brand in the core: its engines, what they were fed, and how their memory outlives the
 * process. The memory is saved now and then; what was sorted after that is fed to the engines again
 * at the next start. Without a saved memory (another version's) the last days are fed, and clusters
 * keep the ids that they have in the tables. */
#pragma once
#include "core/engine/pipeline.h"
#include "core/store/sorting.h"
#include "core/tally.h"
#include "core/watch.h"

typedef struct BrandCore {
    int64_t id;
    Pipeline *pipeline;
    Tally *tally;
    Watch *watch;
    int64_t watched_at; /* monotonic microseconds */
    guint64 linked;     /* a sum over the clusters that belong to an open incident */
    int64_t seq;        /* the last verdict's */
    int64_t saved_seq;
    int64_t saved_at;     /* monotonic microseconds */
    int64_t newest;       /* the greatest message id sorted */
    int64_t cluster_base; /* ids in the tables = ids of the engine + base */
    GHashTable
        *clusters; /* engine id -> table id, where a memory was lost and messages fed again */
} BrandCore;

/* Reads what the engines knew. The caller holds the brand's lock. */
BrandCore *brand_core_new(Db *db, int64_t id, GError **error);
void brand_core_free(void *brand);
bool brand_core_save(BrandCore *brand, Db *db, GError **error);

/* Lets clusters be suspected again whose incident was resolved meanwhile. `links` (sorting_links)
 * are as they stand now; nothing is asked while they do not change. */
bool brand_core_reopen(BrandCore *brand, Db *db, GHashTable *links, GError **error);

/* One message through the engines. Returns the cluster's id as the engine says it; the verdict has
 * the one of the tables. */
int64_t brand_core_take(BrandCore *brand, const Incoming *message, Verdict *verdict);
int64_t brand_core_table_cluster(const BrandCore *brand, int64_t engine_id);
int64_t brand_core_engine_cluster(const BrandCore *brand, int64_t table_id);
