#include "support.h"

#include <errno.h>

#include "test_checks.h"

#define GET(path)          "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(path, length) "POST " path " HTTP/1.1\r\nHost: a\r\nContent-Length: " length "\r\n\r\n"

#define HEAD_MS       1000
#define BODY_MS       2000
#define KEEP_ALIVE_MS 3000
#define WRITE_MS      4000
#define LINGER_MS     500

/* A server with one client, and times of a different length each. */
static void open_both(struct test_server *s, struct test_client *c)
{
    test_server_init(s);
    s->site.config.head_ms = HEAD_MS;
    s->site.config.body_idle_ms = BODY_MS;
    s->site.config.keep_alive_ms = KEEP_ALIVE_MS;
    s->site.config.write_idle_ms = WRITE_MS;
    s->site.config.linger_ms = LINGER_MS;
    s->site.config.body_rate_min = s->site.config.write_rate_min = 0; /* see test_h1_deadline.c */
    test_client_open(s, c);
}

/* ---- deadlines ---- */

static void deadline__head__is_answered_with_408_and_lingers(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    test_client_send(&c, "GET / HT");
    test_server_advance_ms(&s, HEAD_MS - 1);
    check_description(&c, "");
    test_server_advance_ms(&s, 1);
    check_description(&c, "408!|END");
    assert_true(c.transport.is_shut_down);
    assert_false(c.transport.is_closed);
    test_server_advance_ms(&s, LINGER_MS);
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

static void deadline__head__is_not_moved_by_dripping_bytes(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    for (int ms = 0; ms < HEAD_MS; ms += 100) {
        check_description(&c, "");
        test_client_send(&c, "\r\n");
        test_server_advance_ms(&s, 100);
    }
    check_description(&c, "408!|END");
    close_both(&s, &c);
}

static void deadline__head__begins_anew_with_each_request(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    test_client_send(&c, "GET /a HTTP/1.1\r\n");
    for (int i = 0; i < 5; i++) { /* the end of one with the start of the next */
        test_server_advance_ms(&s, HEAD_MS - 100);
        test_client_send(&c, "Host: a\r\n\r\nGET /b HTTP/1.1\r\n");
    }
    check_description(&c, "200 /a|200 /b|200 /b|200 /b|200 /b");
    test_server_advance_ms(&s, HEAD_MS);
    check_description(&c, "200 /a|200 /b|200 /b|200 /b|200 /b|408!|END");
    close_both(&s, &c);
}

static void deadline__keep_alive__closes_in_silence(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    test_client_send(&c, GET("/a"));
    test_server_advance_ms(&s, KEEP_ALIVE_MS - 1);
    assert_false(c.transport.is_closed);
    test_server_advance_ms(&s, 1);
    check_description(&c, "200 /a|END");
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

static void deadline__body__is_moved_by_content_and_ends_in_408(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    s.handler.serve = test_serve_echo;
    test_client_send(&c, POST("/", "10"));
    for (int i = 0; i < 5; i++) {
        test_server_advance_ms(&s, BODY_MS - 1);
        test_client_send(&c, "x");
    }
    check_description(&c, "");
    test_server_advance_ms(&s, BODY_MS);
    check_description(&c, "408!|END");
    assert_int_equal(s.handler.served, 1);
    close_both(&s, &c);
}

static void deadline__body__runs_also_for_a_reader_of_his_own_time(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    s.handler.serve = test_serve_read_later;
    test_client_send(&c, POST("/", "10"));
    test_server_advance_ms(&s, 10 * BODY_MS); /* nobody waits for content: no deadline */
    check_description(&c, "");
    test_handler_read(&s.handler);
    test_server_advance_ms(&s, BODY_MS - 1);
    check_description(&c, "");
    test_server_advance_ms(&s, 1);
    check_description(&c, "408!|END");
    close_both(&s, &c);
}

static void deadline__body__ends_the_wait_for_content_to_drop(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    test_client_send(&c, POST("/a", "10"));
    check_description(&c, "200 /a");
    test_server_advance_ms(&s, BODY_MS);
    check_description(&c, "200 /a|END");
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

static void deadline__body__of_content_to_drop__is_not_moved_by_it(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    test_client_send(&c, POST("/a", "10"));
    for (int i = 0; i < 4; i++) {
        assert_false(c.transport.is_closed);
        test_client_send(&c, "x");
        test_server_advance_ms(&s, BODY_MS / 4);
    }
    check_description(&c, "200 /a|END");
    close_both(&s, &c);
}

static void deadline__handler__has_none(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    s.handler.serve = test_serve_later;
    test_client_send(&c, GET("/a"));
    test_server_advance_ms(&s, 1000000);
    test_handler_answer(&s.handler);
    check_description(&c, "200 /a");
    close_both(&s, &c);
}

static void deadline__write__is_moved_by_what_the_client_takes(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    c.transport.room = 0;
    test_client_send(&c, GET("/a"));
    for (int i = 0; i < 5; i++) {
        test_server_advance_ms(&s, WRITE_MS - 1);
        assert_false(c.transport.is_closed);
        test_client_take(&c, 1, 1);
    }
    assert_int_equal(c.transport.out_n, 5);
    test_server_advance_ms(&s, WRITE_MS);
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

static void deadline__write__is_not_moved_by_what_the_client_sends(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    c.transport.room = 0;
    test_client_send(&c, GET("/a"));
    for (int i = 0; i < 4; i++) {
        assert_false(c.transport.is_closed);
        test_server_advance_ms(&s, WRITE_MS / 4);
        test_client_send(&c, GET("/b"));
    }
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

static void deadline__linger__is_not_moved_by_what_still_comes(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    test_client_send(&c, "@\r\n");
    check_description(&c, "400!|END");
    for (int i = 0; i < 4; i++) {
        assert_false(c.transport.is_closed);
        test_client_send(&c, GET("/more"));
        assert_false(fake_transport_has_input(&c.transport)); /* read, to drop it */
        test_server_advance_ms(&s, LINGER_MS / 4);
    }
    assert_true(c.transport.is_closed);
    check_description(&c, "400!|END");
    close_both(&s, &c);
}

static void deadline__linger__ends_early_with_the_clients_end(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    test_client_send(&c, "@\r\n");
    assert_true(c.transport.is_shut_down);
    assert_false(c.transport.is_closed);
    test_client_shut_down(&c);
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

/* RFC 9112 9.6: one that had said so sends no more that a reset could answer, unless it did. */
static void close__that_the_client_asked_for__lingers_only_with_unread_bytes(void **state)
{
    static const struct {
        const char *more; /* sent with the request */
        int unacknowledged;
        bool lingers;
    } rows[] = {{"", 0, false},
                {"", 1, false},
                {"", -EOPNOTSUPP, false},
                {GET("/b"), 0, true},
                {GET("/b"), 1, true}};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct test_server s;
        struct test_client c;

        open_both(&s, &c);
        c.transport.unacknowledged = rows[i].unacknowledged;
        fake_transport_arrive(&c.transport,
                              WR_SLICE("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        test_client_send(&c, rows[i].more);
        check_description(&c, "200! /a|END");
        assert_int_equal(c.transport.is_shut_down, rows[i].lingers);
        assert_int_equal(c.transport.is_closed, !rows[i].lingers);
        assert_int_equal(s.handler.served, 1);
        close_both(&s, &c);
    }
}

/* ---- the client's end ---- */

static void fin__between_requests__closes(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    test_client_send(&c, GET("/a"));
    test_client_shut_down(&c);
    assert_true(c.transport.is_closed);
    check_description(&c, "200 /a|END");
    close_both(&s, &c);
}

/* RFC 9112 9.6: the end of one direction is no reason not to answer in the other. */
static void fin__behind_the_request__still_gets_the_answer(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    s.handler.serve = test_serve_later;
    test_client_send(&c, GET("/a"));
    test_client_shut_down(&c);
    assert_false(c.transport.is_closed);
    assert_int_equal(s.handler.cancelled, 0);
    test_handler_answer(&s.handler);
    test_server_step(&s);
    check_description(&c, "200 /a|END");
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

static void fin__with_the_request__still_gets_the_answer(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    fake_transport_put(&c.transport, WR_SLICE(GET("/a") GET("/b")));
    test_client_shut_down(&c);
    check_description(&c, "200 /a|200 /b|END");
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

static void fin__inside_a_head__closes_without_an_answer(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    test_client_send(&c, "GET / HTTP/1.1\r\nHo");
    test_client_shut_down(&c);
    check_description(&c, "END");
    assert_true(c.transport.is_closed);
    assert_int_equal(s.access_n, 0);
    close_both(&s, &c);
}

/* RFC 9112 8: an incomplete message is an error. */
static void fin__inside_the_content__fails_the_read_and_is_answered(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    s.handler.serve = test_serve_echo;
    test_client_send(&c, POST("/", "10") "abc");
    test_client_shut_down(&c);
    assert_int_equal(s.handler.read_result, -ECONNABORTED);
    check_description(&c, "400!|END");
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

static void fin__inside_chunked_content__fails_the_read(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    s.handler.serve = test_serve_echo;
    test_client_send(&c,
                     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc");
    test_client_shut_down(&c);
    assert_int_equal(s.handler.read_result, -ECONNABORTED);
    check_description(&c, "400!|END");
    close_both(&s, &c);
}

/* ---- reset ---- */

static void reset__while_idle_or_in_a_head__closes(void **state)
{
    static const char *const before[] = {"", "GET / HT", GET("/a")};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(before); i++) {
        struct test_server s;
        struct test_client c;

        open_both(&s, &c);
        test_client_send(&c, before[i]);
        test_client_reset(&c);
        assert_true(c.transport.is_closed);
        close_both(&s, &c);
    }
}

static void reset__while_a_handler_reads__cancels_once(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    s.handler.serve = test_serve_echo;
    test_client_send(&c, POST("/", "10") "abc");
    test_client_reset(&c);
    assert_true(c.transport.is_closed);
    assert_int_equal(s.handler.cancelled, 1);
    close_both(&s, &c);
    assert_int_equal(s.handler.cancelled, 1);
}

static void reset__while_a_handler_works__lets_it_answer_nobody(void **state)
{
    struct test_server s;
    struct test_client c;
    char buffer[10];

    (void)state;
    open_both(&s, &c);
    s.handler.serve = test_serve_later;
    test_client_send(&c, POST("/a", "10"));
    test_client_reset(&c);
    test_server_step(&s);
    assert_true(c.transport.is_closed);
    assert_int_equal(s.handler.cancelled, 1);
    assert_int_equal(wr_exchange_read(s.handler.held, buffer, sizeof buffer), -ECONNABORTED);
    test_handler_answer(&s.handler);
    assert_int_equal(c.transport.out_n, 0);
    assert_int_equal(s.handler.cancelled, 1);
    close_both(&s, &c);
}

/* Who works on it in another place still reads the request, whatever took its buffer's place. */
static void reset__while_a_handler_works__leaves_the_request_readable(void **state)
{
    struct test_server s;
    struct test_client c, other;
    const struct wr_request *r;

    (void)state;
    open_both(&s, &c);
    s.handler.serve = test_serve_later;
    test_client_send(&c, "GET /kept?q HTTP/1.1\r\nHost: kept.example\r\n\r\n");
    test_client_reset(&c);
    test_server_step(&s); /* the connection's memory is gone */
    s.handler.serve = test_serve_hello;
    test_client_open(&s, &other);
    test_client_send(&other, "GET /else?x HTTP/1.1\r\nHost: else.example\r\n\r\n");
    r = &s.handler.held->request;
    assert_true(wr_slice_eq(r->target, WR_SLICE("/kept?q")));
    assert_true(wr_slice_eq(r->path, WR_SLICE("/kept")));
    assert_true(wr_slice_eq(wr_fields_get(&r->fields, WR_FIELD_HOST), WR_SLICE("kept.example")));
    test_client_shut_down(&other);
    test_client_fini(&other);
    test_handler_answer(&s.handler);
    close_both(&s, &c);
}

static void reset__before_a_late_answer__still_closes_its_body(void **state)
{
    struct test_server s;
    struct test_client c;
    struct wr_exchange *x;

    (void)state;
    open_both(&s, &c);
    s.handler.serve = test_serve_later;
    test_client_send(&c, GET("/a"));
    test_client_reset(&c);
    x = s.handler.held;
    test_serve_body(&s.handler, x);
    s.handler.held = NULL;
    wr_exchange_unref(x);
    assert_int_equal(s.handler.body.closed, 1);
    close_both(&s, &c);
}

static void reset__while_the_answer_is_sent__closes_the_body_once(void **state)
{
    static const struct wr_slice pieces[] = {{"abc", 3}, {"def", 3}};
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    s.handler.serve = test_serve_body;
    s.handler.body_length = 6;
    s.handler.body.pieces = pieces;
    s.handler.body.n = WR_COUNT(pieces);
    s.handler.body.is_slow = s.handler.body.has_piece = true;
    test_client_send(&c, GET("/a"));
    assert_int_equal(s.handler.body.closed, 0);
    test_client_reset(&c);
    assert_true(c.transport.is_closed);
    assert_int_equal(s.handler.body.closed, 1);
    close_both(&s, &c);
    assert_int_equal(s.handler.body.closed, 1);
}

static void reset__while_lingering__closes(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    test_client_send(&c, "@\r\n");
    assert_false(c.transport.is_closed);
    test_client_reset(&c);
    assert_true(c.transport.is_closed);
    close_both(&s, &c);
}

static void write_error__at_each_byte__closes_without_a_leak(void **state)
{
    (void)state;
    for (size_t at = 0; at < 150; at++) {
        struct test_server s;
        struct test_client c;

        open_both(&s, &c);
        c.transport.fail_at = at;
        c.transport.write_max = 7;
        test_client_send(&c, GET("/a") GET("/b"));
        assert_true(c.transport.is_closed);
        assert_int_equal(c.transport.out_n, at);
        close_both(&s, &c);
    }
}

static void worker__ends_with_connections_in_every_state(void **state)
{
    static const char *const sent[] = {"", "GET / HT", GET("/a"), POST("/", "9") "x", "@\r\n"};
    struct test_client c[WR_COUNT(sent)];
    struct test_server s;

    (void)state;
    test_server_init(&s);
    s.handler.serve = test_serve_echo;
    for (size_t i = 0; i < WR_COUNT(sent); i++) {
        test_client_open(&s, &c[i]);
        c[i].transport.room = i % 2 == 0 ? 0 : FAKE_NO_LIMIT;
        test_client_send(&c[i], sent[i]);
    }
    test_server_fini(&s);
    for (size_t i = 0; i < WR_COUNT(sent); i++) {
        assert_true(c[i].transport.is_closed);
        fake_transport_fini(&c[i].transport);
    }
    assert_int_equal(s.handler.cancelled, 1);
}

/* ---- log ---- */

/* The head's bytes move to a larger buffer while it is read: the log must not look at the old one.
 */
static void log__head_that_ran_out_of_time__shows_nobody_elses_bytes(void **state)
{
    static char head[WR_READ_BUFFER];
    struct test_server s;
    struct test_client c, other;

    (void)state;
    open_both(&s, &c);
    memset(head, 'v', sizeof head);
    memcpy(head, "GET /mine HTTP/1.1\r\nX: ", 23);
    test_client_send_slice(&c, wr_slice(head, sizeof head)); /* fills the buffer */
    test_client_open(&s, &other);
    s.handler.serve = test_serve_later;
    test_client_send(&other, "PUT /secret HTTP/1.1\r\nHost: a\r\n\r\n");
    test_server_advance_ms(&s, HEAD_MS);
    assert_non_null(strstr(s.access_text, "\" 408 "));
    assert_null(strstr(s.access_text, "PUT"));
    test_client_fini(&other);
    test_handler_answer(&s.handler);
    close_both(&s, &c);
}

WR_TESTS(cmocka_unit_test(deadline__head__is_answered_with_408_and_lingers),
         cmocka_unit_test(deadline__head__is_not_moved_by_dripping_bytes),
         cmocka_unit_test(deadline__head__begins_anew_with_each_request),
         cmocka_unit_test(deadline__keep_alive__closes_in_silence),
         cmocka_unit_test(deadline__body__is_moved_by_content_and_ends_in_408),
         cmocka_unit_test(deadline__body__runs_also_for_a_reader_of_his_own_time),
         cmocka_unit_test(deadline__body__ends_the_wait_for_content_to_drop),
         cmocka_unit_test(deadline__body__of_content_to_drop__is_not_moved_by_it),
         cmocka_unit_test(deadline__handler__has_none),
         cmocka_unit_test(deadline__write__is_moved_by_what_the_client_takes),
         cmocka_unit_test(deadline__write__is_not_moved_by_what_the_client_sends),
         cmocka_unit_test(deadline__linger__is_not_moved_by_what_still_comes),
         cmocka_unit_test(deadline__linger__ends_early_with_the_clients_end),
         cmocka_unit_test(close__that_the_client_asked_for__lingers_only_with_unread_bytes),
         cmocka_unit_test(fin__between_requests__closes),
         cmocka_unit_test(fin__behind_the_request__still_gets_the_answer),
         cmocka_unit_test(fin__with_the_request__still_gets_the_answer),
         cmocka_unit_test(fin__inside_a_head__closes_without_an_answer),
         cmocka_unit_test(fin__inside_the_content__fails_the_read_and_is_answered),
         cmocka_unit_test(fin__inside_chunked_content__fails_the_read),
         cmocka_unit_test(reset__while_idle_or_in_a_head__closes),
         cmocka_unit_test(reset__while_a_handler_reads__cancels_once),
         cmocka_unit_test(reset__while_a_handler_works__lets_it_answer_nobody),
         cmocka_unit_test(reset__while_a_handler_works__leaves_the_request_readable),
         cmocka_unit_test(reset__before_a_late_answer__still_closes_its_body),
         cmocka_unit_test(reset__while_the_answer_is_sent__closes_the_body_once),
         cmocka_unit_test(reset__while_lingering__closes),
         cmocka_unit_test(write_error__at_each_byte__closes_without_a_leak),
         cmocka_unit_test(worker__ends_with_connections_in_every_state),
         cmocka_unit_test(log__head_that_ran_out_of_time__shows_nobody_elses_bytes));
