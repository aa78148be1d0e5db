#include "core/cli/cli.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine/spike.h"

static const char help[] = "Reads CSV on stdin with a header, 'timestamp,value' (epoch seconds or "
                           "YYYY-MM-DD HH:MM:SS, UTC),\n"
                           "in any even step, and prints for each line\n"
                           "  timestamp <tab> score 0..1 <tab> 1 if an alarm starts here, else 0\n"
                           "A line depends only on lines up to it.";

enum { MOST_LINE = 4096 };

/* Epoch seconds of "1425000000", "2015-02-26 21:42:53" or the same with a T; false for others. */
static bool read_time(const char *text, int64_t *seconds)
{
    char *end;
    double number = g_ascii_strtod(text, &end);
    if (end != text && *end == '\0') {
        *seconds = (int64_t)number;
        return isfinite(number) && fabs(number) < 1e15;
    }
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autofree char *iso = g_strdup(text);
    if (strlen(iso) < 11)
        return false;
    if (iso[10] == ' ')
        iso[10] = 'T';
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(iso, utc);
    if (time)
        *seconds = g_date_time_to_unix(time);
    return time != NULL;
}

typedef struct Row {
    char *timestamp;
    int64_t at;
    double value;
} Row;

/* NULL, or what is wrong with the line, which is taken apart. */
static const char *read_row(char *line, Row *row)
{
    char *comma = strchr(line, ','), *end;
    if (!comma)
        return "no comma";
    *comma = '\0';
    row->timestamp = g_strstrip(line);
    const char *number = g_strstrip(comma + 1);
    row->value = g_ascii_strtod(number, &end);
    if (!read_time(row->timestamp, &row->at))
        return "no timestamp";
    if (end == number || *end != '\0' || !isfinite(row->value) || row->value < 0)
        return "no count";
    return NULL;
}

typedef struct Series {
    Spike *spike; /* NULL until the second row tells the step */
    bool begun;
    int64_t first_at, last_at;
    double first_value;
} Series;

/* NULL, or why the row is no good. About the first one there is nothing to say, so its answer need
 * not wait for the step. */
static const char *take_row(Series *series, const Row *row, SpikeSensitivity sensitivity)
{
    SpikeVerdict verdict = {.score = 0};
    if (series->begun && row->at <= series->last_at)
        return "not later than the line before";
    if (!series->begun) {
        series->first_at = row->at;
        series->first_value = row->value;
    } else if (!series->spike) {
        series->spike = spike_new(row->at - series->last_at, sensitivity);
        spike_take(series->spike, series->first_at, series->first_value, NULL);
    }
    if (series->spike)
        spike_take(series->spike, row->at, row->value, &verdict);
    printf("%s\t%.4f\t%d\n", row->timestamp, verdict.score, verdict.starts);
    series->begun = true;
    series->last_at = row->at;
    return NULL;
}

static int read_series(SpikeSensitivity sensitivity)
{
    Series series = {.spike = NULL};
    char line[MOST_LINE];
    Row row;
    int64_t number = 0;
    int status = 0;
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    while (fgets(line, sizeof line, stdin)) {
        if (++number == 1 || *g_strstrip(line) == '\0')
            continue;
        const char *wrong = read_row(line, &row);
        if (!wrong)
            wrong = take_row(&series, &row, sensitivity);
        if (wrong) {
            fprintf(stderr, "breakwater spikes: line %" G_GINT64_FORMAT ": %s\n", number, wrong);
            status = 1;
        }
    }
    spike_free(series.spike);
    return status;
}

int cmd_spikes(int argc, char **argv)
{
    static const char *const names[] = {
        [SPIKE_LOW] = "low", [SPIKE_NORMAL] = "normal", [SPIKE_HIGH] = "high"};
    g_autofree char *wanted = NULL;
    const GOptionEntry entries[] = {
        {"sensitivity", 0, 0, G_OPTION_ARG_STRING, &wanted, "low, normal or high", "LEVEL"},
        {0},
    };
    if (!cli_parse("", help, entries, 0, 0, &argc, &argv))
        return CLI_WRONG_USE;
    if (!wanted)
        return read_series(SPIKE_NORMAL);
    for (int i = 0; i < (int)G_N_ELEMENTS(names); i++)
        if (strcmp(names[i], wanted) == 0)
            return read_series((SpikeSensitivity)i);
    cli_fail("spikes", "--sensitivity is low, normal or high");
    return CLI_WRONG_USE;
}
