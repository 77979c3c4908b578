#include "io/transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

#define BOUND_MS 20000

static struct wr_transport *transport;
static int own_fd, peer; /* `peer` blocks, the transport does not */

static int wait_for(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};

    return poll(&p, 1, BOUND_MS);
}

static int begin(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || peer < 0 || bind(listener, (const struct sockaddr *)&a, n) < 0 ||
        listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)&a, &n) < 0 ||
        connect(peer, (const struct sockaddr *)&a, n) < 0)
        return -1;
    own_fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    close(listener);
    if (own_fd < 0)
        return -1;
    transport = wr_transport_tcp_new(own_fd);
    return transport ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    if (transport)
        transport->ops->close(transport);
    if (peer >= 0)
        close(peer);
    return 0;
}

static void close_peer(void)
{
    close(peer);
    peer = -1;
}

/* The peer goes with a reset: SO_LINGER of 0, socket(7). */
static void reset_by_peer(void)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    assert_int_equal(setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    close_peer();
    assert_int_equal(wait_for(own_fd, POLLIN), 1);
}

static void expect_at_peer(const char *want, size_t n)
{
    char got[256];

    assert_in_range(n, 1, sizeof got);
    assert_int_equal(recv(peer, got, n, MSG_WAITALL), n);
    assert_memory_equal(got, want, n);
}

static int file_with(const char *content)
{
    int fd = memfd_create("weir-test", MFD_CLOEXEC);
    size_t n = strlen(content);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, n), n);
    return fd;
}

static void transport__operations__are_those_of_a_plain_socket(void **state)
{
    (void)state;
    assert_null(transport->ops->handshake);
    assert_non_null(transport->ops->sendfile);
    assert_null(transport->ops->pending);
}

static void transport__read__gives_what_came_then_eagain_then_the_end(void **state)
{
    char got[16] = "";

    (void)state;
    assert_int_equal(transport->ops->read(transport, got, sizeof got), -EAGAIN);
    assert_int_equal(transport->read_wants, EPOLLIN);
    assert_int_equal(send(peer, "hello", 5, 0), 5);
    assert_int_equal(wait_for(own_fd, POLLIN), 1);
    assert_int_equal(transport->ops->read(transport, got, 3), 3);
    assert_memory_equal(got, "hel", 3);
    assert_int_equal(transport->ops->read(transport, got, sizeof got), 2);
    assert_memory_equal(got, "lo", 2);
    assert_int_equal(transport->ops->read(transport, got, sizeof got), -EAGAIN);
    close_peer();
    assert_int_equal(wait_for(own_fd, POLLIN), 1);
    assert_int_equal(transport->ops->read(transport, got, sizeof got), 0);
    assert_int_equal(transport->ops->read(transport, got, sizeof got), 0);
}

static void transport__reset__read_says_so(void **state)
{
    char got[16];

    (void)state;
    reset_by_peer();
    assert_int_equal(transport->ops->read(transport, got, sizeof got), -ECONNRESET);
}

static void transport__writev__sends_all_pieces_in_order(void **state)
{
    static char a[] = "one,", b[] = "two,", c[] = "three";
    const struct iovec pieces[] = {{a, 4}, {b, 4}, {NULL, 0}, {c, 5}};

    (void)state;
    assert_int_equal(transport->ops->writev(transport, pieces, 4, false), 13);
    expect_at_peer("one,two,three", 13);
    assert_int_equal(transport->ops->writev(transport, &pieces[1], 1, false), 4);
    expect_at_peer("two,", 4);
}

/* tcp(7): MSG_MORE holds a segment back until more comes. */
static void transport__more__goes_with_what_follows(void **state)
{
    static char a[] = "head ", b[] = "body";
    const struct iovec first = {a, 5}, second[] = {{b, 2}, {b + 2, 2}};
    char got[16];

    (void)state;
    assert_int_equal(transport->ops->writev(transport, &first, 1, true), 5);
    assert_int_equal(recv(peer, got, sizeof got, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(transport->ops->writev(transport, second, 2, false), 4);
    assert_int_equal(wait_for(peer, POLLIN), 1);
    assert_int_equal(recv(peer, got, sizeof got, MSG_DONTWAIT), 9);
    assert_memory_equal(got, "head body", 9);
}

/* tcp(7): TCP_CORK holds back what does not fill a segment, whatever each call says, until it is over. */
static void transport__corked__goes_as_one(void **state)
{
    static char a[] = "head ";
    const struct iovec first = {a, 5};
    int file = file_with("body");
    off_t off = 0;
    char got[16];

    (void)state;
    transport->ops->cork(transport, true);
    assert_int_equal(transport->ops->writev(transport, &first, 1, false), 5);
    assert_int_equal(transport->ops->sendfile(transport, file, &off, 4), 4);
    assert_int_equal(recv(peer, got, sizeof got, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    transport->ops->cork(transport, false);
    assert_int_equal(wait_for(peer, POLLIN), 1);
    assert_int_equal(recv(peer, got, sizeof got, MSG_DONTWAIT), 9);
    assert_memory_equal(got, "head body", 9);
    assert_int_equal(transport->ops->writev(transport, &first, 1, false), 5);
    expect_at_peer("head ", 5);
    close(file);
}

/* Nobody reads: the socket fills, and takes a part of what it is given last. */
static size_t fill(void)
{
    static char block[100000];
    const struct iovec pieces[] = {{block, 60000}, {block + 60000, 40000}};
    size_t sent = 0;
    ssize_t n;

    for (int i = 0; (n = transport->ops->writev(transport, pieces, 1 + i % 2, false)) >= 0; i++) {
        assert_true(n > 0);
        sent += (size_t)n;
        assert_true(sent < 1000000000);
    }
    assert_int_equal(n, -EAGAIN);
    assert_int_equal(transport->write_wants, EPOLLOUT);
    return sent;
}

static void drain(size_t n)
{
    static char block[100000];

    while (n > 0) {
        ssize_t got = recv(peer, block, n < sizeof block ? n : sizeof block, 0);

        assert_true(got > 0);
        n -= (size_t)got;
    }
}

static void transport__full__eagain_and_goes_on_when_the_peer_reads(void **state)
{
    static char a[] = "x";
    const struct iovec piece = {a, 1};
    int file = file_with("content");
    off_t off = 0;
    size_t sent;

    (void)state;
    sent = fill();
    assert_int_equal(transport->ops->sendfile(transport, file, &off, 7), -EAGAIN);
    assert_int_equal(transport->write_wants, EPOLLOUT);
    assert_int_equal(off, 0);
    drain(sent);
    assert_int_equal(wait_for(own_fd, POLLOUT), 1);
    assert_int_equal(transport->ops->writev(transport, &piece, 1, false), 1);
    expect_at_peer("x", 1);
    close(file);
}

static volatile sig_atomic_t signalled;

static void on_sigpipe(int number)
{
    (void)number;
    signalled = 1;
}

/* send(2): EPIPE comes with SIGPIPE unless MSG_NOSIGNAL is set. By default that ends the process.
 */
static void write_to_a_reset_peer(void)
{
    static char a[] = "xy";
    const struct iovec pieces[] = {{a, 1}, {a + 1, 1}};
    char byte;

    assert_int_equal(transport->ops->read(transport, &byte, 1), -ECONNRESET);
    assert_int_equal(transport->ops->writev(transport, pieces, 1, false), -EPIPE);
    assert_int_equal(transport->ops->writev(transport, pieces, 2, true), -EPIPE);
}

static void transport__peer_gone__epipe_without_a_signal(void **state)
{
    static char a[] = "x";
    const struct iovec piece = {a, 1};
    struct sigaction action = {.sa_handler = SIG_DFL}, before;
    sigset_t pipe_only, mask_before;

    (void)state;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    assert_int_equal(pthread_sigmask(SIG_UNBLOCK, &pipe_only, &mask_before), 0);
    assert_int_equal(sigaction(SIGPIPE, &action, &before), 0);
    reset_by_peer();
    write_to_a_reset_peer(); /* the test ends here if it raises the signal */

    signalled = 0;
    action.sa_handler = on_sigpipe;
    assert_int_equal(sigaction(SIGPIPE, &action, NULL), 0);
    assert_int_equal(transport->ops->writev(transport, &piece, 1, false), -EPIPE);
    assert_int_equal(signalled, 0);
    assert_int_equal(sigaction(SIGPIPE, &before, NULL), 0);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &mask_before, NULL), 0);
}

static void transport__sendfile__starts_at_the_offset_and_advances_it(void **state)
{
    int file = file_with("0123456789");
    off_t off = 3;

    (void)state;
    assert_int_equal(lseek(file, 9, SEEK_SET), 9); /* the file's own position is not used */
    assert_int_equal(transport->ops->sendfile(transport, file, &off, 4), 4);
    assert_int_equal(off, 7);
    expect_at_peer("3456", 4);
    assert_int_equal(transport->ops->sendfile(transport, file, &off, 100), 3); /* up to its end */
    assert_int_equal(off, 10);
    expect_at_peer("789", 3);
    assert_int_equal(lseek(file, 0, SEEK_CUR), 9);
    close(file);
}

static void transport__sendfile_at_the_end__0(void **state)
{
    int file = file_with("0123456789");
    off_t off = 10;

    (void)state;
    assert_int_equal(transport->ops->sendfile(transport, file, &off, 1), 0);
    assert_int_equal(off, 10);
    off = 1000; /* behind it: the file was cut */
    assert_int_equal(transport->ops->sendfile(transport, file, &off, 1), 0);
    assert_int_equal(off, 1000);
    close(file);
}

static void transport__sendfile_of_a_bad_descriptor__its_error(void **state)
{
    off_t off = 0;

    (void)state;
    assert_int_equal(transport->ops->sendfile(transport, -1, &off, 1), -EBADF);
    assert_int_equal(off, 0);
}

static void transport__shutdown__ends_what_is_sent_and_no_more(void **state)
{
    static char a[] = "last";
    const struct iovec piece = {a, 4};
    char got[8];

    (void)state;
    assert_int_equal(transport->ops->writev(transport, &piece, 1, true), 4);
    assert_int_equal(transport->ops->shutdown(transport), 0);
    expect_at_peer("last", 4);
    assert_int_equal(recv(peer, got, sizeof got, 0), 0);
    assert_int_equal(transport->ops->writev(transport, &piece, 1, false), -EPIPE);
    assert_int_equal(send(peer, "still", 5, 0), 5); /* the other direction is open */
    assert_int_equal(wait_for(own_fd, POLLIN), 1);
    assert_int_equal(transport->ops->read(transport, got, sizeof got), 5);
}

static void transport__shutdown_after_a_reset__its_error(void **state)
{
    (void)state;
    reset_by_peer();
    assert_int_equal(transport->ops->shutdown(transport), -ENOTCONN); /* shutdown(2) */
}

static void transport__reset__is_what_the_peer_sees_of_the_close(void **state)
{
    char byte;

    (void)state;
    transport->ops->reset(transport);
    transport->ops->close(transport);
    transport = NULL;
    assert_int_equal(wait_for(peer, POLLIN), 1);
    assert_int_equal(recv(peer, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
}

static void transport__close__closes_the_descriptor(void **state)
{
    int pair[2];
    char byte;
    struct wr_transport *t;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    t = wr_transport_tcp_new(pair[0]); /* its memory: AddressSanitizer looks for leaks */
    assert_non_null(t);
    assert_int_equal(send(pair[1], "x", 1, 0), 1); /* a unix socket does as well */
    assert_int_equal(t->ops->read(t, &byte, 1), 1);
    t->ops->close(t);
    assert_int_equal(fcntl(pair[0], F_GETFD), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(recv(pair[1], &byte, 1, 0), 0);
    close(pair[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

WR_TESTS(TEST(transport__operations__are_those_of_a_plain_socket),
         TEST(transport__read__gives_what_came_then_eagain_then_the_end),
         TEST(transport__reset__read_says_so), TEST(transport__writev__sends_all_pieces_in_order),
         TEST(transport__more__goes_with_what_follows), TEST(transport__corked__goes_as_one),
         TEST(transport__full__eagain_and_goes_on_when_the_peer_reads),
         TEST(transport__peer_gone__epipe_without_a_signal),
         TEST(transport__sendfile__starts_at_the_offset_and_advances_it),
         TEST(transport__sendfile_at_the_end__0),
         TEST(transport__sendfile_of_a_bad_descriptor__its_error),
         TEST(transport__shutdown__ends_what_is_sent_and_no_more),
         TEST(transport__shutdown_after_a_reset__its_error),
         TEST(transport__reset__is_what_the_peer_sees_of_the_close),
         cmocka_unit_test(transport__close__closes_the_descriptor));
