/* Spikes: more people complaining than is normal for this hour of the week. Fed with one count per
 * step, oldest first; says for each how surprising the last while was and whether an alarm starts.
 * A verdict depends on nothing that comes later. What is normal is learnt along the way: an hour is
 * enough to say something careful, two weeks make it good. Memory is a few kilobytes. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum SpikeSensitivity {
    SPIKE_LOW,    /* only what nobody would miss */
    SPIKE_NORMAL, /* a false alarm every week or two on a restless channel */
    SPIKE_HIGH,   /* rather one too many */
} SpikeSensitivity;

typedef struct SpikeVerdict {
    double score;     /* 0..1; 0.5 is where an alarm starts */
    bool starts;      /* an alarm starts with this step */
    bool alarm;       /* an alarm is on */
    double normal;    /* what was expected of this step */
    double low, high; /* the middle 90 % of what is normal for it */
} SpikeVerdict;

typedef struct Spike Spike;

/* `step_seconds` is the distance of the counts, 300 for people per 5 minutes. */
Spike *spike_new(int64_t step_seconds, SpikeSensitivity sensitivity);
void spike_free(Spike *spike);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Spike, spike_free)

/* The count `value` of the step that begins at `at_seconds` (epoch). Steps without people are to be
 * fed as 0; ones that are left out count as not known. A step that is not after the last one, or a
 * value that is no count, changes nothing. `out` may be NULL, to feed history. */
void spike_take(Spike *spike, int64_t at_seconds, double value, SpikeVerdict *out);

/* What is normal at any time, by what has been learnt so far: for drawing. False while nothing is.
 */
bool spike_normal(const Spike *spike, int64_t at_seconds, double *low, double *mid, double *high);
