/*
 * Which requests a handler sees, and what the others are answered.
 */
#include "support.h"

#include "test_checks.h"

#define HOST "Host: a\r\n\r\n"
#define NEXT "GET /next HTTP/1.1\r\n" HOST

struct row {
    const char *clause, *input;
    const char *expected; /* as test_client_describe() says */
    unsigned served;      /* calls of the handler */
};

static void check_row(const struct row *row, bool has_route)
{
    char got[TEST_DESCRIPTION_MAX];
    struct test_server s;
    struct test_client c;

    test_server_init(&s);
    if (!has_route)
        s.site.router.n = 0;
    test_client_open(&s, &c);
    test_client_send(&c, row->input);
    test_client_describe(&c, "", got);
    if (strcmp(got, row->expected) != 0 || s.handler.served != row->served)
        fail_msg("%s: %s: %s, %u calls", row->clause, row->input, got, s.handler.served);
    close_both(&s, &c);
}

static void check_rows(const struct row *rows, size_t n, bool has_route)
{
    for (size_t i = 0; i < n; i++)
        check_row(&rows[i], has_route);
}

static void dispatch__trace__is_implemented_for_no_resource(void **state)
{
    static const struct row rows[] = {
        {"9110 9.1", "TRACE /a HTTP/1.1\r\n" HOST NEXT, "501|200 /next", 1},
        {"9110 9.1", "TRACE http://a/b HTTP/1.1\r\n" HOST NEXT, "501|200 /next", 1},
        {"9110 9.3.8, content is no request",
         "TRACE /a HTTP/1.1\r\nContent-Length: 31\r\n" HOST NEXT NEXT, "501|200 /next", 1},
        {"9110 9.3.8, nor are chunks",
         "TRACE /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HOST "3\r\nabc\r\n0\r\n\r\n" NEXT,
         "501|200 /next", 1},
        {"9112 3.2.4", "TRACE * HTTP/1.1\r\n" HOST NEXT, "400!|END", 0},
    };

    (void)state;
    assert_int_equal(strlen(NEXT), 31);
    check_rows(rows, WR_COUNT(rows), true);
}

/* RFC 9110 9.3.8: what a TRACE would show is what must not be told. */
static void dispatch__refused_trace__says_nothing_of_the_request(void **state)
{
    struct test_server s;
    struct test_client c;
    struct test_responses r;

    (void)state;
    test_server_init(&s);
    test_client_open(&s, &c);
    test_client_send(&c,
                     "TRACE /path-of-it HTTP/1.1\r\nCookie: secret\r\nContent-Length: 11\r\n" HOST
                     "its-content");
    test_client_responses(&c, "", &r);
    assert_null(r.error);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.v[0].status, 501);
    assert_true(
        wr_slice_eq(test_field(&r.v[0], "Content-Type"), WR_SLICE("text/html; charset=utf-8")));
    assert_null(strstr(r.v[0].content, "secret"));
    assert_null(strstr(r.v[0].content, "path-of-it"));
    assert_null(strstr(r.v[0].content, "its-content"));
    test_responses_free(&r);
    close_both(&s, &c);
}

/* draft-ietf-httpbis-optimistic-upgrade: what is meant for the far end of a tunnel may be anything. */
static void dispatch__connect__is_refused_and_nothing_behind_it_is_a_request(void **state)
{
    static const struct row rows[] = {
        {"9110 9.1", "CONNECT a:443 HTTP/1.1\r\n" HOST, "501!|END", 0},
        {"9110 9.1", "CONNECT a:443 HTTP/1.1\r\n" HOST NEXT, "501!|END", 0},
        {"behind a good one", NEXT "CONNECT [::1]:443 HTTP/1.1\r\n" HOST NEXT, "200 /next|501!|END",
         1},
        {"HTTP/1.0", "CONNECT a:443 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" NEXT, "501!|END",
         0},
        {"HTTP/1.0", "CONNECT a:443 HTTP/1.0\r\n\r\n" NEXT, "501!|END", 0},
        {"9112 9.6", "CONNECT a:443 HTTP/1.1\r\nConnection: close\r\n" HOST NEXT, "501!|END", 0},
        {"with content", "CONNECT a:443 HTTP/1.1\r\nContent-Length: 2\r\n" HOST "ab" NEXT,
         "501!|END", 0},
        {"9110 9.3.6, no port", "CONNECT a HTTP/1.1\r\n" HOST NEXT, "400!|END", 0},
        {"9110 9.3.6, a bad port", "CONNECT a:99999 HTTP/1.1\r\n" HOST NEXT, "400!|END", 0},
        {"9112 3.2.3, no host", "CONNECT :443 HTTP/1.1\r\n" HOST NEXT, "400!|END", 0},
        {"9112 3.2.3", "CONNECT /a HTTP/1.1\r\n" HOST NEXT, "400!|END", 0},
        {"9112 3.2.3", "CONNECT http://a:443/ HTTP/1.1\r\n" HOST NEXT, "400!|END", 0},
    };

    (void)state;
    check_rows(rows, WR_COUNT(rows), true);
    check_rows(rows, 2, false);
}

/* The answer is out before what the client sends next, which must not reset the connection. */
static void dispatch__connect__drops_what_comes_later(void **state)
{
    static const char *const requests[] = {
        "CONNECT a:443 HTTP/1.1\r\n" HOST,
        "CONNECT a:443 HTTP/1.1\r\nConnection: close\r\n" HOST,
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(requests); i++) {
        struct test_server s;
        struct test_client c;

        test_server_init(&s);
        test_client_open(&s, &c);
        test_client_send(&c, requests[i]);
        check_description(&c, "501!|END");
        assert_false(c.transport.is_closed);
        test_client_send(&c, NEXT);
        check_description(&c, "501!|END");
        test_client_shut_down(&c);
        assert_true(c.transport.is_closed);
        assert_int_equal(s.handler.served, 0);
        close_both(&s, &c);
    }
}

static void dispatch__method_in_another_case__is_one_that_handlers_may_know(void **state)
{
    static const struct row rows[] = {
        {"9110 9.1", "trace /a HTTP/1.1\r\n" HOST NEXT, "200 /a|200 /next", 2},
        {"9110 9.1", "Connect /a HTTP/1.1\r\n" HOST NEXT, "200 /a|200 /next", 2},
        {"9110 9.1", "get /a HTTP/1.1\r\n" HOST NEXT, "200 /a|200 /next", 2},
        {"9112 3.2.3, with CONNECT only", "connect a:443 HTTP/1.1\r\n" HOST NEXT, "400!|END", 0},
        {"9112 3.2.4, with OPTIONS only", "options * HTTP/1.1\r\n" HOST NEXT, "400!|END", 0},
    };

    (void)state;
    check_rows(rows, WR_COUNT(rows), true);
}

static void dispatch__options__of_the_server_is_not_a_handlers(void **state)
{
    static const struct row rows[] = {
        {"9110 9.3.7", "OPTIONS * HTTP/1.1\r\n" HOST NEXT, "204|200 /next", 1},
        {"9110 9.3.7", "OPTIONS /a HTTP/1.1\r\n" HOST NEXT, "200 /a|200 /next", 2},
        {"9112 3.2.4", "OPTIONS http://a HTTP/1.1\r\n" HOST NEXT, "204|200 /next", 1},
        {"9110 4.2.3", "OPTIONS http://a/ HTTP/1.1\r\n" HOST, "200 /", 1},
        {"9110 7.4", "OPTIONS https://a HTTP/1.1\r\n" HOST NEXT, "421!|END", 0},
    };
    struct test_server s;
    struct test_client c;
    struct test_responses r;

    (void)state;
    check_rows(rows, WR_COUNT(rows), true);
    test_server_init(&s);
    test_client_open(&s, &c);
    test_client_send(&c, rows[0].input);
    test_client_responses(&c, "", &r);
    assert_true(wr_slice_eq(test_field(&r.v[0], "Allow"),
                            WR_SLICE("GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH")));
    test_responses_free(&r);
    close_both(&s, &c);
}

static void dispatch__no_route__is_404_or_501_for_a_method_that_nobody_knows(void **state)
{
    static const struct row rows[] = {
        {"9110 15.5.5", "GET /a HTTP/1.1\r\n" HOST NEXT, "404|404", 0},
        {"9110 15.5.5", "DELETE /a HTTP/1.1\r\n" HOST NEXT, "404|404", 0},
        {"9110 15.5.5", "OPTIONS /a HTTP/1.1\r\n" HOST NEXT, "404|404", 0},
        {"9110 9.1", "BREW /a HTTP/1.1\r\n" HOST NEXT, "501|404", 0},
        {"9110 9.1", "get /a HTTP/1.1\r\n" HOST NEXT, "501|404", 0},
        {"9110 9.1", "TRACE /a HTTP/1.1\r\n" HOST NEXT, "501|404", 0},
        {"9110 9.3.7", "OPTIONS * HTTP/1.1\r\n" HOST NEXT, "204|404", 0},
    };

    (void)state;
    check_rows(rows, WR_COUNT(rows), false);
}

WR_TESTS(cmocka_unit_test(dispatch__trace__is_implemented_for_no_resource),
         cmocka_unit_test(dispatch__refused_trace__says_nothing_of_the_request),
         cmocka_unit_test(dispatch__connect__is_refused_and_nothing_behind_it_is_a_request),
         cmocka_unit_test(dispatch__connect__drops_what_comes_later),
         cmocka_unit_test(dispatch__method_in_another_case__is_one_that_handlers_may_know),
         cmocka_unit_test(dispatch__options__of_the_server_is_not_a_handlers),
         cmocka_unit_test(dispatch__no_route__is_404_or_501_for_a_method_that_nobody_knows));
