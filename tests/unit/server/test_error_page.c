#include "support.h"

#include "test_server.h"

static void serve_page(struct test_handler *h, struct wr_exchange *x)
{
    wr_exchange_add_field(x, WR_SLICE("X-Kept"), WR_SLICE("yes"));
    wr_exchange_respond_error(x, h->status);
}

/* The page for `status`, in *r. */
static void get_page(int status, struct test_server *s, struct test_client *c,
                     struct test_responses *r)
{
    test_server_init(s);
    s->handler.serve = serve_page;
    s->handler.status = status;
    test_client_open(s, c);
    test_client_send(c, "GET /<script>'\"&x HTTP/1.1\r\nHost: <b>\r\n\r\n"
                        "GET /<script>'\"&x HTTP/1.1\r\nHost: a\r\nReferer: <i>\r\n\r\n");
    test_client_responses(c, "", r);
}

static void error_page__each_status__has_its_number_and_phrase(void **state)
{
    static const struct {
        int status;
        const char *title;
    } rows[] = {
        {301, "301 Moved Permanently"},
        {400, "400 Bad Request"},
        {403, "403 Forbidden"},
        {404, "404 Not Found"},
        {405, "405 Method Not Allowed"},
        {408, "408 Request Timeout"},
        {412, "412 Precondition Failed"},
        {413, "413 Content Too Large"},
        {414, "414 URI Too Long"},
        {416, "416 Range Not Satisfiable"},
        {417, "417 Expectation Failed"},
        {418, "418 "},
        {431, "431 Request Header Fields Too Large"},
        {500, "500 Internal Server Error"},
        {501, "501 Not Implemented"},
        {503, "503 Service Unavailable"},
        {505, "505 HTTP Version Not Supported"},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct test_server s;
        struct test_client c;
        struct test_responses r;

        test_server_init(&s);
        s.handler.serve = serve_page;
        s.handler.status = rows[i].status;
        test_client_open(&s, &c);
        test_client_send(&c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        test_client_responses(&c, "", &r);
        assert_null(r.error);
        assert_int_equal(r.n, 1);
        assert_int_equal(r.v[0].status, rows[i].status);
        assert_non_null(strstr(r.v[0].content, rows[i].title));
        assert_non_null(strstr(r.v[0].content, "</html>"));
        assert_true(
            wr_slice_eq(test_field(&r.v[0], "Content-Type"), WR_SLICE("text/html; charset=utf-8")));
        assert_true(wr_slice_eq(test_field(&r.v[0], "X-Kept"), WR_SLICE("yes")));
        test_responses_free(&r);
        test_client_fini(&c);
        test_server_fini(&s);
    }
}

static void error_page__never_repeats_what_was_sent(void **state)
{
    struct test_server s;
    struct test_client c;
    struct test_responses r;

    (void)state;
    get_page(404, &s, &c, &r);
    assert_null(r.error);
    assert_true(r.n > 0);
    for (size_t i = 0; i < r.n; i++) {
        assert_null(strstr(r.v[i].content, "script"));
        assert_null(strstr(r.v[i].content, "&x"));
        assert_null(strstr(r.v[i].content, "<b>"));
        assert_null(strstr(r.v[i].content, "<i>"));
    }
    test_responses_free(&r);
    test_client_fini(&c);
    test_server_fini(&s);
}

static void error_page__without_memory__is_an_answer_without_a_page(void **state)
{
    struct test_server s;
    struct test_client c;
    char got[TEST_DESCRIPTION_MAX];

    (void)state;
    test_server_init(&s);
    s.config.arena_bytes_max = 64;
    s.handler.serve = serve_page;
    s.handler.status = 404;
    test_client_open(&s, &c);
    test_client_send(&c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    test_client_describe(&c, "", got);
    assert_string_equal(got, "404|404");
    test_client_fini(&c);
    test_server_fini(&s);
}

WR_TESTS(cmocka_unit_test(error_page__each_status__has_its_number_and_phrase),
         cmocka_unit_test(error_page__never_repeats_what_was_sent),
         cmocka_unit_test(error_page__without_memory__is_an_answer_without_a_page));
