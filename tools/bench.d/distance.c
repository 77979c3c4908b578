/*
 * distance.c — how far two cores are from each other: nanoseconds for a cache line there and back.
 *
 *     distance CORE CORE
 *
 * Two threads, one on each core, answer each other through one word for 20 ms; the least of what a
 * hundred round trips took is printed, so that it says little whether others use the cores too. It
 * matters on virtual machines, whose host may move a core to another cache at any moment: then
 * what server and load hand each other costs several times as much.
 *
 * Errors: what cannot be set up ends it with a message.
 */
#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TRIPS       100
#define TIME_NS     20000000
#define TIMES_LEAST 100        /* where others leave us little of the cores, */
#define TIME_MOST   1000000000 /* for no more than this */
#define STOP        (-1)

static _Atomic long ball; /* odd: the other's turn */

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void stay_on(int core)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(core, &set);
    if (pthread_setaffinity_np(pthread_self(), sizeof set, &set))
        errx(1, "cannot run on core %d", core);
}

static void *give_back(void *core)
{
    long seen;

    stay_on(*(int *)core);
    while ((seen = atomic_load(&ball)) != STOP) {
        if (seen & 1)
            atomic_store(&ball, seen + 1);
    }
    return NULL;
}

static int64_t trips(long *at)
{
    int64_t begin = now_ns();

    for (int i = 0; i < TRIPS; i++, *at += 2) {
        atomic_store(&ball, *at + 1);
        while (atomic_load(&ball) != *at + 2)
            ;
    }
    return now_ns() - begin;
}

int main(int argc, char **argv)
{
    int64_t begin = now_ns(), passed = 0, best = INT64_MAX;
    pthread_t other;
    long at = 0;
    int core;

    if (argc != 3)
        errx(2, "usage: distance CORE CORE");
    core = (int)strtol(argv[2], NULL, 10);
    stay_on((int)strtol(argv[1], NULL, 10));
    if (pthread_create(&other, NULL, give_back, &core))
        errx(1, "cannot start a thread");
    for (int i = 0; passed < TIME_NS || (i < TIMES_LEAST && passed < TIME_MOST); i++) {
        int64_t took = trips(&at);

        if (took < best)
            best = took;
        passed = now_ns() - begin;
    }
    atomic_store(&ball, STOP);
    pthread_join(other, NULL);
    printf("%.0f\n", (double)best / TRIPS);
    return 0;
}
