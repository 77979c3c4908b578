/*
 * test_loop_tasks.c — what a loop does beside its sources: tasks, posts, time, a host that drives
 * it.
 */
#include "loop_fixture.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

/* ---- deferred tasks ---- */

struct job {
    struct wr_task task;
    struct job *next; /* deferred by this one */
    int runs, calls_before;
    const struct probe *watched;
};

static void on_job(struct wr_task *t)
{
    struct job *j = WR_CONTAINER_OF(t, struct job, task);

    j->runs++;
    if (j->watched)
        j->calls_before = j->watched[0].calls + j->watched[1].calls;
    if (j->next)
        wr_loop_defer(loop, &j->next->task);
}

static struct job deferred_job;

static void defer_job(struct probe *p)
{
    (void)p;
    if (deferred_job.runs == 0 && deferred_job.task.run == NULL) {
        deferred_job.task.run = on_job;
        wr_loop_defer(loop, &deferred_job.task);
    }
}

static void loop__deferred__runs_when_the_batch_is_done(void **state)
{
    struct probe p[2];
    struct job last = {.task = {.run = on_job}};
    int a[2], b[2];

    (void)state;
    open_pipe(a);
    open_pipe(b);
    put_byte(a[1]);
    put_byte(b[1]);
    probe_add(&p[0], a[0], EPOLLIN, defer_job);
    probe_add(&p[1], b[0], EPOLLIN, defer_job);
    deferred_job = (struct job){.next = &last, .watched = p};
    step(2);
    assert_int_equal(deferred_job.runs, 1);
    assert_int_equal(deferred_job.calls_before, 2); /* both sources had been called */
    assert_int_equal(last.runs, 1);                 /* deferred by the first, in the same turn */
    step(2);
    assert_int_equal(deferred_job.runs, 1);
    assert_int_equal(last.runs, 1);
    wr_loop_remove(loop, &p[0].source);
    wr_loop_remove(loop, &p[1].source);
    close_pipe(a);
    close_pipe(b);
}

static void loop__deferred_between_turns__the_next_one_does_not_wait(void **state)
{
    struct job j[3] = {
        {.task = {.run = on_job}}, {.task = {.run = on_job}}, {.task = {.run = on_job}}};

    (void)state;
    for (int i = 0; i < 3; i++)
        wr_loop_defer(loop, &j[i].task);
    assert_int_equal(wr_loop_timeout(loop), 0);
    assert_int_equal(wr_loop_step(loop, -1), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(j[i].runs, 1);
    assert_int_equal(wr_loop_timeout(loop), -1);
}

static void free_job(struct wr_task *t)
{
    test_free(WR_CONTAINER_OF(t, struct job, task));
}

static void loop__deferred_that_frees_itself__is_not_touched_any_more(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct job *j = test_malloc(sizeof *j);

        j->task.run = free_job;
        wr_loop_defer(loop, &j->task);
    }
    step(0);
}

/* ---- posts ---- */

static int64_t real_ms(void)
{
    return wr_clock_system.monotonic_ms(NULL);
}

static void loop__post__wakes_a_waiting_loop(void **state)
{
    struct job j = {.task = {.run = on_job}};

    (void)state;
    wr_loop_post(loop, &j.task);
    assert_int_equal(j.runs, 0);
    assert_int_equal(wr_loop_step(loop, -1), 1);
    assert_int_equal(j.runs, 1);
    step(0);
    assert_int_equal(j.runs, 1);
}

static struct job posted_by_job;

static void post_another(struct wr_task *t)
{
    on_job(t);
    wr_loop_post(loop, &posted_by_job.task);
}

static void loop__post_by_a_posted_task__runs_in_a_later_turn(void **state)
{
    struct job j = {.task = {.run = post_another}};

    (void)state;
    posted_by_job = (struct job){.task = {.run = on_job}};
    wr_loop_post(loop, &j.task);
    step(1);
    assert_int_equal(posted_by_job.runs, 0);
    assert_int_equal(wr_loop_step(loop, -1), 1);
    assert_int_equal(posted_by_job.runs, 1);
    assert_int_equal(j.runs, 1);
}

#define POSTERS 8
#define POSTS   10000

struct post {
    struct wr_task task;
    int poster, number;
};

static struct post posts[POSTERS][POSTS];
static int posts_run[POSTERS];
static bool posts_in_order;

static void on_post(struct wr_task *t)
{
    const struct post *p = WR_CONTAINER_OF(t, struct post, task);

    if (p->number != posts_run[p->poster]++)
        posts_in_order = false;
}

static void *post_all(void *arg)
{
    struct post *own = arg;

    for (int i = 0; i < POSTS; i++)
        wr_loop_post(loop, &own[i].task);
    return NULL;
}

/* Waits for something; as long as it was told only when a wake-up was lost. */
static void step_in_time(void)
{
    int64_t began_ms = real_ms();

    assert_true(wr_loop_step(loop, BOUND_MS) >= 0);
    assert_in_range(real_ms() - began_ms, 0, BOUND_MS - 1);
}

static void loop__posts_of_many_threads__all_run_once_and_in_order(void **state)
{
    pthread_t threads[POSTERS];
    int run = 0;

    (void)state;
    posts_in_order = true;
    for (int i = 0; i < POSTERS; i++)
        for (int k = 0; k < POSTS; k++)
            posts[i][k] = (struct post){{.run = on_post}, i, k};
    for (int i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_all, posts[i]), 0);
    while (run < POSTERS * POSTS) {
        step_in_time();
        run = 0;
        for (int i = 0; i < POSTERS; i++)
            run += posts_run[i];
    }
    for (int i = 0; i < POSTERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(posts_run[i], POSTS);
    }
    assert_true(posts_in_order);
    step(0);
}

static void post_and_defer(struct wr_task *t)
{
    struct job *j = WR_CONTAINER_OF(t, struct job, task);

    on_job(t); /* defers j->next */
    if (j->runs == 1)
        wr_loop_post(loop, &posted_by_job.task);
}

static void loop__free__runs_what_is_queued(void **state)
{
    int err;
    struct job last = {.task = {.run = on_job}};
    struct job deferred = {.task = {.run = post_and_defer}, .next = &last};
    struct job posted = {.task = {.run = on_job}, .next = &deferred};
    struct wr_loop *kept = loop;

    (void)state;
    posted_by_job = (struct job){.task = {.run = on_job}};
    loop = wr_loop_new(&fake_clock, &err);
    assert_non_null(loop);
    wr_loop_post(loop, &posted.task);
    wr_loop_free(loop);
    loop = kept;
    assert_int_equal(posted.runs, 1);
    assert_int_equal(deferred.runs, 1);
    assert_int_equal(last.runs, 1);
    assert_int_equal(posted_by_job.runs, 1);
    wr_loop_free(NULL);
}

/* ---- time ---- */

static int fired;

static void on_timer(struct wr_timer *t)
{
    (void)t;
    fired++;
}

static void loop__timer__fires_when_its_time_has_come(void **state)
{
    struct wr_timer t;

    (void)state;
    fired = 0;
    wr_timer_init(&t, on_timer);
    assert_int_equal(wr_loop_timeout(loop), -1);
    assert_int_equal(wr_timer_set(wr_loop_timers(loop), &t, 1500), 0);
    assert_int_equal(wr_loop_timeout(loop), 500);
    step(0);
    wr_fake_clock_advance(&fake, 499);
    assert_int_equal(wr_loop_timeout(loop), 1);
    step(0);
    assert_int_equal(fired, 0);
    wr_fake_clock_advance(&fake, 1);
    assert_int_equal(wr_loop_timeout(loop), 0);
    assert_int_equal(wr_loop_step(loop, -1), 0); /* does not wait; a timer is no event */
    assert_int_equal(fired, 1);
    assert_int_equal(wr_loop_timeout(loop), -1);
}

static void loop__far_timer__its_timeout_is_cut_to_an_int(void **state)
{
    struct wr_timer t;

    (void)state;
    wr_timer_init(&t, on_timer);
    assert_int_equal(wr_timer_set(wr_loop_timers(loop), &t, INT64_MAX), 0);
    assert_int_equal(wr_loop_timeout(loop), INT_MAX);
    wr_timer_clear(wr_loop_timers(loop), &t);
}

static void loop__now__is_taken_once_a_turn(void **state)
{
    uint64_t turn = wr_loop_turn(loop);

    (void)state;
    assert_int_equal(wr_loop_now_ms(loop), 1000);
    assert_int_equal(wr_loop_wall_s(loop), 1700000000);
    assert_int_equal(wr_loop_wall_ns(loop), 1700000000999999999);
    wr_fake_clock_advance(&fake, 1);
    assert_int_equal(wr_loop_now_ms(loop), 1000);
    step(0);
    assert_int_equal(wr_loop_now_ms(loop), 1001);
    assert_int_equal(wr_loop_wall_s(loop), 1700000001);
    assert_int_equal(wr_loop_wall_ns(loop), 1700000001000999999);
    assert_int_equal(wr_loop_turn(loop), turn + 1);
}

static void loop__nothing_to_do__waits_as_long_as_it_was_told(void **state)
{
    int64_t start_ms = real_ms();

    (void)state;
    step(0);
    step(0);
    assert_int_equal(wr_loop_step(loop, 30), 0);
    assert_true(real_ms() - start_ms >= 29); /* each of the two readings is cut to a ms */
}

static void loop__timer_in_real_time__ends_the_wait(void **state)
{
    struct wr_timer t;

    (void)state;
    fired = 0;
    wr_timer_init(&t, on_timer);
    assert_int_equal(wr_timer_set(wr_loop_timers(loop), &t, real_ms() + 20), 0);
    while (fired == 0)
        assert_int_equal(wr_loop_step(loop, -1), 0);
    assert_int_equal(wr_timer_set(wr_loop_timers(loop), &t, real_ms() + 20), 0);
    while (fired == 1)
        assert_int_equal(wr_loop_step(loop, INT_MAX), 0);
    assert_true(wr_loop_now_ms(loop) <= real_ms());
}

static void on_signal(int number)
{
    (void)number;
}

/* epoll_wait(2) is never restarted after a handler, whatever SA_RESTART says. */
static void loop__signal__ends_the_wait_without_an_error(void **state)
{
    struct sigaction handler = {.sa_handler = on_signal}, before;
    struct sigevent to_process = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    const struct itimerspec every_20_ms = {{0, 20000000}, {0, 20000000}};
    timer_t timer;

    (void)state;
    assert_int_equal(sigaction(SIGUSR1, &handler, &before), 0);
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &to_process, &timer), 0);
    assert_int_equal(timer_settime(timer, 0, &every_20_ms, NULL), 0);
    assert_int_equal(wr_loop_step(loop, -1), 0);
    assert_int_equal(timer_delete(timer), 0);
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
}

/* ---- driven by a loop of the host's ---- */

/* Waits as a host does; the number of turns it gave until *count reached `want`. */
static void drive_until(const int *count, int want)
{
    while (*count < want) {
        struct pollfd p = {.fd = wr_loop_fd(loop), .events = POLLIN};
        int own_ms = wr_loop_timeout(loop);
        int n = poll(&p, 1, own_ms < 0 || own_ms > BOUND_MS ? BOUND_MS : own_ms);

        assert_true(n > 0 || own_ms >= 0); /* else it slept through an event */
        assert_true(wr_loop_step(loop, 0) >= 0);
    }
}

static void *post_one(void *arg)
{
    struct job *j = arg;

    wr_loop_post(loop, &j->task);
    return NULL;
}

static void loop__foreign_poll__sees_events_posts_timers_and_again(void **state)
{
    struct probe p;
    struct job j = {.task = {.run = on_job}};
    struct wr_timer t;
    pthread_t thread;
    int fds[2];

    (void)state;
    fired = 0;
    open_pipe(fds);
    put_byte(fds[1]);
    probe_add(&p, fds[0], EPOLLIN | EPOLLET, take_one_byte);
    drive_until(&p.calls, 2); /* the event, and what take_one_byte() asked for */
    put_byte(fds[1]);
    drive_until(&p.calls, 4);
    assert_int_equal(pthread_create(&thread, NULL, post_one, &j), 0);
    drive_until(&j.runs, 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    wr_timer_init(&t, on_timer);
    assert_int_equal(wr_timer_set(wr_loop_timers(loop), &t, real_ms() + 20), 0);
    drive_until(&fired, 1);
    wr_loop_remove(loop, &p.source);
    close_pipe(fds);
}

WR_TESTS(TEST(loop__deferred__runs_when_the_batch_is_done),
         TEST(loop__deferred_between_turns__the_next_one_does_not_wait),
         TEST(loop__deferred_that_frees_itself__is_not_touched_any_more),
         TEST(loop__post__wakes_a_waiting_loop),
         TEST(loop__post_by_a_posted_task__runs_in_a_later_turn),
         TEST(loop__posts_of_many_threads__all_run_once_and_in_order),
         TEST(loop__free__runs_what_is_queued), TEST(loop__timer__fires_when_its_time_has_come),
         TEST(loop__far_timer__its_timeout_is_cut_to_an_int), TEST(loop__now__is_taken_once_a_turn),
         REAL(loop__nothing_to_do__waits_as_long_as_it_was_told),
         REAL(loop__timer_in_real_time__ends_the_wait),
         REAL(loop__signal__ends_the_wait_without_an_error),
         REAL(loop__foreign_poll__sees_events_posts_timers_and_again));
