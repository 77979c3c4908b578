/*
 * test_loop_turns.c — what the thread that runs a turn posts to its own loop, and sources whose
 * events are changed, or whose descriptor was closed before they were removed.
 */
#include "loop_fixture.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

/* ---- posts of the thread that runs a turn ---- */

#define JOBS 5

struct job {
    struct wr_task task;
    char letter;
    struct job *next; /* posted by this one */
    uint64_t turn;
    bool was_in_turn;
};

static char ran[64];
static size_t ran_n;

static void on_job(struct wr_task *t)
{
    struct job *j = WR_CONTAINER_OF(t, struct job, task);

    assert_true(ran_n < sizeof ran - 1);
    ran[ran_n++] = j->letter;
    ran[ran_n] = '\0';
    j->turn = wr_loop_turn(loop);
    j->was_in_turn = wr_loop_is_in_turn(loop);
    if (j->next)
        wr_loop_post(loop, &j->next->task);
}

static struct job jobs[JOBS];

static int begin_jobs(void **state)
{
    for (int i = 0; i < JOBS; i++)
        jobs[i] = (struct job){.task.run = on_job, .letter = (char)('a' + i)};
    ran_n = 0;
    ran[0] = '\0';
    return begin(state);
}

static void post_two(struct probe *p)
{
    if (p->calls > 1)
        return;
    wr_loop_post(loop, &jobs[0].task);
    wr_loop_post(loop, &jobs[1].task);
    assert_string_equal(ran, "");
}

static bool has_system_call(void)
{
    struct pollfd p = {.fd = wr_loop_fd(loop), .events = POLLIN};

    return poll(&p, 1, 0) > 0;
}

static void post__in_a_turn__runs_in_the_next_which_does_not_wait(void **state)
{
    struct probe p;
    int fds[2];
    char byte;

    (void)state;
    open_pipe(fds);
    put_byte(fds[1]);
    probe_add(&p, fds[0], EPOLLIN, post_two);
    step(1);
    assert_string_equal(ran, "");
    assert_int_equal(read(fds[0], &byte, 1), 1);
    assert_false(has_system_call());
    assert_int_equal(wr_loop_timeout(loop), 0);
    assert_int_equal(wr_loop_step(loop, -1), 2);
    assert_string_equal(ran, "ab");
    assert_int_equal(jobs[0].turn, p.turn + 1);
    assert_int_equal(jobs[1].turn, p.turn + 1);
    assert_int_equal(wr_loop_timeout(loop), -1);
    step(0);
    wr_loop_remove(loop, &p.source);
    close_pipe(fds);
}

/* Each post has a turn of its own, however it came; so others have theirs. */
static void post__by_what_was_posted__runs_one_turn_later(void **state)
{
    uint64_t first;

    (void)state;
    for (int i = 0; i + 1 < JOBS; i++)
        jobs[i].next = &jobs[i + 1];
    wr_loop_post(loop, &jobs[0].task); /* between turns */
    assert_true(has_system_call());
    first = wr_loop_turn(loop) + 1;
    for (int i = 0; i < JOBS; i++) {
        assert_int_equal(wr_loop_step(loop, -1), 1);
        assert_int_equal(ran_n, i + 1);
        assert_int_equal(jobs[i].turn, first + (uint64_t)i);
    }
    assert_string_equal(ran, "abcde");
    assert_int_equal(wr_loop_timeout(loop), -1);
}

static void post_from_timer(struct wr_timer *t)
{
    (void)t;
    wr_loop_post(loop, &jobs[2].task);
}

static void defer_and_post(struct wr_task *t)
{
    on_job(t);
    wr_loop_defer(loop, &jobs[4].task);
}

static void post__of_timers_and_deferred_tasks__is_not_lost(void **state)
{
    struct wr_timer t;

    (void)state;
    wr_timer_init(&t, post_from_timer);
    assert_int_equal(wr_timer_set(wr_loop_timers(loop), &t, 1000), 0);
    jobs[3].task.run = defer_and_post;
    jobs[4].next = &jobs[0];
    wr_loop_post(loop, &jobs[3].task);
    step(1); /* d, then what it deferred; the timer */
    assert_string_equal(ran, "de");
    assert_int_equal(wr_loop_step(loop, -1), 2);
    assert_string_equal(ran, "deca");
    assert_int_equal(jobs[2].turn, jobs[3].turn + 1);
    assert_int_equal(jobs[0].turn, jobs[3].turn + 1);
}

static void *post_from_thread(void *arg)
{
    struct job *j = arg;

    assert_false(wr_loop_is_in_turn(loop));
    wr_loop_post(loop, &j->task);
    return NULL;
}

static void post_here_and_there(struct probe *p)
{
    pthread_t thread;

    if (p->calls > 1)
        return;
    assert_true(wr_loop_is_in_turn(loop));
    assert_int_equal(pthread_create(&thread, NULL, post_from_thread, &jobs[0]), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    wr_loop_post(loop, &jobs[1].task);
}

/* In this turn or in the next, which does not wait. */
static void post__of_another_thread_during_a_turn__is_not_lost(void **state)
{
    struct probe p;
    int fds[2];

    (void)state;
    open_pipe(fds);
    put_byte(fds[1]);
    probe_add(&p, fds[0], EPOLLIN, post_here_and_there);
    assert_false(wr_loop_is_in_turn(loop));
    for (int i = 0; i < 2; i++) {
        assert_true(wr_loop_step(loop, BOUND_MS) > 0);
        wr_loop_remove(loop, &p.source);
    }
    assert_false(wr_loop_is_in_turn(loop));
    assert_int_equal(ran_n, 2); /* of two threads: in any order */
    assert_true(jobs[0].was_in_turn && jobs[1].was_in_turn);
    close_pipe(fds);
}

static void post__left_over__is_run_with_the_rest(void **state)
{
    struct probe p;
    int fds[2];

    (void)state;
    open_pipe(fds);
    put_byte(fds[1]);
    jobs[0].next = &jobs[2];
    probe_add(&p, fds[0], EPOLLIN, post_two);
    step(1);
    wr_loop_remove(loop, &p.source);
    close_pipe(fds);
    assert_true(wr_loop_run_tasks(loop));
    assert_int_equal(ran_n, 3);
    assert_false(jobs[0].was_in_turn);
    assert_false(wr_loop_run_tasks(loop));
}

/* ---- other events ---- */

static void change__other_events__are_what_counts_from_then_on(void **state)
{
    struct probe p;
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    probe_add(&p, fds[0], EPOLLIN, NULL);
    step(0);
    assert_int_equal(wr_loop_change(loop, &p.source, EPOLLOUT), 0);
    step(1);
    assert_int_equal(p.events, EPOLLOUT);
    put_byte(fds[1]);
    assert_int_equal(wr_loop_change(loop, &p.source, EPOLLIN | EPOLLONESHOT), 0);
    step(1);
    assert_int_equal(p.events, EPOLLIN);
    step(0);
    assert_int_equal(wr_loop_change(loop, &p.source, EPOLLIN | EPOLLONESHOT), 0); /* armed anew */
    step(1);
    wr_loop_remove(loop, &p.source);
    assert_int_equal(wr_loop_change(loop, &p.source, EPOLLIN), -EBADF);
    close_pipe(fds);
}

static void source__of_a_descriptor__is_found_while_it_is_registered(void **state)
{
    struct probe p;
    int fds[2];

    (void)state;
    open_pipe(fds);
    assert_null(wr_loop_source(loop, fds[0]));
    assert_null(wr_loop_source(loop, -1));
    assert_null(wr_loop_source(loop, 1 << 20)); /* past the table */
    probe_add(&p, fds[0], EPOLLIN, NULL);
    assert_ptr_equal(wr_loop_source(loop, fds[0]), &p.source);
    assert_null(wr_loop_source(loop, fds[1]));
    wr_loop_remove(loop, &p.source);
    assert_null(wr_loop_source(loop, fds[0]));
    close_pipe(fds);
}

/* ---- closed before it was removed ---- */

/* p was registered for the number that q has now. */
static void begin_reuse(struct probe *p, struct probe *q, int fds[2], int more[2])
{
    open_pipe(fds);
    probe_add(p, fds[0], EPOLLIN, NULL);
    close(fds[0]);
    open_pipe(more);
    assert_int_equal(more[0], fds[0]);
    probe_add(q, more[0], EPOLLIN, NULL);
    put_byte(more[1]);
    step(1);
    assert_int_equal(p->calls, 0);
    assert_int_equal(q->calls, 1);
}

/* What becomes of p is nothing to q. */
static void end_reuse(struct probe *q, const int fds[2], const int more[2])
{
    assert_ptr_equal(wr_loop_source(loop, more[0]), &q->source);
    step(1);
    assert_int_equal(q->calls, 2);
    assert_int_equal(q->events, EPOLLIN);
    wr_loop_remove(loop, &q->source);
    step(0);
    close_pipe(more);
    close(fds[1]);
}

static void closed_early__removed__leaves_the_next_of_its_number(void **state)
{
    struct probe p, q;
    int fds[2], more[2];

    (void)state;
    begin_reuse(&p, &q, fds, more);
    wr_loop_remove(loop, &p.source);
    assert_int_equal(p.source.fd, -1);
    end_reuse(&q, fds, more);
}

static void closed_early__forgotten__leaves_the_next_of_its_number(void **state)
{
    struct probe p, q;
    int fds[2], more[2];

    (void)state;
    begin_reuse(&p, &q, fds, more);
    wr_loop_forget(loop, &p.source);
    end_reuse(&q, fds, more);
}

static void closed_early__changed__leaves_the_next_of_its_number(void **state)
{
    struct probe p, q;
    int fds[2], more[2];

    (void)state;
    begin_reuse(&p, &q, fds, more);
    assert_int_equal(wr_loop_change(loop, &p.source, EPOLLOUT), -EBADF);
    wr_loop_remove(loop, &p.source);
    end_reuse(&q, fds, more);
}

/* Its number is a descriptor's that nobody has registered. */
static void closed_early__number_of_nobody__cannot_be_changed(void **state)
{
    struct probe p;
    int fds[2], more[2];

    (void)state;
    open_pipe(fds);
    probe_add(&p, fds[0], EPOLLIN, NULL);
    close(fds[0]);
    assert_int_equal(wr_loop_change(loop, &p.source, EPOLLOUT), -EBADF);
    open_pipe(more);
    assert_int_equal(more[0], fds[0]);
    assert_int_equal(wr_loop_change(loop, &p.source, EPOLLIN), -ENOENT);
    put_byte(more[1]);
    step(0);
    wr_loop_remove(loop, &p.source);
    assert_null(wr_loop_source(loop, more[0]));
    close_pipe(more);
    close(fds[1]);
}

#define JOB(name) cmocka_unit_test_setup_teardown(name, begin_jobs, end)

WR_TESTS(JOB(post__in_a_turn__runs_in_the_next_which_does_not_wait),
         JOB(post__by_what_was_posted__runs_one_turn_later),
         JOB(post__of_timers_and_deferred_tasks__is_not_lost),
         JOB(post__of_another_thread_during_a_turn__is_not_lost),
         JOB(post__left_over__is_run_with_the_rest),
         TEST(change__other_events__are_what_counts_from_then_on),
         TEST(source__of_a_descriptor__is_found_while_it_is_registered),
         TEST(closed_early__removed__leaves_the_next_of_its_number),
         TEST(closed_early__forgotten__leaves_the_next_of_its_number),
         TEST(closed_early__changed__leaves_the_next_of_its_number),
         TEST(closed_early__number_of_nobody__cannot_be_changed));
