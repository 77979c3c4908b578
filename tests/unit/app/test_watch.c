/*
 * test_watch.c — timers and watched descriptors as a set of them, on a loop of its own: what is
 * called, when, with what, and what becomes of a descriptor that was closed.
 */
#include "app/watch.h"

#include <poll.h>
#include <sys/socket.h>

#include "../io/loop_fixture.h"
#include "short_memory.h"

#define EVERYTHING 99 /* calls of one turn that are too many */

/* Of a set: who was called, by its letter. */
struct owner {
    struct wr_watches ws;
    char said[EVERYTHING + 2];
    size_t n;
    uint32_t ready; /* of the last call */
    int dues;
};

/* What is called, and what it does then. */
struct target {
    struct owner *owner;
    char letter;
    void (*act)(struct target *t);
    struct target *other;
    int fd;
};

static struct owner a, b;

static void say(const struct target *t)
{
    struct owner *o = t->owner;

    assert_true(o->n < EVERYTHING);
    o->said[o->n++] = t->letter;
    o->said[o->n] = '\0';
}

static void on_timer(weir_loop *loop_of_app, void *arg)
{
    struct target *t = arg;

    (void)loop_of_app;
    say(t);
    if (t->act)
        t->act(t);
}

static void on_fd(weir_loop *loop_of_app, void *arg, uint32_t events)
{
    struct target *t = arg;

    t->owner->ready = events;
    on_timer(loop_of_app, arg);
}

static void on_fd_too(weir_loop *loop_of_app, void *arg, uint32_t events)
{
    (void)loop_of_app;
    (void)events;
    say(arg);
    say(arg);
}

static void call_due(struct wr_watches *ws)
{
    struct owner *o = WR_CONTAINER_OF(ws, struct owner, ws);
    struct wr_watch_call call;

    o->dues++;
    while (wr_watches_take_timer(ws, &call))
        call.fn.loop_timer(NULL, call.arg);
    while (wr_watches_take_fd(ws, &call))
        call.fn.loop_fd(NULL, call.arg, call.ready);
}

/* Calls come later, when the test says so. */
static void note_due(struct wr_watches *ws)
{
    WR_CONTAINER_OF(ws, struct owner, ws)->dues++;
}

static int begin_sets(void **state)
{
    if (begin(state) < 0)
        return -1;
    a = b = (struct owner){.n = 0};
    wr_watches_init(&a.ws, loop, call_due, false);
    wr_watches_init(&b.ws, loop, call_due, false);
    return 0;
}

static int begin_once(void **state)
{
    if (begin_sets(state) < 0)
        return -1;
    wr_watches_init(&a.ws, loop, note_due, true);
    return 0;
}

static int end_sets(void **state)
{
    short_memory_plan(-1, false);
    wr_watches_clear(&a.ws);
    wr_watches_clear(&b.ws);
    return end(state);
}

static int32_t set_timer(struct target *t, uint32_t ms)
{
    const struct wr_watch_call call = {.fn.loop_timer = on_timer, .arg = t};

    return wr_watches_set_timer(&t->owner->ws, ms, &call);
}

static int32_t set_fd(struct target *t, uint32_t events)
{
    const struct wr_watch_call call = {.fn.loop_fd = on_fd, .arg = t};

    return wr_watches_set_fd(&t->owner->ws, t->fd, events, &call);
}

static void turn(void)
{
    assert_true(wr_loop_step(loop, 0) >= 0);
}

static void pass(int64_t ms)
{
    wr_fake_clock_advance(&fake, ms);
    turn();
}

#define SAID(owner, text) assert_string_equal((owner).said, text)

/* ---- timers ---- */

static void timer__its_time__is_called_once(void **state)
{
    struct target x = {.owner = &a, .letter = 'x'};

    (void)state;
    assert_int_equal(set_timer(&x, 100), 0);
    pass(99);
    SAID(a, "");
    pass(1);
    SAID(a, "x");
    pass(1000);
    SAID(a, "x");
}

static void timer__set_again__is_moved_both_ways(void **state)
{
    struct target x = {.owner = &a, .letter = 'x'};

    (void)state;
    assert_int_equal(set_timer(&x, 100), 0);
    pass(50);
    assert_int_equal(set_timer(&x, 100), 0);
    pass(50);
    SAID(a, "");
    assert_int_equal(set_timer(&x, 10), 0);
    pass(10);
    SAID(a, "x");
    pass(1000);
    SAID(a, "x");
}

static void timer__same_function_other_argument__is_another(void **state)
{
    struct target x = {.owner = &a, .letter = 'x'}, y = {.owner = &a, .letter = 'y'};

    (void)state;
    assert_int_equal(set_timer(&x, 20), 0);
    assert_int_equal(set_timer(&y, 10), 0);
    pass(10);
    SAID(a, "y");
    pass(10);
    SAID(a, "yx");
}

static void timer__never__takes_it_back(void **state)
{
    struct target x = {.owner = &a, .letter = 'x'}, y = {.owner = &a, .letter = 'y'};

    (void)state;
    assert_int_equal(set_timer(&x, WEIR_NEVER), 0); /* there was none */
    assert_int_equal(set_timer(&x, 10), 0);
    assert_int_equal(set_timer(&y, 10), 0);
    assert_int_equal(set_timer(&x, WEIR_NEVER), 0);
    pass(10);
    SAID(a, "y");
    assert_int_equal(wr_loop_timeout(loop), -1);
}

static void timer__without_function__is_refused(void **state)
{
    const struct wr_watch_call call = {.arg = NULL};

    (void)state;
    assert_int_equal(wr_watches_set_timer(&a.ws, 1, &call), WEIR_EINVAL);
    assert_int_equal(wr_watches_set_timer(&a.ws, WEIR_NEVER, &call), WEIR_EINVAL);
}

static void set_anew(struct target *t)
{
    assert_int_equal(set_timer(t, 10), 0);
}

static void timer__set_anew_in_its_callback__comes_again(void **state)
{
    struct target x = {.owner = &a, .letter = 'x', .act = set_anew};

    (void)state;
    assert_int_equal(set_timer(&x, 10), 0);
    pass(10);
    SAID(a, "x");
    pass(9);
    SAID(a, "x");
    pass(1);
    SAID(a, "xx");
}

static void set_anew_at_once(struct target *t)
{
    assert_int_equal(set_timer(t, 0), 0);
}

/* Others must have their turns: it is called once in each. */
static void timer__of_0_ms_set_anew_in_its_callback__leaves_turns_to_others(void **state)
{
    struct target x = {.owner = &a, .letter = 'x', .act = set_anew_at_once};
    struct probe p;
    int fds[2];

    (void)state;
    open_pipe(fds);
    put_byte(fds[1]);
    probe_add(&p, fds[0], EPOLLIN, NULL);
    assert_int_equal(set_timer(&x, 0), 0);
    for (int i = 1; i <= 5; i++) {
        pass(1);
        assert_int_equal(p.calls, i);
        assert_int_equal(a.n, i);
    }
    wr_loop_remove(loop, &p.source);
    close_pipe(fds);
}

static void set_other_at_once(struct target *t)
{
    assert_int_equal(set_timer(t->other, 0), 0);
}

/* In the next turn, in which no time has passed; unless it is moved or taken back before. */
static void timer__of_0_ms_set_by_another__can_be_moved_and_taken_back(void **state)
{
    struct target y = {.owner = &a, .letter = 'y'};
    struct target x = {.owner = &a, .letter = 'x', .act = set_other_at_once, .other = &y};

    (void)state;
    assert_int_equal(set_timer(&x, 10), 0);
    pass(10);
    assert_int_equal(wr_loop_timeout(loop), 0);
    turn();
    SAID(a, "xy");
    assert_int_equal(set_timer(&x, 10), 0);
    pass(10);
    assert_int_equal(set_timer(&y, 10), 0);
    turn();
    SAID(a, "xyx");
    pass(10);
    SAID(a, "xyxy");
    assert_int_equal(set_timer(&x, 10), 0);
    pass(10);
    assert_int_equal(set_timer(&y, WEIR_NEVER), 0);
    assert_int_equal(wr_loop_timeout(loop), -1);
    pass(100);
    SAID(a, "xyxyx");
}

static void take_other_back(struct target *t)
{
    assert_int_equal(set_timer(t->other, WEIR_NEVER), 0);
}

static void timer__taken_back_by_one_due_with_it__is_not_called(void **state)
{
    struct target x = {.owner = &a, .letter = 'x', .act = take_other_back};
    struct target y = {.owner = &a, .letter = 'y', .act = take_other_back, .other = &x};

    (void)state;
    x.other = &y;
    assert_int_equal(set_timer(&x, 10), 0);
    assert_int_equal(set_timer(&y, 10), 0);
    pass(10);
    assert_int_equal(a.n, 1);
    pass(100);
    assert_int_equal(a.n, 1);
}

/* The same, where all of them have come due before the first is called. */
static void timer__taken_back_or_moved_while_due__is_not_called(void **state)
{
    struct target x = {.owner = &a, .letter = 'x'}, y = {.owner = &a, .letter = 'y'},
                  z = {.owner = &a, .letter = 'z'};

    (void)state;
    assert_int_equal(set_timer(&x, 10), 0);
    assert_int_equal(set_timer(&y, 10), 0);
    assert_int_equal(set_timer(&z, 10), 0);
    pass(10);
    assert_true(wr_watches_are_due(&a.ws));
    assert_int_equal(set_timer(&x, WEIR_NEVER), 0);
    assert_int_equal(set_timer(&y, 10), 0);
    call_due(&a.ws);
    SAID(a, "z");
    pass(10);
    call_due(&a.ws);
    SAID(a, "zy");
    assert_false(wr_watches_are_due(&a.ws));
}

static void timer__clear__forgets_those_due_and_those_to_come(void **state)
{
    struct target x = {.owner = &a, .letter = 'x'}, y = {.owner = &a, .letter = 'y'};

    (void)state;
    assert_int_equal(set_timer(&x, 10), 0);
    assert_int_equal(set_timer(&y, 20), 0);
    pass(10);
    assert_true(wr_watches_are_due(&a.ws));
    wr_watches_clear(&a.ws);
    assert_false(wr_watches_are_due(&a.ws));
    pass(100);
    assert_int_equal(wr_loop_timeout(loop), -1);
}

static void timer__without_memory__is_not_set(void **state)
{
    struct target x = {.owner = &a, .letter = 'x'};
    int failed = 0;

    (void)state;
    for (int skip = 0;; skip++) {
        int32_t err;

        short_memory_plan(skip, false);
        err = set_timer(&x, 10);
        if (short_memory_hits() == 0)
            break;
        assert_int_equal(err, WEIR_ENOMEM);
        failed++;
        short_memory_plan(-1, false);
        pass(20);
        SAID(a, "");
    }
    short_memory_plan(-1, false);
    assert_true(failed > 0);
    pass(10);
    SAID(a, "x");
}

/* ---- descriptors ---- */

static void take_byte(struct target *t)
{
    char byte;

    assert_int_equal(read(t->fd, &byte, 1), 1);
}

static void fd__readable__is_called_in_each_turn_until_it_is_read(void **state)
{
    struct target x = {.owner = &a, .letter = 'x'};
    int fds[2];

    (void)state;
    open_pipe(fds);
    x.fd = fds[0];
    assert_int_equal(set_fd(&x, POLLIN), 0);
    turn();
    SAID(a, "");
    put_byte(fds[1]);
    turn();
    turn();
    SAID(a, "xx");
    assert_int_equal(a.ready, POLLIN);
    take_byte(&x);
    turn();
    SAID(a, "xx");
    assert_int_equal(set_fd(&x, 0), 0);
    close_pipe(fds);
}

static void fd__set_again__has_other_events_function_and_argument(void **state)
{
    struct target x = {.owner = &a, .letter = 'x'}, y = {.owner = &a, .letter = 'y'};
    const struct wr_watch_call other = {.fn.loop_fd = on_fd_too, .arg = &y};
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    x.fd = y.fd = fds[0];
    assert_int_equal(set_fd(&x, POLLIN), 0);
    turn();
    SAID(a, "");
    assert_int_equal(set_fd(&y, POLLIN | POLLOUT), 0);
    turn();
    SAID(a, "y");
    assert_int_equal(a.ready, POLLOUT);
    assert_int_equal(wr_watches_set_fd(&a.ws, fds[0], POLLOUT, &other), 0);
    turn();
    SAID(a, "yyy");
    assert_int_equal(set_fd(&x, POLLIN), 0);
    turn();
    SAID(a, "yyy");
    put_byte(fds[1]);
    turn();
    SAID(a, "yyyx");
    assert_int_equal(a.ready, POLLIN);
    assert_int_equal(set_fd(&x, 0), 0);
    close_pipe(fds);
}

static void fd__hang_up__is_told_without_being_asked_for(void **state)
{
    struct target x = {.owner = &a, .letter = 'x'}, y = {.owner = &a, .letter = 'y'};
    int fds[2], more[2];

    (void)state;
    open_pipe(fds);
    open_pipe(more);
    x.fd = fds[0];
    y.fd = more[1];
    assert_int_equal(set_fd(&x, POLLIN), 0);
    close(fds[1]);
    turn();
    SAID(a, "x");
    assert_int_equal(a.ready, POLLHUP);
    assert_int_equal(set_fd(&x, 0), 0);
    assert_int_equal(set_fd(&y, POLLOUT), 0);
    close(more[0]);
    turn();
    assert_int_equal(a.ready, POLLOUT | POLLERR);
    assert_int_equal(set_fd(&y, 0), 0);
    close(fds[0]);
    close(more[1]);
}

static void fd__half_closed_by_its_peer__is_told_who_asks(void **state)
{
    struct target x = {.owner = &a, .letter = 'x'};
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    x.fd = fds[0];
    assert_int_equal(set_fd(&x, POLLRDHUP), 0);
    turn();
    SAID(a, "");
    assert_int_equal(shutdown(fds[1], SHUT_WR), 0);
    turn();
    assert_int_equal(a.ready, POLLRDHUP);
    assert_int_equal(set_fd(&x, 0), 0);
    close_pipe(fds);
}

static void fd__taken__is_busy_for_others_until_it_is_given_back(void **state)
{
    struct target x = {.owner = &a, .letter = 'x'}, y = {.owner = &b, .letter = 'y'};
    struct probe p;
    int fds[2], more[2];

    (void)state;
    open_pipe(fds);
    open_pipe(more);
    x.fd = y.fd = fds[0];
    assert_int_equal(set_fd(&x, POLLIN), 0);
    assert_int_equal(set_fd(&y, POLLIN), WEIR_EBUSY);
    assert_int_equal(set_fd(&y, 0), 0); /* which ends nothing of another's */
    put_byte(fds[1]);
    turn();
    SAID(a, "x");
    SAID(b, "");
    assert_int_equal(set_fd(&x, 0), 0);
    assert_int_equal(set_fd(&y, POLLIN), 0);
    turn();
    SAID(a, "x");
    SAID(b, "y");
    probe_add(&p, more[0], EPOLLIN, NULL); /* the server's own */
    y.fd = more[0];
    assert_int_equal(set_fd(&y, POLLIN), WEIR_EBUSY);
    assert_int_equal(set_fd(&y, 0), 0);
    put_byte(more[1]);
    turn();
    assert_int_equal(p.calls, 1);
    wr_loop_remove(loop, &p.source);
    wr_watches_clear(&b.ws);
    close_pipe(fds);
    close_pipe(more);
}

static void fd__that_cannot_be_watched__is_refused(void **state)
{
    static const uint32_t odd[] = {EPOLLET,  EPOLLONESHOT, EPOLLEXCLUSIVE,  EPOLLWAKEUP,
                                   POLLNVAL, 0x10000,      POLLIN | EPOLLET};
    const struct wr_watch_call none = {.arg = &a};
    struct target x = {.owner = &a, .letter = 'x'};
    FILE *file = tmpfile();
    int fds[2];

    (void)state;
    assert_non_null(file);
    open_pipe(fds);
    x.fd = fileno(file);
    assert_int_equal(set_fd(&x, POLLIN), WEIR_EINVAL);
    x.fd = -1;
    assert_int_equal(set_fd(&x, POLLIN), WEIR_EINVAL);
    assert_int_equal(set_fd(&x, 0), 0);
    x.fd = fds[0];
    for (size_t i = 0; i < WR_COUNT(odd); i++)
        assert_int_equal(set_fd(&x, odd[i]), WEIR_EINVAL);
    assert_int_equal(wr_watches_set_fd(&a.ws, fds[0], POLLIN, &none), WEIR_EINVAL);
    close_pipe(fds);
    assert_int_equal(set_fd(&x, POLLIN), WEIR_EINVAL);
    fclose(file);
}

static void end_own(struct target *t)
{
    assert_int_equal(set_fd(t, 0), 0);
    close(t->fd);
}

static void fd__ended_and_closed_in_its_callback__is_called_no_more(void **state)
{
    struct target x = {.owner = &a, .letter = 'x', .act = end_own};
    int fds[2];

    (void)state;
    open_pipe(fds);
    x.fd = fds[0];
    put_byte(fds[1]);
    assert_int_equal(set_fd(&x, POLLIN), 0);
    turn();
    turn();
    SAID(a, "x");
    close(fds[1]);
}

static void end_other(struct target *t)
{
    assert_int_equal(set_fd(t->other, 0), 0);
}

static void fd__ended_by_one_that_is_ready_with_it__is_not_called(void **state)
{
    struct target x = {.owner = &a, .letter = 'x', .act = end_other};
    struct target y = {.owner = &a, .letter = 'y', .act = end_other, .other = &x};
    int fds[2], more[2];

    (void)state;
    open_pipe(fds);
    open_pipe(more);
    put_byte(fds[1]);
    put_byte(more[1]);
    x.other = &y;
    x.fd = fds[0];
    y.fd = more[0];
    assert_int_equal(set_fd(&x, POLLIN), 0);
    assert_int_equal(set_fd(&y, POLLIN), 0);
    turn();
    assert_int_equal(a.n, 1);
    wr_watches_clear(&a.ws);
    close_pipe(fds);
    close_pipe(more);
}

/* A mistake of the app; but the next descriptor has the number, and may be the server's. */
static void fd__closed_while_watched__leaves_the_next_of_its_number_alone(void **state)
{
    struct target x = {.owner = &a, .letter = 'x'};
    struct probe p;
    int fds[2], more[2];

    (void)state;
    open_pipe(fds);
    x.fd = fds[0];
    assert_int_equal(set_fd(&x, POLLIN), 0);
    close(fds[0]);
    open_pipe(more);
    assert_int_equal(more[0], fds[0]);
    probe_add(&p, more[0], EPOLLIN, NULL);
    put_byte(more[1]);
    turn();
    SAID(a, "");
    assert_int_equal(p.calls, 1);
    assert_int_equal(set_fd(&x, POLLIN), WEIR_EBUSY);
    assert_int_equal(set_fd(&x, 0), 0);
    turn();
    assert_int_equal(p.calls, 2);
    wr_watches_clear(&a.ws);
    turn();
    assert_int_equal(p.calls, 3);
    SAID(a, "");
    wr_loop_remove(loop, &p.source);
    close_pipe(more);
    close(fds[1]);
}

static void fd__closed_while_watched__its_number_can_be_watched_anew(void **state)
{
    struct target x = {.owner = &a, .letter = 'x'};
    int fds[2], more[2];

    (void)state;
    open_pipe(fds);
    x.fd = fds[0];
    assert_int_equal(set_fd(&x, POLLIN), 0);
    close(fds[0]);
    assert_int_equal(set_fd(&x, POLLIN), WEIR_EINVAL); /* closed, and it is watched no more */
    open_pipe(more);
    assert_int_equal(more[0], fds[0]);
    assert_int_equal(set_fd(&x, POLLIN), 0);
    close(more[0]);
    assert_int_equal(fcntl(fds[1], F_DUPFD_CLOEXEC, more[0]), more[0]);
    assert_int_equal(set_fd(&x, POLLOUT), 0); /* another, of the same number */
    turn();
    assert_int_equal(a.ready & POLLERR, POLLERR); /* nobody reads it any more */
    assert_int_equal(set_fd(&x, 0), 0);
    close(more[0]);
    close(more[1]);
    close(fds[1]);
}

static void fd__clear__ends_all(void **state)
{
    struct target x = {.owner = &a, .letter = 'x'}, y = {.owner = &a, .letter = 'y'};
    int fds[2], more[2];

    (void)state;
    open_pipe(fds);
    open_pipe(more);
    put_byte(fds[1]);
    put_byte(more[1]);
    x.fd = fds[0];
    y.fd = more[0];
    assert_int_equal(set_fd(&x, POLLIN), 0);
    assert_int_equal(set_fd(&y, POLLIN), 0);
    wr_watches_clear(&a.ws);
    step(0);
    SAID(a, "");
    assert_null(wr_loop_source(loop, fds[0]));
    close_pipe(fds);
    close_pipe(more);
}

static void fd__without_memory__is_not_watched(void **state)
{
    struct target x = {.owner = &a, .letter = 'x'};
    int fds[2], failed = 0;

    (void)state;
    open_pipe(fds);
    put_byte(fds[1]);
    x.fd = fds[0];
    for (int skip = 0;; skip++) {
        int32_t err;

        short_memory_plan(skip, false);
        err = set_fd(&x, POLLIN);
        if (short_memory_hits() == 0)
            break;
        assert_int_equal(err, WEIR_ENOMEM);
        failed++;
        short_memory_plan(-1, false);
        turn();
        SAID(a, "");
    }
    short_memory_plan(-1, false);
    assert_true(failed > 0);
    turn();
    SAID(a, "x");
    wr_watches_clear(&a.ws);
    close_pipe(fds);
}

/* ---- where calls come later: those of a request that is elsewhere ---- */

static void once__ready__is_told_once_and_again_behind_the_call(void **state)
{
    struct target x = {.owner = &a, .letter = 'x'};
    int fds[2];

    (void)state;
    open_pipe(fds);
    put_byte(fds[1]);
    x.fd = fds[0];
    assert_int_equal(set_fd(&x, POLLIN), 0);
    turn();
    step(0); /* the loop does not spin meanwhile */
    assert_int_equal(a.dues, 1);
    assert_true(wr_watches_are_due(&a.ws));
    call_due(&a.ws);
    SAID(a, "x");
    assert_int_equal(a.ready, POLLIN);
    assert_false(wr_watches_are_due(&a.ws));
    turn(); /* level-triggered: it still is */
    assert_true(wr_watches_are_due(&a.ws));
    assert_int_equal(set_fd(&x, 0), 0);
    assert_false(wr_watches_are_due(&a.ws));
    close_pipe(fds);
}

static void once__changed_while_due__is_called_for_the_new_events(void **state)
{
    struct target x = {.owner = &a, .letter = 'x'}, y = {.owner = &a, .letter = 'y'};
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    put_byte(fds[1]);
    x.fd = y.fd = fds[0];
    assert_int_equal(set_fd(&x, POLLIN), 0);
    turn();
    assert_true(wr_watches_are_due(&a.ws));
    assert_int_equal(set_fd(&y, POLLOUT), 0);
    assert_false(wr_watches_are_due(&a.ws));
    turn();
    call_due(&a.ws);
    SAID(a, "y");
    assert_int_equal(a.ready, POLLOUT);
    wr_watches_clear(&a.ws);
    close_pipe(fds);
}

static void once__closed_while_due__its_call_touches_nobody(void **state)
{
    struct target x = {.owner = &a, .letter = 'x'};
    struct probe p;
    int fds[2], more[2];

    (void)state;
    open_pipe(fds);
    put_byte(fds[1]);
    x.fd = fds[0];
    assert_int_equal(set_fd(&x, POLLIN), 0);
    turn();
    assert_true(wr_watches_are_due(&a.ws));
    close(fds[0]);
    open_pipe(more);
    assert_int_equal(more[0], fds[0]);
    probe_add(&p, more[0], EPOLLIN, NULL);
    call_due(&a.ws);
    put_byte(more[1]);
    turn();
    turn();
    assert_int_equal(p.calls, 2);
    assert_false(wr_watches_are_due(&a.ws));
    wr_loop_remove(loop, &p.source);
    wr_watches_clear(&a.ws);
    close_pipe(more);
    close(fds[1]);
}

#define SETS(name) cmocka_unit_test_setup_teardown(name, begin_sets, end_sets)
#define ONCE(name) cmocka_unit_test_setup_teardown(name, begin_once, end_sets)

WR_TESTS(SETS(timer__its_time__is_called_once), SETS(timer__set_again__is_moved_both_ways),
         SETS(timer__same_function_other_argument__is_another), SETS(timer__never__takes_it_back),
         SETS(timer__without_function__is_refused),
         SETS(timer__set_anew_in_its_callback__comes_again),
         SETS(timer__of_0_ms_set_anew_in_its_callback__leaves_turns_to_others),
         SETS(timer__of_0_ms_set_by_another__can_be_moved_and_taken_back),
         SETS(timer__taken_back_by_one_due_with_it__is_not_called),
         ONCE(timer__taken_back_or_moved_while_due__is_not_called),
         ONCE(timer__clear__forgets_those_due_and_those_to_come),
         SETS(timer__without_memory__is_not_set),
         SETS(fd__readable__is_called_in_each_turn_until_it_is_read),
         SETS(fd__set_again__has_other_events_function_and_argument),
         SETS(fd__hang_up__is_told_without_being_asked_for),
         SETS(fd__half_closed_by_its_peer__is_told_who_asks),
         SETS(fd__taken__is_busy_for_others_until_it_is_given_back),
         SETS(fd__that_cannot_be_watched__is_refused),
         SETS(fd__ended_and_closed_in_its_callback__is_called_no_more),
         SETS(fd__ended_by_one_that_is_ready_with_it__is_not_called),
         SETS(fd__closed_while_watched__leaves_the_next_of_its_number_alone),
         SETS(fd__closed_while_watched__its_number_can_be_watched_anew), SETS(fd__clear__ends_all),
         SETS(fd__without_memory__is_not_watched),
         ONCE(once__ready__is_told_once_and_again_behind_the_call),
         ONCE(once__changed_while_due__is_called_for_the_new_events),
         ONCE(once__closed_while_due__its_call_touches_nobody));
