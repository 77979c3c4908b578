/*
 * Trailer fields in HTTP/1.1, both ways: RFC 9110 6.5, 10.1.4 and 9112 7.1.2.
 */
#include "support.h"

#include <errno.h>

#include "feed.h"
#include "http/h1_body.h"
#include "test_checks.h"

#define POST    "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
#define NEXT    "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET(te) "GET /g HTTP/1.1\r\nHost: a\r\n" te "\r\n"
#define TE      "TE: trailers\r\n"

/* ---- of a request ---- */

/* The answer is each of them, "name=value;", or "-" without any. */
static void tell(struct wr_exchange *x)
{
    static char text[65536];
    const struct wr_fields *f = x->request.trailers;
    struct wr_buf b = wr_buf_on(text, sizeof text);

    for (unsigned i = 0; f && i < f->n; i++)
        wr_buf_printf(&b, "%.*s=%.*s;", (int)f->v[i].name.n, f->v[i].name.p, (int)f->v[i].value.n,
                      f->v[i].value.p);
    if (!f)
        wr_buf_char(&b, '-');
    x->response.status = 200;
    wr_exchange_set_body(
        x, test_memory_body(&x->arena, wr_arena_dup(&x->arena, wr_buf_slice(&b)), NULL, NULL),
        (int64_t)b.n);
    wr_exchange_respond(x);
}

static void read_all(struct wr_exchange *x)
{
    const struct test_handler *h = WR_CONTAINER_OF(x->route->handler, struct test_handler, base);
    char content[64];
    ssize_t n;

    do {
        assert_null(x->request.trailers);
        n = wr_exchange_read(x, content, h->read_max);
    } while (n > 0);
    if (n == -EAGAIN)
        x->on_input = read_all;
    else if (n < 0)
        wr_exchange_respond_error(x, x->input_status);
    else
        tell(x);
}

static void serve_reader(struct test_handler *h, struct wr_exchange *x)
{
    (void)h;
    if (x->request.content_length == 0)
        tell(x);
    else
        read_all(x);
}

struct row {
    const char *section; /* behind "0\r\n", with its end */
    const char *expected;
};

static void run_row(struct wr_feed *feed, void *arg)
{
    static const size_t sizes[] = {64, 1};
    const struct row *row = arg;

    for (size_t i = 0; i < WR_COUNT(sizes); i++) {
        struct wr_feed again = *feed;
        struct test_server s;
        struct test_client c;
        struct wr_slice part;
        char got[TEST_DESCRIPTION_MAX];

        test_server_init(&s);
        s.site.config.fields_max = 8;
        s.handler.serve = serve_reader;
        s.handler.read_max = sizes[i];
        test_client_open(&s, &c);
        while (wr_feed_next(&again, &part))
            test_client_send_slice(&c, part);
        test_client_describe(&c, "", got);
        if (strcmp(got, row->expected) != 0)
            fail_msg("%s, %s: %s", row->section, wr_feed_name(feed), got);
        close_both(&s, &c);
    }
}

static void trailers__of_a_request__are_there_when_its_content_has_ended(void **state)
{
    static struct row rows[] = {
        {"\r\n" NEXT, "200 -|200 -"},
        {"A: b\r\n\r\n" NEXT, "200 A=b;|200 -"},
        {"A: b\r\nx-c: \t d e \r\nA:\r\n\r\n", "200 A=b;x-c=d e;A=;"},
        {"Host: evil\r\nA: b\r\nContent-Length: 50\r\n\r\n" NEXT, "200 A=b;|200 -"},
        {"A: 1\r\nA: 2\r\nA: 3\r\nA: 4\r\nA: 5\r\nA: 6\r\nA: 7\r\nA: 8\r\n\r\n",
         "200 A=1;A=2;A=3;A=4;A=5;A=6;A=7;A=8;"},
        {"A: 1\r\nA: 2\r\nA: 3\r\nA: 4\r\nA: 5\r\nA: 6\r\nA: 7\r\nA: 8\r\nTE: 9\r\n\r\n" NEXT,
         "431!|END"},
        {"A : b\r\n\r\n" NEXT, "400!|END"},
        {"A: b\r\n c\r\n\r\n" NEXT, "400!|END"},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        char text[1024];
        struct wr_buf b = wr_buf_on(text, sizeof text);

        wr_buf_printf(&b, POST "5\r\nhello\r\n0\r\n%s", rows[i].section);
        assert_false(b.overflow);
        wr_feed_all(wr_buf_slice(&b), run_row, &rows[i]);
    }
}

static void send_long(struct test_client *c, size_t n)
{
    static char text[32768];
    struct wr_buf b = wr_buf_on(text, sizeof text);

    wr_buf_printf(&b, POST "0\r\nA:");
    for (size_t i = 0; i < n - 6; i++)
        wr_buf_char(&b, 'x');
    wr_buf_printf(&b, "\r\n\r\n");
    assert_false(b.overflow);
    test_client_send_slice(c, wr_buf_slice(&b));
}

static void trailers__of_a_request__may_be_as_long_as_their_limit(void **state)
{
    struct test_server s;
    struct test_client c;
    struct test_responses r;

    (void)state;
    assert_int_equal(WR_H1_CHUNK_EXTRA_MAX, 16384);
    test_server_init(&s);
    s.handler.serve = serve_reader;
    s.handler.read_max = 64;
    test_client_open(&s, &c);
    send_long(&c, 16384);
    test_client_responses(&c, "", &r);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.v[0].status, 200);
    assert_int_equal(r.v[0].content_n, 16384 - 6 + strlen("A=;"));
    test_responses_free(&r);
    send_long(&c, 16385);
    test_client_responses(&c, "", &r);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.v[1].status, 431);
    test_responses_free(&r);
    close_both(&s, &c);
}

static struct wr_exchange *held;

static void serve_at_once_and_hold(struct test_handler *h, struct wr_exchange *x)
{
    held = x;
    wr_exchange_ref(x);
    test_serve_hello(h, x);
}

static void trailers__of_content_that_nobody_reads__are_not_kept(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    test_server_init(&s);
    s.handler.serve = serve_at_once_and_hold;
    test_client_open(&s, &c);
    test_client_send(&c, POST "5\r\nhel");
    check_description(&c, "200 /p");
    test_client_send(&c, "lo\r\n0\r\nA: b\r\n\r\n");
    assert_int_equal(held->state, WR_EXCHANGE_FINISHED);
    assert_null(held->request.trailers);
    assert_null(held->trailer_lines);
    wr_exchange_unref(held);
    s.handler.serve = test_serve_hello;
    test_client_send(&c, NEXT);
    check_description(&c, "200 /p|200 /next");
    close_both(&s, &c);
}

/* ---- of a response ---- */

static const struct wr_response_field fields[] = {{{"A", 1}, {"1", 1}},
                                                  {{"X-Sum", 5}, {"two words", 9}}};
#define SECTION "A: 1\r\nX-Sum: two words\r\n"

/* What is asked of serve_trailed(), and a body in front of test_body: the trailers are known when that has
 * ended, not before. */
struct trailed {
    struct wr_body base;
    struct test_handler *h;
    const struct wr_response_field *fields;
    size_t n;
    const char *names;
    bool has_none_announced;
};

static struct trailed *trailed_of(struct wr_body *b)
{
    return WR_CONTAINER_OF(b, struct trailed, base);
}

static int peek(struct wr_body *b, struct wr_piece *out, int max)
{
    struct trailed *t = trailed_of(b);
    int count = t->h->body.base.ops->peek(&t->h->body.base, out, max);

    if (count == 0) {
        t->h->body.x->response.trailers = t->fields;
        t->h->body.x->response.trailers_n = t->n;
    }
    return count;
}

static void advance(struct wr_body *b, size_t n)
{
    struct wr_body *inner = &trailed_of(b)->h->body.base;

    inner->ops->advance(inner, n);
}

static void close_body(struct wr_body *b)
{
    struct wr_body *inner = &trailed_of(b)->h->body.base;

    inner->ops->close(inner);
}

static const struct wr_body_ops body_ops = {peek, advance, close_body};

static void serve_trailed(struct test_handler *h, struct wr_exchange *x)
{
    struct trailed *t = h->arg;

    t->base.ops = &body_ops;
    t->h = h;
    h->body.x = x;
    h->body.at = h->body.offset = 0;
    h->body.closed = 0;
    x->response.status = h->status;
    x->response.may_have_trailers = !t->has_none_announced;
    if (t->names)
        x->response.trailer_names = wr_slice_of(t->names);
    wr_exchange_set_body(x, &t->base, h->body_length);
    wr_exchange_respond(x);
}

static const struct wr_slice pieces[] = {{"abc", 3}, {"defgh", 5}};

static void open_trailed(struct test_server *s, struct test_client *c, struct trailed *t,
                         int64_t length)
{
    *t = (struct trailed){.fields = fields, .n = WR_COUNT(fields), .names = "A, X-Sum"};
    test_server_init(s);
    s->handler.serve = serve_trailed;
    s->handler.arg = t;
    s->handler.body.pieces = pieces;
    s->handler.body.n = WR_COUNT(pieces);
    s->handler.body_length = length;
    test_client_open(s, c);
}

/* The one answer that came: framing, its field Trailer, and what is behind the content. */
static void check_one(const struct test_client *c, const char *methods, bool is_chunked,
                      const char *length, const char *trailer, const char *section)
{
    struct test_responses r;

    test_client_responses(c, methods, &r);
    assert_null(r.error);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.v[0].is_chunked, is_chunked);
    assert_false(r.v[0].is_cut);
    if (length)
        assert_true(wr_slice_eq(test_field(&r.v[0], "Content-Length"), wr_slice_of(length)));
    else
        assert_null(test_field(&r.v[0], "Content-Length").p);
    if (trailer)
        assert_true(wr_slice_eq(test_field(&r.v[0], "Trailer"), wr_slice_of(trailer)));
    else
        assert_null(test_field(&r.v[0], "Trailer").p);
    assert_true(wr_slice_eq(r.v[0].trailers, wr_slice_of(section)));
    test_responses_free(&r);
}

static void trailers__of_a_response__come_behind_the_last_chunk_where_there_is_one(void **state)
{
    static const struct {
        const char *why, *request, *methods;
        int64_t length;
        int status;
        bool is_chunked;
        const char *content_length;
    } rows[] = {
        {"length unknown", GET(""), "G", -1, 200, true, NULL},
        {"length unknown, TE", GET(TE), "G", -1, 200, true, NULL},
        {"length known", GET(""), "G", 8, 200, false, "8"},
        {"length known, TE", GET(TE), "G", 8, 200, true, NULL},
        {"no case", GET("te: x;q=0.5 , Trailers\r\n"), "G", 8, 200, true, NULL},
        {"a second line", GET("TE: deflate\r\nTE: trailers\r\n"), "G", 8, 200, true, NULL},
        {"another word", GET("TE: trailersx\r\n"), "G", 8, 200, false, "8"},
        {"another field", GET("TEE: trailers\r\n"), "G", 8, 200, false, "8"},
        {"HEAD", "HEAD /g HTTP/1.1\r\nHost: a\r\n" TE "\r\n", "H", 8, 200, false, "8"},
        {"HEAD, unknown", "HEAD /g HTTP/1.1\r\nHost: a\r\n" TE "\r\n", "H", -1, 200, false, NULL},
        {"204", GET(TE), "G", 0, 204, false, NULL},
        {"205", GET(TE), "G", 0, 205, false, "0"},
        {"304", GET(TE), "G", 8, 304, false, NULL},
        {"1.0", "GET /g HTTP/1.0\r\n" TE "\r\n", "G", 8, 200, false, "8"},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct test_server s;
        struct test_client c;
        struct trailed t;

        print_message("%s\n", rows[i].why);
        open_trailed(&s, &c, &t, rows[i].length);
        s.handler.status = rows[i].status;
        test_client_send(&c, rows[i].request);
        check_one(&c, rows[i].methods, rows[i].is_chunked, rows[i].content_length,
                  rows[i].is_chunked ? "A, X-Sum" : NULL, rows[i].is_chunked ? SECTION : "");
        close_both(&s, &c);
    }
}

static void trailers__of_a_response__are_these_bytes(void **state)
{
    static const char end[] = "3\r\nabc\r\n5\r\ndefgh\r\n0\r\n" SECTION "\r\n";
    struct test_server s;
    struct test_client c;
    struct trailed t;
    struct wr_slice out;

    (void)state;
    open_trailed(&s, &c, &t, 8);
    test_client_send(&c, GET(TE));
    out = fake_transport_output(&c.transport);
    assert_true(out.n > sizeof end - 1);
    assert_memory_equal(out.p + out.n - (sizeof end - 1), end, sizeof end - 1);
    test_client_send(&c, GET(TE) GET(""));
    check_description(&c, "200~ abcdefgh|200~ abcdefgh|200 abcdefgh");
    close_both(&s, &c);
}

static void trailers__that_nobody_announced__come_all_the_same(void **state)
{
    struct test_server s;
    struct test_client c;
    struct trailed t;

    (void)state;
    open_trailed(&s, &c, &t, -1);
    t.has_none_announced = true;
    t.names = NULL;
    test_client_send(&c, GET(""));
    check_one(&c, "G", true, NULL, NULL, SECTION);
    close_both(&s, &c);
    open_trailed(&s, &c, &t, -1);
    t.names = NULL;
    test_client_send(&c, GET(TE));
    check_one(&c, "G", true, NULL, NULL, SECTION);
    close_both(&s, &c);
}

static void trailers__that_were_announced_and_do_not_come__leave_a_plain_end(void **state)
{
    struct test_server s;
    struct test_client c;
    struct trailed t;

    (void)state;
    open_trailed(&s, &c, &t, 8);
    t.n = 0;
    test_client_send(&c, GET(TE));
    check_one(&c, "G", true, NULL, "A, X-Sum", "");
    check_description(&c, "200~ abcdefgh");
    close_both(&s, &c);
}

static void trailers__of_an_empty_body__have_a_last_chunk_to_follow(void **state)
{
    struct test_server s;
    struct test_client c;
    struct trailed t;

    (void)state;
    open_trailed(&s, &c, &t, 0);
    s.handler.body.n = 0;
    test_client_send(&c, GET(TE));
    check_one(&c, "G", true, NULL, "A, X-Sum", SECTION);
    close_both(&s, &c);
}

/* RFC 9112 8: chunks that end well would say that it is whole. */
static void trailers__behind_a_body_of_another_length__do_not_come(void **state)
{
    static const int64_t lengths[] = {9, 7, 5, 3};
    static const char *const expected[] = {"200~? abcdefgh|END", "200~? abc|END", "200~? abc|END",
                                           "200~? abc|END"};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(lengths); i++) {
        struct test_server s;
        struct test_client c;
        struct trailed t;

        open_trailed(&s, &c, &t, lengths[i]);
        test_client_send(&c, GET(TE) NEXT);
        check_description(&c, expected[i]);
        assert_int_equal(s.handler.served, 1);
        close_both(&s, &c);
    }
}

static void trailers__to_a_slow_client__come_whole(void **state)
{
    struct test_server s;
    struct test_client c;
    struct trailed t;

    (void)state;
    open_trailed(&s, &c, &t, 8);
    s.handler.body.is_slow = true;
    c.transport.room = 0;
    test_client_send(&c, GET(TE));
    for (int i = 0; i < 3; i++) {
        test_client_take(&c, 1, 10000);
        test_body_go_on(&s.handler);
    }
    test_client_take(&c, 1, 10000);
    check_one(&c, "G", true, NULL, "A, X-Sum", SECTION);
    check_description(&c, "200~ abcdefgh");
    close_both(&s, &c);
}

/* More than the out buffer has room for, in fields that it has; and one that it has not. */
static void trailers__that_are_large__come_whole_or_break_off(void **state)
{
    enum { MANY = 5, LARGE = 20000, HUGE_FIELD = 70000 };
    static char text[HUGE_FIELD];
    static const size_t rooms[] = {FAKE_NO_LIMIT, 0};

    (void)state;
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < WR_COUNT(rooms); i++) {
        struct wr_response_field large[MANY];
        struct test_server s;
        struct test_client c;
        struct trailed t;
        struct test_responses r;

        for (size_t k = 0; k < MANY; k++)
            large[k] = (struct wr_response_field){WR_SLICE("L"), wr_slice(text, LARGE)};
        open_trailed(&s, &c, &t, -1);
        t.fields = large;
        t.n = MANY;
        c.transport.room = rooms[i];
        test_client_send(&c, GET("") NEXT);
        test_client_take(&c, 3000, 1000);
        test_client_responses(&c, "", &r);
        assert_null(r.error);
        assert_int_equal(r.n, 2);
        assert_int_equal(r.v[0].trailers.n, MANY * (LARGE + strlen("L: \r\n")));
        test_responses_free(&r);
        large[1].value.n = HUGE_FIELD;
        c.transport.room = FAKE_NO_LIMIT;
        test_client_send(&c, GET(""));
        test_client_responses(&c, "", &r);
        assert_int_equal(r.n, 3);
        assert_true(r.v[2].is_cut);
        test_responses_free(&r);
        close_both(&s, &c);
    }
}

WR_TESTS(cmocka_unit_test(trailers__of_a_request__are_there_when_its_content_has_ended),
         cmocka_unit_test(trailers__of_a_request__may_be_as_long_as_their_limit),
         cmocka_unit_test(trailers__of_content_that_nobody_reads__are_not_kept),
         cmocka_unit_test(trailers__of_a_response__come_behind_the_last_chunk_where_there_is_one),
         cmocka_unit_test(trailers__of_a_response__are_these_bytes),
         cmocka_unit_test(trailers__that_nobody_announced__come_all_the_same),
         cmocka_unit_test(trailers__that_were_announced_and_do_not_come__leave_a_plain_end),
         cmocka_unit_test(trailers__of_an_empty_body__have_a_last_chunk_to_follow),
         cmocka_unit_test(trailers__behind_a_body_of_another_length__do_not_come),
         cmocka_unit_test(trailers__to_a_slow_client__come_whole),
         cmocka_unit_test(trailers__that_are_large__come_whole_or_break_off));
