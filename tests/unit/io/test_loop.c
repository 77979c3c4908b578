/*
 * test_loop.c — sources: which events reach them, and which must not. The rest is in
 * test_loop_tasks.c.
 */
#include "loop_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>

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

static void come_second(struct probe *p)
{
    assert_int_equal(p->other->calls, 1);
}

/* Who has asked for another turn has had one. */
static void loop__event__comes_before_who_asked_again(void **state)
{
    struct probe waiting, p;
    int fds[2];

    (void)state;
    open_pipe(fds);
    put_byte(fds[1]);
    probe_add(&p, fds[0], EPOLLIN | EPOLLET, NULL);
    probe_init(&waiting, come_second);
    waiting.other = &p;
    wr_loop_again(loop, &waiting.source, EPOLLIN);
    step(2);
    assert_int_equal(waiting.calls, 1);
    wr_loop_remove(loop, &p.source);
    close_pipe(fds);
}

/* Of the tenth of a millisecond that such work may take in a turn. */
static void take_long_and_ask_again(struct probe *p)
{
    fake.more_us += 60;
    wr_loop_again(loop, &p->source, EPOLLIN);
}

static void loop__again_of_many_that_take_long__is_in_turns_and_in_order(void **state)
{
    static const int want[][3] = {{1, 1, 0}, {2, 1, 1}, {2, 2, 2}, {3, 3, 2}};
    struct probe p[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        probe_init(&p[i], take_long_and_ask_again);
        wr_loop_again(loop, &p[i].source, EPOLLIN);
    }
    for (int turn = 0; turn < 4; turn++) {
        step(2);
        assert_int_equal(wr_loop_timeout(loop), 0);
        for (int i = 0; i < 3; i++)
            assert_int_equal(p[i].calls, want[turn][i]);
    }
    for (int i = 0; i < 3; i++)
        wr_loop_remove(loop, &p[i].source);
}

static void take_very_long(struct probe *p)
{
    (void)p;
    fake.more_us += 5000;
}

static void loop__again_that_takes_very_long__is_one_a_turn(void **state)
{
    struct probe first, second;

    (void)state;
    probe_init(&first, take_very_long);
    probe_init(&second, take_very_long);
    wr_loop_again(loop, &first.source, EPOLLIN);
    wr_loop_again(loop, &second.source, EPOLLIN);
    step(1);
    assert_int_equal(first.calls, 1);
    step(1);
    assert_int_equal(second.calls, 1);
    assert_int_equal(wr_loop_timeout(loop), -1);
    step(0);
}

/* Its event is one of the turn that it waits for: it gets no more of them than the others. */
static void loop__again_with_an_event_too__does_not_come_before_others(void **state)
{
    struct probe p[4];
    int fds[2];

    (void)state;
    open_pipe(fds);
    put_byte(fds[1]); /* which nobody reads: an event in each turn */
    for (int i = 0; i < 3; i++)
        probe_init(&p[i], take_long_and_ask_again);
    probe_add(&p[3], fds[0], EPOLLIN, take_long_and_ask_again);
    for (int i = 0; i < 4; i++)
        wr_loop_again(loop, &p[i].source, EPOLLOUT);
    for (int turn = 0; turn < 12; turn++)
        assert_true(wr_loop_step(loop, 0) > 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(p[i].calls, 6); /* two each turn */
    assert_int_equal(p[3].events, EPOLLIN);
    for (int i = 0; i < 4; i++)
        wr_loop_remove(loop, &p[i].source);
    close_pipe(fds);
}

static void take_milliseconds(struct probe *p)
{
    (void)p;
    fake.more_us += 5000;
}

/* Events that take long leave as long for what was put off. */
static void loop__again_beside_events_that_take_long__has_half_of_the_time(void **state)
{
    struct probe p[200], slow;
    int fds[2];

    (void)state;
    open_pipe(fds);
    put_byte(fds[1]);
    probe_add(&slow, fds[0], EPOLLIN, take_milliseconds);
    for (int i = 0; i < 200; i++) {
        probe_init(&p[i], take_long_and_ask_again); /* 60 us: 84 of them are 5 ms */
        wr_loop_again(loop, &p[i].source, EPOLLIN);
    }
    for (int turn = 0; turn < 3; turn++)
        assert_true(wr_loop_step(loop, 0) > 0);
    assert_int_equal(slow.calls, 3);
    assert_int_equal(p[199].calls, 1); /* 3 * 84 = 200 + 52 */
    assert_int_equal(p[51].calls, 2);
    assert_int_equal(p[52].calls, 1);
    for (int i = 0; i < 200; i++)
        wr_loop_remove(loop, &p[i].source);
    wr_loop_remove(loop, &slow.source);
    close_pipe(fds);
}

WR_TESTS(TEST(loop__events__reach_their_source),
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
         TEST(loop__always_again__lets_others_in), TEST(loop__event__comes_before_who_asked_again),
         TEST(loop__again_of_many_that_take_long__is_in_turns_and_in_order),
         TEST(loop__again_with_an_event_too__does_not_come_before_others),
         TEST(loop__again_beside_events_that_take_long__has_half_of_the_time),
         TEST(loop__again_that_takes_very_long__is_one_a_turn));
