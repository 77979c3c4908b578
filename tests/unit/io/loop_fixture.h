/*
 * loop_fixture.h — a loop on a clock moved by hand, and sources that count: for test_loop.c and
 * test_loop_tasks.c, each of which has its own.
 */
#ifndef WR_TESTS_LOOP_FIXTURE_H
#define WR_TESTS_LOOP_FIXTURE_H

#include "io/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "fake_clock.h"
#include "support.h"

#define BOUND_MS 20000 /* for what must happen: only a failing test waits so long */

static struct wr_fake_clock fake;
static struct wr_clock fake_clock;
static struct wr_loop *loop;

static inline int begin_with(const struct wr_clock *clock)
{
    int err;

    loop = wr_loop_new(clock, &err);
    return loop ? 0 : -1;
}

static inline int begin(void **state)
{
    (void)state;
    fake = (struct wr_fake_clock){.now_ms = 1000, .wall_ns = 1700000000999999999};
    fake_clock = wr_fake_clock_of(&fake);
    return begin_with(&fake_clock);
}

static inline int begin_in_real_time(void **state)
{
    (void)state;
    return begin_with(&wr_clock_system);
}

static inline int end(void **state)
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

static inline void on_probe(struct wr_source *s, uint32_t events)
{
    struct probe *p = WR_CONTAINER_OF(s, struct probe, source);

    p->calls++;
    p->events = events;
    p->turn = wr_loop_turn(loop);
    if (p->act)
        p->act(p);
}

static inline void probe_init(struct probe *p, void (*act)(struct probe *p))
{
    *p = (struct probe){.act = act};
    wr_source_init(&p->source, on_probe);
}

static inline void probe_add(struct probe *p, int fd, uint32_t events, void (*act)(struct probe *p))
{
    probe_init(p, act);
    assert_int_equal(wr_loop_add(loop, &p->source, fd, events), 0);
    assert_int_equal(p->source.fd, fd);
}

static inline void open_pipe(int fds[2])
{
    assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
}

static inline void close_pipe(const int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

static inline void put_byte(int fd)
{
    assert_int_equal(write(fd, "x", 1), 1);
}

static inline void step(int want)
{
    assert_int_equal(wr_loop_step(loop, 0), want);
}

/* Takes one byte and asks for another turn while there may be more: a budget of 1. */
static inline void take_one_byte(struct probe *p)
{
    char byte;

    if (read(p->source.fd, &byte, 1) == 1)
        wr_loop_again(loop, &p->source, EPOLLIN);
    else
        assert_int_equal(errno, EAGAIN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define REAL(name) cmocka_unit_test_setup_teardown(name, begin_in_real_time, end)

#endif
