#include "core/engine/spike.h"

#include <math.h>
#include <string.h>

/* Three parts. Normal: a mean for each hour of the week, leaning on the same hour of all days and
 * on the overall level. Surprise: how unlikely the sum of the last while is under a negative
 * binomial distribution around that, whose dispersion is learnt from the channel itself, so that a
 * channel that always comes in bursts has to burst harder. Evidence: surprise adds up (a CUSUM), so
 * that a strong spike rings within minutes and a weak one when it lasts. */

enum { HOURS = 24, WEEK = 168, WINDOWS = 2, MOST_STEPS = 5400 };

/* The last quarter of an hour finds what is strong, the last hour what is lasting. */
static const double window_seconds[] = {15 * 60, 60 * 60};
/* Surprise per 5 minutes that adds nothing to the evidence, and the evidence for an alarm. */
static const double allowed[] = {2.0, 1.3};
static const double enough[] = {20, 18};
static const double day_weight = 24;  /* hour of the day: leans on the level as by so many steps */
static const double week_weight = 72; /* hour of the week: leans on the hour of the day */
static const double half_life = 14 * 86400; /* of the means */
static const double spread_half_life = 100 * 86400;
static const double learn_cap = 2;      /* deviations above normal that the means learn at most */
static const double spread_cap = 15;    /* ... and the dispersion */
static const double first_spread = 0.3; /* dispersion of a step before anything is known */
static const double first_weight = 150; /* in steps */
static const double first_day = 0.1; /* dispersion more while the hours of the day are not known */
static const double first_week = 0.12; /* ... and while those of the week are not */
static const double first_week_life = 8 * 86400;
static const double calm_surprise = 0.3; /* below it for `calm_seconds`: the alarm is over */
static const double calm_seconds = 2 * 3600;
static const double habit = 1; /* so much more evidence right after an alarm */
static const double habit_seconds = 8 * 3600;
static const double careful_seconds = 3600; /* no alarm before so much history */
static const double most_surprise = 30;
static const double most_people = 1e9;

typedef struct Mean {
    double sum, weight;
} Mean;

/* Dispersion of counts around their expectation: variance = mean + spread * mean^2. */
typedef struct Spread {
    double excess, scale, first, weight;
} Spread;

typedef struct Window {
    int steps;
    Spread spread;
    double evidence;
    double seen, expected; /* of the last `steps` steps */
} Window;

struct Spike {
    int64_t step;
    double factor; /* of the evidence that is enough */
    int64_t first_at, last_at;
    bool begun;
    Mean level, day[HOURS], week[WEEK];
    Mean drift;    /* seen and expected */
    Spread spread; /* of single steps */
    Window windows[WINDOWS];
    int ring, filled, next;
    double *seen, *expected; /* the last `ring` steps */
    double quiet;            /* seconds without surprise */
    bool alarm;
    int64_t alarm_at; /* the last that started */
    bool alarmed;     /* there was one */
};

Spike *spike_new(int64_t step_seconds, SpikeSensitivity sensitivity)
{
    static const double factors[] = {[SPIKE_LOW] = 2, [SPIKE_NORMAL] = 1, [SPIKE_HIGH] = 0.5};
    Spike *spike = g_new0(Spike, 1);
    spike->step = MAX(step_seconds, 1);
    spike->factor = factors[sensitivity];
    spike->spread = (Spread){.first = first_spread, .weight = first_weight};
    for (int w = 0; w < WINDOWS; w++) {
        Window *window = &spike->windows[w];
        window->steps = (int)CLAMP(window_seconds[w] / (double)spike->step, 1, MOST_STEPS);
        window->spread =
            (Spread){.first = first_spread / sqrt(window->steps), .weight = first_weight};
        spike->ring = MAX(spike->ring, window->steps);
    }
    spike->seen = g_new0(double, spike->ring);
    spike->expected = g_new0(double, spike->ring);
    return spike;
}

void spike_free(Spike *spike)
{
    if (!spike)
        return;
    g_free(spike->seen);
    g_free(spike->expected);
    g_free(spike);
}

/* --- the negative binomial distribution --- */

/* The continued fraction of the incomplete beta function (Lentz). */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double h = d;
    for (int m = 1; m < 500; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 + even * d;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = 1 + even / c;
        c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        d = 1 + odd * d;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = 1 + odd / c;
        c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        if (fabs(d * c - 1) < 1e-10)
            break;
    }
    return h;
}

/* -log10 of the chance of `seen` or more where `mean` is expected with this dispersion. */
static double surprise(double seen, double mean, double spread)
{
    if (seen <= mean)
        return 0;
    double a = seen, b = 1 / spread, x = mean / (mean + b);
    double log_term = lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x);
    double log_tail = x < (a + 1) / (a + b + 2)
                          ? log_term + log(beta_fraction(a, b, x) / a)
                          : log(MAX(1 - exp(log_term) * beta_fraction(b, a, 1 - x) / b, 1e-300));
    return CLAMP(-log_tail / G_LN10, 0, most_surprise);
}

/* --- what is normal --- */

static double decay(double seconds, double life)
{
    return exp2(-seconds / life);
}

static int hour_of_week(int64_t at)
{
    int64_t hours = at >= 0 ? at / 3600 : -((3599 - at) / 3600);
    return (int)((hours % WEEK + WEEK) % WEEK); /* counted from a Thursday, as the epoch is */
}

static double mean_of(Mean mean, double prior, double weight)
{
    return (mean.sum + weight * prior) / (mean.weight + weight);
}

static double normal_at(const Spike *spike, int64_t at)
{
    int hour = hour_of_week(at);
    double level = (spike->level.sum + 0.5) / (spike->level.weight + 1);
    double day = mean_of(spike->day[hour % HOURS], level, day_weight);
    return MAX(mean_of(spike->week[hour], day, week_weight), 1e-3);
}

static void mean_learn(Mean *mean, double value, double keep)
{
    mean->sum = mean->sum * keep + value;
    mean->weight = mean->weight * keep + 1;
}

static void normal_learn(Spike *spike, int64_t at, double value)
{
    double step = (double)spike->step;
    int hour = hour_of_week(at);
    /* a day's hour is visited a 24th of the time, a week's a 168th */
    mean_learn(&spike->level, value, decay(step, half_life));
    mean_learn(&spike->day[hour % HOURS], value, decay(step * HOURS, half_life));
    mean_learn(&spike->week[hour], value, decay(step * WEEK, half_life));
}

/* --- how far it spreads --- */

static double spread_of(const Spread *spread, double mean)
{
    double first = spread->weight * mean * mean;
    return MAX((spread->excess + spread->first * first) / (spread->scale + first), 0.005);
}

static double deviation(double mean, double spread)
{
    return sqrt(mean + spread * mean * mean);
}

static void spread_learn(Spread *spread, double seen, double mean, double keep)
{
    double most = mean + spread_cap * deviation(mean, spread_of(spread, mean));
    double off = MIN(seen, most) - mean;
    spread->excess = spread->excess * keep + off * off - mean;
    spread->scale = spread->scale * keep + mean * mean;
}

/* The profile of a day is not known before the first one is over. */
static double early_spread(const Spike *spike, int64_t at)
{
    return first_day * decay((double)(at - spike->first_at), 43200) +
           first_week * decay((double)(at - spike->first_at), first_week_life);
}

/* The middle 90 % by the gamma distribution of the same mean and variance (Wilson and Hilferty). */
static void band(double mean, double spread, double *low, double *high)
{
    double variance = mean + spread * mean * mean, shape = mean * mean / variance;
    double middle = 1 - 1 / (9 * shape), wide = 1.645 / (3 * sqrt(shape));
    *low = mean * pow(MAX(middle - wide, 0), 3);
    *high = MAX(mean * pow(middle + wide, 3), 1);
}

bool spike_normal(const Spike *spike, int64_t at, double *low, double *mid, double *high)
{
    if (!spike->begun)
        return false;
    *mid = normal_at(spike, at);
    band(*mid, spread_of(&spike->spread, *mid) + early_spread(spike, MAX(at, spike->first_at)), low,
         high);
    return true;
}

/* --- the window and the evidence --- */

static void remember(Spike *spike, double seen, double expected)
{
    spike->seen[spike->next] = seen;
    spike->expected[spike->next] = expected;
    spike->next = (spike->next + 1) % spike->ring;
    spike->filled = MIN(spike->filled + 1, spike->ring);
}

static void sum_up(const Spike *spike, Window *window)
{
    int steps = MIN(window->steps, spike->filled);
    window->seen = window->expected = 0;
    for (int i = 1; i <= steps; i++) {
        int at = (spike->next + spike->ring - i) % spike->ring;
        window->seen += spike->seen[at];
        window->expected += spike->expected[at];
    }
    window->expected = MAX(window->expected, 1e-3);
}

/* More than usual is asked for soon after an alarm: the same burst again is no news. */
static double needed(const Spike *spike, int w, int64_t at)
{
    double more = spike->alarmed ? habit * decay((double)(at - spike->alarm_at), habit_seconds) : 0;
    return enough[w] * spike->factor * (1 + more);
}

/* Adds to the evidence; returns how near it is to an alarm, 1 where one starts. */
static double weigh(Spike *spike, int w, int64_t at, double surprised)
{
    Window *window = &spike->windows[w];
    double share = MIN((double)spike->step / 300, 6);
    window->evidence = MAX(0, window->evidence + (surprised - allowed[w]) * share);
    if ((double)(at - spike->first_at) < careful_seconds)
        window->evidence = 0;
    return window->evidence / needed(spike, w, at);
}

/* True when an alarm starts. `near` is the nearest of the windows, `surprised` the most surprised.
 */
static bool ring_alarm(Spike *spike, int64_t at, double near, double surprised)
{
    if (!spike->alarm && near >= 1) {
        spike->alarm = spike->alarmed = true;
        spike->alarm_at = at;
        spike->quiet = 0;
        return true;
    }
    spike->quiet = surprised < calm_surprise ? spike->quiet + (double)spike->step : 0;
    if (spike->alarm && spike->quiet >= calm_seconds) {
        spike->alarm = false;
        for (int w = 0; w < WINDOWS; w++)
            spike->windows[w].evidence = 0;
    }
    return false;
}

/* After a gap the window's steps do not belong together any more. */
static void skip_gap(Spike *spike, int64_t at)
{
    if ((double)(at - spike->last_at) > (double)spike->step * 1.5)
        spike->filled = spike->next = 0;
}

void spike_take(Spike *spike, int64_t at, double value, SpikeVerdict *out)
{
    if (out)
        *out = (SpikeVerdict){.alarm = spike->alarm};
    if (!isfinite(value) || value < 0 || (spike->begun && at <= spike->last_at))
        return;
    if (!spike->begun)
        spike->first_at = at;
    else
        skip_gap(spike, at);
    value = MIN(value, most_people);
    double normal = normal_at(spike, at), early = early_spread(spike, at), near = 0, lasting = 0;
    double spread = spread_of(&spike->spread, normal) + early;
    double keep = decay((double)spike->step, spread_half_life);
    remember(spike, value, normal);
    for (int w = 0; w < WINDOWS; w++) {
        Window *window = &spike->windows[w];
        sum_up(spike, window);
        double surprised = surprise(window->seen, window->expected,
                                    spread_of(&window->spread, window->expected) + early);
        near = MAX(near, weigh(spike, w, at, surprised));
        lasting = surprised;
        if (spike->filled >= window->steps)
            spread_learn(&window->spread, window->seen, window->expected, keep);
    }
    bool starts = ring_alarm(spike, at, near, lasting);
    if (out) {
        *out = (SpikeVerdict){.starts = starts, .alarm = spike->alarm, .normal = normal};
        out->score = spike->alarm ? MAX(near / (near + 1), 0.5) : near / (near + 1);
        band(normal, spread, &out->low, &out->high);
    }
    spread_learn(&spike->spread, value, normal, keep);
    normal_learn(spike, at, MIN(value, normal + learn_cap * deviation(normal, spread)));
    spike->last_at = at;
    spike->begun = true;
}
