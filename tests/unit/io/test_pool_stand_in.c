/* Jobs that wait for somebody, and the threads that take their place meanwhile. */
#include "io/pool.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/list.h"
#include "io/futex.h"
#include "support.h"

/* Waiting has no bound here: main.c's watchdog is it. */
static void wait_for(sem_t *s)
{
    while (sem_wait(s) < 0)
        ;
}

/* The linker puts these in the place of the pool's calls. */
static atomic_int created;             /* threads */
static atomic_int startable = -1;      /* -1: as many as are wanted */
static atomic_bool is_still_ending;    /* a thread whose thread_start has failed */
static sem_t *_Atomic when_one_sleeps; /* NULL: nobody waits for that */

int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg);
int __wrap_pthread_tryjoin_np(pthread_t t, void **result);
void __real_wr_futex_wait(_Atomic uint32_t *word, uint32_t value);
void __wrap_wr_futex_wait(_Atomic uint32_t *word, uint32_t value);

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg)
{
    if (startable == 0)
        return EAGAIN;
    startable -= startable > 0;
    atomic_fetch_add(&created, 1);
    return __real_pthread_create(t, a, run, arg);
}

/* It is about to end: so the answer is the same every time. */
int __wrap_pthread_tryjoin_np(pthread_t t, void **result)
{
    return is_still_ending ? EBUSY : pthread_join(t, result);
}

void __wrap_wr_futex_wait(_Atomic uint32_t *word, uint32_t value)
{
    sem_t *s = when_one_sleeps;

    if (s)
        sem_post(s);
    __real_wr_futex_wait(word, value);
}

/* ---- a clock by hand ---- */

struct hand_clock {
    atomic_llong ms;
    sem_t asked; /* posted when a thread of the pool asks */
    pthread_t test;
};

static int64_t monotonic_ms(void *ctx)
{
    struct hand_clock *c = ctx;
    int64_t ms = atomic_load(&c->ms);

    if (!pthread_equal(pthread_self(), c->test))
        sem_post(&c->asked);
    return ms;
}

/* ---- hooks ---- */

struct seen {
    int fail_from, fail_to; /* calls of thread_start that fail, from 1; 0: none */
    atomic_int starts, stops;
    char data[64];
    atomic_int ended[64];
};

static int on_start(void *arg, void **thread_data)
{
    struct seen *s = arg;
    int k = atomic_fetch_add(&s->starts, 1) + 1;

    if (k >= s->fail_from && k <= s->fail_to)
        return -ENOMEM;
    *thread_data = &s->data[k];
    return 0;
}

static void on_stop(void *arg, void *thread_data)
{
    struct seen *s = arg;

    atomic_fetch_add(&s->stops, 1);
    atomic_fetch_add(&s->ended[(char *)thread_data - s->data], 1);
}

static struct wr_pool *started(struct wr_pool_setup setup)
{
    struct wr_pool *p;

    setup.name = "pool";
    startable = -1;
    is_still_ending = false;
    when_one_sleeps = NULL;
    p = wr_pool_new(&setup);
    assert_non_null(p);
    assert_int_equal(wr_pool_start(p), 0);
    created = 0;
    return p;
}

/* ---- jobs ---- */

/* Begins, waits until it is let go, and works on until it is let go again. */
struct client {
    struct wr_job job;
    struct wr_pool *pool;
    sem_t waits, arrived, works, go;
};

static void run_client(struct wr_job *j, void *thread_data)
{
    struct client *c = WR_CONTAINER_OF(j, struct client, job);

    (void)thread_data;
    wr_pool_wait_begin(c->pool);
    sem_post(&c->waits);
    wait_for(&c->arrived);
    wr_pool_wait_end(c->pool);
    sem_post(&c->works);
    wait_for(&c->go);
}

static void client_init(struct client *c, struct wr_pool *p)
{
    *c = (struct client){.job.run = run_client, .pool = p};
    sem_init(&c->waits, 0, 0);
    sem_init(&c->arrived, 0, 0);
    sem_init(&c->works, 0, 0);
    sem_init(&c->go, 0, 0);
}

static void client_fini(struct client *c)
{
    sem_destroy(&c->waits);
    sem_destroy(&c->arrived);
    sem_destroy(&c->works);
    sem_destroy(&c->go);
}

static void begin_waiting(struct client *c, struct wr_pool *p)
{
    client_init(c, p);
    assert_true(wr_pool_submit(p, &c->job));
    wait_for(&c->waits);
}

static void come_back(struct client *c)
{
    sem_post(&c->arrived);
    wait_for(&c->works);
}

static void finish(struct client *c)
{
    sem_post(&c->arrived);
    sem_post(&c->go);
}

/* Holds its thread until it is let go. */
struct block {
    struct wr_job job;
    sem_t begun, go;
    void *thread_data;
};

static void run_block(struct wr_job *j, void *thread_data)
{
    struct block *b = WR_CONTAINER_OF(j, struct block, job);

    b->thread_data = thread_data;
    sem_post(&b->begun);
    wait_for(&b->go);
}

static void block_init(struct block *b)
{
    *b = (struct block){.job.run = run_block};
    sem_init(&b->begun, 0, 0);
    sem_init(&b->go, 0, 0);
}

static void block_fini(struct block *b)
{
    sem_destroy(&b->begun);
    sem_destroy(&b->go);
}

struct quick {
    struct wr_job job;
    sem_t has_run;
};

static void run_quick(struct wr_job *j, void *thread_data)
{
    (void)thread_data;
    sem_post(&WR_CONTAINER_OF(j, struct quick, job)->has_run);
}

static void run_one(struct wr_pool *p)
{
    struct quick q = {.job.run = run_quick};

    sem_init(&q.has_run, 0, 0);
    assert_true(wr_pool_submit(p, &q.job));
    wait_for(&q.has_run);
    sem_destroy(&q.has_run);
}

/* ---- who runs ---- */

static void stand_in__every_thread_waits__others_run_on_one_that_stays(void **state)
{
    struct wr_pool *p =
        started((struct wr_pool_setup){.threads = 2, .queue_max = 4, .stand_ins = 2});
    struct client c[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        begin_waiting(&c[i], p);
    assert_int_equal(created, 0); /* nobody would wait */
    for (int i = 0; i < 100; i++)
        run_one(p);
    assert_in_range(created, 1, 2); /* one may be about to end as the next comes */
    assert_true(wr_pool_is_busy(p));
    for (int i = 0; i < 2; i++)
        finish(&c[i]);
    wr_pool_wait(p);
    assert_false(wr_pool_is_busy(p));
    wr_pool_free(p);
    for (int i = 0; i < 2; i++)
        client_fini(&c[i]);
}

/* The second time the stand-in is there, and sleeps. */
static void stand_in__a_job_is_queued_when_the_wait_begins__it_begins(void **state)
{
    struct wr_pool *p =
        started((struct wr_pool_setup){.threads = 1, .queue_max = 2, .stand_ins = 1});

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct block first, second;
        struct client c;

        block_init(&first);
        block_init(&second);
        client_init(&c, p);
        assert_true(wr_pool_submit(p, &first.job));
        wait_for(&first.begun);
        assert_true(wr_pool_submit(p, &c.job));
        assert_true(wr_pool_submit(p, &second.job));
        assert_int_equal(created, i); /* the place is had by a job that does not wait */
        sem_post(&first.go);
        wait_for(&c.waits);
        wait_for(&second.begun);
        assert_int_equal(created, 1);
        sem_post(&second.go);
        finish(&c);
        wr_pool_wait(p);
        client_fini(&c);
        block_fini(&first);
        block_fini(&second);
    }
    wr_pool_free(p);
}

static void stand_in__as_many_as_there_may_be_wait__the_queue_fills(void **state)
{
    struct wr_pool *p =
        started((struct wr_pool_setup){.threads = 1, .queue_max = 1, .stand_ins = 2});
    struct client c[3];
    struct block b, refused;

    (void)state;
    for (int i = 0; i < 3; i++)
        begin_waiting(&c[i], p);
    block_init(&b);
    block_init(&refused);
    assert_true(wr_pool_submit(p, &b.job));
    assert_false(wr_pool_submit(p, &refused.job));
    assert_int_equal(created, 2);
    finish(&c[1]);
    wait_for(&b.begun);
    sem_post(&b.go);
    finish(&c[0]);
    finish(&c[2]);
    wr_pool_free(p);
    for (int i = 0; i < 3; i++)
        client_fini(&c[i]);
    block_fini(&b);
    block_fini(&refused);
}

static void stand_in__none_may_be__a_job_that_waits_keeps_its_place(void **state)
{
    struct wr_pool *p = started((struct wr_pool_setup){.threads = 1, .queue_max = 0});
    struct block refused;
    struct client c;

    (void)state;
    block_init(&refused);
    begin_waiting(&c, p);
    assert_false(wr_pool_submit(p, &refused.job));
    come_back(&c);
    assert_false(wr_pool_submit(p, &refused.job));
    sem_post(&c.go);
    wr_pool_wait(p);
    assert_int_equal(created, 0);
    run_one(p);
    wr_pool_free(p);
    client_fini(&c);
    block_fini(&refused);
}

/* ---- how many run ---- */

/* The wait ends at once although another has its place; who has finished then takes no further job
 * as long as the place is had. */
static void stand_in__back_from_the_wait__nobody_begins_until_there_is_a_place(void **state)
{
    struct wr_pool *p =
        started((struct wr_pool_setup){.threads = 1, .queue_max = 1, .stand_ins = 1});
    struct block has_place, next;
    struct client c;
    sem_t sleeps;

    (void)state;
    sem_init(&sleeps, 0, 0);
    block_init(&has_place);
    block_init(&next);
    begin_waiting(&c, p);
    assert_true(wr_pool_submit(p, &has_place.job));
    wait_for(&has_place.begun);
    come_back(&c);
    assert_true(wr_pool_submit(p, &next.job));
    when_one_sleeps = &sleeps;
    sem_post(&c.go);
    wait_for(&sleeps); /* the client's thread: there is a job, and none for it */
    when_one_sleeps = NULL;
    assert_int_not_equal(sem_trywait(&next.begun), 0);
    sem_post(&has_place.go);
    wait_for(&next.begun);
    sem_post(&next.go);
    wr_pool_free(p);
    client_fini(&c);
    block_fini(&has_place);
    block_fini(&next);
    sem_destroy(&sleeps);
}

static void stand_in__sleeps__is_no_further_place(void **state)
{
    struct wr_pool *p =
        started((struct wr_pool_setup){.threads = 1, .queue_max = 0, .stand_ins = 3});
    struct client c[3];
    struct block b, refused;

    (void)state;
    for (int i = 0; i < 3; i++)
        begin_waiting(&c[i], p);
    for (int i = 0; i < 3; i++)
        finish(&c[i]);
    wr_pool_wait(p);
    block_init(&b);
    block_init(&refused);
    assert_true(wr_pool_submit(p, &b.job));
    assert_false(wr_pool_submit(p, &refused.job)); /* before a thread has woken */
    wait_for(&b.begun);
    assert_false(wr_pool_submit(p, &refused.job)); /* and after */
    wr_pool_push(p, &refused.job);
    sem_post(&refused.go);
    assert_int_not_equal(sem_trywait(&refused.begun), 0);
    sem_post(&b.go);
    wait_for(&refused.begun);
    assert_int_equal(created, 2);
    wr_pool_free(p);
    for (int i = 0; i < 3; i++)
        client_fini(&c[i]);
    block_fini(&b);
    block_fini(&refused);
}

static void stand_in__of_earlier__is_taken_again(void **state)
{
    struct wr_pool *p =
        started((struct wr_pool_setup){.threads = 1, .queue_max = 1, .stand_ins = 3});

    (void)state;
    for (int i = 0; i < 50; i++) {
        struct client c;

        begin_waiting(&c, p);
        run_one(p);
        finish(&c);
        wr_pool_wait(p);
        client_fini(&c);
    }
    assert_int_equal(created, 1);
    wr_pool_free(p);
}

struct note {
    struct wr_job job;
    int number;
    int *order, *n;
};

static void run_note(struct wr_job *j, void *thread_data)
{
    struct note *note = WR_CONTAINER_OF(j, struct note, job);

    (void)thread_data;
    note->order[(*note->n)++] = note->number;
}

static void stand_in__one_place__jobs_run_in_their_order(void **state)
{
    struct wr_pool *p =
        started((struct wr_pool_setup){.threads = 1, .queue_max = 101, .stand_ins = 1});
    int order[100], n = 0;
    struct note notes[100];
    struct client c;

    (void)state;
    client_init(&c, p);
    for (int i = 0; i < 100; i++)
        notes[i] = (struct note){.job.run = run_note, .number = i, .order = order, .n = &n};
    assert_true(wr_pool_submit(p, &c.job));
    for (int i = 0; i < 100; i++)
        wr_pool_push(p, &notes[i].job);
    wait_for(&c.waits);
    finish(&c);
    wr_pool_free(p);
    assert_int_equal(n, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(order[i], i);
    client_fini(&c);
}

/* ---- threads that cannot be had ---- */

static void stand_in__hooks__once_each_and_its_data_to_its_jobs(void **state)
{
    struct seen s = {0};
    struct wr_pool *p = started((struct wr_pool_setup){.threads = 1,
                                                       .queue_max = 0,
                                                       .stand_ins = 2,
                                                       .thread_start = on_start,
                                                       .thread_stop = on_stop,
                                                       .arg = &s});
    struct client c;
    struct block b;

    (void)state;
    begin_waiting(&c, p);
    block_init(&b);
    sem_post(&b.go);
    assert_true(wr_pool_submit(p, &b.job));
    wait_for(&b.begun);
    finish(&c);
    wr_pool_stop(p);
    assert_ptr_equal(b.thread_data, &s.data[2]);
    assert_int_equal(s.starts, 2);
    assert_int_equal(s.stops, 2);
    assert_int_equal(s.ended[1], 1);
    assert_int_equal(s.ended[2], 1);
    wr_pool_free(p);
    client_fini(&c);
    block_fini(&b);
}

static void stand_in__thread_start_fails__none_is_tried_for_a_second(void **state)
{
    struct seen s = {.fail_from = 2, .fail_to = 3};
    struct hand_clock hand = {.ms = 5000, .test = pthread_self()};
    const struct wr_clock clock = {.monotonic_ms = monotonic_ms, .ctx = &hand};
    struct wr_pool *p = started((struct wr_pool_setup){.threads = 1,
                                                       .queue_max = 8,
                                                       .stand_ins = 1,
                                                       .thread_start = on_start,
                                                       .thread_stop = on_stop,
                                                       .arg = &s,
                                                       .clock = &clock});
    struct block b[4];
    struct client c;

    (void)state;
    sem_init(&hand.asked, 0, 0);
    for (int i = 0; i < 4; i++)
        block_init(&b[i]);
    begin_waiting(&c, p);
    assert_true(wr_pool_submit(p, &b[0].job));
    wait_for(&hand.asked);
    hand.ms = 5999;
    assert_true(wr_pool_submit(p, &b[1].job));
    assert_int_equal(created, 1);
    hand.ms = 6000;
    is_still_ending = true;
    assert_true(wr_pool_submit(p, &b[2].job));
    assert_int_equal(created, 1); /* its thread is not gone yet */
    is_still_ending = false;
    wr_pool_cancel(p, &b[2].job);
    assert_true(wr_pool_submit(p, &b[2].job));
    wait_for(&hand.asked);
    assert_int_equal(created, 2);
    hand.ms = 7000;
    assert_true(wr_pool_submit(p, &b[3].job));
    assert_int_equal(created, 3);
    for (int i = 0; i < 4; i++) {
        wait_for(&b[i].begun);
        sem_post(&b[i].go);
    }
    finish(&c);
    wr_pool_free(p);
    assert_int_equal(s.starts, 4);
    assert_int_equal(s.stops, 2);
    client_fini(&c);
    for (int i = 0; i < 4; i++)
        block_fini(&b[i]);
    sem_destroy(&hand.asked);
}

/* What has waited for the stand-in runs when the client is there. */
static void stand_in__no_thread_to_be_had__jobs_wait_for_the_others(void **state)
{
    struct wr_pool *p =
        started((struct wr_pool_setup){.threads = 1, .queue_max = 1, .stand_ins = 1});
    struct client c;
    struct block b;

    (void)state;
    begin_waiting(&c, p);
    block_init(&b);
    startable = 0;
    assert_true(wr_pool_submit(p, &b.job));
    assert_int_equal(created, 0);
    finish(&c);
    wait_for(&b.begun);
    sem_post(&b.go);
    wr_pool_free(p);
    client_fini(&c);
    block_fini(&b);
}

static void stand_in__on_demand__begin_when_a_job_would_wait(void **state)
{
    struct wr_pool *p = started(
        (struct wr_pool_setup){.threads = 2, .queue_max = 0, .stand_ins = 1, .on_demand = true});
    struct block b[2], refused;
    struct client c;

    (void)state;
    block_init(&refused);
    begin_waiting(&c, p);
    assert_int_equal(created, 1);
    for (int i = 0; i < 2; i++) {
        block_init(&b[i]);
        assert_true(wr_pool_submit(p, &b[i].job));
        wait_for(&b[i].begun);
        assert_int_equal(created, 2 + i);
    }
    assert_false(wr_pool_submit(p, &refused.job));
    for (int i = 0; i < 2; i++)
        sem_post(&b[i].go);
    finish(&c);
    wr_pool_free(p);
    client_fini(&c);
    block_fini(&refused);
    for (int i = 0; i < 2; i++)
        block_fini(&b[i]);
}

/* ---- the end ---- */

static void *stop(void *arg)
{
    wr_pool_stop(arg);
    return NULL;
}

static void stand_in__stop_while_clients_stall__all_run_and_end(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct seen s = {0};
        struct wr_pool *p = started((struct wr_pool_setup){.threads = 2,
                                                           .queue_max = 64,
                                                           .stand_ins = 2,
                                                           .thread_start = on_start,
                                                           .thread_stop = on_stop,
                                                           .arg = &s});
        struct client c[6];
        pthread_t stopper;

        for (int i = 0; i < 6; i++) {
            client_init(&c[i], p);
            wr_pool_push(p, &c[i].job);
        }
        for (int i = 0; i < 4; i++)
            wait_for(&c[i].waits);
        assert_int_equal(pthread_create(&stopper, NULL, stop, p), 0);
        for (int i = 0; i < 6; i++)
            finish(&c[i]);
        assert_int_equal(pthread_join(stopper, NULL), 0);
        for (int i = 0; i < 6; i++)
            wait_for(&c[i].works);
        assert_int_equal(s.starts, 4);
        assert_int_equal(s.stops, 4);
        wr_pool_free(p);
        for (int i = 0; i < 6; i++)
            client_fini(&c[i]);
    }
}

static void stand_in__job_without_a_thread__waits_all_the_same(void **state)
{
    const struct wr_pool_setup setup = {
        .threads = 1, .queue_max = 1, .name = "pool", .stand_ins = 1};
    struct wr_pool *p = wr_pool_new(&setup);
    struct client c;

    (void)state;
    assert_non_null(p);
    client_init(&c, p);
    wr_pool_push(p, &c.job);
    finish(&c);
    wr_pool_stop(p); /* it has not been started */
    wait_for(&c.works);
    finish(&c);
    wr_pool_push(p, &c.job);
    wait_for(&c.works);
    wr_pool_free(p);
    client_fini(&c);
}

/* ---- many ---- */

#define THREADS    3
#define STAND_INS  3
#define SUBMITTERS 4
#define EACH       10000

struct crowd {
    struct wr_pool *pool;
    atomic_int running, most, runs;
};

struct member {
    struct wr_job job;
    struct crowd *crowd;
    unsigned random;
    atomic_int runs;
};

static unsigned next_random(unsigned *r)
{
    *r = *r * 1103515245U + 12345U;
    return *r >> 16;
}

static void count_in(struct crowd *c)
{
    int n = atomic_fetch_add(&c->running, 1) + 1, most = atomic_load(&c->most);

    while (n > most && !atomic_compare_exchange_weak(&c->most, &most, n))
        ;
}

static void run_member(struct wr_job *j, void *thread_data)
{
    struct member *m = WR_CONTAINER_OF(j, struct member, job);
    struct crowd *c = m->crowd;

    (void)thread_data;
    count_in(c);
    for (unsigned waits = next_random(&m->random) % 4; waits > 0; waits--) {
        atomic_fetch_sub(&c->running, 1);
        wr_pool_wait_begin(c->pool);
        for (unsigned k = next_random(&m->random) % 4; k > 0; k--)
            sched_yield();
        wr_pool_wait_end(c->pool);
        count_in(c);
    }
    atomic_fetch_add(&m->runs, 1);
    atomic_fetch_add(&c->runs, 1);
    atomic_fetch_sub(&c->running, 1);
}

struct submitter {
    pthread_t thread;
    struct crowd *crowd;
    struct member *members;
    unsigned random;
    int refused, cancelled;
};

static void *submit_all(void *arg)
{
    struct submitter *s = arg;
    struct wr_pool *p = s->crowd->pool;

    for (int i = 0; i < EACH; i++) {
        unsigned what = next_random(&s->random) % 4;
        int k = i - (int)(next_random(&s->random) % 8);

        if (what == 0)
            wr_pool_push(p, &s->members[i].job);
        else if (!wr_pool_submit(p, &s->members[i].job))
            s->refused++;
        if (what == 1 && k >= 0 && wr_pool_cancel(p, &s->members[k].job))
            s->cancelled++;
        if (what == 2 && i % 100 == 0)
            wr_pool_wait(p);
    }
    return NULL;
}

static void check_crowd(const struct crowd *c, const struct submitter *s,
                        const struct member *members)
{
    int others = 0;

    for (int i = 0; i < SUBMITTERS; i++)
        others += s[i].refused + s[i].cancelled;
    assert_int_equal(c->runs + others, SUBMITTERS * EACH);
    assert_in_range(c->most, 1, THREADS + STAND_INS);
    for (int i = 0; i < SUBMITTERS * EACH; i++)
        if (members[i].runs > 1)
            fail_msg("job %d has run %d times", i, members[i].runs);
}

static void stand_in__random_waits_cancels_and_submits__each_runs_or_does_not(void **state)
{
    struct seen seen = {0};
    struct crowd c = {.pool = started((struct wr_pool_setup){.threads = THREADS,
                                                             .queue_max = 16,
                                                             .stand_ins = STAND_INS,
                                                             .thread_start = on_start,
                                                             .thread_stop = on_stop,
                                                             .arg = &seen})};
    struct member *members = calloc((size_t)SUBMITTERS * EACH, sizeof *members);
    struct submitter s[SUBMITTERS];

    (void)state;
    assert_non_null(members);
    for (unsigned i = 0; i < SUBMITTERS * EACH; i++) {
        members[i].job.run = run_member;
        members[i].crowd = &c;
        members[i].random = i * 2654435761U;
    }
    for (unsigned i = 0; i < SUBMITTERS; i++) {
        s[i] = (struct submitter){.crowd = &c, .members = members + (size_t)i * EACH, .random = i};
        assert_int_equal(pthread_create(&s[i].thread, NULL, submit_all, &s[i]), 0);
    }
    for (int i = 0; i < SUBMITTERS; i++)
        assert_int_equal(pthread_join(s[i].thread, NULL), 0);
    wr_pool_wait(c.pool);
    wr_pool_stop(c.pool);
    check_crowd(&c, s, members);
    assert_int_equal(seen.starts, seen.stops);
    assert_in_range(seen.starts, THREADS, THREADS + STAND_INS);
    wr_pool_free(c.pool);
    free(members);
}

WR_TESTS(cmocka_unit_test(stand_in__every_thread_waits__others_run_on_one_that_stays),
         cmocka_unit_test(stand_in__a_job_is_queued_when_the_wait_begins__it_begins),
         cmocka_unit_test(stand_in__as_many_as_there_may_be_wait__the_queue_fills),
         cmocka_unit_test(stand_in__none_may_be__a_job_that_waits_keeps_its_place),
         cmocka_unit_test(stand_in__back_from_the_wait__nobody_begins_until_there_is_a_place),
         cmocka_unit_test(stand_in__sleeps__is_no_further_place),
         cmocka_unit_test(stand_in__of_earlier__is_taken_again),
         cmocka_unit_test(stand_in__one_place__jobs_run_in_their_order),
         cmocka_unit_test(stand_in__hooks__once_each_and_its_data_to_its_jobs),
         cmocka_unit_test(stand_in__thread_start_fails__none_is_tried_for_a_second),
         cmocka_unit_test(stand_in__no_thread_to_be_had__jobs_wait_for_the_others),
         cmocka_unit_test(stand_in__on_demand__begin_when_a_job_would_wait),
         cmocka_unit_test(stand_in__stop_while_clients_stall__all_run_and_end),
         cmocka_unit_test(stand_in__job_without_a_thread__waits_all_the_same),
         cmocka_unit_test(stand_in__random_waits_cancels_and_submits__each_runs_or_does_not));
