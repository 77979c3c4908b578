/*
 * test_loop_wake.c — posts of other threads: when they wake the loop, that none is lost while it
 * goes to sleep, and its end.
 */
#include "loop_fixture.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>

#define SEED    20261121
#define POSTERS 3
#define POSTS   6000

/* The linker puts this in the place of the loop's call. */
static atomic_int writes;
static atomic_bool is_slow, has_freed, was_too_early;

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);

ssize_t __wrap_write(int fd, const void *p, size_t n)
{
    ssize_t done = __real_write(fd, p, n);

    atomic_fetch_add(&writes, 1);
    for (int i = 0; is_slow && i < 2000; i++)
        sched_yield();
    if (is_slow && has_freed)
        was_too_early = true;
    return done;
}

static void wait_for(sem_t *s)
{
    while (sem_wait(s) < 0)
        ;
}

static unsigned draw(unsigned *random, unsigned below)
{
    *random = *random * 1103515245u + 12345u;
    return (*random >> 16) % below;
}

struct job {
    struct wr_task task;
    int runs;
};

static void on_job(struct wr_task *t)
{
    WR_CONTAINER_OF(t, struct job, task)->runs++;
}

static void *post_two(void *arg)
{
    struct job *jobs = arg;

    wr_loop_post(loop, &jobs[0].task);
    wr_loop_post(loop, &jobs[1].task);
    return NULL;
}

static void let_post_two(struct job *jobs)
{
    pthread_t thread;

    for (int i = 0; i < 2; i++)
        jobs[i] = (struct job){.task.run = on_job};
    assert_int_equal(pthread_create(&thread, NULL, post_two, jobs), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void wake__posts_to_a_loop_that_sleeps__the_first_alone_wakes_it(void **state)
{
    struct job jobs[2];
    struct pollfd p = {.fd = wr_loop_fd(loop), .events = POLLIN};
    int before = writes;

    (void)state;
    for (int i = 0; i < 3; i++) { /* and again, behind a turn */
        let_post_two(jobs);
        assert_int_equal(writes, before + i + 1);
        assert_int_equal(poll(&p, 1, 0), 1); /* whoever waits in its stead */
        assert_true(wr_loop_step(loop, -1) > 0);
        assert_int_equal(jobs[0].runs + jobs[1].runs, 2);
        assert_int_equal(poll(&p, 1, 0), 0);
        step(0);
    }
}

static struct job posted_meanwhile[2];

static void let_others_post(struct wr_task *t)
{
    on_job(t);
    let_post_two(posted_meanwhile);
}

static void wake__posts_while_the_loop_works__nobody_wakes_it(void **state)
{
    struct job job = {.task.run = let_others_post};
    int before;

    (void)state;
    wr_loop_post(loop, &job.task);
    before = writes;
    step(1);
    assert_int_equal(job.runs, 1);
    assert_int_equal(wr_loop_timeout(loop), 0);
    assert_true(wr_loop_step(loop, -1) > 0);
    assert_int_equal(posted_meanwhile[0].runs + posted_meanwhile[1].runs, 2);
    assert_int_equal(writes, before);
    assert_int_equal(wr_loop_timeout(loop), -1);
}

static struct job posted_before;
static int runs_seen; /* of others' posts, when the loop's own was run */

static void on_own(struct wr_task *t)
{
    on_job(t);
    runs_seen = posted_meanwhile[0].runs + posted_meanwhile[1].runs;
}

static void post_own_then_let_others(struct wr_task *t)
{
    on_job(t);
    wr_loop_post(loop, &posted_before.task);
    let_post_two(posted_meanwhile);
}

/* What the loop has posted before others did, who may know of it, runs before theirs. */
static void wake__others_post_behind_the_loop__its_own_runs_first(void **state)
{
    struct job posted = {.task.run = post_own_then_let_others}, deferred = posted;

    (void)state;
    posted_meanwhile[1].runs = 0;
    for (int i = 0; i < 2; i++) {
        posted_before = (struct job){.task.run = on_own};
        runs_seen = -1;
        if (i == 0)
            wr_loop_post(loop, &posted.task);
        else
            wr_loop_defer(loop, &deferred.task);
        while (posted_meanwhile[1].runs == 0 || posted_before.runs == 0)
            assert_true(wr_loop_step(loop, BOUND_MS) >= 0);
        assert_int_equal(runs_seen, 0);
        posted_meanwhile[1].runs = 0;
    }
}

/* ---- while it goes to sleep ---- */

struct poster {
    struct wr_task task;
    sem_t run;
    unsigned random;
    int runs;
};

static void on_post(struct wr_task *t)
{
    struct poster *p = WR_CONTAINER_OF(t, struct poster, task);

    p->runs++;
    sem_post(&p->run);
}

/* Each post when the one before has been run: about when the loop falls asleep. */
static void *post_again(void *arg)
{
    struct poster *p = arg;

    for (int i = 0; i < POSTS; i++) {
        wr_loop_post(loop, &p->task);
        wait_for(&p->run);
        for (unsigned k = draw(&p->random, 4); k > 0; k--)
            sched_yield();
        for (unsigned k = draw(&p->random, 300); k > 0; k--)
            atomic_signal_fence(memory_order_seq_cst);
    }
    return NULL;
}

static bool is_over(const struct poster *p, int n)
{
    for (int i = 0; i < n; i++)
        if (p[i].runs < POSTS)
            return false;
    return true;
}

/* A turn of its own, or one of a host that waits for it. As long as it may: a wake-up was lost. */
static void turn_in_time(bool is_host)
{
    int64_t began_ms = wr_clock_system.monotonic_ms(NULL);
    struct pollfd p = {.fd = wr_loop_fd(loop), .events = POLLIN};

    if (is_host)
        poll(&p, 1, wr_loop_timeout(loop) < 0 ? BOUND_MS : wr_loop_timeout(loop));
    assert_true(wr_loop_step(loop, is_host ? 0 : BOUND_MS) >= 0);
    assert_in_range(wr_clock_system.monotonic_ms(NULL) - began_ms, 0, BOUND_MS - 1);
}

static void post_while_it_falls_asleep(int posters, bool is_host)
{
    struct poster p[POSTERS];
    pthread_t threads[POSTERS];

    for (int i = 0; i < posters; i++) {
        p[i] = (struct poster){.task.run = on_post, .random = SEED + (unsigned)i};
        sem_init(&p[i].run, 0, 0);
        assert_int_equal(pthread_create(&threads[i], NULL, post_again, &p[i]), 0);
    }
    while (!is_over(p, posters))
        turn_in_time(is_host);
    for (int i = 0; i < posters; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(p[i].runs, POSTS);
        sem_destroy(&p[i].run);
    }
}

static void wake__posts_while_it_falls_asleep__none_is_lost(void **state)
{
    (void)state;
    for (int posters = 1; posters <= POSTERS; posters++)
        post_while_it_falls_asleep(posters, false);
}

static void wake__posts_while_a_host_waits__none_is_lost(void **state)
{
    (void)state;
    for (int posters = 1; posters <= POSTERS; posters++)
        post_while_it_falls_asleep(posters, true);
}

/* ---- the end ---- */

static void *post_one(void *arg)
{
    struct job *j = arg;

    wr_loop_post(loop, &j->task);
    return NULL;
}

static void wake__loop_is_freed_by_what_was_posted__who_posted_has_left_it(void **state)
{
    (void)state;
    is_slow = true;
    for (int round = 0; round < 20; round++) {
        struct job j = {.task.run = on_job};
        pthread_t thread;

        has_freed = false;
        assert_int_equal(pthread_create(&thread, NULL, post_one, &j), 0);
        while (j.runs == 0)
            assert_true(wr_loop_step(loop, BOUND_MS) >= 0);
        wr_loop_free(loop);
        has_freed = true;
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(begin(state), 0);
    }
    is_slow = false;
    assert_false(was_too_early);
}

WR_TESTS(TEST(wake__posts_to_a_loop_that_sleeps__the_first_alone_wakes_it),
         TEST(wake__posts_while_the_loop_works__nobody_wakes_it),
         TEST(wake__others_post_behind_the_loop__its_own_runs_first),
         REAL(wake__posts_while_it_falls_asleep__none_is_lost),
         REAL(wake__posts_while_a_host_waits__none_is_lost),
         TEST(wake__loop_is_freed_by_what_was_posted__who_posted_has_left_it));
