#include "support.h"

#include <errno.h>

#include "test_checks.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

#define HEAD_MS       1000
#define KEEP_ALIVE_MS 3000
#define LINGER_MS     500

/* A server with one client, and times of a different length each. */
static void open_both(struct test_server *s, struct test_client *c)
{
    test_server_init(s);
    s->site.config.head_ms = HEAD_MS;
    s->site.config.keep_alive_ms = KEEP_ALIVE_MS;
    s->site.config.linger_ms = LINGER_MS;
    test_client_open(s, c);
}

static void drain__idle_connection__closes_at_once(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    test_client_send(&c, GET("/a"));
    wr_worker_drain(&s.worker);
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

/* Who has connected just before is asked for his first request: it may be on its way. */
static void drain__fresh_connection__has_its_first_request_answered(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    wr_worker_drain(&s.worker);
    assert_false(c.transport.is_closed);
    test_server_advance_ms(&s, 249);
    test_client_send(&c, GET("/a"));
    check_description(&c, "200! /a|END");
    close_both(&s, &c);
}

static void drain__fresh_connection_that_is_silent__closes_soon(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    wr_worker_drain(&s.worker);
    test_server_advance_ms(&s, 249);
    assert_false(c.transport.is_closed);
    test_server_advance_ms(&s, 1);
    check_description(&c, "END");
    close_both(&s, &c);
}

/* What it has sent of that request is a head in part, as below. */
static void drain__fresh_connection_that_begins_a_head__is_given_one_second(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    s.site.config.head_ms = 60000;
    wr_worker_drain(&s.worker);
    test_server_advance_ms(&s, 249);
    test_client_send(&c, "GET /");
    test_server_advance_ms(&s, 999);
    check_description(&c, "");
    assert_false(c.transport.is_closed);
    test_server_advance_ms(&s, 1);
    check_description(&c, "408!|END");
    close_both(&s, &c);
}

static void drain__what_is_in_flight__is_answered_with_close(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    s.handler.serve = test_serve_later;
    test_client_send(&c, GET("/a"));
    wr_worker_drain(&s.worker);
    assert_false(c.transport.is_closed);
    test_handler_answer(&s.handler);
    check_description(&c, "200! /a|END");
    close_both(&s, &c);
}

static void drain__a_head_in_part__may_be_completed(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    test_client_send(&c, "GET /a HTTP/1.1\r\n");
    wr_worker_drain(&s.worker);
    test_client_send(&c, "Host: a\r\n\r\n");
    check_description(&c, "200! /a|END");
    close_both(&s, &c);
}

/* Not after head_ms, which may be longer than who stops the server will wait. */
static void drain__a_head_in_part__is_given_one_second(void **state)
{
    static const char *const drops[] = {"", "x"}; /* what comes meanwhile moves nothing */

    (void)state;
    for (size_t i = 0; i < WR_COUNT(drops); i++) {
        struct test_server s;
        struct test_client c;

        open_both(&s, &c);
        s.site.config.head_ms = 60000;
        test_client_send(&c, "GET /");
        test_server_advance_ms(&s, 5000);
        wr_worker_drain(&s.worker);
        test_server_advance_ms(&s, 500);
        test_client_send(&c, drops[i]);
        test_server_advance_ms(&s, 499);
        check_description(&c, "");
        assert_false(c.transport.is_closed);
        test_server_advance_ms(&s, 1);
        check_description(&c, "408!|END");
        test_server_advance_ms(&s, LINGER_MS);
        assert_true(c.transport.is_closed);
        close_both(&s, &c);
    }
}

static void drain__a_head_completed_in_time__is_answered_with_close(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    s.site.config.head_ms = 60000;
    s.handler.serve = test_serve_later;
    test_client_send(&c, "GET /a HTTP/1.1\r\n");
    wr_worker_drain(&s.worker);
    test_server_advance_ms(&s, 999);
    test_client_send(&c, "Host: a\r\n\r\n" GET("/b"));
    test_server_advance_ms(&s, 5000); /* the handler has its time */
    check_description(&c, "");
    test_handler_answer(&s.handler);
    check_description(&c, "200! /a|END");
    assert_int_equal(s.handler.served, 1);
    test_server_advance_ms(&s, LINGER_MS);
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

/* RFC 9112 9.6: a reset may overtake what the client has not got. */
static void drain__idle_before_its_answer_has_arrived__lingers(void **state)
{
    static const struct {
        int unacknowledged;
        bool lingers;
    } rows[] = {{0, false}, {1, true}, {-EOPNOTSUPP, true}};

    (void)state;
    for (size_t i = 0; i < 2 * WR_COUNT(rows); i++) {
        bool lingers = rows[i / 2].lingers;
        struct test_server s;
        struct test_client c;

        open_both(&s, &c);
        test_client_send(&c, GET("/a"));
        c.transport.unacknowledged = rows[i / 2].unacknowledged;
        wr_worker_drain(&s.worker);
        check_description(&c, "200 /a|END");
        assert_int_equal(c.transport.is_shut_down, lingers);
        assert_int_equal(c.transport.is_closed, !lingers);
        if (i % 2 == 0) {
            test_client_send(&c, GET("/late"));
            test_client_shut_down(&c);
        } else {
            test_server_advance_ms(&s, LINGER_MS);
        }
        assert_true(c.transport.is_closed);
        assert_int_equal(s.handler.served, 1);
        close_both(&s, &c);
    }
}

static void drain__an_answer_that_is_being_taken__is_sent_whole(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    c.transport.room = 5;
    test_client_send(&c, GET("/a"));
    wr_worker_drain(&s.worker);
    assert_false(c.transport.is_closed);
    test_client_take(&c, FAKE_NO_LIMIT, 2);
    check_description(&c, "200 /a|END");
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

WR_TESTS(cmocka_unit_test(drain__idle_connection__closes_at_once),
         cmocka_unit_test(drain__fresh_connection__has_its_first_request_answered),
         cmocka_unit_test(drain__fresh_connection_that_is_silent__closes_soon),
         cmocka_unit_test(drain__fresh_connection_that_begins_a_head__is_given_one_second),
         cmocka_unit_test(drain__what_is_in_flight__is_answered_with_close),
         cmocka_unit_test(drain__a_head_in_part__may_be_completed),
         cmocka_unit_test(drain__a_head_in_part__is_given_one_second),
         cmocka_unit_test(drain__a_head_completed_in_time__is_answered_with_close),
         cmocka_unit_test(drain__idle_before_its_answer_has_arrived__lingers),
         cmocka_unit_test(drain__an_answer_that_is_being_taken__is_sent_whole));
