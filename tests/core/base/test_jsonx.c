/* Paths into JSON, bad JSON, and times. */
#include "core/base/jsonx.h"

#include <string.h>

static void test_paths(void)
{
    g_autoptr(json_t) json =
        jsonx_parse("{\"account\":{\"acct\":\"petra@sand.example\",\"bot\":true,\"id\":\"0110\","
                    "\"empty\":\"\"},"
                    "\"list\":[{\"n\":7},{\"n\":-8.9}],\"big\":9007199254740993,\"null\":null}",
                    -1, NULL);
    g_assert_cmpstr(jsonx_text(json, "account", "acct", NULL), ==, "petra@sand.example");
    g_assert_null(jsonx_text(json, "account", "bot", NULL));
    g_assert_null(jsonx_text(json, "account", "acct", "further", NULL));
    g_assert_null(jsonx_text(json, "nobody", "acct", NULL));
    g_assert_null(jsonx_text(json, "null", NULL));
    g_assert_null(jsonx_text(NULL, "account", NULL));
    g_assert_true(jsonx_bool(json, "account", "bot", NULL));
    g_assert_false(jsonx_bool(json, "account", "acct", NULL));
    g_assert_cmpint(jsonx_int(json, "list", "0", "n", NULL), ==, 7);
    g_assert_cmpint(jsonx_int(json, "list", "1", "n", NULL), ==, -8);
    g_assert_cmpint(jsonx_int(json, "list", "2", "n", NULL), ==, 0);
    g_assert_cmpint(jsonx_int(json, "list", "-1", "n", NULL), ==, 0);
    g_assert_cmpint(jsonx_int(json, "list", "x", "n", NULL), ==, 0);
    g_assert_true(jsonx_at(json, "list", NULL) == json_object_get(json, "list"));
    g_autofree char *number = jsonx_id(json, "big", NULL);
    g_autofree char *text = jsonx_id(json, "account", "id", NULL);
    g_assert_cmpstr(number, ==, "9007199254740993");
    g_assert_cmpstr(text, ==, "0110");
    g_assert_null(jsonx_id(json, "account", "empty", NULL));
    g_assert_null(jsonx_id(json, "null", NULL));
}

static const struct {
    const char *text;
    gssize size;
    const char *value; /* of "a"; NULL: not JSON */
} texts[] = {
    {"{\"a\":\"b\"}", -1, "b"},
    {"{\"a\":\"b\"}garbage", 9, "b"},
    {"{\"a\":\"b\"}garbage", -1, NULL},
    {"{\"a\":\"cut \\ud83d\"}", -1, "cut \xef\xbf\xbd"},
    {"{\"a\":\"\\ud83d\\ud83d\\ude00\"}", -1, "\xef\xbf\xbd\xf0\x9f\x98\x80"},
    {"{\"a\":\"\\ude00\\\\ude00\"}", -1, "\xef\xbf\xbd\\ude00"},
    {"{\"a\":\"\\ud83d\\u0041\"}", -1,
     "\xef\xbf\xbd"
     "A"},
    {"{\"a\":\"x\xff\"}", -1, "x\xef\xbf\xbd"},
    {"{\"a\":\"b\\u0000c\"}", -1, "b"},
    {"{\"a\":\"\\ud8", -1, NULL},
    {"{\"a\":\"\\", -1, NULL},
    {"<html>Sign in</html>", -1, NULL},
    {"", -1, NULL},
    {"{\"a\":\"b\"", -1, NULL},
};

static void test_texts(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(json_t) json = jsonx_parse(texts[i].text, texts[i].size, &error);
        g_test_message("text %zu", i);
        if (texts[i].value) {
            g_assert_no_error(error);
            g_assert_cmpstr(jsonx_text(json, "a", NULL), ==, texts[i].value);
        } else {
            g_assert_error(error, BW_ERROR, BW_ERROR_INVALID);
            g_assert_null(json);
        }
    }
}

static void test_depth(void)
{
    g_autofree char *deep = g_strnfill(1000000, '[');
    g_autoptr(GError) error = NULL;
    g_assert_null(jsonx_parse(deep, -1, &error));
    g_assert_error(error, BW_ERROR, BW_ERROR_INVALID);
}

#define S 1000000LL
static const struct {
    const char *text;
    int64_t us;
    const char *back; /* as time_iso writes it */
} times[] = {
    {"2026-11-22T14:02:10.123Z", 1795356130 * S + 123000, "2026-11-22T14:02:10.123Z"},
    {"2026-11-22T14:02:10.123456Z", 1795356130 * S + 123456, "2026-11-22T14:02:10.123Z"},
    {"2026-11-22T14:02:10.9999999Z", 1795356130 * S + 999999, "2026-11-22T14:02:10.999Z"},
    {"2026-11-22T14:02:10Z", 1795356130 * S, "2026-11-22T14:02:10.000Z"},
    {"2026-11-22 14:02:10", 1795356130 * S, "2026-11-22T14:02:10.000Z"},
    {"2026-11-22T15:02:10+01:00", 1795356130 * S, "2026-11-22T14:02:10.000Z"},
    {"2026-11-22T09:32:10.5-0430", 1795356130 * S + 500000, "2026-11-22T14:02:10.500Z"},
    {"2026-11-22T15:02:10+01", 1795356130 * S, "2026-11-22T14:02:10.000Z"},
    {"2016-12-31T23:59:60Z", 1483228800 * S, "2017-01-01T00:00:00.000Z"},
    {"2024-02-29T00:00:00Z", 1709164800 * S, "2024-02-29T00:00:00.000Z"},
    {"1969-12-31T23:59:59.250Z", -750000, "1969-12-31T23:59:59.250Z"},
    {"2026-02-29T00:00:00Z", 0},
    {"2026-13-01T00:00:00Z", 0},
    {"2026-11-22T24:01:00Z", 0},
    {"2026-11-22T14:60:00Z", 0},
    {"2026-11-22T14:02:61Z", 0},
    {"2026-11-22T14:02:10+24:00", 0},
    {"2026-11-22T14:02:10+1", 0},
    {"2026-11-22T14:02:10Zulu", 0},
    {"2026-11-22T14:02", 0},
    {"2026-11-22", 0},
    {"0000-01-01T00:00:00Z", 0},
    {"+026-01-01T00:00:00Z", 0},
    {"1795356130", 0},
    {"yesterday", 0},
    {"", 0},
    {NULL, 0},
};

static void test_times(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(times); i++) {
        g_test_message("%s", times[i].text ? times[i].text : "(null)");
        g_assert_cmpint(time_parse_iso(times[i].text), ==, times[i].us);
        if (!times[i].back)
            continue;
        g_autofree char *back = time_iso(times[i].us);
        g_assert_cmpstr(back, ==, times[i].back);
    }
    g_autofree char *first = time_iso(G_MININT64), *last = time_iso(G_MAXINT64);
    g_assert_cmpstr(first, ==, "0001-01-01T00:00:00.000Z");
    g_assert_cmpstr(last, ==, "9999-12-31T23:59:59.999Z");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/jsonx/paths", test_paths);
    g_test_add_func("/jsonx/texts", test_texts);
    g_test_add_func("/jsonx/depth", test_depth);
    g_test_add_func("/jsonx/times", test_times);
    return g_test_run();
}
