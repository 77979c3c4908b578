/*
 * test_pool_wake.c — which threads of a pool are woken, and that no job waits while one could be.
 */
#include "io/pool.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "io/futex.h"
#include "support.h"

#define THREADS_MAX 4
#define SEED        20261121
#define ROUNDS      4000

/* Waiting has no bound here: main.c's watchdog is it. */
static void wait_for(sem_t *s)
{
    while (sem_wait(s) < 0)
        ;
}

/* The linker puts these in the place of the pool's calls. */
static atomic_int wakes;                                          /* how many threads it woke */
static sem_t *_Atomic when_one_sleeps, *_Atomic before_one_wakes; /* NULL: nothing */

void __real_wr_futex_wait(_Atomic uint32_t *word, uint32_t value);
void __wrap_wr_futex_wait(_Atomic uint32_t *word, uint32_t value);
void __real_wr_futex_wake(_Atomic uint32_t *word);
void __wrap_wr_futex_wake(_Atomic uint32_t *word);

void __wrap_wr_futex_wait(_Atomic uint32_t *word, uint32_t value)
{
    sem_t *sleeps = when_one_sleeps, *may_wake;

    if (sleeps)
        sem_post(sleeps);
    __real_wr_futex_wait(word, value);
    may_wake = before_one_wakes;
    if (may_wake)
        wait_for(may_wake);
}

void __wrap_wr_futex_wake(_Atomic uint32_t *word)
{
    atomic_fetch_add(&wakes, 1);
    __real_wr_futex_wake(word);
}

static struct wr_pool *started_pool(int threads)
{
    const struct wr_pool_setup setup = {.threads = threads, .queue_max = 1000, .name = "pool"};
    struct wr_pool *p = wr_pool_new(&setup);

    assert_non_null(p);
    assert_int_equal(wr_pool_start(p), 0);
    return p;
}

/* A pool all of whose threads sleep. */
static struct wr_pool *sleeping_pool(int threads, sem_t *sleeps)
{
    struct wr_pool *p;

    sem_init(sleeps, 0, 0);
    when_one_sleeps = sleeps;
    p = started_pool(threads);
    for (int i = 0; i < threads; i++)
        wait_for(sleeps);
    when_one_sleeps = NULL;
    atomic_store(&wakes, 0);
    return p;
}

/* Its thread is held in run() and in tell(), until it is let go. */
struct held {
    struct wr_job job;
    sem_t begun, go, telling, told;
    pthread_t thread;
};

static void run_held(struct wr_job *j, void *thread_data)
{
    struct held *h = WR_CONTAINER_OF(j, struct held, job);

    (void)thread_data;
    h->thread = pthread_self();
    sem_post(&h->begun);
    wait_for(&h->go);
}

static void tell_held(struct wr_job *j)
{
    struct held *h = WR_CONTAINER_OF(j, struct held, job);

    sem_post(&h->telling);
    wait_for(&h->told);
}

static void held_init(struct held *h, int count)
{
    for (int i = 0; i < count; i++) {
        h[i] = (struct held){.job = {.run = run_held, .tell = tell_held}};
        sem_init(&h[i].begun, 0, 0);
        sem_init(&h[i].go, 0, 0);
        sem_init(&h[i].telling, 0, 0);
        sem_init(&h[i].told, 0, 0);
    }
}

static void held_end(struct held *h, int count)
{
    for (int i = 0; i < count; i++) {
        sem_post(&h[i].go);
        sem_post(&h[i].told);
    }
}

static void held_fini(struct held *h, int count)
{
    for (int i = 0; i < count; i++) {
        sem_destroy(&h[i].begun);
        sem_destroy(&h[i].go);
        sem_destroy(&h[i].telling);
        sem_destroy(&h[i].told);
    }
}

static void wake__jobs_that_take_long__each_thread_wakes_the_next(void **state)
{
    struct held jobs[THREADS_MAX];
    sem_t sleeps, wake;
    struct wr_pool *p = sleeping_pool(THREADS_MAX, &sleeps);

    (void)state;
    sem_init(&wake, 0, 0);
    before_one_wakes = &wake;
    held_init(jobs, THREADS_MAX);
    for (int i = 0; i < THREADS_MAX; i++)
        assert_true(wr_pool_submit(p, &jobs[i].job));
    for (int i = 0; i < THREADS_MAX; i++) {
        assert_int_equal(wakes, i + 1); /* one is on its way */
        sem_post(&wake);
        wait_for(&jobs[i].begun); /* and has woken the next before */
    }
    before_one_wakes = NULL;
    assert_int_equal(wakes, THREADS_MAX);
    held_end(jobs, THREADS_MAX);
    wr_pool_free(p);
    held_fini(jobs, THREADS_MAX);
    sem_destroy(&sleeps);
    sem_destroy(&wake);
}

static void wake__submitted_by_who_is_told__the_thread_that_tells_takes_it(void **state)
{
    struct held first, second;
    sem_t sleeps;
    struct wr_pool *p = sleeping_pool(2, &sleeps);

    (void)state;
    held_init(&first, 1);
    held_init(&second, 1);
    sem_post(&first.go);
    assert_true(wr_pool_submit(p, &first.job));
    wait_for(&first.telling);
    assert_int_equal(wakes, 1);
    assert_true(wr_pool_submit(p, &second.job));
    assert_int_equal(wakes, 1); /* the other one sleeps on */
    sem_post(&first.told);
    wait_for(&second.begun);
    assert_int_equal(wakes, 1);
    assert_true(pthread_equal(second.thread, first.thread));
    held_end(&second, 1);
    wr_pool_free(p);
    held_fini(&first, 1);
    held_fini(&second, 1);
    sem_destroy(&sleeps);
}

/* The thread that tells takes one, which takes long; so it must have woken another for the next. */
static void wake__two_submitted_by_who_is_told__both_begin(void **state)
{
    struct held jobs[3];
    sem_t sleeps;
    struct wr_pool *p = sleeping_pool(2, &sleeps);

    (void)state;
    held_init(jobs, 3);
    sem_post(&jobs[0].go);
    assert_true(wr_pool_submit(p, &jobs[0].job));
    wait_for(&jobs[0].telling);
    assert_true(wr_pool_submit(p, &jobs[1].job));
    assert_true(wr_pool_submit(p, &jobs[2].job));
    sem_post(&jobs[0].told);
    wait_for(&jobs[1].begun);
    wait_for(&jobs[2].begun);
    held_end(jobs, 3);
    wr_pool_free(p);
    held_fini(jobs, 3);
    sem_destroy(&sleeps);
}

static void count_told(struct wr_job *j)
{
    sem_post(&WR_CONTAINER_OF(j, struct held, job)->telling);
}

static void run_nothing(struct wr_job *j, void *thread_data)
{
    (void)j;
    (void)thread_data;
}

static void wake__stopped_pool__who_pushes_runs_and_tells(void **state)
{
    struct wr_pool *p = started_pool(1);
    struct held h;

    (void)state;
    held_init(&h, 1);
    h.job = (struct wr_job){.run = run_nothing, .tell = count_told};
    wr_pool_stop(p);
    wr_pool_push(p, &h.job);
    assert_int_equal(sem_trywait(&h.telling), 0);
    wr_pool_free(p);
    held_fini(&h, 1);
}

/* ---- threads that go to sleep ---- */

static unsigned draw(unsigned *random, unsigned below)
{
    *random = *random * 1103515245u + 12345u;
    return (*random >> 16) % below;
}

static void dawdle(unsigned *random)
{
    for (unsigned k = draw(random, 6); k > 0; k--)
        sched_yield();
    for (unsigned k = draw(random, 400); k > 0; k--)
        atomic_signal_fence(memory_order_seq_cst);
}

/* Jobs of one burst each wait until all of it have begun: so there must be a thread for each. */
struct burst {
    struct wr_job job;
    atomic_int *begun;
    int size;
    sem_t *over;
};

static void run_in_burst(struct wr_job *j, void *thread_data)
{
    struct burst *b = WR_CONTAINER_OF(j, struct burst, job);

    (void)thread_data;
    atomic_fetch_add(b->begun, 1);
    while (atomic_load(b->begun) < b->size)
        sched_yield();
}

static void tell_of_burst(struct wr_job *j)
{
    sem_post(WR_CONTAINER_OF(j, struct burst, job)->over);
}

/* The next burst comes while the threads of the one before look for a job, or fall asleep, or
 * sleep. */
static void wake__bursts_while_threads_fall_asleep__every_job_begins(void **state)
{
    (void)state;
    for (int threads = 1; threads <= THREADS_MAX; threads++) {
        struct wr_pool *p = started_pool(threads);
        unsigned random = SEED + (unsigned)threads;
        sem_t over;

        sem_init(&over, 0, 0);
        for (int round = 0; round < ROUNDS; round++) {
            struct burst jobs[THREADS_MAX];
            int size = 1 + (int)draw(&random, (unsigned)threads);
            atomic_int begun;

            atomic_init(&begun, 0);
            for (int i = 0; i < size; i++) {
                jobs[i] = (struct burst){
                    .job = {.run = run_in_burst, .tell = tell_of_burst}, &begun, size, &over};
                wr_pool_push(p, &jobs[i].job);
            }
            for (int i = 0; i < size; i++)
                wait_for(&over);
            dawdle(&random);
        }
        wr_pool_free(p);
        sem_destroy(&over);
    }
}

struct submitter {
    struct wr_pool *pool;
    struct held *job;
};

static void *submit_one(void *arg)
{
    struct submitter *s = arg;

    wr_pool_push(s->pool, &s->job->job);
    return NULL;
}

/* Who has given the job may not have returned from that. */
static void wake__pool_is_freed_when_it_has_told__nobody_touches_it(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        struct held h;
        struct submitter s = {started_pool(1 + round % 2), &h};
        pthread_t thread;

        held_init(&h, 1);
        h.job = (struct wr_job){.run = run_nothing, .tell = count_told};
        assert_int_equal(pthread_create(&thread, NULL, submit_one, &s), 0);
        wait_for(&h.telling);
        wr_pool_free(s.pool);
        assert_int_equal(pthread_join(thread, NULL), 0);
        held_fini(&h, 1);
    }
}

/* ---- policy ---- */

struct asked {
    struct wr_job job;
    int policy;
};

static void run_asked(struct wr_job *j, void *thread_data)
{
    (void)thread_data;
    WR_CONTAINER_OF(j, struct asked, job)->policy = sched_getscheduler(0);
}

static void *ask_policy(void *arg)
{
    const struct sched_param param = {0};
    struct asked *a = arg;
    struct wr_pool *p;

    if (a->policy != SCHED_OTHER)
        assert_int_equal(sched_setscheduler(0, a->policy, &param), 0);
    a->job = (struct wr_job){.run = run_asked};
    p = started_pool(1);
    wr_pool_push(p, &a->job);
    wr_pool_free(p);
    return NULL;
}

static void wake__policy_of_the_threads__batch_unless_one_was_chosen(void **state)
{
    static const int expected[][2] = {{SCHED_OTHER, SCHED_BATCH}, {SCHED_IDLE, SCHED_IDLE}};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct asked a = {.policy = expected[i][0]};
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, ask_policy, &a), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(a.policy, expected[i][1]);
    }
    assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
}

WR_TESTS(cmocka_unit_test(wake__jobs_that_take_long__each_thread_wakes_the_next),
         cmocka_unit_test(wake__submitted_by_who_is_told__the_thread_that_tells_takes_it),
         cmocka_unit_test(wake__two_submitted_by_who_is_told__both_begin),
         cmocka_unit_test(wake__stopped_pool__who_pushes_runs_and_tells),
         cmocka_unit_test(wake__bursts_while_threads_fall_asleep__every_job_begins),
         cmocka_unit_test(wake__pool_is_freed_when_it_has_told__nobody_touches_it),
         cmocka_unit_test(wake__policy_of_the_threads__batch_unless_one_was_chosen));
