#include "core/engine/pipeline.h"

#include "core/base/error.h"
#include "core/engine/classify.h"
#include "core/engine/cluster.h"
#include "core/engine/dedup.h"
#include "core/engine/emerge.h"
#include "core/engine/language.h"

#include <string.h>

#define MAGIC 0x0000575245574b42u /* to tell other bytes from a state */
#define VERSION 2                 /* of what is saved, and of what its numbers mean */
#define CHATTER 0.15              /* below this score a message is no complaint by itself ... */
#define PART -1.5                 /* likeness from which a new suspicion is a part of an old one */
#define SURE 0.8  /* ... but may be one by the cluster that it is this sure to belong to */
#define PART -1.5 /* likeness from which a new suspicion is a part of an old one */
#define SURE 0.8  /* ... but may be one by a cluster that it surely belongs to */

struct Pipeline {
    bool for_all;
    Classifier *classifier;
    Dedup *dedup;
    Words *words;
    Clusterer *clusterer;
    Emerge *emerge;
    GQueue events; /* PipelineEvent */
    /* scratch */
    Normalised *normalised;
    GArray *features;
    char lang[4];
};

static Pipeline *pipeline_empty(void)
{
    Pipeline *p = g_new0(Pipeline, 1);
    p->words = words_new(NULL);
    p->normalised = normalised_new();
    p->features = g_array_new(FALSE, FALSE, sizeof(Feature));
    g_queue_init(&p->events);
    return p;
}

Pipeline *pipeline_new(void)
{
    Pipeline *p = pipeline_empty();
    p->classifier = classifier_new();
    p->dedup = dedup_new();
    p->clusterer = clusterer_new();
    p->emerge = emerge_new();
    return p;
}

Pipeline *pipeline_new_for_all(void)
{
    Pipeline *p = pipeline_new();
    p->for_all = true;
    return p;
}

void pipeline_free(Pipeline *p)
{
    if (!p)
        return;
    classifier_free(p->classifier);
    dedup_free(p->dedup);
    words_free(p->words);
    clusterer_free(p->clusterer);
    emerge_free(p->emerge);
    g_queue_clear_full(&p->events, g_free);
    normalised_free(p->normalised);
    g_array_unref(p->features);
    g_free(p);
}

static void push_event(Pipeline *p, PipelineEvent event)
{
    g_queue_push_tail(&p->events, g_memdup2(&event, sizeof event));
}

bool pipeline_event(Pipeline *p, PipelineEvent *event)
{
    g_autofree PipelineEvent *next = g_queue_pop_head(&p->events);
    if (next)
        *event = *next;
    return next != NULL;
}

static void take_merges(Pipeline *p, int64_t at)
{
    ClusterMerge merge;
    while (clusterer_next_merge(p->clusterer, &merge)) {
        emerge_merge(p->emerge, merge.from, merge.into);
        push_event(p, (PipelineEvent){PIPELINE_MERGE, merge.from, merge.into, at, 0});
    }
}

/* Reads a message into the scratch structs. */
static void read_message(Pipeline *p, const PipelineMessage *message)
{
    normalise(p->normalised, message->text, -1);
    language_of(p->normalised, message->lang, p->lang);
}

static ClusterMessage cluster_message(Pipeline *p, const PipelineMessage *message)
{
    words_features(p->words, p->normalised, p->features);
    return (ClusterMessage){.at = message->at,
                            .lang = p->lang,
                            .features = p->features,
                            .source = p->normalised->source->str};
}

/* The cluster of complaints that a message surely belongs to although it does not sound like one:
 * "I land on the sign-in page again" beside twenty others. 0 for none. */
static int64_t sure_cluster(Pipeline *p, const ClusterMessage *input)
{
    double sure;
    int64_t cluster = clusterer_guess(p->clusterer, input, &sure);
    return cluster && sure >= SURE && emerge_complains(p->emerge, cluster) ? cluster : 0;
}

static bool is_suspected(int64_t cluster, const void *emerge)
{
    return emerge_settled(emerge, cluster);
}

/* What is about to be suspected may be a part of what is suspected already, in other words: then
 * they are one, on less evidence than two clusters need otherwise. */
static bool is_part(Pipeline *p, int64_t cluster, int64_t at)
{
    double likeness;
    int64_t other = clusterer_nearest(p->clusterer, cluster, is_suspected, p->emerge, &likeness);
    if (!other || likeness < PART)
        return false;
    clusterer_merge(p->clusterer, cluster, other);
    take_merges(p, at);
    return true;
}

static void take_suspicion(Pipeline *p, const PipelineMessage *message, int64_t cluster,
                           double complaint, bool copy)
{
    int people = emerge_take(p->emerge, cluster, message->person, message->at, complaint, copy);
    if (people > 0 && !is_part(p, cluster, message->at))
        push_event(p, (PipelineEvent){PIPELINE_SUSPECT, cluster, 0, message->at, people});
}

void pipeline_take(Pipeline *p, const PipelineMessage *message, PipelineVerdict *verdict)
{
    *verdict = (PipelineVerdict){0};
    read_message(p, message);
    memcpy(verdict->lang, p->lang, sizeof verdict->lang);
    verdict->complaint = classifier_score(p->classifier, p->normalised);
    verdict->is_complaint = verdict->complaint >= CLASSIFIER_THRESHOLD;

    Duplicate duplicate;
    dedup_take(p->dedup, p->normalised, message->id, message->at, message->person, &duplicate);
    verdict->duplicate_of = duplicate.of;
    verdict->same_person = duplicate.same_person;
    ClusterMessage input = cluster_message(p, message);
    int64_t wanted = duplicate.cluster;
    if (verdict->complaint < CHATTER && !p->for_all && !wanted &&
        !(wanted = sure_cluster(p, &input))) {
        clusterer_hear(p->clusterer, &input);
        return;
    }
    int64_t cluster = clusterer_take(p->clusterer, &input, wanted, &verdict->confidence);
    dedup_note_cluster(p->dedup, message->id, cluster, false);
    verdict->cluster = cluster;
    take_merges(p, message->at);
    cluster = clusterer_current(p->clusterer, cluster);
    take_suspicion(p, message, cluster, verdict->complaint, duplicate.of != 0);
    verdict->is_complaint |= emerge_complains(p->emerge, clusterer_current(p->clusterer, cluster));
}
char **pipeline_terms(Pipeline *p, int64_t cluster, int most)
{
    return clusterer_terms(p->clusterer, cluster, most);
}

int64_t pipeline_current(const Pipeline *p, int64_t cluster)
{
    return clusterer_current(p->clusterer, cluster);
}

/* ---- corrections ---- */

int64_t pipeline_move(Pipeline *p, const PipelineMessage *message, int64_t cluster)
{
    read_message(p, message);
    ClusterMessage input = cluster_message(p, message);
    int64_t from = dedup_cluster(p->dedup, message->id);
    int64_t now_in = clusterer_move(p->clusterer, &input, from, cluster);
    dedup_note_cluster(p->dedup, message->id, now_in, true);
    return now_in;
}

void pipeline_merge(Pipeline *p, int64_t from, int64_t into)
{
    clusterer_merge(p->clusterer, from, into);
    ClusterMerge merge;
    while (clusterer_next_merge(p->clusterer, &merge)) /* the caller knows */
        emerge_merge(p->emerge, merge.from, merge.into);
}

void pipeline_dismiss(Pipeline *p, int64_t cluster)
{
    cluster = clusterer_current(p->clusterer, cluster);
    clusterer_dismiss(p->clusterer, cluster);
    emerge_settle(p->emerge, cluster);
}

void pipeline_reopen(Pipeline *p, int64_t cluster)
{
    emerge_reopen(p->emerge, clusterer_current(p->clusterer, cluster));
}

void pipeline_teach_complaint(Pipeline *p, const PipelineMessage *message, bool complaint)
{
    read_message(p, message);
    classifier_teach(p->classifier, p->normalised, complaint);
}

/* ---- saving ---- */

GBytes *pipeline_save(Pipeline *p)
{
    GByteArray *out = g_byte_array_new();
    g_autoptr(GBytes) learnt = classifier_save(p->classifier);
    state_put(out, MAGIC);
    state_put(out, VERSION);
    state_put(out, p->for_all);
    state_put(out, g_bytes_get_size(learnt));
    g_byte_array_append(out, g_bytes_get_data(learnt, NULL), g_bytes_get_size(learnt));
    dedup_put(p->dedup, out);
    clusterer_put(p->clusterer, out);
    emerge_put(p->emerge, out);
    state_put(out, MAGIC);
    return g_byte_array_free_to_bytes(out);
}

static bool restore(Pipeline *p, StateReader *in, GError **error)
{
    bool ours = state_get(in) == MAGIC && state_get(in) == VERSION;
    p->for_all = state_get(in);
    uint32_t learnt = ours ? state_get_count(in, 1) : 0;
    if (!ours || in->bad)
        return false;
    g_autoptr(GBytes) bytes = g_bytes_new(in->at, learnt);
    in->at += learnt;
    return (p->classifier = classifier_restore(bytes, error)) && (p->dedup = dedup_get(in)) &&
           (p->clusterer = clusterer_get(in)) && (p->emerge = emerge_get(in)) &&
           state_get(in) == MAGIC && in->at == in->end;
}

Pipeline *pipeline_restore(GBytes *state, GError **error)
{
    gsize size;
    const uint8_t *data = g_bytes_get_data(state, &size);
    StateReader in = {data, data + size, false};
    g_autoptr(Pipeline) p = pipeline_empty();
    g_autoptr(GError) why = NULL;
    if (restore(p, &in, &why))
        return g_steal_pointer(&p);
    bw_fail(error, BW_ERROR_INVALID, "not a state of this version%s%s", why ? ": " : "",
            why ? why->message : "");
    return NULL;
}
