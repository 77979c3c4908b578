#include "support.h"

#include "server/pace.h"

#define FULL_MS 30000

static struct wr_pace waiting_since(int64_t now_ms)
{
    struct wr_pace p;

    wr_pace_start(&p, FULL_MS);
    p.since_ms = now_ms;
    return p;
}

static void pace__nothing_moves__is_used_up_after_the_full_time(void **state)
{
    struct wr_pace p = waiting_since(1000);

    (void)state;
    assert_int_equal(wr_pace_due_ms(&p), 31000);
    wr_pace_look(&p, 21000);
    assert_int_equal(wr_pace_due_ms(&p), 31000);
    wr_pace_earn(&p, 0, 0, FULL_MS);
    assert_int_equal(wr_pace_due_ms(&p), 31000);
    wr_pace_look(&p, 40000); /* late: due at once, not in the past of the look */
    assert_int_equal(wr_pace_due_ms(&p), 40000);
}

static void pace__any_rate__a_byte_fills_it(void **state)
{
    struct wr_pace p = waiting_since(1000);

    (void)state;
    wr_pace_look(&p, 30999);
    wr_pace_earn(&p, 1, 0, FULL_MS);
    assert_int_equal(wr_pace_due_ms(&p), 60999);
}

/* 1,000 bytes a second: a byte is worth a millisecond. */
static void pace__bytes__earn_their_time(void **state)
{
    struct wr_pace p = waiting_since(1000);

    (void)state;
    wr_pace_look(&p, 11000); /* 20 s are left */
    wr_pace_earn(&p, 5000, 1000, FULL_MS);
    assert_int_equal(wr_pace_due_ms(&p), 36000); /* 25 s */
    wr_pace_earn(&p, 1, 1000, FULL_MS);
    assert_int_equal(wr_pace_due_ms(&p), 36001);
}

static void pace__many_bytes__never_earn_more_than_the_full_time(void **state)
{
    static const uint64_t counts[] = {10001,      29999,           30000,     1000000,
                                      1000000000, INT64_MAX - 999, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(counts); i++) {
        struct wr_pace p = waiting_since(1000);

        wr_pace_look(&p, 11000);
        wr_pace_earn(&p, counts[i], 1000, FULL_MS);
        assert_int_equal(wr_pace_due_ms(&p), 41000);
    }
}

/* A GiB a second: 107 bytes are worth 100 ns each time, and a thousand times that is not lost. */
static void pace__small_pieces_at_a_high_rate__are_not_rounded_away(void **state)
{
    struct wr_pace p = waiting_since(1000);

    (void)state;
    wr_pace_look(&p, 30990); /* 10 ms are left */
    for (int i = 0; i < 1000000; i++)
        wr_pace_earn(&p, 1100, 1000000000, FULL_MS);
    assert_int_equal(wr_pace_due_ms(&p), 30990 + 10 + 1100);
}

/* 25 GB in one look at a GB a second: 25 s. */
static void pace__many_bytes_at_a_high_rate__do_not_overflow(void **state)
{
    struct wr_pace p = waiting_since(1000);

    (void)state;
    wr_pace_look(&p, 30990);
    wr_pace_earn(&p, UINT64_C(25000000000), 1000000000, FULL_MS);
    assert_int_equal(wr_pace_due_ms(&p), 30990 + 10 + 25000);
}

static void pace__more_than_is_asked_for__is_kept(void **state)
{
    struct wr_pace p = waiting_since(1000);

    (void)state;
    wr_pace_earn(&p, 20000, 1000, 10 * FULL_MS); /* 20 s more than the full time */
    assert_int_equal(wr_pace_due_ms(&p), 51000);
    wr_pace_earn(&p, 1, 0, FULL_MS);
    assert_int_equal(wr_pace_due_ms(&p), 51000);
}

static void pace__pause__costs_nothing(void **state)
{
    struct wr_pace p = waiting_since(1000);

    (void)state;
    wr_pace_pause(&p, 11000);
    p.since_ms = 500000;
    assert_int_equal(wr_pace_due_ms(&p), 520000);
    wr_pace_look(&p, 510000);
    assert_int_equal(wr_pace_due_ms(&p), 520000);
}

WR_TESTS(cmocka_unit_test(pace__nothing_moves__is_used_up_after_the_full_time),
         cmocka_unit_test(pace__any_rate__a_byte_fills_it),
         cmocka_unit_test(pace__bytes__earn_their_time),
         cmocka_unit_test(pace__many_bytes__never_earn_more_than_the_full_time),
         cmocka_unit_test(pace__small_pieces_at_a_high_rate__are_not_rounded_away),
         cmocka_unit_test(pace__many_bytes_at_a_high_rate__do_not_overflow),
         cmocka_unit_test(pace__more_than_is_asked_for__is_kept),
         cmocka_unit_test(pace__pause__costs_nothing));
