/*
 * Interim responses that a handler sends: RFC 9110 15.2, RFC 8297.
 */
#include "support.h"

#include <errno.h>

#include "test_checks.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define EXPECTING "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
#define HINTS     "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nX-Empty: \r\n\r\n"

static const struct wr_response_field fields[] = {{{"Link", 4}, {"</a.css>; rel=preload", 21}},
                                                  {{"X-Empty", 7}, {"", 0}}};

static int inform(struct wr_exchange *x)
{
    return wr_exchange_inform(x, 103, fields, WR_COUNT(fields));
}

static void open_both(struct test_server *s, struct test_client *c, test_serve_fn *serve)
{
    test_server_init(s);
    s->handler.serve = serve;
    test_client_open(s, c);
}

/* All that came begins with `text`. */
static void check_start(const struct test_client *c, const char *text)
{
    struct wr_slice out = fake_transport_output(&c->transport);

    assert_true(out.n >= strlen(text));
    assert_memory_equal(out.p, text, strlen(text));
}

static void serve_informed(struct test_handler *h, struct wr_exchange *x)
{
    assert_int_equal(inform(x), 0);
    assert_int_equal(inform(x), 0);
    test_serve_hello(h, x);
}

static void inform__inside_the_call__comes_before_the_answer(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, serve_informed);
    test_client_send(&c, GET("/a") GET("/b"));
    check_description(&c, "103|103|200 /a|103|103|200 /b");
    check_start(&c, HINTS HINTS "HTTP/1.1 200 OK\r\n");
    close_both(&s, &c);
}

static void inform__later__is_sent_at_once(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, test_serve_later);
    test_client_send(&c, GET("/a"));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(inform(s.handler.held), 0);
        assert_int_equal(c.transport.out_n, (size_t)(i + 1) * strlen(HINTS));
    }
    test_handler_answer(&s.handler);
    check_description(&c, "103|103|200 /a");
    check_start(&c, HINTS HINTS "HTTP/1.1 200 OK\r\n");
    close_both(&s, &c);
}

static void inform__without_fields__is_a_status_line(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, test_serve_later);
    test_client_send(&c, GET("/a"));
    assert_int_equal(wr_exchange_inform(s.handler.held, 103, NULL, 0), 0);
    assert_int_equal(wr_exchange_inform(s.handler.held, 102, NULL, 0), 0);
    check_start(&c, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n");
    test_handler_answer(&s.handler);
    close_both(&s, &c);
}

/* RFC 9110 15.2: a server MUST NOT send a 1xx to a client of HTTP/1.0. */
static void inform__to_1_0__says_that_it_cannot(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, test_serve_later);
    test_client_send(&c, "GET /a HTTP/1.0\r\n\r\n");
    assert_int_equal(inform(s.handler.held), -ENOTSUP);
    assert_int_equal(c.transport.out_n, 0);
    test_handler_answer(&s.handler);
    check_description(&c, "200! /a|END");
    close_both(&s, &c);
}

static void inform__when_the_answer_has_begun__is_too_late(void **state)
{
    static const struct wr_slice pieces[] = {{"abc", 3}};
    struct test_server s;
    struct test_client c;
    struct wr_exchange *x;

    (void)state;
    open_both(&s, &c, test_serve_body);
    s.handler.body.pieces = pieces;
    s.handler.body.n = 1;
    s.handler.body.is_slow = true;
    s.handler.body_length = 3;
    test_client_send(&c, GET("/a"));
    x = s.handler.body.x;
    wr_exchange_ref(x);
    assert_int_equal(inform(x), -EALREADY);
    test_body_go_on(&s.handler);
    test_body_go_on(&s.handler);
    assert_int_equal(inform(x), -ECONNABORTED);
    wr_exchange_unref(x);
    check_description(&c, "200 abc");
    close_both(&s, &c);
}

static void inform__and_100__come_in_the_order_of_what_the_handler_does(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, test_serve_read_later);
    test_client_send(&c, EXPECTING);
    assert_int_equal(inform(s.handler.held), 0);
    check_description(&c, "103"); /* the 100 is still owed */
    test_handler_read(&s.handler);
    check_description(&c, "103|100");
    assert_int_equal(inform(s.handler.held), 0);
    test_client_send(&c, "hello");
    check_description(&c, "103|100|103|200 hello");
    close_both(&s, &c);
}

/* The out buffer is shared: what one connection cannot send must not reach another. */
static void inform__that_finds_no_room__stays_on_its_connection(void **state)
{
    struct test_server s;
    struct test_client c, other;

    (void)state;
    open_both(&s, &c, test_serve_later);
    test_client_open(&s, &other);
    test_client_send(&c, GET("/a"));
    c.transport.room = 10;
    assert_int_equal(inform(s.handler.held), 0);
    assert_int_equal(inform(s.handler.held), 0);
    assert_int_equal(c.transport.out_n, 10);
    s.handler.serve = test_serve_hello;
    test_client_send(&other, GET("/next"));
    check_description(&other, "200 /next");
    test_client_take(&c, 1, 10000);
    check_description(&c, "103|103");
    test_handler_answer(&s.handler);
    test_client_take(&c, FAKE_NO_LIMIT, 2);
    check_description(&c, "103|103|200 /a");
    test_client_fini(&other);
    close_both(&s, &c);
}

/* The same inside of its run, behind an answer that waits too. */
static void inform__behind_bytes_that_wait__keeps_the_order(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, test_serve_later);
    test_client_send(&c, GET("/first") GET("/second"));
    c.transport.room = 10;
    s.handler.serve = serve_informed;
    test_handler_answer(&s.handler);
    test_client_take(&c, 1, 10000);
    check_description(&c, "200 /first|103|103|200 /second");
    close_both(&s, &c);
}

static void inform__on_a_lost_connection__fails(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, test_serve_later);
    test_client_send(&c, GET("/a"));
    c.transport.fail_at = 0;
    c.transport.write_error = -EPIPE;
    assert_int_equal(inform(s.handler.held), -ECONNABORTED);
    test_handler_answer(&s.handler);
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

/* The log has what was answered, and so have the metrics. */
static void inform__is_no_answer_that_is_counted(void **state)
{
    struct test_server s;
    struct test_client c;
    const struct wr_metrics *m = &s.worker.metrics;

    (void)state;
    test_server_init(&s);
    s.site.access_log.format = WR_ACCESS_EXTENDED;
    s.handler.serve = serve_informed;
    test_client_open(&s, &c);
    test_client_send(&c, GET("/a"));
    assert_non_null(s.access_text);
    assert_ptr_equal(strchr(s.access_text, '\n'), s.access_text + s.access_n - 1);
    assert_non_null(strstr(s.access_text, " 200 2 "));
    assert_int_equal(m->answered[WR_METHOD_GET][0], 0);
    assert_int_equal(m->answered[WR_METHOD_GET][1], 1);
    close_both(&s, &c);
}

WR_TESTS(cmocka_unit_test(inform__inside_the_call__comes_before_the_answer),
         cmocka_unit_test(inform__later__is_sent_at_once),
         cmocka_unit_test(inform__without_fields__is_a_status_line),
         cmocka_unit_test(inform__to_1_0__says_that_it_cannot),
         cmocka_unit_test(inform__when_the_answer_has_begun__is_too_late),
         cmocka_unit_test(inform__and_100__come_in_the_order_of_what_the_handler_does),
         cmocka_unit_test(inform__that_finds_no_room__stays_on_its_connection),
         cmocka_unit_test(inform__behind_bytes_that_wait__keeps_the_order),
         cmocka_unit_test(inform__on_a_lost_connection__fails),
         cmocka_unit_test(inform__is_no_answer_that_is_counted));
