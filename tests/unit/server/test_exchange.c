#include "support.h"

#include <errno.h>

#include "test_checks.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static void open_both(struct test_server *s, struct test_client *c, test_serve_fn *serve)
{
    test_server_init(s);
    s->handler.serve = serve;
    test_client_open(s, c);
}

static void serve_many_fields(struct test_handler *h, struct wr_exchange *x)
{
    char value[] = "0";

    (void)h;
    x->response.status = 200;
    for (int i = 0; i < 26; i++) {
        value[0] = (char)('a' + i);
        wr_exchange_add_field_copy(x, WR_SLICE("X"), wr_slice_of(value));
    }
    wr_exchange_respond(x);
}

static void exchange__more_fields_than_inline__keep_their_order(void **state)
{
    struct test_server s;
    struct test_client c;
    struct test_responses r;

    (void)state;
    open_both(&s, &c, serve_many_fields);
    test_client_send(&c, GET("/"));
    test_client_responses(&c, "", &r);
    assert_null(r.error);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.v[0].fields, 26 + 3); /* Date, Server, Content-Length */
    for (int i = 0; i < 26; i++) {
        assert_int_equal(r.v[0].values[i + 2].n, 1);
        assert_int_equal(r.v[0].values[i + 2].p[0], 'a' + i);
    }
    test_responses_free(&r);
    close_both(&s, &c);
}

static void serve_lost_field(struct test_handler *h, struct wr_exchange *x)
{
    x->response.status = 200;
    wr_exchange_add_field(x, WR_SLICE("X"), wr_slice(NULL, 0)); /* as after a failed allocation */
    test_serve_body(h, x);
}

static void serve_lost_body(struct test_handler *h, struct wr_exchange *x)
{
    (void)h;
    x->response.status = 200;
    wr_exchange_set_body(x, NULL, 5);
    wr_exchange_respond(x);
}

static void exchange__lost_field__becomes_503_and_closes_the_body(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, serve_lost_field);
    test_client_send(&c, GET("/"));
    check_description(&c, "503");
    assert_int_equal(s.handler.body.closed, 1);
    close_both(&s, &c);
}

static void exchange__lost_body__becomes_503(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, serve_lost_body);
    test_client_send(&c, GET("/") GET("/"));
    check_description(&c, "503|503");
    close_both(&s, &c);
}

static void serve_last(struct test_handler *h, struct wr_exchange *x)
{
    x->is_last = true;
    test_serve_hello(h, x);
}

static void serve_last_lost(struct test_handler *h, struct wr_exchange *x)
{
    x->is_last = true;
    serve_lost_body(h, x);
}

/* Also when another response takes the place of the one that it was said of. */
static void exchange__last__is_the_last_of_its_connection(void **state)
{
    static const struct {
        test_serve_fn *serve;
        const char *expected;
    } rows[] = {{serve_last, "200! /|END"}, {serve_last_lost, "503!|END"}};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct test_server s;
        struct test_client c;

        open_both(&s, &c, rows[i].serve);
        test_client_send(&c, GET("/") GET("/"));
        check_description(&c, rows[i].expected);
        close_both(&s, &c);
        open_both(&s, &c, rows[i].serve);
        test_client_send(&c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        check_description(&c, rows[i].expected);
        assert_false(c.transport.is_closed); /* it lingers, for more may come */
        close_both(&s, &c);
    }
}

static void exchange__arena_at_its_limit__still_answers(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    test_server_init(&s);
    s.site.config.arena_bytes_max = 64; /* a path fits, a page does not */
    s.handler.serve = serve_lost_body;
    test_client_open(&s, &c);
    test_client_send(&c, GET("/"));
    check_description(&c, "503");
    close_both(&s, &c);
}

static void exchange__ended__is_used_again_empty(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, serve_many_fields);
    test_client_send(&c, GET("/"));
    assert_int_equal(s.worker.free_exchanges_n, 1);
    s.handler.serve = test_serve_later;
    test_client_send(&c, GET("/a"));
    assert_int_equal(s.worker.free_exchanges_n, 0);
    assert_int_equal(s.handler.held->response.n, 0);
    assert_null(s.handler.held->response.body);
    assert_int_equal(s.handler.held->input_status, 0);
    test_handler_answer(&s.handler);
    assert_int_equal(s.worker.free_exchanges_n, 1);
    close_both(&s, &c);
}

static void exchange__held_after_its_end__stays_and_asks_nobody(void **state)
{
    struct test_server s;
    struct test_client c;
    struct wr_exchange *x;
    char byte;

    (void)state;
    open_both(&s, &c, test_serve_later);
    test_client_send(&c, GET("/a"));
    x = s.handler.held;
    wr_exchange_ref(x);
    wr_conn_close(c.conn);
    test_server_step(&s);
    assert_int_equal(x->state, WR_EXCHANGE_CANCELLED);
    assert_int_equal(s.handler.cancelled, 1);
    assert_int_equal(s.worker.free_exchanges_n, 0);
    assert_int_equal(wr_exchange_read(x, &byte, 1), -ECONNABORTED);
    wr_exchange_body_ready(x);
    wr_exchange_respond_error(x, 500);
    assert_int_equal(x->state, WR_EXCHANGE_CANCELLED);
    test_handler_answer(&s.handler);
    assert_int_equal(s.worker.free_exchanges_n, 0);
    wr_exchange_unref(x);
    assert_int_equal(s.worker.free_exchanges_n, 1);
    close_both(&s, &c);
}

static void exchange__answered__is_not_cancelled(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, test_serve_later);
    test_client_send(&c, GET("/a"));
    test_handler_answer(&s.handler);
    close_both(&s, &c);
    assert_int_equal(s.handler.cancelled, 0);
}

static void serve_error_after_body(struct test_handler *h, struct wr_exchange *x)
{
    h->body.x = x;
    x->response.status = 200;
    wr_exchange_add_field(x, WR_SLICE("X"), WR_SLICE("kept"));
    wr_exchange_set_body(x, &h->body.base, 5);
    wr_exchange_respond_error(x, 500);
}

static void exchange__error_in_the_place_of_a_body__closes_it_once(void **state)
{
    struct test_server s;
    struct test_client c;
    struct test_responses r;

    (void)state;
    open_both(&s, &c, serve_error_after_body);
    test_client_send(&c, GET("/a"));
    assert_int_equal(s.handler.body.closed, 1);
    test_client_responses(&c, "", &r);
    assert_null(r.error);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.v[0].status, 500);
    assert_true(wr_slice_eq(test_field(&r.v[0], "X"), WR_SLICE("kept")));
    assert_non_null(strstr(r.v[0].content, "500"));
    test_responses_free(&r);
    s.handler.serve = test_serve_hello;
    test_client_send(&c, GET("/b"));
    check_description(&c, "500|200 /b");
    close_both(&s, &c);
    assert_int_equal(s.handler.body.closed, 1);
}

static void exchange__error_after_a_body_for_nobody__closes_it_once(void **state)
{
    struct test_server s;
    struct test_client c;
    struct wr_exchange *x;

    (void)state;
    open_both(&s, &c, test_serve_later);
    test_client_send(&c, GET("/a"));
    x = s.handler.held;
    wr_conn_close(c.conn);
    serve_error_after_body(&s.handler, x);
    wr_exchange_unref(x);
    assert_int_equal(s.handler.body.closed, 1);
    close_both(&s, &c);
}

static void exchange__id__is_the_workers_number_and_its_own(void **state)
{
    char id[WR_EXCHANGE_ID_MAX];
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, test_serve_later);
    s.worker.random = 0x5f3a01;
    s.worker.requests = 27;
    test_client_send(&c, GET("/a"));
    assert_int_equal(wr_exchange_id(s.handler.held, id), strlen("5f3a01-1c"));
    assert_memory_equal(id, "5f3a01-1c", strlen("5f3a01-1c"));
    s.worker.random = UINT64_MAX;
    s.handler.held->id = UINT64_MAX;
    assert_int_equal(wr_exchange_id(s.handler.held, id), 33);
    test_handler_answer(&s.handler);
    close_both(&s, &c);
}

WR_TESTS(cmocka_unit_test(exchange__more_fields_than_inline__keep_their_order),
         cmocka_unit_test(exchange__lost_field__becomes_503_and_closes_the_body),
         cmocka_unit_test(exchange__lost_body__becomes_503),
         cmocka_unit_test(exchange__last__is_the_last_of_its_connection),
         cmocka_unit_test(exchange__arena_at_its_limit__still_answers),
         cmocka_unit_test(exchange__ended__is_used_again_empty),
         cmocka_unit_test(exchange__held_after_its_end__stays_and_asks_nobody),
         cmocka_unit_test(exchange__answered__is_not_cancelled),
         cmocka_unit_test(exchange__error_in_the_place_of_a_body__closes_it_once),
         cmocka_unit_test(exchange__error_after_a_body_for_nobody__closes_it_once),
         cmocka_unit_test(exchange__id__is_the_workers_number_and_its_own));
