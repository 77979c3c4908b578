/*
 * Connections that are passed on, between two loops. The listening has a single acceptor, that of
 * the first loop, so what the second one has was passed to it. Time stands still but where a test
 * moves it: then no loop has been in its turn for long.
 */
#include "server_fixture.h"

#include <sched.h>

#define MANY 64

static atomic_llong now_ms;

static int64_t still_ms(void *ctx)
{
    (void)ctx;
    return 1000 + atomic_load(&now_ms);
}

static int64_t still_us(void *ctx)
{
    return still_ms(ctx) * 1000;
}

static int64_t wall_ns(void *ctx)
{
    (void)ctx;
    return wr_clock_system.wall_ns(wr_clock_system.ctx);
}

static const struct wr_clock still = {still_ms, still_us, wall_ns, NULL};

static sem_t gate;

static int set_up_balance(void **state)
{
    set_up(state);
    atomic_store(&now_ms, 0);
    sem_init(&gate, 0, 0);
    f.g[0].serve_waits_for = &gate;
    wr_listening_free(f.l[0]);
    f.l[0] = open_at("127.0.0.1:0", 1);
    return 0;
}

static void start_still(void)
{
    struct wr_server_setup setup = {
        .clock = &still, .site = &f.g[0].site, .listenings = {f.l, 1}, .loops = LOOPS};
    int err;

    f.s = wr_server_new(&setup, f.why, &err);
    assert_non_null(f.s);
    assert_int_equal(wr_server_start(f.s), 0);
}

static long open_on(int loop)
{
    return atomic_load(&f.s->threads[loop].open);
}

static uint64_t passed(int loop)
{
    return atomic_load(&f.s->threads[loop].worker.metrics.count[WR_METRIC_PASSED]);
}

static int connect_there(void)
{
    int fd = dial(&f.l[0]->address);

    assert_true(fd >= 0);
    return fd;
}

/* Connected, and answered: so it is counted. */
static int come(void)
{
    int fd = connect_there();

    expect_on(fd, &f.g[0]);
    return fd;
}

static void close_all(int n, const int fds[])
{
    for (int i = 0; i < n; i++)
        close(fds[i]);
}

static int live(void)
{
    int n;

    pthread_mutex_lock(&lock);
    n = f.g[0].live;
    pthread_mutex_unlock(&lock);
    return n;
}

/* The loop of this connection is in a handler that blocks, until `gate` is opened. */
static void block(int fd)
{
    while (live() > 0) /* an answer may be there before its exchange has ended */
        sched_yield();
    assert_true(send_get(fd, "/block"));
    while (live() == 0)
        sched_yield();
}

static void unblock(int fd)
{
    char name[3];

    sem_post(&gate);
    assert_true(receive(fd, name));
}

/* ---- who gets it ---- */

static void balance__four__two_each(void **state)
{
    int fds[4];

    (void)state;
    start_still();
    for (int i = 0; i < 4; i++)
        fds[i] = come();
    assert_int_equal(open_on(0), 2);
    assert_int_equal(open_on(1), 2);
    assert_int_equal(passed(0), 2);
    assert_int_equal(passed(1), 0);
    close_all(4, fds);
    end_server();
}

/* All of them at the first: 30 + 30 / 8 + 1 and 30 is as uneven as it may be. */
static void balance__many__even_to_an_eighth(void **state)
{
    int fds[MANY];

    (void)state;
    start_still();
    for (int i = 0; i < MANY; i++)
        fds[i] = come();
    assert_int_equal(open_on(0) + open_on(1), MANY);
    assert_in_range(open_on(1), 30, 34);
    assert_int_equal(passed(0), open_on(1));
    close_all(MANY, fds);
    end_server();
}

/* One after the other, each of which is closed before the next one comes. */
static void balance__those_that_close__stay_where_they_came(void **state)
{
    (void)state;
    start_still();
    for (int i = 0; i < 20; i++) {
        close(come());
        while (atomic_load(&f.s->conns) > 0)
            sched_yield();
    }
    assert_int_equal(passed(0), 0);
    end_server();
}

static void balance__loop_that_is_blocked__gets_none(void **state)
{
    int fds[4];

    (void)state;
    start_still();
    fds[0] = come();
    fds[1] = come();
    assert_int_equal(open_on(1), 1);
    block(fds[1]);
    atomic_store(&now_ms, 1000);
    fds[2] = come();
    fds[3] = come(); /* it would have to wait on the second loop */
    assert_int_equal(open_on(0), 3);
    unblock(fds[1]);
    for (int i = 0; i < 4; i++)
        expect_on(fds[i], &f.g[0]);
    close_all(4, fds);
    end_server();
}

/* ---- on the way ---- */

/* One on the first loop, one on the second, which is blocked in it, and two more: the latter of
 * them is on its way to the second. */
static void start_with_one_on_its_way(int fds[4])
{
    f.g[0].site.config.connections_max = 4;
    start_still();
    fds[0] = come();
    fds[1] = come();
    block(fds[1]);
    fds[2] = come();
    fds[3] = connect_there();
    while (atomic_load(&f.s->threads[1].coming) == 0)
        sched_yield();
    assert_int_equal(open_on(0), 2);
    assert_int_equal(open_on(1), 1);
}

static void passed__on_its_way__counts_at_the_limit(void **state)
{
    int fds[4];

    (void)state;
    start_with_one_on_its_way(fds);
    assert_int_equal(atomic_load(&f.s->conns), 4);
    assert_true(wr_room_is_full(f.s));
    unblock(fds[1]);
    expect_on(fds[3], &f.g[0]);
    assert_int_equal(atomic_load(&f.s->conns), 4);
    assert_int_equal(atomic_load(&f.s->threads[1].coming), 0);
    assert_int_equal(open_on(1), 2);
    close_all(4, fds);
    while (atomic_load(&f.s->conns) > 0)
        sched_yield();
    end_server();
}

static void passed__server_stops_meanwhile__is_served(void **state)
{
    int fds[4];
    char name[3];

    (void)state;
    start_with_one_on_its_way(fds);
    assert_true(send_get(fds[3], "/"));
    wr_server_stop(f.s, (int64_t)BOUND_S * 1000);
    assert_false(receive(fds[0], name)); /* idle: closed by the first loop, which has stopped */
    unblock(fds[1]);
    assert_true(receive(fds[3], name));
    close_all(4, fds); /* time stands still: who lingers ends with his client */
    assert_int_equal(wr_server_wait(f.s), 0);
    wr_server_free(f.s);
}

/* The end that a server takes in; the other one. */
static int pass_to_second(int *client)
{
    const struct wr_peer peer = {.family = AF_UNIX};
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    set_bound(pair[0]);
    assert_int_equal(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
    *client = pair[0];
    return wr_balance_pass(&f.s->threads[0], &f.s->threads[1], pair[1], &peer);
}

static void passed__loop_has_begun_to_stop__is_served(void **state)
{
    int fds[2], late;
    char name[3];

    (void)state;
    start_still();
    fds[0] = come();
    fds[1] = come();
    block(fds[1]);
    wr_server_stop(f.s,
                   (int64_t)BOUND_S * 1000); /* the second loop hears of it before the connection */
    assert_true(pass_to_second(&late));
    assert_true(send_get(late, "/"));
    unblock(fds[1]);
    assert_true(receive(late, name));
    assert_false(ask(late, name));
    close_all(2, fds);
    close(late);
    assert_int_equal(wr_server_wait(f.s), 0);
    wr_server_free(f.s);
}

static void passed__loop_has_ended__is_closed(void **state)
{
    int late;
    char name[3];

    (void)state;
    start_still();
    wr_server_stop(f.s, 0);
    assert_int_equal(wr_server_wait(f.s), 0);
    assert_true(pass_to_second(&late));
    assert_true(send_get(late, "/")); /* nobody serves any more */
    wr_server_free(f.s);
    assert_false(receive(late, name));
    close(late);
}

#define BALANCE(name) cmocka_unit_test_setup_teardown(name, set_up_balance, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BALANCE(balance__four__two_each),
        BALANCE(balance__many__even_to_an_eighth),
        BALANCE(balance__those_that_close__stay_where_they_came),
        BALANCE(balance__loop_that_is_blocked__gets_none),
        BALANCE(passed__on_its_way__counts_at_the_limit),
        BALANCE(passed__server_stops_meanwhile__is_served),
        BALANCE(passed__loop_has_begun_to_stop__is_served),
        BALANCE(passed__loop_has_ended__is_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
