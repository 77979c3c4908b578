#include "io/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

#define BOUND_MS 20000

static struct wr_address parse(const char *text)
{
    struct wr_address a;
    const char *why;

    if (wr_address_parse(text, &a, &why) != 0)
        fail_msg("%s: %s", text, why);
    return a;
}

static void close_all(int n, const int fds[])
{
    for (int i = 0; i < n; i++)
        assert_int_equal(close(fds[i]), 0);
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t n = sizeof value;

    assert_int_equal(getsockopt(fd, level, name, &value, &n), 0);
    return value;
}

/* A client, connected; or -errno. */
static int try_connect(const struct sockaddr *to, socklen_t n)
{
    int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

    assert_true(fd >= 0);
    if (connect(fd, to, n) == 0)
        return fd;
    err = -errno;
    close(fd);
    return err;
}

static struct sockaddr_in loopback(in_port_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int connect_v4(in_port_t port)
{
    struct sockaddr_in to = loopback(port);

    return try_connect((const struct sockaddr *)&to, sizeof to);
}

/* Waits for a connection on any of fds and accepts it; *which says on which. */
static int accept_any(int n, const int fds[], int *which, struct sockaddr_storage *from)
{
    struct pollfd p[8];
    socklen_t len = sizeof *from;
    int fd;

    assert_in_range(n, 1, 8);
    for (int i = 0; i < n; i++)
        p[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    assert_true(poll(p, (nfds_t)n, BOUND_MS) > 0);
    *which = 0;
    while (!(p[*which].revents & POLLIN))
        ++*which;
    fd = accept4(fds[*which], (struct sockaddr *)from, &len, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void listener__port_0__is_replaced_by_the_one_given(void **state)
{
    struct wr_address a = parse("127.0.0.1:0");
    struct sockaddr_in name;
    socklen_t n = sizeof name;
    int fd, client;

    (void)state;
    assert_int_equal(wr_listener_open(&a, 1, &fd), 0);
    assert_int_not_equal(a.sa.v4.sin_port, 0);
    assert_int_equal(a.sa.v4.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &n), 0);
    assert_int_equal(name.sin_port, a.sa.v4.sin_port);
    client = connect_v4(a.sa.v4.sin_port);
    assert_true(client >= 0);
    close(client);
    close(fd);
}

static void listener__each_socket__is_set_up_as_promised(void **state)
{
    struct wr_address a = parse("127.0.0.1:0");
    struct sockaddr_storage from;
    int fds[3], client, served, which;

    (void)state;
    assert_int_equal(wr_listener_open(&a, 3, fds), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(option(fds[i], SOL_SOCKET, SO_ACCEPTCONN), 1);
        assert_int_equal(option(fds[i], IPPROTO_TCP, TCP_NODELAY), 1);
        assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
        assert_int_equal(fcntl(fds[i], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    }
    client = connect_v4(a.sa.v4.sin_port);
    served = accept_any(3, fds, &which, &from);
    assert_int_equal(option(served, IPPROTO_TCP, TCP_NODELAY), 1); /* inherited */
    assert_int_equal(option(served, IPPROTO_TCP, TCP_NOTSENT_LOWAT), 512 * 1024);
    close(served);
    close(client);
    close_all(3, fds);
}

/* The kernel picks by a hash of the four numbers: 200 ports all on one side are no accident. */
static void listener__two_sockets__both_accept(void **state)
{
    struct wr_address a = parse("127.0.0.1:0");
    int fds[2], accepted[2] = {0, 0};

    (void)state;
    assert_int_equal(wr_listener_open(&a, 2, fds), 0);
    for (int i = 0; i < 200; i++) {
        struct sockaddr_storage from;
        int which, client = connect_v4(a.sa.v4.sin_port), served;

        assert_true(client >= 0);
        served = accept_any(2, fds, &which, &from);
        accepted[which]++;
        close(client);
        close(served);
    }
    assert_int_equal(accepted[0] + accepted[1], 200);
    assert_true(accepted[0] > 0);
    assert_true(accepted[1] > 0);
    close_all(2, fds);
}

static void listener__port_in_use__is_refused_although_it_is_shared(void **state)
{
    struct wr_address a = parse("127.0.0.1:0"), second;
    int fds[2], others[2];

    (void)state;
    for (int n = 1; n <= 2; n++) {
        a = parse("127.0.0.1:0");
        assert_int_equal(wr_listener_open(&a, n, fds), 0);
        assert_int_equal(option(fds[0], SOL_SOCKET, SO_REUSEPORT), 1);
        for (int m = 1; m <= 2; m++) {
            second = a;
            assert_int_equal(wr_listener_open(&second, m, others), -EADDRINUSE);
        }
        second = parse(":0");
        second.sa.v6.sin6_port = a.sa.v4.sin_port;
        assert_int_equal(wr_listener_open(&second, 2, others), -EADDRINUSE);
        close_all(n, fds);
        assert_int_equal(wr_listener_open(&a, n, fds), 0); /* free again */
        close_all(n, fds);
    }
}

/* A restarted server must not wait for TIME_WAIT of the old one's connections: SO_REUSEADDR. */
static void listener__connections_in_time_wait__do_not_keep_the_port(void **state)
{
    struct wr_address a = parse("127.0.0.1:0");
    struct pollfd p = {.events = POLLIN};
    struct sockaddr_storage from;
    int fd, client, served, which;
    char byte;

    (void)state;
    assert_int_equal(wr_listener_open(&a, 1, &fd), 0);
    client = connect_v4(a.sa.v4.sin_port);
    served = accept_any(1, &fd, &which, &from);
    close(served); /* who closes first has the TIME_WAIT */
    p.fd = client;
    assert_int_equal(poll(&p, 1, BOUND_MS), 1);
    assert_int_equal(read(client, &byte, 1), 0);
    close(client);
    close(fd);
    assert_int_equal(wr_listener_open(&a, 1, &fd), 0);
    close(fd);
}

struct contender {
    pthread_t thread;
    pthread_barrier_t *start;
    struct wr_address address;
    int fds[2], err;
};

static void *contend(void *arg)
{
    struct contender *c = arg;

    pthread_barrier_wait(c->start);
    c->err = wr_listener_open(&c->address, 2, c->fds);
    return NULL;
}

/* Neither may see the other between its bind and its listen. */
static void listener__two_servers_at_once__never_both(void **state)
{
    pthread_barrier_t start;

    (void)state;
    assert_int_equal(pthread_barrier_init(&start, NULL, 2), 0);
    for (int round = 0; round < 300; round++) {
        struct wr_address a = parse("127.0.0.1:0");
        struct contender c[2];
        int fd, won = 0;

        assert_int_equal(wr_listener_open(&a, 1, &fd), 0); /* a port that is free after this */
        close(fd);
        for (int i = 0; i < 2; i++) {
            c[i] = (struct contender){.start = &start, .address = a};
            assert_int_equal(pthread_create(&c[i].thread, NULL, contend, &c[i]), 0);
        }
        for (int i = 0; i < 2; i++) /* the winner holds the port until the other has tried */
            assert_int_equal(pthread_join(c[i].thread, NULL), 0);
        for (int i = 0; i < 2; i++) {
            assert_true(c[i].err == 0 || c[i].err == -EADDRINUSE);
            won += c[i].err == 0;
            if (c[i].err == 0)
                close_all(2, c[i].fds);
        }
        if (won > 1)
            fail_msg("both got the port in round %d", round);
    }
    pthread_barrier_destroy(&start);
}

static void listener__address_of_another_machine__eaddrnotavail(void **state)
{
    struct wr_address a = parse("192.0.2.1:0"); /* RFC 5737: nobody has it */
    int fds[2];

    (void)state;
    assert_int_equal(wr_listener_open(&a, 2, fds), -EADDRNOTAVAIL);
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has;

    if (fd < 0)
        return false;
    has = bind(fd, (const struct sockaddr *)&a, sizeof a) == 0;
    close(fd);
    return has;
}

static void expect_client(int client, int n, const int fds[], const char *want)
{
    struct sockaddr_storage from;
    struct wr_peer peer;
    char text[WR_PEER_TEXT_MAX];
    int which, served;

    assert_true(client >= 0);
    served = accept_any(n, fds, &which, &from);
    wr_peer_of(&from, &peer);
    wr_peer_format(&peer, text);
    assert_string_equal(text, want);
    close(served);
    close(client);
}

static void listener__wildcard__takes_ipv4_and_ipv6(void **state)
{
    struct wr_address a = parse(":0");
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fds[2];
    in_port_t port;

    (void)state;
    assert_int_equal(wr_listener_open(&a, 2, fds), 0);
    port = a.sa.any.sa_family == AF_INET ? a.sa.v4.sin_port : a.sa.v6.sin6_port;
    assert_int_not_equal(port, 0);
    expect_client(connect_v4(port), 2, fds, "127.0.0.1");
    if (has_ipv6()) {
        to.sin6_port = port;
        expect_client(try_connect((const struct sockaddr *)&to, sizeof to), 2, fds, "::1");
    } else {
        print_message("no IPv6 here\n");
    }
    close_all(2, fds);
}

static void listener__ipv6_by_name__does_not_take_ipv4(void **state)
{
    struct wr_address a = parse("[::]:0");
    int fd;

    (void)state;
    if (!has_ipv6()) {
        print_message("no IPv6 here\n");
        skip();
    }
    assert_int_equal(wr_listener_open(&a, 1, &fd), 0);
    assert_int_equal(option(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    assert_int_equal(connect_v4(a.sa.v6.sin6_port), -ECONNREFUSED);
    close(fd);
}

/* ---- unix sockets ---- */

static char folder[] = "/tmp/weir-test-listener-XXXXXX";
static char path[sizeof folder + 8];
static struct wr_address at_path;

static int make_folder(void **state)
{
    char text[sizeof path + 8];

    (void)state;
    memcpy(strrchr(folder, '-') + 1, "XXXXXX", 6);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s", folder);
    snprintf(text, sizeof text, "unix:%s", path);
    at_path = parse(text);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static bool path_exists(void)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static void listener__unix__is_shared_by_duplicates(void **state)
{
    struct wr_address successor;
    struct sockaddr_storage from;
    struct stat st[2];
    int fds[2], client, served, which;

    (void)state;
    assert_int_equal(wr_listener_open(&at_path, 2, fds), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fstat(fds[i], &st[i]), 0);
        assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
        assert_int_equal(fcntl(fds[i], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    }
    assert_int_equal(st[0].st_ino, st[1].st_ino);
    client = try_connect(&at_path.sa.any, at_path.len);
    assert_true(client >= 0);
    served = accept_any(1, &fds[1], &which, &from);
    close(served);
    close(client);
    close_all(2, fds);
    assert_true(path_exists());
    wr_listener_unlink(&at_path);
    assert_false(path_exists());
    /* A successor's path may have the number of the inode that is gone. */
    successor = at_path;
    assert_int_equal(wr_listener_open(&successor, 1, fds), 0);
    wr_listener_unlink(&at_path);
    assert_true(path_exists());
    close_all(1, fds);
    wr_listener_unlink(&successor);
    assert_false(path_exists());
}

static void listener__stale_unix_socket__is_taken_over(void **state)
{
    int fds[2], client;

    (void)state;
    assert_int_equal(wr_listener_open(&at_path, 1, fds), 0);
    close(fds[0]); /* as a crash leaves it */
    assert_true(path_exists());
    assert_int_equal(wr_listener_open(&at_path, 2, fds), 0);
    client = try_connect(&at_path.sa.any, at_path.len);
    assert_true(client >= 0);
    close(client);
    close_all(2, fds);
}

static void listener__live_unix_socket__is_refused(void **state)
{
    struct sockaddr_storage from;
    int fd, others[2], client, served, which;

    (void)state;
    assert_int_equal(wr_listener_open(&at_path, 1, &fd), 0);
    assert_int_equal(wr_listener_open(&at_path, 2, others), -EADDRINUSE);
    served = accept_any(1, &fd, &which, &from); /* the one that asked whether we live */
    close(served);
    client = try_connect(&at_path.sa.any, at_path.len); /* and it still is ours */
    assert_true(client >= 0);
    close(client);
    close(fd);
}

static void listener__unix_socket_with_a_full_backlog__is_live(void **state)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), other, clients[2];

    (void)state;
    assert_int_equal(bind(fd, &at_path.sa.any, at_path.len), 0);
    assert_int_equal(listen(fd, 0), 0);
    for (int i = 0; i < 2; i++) {
        clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (connect(clients[i], &at_path.sa.any, at_path.len) < 0)
            assert_int_equal(errno, EAGAIN); /* unix(7), connect(2): the backlog is full */
    }
    assert_int_equal(wr_listener_open(&at_path, 1, &other), -EADDRINUSE);
    assert_true(path_exists());
    close_all(2, clients);
    close(fd);
}

static void listener__something_else_at_the_path__is_refused_and_kept(void **state)
{
    struct stat st;
    int fd, file;

    (void)state;
    file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    close(file);
    assert_int_equal(wr_listener_open(&at_path, 1, &fd), -EADDRINUSE);
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    unlink(path);

    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(wr_listener_open(&at_path, 1, &fd), -EADDRINUSE);
    assert_int_equal(rmdir(path), 0);

    assert_int_equal(symlink("nowhere", path), 0); /* bind(2) does not follow it */
    assert_int_equal(wr_listener_open(&at_path, 1, &fd), -EADDRINUSE);
    assert_true(path_exists());
}

static void listener__unix_folder_missing__enoent(void **state)
{
    struct wr_address a = parse("unix:/nonexistent-weir-test/s");
    int fds[2];

    (void)state;
    assert_int_equal(wr_listener_open(&a, 2, fds), -ENOENT);
}

static mode_t mode_of_path(void)
{
    struct stat st;

    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    return st.st_mode & 07777;
}

static void listener__unix_mode__holds_whatever_the_umask(void **state)
{
    static const struct {
        mode_t mask;
        unsigned mode;
        mode_t want;
    } rows[] = {{077, 0660, 0660}, {022, 0660, 0660}, {0, 0600, 0600}, {0777, 0666, 0666},
                {022, 0777, 0777}, {077, 0, 0700},    {022, 0, 0755},  {0, 0, 0777}};
    mode_t before = umask(0);

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct wr_address a = at_path;
        int fds[2];

        a.unix_mode = rows[i].mode;
        umask(rows[i].mask);
        assert_int_equal(wr_listener_open(&a, 2, fds), 0);
        assert_int_equal(mode_of_path(), rows[i].want);
        close_all(2, fds);
        assert_int_equal(wr_listener_open(&a, 2, fds), 0); /* the same when it is taken over */
        assert_int_equal(mode_of_path(), rows[i].want);
        close_all(2, fds);
        wr_listener_unlink(&a);
        assert_false(path_exists());
    }
    umask(before);
}

/* Between bind(2) and chmod(2), and nobody can connect yet. */
static unsigned mode_before_chmod;
static bool has_listened;

int __real_fchmodat(int at, const char *name, mode_t mode, int flags);
int __wrap_fchmodat(int at, const char *name, mode_t mode, int flags);

int __wrap_fchmodat(int at, const char *name, mode_t mode, int flags)
{
    int client = try_connect(&at_path.sa.any, at_path.len);

    mode_before_chmod = mode_of_path();
    has_listened = client >= 0;
    if (has_listened)
        close(client);
    return __real_fchmodat(at, name, mode, flags);
}

static void listener__unix_mode__is_never_wider_in_between(void **state)
{
    static const struct {
        mode_t mask;
        unsigned want; /* what bind(2) leaves: the mode less the umask */
    } rows[] = {{0, 0660}, {022, 0640}, {077, 0600}};
    mode_t before = umask(0);

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct wr_address a = at_path;
        int fd;

        a.unix_mode = 0660;
        mode_before_chmod = 07777;
        umask(rows[i].mask);
        assert_int_equal(wr_listener_open(&a, 1, &fd), 0);
        assert_int_equal(mode_before_chmod, rows[i].want);
        assert_false(has_listened);
        close(fd);
        wr_listener_unlink(&a);
    }
    umask(before);
}

/* Nothing is left open, and nothing on the disk. */
static void listener__unix_without_descriptors__leaves_no_path(void **state)
{
    struct rlimit before, few;
    int probe = dup(0), fds[2];

    (void)state;
    close(probe);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = (rlim_t)probe + 1; /* the socket, and no duplicate of it */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(wr_listener_open(&at_path, 2, fds), -EMFILE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_false(path_exists());
}

static void listener__unlink_of_a_tcp_address__does_nothing(void **state)
{
    struct wr_address a = parse("127.0.0.1:80");

    (void)state;
    wr_listener_unlink(&a);
}

#define UNIX(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

WR_TESTS(cmocka_unit_test(listener__port_0__is_replaced_by_the_one_given),
         cmocka_unit_test(listener__each_socket__is_set_up_as_promised),
         cmocka_unit_test(listener__two_sockets__both_accept),
         cmocka_unit_test(listener__port_in_use__is_refused_although_it_is_shared),
         cmocka_unit_test(listener__connections_in_time_wait__do_not_keep_the_port),
         cmocka_unit_test(listener__two_servers_at_once__never_both),
         cmocka_unit_test(listener__address_of_another_machine__eaddrnotavail),
         cmocka_unit_test(listener__wildcard__takes_ipv4_and_ipv6),
         cmocka_unit_test(listener__ipv6_by_name__does_not_take_ipv4),
         UNIX(listener__unix__is_shared_by_duplicates),
         UNIX(listener__stale_unix_socket__is_taken_over),
         UNIX(listener__live_unix_socket__is_refused),
         UNIX(listener__unix_socket_with_a_full_backlog__is_live),
         UNIX(listener__something_else_at_the_path__is_refused_and_kept),
         UNIX(listener__unix_folder_missing__enoent),
         UNIX(listener__unix_mode__holds_whatever_the_umask),
         UNIX(listener__unix_mode__is_never_wider_in_between),
         UNIX(listener__unix_without_descriptors__leaves_no_path),
         cmocka_unit_test(listener__unlink_of_a_tcp_address__does_nothing));
