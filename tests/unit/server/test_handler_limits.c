/*
 * Limits of a route's handler in place of those of the site: content and time.
 */
#include "support.h"

#include <errno.h>
#include <stdlib.h>

#include "server/dispatch.h"
#include "test_checks.h"

#define POST(path, length) "POST " path " HTTP/1.1\r\nHost: a\r\nContent-Length: " length "\r\n\r\n"
#define CHUNKED(path)      "POST " path " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
#define EXPECTING(path, length)                                                                    \
    "POST " path " HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: " length         \
    "\r\n\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define SITE_MAX  10
#define SITE_MS   1000

/* A site with two routes: /up, whose handler has limits, and / with those of the site. */
struct fixture {
    struct test_server s;
    struct test_client c;
    struct test_handler up;
    struct wr_route routes[2];
    struct wr_handler_limits limits;
};

static void init(struct fixture *f, int64_t body_bytes_max, int64_t request_ms)
{
    test_server_init(&f->s);
    f->s.site.config.body_bytes_max = SITE_MAX;
    f->s.site.config.discard_bytes_max = 1000;
    f->s.site.config.request_ms = SITE_MS;
    f->s.handler.serve = test_serve_echo;
    f->limits = (struct wr_handler_limits){body_bytes_max, request_ms, false};
    f->up = f->s.handler;
    f->up.content = malloc(TEST_CONTENT_MAX);
    assert_non_null(f->up.content);
    f->up.base.limits = &f->limits;
    f->routes[0] = (struct wr_route){.path = WR_SLICE("/up"), .handler = &f->up.base};
    f->routes[1] = (struct wr_route){.path = WR_SLICE(""), .handler = &f->s.handler.base};
    f->s.site.router = (struct wr_router){.v = f->routes, .n = 2};
    test_client_open(&f->s, &f->c);
}

static void fini(struct fixture *f)
{
    close_both(&f->s, &f->c);
    free(f->up.content);
}

static uint64_t refused(const struct fixture *f)
{
    return atomic_load(&f->s.worker.metrics.refused[WR_H1_BODY_LARGE]);
}

/* Has the client been sent a 100? */
static bool has_asked(const struct test_client *c)
{
    return memmem(c->transport.out, c->transport.out_n, "100 Continue", 12) != NULL;
}

/* ---- content ---- */

struct row {
    int64_t max; /* of /up */
    const char *input, *expected;
    unsigned up, site; /* requests that the handlers of /up and of / had */
};

static void content__is_bound_by_what_the_route_says(void **state)
{
    static const struct row rows[] = {
        {20, POST("/up", "12") "abcdefghijkl", "200 abcdefghijkl", 1, 0},
        {20, POST("/up", "20") "abcdefghijklmnopqrst" POST("/", "10") "0123456789",
         "200 abcdefghijklmnopqrst|200 0123456789", 1, 1},
        {20, POST("/up", "21"), "413!|END", 0, 0},
        {20, POST("/", "11"), "413!|END", 0, 0},
        {3, POST("/up", "3") "abc", "200 abc", 1, 0},
        {3, POST("/up", "4") "abcd" GET("/"), "413!|END", 0, 0},
        {3, POST("/", "4") "abcd", "200 abcd", 0, 1},
        {0, GET("/up") POST("/up", "0"), "200|200", 2, 0},
        {0, POST("/up", "1") "a", "413!|END", 0, 0},
        {-1, POST("/up", "10") "0123456789", "200 0123456789", 1, 0},
        {-1, POST("/up", "11"), "413!|END", 0, 0},
        {20, CHUNKED("/up") "c\r\nabcdefghijkl\r\n0\r\n\r\n", "200 abcdefghijkl", 1, 0},
        {20, CHUNKED("/") "b\r\nabcdefghijk\r\n0\r\n\r\n", "413!|END", 0, 1},
        {3, CHUNKED("/up") "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", "200 abc", 1, 0},
        {3, CHUNKED("/up") "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n", "413!|END", 1, 0},
        {0, CHUNKED("/up") "0\r\n\r\n", "200", 1, 0},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        char got[TEST_DESCRIPTION_MAX];
        struct fixture f;

        init(&f, rows[i].max, -1);
        test_client_send(&f.c, rows[i].input);
        test_client_describe(&f.c, "", got);
        if (strcmp(got, rows[i].expected) != 0 || f.up.served != rows[i].up ||
            f.s.handler.served != rows[i].site)
            fail_msg("%s: %s, %u and %u calls", rows[i].input, got, f.up.served,
                     f.s.handler.served);
        assert_int_equal(refused(&f), strstr(rows[i].expected, "413") ? 1 : 0);
        fini(&f);
    }
}

/* RFC 9110 10.1.1: who gets a final status instead of a 100 need not send the content. */
static void content__too_large__is_refused_before_it_is_asked_for(void **state)
{
    struct fixture f;

    (void)state;
    init(&f, 3, -1);
    test_client_send(&f.c, EXPECTING("/up", "4"));
    check_description(&f.c, "413!|END");
    assert_false(has_asked(&f.c));
    assert_memory_equal(f.c.transport.out, "HTTP/1.1 413 ", 13);
    assert_non_null(strstr(f.s.log_text, "192.0.2.7: 413: content is longer than the limit"));
    assert_non_null(strstr(f.s.access_text, "\" 413 "));
    assert_true(f.c.transport.is_shut_down); /* it lingers: what is on its way resets nothing */
    assert_false(f.c.transport.is_closed);
    fini(&f);
}

static void content__that_no_route_takes__is_bound_by_the_site(void **state)
{
    static const struct {
        const char *input, *expected;
    } rows[] = {
        {POST("/none", "10") "0123456789", "404"},
        {POST("/none", "11"), "413!|END"},
        {"OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789", "204"},
        {"OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n", "413!|END"},
        {"TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n", "413!|END"},
        {"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n", "413!|END"},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct fixture f;

        init(&f, 20, -1);
        f.s.site.router.n = 1; /* /up alone */
        test_client_send(&f.c, rows[i].input);
        check_description(&f.c, rows[i].expected);
        fini(&f);
    }
}

/* What nobody reads is dropped up to discard_bytes_max, whatever somebody could have read. */
static void content__that_nobody_reads__has_the_bound_of_what_is_dropped(void **state)
{
    struct fixture f;

    (void)state;
    init(&f, 3, -1);
    f.up.serve = test_serve_hello;
    test_client_send(&f.c, CHUNKED("/up") "5\r\nabcde\r\n0\r\n\r\n" GET("/up/b"));
    check_description(&f.c, "200 /up|200 /up/b");
    assert_int_equal(refused(&f), 0);
    fini(&f);
}

static void serve_decline(struct test_handler *h, struct wr_exchange *x)
{
    (void)h;
    wr_dispatch_next(x);
}

static void serve_limit_and_decline(struct test_handler *h, struct wr_exchange *x)
{
    (void)h;
    assert_int_equal(wr_exchange_limit_body(x, 1), -EMSGSIZE);
    wr_dispatch_next(x);
}

static void declined__has_the_limits_of_who_answers(void **state)
{
    static const struct {
        test_serve_fn *serve; /* of /up, which allows 20 */
        const char *input, *expected;
    } rows[] = {
        {serve_decline, POST("/up", "10") "0123456789", "200 0123456789"},
        {serve_decline, POST("/up", "11"), "413!|END"},
        {serve_decline, POST("/up", "21"), "413!|END"},
        {serve_decline, CHUNKED("/up") "b\r\nabcdefghijk\r\n0\r\n\r\n", "413!|END"},
        {serve_limit_and_decline, POST("/up", "10") "0123456789", "200 0123456789"},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct fixture f;

        init(&f, 20, -1);
        f.up.serve = rows[i].serve;
        test_client_send(&f.c, rows[i].input);
        check_description(&f.c, rows[i].expected);
        fini(&f);
    }
}

/* Its handler would have taken it: what is wrong is the path. */
static void declined__by_all__is_a_404_whatever_its_size(void **state)
{
    struct fixture f;

    (void)state;
    init(&f, 20, -1);
    f.s.site.router.n = 1;
    f.up.serve = serve_decline;
    test_client_send(&f.c, POST("/up", "11") "0123456789x" GET("/"));
    check_description(&f.c, "404|404");
    fini(&f);
}

/* ---- a handler's own limit ---- */

static int limit_result;

static void serve_limited(struct test_handler *h, struct wr_exchange *x)
{
    limit_result = wr_exchange_limit_body(x, 4);
    test_serve_echo(h, x);
}

static void limit__lower_than_the_length__fails_the_first_read(void **state)
{
    struct fixture f;

    (void)state;
    init(&f, -1, -1);
    f.up.serve = serve_limited;
    test_client_send(&f.c, EXPECTING("/up", "5"));
    assert_int_equal(limit_result, -EMSGSIZE);
    assert_int_equal(f.up.read_result, -EBADMSG);
    check_description(&f.c, "413!|END");
    assert_false(has_asked(&f.c));
    assert_int_equal(refused(&f), 1);
    fini(&f);
}

static void limit__that_is_met__is_none(void **state)
{
    static const struct {
        const char *input, *expected;
    } rows[] = {
        {POST("/up", "4") "abcd", "200 abcd"},
        {CHUNKED("/up") "4\r\nabcd\r\n0\r\n\r\n", "200 abcd"},
        {CHUNKED("/up") "5\r\nabcde\r\n0\r\n\r\n", "413!|END"},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct fixture f;

        init(&f, -1, -1);
        f.up.serve = serve_limited;
        test_client_send(&f.c, rows[i].input);
        assert_int_equal(limit_result, 0);
        check_description(&f.c, rows[i].expected);
        fini(&f);
    }
}

static void serve_raised(struct test_handler *h, struct wr_exchange *x)
{
    limit_result = wr_exchange_limit_body(x, 1000);
    test_serve_echo(h, x);
}

static void limit__that_is_higher__allows_no_more(void **state)
{
    struct fixture f;

    (void)state;
    init(&f, 3, -1);
    f.up.serve = serve_raised;
    test_client_send(&f.c, CHUNKED("/up") "4\r\nabcd\r\n0\r\n\r\n");
    check_description(&f.c, "413!|END");
    fini(&f);
}

/* It answers without a look at the content, which is dropped then as any other. */
static void serve_refusal(struct test_handler *h, struct wr_exchange *x)
{
    (void)h;
    limit_result = wr_exchange_limit_body(x, 4);
    wr_exchange_respond_error(x, 413);
}

static void limit__answered_without_a_read__keeps_the_connection(void **state)
{
    struct fixture f;

    (void)state;
    init(&f, -1, -1);
    f.up.serve = serve_refusal;
    test_client_send(&f.c, POST("/up", "5") "abcde" POST("/", "1") "x");
    assert_int_equal(limit_result, -EMSGSIZE);
    check_description(&f.c, "413|200 x");
    fini(&f);
}

/* ---- time ---- */

/* From the first byte of the request, not from when its route was known. */
static void time__of_a_route__counts_from_the_first_byte(void **state)
{
    static const int64_t ms[] = {300, 2000};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(ms); i++) {
        struct fixture f;

        init(&f, -1, ms[i]);
        f.up.serve = test_serve_later;
        test_client_send(&f.c, "GET /up HTTP/1.1\r\n");
        test_server_advance_ms(&f.s, 200);
        test_client_send(&f.c, "Host: a\r\n\r\n");
        test_server_advance_ms(&f.s, ms[i] - 200 - 1);
        check_description(&f.c, "");
        test_server_advance_ms(&f.s, 1);
        check_description(&f.c, "503!|END");
        test_handler_answer(&f.up);
        fini(&f);
    }
}

static void time__of_another_route__is_that_of_the_site(void **state)
{
    struct fixture f;

    (void)state;
    init(&f, -1, 300);
    f.s.handler.serve = test_serve_later;
    test_client_send(&f.c, GET("/up") GET("/")); /* the time of the first is not that of the next */
    test_server_advance_ms(&f.s, SITE_MS - 1);
    check_description(&f.c, "200");
    test_server_advance_ms(&f.s, 1);
    check_description(&f.c, "200|503!|END");
    test_handler_answer(&f.s.handler);
    fini(&f);
}

static void time__of_a_route__may_be_any(void **state)
{
    struct fixture f;

    (void)state;
    init(&f, -1, 0);
    f.up.serve = test_serve_later;
    test_client_send(&f.c, GET("/up"));
    test_server_advance_ms(&f.s, (int64_t)1000 * SITE_MS);
    test_handler_answer(&f.up);
    check_description(&f.c, "200 /up");
    fini(&f);
}

/* The head had been waited for longer than the route gives for all of it. */
static void time__that_is_over_when_the_route_is_known__is_late_at_once(void **state)
{
    struct fixture f;

    (void)state;
    init(&f, -1, 100);
    f.up.serve = test_serve_later;
    test_client_send(&f.c, "GET /up HTTP/1.1\r\n");
    test_server_advance_ms(&f.s, 200);
    test_client_send(&f.c, "Host: a\r\n\r\n");
    test_server_advance_ms(&f.s, 1);
    check_description(&f.c, "503!|END");
    test_handler_answer(&f.up);
    fini(&f);
}

/* Also when it declines in a turn of its own, and the next one does not answer either. */
static void time__behind_one_that_declines__is_that_of_the_next(void **state)
{
    struct wr_exchange *x;
    struct fixture f;

    (void)state;
    init(&f, -1, 0);
    f.up.serve = f.s.handler.serve = test_serve_later;
    test_client_send(&f.c, GET("/up"));
    test_server_advance_ms(&f.s, SITE_MS - 1);
    x = f.up.held;
    x->on_end = NULL;
    wr_dispatch_next(x);
    wr_exchange_unref(x);
    assert_ptr_equal(f.s.handler.held, x);
    check_description(&f.c, "");
    test_server_advance_ms(&f.s, 1);
    check_description(&f.c, "503!|END");
    test_handler_answer(&f.s.handler);
    fini(&f);
}

WR_TESTS(cmocka_unit_test(content__is_bound_by_what_the_route_says),
         cmocka_unit_test(content__too_large__is_refused_before_it_is_asked_for),
         cmocka_unit_test(content__that_no_route_takes__is_bound_by_the_site),
         cmocka_unit_test(content__that_nobody_reads__has_the_bound_of_what_is_dropped),
         cmocka_unit_test(declined__has_the_limits_of_who_answers),
         cmocka_unit_test(declined__by_all__is_a_404_whatever_its_size),
         cmocka_unit_test(limit__lower_than_the_length__fails_the_first_read),
         cmocka_unit_test(limit__that_is_met__is_none),
         cmocka_unit_test(limit__that_is_higher__allows_no_more),
         cmocka_unit_test(limit__answered_without_a_read__keeps_the_connection),
         cmocka_unit_test(time__of_a_route__counts_from_the_first_byte),
         cmocka_unit_test(time__of_another_route__is_that_of_the_site),
         cmocka_unit_test(time__of_a_route__may_be_any),
         cmocka_unit_test(time__that_is_over_when_the_route_is_known__is_late_at_once),
         cmocka_unit_test(time__behind_one_that_declines__is_that_of_the_next));
