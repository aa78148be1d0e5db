#include "core/engine/emerge.h"

#define START ((int64_t)1700000000 * 1000000)
#define MINUTE ((int64_t)60 * 1000000)
#define DAY ((int64_t)24 * 3600 * 1000000)

static void test_people_not_messages(void)
{
    g_autoptr(Emerge) emerge = emerge_new();
    for (int i = 0; i < 50; i++)
        g_assert_cmpint(emerge_take(emerge, 1, 1 + i % 3, START + i * MINUTE, 0.9, false), ==, 0);
    g_assert_cmpint(emerge_take(emerge, 1, 4, START + 51 * MINUTE, 0.9, false), ==, 4);
    for (int i = 0; i < 50; i++) /* once */
        g_assert_cmpint(emerge_take(emerge, 1, 10 + i, START + 52 * MINUTE, 0.9, false), ==, 0);
    g_assert_true(emerge_settled(emerge, 1));
}

static void test_strangers_are_different_people(void)
{
    g_autoptr(Emerge) emerge = emerge_new();
    for (int i = 0; i < 3; i++)
        g_assert_cmpint(emerge_take(emerge, 1, 0, START, 0.9, false), ==, 0);
    g_assert_cmpint(emerge_take(emerge, 1, 0, START, 0.9, false), ==, 4);
}

static void test_copies_weigh_half(void)
{
    g_autoptr(Emerge) emerge = emerge_new();
    g_assert_cmpint(emerge_take(emerge, 1, 1, START, 0.9, false), ==, 0);
    for (int i = 2; i <= 6; i++)
        g_assert_cmpint(emerge_take(emerge, 1, i, START, 0.9, true), ==, 0);
    g_assert_cmpint(emerge_take(emerge, 1, 7, START, 0.9, true), ==, 7);
}

static void test_spread_over_days_is_no_incident(void)
{
    g_autoptr(Emerge) emerge = emerge_new();
    for (int i = 0; i < 20; i++)
        g_assert_cmpint(emerge_take(emerge, 1, 1 + i, START + i * (DAY / 2), 0.9, false), ==, 0);
}

static void test_praise_is_no_incident(void)
{
    g_autoptr(Emerge) emerge = emerge_new();
    for (int i = 0; i < 20; i++)
        g_assert_cmpint(emerge_take(emerge, 1, 1 + i, START + i, 0.2, false), ==, 0);
    g_assert_false(emerge_complains(emerge, 1));
    for (int i = 0; i < 4; i++)
        emerge_take(emerge, 2, 1 + i, START + 20 + i, 0.7, false);
    g_assert_true(emerge_complains(emerge, 2));
}

/* A brand with ten thousand complaints a day has clusters of four all the time. */
static void test_relative_to_what_is_normal(void)
{
    g_autoptr(Emerge) emerge = emerge_new();
    for (int i = 0; i < 10000; i++)
        g_assert_cmpint(emerge_take(emerge, 1000 + i, 1 + i, START + i * (DAY / 10000), 0.9, false),
                        ==, 0);
    int people = 0;
    for (int i = 0; i < 200 && people == 0; i++)
        people = emerge_take(emerge, 1, 20000 + i, START + DAY, 0.9, false);
    g_assert_cmpint(people, >=, 15);
    g_assert_cmpint(people, <=, 60);
}

/* ... and is not too big to have an incident. */
static void test_a_very_big_brand(void)
{
    g_autoptr(Emerge) emerge = emerge_new();
    for (int i = 0; i < 100000; i++)
        emerge_take(emerge, 1000 + i, 1 + i, START + i * (DAY / 100000), 0.9, false);
    int people = 0;
    for (int i = 0; i < 400 && people == 0; i++)
        people = emerge_take(emerge, 1, 200000 + i, START + DAY + i, 0.9, false);
    g_assert_cmpint(people, >=, 60);
    g_assert_cmpint(people, <=, 200);
}

static void test_merge(void)
{
    g_autoptr(Emerge) emerge = emerge_new();
    for (int i = 0; i < 3; i++) {
        emerge_take(emerge, 1, 1 + i, START, 0.9, false);
        emerge_take(emerge, 2, 2 + i, START, 0.9, false);
    }
    emerge_merge(emerge, 1, 2); /* people 1 to 4 */
    g_assert_cmpint(emerge_take(emerge, 2, 1, START, 0.9, false), ==, 4);
    emerge_take(emerge, 3, 9, START, 0.9, false);
    emerge_merge(emerge, 2, 3);
    g_assert_true(emerge_settled(emerge, 3));
    for (int i = 0; i < 9; i++)
        g_assert_cmpint(emerge_take(emerge, 3, 20 + i, START, 0.9, false), ==, 0);
}

static void test_state(void)
{
    g_autoptr(Emerge) emerge = emerge_new();
    for (int i = 0; i < 30; i++)
        emerge_take(emerge, 1 + i % 9, i % 4, START + i * MINUTE, 0.5, i % 2);
    emerge_settle(emerge, 3);
    g_autoptr(GByteArray) bytes = g_byte_array_new(), again = g_byte_array_new();
    emerge_put(emerge, bytes);
    StateReader in = {bytes->data, bytes->data + bytes->len, false};
    g_autoptr(Emerge) restored = emerge_get(&in);
    g_assert_nonnull(restored);
    emerge_put(restored, again);
    g_assert_cmpmem(bytes->data, bytes->len, again->data, again->len);
    for (int i = 0; i < 30; i++)
        g_assert_cmpint(emerge_take(emerge, 1 + i % 9, 50 + i, START + i * MINUTE, 0.5, false), ==,
                        emerge_take(restored, 1 + i % 9, 50 + i, START + i * MINUTE, 0.5, false));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/emerge/people", test_people_not_messages);
    g_test_add_func("/emerge/strangers", test_strangers_are_different_people);
    g_test_add_func("/emerge/copies", test_copies_weigh_half);
    g_test_add_func("/emerge/spread", test_spread_over_days_is_no_incident);
    g_test_add_func("/emerge/praise", test_praise_is_no_incident);
    g_test_add_func("/emerge/normal", test_relative_to_what_is_normal);
    g_test_add_func("/emerge/big", test_a_very_big_brand);
    g_test_add_func("/emerge/merge", test_merge);
    g_test_add_func("/emerge/state", test_state);
    return g_test_run();
}
