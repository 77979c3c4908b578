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

WR_TESTS(cmocka_unit_test(pool__wait__returns_when_nothing_waits_or_runs));
