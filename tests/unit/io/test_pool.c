#include "io/pool.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "io/futex.h"
#include "support.h"

#define THREADS 4

/* Waiting has no bound here: main.c's watchdog is it. */
static void wait_for(sem_t *s)
{
    while (sem_wait(s) < 0)
        ;
}

/* The linker puts this in the place of the pool's call: how often it woke a thread. */
static atomic_int wakes;

void __real_wr_futex_wake(_Atomic uint32_t *word);
void __wrap_wr_futex_wake(_Atomic uint32_t *word);

void __wrap_wr_futex_wake(_Atomic uint32_t *word)
{
    atomic_fetch_add(&wakes, 1);
    __real_wr_futex_wake(word);
}

static int creations_left = -1; /* -1: as many as are wanted */

int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg);

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg)
{
    if (creations_left == 0)
        return EAGAIN;
    creations_left -= creations_left > 0;
    return __real_pthread_create(t, a, run, arg);
}

/* ---- what a pool's hooks saw ---- */

struct seen {
    int fail_at, error; /* thread_start fails in its fail_at-th call, from 1; 0: in none */
    atomic_int starts, stops;
    char data[16];        /* thread_data of the k-th call is &data[k] */
    atomic_int ended[16]; /* thread_stop calls with it */
};

static int on_start(void *arg, void **thread_data)
{
    struct seen *s = arg;
    int k = atomic_fetch_add(&s->starts, 1) + 1;

    if (k == s->fail_at)
        return s->error;
    *thread_data = &s->data[k];
    return k; /* any number from 0 is success */
}

static void on_stop(void *arg, void *thread_data)
{
    struct seen *s = arg;

    atomic_fetch_add(&s->stops, 1);
    atomic_fetch_add(&s->ended[(char *)thread_data - s->data], 1);
}

static struct wr_pool *new_pool(int threads, size_t queue_max, struct seen *s)
{
    struct wr_pool_setup setup = {.threads = threads, .queue_max = queue_max, .name = "pool"};
    struct wr_pool *p;

    if (s) {
        setup.thread_start = on_start;
        setup.thread_stop = on_stop;
        setup.arg = s;
    }
    p = wr_pool_new(&setup);
    assert_non_null(p);
    return p;
}

static struct wr_pool *started_pool(int threads, size_t queue_max, struct seen *s)
{
    struct wr_pool *p = new_pool(threads, queue_max, s);

    assert_int_equal(wr_pool_start(p), 0);
    return p;
}

/* ---- jobs ---- */

struct note {
    int *order; /* where the number goes; NULL: nowhere */
    int *n;
    void *thread_data;
    pthread_t thread;
    struct wr_job job;
    int number, runs;
};

static void run_note(struct wr_job *j, void *thread_data)
{
    struct note *note = WR_CONTAINER_OF(j, struct note, job);

    note->runs++;
    note->thread_data = thread_data;
    note->thread = pthread_self();
    if (note->order)
        note->order[(*note->n)++] = note->number;
}

/* Holds its thread until it is let go. */
struct block {
    struct wr_job job;
    sem_t begun, go;
};

static void run_block(struct wr_job *j, void *thread_data)
{
    struct block *b = WR_CONTAINER_OF(j, struct block, job);

    (void)thread_data;
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

/* All of the pool's threads are held when this returns. */
static void hold(struct wr_pool *p, struct block *b, int n)
{
    for (int i = 0; i < n; i++) {
        block_init(&b[i]);
        wr_pool_push(p, &b[i].job);
    }
    for (int i = 0; i < n; i++)
        wait_for(&b[i].begun);
}

static void let_go(struct block *b, int n)
{
    for (int i = 0; i < n; i++)
        sem_post(&b[i].go);
}

static void free_held(struct wr_pool *p, struct block *b, int n)
{
    let_go(b, n);
    wr_pool_free(p);
    for (int i = 0; i < n; i++)
        block_fini(&b[i]);
}

/* ---- order and bounds ---- */

static void pool__one_thread__jobs_run_in_their_order(void **state)
{
    struct wr_pool *p = started_pool(1, 1000, NULL);
    static struct note notes[1000];
    static int order[1000];
    int n = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        notes[i] = (struct note){.job = {.run = run_note}, .order = order, .n = &n, .number = i};
        if (i % 3 == 0)
            wr_pool_push(p, &notes[i].job);
        else
            assert_true(wr_pool_submit(p, &notes[i].job));
    }
    wr_pool_stop(p);
    assert_int_equal(n, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(order[i], i);
    wr_pool_free(p);
}

static void pool__queue_is_full__submit_is_refused_and_push_is_not(void **state)
{
    struct wr_pool *p = started_pool(2, 3, NULL);
    struct note notes[6] = {0}, refused = {.job = {.run = run_note}};
    struct block held[2];

    (void)state;
    for (int i = 0; i < 6; i++)
        notes[i].job.run = run_note;
    hold(p, held, 2);
    for (int i = 0; i < 3; i++)
        assert_true(wr_pool_submit(p, &notes[i].job));
    assert_false(wr_pool_submit(p, &refused.job));
    wr_pool_push(p, &notes[3].job);
    wr_pool_push(p, &notes[4].job);
    assert_false(wr_pool_submit(p, &refused.job));
    let_go(held, 2);
    wr_pool_stop(p);
    assert_true(wr_pool_submit(p, &notes[5].job)); /* none waits any more */
    for (int i = 0; i < 6; i++)
        assert_int_equal(notes[i].runs, 1);
    assert_int_equal(refused.runs, 0);
    free_held(p, held, 0);
    block_fini(&held[0]);
    block_fini(&held[1]);
}

/* With 2 threads and 3 that may wait, 5 are taken at once, though no thread may be awake yet. */
static void pool__free_threads__what_they_will_take_does_not_wait(void **state)
{
    struct note refused = {.job = {.run = run_note}};

    (void)state;
    for (int round = 0; round < 200; round++) {
        struct wr_pool *p = started_pool(2, 3, NULL);
        struct block b[5];

        for (int i = 0; i < 5; i++) {
            block_init(&b[i]);
            assert_true(wr_pool_submit(p, &b[i].job));
        }
        assert_false(wr_pool_submit(p, &refused.job));
        free_held(p, b, 5);
    }
    assert_int_equal(refused.runs, 0);
}

static void pool__nothing_may_wait__a_free_thread_still_takes_one(void **state)
{
    struct wr_pool *p = started_pool(1, 0, NULL);
    struct note refused = {.job = {.run = run_note}};
    struct block b;

    (void)state;
    block_init(&b);
    assert_true(wr_pool_submit(p, &b.job));
    assert_false(wr_pool_submit(p, &refused.job));
    wait_for(&b.begun);
    assert_false(wr_pool_submit(p, &refused.job));
    free_held(p, &b, 1);
    assert_int_equal(refused.runs, 0);
}

static void pool__before_start__jobs_wait_within_the_bound(void **state)
{
    struct wr_pool *p = new_pool(2, 2, NULL);
    struct note notes[3] = {0}, refused = {.job = {.run = run_note}};

    (void)state;
    for (int i = 0; i < 3; i++)
        notes[i].job.run = run_note;
    assert_true(wr_pool_submit(p, &notes[0].job));
    assert_true(wr_pool_submit(p, &notes[1].job));
    assert_false(wr_pool_submit(p, &refused.job));
    wr_pool_push(p, &notes[2].job);
    assert_int_equal(notes[0].runs, 0);
    assert_int_equal(wr_pool_start(p), 0);
    wr_pool_stop(p);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(notes[i].runs, 1);
        assert_false(pthread_equal(notes[i].thread, pthread_self()));
    }
    wr_pool_free(p);
}

static void pool__jobs_from_before_the_start__wake_threads(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct wr_pool *p = new_pool(2, 2, NULL);
        struct block b[2];

        for (int i = 0; i < 2; i++) {
            block_init(&b[i]);
            wr_pool_push(p, &b[i].job);
        }
        assert_int_equal(wr_pool_start(p), 0);
        wait_for(&b[0].begun);
        wait_for(&b[1].begun);
        free_held(p, b, 2);
    }
}

/* ---- threads at their beginning and end ---- */

static void pool__thread_start_fails__the_others_end_and_its_number_comes_back(void **state)
{
    (void)state;
    for (int k = 1; k <= THREADS; k++) {
        struct seen s = {.fail_at = k, .error = -EXDEV};
        struct wr_pool *p = new_pool(THREADS, 1, &s);
        struct note waits = {.job = {.run = run_note}};

        wr_pool_push(p, &waits.job);
        assert_int_equal(wr_pool_start(p), -EXDEV);
        assert_int_equal(s.starts, THREADS);
        assert_int_equal(s.stops, THREADS - 1);
        for (int i = 1; i <= THREADS; i++)
            assert_int_equal(s.ended[i], i == k ? 0 : 1);
        assert_int_equal(waits.runs, 0);
        wr_pool_free(p);
        assert_int_equal(s.stops, THREADS - 1);
        assert_int_equal(waits.runs, 1);
        assert_null(waits.thread_data);
    }
}

static void pool__no_further_thread_to_be_had__the_others_end(void **state)
{
    (void)state;
    for (int k = 0; k < THREADS; k++) {
        struct seen s = {0};
        struct wr_pool *p = new_pool(THREADS, 1, &s);

        creations_left = k;
        assert_int_equal(wr_pool_start(p), -EAGAIN);
        creations_left = -1;
        assert_int_equal(s.starts, k);
        assert_int_equal(s.stops, k);
        wr_pool_free(p);
    }
}

static void pool__failed_start__may_be_tried_again(void **state)
{
    struct seen s = {.fail_at = 2, .error = -ENOMEM};
    struct wr_pool *p = new_pool(2, 1, &s);
    struct note note = {.job = {.run = run_note}};

    (void)state;
    assert_int_equal(wr_pool_start(p), -ENOMEM);
    assert_int_equal(wr_pool_start(p), 0); /* calls 3 and 4 */
    wr_pool_push(p, &note.job);
    assert_int_equal(wr_pool_start(p), -EINVAL);
    wr_pool_stop(p);
    assert_int_equal(wr_pool_start(p), -EINVAL);
    assert_true(note.thread_data == &s.data[3] || note.thread_data == &s.data[4]);
    assert_int_equal(s.starts, 4);
    assert_int_equal(s.stops, 3);
    wr_pool_free(p);
}

static void pool__start_and_stop__hooks_are_called_once_a_thread(void **state)
{
    struct seen s = {0};
    struct wr_pool *p = started_pool(THREADS, 1, &s);

    (void)state;
    assert_int_equal(s.starts, THREADS);
    assert_int_equal(s.stops, 0);
    wr_pool_stop(p);
    assert_int_equal(s.stops, THREADS);
    wr_pool_stop(p);
    wr_pool_free(p);
    assert_int_equal(s.stops, THREADS);
    for (int i = 1; i <= THREADS; i++)
        assert_int_equal(s.ended[i], 1);
}

struct meeting {
    struct wr_job job;
    pthread_barrier_t *barrier;
    void *thread_data;
    pthread_t thread;
};

static void run_meeting(struct wr_job *j, void *thread_data)
{
    struct meeting *m = WR_CONTAINER_OF(j, struct meeting, job);

    m->thread_data = thread_data;
    m->thread = pthread_self();
    pthread_barrier_wait(m->barrier);
}

/* A barrier of N opens only when N are in it. */
static void pool__n_jobs__run_at_the_same_time_each_with_its_threads_data(void **state)
{
    struct seen s = {0};
    struct wr_pool *p = started_pool(THREADS, THREADS, &s);
    struct meeting m[THREADS];
    pthread_barrier_t barrier;

    (void)state;
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        m[i] = (struct meeting){.job = {.run = run_meeting}, .barrier = &barrier};
        assert_true(wr_pool_submit(p, &m[i].job));
    }
    wr_pool_stop(p);
    for (int i = 0; i < THREADS; i++) {
        assert_in_range((char *)m[i].thread_data - s.data, 1, THREADS);
        for (int k = 0; k < i; k++) {
            assert_ptr_not_equal(m[i].thread_data, m[k].thread_data);
            assert_false(pthread_equal(m[i].thread, m[k].thread));
        }
    }
    pthread_barrier_destroy(&barrier);
    wr_pool_free(p);
}

struct look {
    struct wr_job job;
    sigset_t mask;
    char name[16];
};

static void run_look(struct wr_job *j, void *thread_data)
{
    struct look *l = WR_CONTAINER_OF(j, struct look, job);

    (void)thread_data;
    pthread_sigmask(SIG_SETMASK, NULL, &l->mask);
    pthread_getname_np(pthread_self(), l->name, sizeof l->name);
}

/* signal(7): SIGKILL and SIGSTOP cannot be blocked; what sigfillset() leaves out is glibc's own. */
static void pool__threads__have_every_signal_blocked(void **state)
{
    struct wr_pool *p = started_pool(1, 1, NULL);
    struct look l = {.job = {.run = run_look}};
    sigset_t all;

    (void)state;
    wr_pool_push(p, &l.job);
    wr_pool_free(p);
    sigfillset(&all);
    for (int i = 1; i <= SIGRTMAX; i++)
        if (i != SIGKILL && i != SIGSTOP && sigismember(&all, i) && !sigismember(&l.mask, i))
            fail_msg("signal %d is not blocked", i);
    assert_string_equal(l.name, "pool");
}

/* ---- stopping ---- */

/* Pushes itself until `left` is 0. */
struct chain {
    struct wr_job job;
    struct wr_pool *pool;
    int left, runs;
    bool has_no_data;
};

static void run_chain(struct wr_job *j, void *thread_data)
{
    struct chain *c = WR_CONTAINER_OF(j, struct chain, job);

    c->runs++;
    c->has_no_data |= thread_data == NULL;
    if (--c->left > 0)
        wr_pool_push(c->pool, j);
}

/* Holds its thread while another stops the pool, then pushes. */
struct late {
    struct block block;
    struct chain chain;
};

static void run_late(struct wr_job *j, void *thread_data)
{
    struct late *l = WR_CONTAINER_OF(j, struct late, block.job);

    run_block(j, thread_data);
    wr_pool_push(l->chain.pool, &l->chain.job);
}

static void *stop_pool(void *arg)
{
    wr_pool_stop(arg);
    return NULL;
}

static void pool__stop__runs_what_waits_and_what_that_pushes(void **state)
{
    (void)state;
    for (int threads = 1; threads <= THREADS; threads++) {
        struct seen s = {0};
        struct wr_pool *p = started_pool(threads, 1, &s);
        struct late l = {.chain = {.job = {.run = run_chain}, .pool = p, .left = 100}};
        struct note waits[100] = {0};
        pthread_t stopper;

        block_init(&l.block);
        l.block.job.run = run_late;
        wr_pool_push(p, &l.block.job);
        for (int i = 0; i < 100; i++) {
            waits[i].job.run = run_note;
            wr_pool_push(p, &waits[i].job);
        }
        wait_for(&l.block.begun);
        assert_int_equal(pthread_create(&stopper, NULL, stop_pool, p), 0);
        sem_post(&l.block.go);
        assert_int_equal(pthread_join(stopper, NULL), 0);
        assert_int_equal(l.chain.runs, 100);
        assert_false(l.chain.has_no_data);
        for (int i = 0; i < 100; i++)
            assert_int_equal(waits[i].runs, 1);
        assert_int_equal(s.stops, threads);
        block_fini(&l.block);
        wr_pool_free(p);
    }
}

/* A job that runs while the pool stops waits for one that it pushes: another thread must be there.
 */
struct pair {
    struct wr_job outer, inner;
    struct wr_pool *pool;
    sem_t begun, go, met;
};

static void run_inner(struct wr_job *j, void *thread_data)
{
    (void)thread_data;
    sem_post(&WR_CONTAINER_OF(j, struct pair, inner)->met);
}

static void run_outer(struct wr_job *j, void *thread_data)
{
    struct pair *pair = WR_CONTAINER_OF(j, struct pair, outer);

    (void)thread_data;
    sem_post(&pair->begun);
    wait_for(&pair->go);
    wr_pool_push(pair->pool, &pair->inner);
    wait_for(&pair->met);
}

static void pool__stop__threads_stay_for_what_a_running_job_pushes(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct wr_pool *p = started_pool(2, 1, NULL);
        struct pair pair = {.outer.run = run_outer, .inner.run = run_inner, .pool = p};
        pthread_t stopper;

        sem_init(&pair.begun, 0, 0);
        sem_init(&pair.go, 0, 0);
        sem_init(&pair.met, 0, 0);
        wr_pool_push(p, &pair.outer);
        wait_for(&pair.begun);
        assert_int_equal(pthread_create(&stopper, NULL, stop_pool, p), 0);
        sem_post(&pair.go);
        assert_int_equal(pthread_join(stopper, NULL), 0);
        wr_pool_free(p);
        sem_destroy(&pair.begun);
        sem_destroy(&pair.go);
        sem_destroy(&pair.met);
    }
}

/* What thread_stop leaves behind finds no thread, and is run all the same. */
struct leaver {
    struct wr_pool *pool;
    struct note note;
};

static void leave_job(void *arg, void *thread_data)
{
    struct leaver *l = arg;

    (void)thread_data;
    wr_pool_push(l->pool, &l->note.job);
}

static void pool__thread_stop_pushes__it_runs_in_stop(void **state)
{
    struct leaver l = {.note.job.run = run_note};
    struct wr_pool_setup setup = {
        .threads = 1, .queue_max = 1, .name = "pool", .thread_stop = leave_job, .arg = &l};

    (void)state;
    l.pool = wr_pool_new(&setup);
    assert_non_null(l.pool);
    assert_int_equal(wr_pool_start(l.pool), 0);
    wr_pool_stop(l.pool);
    assert_int_equal(l.note.runs, 1);
    assert_true(pthread_equal(l.note.thread, pthread_self()));
    assert_null(l.note.thread_data);
    wr_pool_free(l.pool);
}

static void pool__after_stop__a_job_is_run_in_the_call_with_no_data(void **state)
{
    struct seen s = {0};
    struct wr_pool *p = started_pool(2, 0, &s);
    struct note pushed = {.job = {.run = run_note}, .thread_data = &s};
    struct note submitted = pushed;

    (void)state;
    wr_pool_stop(p);
    wr_pool_push(p, &pushed.job);
    assert_int_equal(pushed.runs, 1);
    assert_null(pushed.thread_data);
    assert_true(pthread_equal(pushed.thread, pthread_self()));
    assert_true(wr_pool_submit(p, &submitted.job));
    assert_int_equal(submitted.runs, 1);
    assert_null(submitted.thread_data);
    wr_pool_free(p);
}

static void pool__free_without_start__runs_what_waits(void **state)
{
    struct seen s = {0};
    struct wr_pool *p = new_pool(2, 8, &s);
    struct chain c = {.job = {.run = run_chain}, .left = 3};

    (void)state;
    wr_pool_free(p);
    wr_pool_free(NULL);
    c.pool = new_pool(2, 8, &s);
    wr_pool_push(c.pool, &c.job);
    wr_pool_free(c.pool);
    assert_int_equal(c.runs, 3);
    assert_true(c.has_no_data);
    assert_int_equal(s.starts, 0);
    assert_int_equal(s.stops, 0);
}

/* ---- who is woken ---- */

static void pool__all_threads_busy__nobody_is_woken(void **state)
{
    struct wr_pool *p = started_pool(2, 100, NULL);
    struct note notes[100] = {0};
    struct block held[2];
    int before;

    (void)state;
    hold(p, held, 2);
    before = wakes;
    for (int i = 0; i < 100; i++) {
        notes[i].job.run = run_note;
        assert_true(wr_pool_submit(p, &notes[i].job));
    }
    assert_int_equal(wakes, before);
    free_held(p, held, 2);
}

/* Each is over before the next comes, so that all threads or all but one sleep. */
static void pool__one_job_at_a_time__at_most_one_thread_is_woken_for_it(void **state)
{
    struct wr_pool *p = started_pool(THREADS, 1, NULL);
    struct block b;
    int before = wakes;

    (void)state;
    block_init(&b);
    for (int i = 0; i < 1000; i++) {
        sem_post(&b.go);
        wr_pool_push(p, &b.job);
        wait_for(&b.begun);
    }
    assert_in_range(wakes - before, 0, 1000);
    wr_pool_free(p);
    block_fini(&b);
}

/* ---- many ---- */

#define JOBS 100000

struct counted {
    struct wr_job job;
    atomic_int runs;
    atomic_int *total;
};

static void run_counted(struct wr_job *j, void *thread_data)
{
    struct counted *c = WR_CONTAINER_OF(j, struct counted, job);

    (void)thread_data;
    atomic_fetch_add(&c->runs, 1);
    atomic_fetch_add(c->total, 1);
}

struct submitter {
    pthread_t thread;
    struct wr_pool *pool;
    struct counted *jobs;
    int refused;
};

static void *submit_all(void *arg)
{
    struct submitter *s = arg;

    for (int i = 0; i < JOBS / THREADS; i++) {
        if (wr_pool_submit(s->pool, &s->jobs[i].job))
            continue;
        s->refused++;
        wr_pool_push(s->pool, &s->jobs[i].job);
    }
    return NULL;
}

static void pool__many_jobs_of_four_submitters__each_runs_once(void **state)
{
    struct wr_pool *p = started_pool(THREADS, 64, NULL);
    struct counted *jobs = calloc(JOBS, sizeof *jobs);
    struct submitter s[THREADS];
    atomic_int total = 0;

    (void)state;
    assert_non_null(jobs);
    for (int i = 0; i < JOBS; i++) {
        jobs[i].job.run = run_counted;
        jobs[i].total = &total;
    }
    for (int i = 0; i < THREADS; i++) {
        s[i] = (struct submitter){.pool = p, .jobs = jobs + (size_t)i * (JOBS / THREADS)};
        assert_int_equal(pthread_create(&s[i].thread, NULL, submit_all, &s[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(s[i].thread, NULL), 0);
    wr_pool_stop(p);
    assert_int_equal(total, JOBS);
    for (int i = 0; i < JOBS; i++)
        if (jobs[i].runs != 1)
            fail_msg("job %d has run %d times", i, jobs[i].runs);
    wr_pool_free(p);
    free(jobs);
}

/* Who is pushing while the pool stops: whatever the moment, the job runs, here or there. */
static void pool__pushes_while_it_stops__each_runs_once(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct wr_pool *p = started_pool(2, 4, NULL);
        struct counted *jobs = calloc(JOBS / THREADS, sizeof *jobs);
        struct submitter s = {.pool = p, .jobs = jobs};
        atomic_int total = 0;

        assert_non_null(jobs);
        for (int i = 0; i < JOBS / THREADS; i++) {
            jobs[i].job.run = run_counted;
            jobs[i].total = &total;
        }
        assert_int_equal(pthread_create(&s.thread, NULL, submit_all, &s), 0);
        wr_pool_stop(p);
        assert_int_equal(pthread_join(s.thread, NULL), 0);
        assert_int_equal(total, JOBS / THREADS);
        wr_pool_free(p);
        free(jobs);
    }
}

WR_TESTS(cmocka_unit_test(pool__one_thread__jobs_run_in_their_order),
         cmocka_unit_test(pool__queue_is_full__submit_is_refused_and_push_is_not),
         cmocka_unit_test(pool__free_threads__what_they_will_take_does_not_wait),
         cmocka_unit_test(pool__nothing_may_wait__a_free_thread_still_takes_one),
         cmocka_unit_test(pool__before_start__jobs_wait_within_the_bound),
         cmocka_unit_test(pool__jobs_from_before_the_start__wake_threads),
         cmocka_unit_test(pool__thread_start_fails__the_others_end_and_its_number_comes_back),
         cmocka_unit_test(pool__no_further_thread_to_be_had__the_others_end),
         cmocka_unit_test(pool__failed_start__may_be_tried_again),
         cmocka_unit_test(pool__start_and_stop__hooks_are_called_once_a_thread),
         cmocka_unit_test(pool__n_jobs__run_at_the_same_time_each_with_its_threads_data),
         cmocka_unit_test(pool__threads__have_every_signal_blocked),
         cmocka_unit_test(pool__stop__runs_what_waits_and_what_that_pushes),
         cmocka_unit_test(pool__stop__threads_stay_for_what_a_running_job_pushes),
         cmocka_unit_test(pool__thread_stop_pushes__it_runs_in_stop),
         cmocka_unit_test(pool__after_stop__a_job_is_run_in_the_call_with_no_data),
         cmocka_unit_test(pool__free_without_start__runs_what_waits),
         cmocka_unit_test(pool__all_threads_busy__nobody_is_woken),
         cmocka_unit_test(pool__one_job_at_a_time__at_most_one_thread_is_woken_for_it),
         cmocka_unit_test(pool__many_jobs_of_four_submitters__each_runs_once),
         cmocka_unit_test(pool__pushes_while_it_stops__each_runs_once));
