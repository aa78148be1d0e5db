/* What the files of the clusterer share: the table of clusters (cluster_table.c), how well a
 * cluster explains a message (cluster_score.c), taking and correcting (cluster.c), saving
 * (cluster_state.c). Nobody else includes this. */
#pragma once
#include "core/engine/cluster.h"
#include "core/engine/counts.h"
#include "core/engine/terms.h"

#define MOST_CLUSTERS 50000
#define FORGET_AFTER ((int64_t)14 * 24 * 3600 * 1000000)
#define LANGUAGES 16
#define CORE 8
#define MOST_COUNTS 4096 /* terms that a cluster counts */
#define CANDIDATES 24
#define PROFILE 24
#define NOWHERE UINT32_MAX

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
    double core_missing;   /* how much it counts that a message lacks one ... */
    double any_missing;    /* ... which is not of one language */
    double name_conflict;  /* what it costs to have another name: brand, place, product */
    double name_from;      /* messages after which it is known whether a term is a name: */
    double name_lead;      /* by how much one language may be ahead of all others in using it */
    double name_unknown;   /* share of messages up to which a cluster does not know a name */
    double silence;        /* seconds without a message that cost a cluster one point */
    double recent, size_cap;
    double merge_enough; /* score that messages of one cluster expect in the other */
    double merge_size;   /* messages in a cluster that may merge */
} Settings;
extern const Settings cluster_settings;

typedef struct Cluster {
    int64_t id; /* 0 for a free place */
    int64_t first_at, last_at;
    float size; /* messages; those that a person moved here count for more */
    float by_language[LANGUAGES];
    Counts counts;
    uint32_t core[CORE]; /* terms that most of its messages have */
    uint32_t cores;
    uint32_t newer, older; /* places, by when they were last added to */
    float check_at;        /* the size at which to look for clusters that are the same */
    Counts against;        /* terms of messages that a person moved away */
    float against_size;
    float recent;
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
    GHashTable *apart;       /* Pair: ids that a person keeps apart */
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

guint cluster_language(const char *lang);

/* ---- cluster_table.c ---- */
uint32_t cluster_place(const Clusterer *clusterer, int64_t id); /* follows merges; or NOWHERE */
uint32_t cluster_found(Clusterer *clusterer, int64_t at);
void cluster_drop(Clusterer *clusterer, uint32_t place);
/* Drops what is too old or too much. */
void cluster_forget(Clusterer *clusterer);
void cluster_add(Clusterer *clusterer, uint32_t place, const ClusterMessage *message,
                 const uint32_t *terms, float weight);
void cluster_add_against(Clusterer *clusterer, uint32_t place, uint32_t term, float count);
void cluster_join(Clusterer *clusterer, uint32_t from, uint32_t into);
void cluster_note_merge(Clusterer *clusterer, int64_t from, int64_t into);
void cluster_keep_apart(Clusterer *clusterer, int64_t a, int64_t b);
void cluster_let_together(Clusterer *clusterer, int64_t a, int64_t b);
bool cluster_kept_apart(const Clusterer *clusterer, int64_t a, int64_t b);

/* ---- cluster_score.c ---- */
typedef struct Candidate {
    float gain;
    uint32_t place;
} Candidate;

/* A message, with what is the same for all clusters. */
typedef struct Probe {
    const uint32_t *terms;
    const Feature *features;
    guint count, lang;
    int64_t at;
    bool named[WORDS_MOST_FEATURES]; /* is a name */
} Probe;

/* The terms that say most about a cluster. */
typedef struct Profile {
    uint32_t terms[PROFILE];
    double gains[PROFILE];
    guint count;
} Profile;

void cluster_probe(const Clusterer *clusterer, const ClusterMessage *message, const uint32_t *terms,
                   Probe *probe);
double cluster_score(const Clusterer *clusterer, const Cluster *cluster, const Probe *probe);
/* The places of the clusters that share most with `terms`. */
guint cluster_candidates(Clusterer *clusterer, const uint32_t *terms, guint count,
                         Candidate candidates[CANDIDATES]);
void cluster_profile(const Clusterer *clusterer, const Cluster *cluster, Profile *profile);
/* How much two clusters are the same; above 0 they are. */
double cluster_likeness(const Clusterer *clusterer, const Cluster *a, const Profile *profile_a,
                        const Cluster *b);
