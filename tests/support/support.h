/*
 * support.h — what every unit test includes first: cmocka and what surrounds it.
 *
 *     static void buf__append_past_the_end__sets_overflow(void **state) { ... }
 *     WR_TESTS(cmocka_unit_test(buf__append_past_the_end__sets_overflow), ...)
 *
 * The main function is in main.c: it ends a test that hangs and fails one that leaks a descriptor.
 */
#ifndef WR_TESTS_SUPPORT_H
#define WR_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct wr_test_group {
    int (*run)(void);
};
extern const struct wr_test_group wr_tests;

#define WR_TESTS(...)                                                                              \
    static int run_group(void)                                                                     \
    {                                                                                              \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                                           \
        return cmocka_run_group_tests(tests, NULL, NULL);                                          \
    }                                                                                              \
    const struct wr_test_group wr_tests = {run_group}

#define WR_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
