#include "core/base/jsonx.h"

#include <stdarg.h>
#include <string.h>

/* ---- reading ---- */

static int hex4(const char *at)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = g_ascii_xdigit_value(at[i]);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

static bool is_low_half(const char *at)
{
    if (at[0] != '\\' || at[1] != 'u')
        return false;
    int value = hex4(at + 2);
    return value >= 0xdc00 && value < 0xe000;
}

/* Halves of surrogate pairs, which cut texts leave behind, become \ufffd. */
static void mend_surrogates(char *text)
{
    for (char *at = strchr(text, '\\'); at; at = strchr(at, '\\')) {
        int value = at[1] == 'u' ? hex4(at + 2) : -1;
        if (value < 0) {
            at += at[1] ? 2 : 1;
            continue;
        }
        if (value >= 0xd800 && value < 0xdc00 && is_low_half(at + 6)) {
            at += 12;
            continue;
        }
        if (value >= 0xd800 && value < 0xe000)
            for (int i = 0; i < 4; i++)
                at[2 + i] = "fffd"[i];
        at += 6;
    }
}

/* A NUL inside a string ends it for us; it must not make the rest unreadable. */
enum { LOAD_FLAGS = JSON_ALLOW_NUL };

json_t *jsonx_parse(const char *text, gssize size, GError **error)
{
    json_error_t problem;
    size_t length = size < 0 ? strlen(text) : (size_t)size;
    json_t *json = json_loadb(text, length, LOAD_FLAGS, &problem);
    if (!json) {
        g_autofree char *mended = g_utf8_make_valid(text, (gssize)length);
        mend_surrogates(mended);
        json = json_loads(mended, LOAD_FLAGS, &problem);
    }
    if (!json)
        bw_fail(error, BW_ERROR_INVALID, "not JSON (at byte %d)", problem.position);
    return json;
}

static json_t *walk(const json_t *json, va_list keys)
{
    const char *key;
    while (json && (key = va_arg(keys, const char *))) {
        if (json_is_array(json)) {
            guint64 index;
            json = g_ascii_string_to_unsigned(key, 10, 0, G_MAXINT, &index, NULL)
                       ? json_array_get(json, index)
                       : NULL;
        } else {
            json = json_object_get(json, key);
        }
    }
    return (json_t *)json;
}

#define WALK(found, json)                                                                          \
    va_list keys;                                                                                  \
    va_start(keys, json);                                                                          \
    json_t *found = walk(json, keys);                                                              \
    va_end(keys)

json_t *jsonx_at(const json_t *json, ...)
{
    WALK(found, json);
    return found;
}

const char *jsonx_text(const json_t *json, ...)
{
    WALK(found, json);
    return json_string_value(found);
}

int64_t jsonx_int(const json_t *json, ...)
{
    WALK(found, json);
    if (json_is_real(found)) {
        double real = json_real_value(found);
        return real > -9.2e18 && real < 9.2e18 ? (int64_t)real : 0;
    }
    return json_integer_value(found);
}

bool jsonx_bool(const json_t *json, ...)
{
    WALK(found, json);
    return json_is_true(found);
}

char *jsonx_id(const json_t *json, ...)
{
    WALK(found, json);
    if (json_is_integer(found))
        return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(found));
    const char *text = json_string_value(found);
    return text && *text ? g_strdup(text) : NULL;
}

/* ---- time ---- */

static const int64_t FIRST_US = -62135596800LL * G_USEC_PER_SEC; /* 0001-01-01 */
static const int64_t LAST_US = 253402300800LL * G_USEC_PER_SEC - 1;

char *time_iso(int64_t us)
{
    us = CLAMP(us, FIRST_US, LAST_US);
    int64_t seconds = us / G_USEC_PER_SEC, rest = us % G_USEC_PER_SEC;
    if (rest < 0) {
        seconds--;
        rest += G_USEC_PER_SEC;
    }
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);
    int year, month, day;
    g_date_time_get_ymd(time, &year, &month, &day);
    return g_strdup_printf("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", year, month, day,
                           g_date_time_get_hour(time), g_date_time_get_minute(time),
                           g_date_time_get_second(time), (int)(rest / 1000));
}

/* Reads exactly `count` digits and moves on; -1 when they are not there. */
static int digits(const char **at, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        if (!g_ascii_isdigit(**at))
            return -1;
        value = value * 10 + (**at - '0');
    }
    return value;
}

static bool skip(const char **at, const char *any_of)
{
    if (!**at || !strchr(any_of, **at))
        return false;
    (*at)++;
    return true;
}

static int64_t fraction_us(const char **at)
{
    int64_t us = 0, unit = 100000;
    for (; g_ascii_isdigit(**at); (*at)++, unit /= 10)
        us += unit * (**at - '0');
    return us;
}

int64_t time_parse_iso(const char *text)
{
    if (!text)
        return 0;
    int year = digits(&text, 4);
    int month = skip(&text, "-") ? digits(&text, 2) : -1;
    int day = skip(&text, "-") ? digits(&text, 2) : -1;
    int hour = skip(&text, "Tt ") ? digits(&text, 2) : -1;
    int minute = skip(&text, ":") ? digits(&text, 2) : -1;
    int second = skip(&text, ":") ? digits(&text, 2) : -1;
    if (year < 1 || month < 0 || day < 0 || hour < 0 || minute < 0 || second < 0)
        return 0;
    int64_t us = skip(&text, ".,") ? fraction_us(&text) : 0;
    int offset = 0; /* minutes */
    if (*text == '+' || *text == '-') {
        int sign = *text++ == '-' ? -1 : 1;
        int hours = digits(&text, 2);
        skip(&text, ":");
        int minutes = *text ? digits(&text, 2) : 0;
        if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
            return 0;
        offset = sign * (hours * 60 + minutes);
    } else {
        skip(&text, "Zz");
    }
    if (*text)
        return 0;
    /* A leap second is the second after it. */
    g_autoptr(GDateTime) time =
        g_date_time_new_utc(year, month, day, hour, minute, MIN(second, 59));
    if (!time || second > 60)
        return 0;
    int64_t leap = second == 60 ? 1 : 0;
    return (g_date_time_to_unix(time) + leap - offset * 60LL) * G_USEC_PER_SEC + us;
}
