/* What the core reads and writes while it sorts new messages: it takes them from the intake, and
 * writes verdicts, clusters, inbox rows and volume. Owns the tables assignment, cluster, volume,
 * spike and engine_state, and the core's side of inbox. All calls of one batch run in one
 * transaction, held by the caller; only one core works on a brand at a time (DB_LOCK_BRAND). */
#pragma once
#include "core/base/db.h"

/* A message as the core takes it. */
typedef struct Incoming {
    int64_t id, channel, conversation;
    int64_t person;                /* 0: we wrote it */
    int64_t sent_at;               /* microseconds UTC */
    int64_t delivery;              /* ours, sent by us: the delivery it was; else 0 */
    bool inbound, direct, answers; /* answers: it is a reply to something */
    char *automatic, *network, *lang, *subject, *body, *name, *handle;
} Incoming;
void incoming_free(Incoming *incoming);

/* The verdict, and what follows from it. */
typedef struct Verdict {
    const Incoming *message;
    int64_t seq;
    double complaint, confidence;
    bool is_complaint, is_repeat;
    char lang[4];
    int64_t duplicate_of, cluster;
    int64_t incident; /* open incident of its cluster, or 0 */
    bool counted;     /* that incident counted it when it took in the whole cluster */
    bool told;        /* its person has been told there already */
} Verdict;

/* Takes the oldest waiting batches, about `most` messages (at least one batch), in the order they
 * came; `batches` gets their ids. An empty array: nothing waits. Bodies are cut to 20,000
 * characters. */
GPtrArray *sorting_take(Db *db, int64_t brand, int most, GArray *batches, GError **error);
bool sorting_done(Db *db, int64_t brand, const GArray *batches, GError **error);

/* Messages whose verdicts were written after `seq`, in that order: to bring the engines' memory up
 * to date after a crash. No message before `from_message` is looked at. `seqs` and `clusters` get
 * what was decided then. */
GPtrArray *sorting_since(Db *db, int64_t brand, int64_t seq, int64_t from_message, int most,
                         GArray *seqs, GArray *clusters, GError **error);
bool sorting_last_seq(Db *db, int64_t brand, int64_t from_message, int64_t *seq, GError **error);

/* Verdict * each. */
bool sorting_assign(Db *db, int64_t brand, const GPtrArray *verdicts, GError **error);
/* One row per conversation, folded from the batch's inbound messages. */
bool sorting_inbox(Db *db, int64_t brand, const GPtrArray *verdicts, GError **error);
/* Our own messages: conversations become parked or done, members told. `incidents` gets the ids of
 * incidents whose numbers changed. */
bool sorting_own(Db *db, int64_t brand, const GPtrArray *own, GArray *incidents, GError **error);

typedef struct ClusterRow {
    int64_t id, people, messages, first_at, last_at; /* people and messages: to be added */
} ClusterRow;
/* `rows`: ClusterRow. Terms are set apart, they change rarely. */
bool sorting_clusters(Db *db, int64_t brand, const GArray *rows, GError **error);
bool sorting_cluster_terms(Db *db, int64_t brand, int64_t cluster, char **terms, GError **error);
/* `from` turned out to be `into`: messages and counters move. `incident` is the open one that both
 * belong to from now on; 0: none, then an ended one stays as it is. */
bool sorting_merge(Db *db, int64_t brand, int64_t from, int64_t into, int64_t incident,
                   GError **error);
/* cluster -> open incident, int64_t * both; of all clusters that belong to one. */
GHashTable *sorting_links(Db *db, int64_t brand, GError **error);

/* Clusters (int64_t) whose incident was resolved in the last `days`: a new wave there is a new
 * incident. */
GArray *sorting_resolved(Db *db, int64_t brand, int days, GError **error);

typedef struct VolumeRow {
    const char *kind, *label;
    int64_t key, bucket, people, messages; /* to be added; bucket: microseconds UTC */
} VolumeRow;
bool sorting_volume(Db *db, int64_t brand, const GArray *rows, GError **error);
enum { VOLUME_STEP_S = 300 };
/* People of the last `seconds`, to know whom the current steps have counted: each row calls `each`.
 */
typedef void (*EachCounted)(void *data, int64_t bucket, int64_t person, int64_t channel,
                            const char *lang, int64_t incident);
bool sorting_counted(Db *db, int64_t brand, int64_t seconds, EachCounted each, void *data,
                     GError **error);
/* The series of all complaints since `from`, one value per step, 0 where nothing was said. */
GArray *sorting_series(Db *db, int64_t brand, int64_t from, int64_t until, GError **error);
bool sorting_spike(Db *db, int64_t brand, bool on, int64_t at, int64_t people, double normal,
                   GError **error);

bool sorting_save_state(Db *db, int64_t brand, int64_t seq, int64_t message, GBytes *state,
                        GError **error);
/* NULL without error: none saved yet. */
GBytes *sorting_load_state(Db *db, int64_t brand, int64_t *seq, int64_t *message, GError **error);
