#include "core/watch.h"

#include "core/engine/spike.h"
#include "core/store/sorting.h"

enum {
    HISTORY_DAYS = 15,
    GRACE_S = 20, /* for what comes late */
    /* FIELD: an incident is worth a look at five people and three times the same hour's normal */
    EARLY_PEOPLE = 5,
    EARLY_TIMES = 3,
};
#define STEP ((int64_t)VOLUME_STEP_S * G_USEC_PER_SEC)

struct Watch {
    int64_t brand;
    Spike *spike;
    int64_t fed_until; /* start of the first step not fed yet, microseconds UTC */
    bool on;
    bool early;  /* ... before the engine said so */
    bool known;  /* `on` was read from the table */
    double last; /* people of the last closed step */
};

Watch *watch_new(int64_t brand)
{
    Watch *watch = g_new0(Watch, 1);
    watch->brand = brand;
    watch->spike = spike_new(VOLUME_STEP_S, SPIKE_NORMAL);
    return watch;
}

void watch_free(Watch *watch)
{
    if (!watch)
        return;
    spike_free(watch->spike);
    g_free(watch);
}

static bool was_on(Watch *watch, Db *db, GError **error)
{
    g_autoptr(DbResult) result =
        db_query(db, error, "select from spike where brand_id = $1 and ended_at is null",
                 db_int(watch->brand));
    if (!result)
        return false;
    watch->on = db_rows(result) > 0;
    watch->early = watch->on;
    watch->known = true;
    return true;
}

static bool set(Watch *watch, Db *db, bool on, int64_t at, double people, double normal,
                bool *changed, GError **error)
{
    *changed |= on != watch->on;
    watch->on = on;
    return sorting_spike(db, watch->brand, on, at, (int64_t)people, normal, error);
}

/* The current step is not over, but may already be far above normal; while a spike is on, its
 * number grows with it. */
static bool look_early(Watch *watch, Db *db, double people, int64_t at, bool *changed,
                       GError **error)
{
    double low = 0, mid = 0, high = 0;
    bool known = spike_normal(watch->spike, at / G_USEC_PER_SEC, &low, &mid, &high);
    if (watch->on)
        return set(watch, db, true, at, MAX(people, watch->last), mid, changed, error);
    if (!known || people < EARLY_PEOPLE || people < EARLY_TIMES * MAX(high, 1))
        return true;
    watch->early = true;
    return set(watch, db, true, at, people, mid, changed, error);
}

bool watch_look(Watch *watch, Db *db, int64_t now, bool *changed, GError **error)
{
    int64_t step = now - now % STEP;
    int64_t closed = now - step > GRACE_S * (int64_t)G_USEC_PER_SEC ? step : step - STEP;
    bool history = watch->fed_until == 0;
    *changed = false;
    if (!watch->known && !was_on(watch, db, error))
        return false;
    if (history)
        watch->fed_until = step - HISTORY_DAYS * 86400 * (int64_t)G_USEC_PER_SEC;
    g_autoptr(GArray) series =
        sorting_series(db, watch->brand, watch->fed_until, step + STEP, error);
    if (!series)
        return false;
    for (; watch->fed_until < closed; watch->fed_until += STEP) {
        SpikeVerdict verdict = {0};
        double people = g_array_index(series, double, 0);
        spike_take(watch->spike, watch->fed_until / G_USEC_PER_SEC, people, &verdict);
        g_array_remove_index(series, 0);
        watch->last = people;
        if (history && watch->fed_until + STEP < closed)
            continue;
        bool on = verdict.alarm || (watch->early && people > verdict.high);
        watch->early = watch->early && on && !verdict.alarm;
        if ((on || watch->on) &&
            !set(watch, db, on, watch->fed_until, people, verdict.normal, changed, error))
            return false;
    }
    double current = g_array_index(series, double, series->len - 1);
    return look_early(watch, db, current, step, changed, error);
}
