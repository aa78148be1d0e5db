/* Spikes in made-up weeks: counts drawn from a day's curve by a fixed generator. */
#include "core/engine/spike.h"

#include <math.h>

enum { STEP = 300, HOUR = 3600, DAY = 86400 };
static const int64_t monday = 1709510400; /* 2024-03-04 00:00 UTC */

typedef struct Series {
    Spike *spike;
    GRand *random;
    double scale; /* people per step at noon */
} Series;

static void series_init(Series *series, SpikeSensitivity sensitivity, double scale)
{
    *series = (Series){spike_new(STEP, sensitivity), g_rand_new_with_seed(7), scale};
}

static void series_clear(Series *series)
{
    spike_free(series->spike);
    g_rand_free(series->random);
}

static double expected_at(const Series *series, int64_t at)
{
    double hour = (double)(at % DAY) / HOUR;
    return series->scale * (0.15 + 0.85 * pow(sin(G_PI * hour / 24), 2));
}

static double poisson(GRand *random, double mean)
{
    double limit = exp(-mean), product = g_rand_double(random);
    int count = 0;
    for (; product > limit; count++)
        product *= g_rand_double(random);
    return count;
}

/* Feeds normal counts, times `factor`; returns how many alarms start, the first one's time in
 * `first` (0 when none). */
static int feed(Series *series, int64_t from, int64_t to, double factor, int64_t *first)
{
    int alarms = 0;
    if (first)
        *first = 0;
    for (int64_t at = from; at < to; at += STEP) {
        SpikeVerdict verdict;
        double value = poisson(series->random, expected_at(series, at) * factor);
        spike_take(series->spike, at, value, &verdict);
        g_assert_cmpfloat(verdict.score, >=, 0);
        g_assert_cmpfloat(verdict.score, <=, 1);
        g_assert_cmpfloat(verdict.low, <=, verdict.high);
        if (verdict.starts && alarms++ == 0 && first)
            *first = at;
    }
    return alarms;
}

/* What each kind of wave needs until the alarm, and that quiet weeks bring none. */
static void test_waves(void)
{
    static const struct {
        const char *name;
        double scale, factor;
        int hours_after_midnight, most_minutes;
    } rows[] = {
        {"ten times a small channel", 1.5, 10, 14, 30}, {"five times at noon", 6, 5, 12, 20},
        {"twenty times at noon", 6, 20, 12, 10},        {"eight times at night", 6, 8, 2, 30},
        {"double, for hours", 20, 2, 12, 120},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        Series series;
        int64_t start = monday + 14 * DAY + rows[i].hours_after_midnight * HOUR, first;
        series_init(&series, SPIKE_NORMAL, rows[i].scale);
        feed(&series, monday, monday + DAY, 1, NULL);
        g_assert_cmpint(feed(&series, monday + DAY, start, 1, NULL), <=, 1);
        feed(&series, start, start + 4 * HOUR, rows[i].factor, &first);
        if (first == 0 || first - start > rows[i].most_minutes * 60) {
            g_test_message("%s: alarm after %g minutes", rows[i].name,
                           first ? (double)(first - start) / 60 : INFINITY);
            g_test_fail();
        }
        series_clear(&series);
    }
}

static void test_sensitivities(void)
{
    int64_t first[3], start = monday + 14 * DAY + 12 * HOUR;
    for (int i = 0; i < 3; i++) {
        Series series;
        series_init(&series, (SpikeSensitivity)i, 6);
        feed(&series, monday, start, 1, NULL);
        feed(&series, start, start + 4 * HOUR, 3, &first[i]);
        series_clear(&series);
    }
    g_assert_cmpint(first[SPIKE_HIGH], !=, 0);
    g_assert_cmpint(first[SPIKE_HIGH], <, first[SPIKE_NORMAL]);
    g_assert_cmpint(first[SPIKE_NORMAL], <, first[SPIKE_LOW]);
}

/* One alarm for one wave; a second one when it comes back after a calm day. */
static void test_hysteresis(void)
{
    Series series;
    int64_t start = monday + 14 * DAY + 10 * HOUR;
    series_init(&series, SPIKE_NORMAL, 6);
    feed(&series, monday, start, 1, NULL);
    int alarms = 0;
    for (int i = 0; i < 6; i++) /* up and down within the hour */
        alarms +=
            feed(&series, start + i * HOUR / 2, start + (i + 1) * HOUR / 2, i % 2 ? 2 : 8, NULL);
    g_assert_cmpint(alarms, ==, 1);
    g_assert_cmpint(feed(&series, start + 3 * HOUR, start + DAY, 1, NULL), ==, 0);
    g_assert_cmpint(feed(&series, start + DAY, start + DAY + 2 * HOUR, 8, NULL), ==, 1);
    series_clear(&series);
}

/* The first hour says nothing; the first day already sees a wave, but not the morning's rise. */
static void test_first_day(void)
{
    Series series;
    int64_t first;
    series_init(&series, SPIKE_NORMAL, 6);
    g_assert_cmpint(feed(&series, monday + 8 * HOUR, monday + 9 * HOUR, 30, NULL), ==, 0);
    series_clear(&series);
    series_init(&series, SPIKE_NORMAL, 6);
    g_assert_cmpint(feed(&series, monday + 5 * HOUR, monday + 12 * HOUR, 1, NULL), ==, 0);
    feed(&series, monday + 12 * HOUR, monday + 13 * HOUR, 12, &first);
    g_assert_cmpint(first, !=, 0);
    series_clear(&series);
}

/* The band follows the hours of the day, and is what a verdict says of the same time. */
static void test_normal(void)
{
    Series series;
    double low, night, noon, high;
    series_init(&series, SPIKE_NORMAL, 20);
    g_assert_false(spike_normal(series.spike, monday, &low, &night, &high));
    feed(&series, monday, monday + 14 * DAY, 1, NULL);
    g_assert_true(spike_normal(series.spike, monday + 14 * DAY + HOUR / 2, &low, &night, &high));
    g_assert_true(spike_normal(series.spike, monday + 14 * DAY + 12 * HOUR, &low, &noon, &high));
    g_assert_cmpfloat(fabs(noon - 20), <, 3);
    g_assert_cmpfloat(fabs(night - 3), <, 1.5);
    g_assert_cmpfloat(low, <, 16);
    g_assert_cmpfloat(low, >, 8);
    g_assert_cmpfloat(high, >, 24);
    g_assert_cmpfloat(high, <, 36);
    SpikeVerdict verdict;
    spike_take(series.spike, monday + 14 * DAY, 3, &verdict);
    g_assert_true(spike_normal(series.spike, monday + 14 * DAY, &low, &night, &high));
    g_assert_cmpfloat(fabs(verdict.normal - night), <, 0.2);
    series_clear(&series);
}

/* A wave of some hours is not what is normal a week later. */
static void test_forgets_waves(void)
{
    Series series;
    double low, mid, high;
    int64_t start = monday + 14 * DAY + 10 * HOUR;
    series_init(&series, SPIKE_NORMAL, 6);
    feed(&series, monday, start, 1, NULL);
    feed(&series, start, start + 4 * HOUR, 20, NULL);
    feed(&series, start + 4 * HOUR, start + 7 * DAY, 1, NULL);
    g_assert_true(spike_normal(series.spike, start + 7 * DAY + 2 * HOUR, &low, &mid, &high));
    g_assert_cmpfloat(mid, >, 4);
    g_assert_cmpfloat(mid, <, 12);
    series_clear(&series);
}

/* Nothing that comes later changes a verdict, and rubbish changes nothing. */
static void test_causal(void)
{
    Series one, two;
    series_init(&one, SPIKE_NORMAL, 6);
    series_init(&two, SPIKE_NORMAL, 6);
    for (int64_t at = monday; at < monday + 3 * DAY; at += STEP) {
        SpikeVerdict first, second;
        double value = poisson(one.random, expected_at(&one, at));
        spike_take(one.spike, at, value, &first);
        spike_take(two.spike, at, value, &second);
        g_assert_cmpmem(&first, sizeof first, &second, sizeof second);
        spike_take(two.spike, at, 1000, NULL);
        spike_take(two.spike, at + STEP, NAN, NULL);
        spike_take(two.spike, at + STEP, -1, NULL);
        spike_take(two.spike, at - DAY, 1000, NULL);
    }
    series_clear(&one);
    series_clear(&two);
}

/* Extreme counts, steps and times end in a verdict. */
static void test_extremes(void)
{
    static const int64_t steps[] = {0, 1, 60, 3600, DAY, 7 * DAY};
    static const double values[] = {0, 1e-9, 0.5, 1, 1e3, 1e9, 1e15, 1e300};
    for (size_t s = 0; s < G_N_ELEMENTS(steps); s++)
        for (size_t v = 0; v < G_N_ELEMENTS(values); v++) {
            g_autoptr(Spike) spike = spike_new(steps[s], SPIKE_HIGH);
            int64_t step = MAX(steps[s], 1);
            for (int i = 0; i < 500; i++) {
                SpikeVerdict verdict;
                spike_take(spike, -250 * step + i * step, i % 50 == 49 ? values[v] : i % 3,
                           &verdict);
                g_assert_true(isfinite(verdict.score) && isfinite(verdict.normal) &&
                              isfinite(verdict.low) && isfinite(verdict.high));
            }
        }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spike/waves", test_waves);
    g_test_add_func("/spike/sensitivities", test_sensitivities);
    g_test_add_func("/spike/hysteresis", test_hysteresis);
    g_test_add_func("/spike/first-day", test_first_day);
    g_test_add_func("/spike/normal", test_normal);
    g_test_add_func("/spike/forgets-waves", test_forgets_waves);
    g_test_add_func("/spike/causal", test_causal);
    g_test_add_func("/spike/extremes", test_extremes);
    return g_test_run();
}
