/*
 * How long a client is waited for: by the clock alone in test_h1_lifecycle.c, here also by what it
 * moves, and by the request as a whole. Times are counted by hand.
 */
#include "support.h"

#include <stdlib.h>

#include "test_checks.h"

#define GET(path)          "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(path, length) "POST " path " HTTP/1.1\r\nHost: a\r\nContent-Length: " length "\r\n\r\n"
#define BODY_MS            2000
#define HEAD_MS            1000
#define KEEP_ALIVE_MS      3000
#define WRITE_MS           4000
#define REQUEST_MS         700

static void open_both(struct test_server *s, struct test_client *c)
{
    test_server_init(s);
    s->site.config.head_ms = HEAD_MS;
    s->site.config.body_idle_ms = BODY_MS;
    s->site.config.keep_alive_ms = KEEP_ALIVE_MS;
    s->site.config.write_idle_ms = WRITE_MS;
    s->site.config.body_rate_min = 10;
    s->site.config.write_rate_min = 10;
    test_client_open(s, c);
}

static uint64_t counted(const struct test_server *s, enum wr_metric id)
{
    return atomic_load(&s->worker.metrics.count[id]);
}

static uint64_t refused(const struct test_server *s, enum wr_h1_reason reason)
{
    return atomic_load(&s->worker.metrics.refused[reason]);
}

/* ---- the first request ---- */

static void first__silent_connection__closes_after_the_time_of_a_head(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    test_server_advance_ms(&s, HEAD_MS - 1);
    assert_false(c.transport.is_closed);
    test_server_advance_ms(&s, 1);
    assert_true(c.transport.is_closed);
    check_description(&c, "END");
    assert_int_equal(counted(&s, WR_METRIC_FIRST_TIMEOUT), 1);
    assert_string_equal(s.log_text, ""); /* browsers open connections that they never use */
    close_both(&s, &c);
}

static void first__after_a_request__it_is_the_time_of_keep_alive(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    test_server_advance_ms(&s, HEAD_MS - 1);
    test_client_send(&c, GET("/a"));
    test_server_advance_ms(&s, KEEP_ALIVE_MS - 1);
    assert_false(c.transport.is_closed);
    test_server_advance_ms(&s, 1);
    assert_true(c.transport.is_closed);
    assert_false(c.transport.is_reset);
    check_description(&c, "200 /a|END");
    assert_int_equal(counted(&s, WR_METRIC_KEEP_ALIVE_TIMEOUT), 1);
    assert_int_equal(counted(&s, WR_METRIC_FIRST_TIMEOUT), 0);
    close_both(&s, &c);
}

/* ---- content ---- */

/* Ten bytes a second, two seconds to begin with. A byte a second: 2000 - 1000 + 100 are left after
 * the first, 200 after the second, and then that is all. */
static void body__that_trickles__ends_in_408(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    s.handler.serve = test_serve_echo;
    test_client_send(&c, POST("/", "100"));
    for (int i = 0; i < 2; i++) {
        test_server_advance_ms(&s, 1000);
        test_client_send(&c, "x");
    }
    test_server_advance_ms(&s, 199);
    check_description(&c, "");
    test_server_advance_ms(&s, 1);
    check_description(&c, "408!|END");
    assert_int_equal(refused(&s, WR_H1_BODY_SLOW), 1);
    assert_non_null(strstr(s.log_text, "more slowly"));
    close_both(&s, &c);
}

static void body__at_the_rate__arrives(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    s.handler.serve = test_serve_echo;
    test_client_send(&c, POST("/", "100"));
    for (int i = 0; i < 10; i++) {
        check_description(&c, "");
        test_server_advance_ms(&s, 1000);
        test_client_send(&c, "0123456789");
    }
    check_description(&c,
                      "200 0123456789012345678901234567890123456789012345678901234567890123456789"
                      "012345678901234567890123456789");
    close_both(&s, &c);
}

/* Ten bytes a second, but one of them content: 2000 - 1000 + 100 are left, then 200. */
static void body__of_which_most_is_framing__ends_in_408(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    s.handler.serve = test_serve_echo;
    test_client_send(&c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 2; i++) {
        test_server_advance_ms(&s, 1000);
        test_client_send(&c, "1;aaa\r\nx\r\n");
    }
    test_server_advance_ms(&s, 199);
    check_description(&c, "");
    test_server_advance_ms(&s, 1);
    check_description(&c, "408!|END");
    assert_int_equal(refused(&s, WR_H1_BODY_SLOW), 1);
    close_both(&s, &c);
}

/* What came fast earns no more than the full time. */
static void body__that_stops_after_much__ends_after_the_idle_time(void **state)
{
    struct test_server s;
    struct test_client c;
    char much[500];

    (void)state;
    memset(much, 'x', sizeof much);
    open_both(&s, &c);
    s.handler.serve = test_serve_echo;
    test_client_send(&c, POST("/", "1000"));
    test_server_advance_ms(&s, 1500);
    test_client_send_slice(&c, wr_slice(much, sizeof much));
    test_server_advance_ms(&s, BODY_MS - 1);
    check_description(&c, "");
    test_server_advance_ms(&s, 1);
    check_description(&c, "408!|END");
    assert_int_equal(refused(&s, WR_H1_BODY_TIMEOUT), 1);
    assert_int_equal(refused(&s, WR_H1_BODY_SLOW), 0);
    close_both(&s, &c);
}

/* A handler that reads when it likes: only while it waits does the client's time run, but it does not
 * begin anew with each wait either. */
static void body__of_a_slow_reader__only_waits_count(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    s.handler.serve = test_serve_read_later;
    test_client_send(&c, POST("/", "100"));
    test_server_advance_ms(&s, 1000000);
    test_handler_read(&s.handler); /* 2000 are left */
    test_server_advance_ms(&s, 1500);
    s.handler.held->on_input = NULL; /* hears nothing for a while */
    test_client_send(&c, "x");
    check_description(&c, "");
    test_server_advance_ms(&s, 499);
    check_description(&c, "");
    test_client_reset(&c);
    test_handler_answer(&s.handler); /* lets go of it */
    close_both(&s, &c);
}

/* Who reads while no turn of the connection runs must not find it closed for want of memory: its timer has
 * a place in the heap from the first turn on, also when nothing is due. */
static void body__of_a_slow_reader__the_timer_is_set_before(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    test_server_init(&s);
    s.handler.serve = test_serve_read_later;
    test_client_init(&s, &c);
    fake_transport_put(&c.transport, WR_SLICE(POST("/", "100"))); /* is there with the connection */
    test_client_connect(&c);
    assert_true(c.conn->timer.index > 0);
    for (int i = 0; i < 3; i++) {
        test_server_advance_ms(&s, 1000000);
        assert_true(c.conn->timer.index > 0);
        check_description(&c, "");
    }
    test_client_reset(&c);
    test_handler_answer(&s.handler); /* lets go of it */
    close_both(&s, &c);
}

/* ---- answers ---- */

/* As with content: 4000 - 3000 + 100, of which 1000 more are used up. */
static void write__that_trickles__is_cut_off(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    c.transport.room = 0;
    test_client_send(&c, GET("/a"));
    test_server_advance_ms(&s, 3000);
    test_client_take(&c, 1, 1);
    test_server_advance_ms(&s, 1000);
    test_client_take(&c, 1, 1);
    test_server_advance_ms(&s, 199); /* 100 + 100 */
    assert_false(c.transport.is_closed);
    test_server_advance_ms(&s, 1);
    assert_true(c.transport.is_closed);
    assert_true(c.transport.is_reset);
    assert_int_equal(counted(&s, WR_METRIC_WRITE_SLOW), 1);
    assert_non_null(strstr(s.log_text, "write_rate_min"));
    close_both(&s, &c);
}

static void write__of_which_nothing_is_taken__is_cut_off_and_told(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    c.transport.room = 0;
    test_client_send(&c, GET("/a"));
    test_server_advance_ms(&s, WRITE_MS - 1);
    assert_false(c.transport.is_closed);
    test_server_advance_ms(&s, 1);
    assert_true(c.transport.is_closed);
    assert_true(c.transport.is_reset); /* what it has not taken is not kept for it any longer */
    assert_int_equal(counted(&s, WR_METRIC_WRITE_TIMEOUT), 1);
    assert_non_null(strstr(s.log_text, "write_idle_ms"));
    close_both(&s, &c);
}

/* The kernel has taken all that it can, and says nothing while the client reads from its buffer: what
 * is not acknowledged yet becomes less. */
static void write__taken_from_the_kernels_buffer__goes_on(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    c.transport.room = 50;
    c.transport.unacknowledged = 50;
    test_client_send(&c, GET("/a"));
    for (int i = 0; i < 4; i++) { /* 40 bytes are worth as much as they took */
        test_server_advance_ms(&s, WRITE_MS / 4);
        c.transport.unacknowledged -= 10;
        assert_false(c.transport.is_closed);
    }
    test_server_advance_ms(&s, WRITE_MS - 1);
    assert_false(c.transport.is_closed);
    test_server_advance_ms(&s, 2 * WRITE_MS / 4); /* it is looked at four times in that time */
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

/* The same of an answer that was all in the kernel's buffer when the next one was asked for: the client
 * takes 10 bytes a second of that, as it may, and nothing of the next one yet. */
static void write__behind_an_answer_that_is_taken_slowly__goes_on(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    test_client_send(&c, GET("/a"));
    c.transport.unacknowledged = 10000;
    test_server_advance_ms(&s, 1000); /* it is idle */
    c.transport.room = 0;
    test_client_send(&c, GET("/b"));
    for (int i = 0; i < 12; i++) {
        assert_false(c.transport.is_closed);
        test_server_advance_ms(&s, WRITE_MS / 4);
        c.transport.unacknowledged -= 10;
    }
    assert_false(c.transport.is_closed);
    test_server_advance_ms(&s, 3 * WRITE_MS / 2);
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

/* 102,400 bytes in one step: 10 s more than the 4 s that it began with, and never more than ten times
 * those. */
static void write__taken_in_a_large_step__earns_time_for_it(void **state)
{
    static const size_t steps[] = {102400, 1024000};
    static const int64_t due_ms[] = {14000, 40000};
    char *large = calloc(1, 2000000);

    (void)state;
    assert_non_null(large);
    for (size_t i = 0; i < WR_COUNT(steps); i++) {
        struct test_server s;
        struct test_client c;

        open_both(&s, &c);
        s.handler.answer = wr_slice(large, 2000000);
        c.transport.room = 0;
        test_client_send(&c, GET("/a"));
        test_client_take(&c, steps[i], 1);
        for (int64_t ms = 0; ms < due_ms[i] - 1; ms += WRITE_MS / 4)
            test_server_advance_ms(&s, due_ms[i] - 1 - ms < WRITE_MS / 4 ? due_ms[i] - 1 - ms
                                                                         : WRITE_MS / 4);
        assert_false(c.transport.is_closed);
        test_server_advance_ms(&s, 1);
        assert_true(c.transport.is_closed);
        close_both(&s, &c);
    }
    free(large);
}

/* Of a Unix socket the kernel counts more than was sent. */
static void write__more_unacknowledged_than_sent__counts_as_nothing(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    c.transport.room = 50;
    c.transport.unacknowledged = 768;
    test_client_send(&c, GET("/a"));
    test_server_advance_ms(&s, WRITE_MS - 1);
    assert_false(c.transport.is_closed);
    test_server_advance_ms(&s, 1);
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

/* ---- the request as a whole ---- */

static void open_short(struct test_server *s, struct test_client *c)
{
    open_both(s, c);
    s->site.config.request_ms = REQUEST_MS;
}

static void request__whose_head_is_late__gets_408(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_short(&s, &c);
    test_client_send(&c, "GET /a HTTP/1.1\r\n");
    test_server_advance_ms(&s, REQUEST_MS - 1);
    check_description(&c, "");
    test_server_advance_ms(&s, 1);
    check_description(&c, "408!|END");
    close_both(&s, &c);
}

/* It counts from the first byte of the head, however fast content comes. */
static void request__whose_content_is_late__gets_408(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_short(&s, &c);
    s.handler.serve = test_serve_echo;
    test_client_send(&c, "POST /a HTTP/1.1\r\n");
    test_server_advance_ms(&s, 200);
    test_client_send(&c, "Host: a\r\nContent-Length: 1000\r\n\r\n");
    for (int i = 0; i < 4; i++) {
        test_server_advance_ms(&s, 100);
        test_client_send(&c, "01234567890123456789");
    }
    test_server_advance_ms(&s, 99);
    check_description(&c, "");
    test_server_advance_ms(&s, 1);
    check_description(&c, "408!|END");
    assert_int_equal(s.handler.cancelled, 1);
    assert_int_equal(refused(&s, WR_H1_REQUEST_CONTENT), 1);
    assert_non_null(strstr(s.access_text, "\"POST /a HTTP/1.1\" 408 "));
    close_both(&s, &c);
}

static void request__whose_handler_is_late__gets_503(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_short(&s, &c);
    s.handler.serve = test_serve_later;
    test_client_send(&c, GET("/a") GET("/b"));
    test_server_advance_ms(&s, REQUEST_MS - 1);
    check_description(&c, "");
    test_server_advance_ms(&s, 1);
    check_description(&c, "503!|END");
    assert_int_equal(s.handler.served, 1);
    assert_int_equal(s.handler.held->state, WR_EXCHANGE_CANCELLED);
    assert_int_equal(refused(&s, WR_H1_REQUEST_ANSWER), 1);
    test_handler_answer(&s.handler); /* too late: nobody is there */
    check_description(&c, "503!|END");
    assert_non_null(strstr(s.access_text, "\"GET /a HTTP/1.1\" 503 "));
    close_both(&s, &c);
}

/* Bytes of an answer are out: no other can follow. */
static void request__whose_answer_is_late__is_closed(void **state)
{
    static const struct wr_slice pieces[] = {{"one", 3}, {"two", 3}};
    static const bool is_reset[] = {false,
                                    true}; /* chunks tell of their end, the old way does not */
    static const char *const requests[] = {GET("/a"), "GET /a HTTP/1.0\r\n\r\n"};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(requests); i++) {
        struct test_server s;
        struct test_client c;

        open_short(&s, &c);
        s.handler.serve = test_serve_body;
        s.handler.body.pieces = pieces;
        s.handler.body.n = 2;
        s.handler.body.is_slow = true;
        s.handler.body_length = -1;
        test_client_send(&c, requests[i]);
        test_body_go_on(&s.handler);
        test_server_advance_ms(&s, REQUEST_MS - 1);
        assert_false(c.transport.is_closed);
        test_server_advance_ms(&s, 1);
        assert_true(c.transport.is_closed);
        assert_int_equal(c.transport.is_reset, is_reset[i]);
        assert_int_equal(s.handler.body.closed, 1);
        assert_int_equal(counted(&s, WR_METRIC_REQUEST_TIMEOUT), 1);
        assert_non_null(strstr(s.log_text, "request_ms"));
        close_both(&s, &c);
    }
}

/* A client that takes nothing of it leaves nothing in the kernel then either. */
static void request__whose_answer_is_not_taken__is_reset(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_short(&s, &c);
    s.handler.answer = WR_SLICE("an answer that is longer than there is room for");
    c.transport.room = 150;
    s.handler.serve = test_serve_body;
    s.handler.body.pieces = &s.handler.answer;
    s.handler.body.n = 1;
    s.handler.body.is_slow = true;
    s.handler.body_length = -1;
    test_client_send(&c, GET("/a"));
    c.transport.room = 0;
    test_body_go_on(&s.handler);
    test_server_advance_ms(&s, REQUEST_MS);
    assert_true(c.transport.is_closed);
    assert_true(c.transport.is_reset);
    assert_int_equal(counted(&s, WR_METRIC_REQUEST_TIMEOUT), 1);
    close_both(&s, &c);
}

static void hello_then_later(struct test_handler *h, struct wr_exchange *x)
{
    (h->served == 1 ? test_serve_hello : test_serve_later)(h, x);
}

/* An answer before it is still on its way, to a client that takes it slowly: the verdict waits behind that
 * one, and its time is that of writing. */
static void request__late_behind_an_answer__costs_that_nothing(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_short(&s, &c);
    s.handler.serve = hello_then_later;
    c.transport.room = 20;
    test_client_send(&c, GET("/a") GET("/b"));
    test_server_advance_ms(&s, REQUEST_MS);
    assert_false(c.transport.is_closed);
    test_server_advance_ms(&s, REQUEST_MS);
    test_client_take(&c, FAKE_NO_LIMIT, 9);
    check_description(&c, "200 /a|503!|END");
    test_handler_answer(&s.handler); /* lets go of it */
    close_both(&s, &c);

    open_short(&s, &c);
    c.transport.room = 20;
    test_client_send(&c, GET("/a") "GET /b HT");
    test_server_advance_ms(&s, REQUEST_MS);
    assert_false(c.transport.is_closed);
    test_server_advance_ms(&s, REQUEST_MS);
    test_client_take(&c, FAKE_NO_LIMIT, 9);
    check_description(&c, "200 /a|408!|END");
    close_both(&s, &c);
}

/* The last of its answer is out, and perhaps just so: content that nobody wants has a time of its own, and
 * closing while the client sends it could cost it the answer. */
static void request__whose_answer_is_out__is_not_late(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_short(&s, &c);
    test_client_send(&c, POST("/a", "100"));
    check_description(&c, "200 /a");
    test_server_advance_ms(&s, BODY_MS - 1);
    assert_false(c.transport.is_closed);
    test_server_advance_ms(&s, 1);
    check_description(&c, "200 /a|END");
    assert_int_equal(counted(&s, WR_METRIC_DROP_TIMEOUT), 1);
    assert_int_equal(counted(&s, WR_METRIC_REQUEST_TIMEOUT), 0);
    close_both(&s, &c);
}

static void request__each__has_its_own_time(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_short(&s, &c);
    for (int i = 0; i < 3; i++) {
        test_client_send(&c, GET("/a"));
        test_server_advance_ms(&s, REQUEST_MS - 1);
    }
    test_server_advance_ms(&s, REQUEST_MS); /* between two none is running */
    check_description(&c, "200 /a|200 /a|200 /a");
    close_both(&s, &c);
}

/* ---- turns ---- */

/* What one may do before others have their turn: counted by runs, of which an event is one. */
static void turn__pipelined_requests__are_bounded(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    s.site.config.pipelined_max = 2;
    fake_transport_arrive(&c.transport,
                          WR_SLICE(GET("/a") GET("/b") GET("/c") GET("/d") GET("/e")));
    wr_conn_on_io(c.conn, EPOLLIN);
    check_description(&c, "200 /a|200 /b");
    test_server_step(&s);
    check_description(&c, "200 /a|200 /b|200 /c|200 /d");
    test_server_step(&s);
    check_description(&c, "200 /a|200 /b|200 /c|200 /d|200 /e");
    close_both(&s, &c);
}

enum { MIB = 1024 * 1024, SENT = 3 * MIB };

/* Of what comes all at once, a MiB is read in a turn. `serve` takes or leaves it. */
static void check_turns(test_serve_fn *serve)
{
    char *content = calloc(1, SENT);
    struct test_server s;
    struct test_client c;
    int turns = 0;

    assert_non_null(content);
    open_both(&s, &c);
    s.handler.serve = serve;
    s.site.config.discard_bytes_max = SENT;
    s.site.config.body_bytes_max = SENT;
    test_client_send(&c, POST("/a", "3145728"));
    fake_transport_put(&c.transport, wr_slice(content, SENT));
    wr_conn_on_io(c.conn, EPOLLIN);
    assert_in_range(c.transport.in_at, MIB, MIB + 512 * 1024);
    for (; fake_transport_has_input(&c.transport) && turns < 10; turns++)
        test_server_step(&s);
    assert_in_range(turns, 2, 3);
    s.handler.serve = test_serve_hello;
    test_client_send(&c, GET("/b"));
    check_description(&c, "200 /a|200 /b");
    close_both(&s, &c);
    free(content);
}

static void turn__content_that_nobody_reads__is_bounded(void **state)
{
    (void)state;
    check_turns(test_serve_hello);
}

static void take_all(struct wr_exchange *x)
{
    char piece[65536];
    ssize_t n;

    do
        n = wr_exchange_read(x, piece, sizeof piece);
    while (n > 0);
    if (n == 0)
        test_serve_hello(x->handler_data, x);
}

static void serve_taking_all(struct test_handler *h, struct wr_exchange *x)
{
    x->handler_data = h;
    x->on_input = take_all;
    take_all(x);
}

static void turn__content_that_is_read__is_bounded(void **state)
{
    (void)state;
    check_turns(serve_taking_all);
}

static struct wr_exchange *kept;

static void serve_keeping(struct test_handler *h, struct wr_exchange *x)
{
    x->handler_data = h;
    x->on_input = take_all;
    kept = x;
}

/* So it is for who reads at a time of its own, as an app in a callback: else it would read for as long as a
 * client sends fast, and nobody else would have a turn. */
static void turn__content_that_is_read_between_turns__is_bounded(void **state)
{
    char *content = calloc(1, SENT);
    struct test_server s;
    struct test_client c;
    int turns = 0;

    (void)state;
    assert_non_null(content);
    open_both(&s, &c);
    kept = NULL;
    s.handler.serve = serve_keeping;
    s.site.config.body_bytes_max = SENT;
    test_client_send(&c, POST("/a", "3145728"));
    fake_transport_put(&c.transport, wr_slice(content, SENT));
    c.transport.in_n -= SENT; /* the head alone for now */
    wr_conn_on_io(c.conn, EPOLLIN);
    c.transport.in_n += SENT;
    wr_conn_on_io(c.conn, EPOLLIN);
    assert_non_null(kept);
    take_all(kept);
    assert_in_range(c.transport.in_at, MIB, MIB + 512 * 1024);
    for (; fake_transport_has_input(&c.transport) && turns < 10; turns++)
        test_server_step(&s);
    assert_in_range(turns, 2, 3);
    check_description(&c, "200 /a");
    close_both(&s, &c);
    free(content);
}

enum { PIECES = 100000, PIECES_IN_TURN = 10000 };

/* Making and framing a small piece takes longer than sending its bytes does. */
static void turn__small_pieces__are_bounded(void **state)
{
    struct wr_slice *pieces = calloc(PIECES, sizeof *pieces);
    struct test_server s;
    struct test_client c;
    int turns = 0;

    (void)state;
    assert_non_null(pieces);
    for (int i = 0; i < PIECES; i++)
        pieces[i] = WR_SLICE("seven..");
    open_both(&s, &c);
    s.handler.serve = test_serve_body;
    s.handler.body.pieces = pieces;
    s.handler.body.n = PIECES;
    s.handler.body_length = -1;
    fake_transport_arrive(&c.transport, WR_SLICE(GET("/a")));
    wr_conn_on_io(c.conn, EPOLLIN);
    assert_in_range(s.handler.body.at, 1, PIECES_IN_TURN);
    for (; s.handler.body.closed == 0 && turns < PIECES; turns++)
        test_server_step(&s);
    assert_in_range(turns, PIECES / PIECES_IN_TURN, 100); /* nor is a turn for each of them */
    assert_int_equal(s.handler.body.at, PIECES);
    close_both(&s, &c);
    free(pieces);
}

WR_TESTS(cmocka_unit_test(first__silent_connection__closes_after_the_time_of_a_head),
         cmocka_unit_test(first__after_a_request__it_is_the_time_of_keep_alive),
         cmocka_unit_test(body__that_trickles__ends_in_408),
         cmocka_unit_test(body__at_the_rate__arrives),
         cmocka_unit_test(body__of_which_most_is_framing__ends_in_408),
         cmocka_unit_test(body__that_stops_after_much__ends_after_the_idle_time),
         cmocka_unit_test(body__of_a_slow_reader__only_waits_count),
         cmocka_unit_test(body__of_a_slow_reader__the_timer_is_set_before),
         cmocka_unit_test(write__that_trickles__is_cut_off),
         cmocka_unit_test(write__of_which_nothing_is_taken__is_cut_off_and_told),
         cmocka_unit_test(write__taken_from_the_kernels_buffer__goes_on),
         cmocka_unit_test(write__behind_an_answer_that_is_taken_slowly__goes_on),
         cmocka_unit_test(write__taken_in_a_large_step__earns_time_for_it),
         cmocka_unit_test(write__more_unacknowledged_than_sent__counts_as_nothing),
         cmocka_unit_test(request__whose_head_is_late__gets_408),
         cmocka_unit_test(request__whose_content_is_late__gets_408),
         cmocka_unit_test(request__whose_handler_is_late__gets_503),
         cmocka_unit_test(request__whose_answer_is_late__is_closed),
         cmocka_unit_test(request__whose_answer_is_not_taken__is_reset),
         cmocka_unit_test(request__late_behind_an_answer__costs_that_nothing),
         cmocka_unit_test(request__whose_answer_is_out__is_not_late),
         cmocka_unit_test(request__each__has_its_own_time),
         cmocka_unit_test(turn__pipelined_requests__are_bounded),
         cmocka_unit_test(turn__content_that_nobody_reads__is_bounded),
         cmocka_unit_test(turn__content_that_is_read__is_bounded),
         cmocka_unit_test(turn__content_that_is_read_between_turns__is_bounded),
         cmocka_unit_test(turn__small_pieces__are_bounded));
