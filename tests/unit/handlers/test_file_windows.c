/* Which windows are asked for again: whether one is in memory is the test's to say, by --wrap. */
#include "support.h"

#include "handlers/file_windows.h"

#define MANY 5000 /* windows: more than are remembered */

bool __wrap_wr_file_is_warm(int fd, uint64_t offset, uint64_t n);

static int asks;
static bool is_cold;

bool __wrap_wr_file_is_warm(int fd, uint64_t offset, uint64_t n)
{
    (void)fd;
    (void)offset;
    (void)n;
    asks++;
    return !is_cold;
}

static const struct wr_file_info info = {.dev = 7, .ino = 99};

/* How often the kernel was asked for this one: 1 or 0. */
static int asks_for(struct wr_file_windows *s, const struct wr_file_window *w, int64_t now_ms)
{
    asks = 0;
    assert_true(wr_file_windows_has(s, w, now_ms));
    return asks;
}

static void windows__again__are_asked_for_after_their_time(void **state)
{
    const struct wr_file_window w = {3, &info, 4096, 100};
    struct wr_file_windows *s = wr_file_windows_new();

    (void)state;
    assert_non_null(s);
    assert_int_equal(asks_for(s, &w, 1000), 1);
    assert_int_equal(asks_for(s, &w, 1000), 0);
    assert_int_equal(asks_for(s, &w, 1000 + WR_FILE_WINDOW_MS - 1), 0);
    assert_int_equal(asks_for(s, &w, 1000 + WR_FILE_WINDOW_MS),
                     1); /* from the answer, not the use */
    assert_int_equal(asks_for(s, &w, 1000 + 2 * WR_FILE_WINDOW_MS - 1), 0);
    assert_int_equal(asks_for(s, &w, 5), 1); /* a clock that was set back */
    wr_file_windows_free(s);
}

static void windows__others__are_asked_for(void **state)
{
    static const struct wr_file_info other_inode = {.dev = 7, .ino = 98},
                                     other_device = {.dev = 8, .ino = 99};
    const struct wr_file_window w = {3, &info, 4096, 100},
                                rows[] = {
                                    {3, &info, 4096, 101},        {3, &info, 4095, 100},
                                    {3, &info, 4097, 99},         {3, &info, 0, 100},
                                    {3, &other_inode, 4096, 100}, {3, &other_device, 4096, 100},
                                };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct wr_file_windows *s = wr_file_windows_new();

        assert_int_equal(asks_for(s, &w, 0), 1);
        assert_int_equal(asks_for(s, &rows[i], 0), 1);
        wr_file_windows_free(s);
    }
}

/* The beginning of what is in memory is, too; by whatever descriptor. */
static void windows__shorter_or_by_another_descriptor__are_not(void **state)
{
    const struct wr_file_window w = {3, &info, 4096, 100}, shorter = {3, &info, 4096, 99},
                                other = {4, &info, 4096, 100};
    struct wr_file_windows *s = wr_file_windows_new();

    (void)state;
    assert_int_equal(asks_for(s, &w, 0), 1);
    assert_int_equal(asks_for(s, &shorter, 0), 0);
    assert_int_equal(asks_for(s, &other, 0), 0);
    wr_file_windows_free(s);
}

static void windows__cold__are_asked_for_each_time(void **state)
{
    const struct wr_file_window w = {3, &info, 0, 100};
    struct wr_file_windows *s = wr_file_windows_new();

    (void)state;
    is_cold = true;
    asks = 0;
    assert_false(wr_file_windows_has(s, &w, 0));
    assert_false(wr_file_windows_has(s, &w, 0));
    assert_int_equal(asks, 2);
    is_cold = false;
    assert_int_equal(asks_for(s, &w, 0), 1);
    assert_int_equal(asks_for(s, &w, 0), 0);
    wr_file_windows_free(s);
}

/* None of those that push each other out is taken for another. */
static void windows__more_than_are_remembered__are_asked_for(void **state)
{
    struct wr_file_windows *s = wr_file_windows_new();

    (void)state;
    for (uint64_t i = 0; i < MANY; i++) {
        const struct wr_file_window w = {3, &info, i << 21, 1 << 21};

        assert_int_equal(asks_for(s, &w, 0), 1);
        assert_int_equal(asks_for(s, &w, 0), 0);
    }
    wr_file_windows_free(s);
    wr_file_windows_free(NULL);
}

WR_TESTS(cmocka_unit_test(windows__again__are_asked_for_after_their_time),
         cmocka_unit_test(windows__others__are_asked_for),
         cmocka_unit_test(windows__shorter_or_by_another_descriptor__are_not),
         cmocka_unit_test(windows__cold__are_asked_for_each_time),
         cmocka_unit_test(windows__more_than_are_remembered__are_asked_for));
