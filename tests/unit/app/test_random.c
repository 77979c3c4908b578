/*
 * test_random.c — apps that do what a random program says, wherever an app may run: app_program.h has
 * what must hold. And the same where memory runs out.
 *
 * Each run has seeds of its own; they are printed, and WEIR_SEED=N runs what failed again, though threads
 * may have another luck. WEIR_LONG=1: for minutes.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "app_program.h"
#include "short_memory.h"

#define SECONDS      2 /* of each test */
#define SECONDS_LONG 60
#define ROUNDS_MIN   20

static const weir_test_setup places[] = {
    {.runs = WEIR_TEST_IN_THREAD},
    {.runs = WEIR_TEST_IN_THREAD, .app_queue_bytes = 300},
    {.runs = WEIR_TEST_IN_THREAD, .serial = 1},
    {.runs = WEIR_TEST_IN_THREAD, .loops = 2, .threads = 1, .body_bytes_max = 200},
    {.runs = WEIR_TEST_IN_THREAD, .cancels_half_closed = 1},
    {.runs = WEIR_TEST_ON_LOOP},
    {.runs = WEIR_TEST_ON_LOOP, .loops = 2, .serial = 1, .app_queue_bytes = 300},
};

static void run_one(uint64_t seed, int short_of)
{
    static struct app_program p;
    struct app_steps client = {.n = 150, .seed = seed * 0x9E3779B97F4A7C15U + 1};

    app_program_init(&p, NULL, 0);
    app_program_seed(&p, seed, 60);
    for (unsigned i = 0; i < APP_RUNS_MAX; i++) {
        app_program_set_content(&p.runs[i], app_byte(&client) % 4 * 300U);
        p.runs[i].is_unread = app_byte(&client) % 16 == 0;
        p.runs[i].is_10 = app_byte(&client) % 16 == 0;
    }
    p.short_of = short_of;
    app_program_step_through(&p, &places[seed % WR_COUNT(places)], &client);
    app_program_fini(&p);
}

static uint64_t first_seed(void)
{
    const char *text = getenv("WEIR_SEED"); /* NOLINT(concurrency-mt-unsafe) */

    return text ? strtoull(text, NULL, 10) : (uint64_t)time(NULL) * 1000;
}

static void run_for_a_while(bool is_short)
{
    bool is_long = getenv("WEIR_LONG") != NULL; /* NOLINT(concurrency-mt-unsafe) */
    time_t end = time(NULL) + (is_long ? SECONDS_LONG : SECONDS);
    uint64_t seed = first_seed();

    for (int i = 0; i < ROUNDS_MIN || time(NULL) < end; i++, seed++) {
        if (i % 50 == 0 || getenv("APP_SHOW")) /* NOLINT(concurrency-mt-unsafe) */
            fprintf(stderr, "WEIR_SEED=%llu\n", (unsigned long long)seed);
        run_one(seed, is_short ? (int)(seed / WR_COUNT(places) % 150) : -1);
    }
}

static void app__random_program__keeps_what_is_promised(void **state)
{
    (void)state;
    run_for_a_while(false);
}

static void app__random_program_short_of_memory__keeps_what_is_promised(void **state)
{
    (void)state;
    run_for_a_while(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(app__random_program__keeps_what_is_promised),
        cmocka_unit_test(app__random_program_short_of_memory__keeps_what_is_promised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
