/*
 * Room for connections on a server of two loops, whose time a test moves on. A listening of a single
 * acceptor is that of the first loop, which passes on those that make it fuller than the second;
 * connections that are adopted go to each loop in turn.
 */
#include "server_fixture.h"

#include <sched.h>
#include <sys/resource.h>

static atomic_llong ahead_ms;

static int64_t later_ms(void *ctx)
{
    (void)ctx;
    return wr_clock_system.monotonic_ms(wr_clock_system.ctx) + atomic_load(&ahead_ms);
}

static int64_t later_us(void *ctx)
{
    return later_ms(ctx) * 1000;
}

static int64_t wall_ns(void *ctx)
{
    (void)ctx;
    return wr_clock_system.wall_ns(wr_clock_system.ctx);
}

static const struct wr_clock moved = {later_ms, later_us, wall_ns, NULL};

/* ---- what is logged: lines with these words, and the numbers in them ---- */

static atomic_ulong refused_lines, refused_n, evicted_lines, evicted_n;

static void look_at_line(void *ctx, enum wr_log_level level, const char *line, size_t n)
{
    const char *at;

    (void)ctx;
    (void)n;
    if ((at = strstr(line, "closed at once: "))) {
        if (level != WR_LOG_WARN || !strstr(line, "the last of 127.0.0.1"))
            abort();
        atomic_fetch_add(&refused_lines, 1);
        atomic_fetch_add(&refused_n, strtoul(at + strlen("closed at once: "), NULL, 10));
    }
    if ((at = strstr(line, "to make room: "))) {
        if (level != WR_LOG_WARN)
            abort();
        atomic_fetch_add(&evicted_lines, 1);
        atomic_fetch_add(&evicted_n, strtoul(at + strlen("to make room: "), NULL, 10));
    }
}

/* ---- the server ---- */

static int set_up_room(void **state)
{
    set_up(state);
    atomic_store(&ahead_ms, 0);
    atomic_store(&refused_lines, 0);
    atomic_store(&refused_n, 0);
    atomic_store(&evicted_lines, 0);
    atomic_store(&evicted_n, 0);
    for (int i = 0; i < GENERATIONS; i++)
        f.g[i].site.log.write = look_at_line;
    wr_listening_free(f.l[0]);
    f.l[0] = open_at("127.0.0.1:0", 1);
    return 0;
}

static void bound(int generation, int64_t max, int64_t per_address_max)
{
    f.g[generation].site.config.connections_max = max;
    f.g[generation].site.config.connections_per_address_max = per_address_max;
}

static void start_moved_loops(int loops)
{
    struct wr_server_setup setup = {
        .clock = &moved, .site = &f.g[0].site, .listenings = {f.l, 1}, .loops = loops};
    int err;

    f.s = wr_server_new(&setup, f.why, &err);
    assert_non_null(f.s);
    assert_int_equal(wr_server_start(f.s), 0);
}

static void start_moved(void)
{
    start_moved_loops(LOOPS);
}

/* A connection over TCP that the host has accepted; the other end. */
static int adopt_tcp(void)
{
    int fd = dial(&f.l[1]->address);

    assert_true(fd >= 0);
    for (int k = 0; k < LOOPS; k++) {
        struct pollfd p = {f.l[1]->acceptors[k].fd, POLLIN, 0};

        if (poll(&p, 1, 0) == 1) {
            int served = accept4(p.fd, NULL, NULL, SOCK_CLOEXEC);

            assert_int_equal(wr_server_adopt(f.s, served), 0);
            return fd;
        }
    }
    fail_msg("nobody came");
    return -1;
}

static int connect_there(void)
{
    int fd = dial(&f.l[0]->address);

    assert_true(fd >= 0);
    return fd;
}

/* Without having been answered. */
static bool is_closed(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, 0);

    return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void expect_refused(bool is_adopted)
{
    int fd = is_adopted ? adopt_tcp() : dial(&f.l[0]->address);

    assert_true(fd < 0 || is_closed(fd)); /* the reset may be there before connect() returns */
    if (fd >= 0)
        close(fd);
}

static uint64_t counted(enum wr_metric id)
{
    uint64_t n = 0;

    for (int i = 0; i < f.s->loops; i++)
        n += atomic_load(&f.s->threads[i].worker.metrics.count[id]);
    return n;
}

/* Each loop of these connections has done what was due before. */
static void settle_on(const int *fds, int n)
{
    for (int i = 0; i < 2 * n; i++)
        expect_on(fds[i % n], &f.g[0]);
}

static void close_each(const int *fds, int n)
{
    for (int i = 0; i < n; i++)
        close(fds[i]);
}

/* ---- connections_max ---- */

/* The loop that listens has nobody who could go. */
static void room__idle_on_another_loop__is_made_there(void **state)
{
    int fds[3];

    (void)state;
    bound(0, 2, 0);
    start_moved();
    fds[0] = adopt_tcp(); /* on the first loop */
    assert_true(send_get(fds[0], "/hold"));
    await(is_holding, &f.g[0], NULL);
    fds[1] = adopt_tcp(); /* on the second */
    expect_on(fds[1], &f.g[0]);
    atomic_fetch_add(&ahead_ms, 1000);
    fds[2] = connect_there();
    expect_on(fds[2], &f.g[0]);
    assert_true(is_closed(fds[1]));
    let_answer(&f.g[0]);
    assert_true(receive(fds[0], (char[3]){0}));
    assert_int_equal(counted(WR_METRIC_EVICTED), 1);
    assert_int_equal(counted(WR_METRIC_CONNECTIONS), 3);
    assert_int_equal(atomic_load(&evicted_n), 1);
    close_each(fds, 3);
    end_server();
}

static void room__oldest_idle__is_made_there(void **state)
{
    enum { MAX = 6 };
    int fds[MAX], next;

    (void)state;
    bound(0, MAX, 0);
    start_moved_loops(1); /* each loop looks for the oldest of its own */
    for (int i = 0; i < MAX; i++) {
        fds[i] = connect_there();
        expect_on(fds[i], &f.g[0]);
        atomic_fetch_add(&ahead_ms, 10);
    }
    expect_on(fds[0], &f.g[0]); /* so the second is the oldest */
    atomic_fetch_add(&ahead_ms, 1000);
    next = connect_there();
    expect_on(next, &f.g[0]);
    assert_true(is_closed(fds[1]));
    close(fds[1]);
    fds[1] = next;
    for (int i = 0; i < MAX; i++)
        expect_on(fds[i], &f.g[0]);
    assert_int_equal(counted(WR_METRIC_EVICTED), 1);
    close_each(fds, MAX);
    end_server();
}

/* Nobody is closed while he is answered: who comes waits, and is let in when that is done. */
static void room__all_busy__who_comes_waits(void **state)
{
    int busy, fds[2];
    char name[3];

    (void)state;
    bound(0, 1, 0);
    start_moved();
    busy = adopt_tcp();
    assert_true(send_get(busy, "/hold"));
    await(is_holding, &f.g[0], NULL);
    atomic_fetch_add(&ahead_ms, 60000);
    for (int i = 0; i < 2; i++) {
        fds[i] = connect_there();
        assert_true(send_get(fds[i], "/"));
    }
    for (int i = 0; i < 3; i++) { /* time that a loop pauses */
        struct pollfd p[2] = {{fds[0], POLLIN, 0}, {fds[1], POLLIN, 0}};

        assert_int_equal(poll(p, 2, 100), 0);
    }
    let_answer(&f.g[0]);
    assert_true(receive(busy, name));
    close(busy);
    assert_true(receive(fds[0], name));
    close(fds[0]);
    assert_true(receive(fds[1], name));
    close(fds[1]);
    assert_int_equal(counted(WR_METRIC_EVICTED), 0);
    assert_true(counted(WR_METRIC_ACCEPT_PAUSES) > 0);
    end_server();
}

/* Who grows old enough to go while accepting pauses makes room at once, and accepting goes on: once. */
static void room__made_while_accepting_pauses__is_used_at_once(void **state)
{
    int idle, next;
    char name[3];

    (void)state;
    bound(0, 1, 0);
    start_moved();
    idle = connect_there();
    expect_on(idle, &f.g[0]);
    next = connect_there();
    assert_true(send_get(next, "/"));
    while (counted(WR_METRIC_ACCEPT_PAUSES) == 0)
        sched_yield();
    atomic_fetch_add(&ahead_ms, 1000);
    assert_true(receive(next, name));
    assert_true(is_closed(idle));
    assert_int_equal(counted(WR_METRIC_EVICTED), 1);
    assert_int_equal(counted(WR_METRIC_ACCEPT_PAUSES), 1);
    close(idle);
    close(next);
    end_server();
}

/* The limit is that of the start: here descriptors run out below it. */
static void room__no_descriptor_left__is_made(void **state)
{
    enum { LIMIT = 64 };
    int idle, next, fillers[LIMIT], n = 0;
    struct rlimit before, low;

    (void)state;
    start_moved();
    idle = connect_there();
    expect_on(idle, &f.g[0]);
    atomic_fetch_add(&ahead_ms, 1000);
    next = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    set_bound(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = before;
    low.rlim_cur = LIMIT;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    while (n < LIMIT && (fillers[n] = fcntl(idle, F_DUPFD_CLOEXEC, 0)) >= 0)
        n++;
    assert_in_range(n, 1, LIMIT - 1);
    assert_int_equal(connect(next, &f.l[0]->address.sa.any, f.l[0]->address.len), 0);
    expect_on(next, &f.g[0]);
    assert_true(is_closed(idle));
    close_each(fillers, n);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(counted(WR_METRIC_EVICTED), 1);
    close(idle);
    close(next);
    end_server();
}

/* Those that the host has accepted come in, and make room as others do. */
static void room__adopted_at_the_limit__comes_in(void **state)
{
    int fds[3];

    (void)state;
    bound(0, 1, 0);
    start_moved();
    for (int i = 0; i < 3; i++) {
        fds[i] = adopt_tcp();
        expect_on(fds[i], &f.g[0]);
        if (i == 1) { /* both were young: there are two */
            expect_on(fds[0], &f.g[0]);
            atomic_fetch_add(&ahead_ms, 1000);
        }
    }
    assert_true(is_closed(fds[0])); /* of the loop that the third came to */
    close_each(fds, 3);
    end_server();
}

static void room__limit_changes__with_a_reload(void **state)
{
    enum { MAX = 4 };
    int fds[MAX], next;

    (void)state;
    bound(0, MAX, 0);
    bound(1, 2, 0);
    bound(2, 3, 0);
    start_moved();
    for (int i = 0; i < MAX; i++) {
        fds[i] = connect_there();
        expect_on(fds[i], &f.g[0]);
        atomic_fetch_add(&ahead_ms, 1);
    }
    reload(1);
    atomic_fetch_add(&ahead_ms, 1000);
    next = connect_there(); /* three of four go, so that it is one of two */
    expect_on(next, &f.g[1]);
    for (int i = 0; i < 3; i++)
        assert_true(is_closed(fds[i]));
    expect_on(fds[3], &f.g[1]);
    reload(2);
    close(fds[0]);
    fds[0] = connect_there(); /* the third of three, although all are young */
    expect_on(fds[0], &f.g[2]);
    expect_on(next, &f.g[2]);
    expect_on(fds[3], &f.g[2]);
    assert_int_equal(counted(WR_METRIC_EVICTED), 3);
    close_each(fds, MAX);
    close(next);
    end_server();
}

/* ---- connections_per_address_max ---- */

static void address__full__is_refused_on_every_loop(void **state)
{
    int fds[2], local[2];

    (void)state;
    bound(0, 0, 2);
    start_moved();
    for (int i = 0; i < 2; i++) { /* one on each loop */
        fds[i] = adopt_tcp();
        expect_on(fds[i], &f.g[0]);
    }
    for (int i = 0; i < 5; i++)
        expect_refused(i % 2 == 1);
    for (int i = 0; i < 3; i++) { /* these have no address */
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, local), 0);
        set_bound(local[0]);
        assert_int_equal(wr_server_adopt(f.s, local[1]), 0);
        expect_on(local[0], &f.g[0]);
        close(local[0]);
    }
    settle_on(fds, 2);
    assert_int_equal(counted(WR_METRIC_ADDRESS_FULL), 5);
    assert_int_equal(atomic_load(&refused_lines), 1); /* in ten seconds */
    assert_int_equal(atomic_load(&refused_n), 1);
    atomic_fetch_add(&ahead_ms, 10000);
    expect_refused(false);
    assert_int_equal(counted(WR_METRIC_ADDRESS_FULL), 6);
    settle_on(fds, 2);
    atomic_fetch_add(&ahead_ms, 10000);
    settle_on(fds, 2);
    assert_int_equal(atomic_load(&refused_n), 6); /* nobody is forgotten */
    assert_in_range(atomic_load(&refused_lines), 2, 3);
    close_each(fds, 2);
    end_server();
}

static void address__limit_comes_with_a_reload__open_ones_count(void **state)
{
    int fds[3];

    (void)state;
    bound(1, 0, 2);
    start_moved();
    for (int i = 0; i < 2; i++) {
        fds[i] = adopt_tcp();
        expect_on(fds[i], &f.g[0]);
    }
    reload(1);
    expect_refused(false);
    reload(2); /* and goes with one */
    fds[2] = connect_there();
    expect_on(fds[2], &f.g[2]);
    close_each(fds, 3);
    end_server();
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_room, tear_down)

WR_TESTS(TEST(room__idle_on_another_loop__is_made_there), TEST(room__oldest_idle__is_made_there),
         TEST(room__all_busy__who_comes_waits),
         TEST(room__made_while_accepting_pauses__is_used_at_once),
         TEST(room__no_descriptor_left__is_made), TEST(room__adopted_at_the_limit__comes_in),
         TEST(room__limit_changes__with_a_reload), TEST(address__full__is_refused_on_every_loop),
         TEST(address__limit_comes_with_a_reload__open_ones_count));
