/*
 * Addresses that are bound here, and sockets that come from elsewhere.
 */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/handler.h"
#include "server/listening.h"
#include "temp_folder.h"

#define BOUND_MS 10000
#define LOOPS    3

static struct temp_folder folder;
static char why[WR_WHY_MAX];

static int set_up(void **state)
{
    (void)state;
    temp_folder_init(&folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_folder_fini(&folder);
    return 0;
}

static struct wr_address parse(const char *text)
{
    struct wr_address a;
    const char *expected;

    if (wr_address_parse(text, &a, &expected) != 0)
        fail_msg("%s: %s", text, expected);
    return a;
}

static struct wr_address at_path(const char *name)
{
    char text[128];

    snprintf(text, sizeof text, "unix:%s", temp_path(&folder, name));
    return parse(text);
}

/* As a host makes it: blocking, on a port that the kernel chooses. */
static int listen_on(const void *sa, socklen_t n)
{
    int fd = socket(((const struct sockaddr *)sa)->sa_family, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, sa, n), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

static int listen_v4(uint32_t ip)
{
    const struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(ip)};

    return listen_on(&v4, sizeof v4);
}

static int listen_v6(struct in6_addr ip, int v6_only)
{
    const struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = ip};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only), 0);
    assert_int_equal(bind(fd, (const void *)&v6, sizeof v6), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

static int port_of(int fd)
{
    struct sockaddr_in6 v6; /* the port of both families lies at the same place */
    socklen_t n = sizeof v6;

    assert_int_equal(getsockname(fd, (void *)&v6, &n), 0);
    return ntohs(v6.sin6_port);
}

static struct wr_listening *adopt(int fd, int loops)
{
    int err = 1;
    struct wr_listening *l = wr_listening_adopt(fd, loops, why, &err);

    if (!l)
        fail_msg("%d: %s", err, why);
    assert_int_equal(err, 0);
    return l;
}

/* Every loop can accept: a client for each, taken in by one after the other. */
static void expect_all_accept(const struct wr_listening *l, const struct wr_address *to)
{
    for (int i = 0; i < l->n; i++) {
        struct pollfd p = {l->acceptors[i].fd, POLLIN, 0};
        int client = socket(to->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), served;

        assert_int_equal(connect(client, &to->sa.any, to->len), 0);
        assert_int_equal(poll(&p, 1, BOUND_MS), 1);
        served = accept4(p.fd, NULL, NULL, SOCK_CLOEXEC);
        assert_true(served >= 0);
        close(served);
        close(client);
    }
}

/* What every adopted one has, whatever it is. */
static void expect_ready(const struct wr_listening *l, unsigned short port)
{
    assert_true(l->is_adopted);
    assert_int_equal(l->n, LOOPS);
    assert_true(wr_address_is_same(&l->wanted, &l->address));
    assert_int_equal(wr_address_port(&l->address), port);
    for (int i = 0; i < l->n; i++) {
        const struct wr_acceptor *a = &l->acceptors[i];

        assert_true(a->fd > STDERR_FILENO);
        assert_int_equal(fcntl(a->fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal(fcntl(a->fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
        assert_int_equal(a->port, port);
        assert_true(a->is_shared);
        assert_null(a->owner);
        for (int k = 0; k < i; k++)
            assert_int_not_equal(a->fd, l->acceptors[k].fd);
    }
}

static void expect_text(const struct wr_listening *l, const char *want)
{
    char text[WR_ADDRESS_TEXT_MAX];

    assert_string_equal(wr_address_format(&l->address, text), want);
}

/* ---- TCP ---- */

static void adopt__ipv4__each_loop_has_it_and_the_given_one_may_close(void **state)
{
    int fd = listen_v4(INADDR_LOOPBACK), port = port_of(fd), value = 0;
    socklen_t n = sizeof value;
    struct wr_listening *l = adopt(fd, LOOPS);
    char want[32];

    (void)state;
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK); /* one file description */
    assert_int_equal(fcntl(fd, F_GETFD), 0);                       /* but its own flags */
    close(fd);
    expect_ready(l, (unsigned short)port);
    snprintf(want, sizeof want, "127.0.0.1:%d", port);
    expect_text(l, want);
    assert_false(l->address.is_wildcard);
    expect_all_accept(l, &l->address);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(getsockopt(l->acceptors[0].fd, i ? IPPROTO_TCP : SOL_SOCKET,
                                    i ? TCP_NODELAY : SO_KEEPALIVE, &value, &n),
                         0);
        assert_int_not_equal(value, 0);
    }
    assert_int_equal(getsockopt(l->acceptors[0].fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &value, &n), 0);
    assert_int_equal(value, 512 * 1024);
    wr_listening_free(l);
}

static void adopt__ipv6__is_the_wildcard_when_it_takes_ipv4_too(void **state)
{
    static const struct {
        bool is_any;
        int v6_only;
        bool is_wildcard;
        const char *host; /* as it would be configured */
    } rows[] = {{true, 0, true, ""}, {true, 1, false, "[::]"}, {false, 0, false, "[::1]"}};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        int fd = listen_v6(rows[i].is_any ? in6addr_any : in6addr_loopback, rows[i].v6_only);
        int port = port_of(fd);
        struct wr_listening *l = adopt(fd, LOOPS);
        struct wr_address configured, v4 = parse("127.0.0.1:1");
        char text[32];

        close(fd);
        expect_ready(l, (unsigned short)port);
        assert_int_equal(l->address.is_wildcard, rows[i].is_wildcard);
        snprintf(text, sizeof text, "%s:%d", rows[i].host, port);
        configured = parse(text);
        assert_true(wr_address_is_same(&l->address, &configured));
        if (rows[i].is_wildcard) {
            v4.sa.v4.sin_port = htons((in_port_t)port);
            expect_all_accept(l, &v4);
        }
        wr_listening_free(l);
    }
}

static void open__port_0__each_loop_has_the_one_that_was_given(void **state)
{
    const struct wr_address wanted = parse("127.0.0.1:0");
    int err = 1;
    struct wr_listening *l = wr_listening_open(&wanted, LOOPS, why, &err);

    (void)state;
    assert_non_null(l);
    assert_int_equal(err, 0);
    assert_false(l->is_adopted);
    assert_true(wr_address_takes_any_port(&l->wanted));
    assert_int_not_equal(wr_address_port(&l->address), 0);
    for (int i = 0; i < LOOPS; i++) {
        assert_int_equal(fcntl(l->acceptors[i].fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal(port_of(l->acceptors[i].fd), wr_address_port(&l->address));
        assert_int_equal(l->acceptors[i].port, wr_address_port(&l->address));
        assert_false(l->acceptors[i].is_shared);
    }
    wr_listening_free(l);
    wr_listening_free(NULL);
}

static void open__address_in_use__says_which(void **state)
{
    int fd = listen_v4(INADDR_LOOPBACK), err = 0;
    char text[32], want[128];
    struct wr_address a;

    (void)state;
    snprintf(text, sizeof text, "127.0.0.1:%d", port_of(fd));
    a = parse(text);
    assert_null(wr_listening_open(&a, LOOPS, why, &err));
    assert_int_equal(err, -EADDRINUSE);
    snprintf(want, sizeof want, "cannot listen on %s: Address already in use", text);
    assert_string_equal(why, want);
    close(fd);
}

/* ---- unix ---- */

static void adopt__unix_path__is_served_and_left_there(void **state)
{
    const struct wr_address a = at_path("s");
    int fd = listen_on(&a.sa, sizeof a.sa.un); /* as many do; the kernel counts to the NUL */
    struct wr_listening *l = adopt(fd, LOOPS);
    struct stat st;

    (void)state;
    close(fd);
    expect_ready(l, 0);
    assert_true(wr_address_is_same(&l->address, &a));
    expect_all_accept(l, &a);
    wr_listening_remove_path(l);
    assert_int_equal(lstat(a.sa.un.sun_path, &st), 0);
    wr_listening_free(l);
    assert_int_equal(lstat(a.sa.un.sun_path, &st), 0);
}

static void remove_path__own__is_gone_unless_another_has_bound_it(void **state)
{
    const struct wr_address a = at_path("s");
    struct wr_listening *first, *second;
    struct stat st;
    int err;

    (void)state;
    first = wr_listening_open(&a, 1, why, &err);
    assert_non_null(first);
    assert_int_equal(rename(a.sa.un.sun_path, temp_path(&folder, "old")), 0);
    second = wr_listening_open(&a, 1, why, &err);
    assert_non_null(second);
    wr_listening_remove_path(first);
    assert_int_equal(lstat(a.sa.un.sun_path, &st), 0);
    wr_listening_remove_path(second);
    assert_int_equal(lstat(a.sa.un.sun_path, &st), -1);
    wr_listening_free(first);
    wr_listening_free(second);
}

/* unix(7): no path; the name is all bytes behind the NUL. ss(8) and systemd write it with an @. */
static void adopt__abstract__is_named_with_an_at_sign(void **state)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct wr_address a = {0};
    struct wr_listening *l;
    char want[WR_ADDRESS_TEXT_MAX];
    int fd, n;

    (void)state;
    n = snprintf(un.sun_path + 1, sizeof un.sun_path - 1, "weir-test-%ld", (long)getpid());
    snprintf(want, sizeof want, "unix:@%s", un.sun_path + 1);
    a.sa.un = un;
    a.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    fd = listen_on(&un, a.len);
    l = adopt(fd, LOOPS);
    close(fd);
    expect_ready(l, 0);
    expect_text(l, want);
    assert_true(wr_address_is_same(&l->address, &a));
    expect_all_accept(l, &a);
    wr_listening_remove_path(l);
    wr_listening_free(l);
}

/* unix(7): a path may fill all of sun_path, and has no NUL behind it then. */
static void adopt__longest_path__is_named_in_full(void **state)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    char want[sizeof "unix:" + sizeof un.sun_path];
    struct wr_listening *l;
    int fd, here;

    (void)state;
    here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(chdir(folder.path), 0);
    memset(un.sun_path, 'x', sizeof un.sun_path);
    fd = listen_on(&un, sizeof un);
    l = adopt(fd, LOOPS);
    close(fd);
    snprintf(want, sizeof want, "unix:%.108s", un.sun_path);
    expect_text(l, want);
    assert_true(l->address.len <= sizeof l->address.sa.un);
    wr_listening_free(l);
    assert_int_equal(fchdir(here), 0);
    close(here);
}

/* ---- what cannot be adopted ---- */

static void expect_refused(int fd, const char *fault)
{
    int flags = fcntl(fd, F_GETFL), err = 0;
    char want[128];

    assert_null(wr_listening_adopt(fd, LOOPS, why, &err));
    assert_int_equal(err, -EINVAL);
    snprintf(want, sizeof want, "cannot listen on descriptor %d: %s", fd, fault);
    assert_string_equal(why, want);
    assert_int_equal(fcntl(fd, F_GETFL), flags); /* untouched */
    if (flags >= 0)
        assert_int_equal(close(fd), 0);
}

static void adopt__anything_else__is_refused_and_left_alone(void **state)
{
    int pipes[2], pair[2], fd = listen_v4(INADDR_LOOPBACK);

    (void)state;
    close(fd);
    expect_refused(fd, "Bad file descriptor");
    expect_refused(-1, "Bad file descriptor");
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    expect_refused(pipes[0], "it is not a socket");
    expect_refused(pipes[1], "it is not a socket");
    expect_refused(open("/dev/null", O_RDWR | O_CLOEXEC), "it is not a socket");
    temp_file_write(&folder, "file", WR_SLICE("x"));
    expect_refused(open(temp_path(&folder, "file"), O_RDWR | O_CLOEXEC), "it is not a socket");
    expect_refused(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
                   "it is not a TCP or Unix stream socket");
    expect_refused(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0),
                   "it is not a TCP or Unix stream socket");
    expect_refused(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0),
                   "it is not a TCP or Unix stream socket");
    expect_refused(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "it does not listen");
    expect_refused(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "it does not listen");
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    expect_refused(pair[0], "it does not listen");
    close(pair[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

WR_TESTS(TEST(adopt__ipv4__each_loop_has_it_and_the_given_one_may_close),
         TEST(adopt__ipv6__is_the_wildcard_when_it_takes_ipv4_too),
         TEST(open__port_0__each_loop_has_the_one_that_was_given),
         TEST(open__address_in_use__says_which), TEST(adopt__unix_path__is_served_and_left_there),
         TEST(remove_path__own__is_gone_unless_another_has_bound_it),
         TEST(adopt__abstract__is_named_with_an_at_sign),
         TEST(adopt__longest_path__is_named_in_full),
         TEST(adopt__anything_else__is_refused_and_left_alone));
