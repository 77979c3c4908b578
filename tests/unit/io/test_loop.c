#include "io/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fake_clock.h"
#include "support.h"

#define BOUND_MS 20000 /* for what must happen: only a failing test waits so long */

static struct wr_fake_clock fake;
static struct wr_clock fake_clock;
static struct wr_loop *loop;

static int begin_with(const struct wr_clock *clock)
{
    int err;

    loop = wr_loop_new(clock, &err);
    return loop ? 0 : -1;
}

static int begin(void **state)
{
    (void)state;
    fake = (struct wr_fake_clock){.now_ms = 1000, .wall_ns = 1700000000999999999};
    fake_clock = wr_fake_clock_of(&fake);
    return begin_with(&fake_clock);
}

static int begin_in_real_time(void **state)
{
    (void)state;
    return begin_with(&wr_clock_system);
}

static int end(void **state)
{
    (void)state;
    wr_loop_free(loop);
    return 0;
}

/* A source that counts its calls, and does `act` in each of them. */
struct probe {
    struct wr_source source;
    void (*act)(struct probe *p);
    struct probe *other;
    int calls;
    uint32_t events; /* of the last call */
    uint64_t turn;   /* of the last call */
};

static void on_probe(struct wr_source *s, uint32_t events)
{
    struct probe *p = WR_CONTAINER_OF(s, struct probe, source);

    p->calls++;
    p->events = events;
    p->turn = wr_loop_turn(loop);
    if (p->act)
        p->act(p);
}

static void probe_init(struct probe *p, void (*act)(struct probe *p))
{
    *p = (struct probe){.act = act};
    wr_source_init(&p->source, on_probe);
}

static void probe_add(struct probe *p, int fd, uint32_t events, void (*act)(struct probe *p))
{
    probe_init(p, act);
    assert_int_equal(wr_loop_add(loop, &p->source, fd, events), 0);
    assert_int_equal(p->source.fd, fd);
}

static void open_pipe(int fds[2])
{
    assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
}

static void close_pipe(const int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

static void put_byte(int fd)
{
    assert_int_equal(write(fd, "x", 1), 1);
}

static void step(int want)
{
    assert_int_equal(wr_loop_step(loop, 0), want);
}

/* ---- sources ---- */

static void loop__events__reach_their_source(void **state)
{
    struct probe in, out;
    int fds[2];

    (void)state;
    open_pipe(fds);
    probe_add(&in, fds[0], EPOLLIN, NULL);
    step(0);
    assert_int_equal(in.calls, 0);
    put_byte(fds[1]);
    step(1);
    assert_int_equal(in.calls, 1);
    assert_int_equal(in.events, EPOLLIN);
    probe_add(&out, fds[1], EPOLLOUT, NULL);
    step(2);
    assert_int_equal(in.calls, 2); /* level-triggered: the byte is still there */
    assert_int_equal(out.calls, 1);
    assert_int_equal(out.events, EPOLLOUT);
    wr_loop_remove(loop, &out.source);
    close(fds[1]);
    step(1);
    assert_int_equal(in.events, EPOLLIN | EPOLLHUP);
    assert_int_equal(out.calls, 1);
    wr_loop_remove(loop, &in.source);
    close(fds[0]);
}

static void loop__modify__changes_what_is_waited_for(void **state)
{
    struct probe p;
    int fds[2];

    (void)state;
    open_pipe(fds);
    put_byte(fds[1]);
    probe_add(&p, fds[0], 0, NULL);
    step(0);
    assert_int_equal(wr_loop_modify(loop, &p.source, EPOLLIN), 0);
    step(1);
    assert_int_equal(wr_loop_modify(loop, &p.source, 0), 0);
    step(0);
    assert_int_equal(p.calls, 1);
    wr_loop_remove(loop, &p.source);
    close_pipe(fds);
}

static void loop__remove__leaves_the_descriptor_open_and_free_to_be_added(void **state)
{
    struct probe first, second;
    int fds[2];

    (void)state;
    open_pipe(fds);
    put_byte(fds[1]);
    probe_add(&first, fds[0], EPOLLIN, NULL);
    wr_loop_remove(loop, &first.source);
    wr_loop_remove(loop, &first.source);
    assert_int_equal(first.source.fd, -1);
    step(0);
    assert_true(fcntl(fds[0], F_GETFD) >= 0);
    probe_add(&second, fds[0], EPOLLIN, NULL);
    step(1);
    assert_int_equal(first.calls, 0);
    assert_int_equal(second.calls, 1);
    wr_loop_remove(loop, &second.source);
    close_pipe(fds);
}

/* epoll_ctl(2): EPERM for what cannot be polled, EBADF, EEXIST. */
static void loop__add_that_fails__changes_nothing(void **state)
{
    struct probe p, other;
    int fds[2], file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_true(file >= 0);
    probe_init(&other, NULL);
    assert_int_equal(wr_loop_add(loop, &other.source, file, EPOLLIN), -EPERM);
    assert_int_equal(other.source.fd, -1);
    close(file);
    assert_int_equal(wr_loop_add(loop, &other.source, file, EPOLLIN), -EBADF);
    assert_int_equal(other.source.fd, -1);

    open_pipe(fds);
    put_byte(fds[1]);
    probe_add(&p, fds[0], EPOLLIN, NULL);
    assert_int_equal(wr_loop_add(loop, &other.source, fds[0], EPOLLIN), -EEXIST);
    assert_int_equal(other.source.fd, -1);
    step(1);
    assert_int_equal(p.calls, 1);
    assert_int_equal(other.calls, 0);
    wr_loop_remove(loop, &p.source);
    close_pipe(fds);
}

static void loop__high_descriptor__gets_its_events(void **state)
{
    struct probe p, low;
    int fds[2], high;

    (void)state;
    open_pipe(fds);
    put_byte(fds[1]);
    high = fcntl(fds[0], F_DUPFD_CLOEXEC, 700); /* beyond several sizes of the table */
    assert_true(high >= 700);
    probe_add(&low, fds[0], EPOLLIN, NULL);
    probe_add(&p, high, EPOLLIN, NULL);
    step(2);
    assert_int_equal(p.calls, 1);
    assert_int_equal(low.calls, 1);
    wr_loop_remove(loop, &p.source);
    wr_loop_remove(loop, &low.source);
    close(high);
    close_pipe(fds);
}

/* ---- removed in the batch in which it is ready ---- */

static int reused_pipe[2];
static struct probe reuser;

/* Puts the readable end of another pipe on the number that was just closed. */
static void reuse_descriptor(int fd)
{
    open_pipe(reused_pipe);
    assert_int_not_equal(reused_pipe[0], -1);
    if (reused_pipe[0] != fd) {
        assert_int_equal(dup3(reused_pipe[0], fd, O_CLOEXEC), fd);
        close(reused_pipe[0]);
        reused_pipe[0] = fd;
    }
    probe_add(&reuser, fd, EPOLLIN, NULL);
    put_byte(reused_pipe[1]);
}

static void remove_other_and_reuse(struct probe *p)
{
    int fd = p->other->source.fd;

    if (fd < 0)
        return;
    wr_loop_remove(loop, &p->other->source);
    close(fd);
    reuse_descriptor(fd);
}

static void forget_other_and_reuse(struct probe *p)
{
    int fd = p->other->source.fd;

    if (fd < 0)
        return;
    wr_loop_forget(loop, &p->other->source);
    close(fd);
    reuse_descriptor(fd);
}

/* Two pipes are ready, `first` earlier; whichever is called first removes the other. */
static void run_batch(void (*act)(struct probe *p), int first)
{
    int pipes[2][2];
    struct probe p[2];

    for (int i = 0; i < 2; i++) {
        open_pipe(pipes[i]);
        probe_add(&p[i], pipes[i][0], EPOLLIN, act);
        p[i].other = &p[1 - i];
    }
    put_byte(pipes[first][1]);
    put_byte(pipes[1 - first][1]);
    assert_in_range(wr_loop_step(loop, 0), 1, 2);
    assert_int_equal(p[0].calls + p[1].calls, 1);
    assert_int_equal(p[first].calls, 1); /* as the kernel queues them: both orders are seen */
    assert_int_equal(reuser.calls, 0);
    step(2);
    assert_int_equal(reuser.calls, 1); /* its own event, a batch later */
    assert_int_equal(p[1 - first].calls, 0);
    wr_loop_remove(loop, &reuser.source);
    wr_loop_remove(loop, &p[first].source);
    close_pipe(reused_pipe);
    close_pipe(pipes[first]);
    close(pipes[1 - first][1]); /* the other end was closed by the callback */
}

static void loop__removed_earlier_in_the_batch__gets_no_event(void **state)
{
    (void)state;
    run_batch(remove_other_and_reuse, 0);
    run_batch(remove_other_and_reuse, 1);
}

static void loop__forgotten_earlier_in_the_batch__gets_no_event(void **state)
{
    (void)state;
    run_batch(forget_other_and_reuse, 0);
    run_batch(forget_other_and_reuse, 1);
}

static void remove_and_free_itself(struct probe *p)
{
    int fd = p->source.fd;

    wr_loop_remove(loop, &p->source);
    close(fd);
    test_free(p);
}

static void loop__source_frees_itself__is_not_touched_any_more(void **state)
{
    struct probe *p = test_malloc(sizeof *p);
    int fds[2];

    (void)state;
    open_pipe(fds);
    probe_add(p, fds[0], EPOLLIN, remove_and_free_itself);
    put_byte(fds[1]);
    step(1);
    step(0);
    close(fds[1]);
}

/* ---- forgotten, while something keeps the descriptor alive ---- */

static int forget_free_and_close(int fd, struct probe *p)
{
    wr_loop_forget(loop, &p->source);
    assert_int_equal(p->source.fd, -1);
    test_free(p);
    return close(fd);
}

static void forget_with_duplicate(uint32_t events)
{
    struct probe *p = test_malloc(sizeof *p), successor;
    int fds[2], other[2], copy, number;

    open_pipe(fds);
    number = fds[0];
    copy = dup(number);
    assert_true(copy >= 0);
    probe_add(p, number, events, NULL);
    assert_int_equal(forget_free_and_close(number, p), 0);
    put_byte(fds[1]); /* epoll still has it, under the old number */
    assert_in_range(wr_loop_step(loop, 0), 0, 1);

    open_pipe(other); /* a successor on the same number: nothing of the old one's reaches it */
    if (other[0] != number) {
        assert_int_equal(dup3(other[0], number, O_CLOEXEC), number);
        close(other[0]);
    }
    probe_add(&successor, number, EPOLLIN, NULL);
    put_byte(fds[1]);
    assert_in_range(wr_loop_step(loop, 0), 0, 1);
    assert_int_equal(successor.calls, 0);
    put_byte(other[1]);
    assert_in_range(wr_loop_step(loop, 0), 1, 2);
    assert_int_equal(successor.calls, 1);
    wr_loop_remove(loop, &successor.source);
    close(number);
    close(other[1]);
    close(copy);
    close(fds[1]);
}

static void loop__forgotten_but_duplicated__its_events_find_nothing(void **state)
{
    (void)state;
    forget_with_duplicate(EPOLLIN | EPOLLET);
    forget_with_duplicate(EPOLLIN);
}

static void loop__forgotten_but_forked__its_events_find_nothing(void **state)
{
    struct probe *p = test_malloc(sizeof *p);
    int fds[2], hold[2];
    char byte;
    pid_t child;

    (void)state;
    open_pipe(fds);
    assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
    probe_add(p, fds[0], EPOLLIN | EPOLLET, NULL);
    child = fork();
    assert_int_not_equal(child, -1);
    if (child == 0) { /* keeps all it has until the parent closes its end of `hold` */
        close(hold[1]);
        _exit(read(hold[0], &byte, 1) == 0 ? 0 : 1);
    }
    close(hold[0]);
    assert_int_equal(forget_free_and_close(fds[0], p), 0);
    put_byte(fds[1]);
    assert_in_range(wr_loop_step(loop, 0), 0, 1);
    step(0); /* an edge comes once: the loop does not spin on it */
    close(hold[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(fds[1]);
}

/* ---- again ---- */

static void ask_again_once(struct probe *p)
{
    if (p->calls == 1)
        wr_loop_again(loop, &p->source, EPOLLOUT);
}

static void loop__again_in_a_callback__is_called_in_the_next_turn_and_only_then(void **state)
{
    struct probe p;
    int fds[2];

    (void)state;
    open_pipe(fds);
    put_byte(fds[1]);
    probe_add(&p, fds[0], EPOLLIN | EPOLLET, ask_again_once);
    step(1);
    assert_int_equal(p.calls, 1);
    assert_int_equal(wr_loop_timeout(loop), 0);
    assert_int_equal(wr_loop_step(loop, -1), 1); /* does not wait */
    assert_int_equal(p.calls, 2);
    assert_int_equal(p.events, EPOLLOUT);
    assert_int_equal(wr_loop_timeout(loop), -1);
    step(0);
    assert_int_equal(p.calls, 2);
    wr_loop_remove(loop, &p.source);
    close_pipe(fds);
}

static void loop__again_without_a_descriptor__is_called_with_all_events_at_once(void **state)
{
    struct probe p;

    (void)state;
    probe_init(&p, NULL);
    wr_loop_again(loop, &p.source, EPOLLIN);
    wr_loop_again(loop, &p.source, EPOLLOUT);
    step(1);
    assert_int_equal(p.calls, 1);
    assert_int_equal(p.events, EPOLLIN | EPOLLOUT);
    step(0);
}

static void loop__again_with_no_events__is_called_once(void **state)
{
    struct probe p, other;

    (void)state;
    probe_init(&p, NULL);
    probe_init(&other, NULL);
    wr_loop_again(loop, &p.source, 0);
    wr_loop_again(loop, &other.source, 0);
    wr_loop_again(loop, &p.source, 0);
    step(2);
    assert_int_equal(p.calls, 1);
    assert_int_equal(other.calls, 1);
    step(0);
}

static void loop__again_of_a_removed_source__is_dropped(void **state)
{
    struct probe p, kept;
    int fds[2];

    (void)state;
    open_pipe(fds);
    probe_add(&p, fds[0], EPOLLIN, NULL);
    probe_init(&kept, NULL);
    wr_loop_again(loop, &p.source, EPOLLIN);
    wr_loop_again(loop, &kept.source, EPOLLIN);
    wr_loop_remove(loop, &p.source);
    step(1);
    assert_int_equal(p.calls, 0);
    assert_int_equal(kept.calls, 1);

    probe_add(&p, fds[0], EPOLLIN, NULL);
    wr_loop_again(loop, &p.source, EPOLLIN);
    wr_loop_forget(loop, &p.source);
    assert_int_equal(wr_loop_timeout(loop), -1);
    step(0);
    assert_int_equal(p.calls, 0);
    close_pipe(fds);
}

static void remove_other(struct probe *p)
{
    wr_loop_remove(loop, &p->other->source);
}

static void loop__removed_by_one_called_again_before_it__is_dropped(void **state)
{
    struct probe first, second, third;

    (void)state;
    probe_init(&first, remove_other);
    probe_init(&second, NULL);
    probe_init(&third, NULL);
    first.other = &second;
    wr_loop_again(loop, &first.source, EPOLLIN);
    wr_loop_again(loop, &second.source, EPOLLIN);
    wr_loop_again(loop, &third.source, EPOLLIN);
    step(2);
    assert_int_equal(first.calls, 1);
    assert_int_equal(second.calls, 0);
    assert_int_equal(third.calls, 1);
}

static void loop__removed_by_an_event__is_not_called_again(void **state)
{
    struct probe p, waiting;
    int fds[2];

    (void)state;
    open_pipe(fds);
    put_byte(fds[1]);
    probe_add(&p, fds[0], EPOLLIN, NULL);
    probe_init(&waiting, remove_other);
    waiting.other = &p;
    wr_loop_again(loop, &waiting.source, EPOLLIN);
    assert_in_range(wr_loop_step(loop, 0), 1, 2); /* whichever of the two comes first */
    assert_int_equal(waiting.calls, 1);
    assert_in_range(p.calls, 0, 1);
    step(0);
    close_pipe(fds);
}

/* Takes one byte and asks for another turn while there may be more: a budget of 1. */
static void take_one_byte(struct probe *p)
{
    char byte;

    if (read(p->source.fd, &byte, 1) == 1)
        wr_loop_again(loop, &p->source, EPOLLIN);
    else
        assert_int_equal(errno, EAGAIN);
}

static void loop__budget_of_one__takes_all_with_one_edge(void **state)
{
    struct probe greedy, modest;
    int a[2], b[2];

    (void)state;
    open_pipe(a);
    open_pipe(b);
    assert_int_equal(write(a[1], "12345", 5), 5);
    put_byte(b[1]);
    probe_add(&greedy, a[0], EPOLLIN | EPOLLET, take_one_byte);
    probe_add(&modest, b[0], EPOLLIN | EPOLLET, take_one_byte);
    for (int turn = 1; turn <= 6; turn++) { /* five bytes and the look that finds none */
        assert_true(wr_loop_step(loop, -1) > 0);
        assert_int_equal(greedy.calls, turn);
        assert_int_equal(modest.calls, turn < 2 ? turn : 2);
    }
    assert_int_equal(wr_loop_timeout(loop), -1);
    step(0);
    wr_loop_remove(loop, &greedy.source);
    wr_loop_remove(loop, &modest.source);
    close_pipe(a);
    close_pipe(b);
}

static void ask_again(struct probe *p)
{
    wr_loop_again(loop, &p->source, EPOLLIN);
}

static void loop__always_again__lets_others_in(void **state)
{
    struct probe busy, p;
    int fds[2];

    (void)state;
    probe_init(&busy, ask_again);
    wr_loop_again(loop, &busy.source, EPOLLIN);
    open_pipe(fds);
    probe_add(&p, fds[0], EPOLLIN, NULL);
    step(1);
    put_byte(fds[1]);
    step(2);
    assert_int_equal(busy.calls, 2);
    assert_int_equal(p.calls, 1);
    wr_loop_remove(loop, &busy.source);
    wr_loop_remove(loop, &p.source);
    close_pipe(fds);
}

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
        assert_int_equal(wr_loop_step(loop, BOUND_MS), 1); /* 0: a wake-up was lost */
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

static int64_t real_ms(void)
{
    return wr_clock_system.monotonic_ms(NULL);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define REAL(name) cmocka_unit_test_setup_teardown(name, begin_in_real_time, end)

WR_TESTS(TEST(loop__events__reach_their_source), TEST(loop__modify__changes_what_is_waited_for),
         TEST(loop__remove__leaves_the_descriptor_open_and_free_to_be_added),
         TEST(loop__add_that_fails__changes_nothing), TEST(loop__high_descriptor__gets_its_events),
         TEST(loop__removed_earlier_in_the_batch__gets_no_event),
         TEST(loop__forgotten_earlier_in_the_batch__gets_no_event),
         TEST(loop__source_frees_itself__is_not_touched_any_more),
         TEST(loop__forgotten_but_duplicated__its_events_find_nothing),
         TEST(loop__forgotten_but_forked__its_events_find_nothing),
         TEST(loop__again_in_a_callback__is_called_in_the_next_turn_and_only_then),
         TEST(loop__again_without_a_descriptor__is_called_with_all_events_at_once),
         TEST(loop__again_with_no_events__is_called_once),
         TEST(loop__again_of_a_removed_source__is_dropped),
         TEST(loop__removed_by_one_called_again_before_it__is_dropped),
         TEST(loop__removed_by_an_event__is_not_called_again),
         TEST(loop__budget_of_one__takes_all_with_one_edge),
         TEST(loop__always_again__lets_others_in),
         TEST(loop__deferred__runs_when_the_batch_is_done),
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
