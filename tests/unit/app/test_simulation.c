/*
 * test_simulation.c — orders in which jobs end, clients leave and time runs out, as a seed decides
 * them, for apps on the loop and in coroutines: sim.h has what must hold.
 *
 * WEIR_SEED=N repeats one that failed, and WEIR_SHOW=1 tells all of it; WEIR_LONG=1: for 40
 * seconds.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "io/coroutine.h"
#include "sim.h"

#define MS       2000
#define MS_LONG  40000 /* the watchdog of main.c comes at 50 */
#define RUNS_MIN 20
#define STEPS    400

/* Coroutines that have not returned when their set is freed. */
void __real_wr_coroutines_free(struct wr_coroutines *set);
void __wrap_wr_coroutines_free(struct wr_coroutines *set);

void __wrap_wr_coroutines_free(struct wr_coroutines *set)
{
    if (set)
        assert_int_equal(wr_coroutines_used(set), 0);
    __real_wr_coroutines_free(set);
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool run_one(uint64_t seed)
{
    struct sim *s = sim_new(seed);
    bool has_all;

    for (int i = 0; i < STEPS; i++)
        sim_step(s);
    sim_finish(s);
    has_all = s->has_all;
    if (!has_all)
        fprintf(stderr, "WEIR_SEED=%llu: a call is not there\n", (unsigned long long)seed);
    sim_free(s);
    return has_all;
}

static void simulation__of_any_order__keeps_what_is_promised(void **state)
{
    const char *only = getenv("WEIR_SEED"); /* NOLINT(concurrency-mt-unsafe) */
    bool is_long = getenv("WEIR_LONG");     /* NOLINT(concurrency-mt-unsafe) */
    uint64_t seed = only ? strtoull(only, NULL, 10) : (uint64_t)time(NULL) * 100000;
    int64_t end = now_ms() + (is_long ? MS_LONG : MS);
    int runs = 0;

    (void)state;
    fprintf(stderr, "WEIR_SEED=%llu\n", (unsigned long long)seed);
    for (; runs < RUNS_MIN || now_ms() < end; runs++, seed++) {
        assert_true(run_one(seed));
        if (only)
            break;
    }
    fprintf(stderr, "%d runs\n", runs);
}

WR_TESTS(cmocka_unit_test(simulation__of_any_order__keeps_what_is_promised));
