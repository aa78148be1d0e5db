/* Who has been counted: people per five minutes and per cluster, each person once. Memory is
 * bounded: old steps are forgotten, and of very many clusters the oldest. */
#pragma once
#include "core/store/sorting.h"

typedef struct Tally Tally;
Tally *tally_new(void);
void tally_free(Tally *tally);

/* A complaint. Adds what it changes to the rows of this batch. */
void tally_volume(Tally *tally, const Verdict *verdict);
/* Somebody was counted before this process began. */
void tally_seen(Tally *tally, int64_t bucket, int64_t person, int64_t channel, const char *lang,
                int64_t incident);
void tally_cluster(Tally *tally, const Verdict *verdict);

/* The batch's rows, VolumeRow and ClusterRow; borrowed until tally_next. A cluster of a single
 * message has no row yet. */
const GArray *tally_volume_rows(Tally *tally);
const GArray *tally_cluster_rows(Tally *tally);
/* Clusters whose terms are worth writing again (they have doubled): int64_t; borrowed. */
const GArray *tally_grown(const Tally *tally);
/* Two clusters are one from now on. */
void tally_merge(Tally *tally, int64_t from, int64_t into);
void tally_next(Tally *tally);
