#include "io/pool.h"

#include <semaphore.h>
#include <stdatomic.h>

#include "base/list.h"
#include "support.h"

#define CHAIN 1000

/* A job that pushes itself again until it has run CHAIN times. */
struct chain {
    struct wr_job job;
    struct wr_pool *pool;
    sem_t begin;
    atomic_int runs;
};

static void run_on(struct wr_job *job, void *thread_data)
{
    struct chain *c = WR_CONTAINER_OF(job, struct chain, job);

    (void)thread_data;
    if (atomic_load(&c->runs) == 0)
        while (sem_wait(&c->begin) < 0)
            ;
    if (atomic_fetch_add(&c->runs, 1) + 1 < CHAIN)
        wr_pool_push(c->pool, &c->job);
}

static void pool__wait__returns_when_nothing_waits_or_runs(void **state)
{
    const struct wr_pool_setup setup = {.threads = 3, .queue_max = 2, .name = "pool"};
    struct chain c = {.job.run = run_on, .pool = wr_pool_new(&setup)};

    (void)state;
    assert_non_null(c.pool);
    sem_init(&c.begin, 0, 0);
    wr_pool_wait(c.pool); /* not started: at once */
    assert_int_equal(wr_pool_start(c.pool), 0);
    wr_pool_wait(c.pool); /* nothing to do: at once */
    for (int i = 1; i <= 20; i++) {
        atomic_store(&c.runs, 0);
        assert_true(wr_pool_submit(c.pool, &c.job));
        sem_post(&c.begin);
        wr_pool_wait(c.pool);
        assert_int_equal(atomic_load(&c.runs), CHAIN); /* and what the job pushed */
    }
    wr_pool_stop(c.pool);
    wr_pool_wait(c.pool);
    wr_pool_free(c.pool);
    sem_destroy(&c.begin);
}

/* ---- how many run ---- */

static void wait_for(sem_t *s)
{
    while (sem_wait(s) < 0)
        ;
}

/* A job that waits for a client, or holds its thread. */
struct held {
    struct wr_job job;
    struct wr_pool *pool; /* to be told of the wait; NULL: it is not */
    sem_t begun, go;
};

static void hold(struct wr_job *job, void *thread_data)
{
    struct held *h = WR_CONTAINER_OF(job, struct held, job);

    (void)thread_data;
    if (h->pool)
        wr_pool_wait_begin(h->pool);
    sem_post(&h->begun);
    wait_for(&h->go);
    if (h->pool)
        wr_pool_wait_end(h->pool);
}

static void held_init(struct held *h, struct wr_pool *told)
{
    *h = (struct held){.job.run = hold, .pool = told};
    sem_init(&h->begun, 0, 0);
    sem_init(&h->go, 0, 0);
}

static void held_fini(struct held *h)
{
    sem_destroy(&h->begun);
    sem_destroy(&h->go);
}

/* The stand-in, the second thread to start, is let in by hand. */
struct door {
    atomic_int starts;
    sem_t open;
};

static int come_in(void *arg, void **thread_data)
{
    struct door *d = arg;

    (void)thread_data;
    if (atomic_fetch_add(&d->starts, 1) > 0)
        wait_for(&d->open);
    return 0;
}

static void expect_running(struct wr_pool *p, size_t expected, bool expects_more)
{
    bool is_beginning = !expects_more;

    assert_int_equal(wr_pool_running(p, &is_beginning), expected);
    assert_int_equal(is_beginning, expects_more);
}

static void pool__running__counts_those_that_wait_and_tells_of_one_to_begin(void **state)
{
    struct door d = {0};
    struct wr_pool *p = wr_pool_new(&(struct wr_pool_setup){.threads = 1,
                                                            .queue_max = 4,
                                                            .stand_ins = 1,
                                                            .name = "pool",
                                                            .thread_start = come_in,
                                                            .arg = &d});
    struct held waits, works, next;

    (void)state;
    sem_init(&d.open, 0, 0);
    held_init(&waits, p);
    held_init(&works, NULL);
    held_init(&next, NULL);
    assert_int_equal(wr_pool_start(p), 0);
    expect_running(p, 0, false);
    assert_true(wr_pool_submit(p, &waits.job));
    wait_for(&waits.begun);
    expect_running(p, 1, false);
    assert_true(wr_pool_submit(p, &works.job));
    expect_running(p, 1, true); /* its thread is there, and not yet ready */
    sem_post(&d.open);
    wait_for(&works.begun);
    assert_true(wr_pool_submit(p, &next.job));
    expect_running(p, 2, false); /* the one place is had */
    sem_post(&works.go);
    wait_for(&next.begun);
    sem_post(&next.go);
    sem_post(&waits.go);
    wr_pool_wait(p);
    expect_running(p, 0, false);
    wr_pool_free(p);
    held_fini(&waits);
    held_fini(&works);
    held_fini(&next);
    sem_destroy(&d.open);
}

WR_TESTS(cmocka_unit_test(pool__wait__returns_when_nothing_waits_or_runs),
         cmocka_unit_test(pool__running__counts_those_that_wait_and_tells_of_one_to_begin));
