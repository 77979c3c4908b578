#include "support.h"

#include <errno.h>

#include "test_checks.h"

static const struct wr_peer peer = {{192, 0, 2, 7}, AF_INET, 50000, 80};

/* Handshakes of a transport that has one: what is left to wait for, and how it ends. */
static unsigned handshakes_left;
static int handshake_error;

static int fake_handshake(struct wr_transport *t)
{
    t->read_wants = EPOLLIN;
    if (handshakes_left == 0)
        return handshake_error;
    handshakes_left--;
    return -EAGAIN;
}

static void open_with_handshake(struct test_server *s, struct test_client *c)
{
    test_server_init(s);
    s->site.config.handshake_ms = 100;
    s->site.config.keep_alive_ms = 10000;
    test_client_init(s, c);
    c->transport.ops.handshake = fake_handshake;
    fake_transport_put(&c->transport, WR_SLICE("GET /a HTTP/1.1\r\nHost: a\r\n\r\n"));
    test_client_connect(c);
}

static void conn__request_that_is_there__is_answered_when_it_opens(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    test_server_init(&s);
    test_client_init(&s, &c);
    fake_transport_put(&c.transport,
                       WR_SLICE("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    test_client_connect(&c);
    check_description(&c, "200! /a|END");
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

static void conn__handshake__comes_before_the_first_read(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    handshakes_left = 1;
    handshake_error = 0;
    open_with_handshake(&s, &c);
    assert_int_equal(c.transport.reads, 0);
    test_client_event(&c, EPOLLIN);
    check_description(&c, "200 /a");
    test_server_advance_ms(&s, 9999); /* its deadline is over */
    assert_false(c.transport.is_closed);
    close_both(&s, &c);
}

static void conn__silent_behind_its_handshake__has_the_time_of_a_head(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    handshakes_left = 1;
    handshake_error = 0;
    test_server_init(&s);
    s.site.config.handshake_ms = 100;
    s.site.config.head_ms = 1000;
    test_client_init(&s, &c);
    c.transport.ops.handshake = fake_handshake;
    test_client_connect(&c);
    test_server_advance_ms(&s, 50);
    test_client_event(&c, EPOLLIN);
    test_server_advance_ms(&s, 999);
    assert_false(c.transport.is_closed);
    test_server_advance_ms(&s, 1);
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

static void conn__handshake_that_fails__closes(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    handshakes_left = 1;
    handshake_error = -EPROTO;
    open_with_handshake(&s, &c);
    test_client_event(&c, EPOLLIN);
    assert_true(c.transport.is_closed);
    assert_int_equal(c.transport.reads, 0);
    close_both(&s, &c);
}

static void conn__handshake__has_a_deadline_that_bytes_do_not_move(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    handshakes_left = 1000;
    open_with_handshake(&s, &c);
    for (int i = 0; i < 4; i++) {
        assert_false(c.transport.is_closed);
        test_client_event(&c, EPOLLIN);
        test_server_advance_ms(&s, 25);
    }
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

static void conn__drained_in_its_handshake__closes(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    handshakes_left = 1000;
    open_with_handshake(&s, &c);
    wr_worker_drain(&s.worker);
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

static void conn__closed_twice__is_closed_once(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    test_server_init(&s);
    test_client_open(&s, &c);
    wr_conn_close(c.conn);
    wr_conn_close(c.conn); /* the fake aborts at the second close */
    wr_conn_linger(c.conn);
    assert_int_equal(c.conn->state, WR_CONN_CLOSED); /* memory until the batch is done */
    close_both(&s, &c);
}

static int failing_shutdown(struct wr_transport *t)
{
    (void)t;
    return -ENOTCONN;
}

static void conn__shutdown_that_fails__closes_at_once(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    test_server_init(&s);
    test_client_open(&s, &c);
    c.transport.ops.shutdown = failing_shutdown;
    test_client_send(&c, "@\r\n");
    check_description(&c, "400!|END");
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

/* One that floods is not read from without end in one turn. */
static void conn__lingering__reads_a_bounded_amount_in_a_turn(void **state)
{
    enum { PARTS = 100 };
    struct test_server s;
    struct test_client c;
    unsigned reads;

    (void)state;
    test_server_init(&s);
    test_client_open(&s, &c);
    test_client_send(&c, "@\r\n");
    for (int i = 0; i < PARTS; i++)
        fake_transport_put(&c.transport, WR_SLICE("more"));
    reads = c.transport.reads;
    wr_conn_on_io(c.conn, EPOLLIN);
    assert_true(c.transport.reads - reads < PARTS);
    for (int i = 0; i < PARTS; i++)
        test_server_step(&s); /* and goes on without another event */
    assert_false(fake_transport_has_input(&c.transport));
    check_description(&c, "400!|END");
    close_both(&s, &c);
}

static int opened_n, closed_n;

static void count_change(struct wr_worker *w, int change)
{
    (void)w;
    assert_true(change == 1 || change == -1);
    opened_n += change > 0;
    closed_n += change < 0;
}

static void conn__each_begin_and_end__is_told_to_the_worker(void **state)
{
    struct test_server s;
    struct test_client a, b;

    (void)state;
    opened_n = closed_n = 0;
    test_server_init(&s);
    s.worker.on_conns_changed = count_change;
    test_client_open(&s, &a);
    test_client_open(&s, &b);
    assert_int_equal(opened_n, 2);
    assert_int_equal(s.worker.conns_n, 2);
    test_client_shut_down(&a);
    assert_int_equal(s.worker.conns_n, 1);
    assert_int_equal(closed_n, 1);
    test_client_reset(&b);
    assert_int_equal(s.worker.conns_n, 0);
    assert_int_equal(closed_n, 2);
    test_client_fini(&b);
    close_both(&s, &a);
}

static void conn__idle__owns_no_buffer_and_no_exchange(void **state)
{
    enum { CLIENTS = 10 };
    struct test_client c[CLIENTS];
    struct test_server s;

    (void)state;
    test_server_init(&s);
    for (int i = 0; i < CLIENTS; i++) {
        test_client_open(&s, &c[i]);
        test_client_send(&c[i], "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_int_equal(s.worker.free_buffers_n, 1); /* each used the one before it used */
        assert_int_equal(s.worker.free_exchanges_n, 1);
    }
    for (int i = 0; i < CLIENTS; i++)
        test_client_fini(&c[i]);
    test_server_fini(&s);
}

static void conn__that_cannot_be_watched__is_closed(void **state)
{
    struct test_server s;
    struct test_client c;
    int epoll_of_itself;

    (void)state;
    test_server_init(&s);
    test_client_init(&s, &c);
    epoll_of_itself = wr_loop_fd(s.worker.loop); /* which epoll refuses */
    assert_true(wr_conn_open(&s.worker, &c.transport.base, epoll_of_itself, &peer) < 0);
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

/* A transport whose read must write first, as TLS does while it renews its keys. */
static ssize_t (*real_read)(struct wr_transport *t, void *dst, size_t cap);
static bool must_write_first;

static ssize_t writing_read(struct wr_transport *t, void *dst, size_t cap)
{
    ssize_t n = must_write_first ? -EAGAIN : real_read(t, dst, cap);

    t->read_wants = must_write_first ? EPOLLOUT : EPOLLIN;
    return n;
}

/* Sends to it what it cannot read before it may write. */
static void send_blocked(struct test_client *c, const char *text)
{
    unsigned reads = c->transport.reads;

    must_write_first = true;
    test_client_send(c, text);
    must_write_first = false;
    test_client_event(c, EPOLLIN);
    assert_int_equal(c->transport.reads, reads); /* not what it waits for */
    assert_true(fake_transport_has_input(&c->transport));
}

static void conn__read_that_waits_to_write__goes_on_when_it_may(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    test_server_init(&s);
    test_client_init(&s, &c);
    real_read = c.transport.ops.read;
    c.transport.ops.read = writing_read;
    must_write_first = false;
    test_client_connect(&c);
    send_blocked(&c, "GET /a HTTP/1.1\r\nHo");
    check_description(&c, "");
    test_client_event(&c, EPOLLOUT);
    assert_false(fake_transport_has_input(&c.transport));
    send_blocked(&c, "st: a\r\n\r\n");
    check_description(&c, "");
    test_client_event(&c, EPOLLOUT);
    check_description(&c, "200 /a");
    s.handler.serve = test_serve_echo;
    test_client_send(&c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
    send_blocked(&c, "llo");
    check_description(&c, "200 /a");
    test_client_event(&c, EPOLLOUT);
    check_description(&c, "200 /a|200 hello");
    test_client_send(&c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    send_blocked(&c, "2\r\nhi\r\n0\r\n\r\n");
    test_client_event(&c, EPOLLOUT);
    check_description(&c, "200 /a|200 hello|200 hi");
    close_both(&s, &c);
}

WR_TESTS(cmocka_unit_test(conn__request_that_is_there__is_answered_when_it_opens),
         cmocka_unit_test(conn__handshake__comes_before_the_first_read),
         cmocka_unit_test(conn__silent_behind_its_handshake__has_the_time_of_a_head),
         cmocka_unit_test(conn__handshake_that_fails__closes),
         cmocka_unit_test(conn__handshake__has_a_deadline_that_bytes_do_not_move),
         cmocka_unit_test(conn__drained_in_its_handshake__closes),
         cmocka_unit_test(conn__closed_twice__is_closed_once),
         cmocka_unit_test(conn__shutdown_that_fails__closes_at_once),
         cmocka_unit_test(conn__lingering__reads_a_bounded_amount_in_a_turn),
         cmocka_unit_test(conn__each_begin_and_end__is_told_to_the_worker),
         cmocka_unit_test(conn__idle__owns_no_buffer_and_no_exchange),
         cmocka_unit_test(conn__that_cannot_be_watched__is_closed),
         cmocka_unit_test(conn__read_that_waits_to_write__goes_on_when_it_may));
