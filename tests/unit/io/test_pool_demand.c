/* A pool whose threads begin when jobs would wait for one. */
#include "io/pool.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>

#include "base/list.h"
#include "support.h"

#define THREADS 3

/* The linker puts this in the place of the pool's call: threads that were started, and may be. */
static int started, startable = -1; /* -1: as many as are wanted */

int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg);

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg)
{
    if (started == startable)
        return EAGAIN;
    started++;
    return __real_pthread_create(t, a, run, arg);
}

/* Holds its thread until it is let go. */
struct block {
    struct wr_job job;
    sem_t begun, go;
};

static void wait_for(sem_t *s)
{
    while (sem_wait(s) < 0)
        ;
}

static void run_block(struct wr_job *j, void *thread_data)
{
    struct block *b = WR_CONTAINER_OF(j, struct block, job);

    assert_null(thread_data);
    sem_post(&b->begun);
    wait_for(&b->go);
}

static void block_init(struct block *b)
{
    *b = (struct block){.job = {.run = run_block}};
    sem_init(&b->begun, 0, 0);
    sem_init(&b->go, 0, 0);
}

static void block_fini(struct block *b)
{
    sem_destroy(&b->begun);
    sem_destroy(&b->go);
}

static struct wr_pool *new_pool(void)
{
    const struct wr_pool_setup setup = {
        .threads = THREADS, .queue_max = 1, .name = "pool", .on_demand = true};
    struct wr_pool *p = wr_pool_new(&setup);

    assert_non_null(p);
    started = 0;
    startable = -1;
    return p;
}

static void demand__one_job_at_a_time__one_thread(void **state)
{
    struct wr_pool *p = new_pool();

    (void)state;
    assert_int_equal(wr_pool_start(p), 0);
    assert_int_equal(started, 0);
    for (int i = 0; i < 5; i++) {
        struct block b;

        block_init(&b);
        sem_post(&b.go);
        assert_true(wr_pool_submit(p, &b.job));
        wait_for(&b.begun);
        wr_pool_wait(p);
        block_fini(&b);
    }
    assert_int_equal(started, 1);
    wr_pool_free(p);
}

static void demand__jobs_at_a_time__as_many_threads_up_to_the_bound(void **state)
{
    struct wr_pool *p = new_pool();
    struct block b[THREADS + 2];

    (void)state;
    assert_int_equal(wr_pool_start(p), 0);
    for (int i = 0; i < THREADS + 2; i++)
        block_init(&b[i]);
    for (int i = 0; i < THREADS; i++) {
        assert_true(wr_pool_submit(p, &b[i].job));
        wait_for(&b[i].begun);
        assert_int_equal(started, i + 1);
    }
    assert_true(wr_pool_submit(p, &b[THREADS].job)); /* one may wait */
    assert_false(wr_pool_submit(p, &b[THREADS + 1].job));
    assert_int_equal(started, THREADS);
    for (int i = 0; i < THREADS + 1; i++)
        sem_post(&b[i].go);
    wr_pool_free(p);
    for (int i = 0; i < THREADS + 2; i++)
        block_fini(&b[i]);
}

static void demand__no_thread_to_be_had__is_refused_until_there_is(void **state)
{
    struct wr_pool *p = new_pool();
    struct block b;

    (void)state;
    assert_int_equal(wr_pool_start(p), 0);
    block_init(&b);
    startable = 0;
    assert_false(wr_pool_submit(p, &b.job));
    startable = -1;
    assert_true(wr_pool_submit(p, &b.job));
    sem_post(&b.go);
    wr_pool_free(p);
    block_fini(&b);
}

static void demand__jobs_from_before_the_start__have_threads(void **state)
{
    struct wr_pool *p = new_pool();
    struct block b[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        block_init(&b[i]);
        wr_pool_push(p, &b[i].job);
    }
    assert_int_equal(wr_pool_start(p), 0);
    for (int i = 0; i < 2; i++)
        wait_for(&b[i].begun);
    assert_int_equal(started, 2);
    for (int i = 0; i < 2; i++)
        sem_post(&b[i].go);
    wr_pool_free(p);
    for (int i = 0; i < 2; i++)
        block_fini(&b[i]);
}

static void demand__no_job_at_all__no_thread_to_the_end(void **state)
{
    struct wr_pool *p = new_pool();

    (void)state;
    assert_int_equal(wr_pool_start(p), 0);
    assert_false(wr_pool_is_busy(p));
    wr_pool_wait(p);
    wr_pool_free(p);
    assert_int_equal(started, 0);
}

WR_TESTS(cmocka_unit_test(demand__one_job_at_a_time__one_thread),
         cmocka_unit_test(demand__jobs_at_a_time__as_many_threads_up_to_the_bound),
         cmocka_unit_test(demand__no_thread_to_be_had__is_refused_until_there_is),
         cmocka_unit_test(demand__jobs_from_before_the_start__have_threads),
         cmocka_unit_test(demand__no_job_at_all__no_thread_to_the_end));
