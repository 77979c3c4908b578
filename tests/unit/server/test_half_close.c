/*
 * A client that sends no more (FIN), or is gone: what handlers hear of it, and when they are cancelled.
 */
#include "support.h"

#include <errno.h>

#include "test_checks.h"

#define GET(path)          "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(path, length) "POST " path " HTTP/1.1\r\nHost: a\r\nContent-Length: " length "\r\n\r\n"
#define CHUNKED(path)      "POST " path " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

static const struct wr_handler_limits cancelling = {-1, -1, true};
static const struct wr_handler_limits serving = {-1, -1, false};

static struct noted {
    unsigned calls;                      /* of on_half_close */
    bool is_begun_half_closed;           /* of the last request */
    void (*deed)(struct wr_exchange *x); /* of on_half_close; NULL: none */
} noted;

static struct test_handler *handler_of(struct wr_exchange *x)
{
    return WR_CONTAINER_OF(x->route->handler, struct test_handler, base);
}

static void on_half_close(struct wr_exchange *x)
{
    assert_true(x->is_half_closed);
    noted.calls++;
    if (noted.deed)
        noted.deed(x);
}

/* As test_serve_later, and hears of a half close. */
static void serve_listening(struct test_handler *h, struct wr_exchange *x)
{
    noted.is_begun_half_closed = x->is_half_closed;
    x->on_half_close = on_half_close;
    test_serve_later(h, x);
}

static void open_both(struct test_server *s, struct test_client *c,
                      const struct wr_handler_limits *limits)
{
    noted = (struct noted){0};
    test_server_init(s);
    s->handler.serve = serve_listening;
    s->handler.base.limits = limits;
    test_client_open(s, c);
}

static void answer(struct test_handler *h)
{
    if (h->held)
        test_handler_answer(h);
}

/* ---- serve ---- */

static void half_close__while_a_handler_works__is_told_once(void **state)
{
    static const struct wr_handler_limits *const limits[] = {NULL, &serving};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(limits); i++) {
        struct test_server s;
        struct test_client c;

        open_both(&s, &c, limits[i]);
        test_client_send(&c, GET("/a"));
        assert_false(s.handler.held->is_half_closed);
        assert_int_equal(noted.calls, 0);
        test_client_shut_down(&c);
        assert_true(s.handler.held->is_half_closed);
        assert_int_equal(noted.calls, 1);
        test_client_event(&c, EPOLLIN | EPOLLRDHUP);
        assert_int_equal(noted.calls, 1);
        assert_int_equal(s.handler.cancelled, 0);
        answer(&s.handler);
        test_server_step(&s);
        check_description(&c, "200 /a|END");
        assert_true(c.transport.is_closed);
        close_both(&s, &c);
    }
}

static void half_close__before_the_request_is_read__is_known_from_the_beginning(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, NULL);
    fake_transport_arrive(&c.transport, WR_SLICE(GET("/a")));
    test_client_shut_down(&c);
    assert_true(noted.is_begun_half_closed);
    assert_int_equal(noted.calls, 0);
    answer(&s.handler);
    test_server_step(&s);
    check_description(&c, "200 /a|END");
    close_both(&s, &c);
}

static void half_close__behind_two_requests__is_told_of_the_first(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, NULL);
    test_client_send(&c, GET("/a") GET("/b"));
    assert_false(noted.is_begun_half_closed);
    test_client_shut_down(&c);
    assert_int_equal(noted.calls, 1);
    answer(&s.handler); /* and the next one begins */
    assert_true(noted.is_begun_half_closed);
    answer(&s.handler);
    test_server_step(&s);
    check_description(&c, "200 /a|200 /b|END");
    assert_int_equal(noted.calls, 1);
    close_both(&s, &c);
}

static void serve_listening_body(struct test_handler *h, struct wr_exchange *x)
{
    test_serve_body(h, x);
    x->on_half_close = on_half_close;
}

static const struct wr_slice pieces[] = {{"one", 3}, {"two", 3}};

static void set_slow_body(struct test_handler *h)
{
    h->serve = serve_listening_body;
    h->body.pieces = pieces;
    h->body.n = WR_COUNT(pieces);
    h->body.is_slow = h->body.has_piece = true;
    h->body_length = 6;
}

static void half_close__while_the_body_goes_out__is_told_and_it_goes_on(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, NULL);
    set_slow_body(&s.handler);
    test_client_send(&c, GET("/a"));
    test_client_shut_down(&c);
    assert_int_equal(noted.calls, 1);
    test_body_go_on(&s.handler);
    test_server_step(&s);
    check_description(&c, "200 onetwo|END");
    close_both(&s, &c);
}

static void half_close__while_the_client_takes_nothing__is_told(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, NULL);
    set_slow_body(&s.handler);
    c.transport.room = 10;
    test_client_send(&c, GET("/a"));
    test_client_shut_down(&c);
    assert_int_equal(noted.calls, 1);
    assert_false(c.transport.is_closed);
    close_both(&s, &c);
}

static void answer_held(struct wr_exchange *x)
{
    test_handler_answer(handler_of(x));
}

static void half_close__may_be_what_makes_a_handler_answer(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, NULL);
    noted.deed = answer_held;
    test_client_send(&c, GET("/a"));
    test_client_shut_down(&c);
    test_server_step(&s);
    check_description(&c, "200 /a|END");
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

/* A transport need not have an event for it: the read of 0 says so. */
static void half_close__that_a_read_has_found__is_told(void **state)
{
    struct test_server s;
    struct test_client c;
    char buffer[8];

    (void)state;
    open_both(&s, &c, NULL);
    test_client_send(&c, POST("/a", "10") "abc");
    assert_int_equal(wr_exchange_read(s.handler.held, buffer, sizeof buffer), 3);
    assert_int_equal(wr_exchange_read(s.handler.held, buffer, sizeof buffer), -EAGAIN);
    c.transport.is_eof = true;
    test_client_event(&c, EPOLLIN);
    assert_int_equal(noted.calls, 0);
    assert_int_equal(wr_exchange_read(s.handler.held, buffer, sizeof buffer), -ECONNABORTED);
    assert_int_equal(noted.calls, 0); /* not under the feet of who reads */
    test_server_step(&s);
    assert_int_equal(noted.calls, 1);
    assert_true(s.handler.held->is_half_closed);
    answer(&s.handler);
    test_server_step(&s);
    check_description(&c, "200! /a|END");
    close_both(&s, &c);
}

/* ---- cancel ---- */

static void cancel__half_closed_while_a_handler_works__is_gone(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, &cancelling);
    test_client_send(&c, GET("/a") GET("/b"));
    test_client_shut_down(&c);
    assert_true(c.transport.is_closed);
    assert_int_equal(s.handler.cancelled, 1);
    assert_int_equal(s.handler.served, 1); /* nor is the next one begun */
    assert_int_equal(noted.calls, 0);
    assert_int_equal(c.transport.out_n, 0);
    assert_string_equal(s.access_text, "");
    answer(&s.handler);
    close_both(&s, &c);
    assert_int_equal(s.handler.cancelled, 1);
}

static void cancel__half_closed_while_the_body_goes_out__closes_it_once(void **state)
{
    static const size_t rooms[] = {FAKE_NO_LIMIT, 10}; /* it waits for the app, for the client */

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rooms); i++) {
        struct test_server s;
        struct test_client c;

        open_both(&s, &c, &cancelling);
        set_slow_body(&s.handler);
        c.transport.room = rooms[i];
        test_client_send(&c, GET("/a"));
        assert_int_equal(s.handler.body.closed, 0);
        test_client_shut_down(&c);
        assert_true(c.transport.is_closed);
        assert_int_equal(s.handler.body.closed, 1);
        close_both(&s, &c);
        assert_int_equal(s.handler.body.closed, 1);
    }
}

/* What is answered before anybody could wait for it is out. */
static void cancel__answered_at_once__goes_out(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, &cancelling);
    s.handler.serve = test_serve_hello;
    fake_transport_arrive(&c.transport, WR_SLICE(GET("/a")));
    test_client_shut_down(&c);
    check_description(&c, "200 /a|END");
    close_both(&s, &c);
}

/* An answer that was handed over whole is sent, however slowly it is taken. */
static void cancel__answer_that_only_waits_to_be_taken__is_sent(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, &cancelling);
    s.handler.serve = test_serve_hello;
    c.transport.room = 10;
    test_client_send(&c, GET("/a"));
    test_client_shut_down(&c);
    assert_false(c.transport.is_closed);
    test_client_take(&c, FAKE_NO_LIMIT, 1);
    check_description(&c, "200 /a|END");
    close_both(&s, &c);
}

static void cancel__another_route__is_served(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, &cancelling);
    s.site.router.n = 0;
    fake_transport_arrive(&c.transport, WR_SLICE(GET("/a")));
    test_client_shut_down(&c);
    check_description(&c, "404|END");
    close_both(&s, &c);
}

/* Content that came before the FIN is read; then the client is gone. */
static void cancel__content_on_its_way__is_read_first(void **state)
{
    static const char *const requests[] = {POST("/a", "5") "abcde",
                                           CHUNKED("/a") "5\r\nabcde\r\n0\r\n\r\n"};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(requests); i++) {
        struct test_server s;
        struct test_client c;
        char buffer[8];

        open_both(&s, &c, &cancelling);
        test_client_send(&c, requests[i]);
        test_client_shut_down(&c);
        assert_false(c.transport.is_closed);
        assert_int_equal(noted.calls, 1);
        assert_int_equal(wr_exchange_read(s.handler.held, buffer, sizeof buffer), 5);
        assert_memory_equal(buffer, "abcde", 5);
        assert_int_equal(s.handler.cancelled, 0); /* not under the feet of who reads */
        if (i > 0)
            assert_int_equal(wr_exchange_read(s.handler.held, buffer, sizeof buffer), 0);
        test_server_step(&s);
        assert_true(c.transport.is_closed);
        assert_int_equal(s.handler.cancelled, 1);
        answer(&s.handler);
        assert_int_equal(c.transport.out_n, 0);
        close_both(&s, &c);
    }
}

/* RFC 9112 8: an incomplete message is an error. Its handler says so to who may still listen. */
static void cancel__content_that_is_cut__is_broken_as_ever(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, &cancelling);
    s.handler.serve = test_serve_echo;
    test_client_send(&c, POST("/", "10") "abc");
    test_client_shut_down(&c);
    assert_int_equal(s.handler.read_result, -ECONNABORTED);
    check_description(&c, "400!|END");
    close_both(&s, &c);
}

static void cancel__content_that_is_cut__waits_for_a_slow_handler(void **state)
{
    struct test_server s;
    struct test_client c;
    char buffer[8];

    (void)state;
    open_both(&s, &c, &cancelling);
    test_client_send(&c, POST("/a", "10") "abc");
    test_client_shut_down(&c);
    assert_int_equal(wr_exchange_read(s.handler.held, buffer, sizeof buffer), 3);
    assert_int_equal(wr_exchange_read(s.handler.held, buffer, sizeof buffer), -ECONNABORTED);
    test_server_step(&s);
    assert_false(c.transport.is_closed);
    wr_exchange_respond_error(s.handler.held, 400);
    wr_exchange_unref(s.handler.held);
    test_server_step(&s);
    check_description(&c, "400!|END");
    close_both(&s, &c);
}

/* ---- hang-up ---- */

/* The peer of a Unix socket has closed it: nobody will take an answer. */
static void hang_up__while_a_handler_works__cancels(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, NULL);
    test_client_send(&c, GET("/a"));
    c.transport.is_eof = true;
    test_client_event(&c, EPOLLIN | EPOLLRDHUP | EPOLLHUP);
    assert_true(c.transport.is_closed);
    assert_int_equal(s.handler.cancelled, 1);
    assert_int_equal(noted.calls, 0);
    answer(&s.handler);
    close_both(&s, &c);
}

/* What was sent before is done all the same, as far as it was sent whole. */
static void hang_up__behind_content__lets_it_be_read(void **state)
{
    struct test_server s;
    struct test_client c;
    char buffer[8];

    (void)state;
    open_both(&s, &c, NULL);
    fake_transport_arrive(&c.transport, WR_SLICE(POST("/a", "5") "abcde"));
    c.transport.is_eof = true;
    test_client_event(&c, EPOLLIN | EPOLLRDHUP | EPOLLHUP);
    assert_false(c.transport.is_closed);
    assert_int_equal(wr_exchange_read(s.handler.held, buffer, sizeof buffer), 5);
    test_server_step(&s);
    assert_true(c.transport.is_closed);
    assert_int_equal(s.handler.cancelled, 1);
    answer(&s.handler);
    close_both(&s, &c);
}

WR_TESTS(cmocka_unit_test(half_close__while_a_handler_works__is_told_once),
         cmocka_unit_test(half_close__before_the_request_is_read__is_known_from_the_beginning),
         cmocka_unit_test(half_close__behind_two_requests__is_told_of_the_first),
         cmocka_unit_test(half_close__while_the_body_goes_out__is_told_and_it_goes_on),
         cmocka_unit_test(half_close__while_the_client_takes_nothing__is_told),
         cmocka_unit_test(half_close__may_be_what_makes_a_handler_answer),
         cmocka_unit_test(half_close__that_a_read_has_found__is_told),
         cmocka_unit_test(cancel__half_closed_while_a_handler_works__is_gone),
         cmocka_unit_test(cancel__half_closed_while_the_body_goes_out__closes_it_once),
         cmocka_unit_test(cancel__answered_at_once__goes_out),
         cmocka_unit_test(cancel__answer_that_only_waits_to_be_taken__is_sent),
         cmocka_unit_test(cancel__another_route__is_served),
         cmocka_unit_test(cancel__content_on_its_way__is_read_first),
         cmocka_unit_test(cancel__content_that_is_cut__is_broken_as_ever),
         cmocka_unit_test(cancel__content_that_is_cut__waits_for_a_slow_handler),
         cmocka_unit_test(hang_up__while_a_handler_works__cancels),
         cmocka_unit_test(hang_up__behind_content__lets_it_be_read));
