/* The way of one message through the engines of one brand: normalise, language, classify, dedup,
 * cluster, emerge. The core feeds it from the tables, `breakwater suspect` from stdin; both see the
 * same decisions. No database, no network, no clock: time comes with the messages, and the same
 * messages in the same order give the same verdicts. Memory is bounded by windows, not by the
 * length of the stream. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Pipeline Pipeline;

typedef struct PipelineMessage {
    int64_t id;       /* unique; not always in order */
    int64_t at;       /* microseconds UTC by the network's clock; need not be in order */
    int64_t person;   /* who wrote it; 0 where unknown */
    const char *lang; /* what the network claims ("de", "de-AT"), or NULL */
    const char *text; /* as the customer wrote it, without mail quotes and signature */
} PipelineMessage;

typedef struct PipelineVerdict {
    double complaint;     /* 0..1 */
    bool is_complaint;    /* by its own words, or as one of a cluster of complaints */
    char lang[4];         /* "de", or "-" where unsure */
    int64_t duplicate_of; /* the first message in the window with the same words, or 0 */
    bool same_person;     /* ... and it is by the same person: a repeat */
    int64_t cluster;      /* 0 when clearly no complaint; ids grow and are never used again. What
                             may be one is clustered too, so that it is there once its cluster
                             turns out to be an incident */
    double confidence;    /* 0..1, how sure the cluster is */
} PipelineVerdict;

typedef struct PipelineEvent {
    enum {
        PIPELINE_MERGE, /* `cluster` turned out to be the same as `into`: its messages move there */
        PIPELINE_SUSPECT, /* `cluster` has become big enough, fast enough, to be an incident */
    } kind;
    int64_t cluster, into;
    int64_t at;     /* microseconds UTC, the time of the message that caused it */
    int64_t people; /* for PIPELINE_SUSPECT: different people in it by then */
} PipelineEvent;

Pipeline *pipeline_new(void);
/* One that clusters every message, complaint or not: what `breakwater cluster` measures. */
Pipeline *pipeline_new_for_all(void);
void pipeline_free(Pipeline *pipeline);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pipeline, pipeline_free)

void pipeline_take(Pipeline *pipeline, const PipelineMessage *message, PipelineVerdict *verdict);

/* The next thing that happened since it was last asked; false when there is none. To be emptied
 * after each pipeline_take. */
bool pipeline_event(Pipeline *pipeline, PipelineEvent *event);

/* What a cluster is about: up to `most` terms, the most telling first, as people wrote them (not
 * stems). Free with g_strfreev; empty for an unknown cluster. */
char **pipeline_terms(Pipeline *pipeline, int64_t cluster, int most);

/* The whole state as bytes, and a pipeline that goes on exactly as if it had not stopped. Bytes of
 * another version give BW_ERROR_INVALID: the caller then starts with a new pipeline and feeds it
 * the messages of the last days again. */
GBytes *pipeline_save(Pipeline *pipeline);
Pipeline *pipeline_restore(GBytes *state, GError **error);

/* Corrections by a person; each changes what happens to the next like messages. `message` need not
 * be in the window any more, so its text comes along. `cluster` 0 is a new one of its own, for a
 * split; gives the cluster that the message is in then. */
int64_t pipeline_move(Pipeline *pipeline, const PipelineMessage *message, int64_t cluster);
void pipeline_merge(Pipeline *pipeline, int64_t from, int64_t into);
void pipeline_dismiss(Pipeline *pipeline, int64_t cluster);
/* Its incident is over: a new wave of the same complaint is suspected anew. */
void pipeline_reopen(Pipeline *pipeline, int64_t cluster);
void pipeline_teach_complaint(Pipeline *pipeline, const PipelineMessage *message, bool complaint);

/* The cluster a new like message goes to when `cluster` was merged away: follows merges. */
int64_t pipeline_current(const Pipeline *pipeline, int64_t cluster);
