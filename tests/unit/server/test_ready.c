#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "test_checks.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define CONTENT   "content"
#define LINE      "X-Own: 1\r\n"
#define DATE(s)   "Date: Thu, 01 Jan 1970 00:00:0" s " GMT\r\n"
#define OK(s)                                                                                      \
    "HTTP/1.1 200 OK\r\n" DATE(s) "Server: Weir\r\n" LINE "Content-Length: 7\r\n\r\n" CONTENT
#define NOTHING(s)  "HTTP/1.1 304 Not Modified\r\n" DATE(s) "Server: Weir\r\n" LINE "\r\n"
#define SECOND_NS   1000000000LL
#define SMALL_PIECE 10

/* A block whose answer lies ready, and what the handler makes of it. */
struct answer {
    char memory[256];
    struct wr_response_field field;
    struct wr_field_block block;
    struct wr_ready_answer ready;
    enum { AS_IT_IS, MORE_FIELDS, PART, OTHER_STATUS, OWN_REASON, WITH_TRAILERS } change;
};

static void init_answer(struct answer *a, int status, struct wr_slice content)
{
    struct wr_buf b = wr_buf_on(a->memory, sizeof a->memory);

    *a = (struct answer){.field = {WR_SLICE("X-Own"), WR_SLICE("1")}};
    wr_ready_start(&b, status);
    a->block = (struct wr_field_block){
        .fields = &a->field, .lines = {b.p + b.n, strlen(LINE)}, .n = 1, .ready = &a->ready};
    WR_BUF_LITERAL(&b, LINE);
    wr_ready_end(&b, status, content.n);
    assert_int_equal(b.n, wr_ready_around(status, content.n) + strlen(LINE));
    a->ready = wr_ready_answer(status, a->memory, wr_slice(a->memory + b.n, content.n));
    wr_buf_slice_append(&b, content);
    assert_int_equal(b.n, a->ready.n);
}

static void serve_answer(struct test_handler *h, struct wr_exchange *x)
{
    struct answer *a = h->arg;
    struct wr_slice content = a->ready.content;

    x->response.status = a->ready.status;
    x->response.block = &a->block;
    if (a->change == MORE_FIELDS)
        wr_exchange_add_field(x, WR_SLICE("X-More"), WR_SLICE("2"));
    if (a->change == PART)
        content.n--;
    if (a->change == OTHER_STATUS)
        x->response.status = 203;
    if (a->change == OWN_REASON)
        x->response.reason = WR_SLICE("Fine");
    x->response.may_have_trailers = a->change == WITH_TRAILERS;
    wr_exchange_set_content(x, content, NULL);
    wr_exchange_respond(x);
}

static void open_ready(struct test_server *s, struct test_client *c, struct answer *a)
{
    init_answer(a, 200, WR_SLICE(CONTENT));
    test_server_init(s);
    s->handler.serve = serve_answer;
    s->handler.arg = a;
    s->time.wall_ns = 0;
    test_client_open(s, c);
}

static void move_wall(struct test_server *s, int64_t ns)
{
    s->time.wall_ns += ns;
    test_server_step(s);
}

static void check_output(const struct test_client *c, const char *expected)
{
    struct wr_slice out = fake_transport_output(&c->transport);

    assert_int_equal(out.n, strlen(expected));
    assert_memory_equal(out.p, expected, out.n);
}

static void ready__answer__is_sent_from_where_it_lies_with_the_date_of_now(void **state)
{
    struct test_server s;
    struct test_client c;
    struct answer a;

    (void)state;
    open_ready(&s, &c, &a);
    test_client_send(&c, GET("/"));
    check_output(&c, OK("0"));
    move_wall(&s, 2 * SECOND_NS);
    test_client_send(&c, GET("/"));
    check_output(&c, OK("0") OK("2"));
    move_wall(&s, -SECOND_NS);
    test_client_send(&c, GET("/"));
    check_output(&c, OK("0") OK("2") OK("1"));
    assert_int_equal(c.transport.writes, 3);
    assert_memory_equal(a.memory, OK("1"), strlen(OK("1")));
    assert_int_equal(s.worker.metrics.count[WR_METRIC_CONTENT_SENT], 3 * strlen(CONTENT));
    close_both(&s, &c);
}

static void ready__304__has_no_length(void **state)
{
    struct test_server s;
    struct test_client c;
    struct answer a;

    (void)state;
    open_ready(&s, &c, &a);
    init_answer(&a, 304, WR_SLICE(""));
    test_client_send(&c, GET("/"));
    move_wall(&s, SECOND_NS);
    test_client_send(&c, GET("/"));
    check_output(&c, NOTHING("0") NOTHING("1"));
    close_both(&s, &c);
}

/* What had been counted when the transport was given the answer. */
static struct {
    const struct wr_metrics *metrics;
    ssize_t (*write)(struct wr_transport *t, const void *p, size_t n, bool more);
    uint64_t answered, sent;
} seen;

static ssize_t see_and_write(struct wr_transport *t, const void *p, size_t n, bool more)
{
    seen.answered = seen.metrics->answered[WR_METHOD_GET][1];
    seen.sent = seen.metrics->count[WR_METRIC_CONTENT_SENT];
    return seen.write(t, p, n, more);
}

/* Whoever has it may ask at once, on another loop. */
static void ready__answer__is_counted_before_it_is_sent_and_once(void **state)
{
    struct test_server s;
    struct test_client c;
    struct answer a;

    (void)state;
    open_ready(&s, &c, &a);
    seen.metrics = &s.worker.metrics;
    seen.write = c.transport.ops.write;
    c.transport.ops.write = see_and_write;
    for (uint64_t i = 1; i <= 2; i++) {
        test_client_send(&c, GET("/"));
        assert_int_equal(seen.answered, i);
        assert_int_equal(seen.sent, i * strlen(CONTENT));
        assert_int_equal(s.worker.metrics.answered[WR_METHOD_GET][1], i);
    }
    close_both(&s, &c);
}

/* With what is in front of it, and behind it: also with a request that has not come as a whole. */
static void ready__pipelined_answers__leave_in_one_write(void **state)
{
    struct test_server s;
    struct test_client c;
    struct answer a;

    (void)state;
    open_ready(&s, &c, &a);
    test_client_send(&c, GET("/") GET("/") GET("/"));
    assert_int_equal(c.transport.writes, 1);
    test_client_send(&c, GET("/") "GET /");
    assert_int_equal(c.transport.writes, 2);
    test_client_send(&c, " HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(c.transport.writes, 3);
    check_output(&c, OK("0") OK("0") OK("0") OK("0") OK("0"));
    close_both(&s, &c);
}

static void ready__behind_one_that_is_not__keeps_the_order(void **state)
{
    struct test_server s;
    struct test_client c;
    struct answer a;

    (void)state;
    open_ready(&s, &c, &a);
    test_client_send(&c, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" GET("/"));
    test_client_send(&c, GET("/") "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(c.transport.writes, 2);
    assert_int_equal(fake_transport_output(&c.transport).n,
                     4 * strlen(OK("0")) - 2 * strlen(CONTENT));
    close_both(&s, &c);
}

/* What the transport leaves goes by memory of its own: the answer may be written into meanwhile. */
static void ready__taken_in_part__is_sent_as_it_was(void **state)
{
    struct test_server s;
    struct test_client c;
    struct answer a;

    (void)state;
    for (size_t room = 0; room < strlen(OK("0")); room++) {
        open_ready(&s, &c, &a);
        c.transport.room = room;
        test_client_send(&c, GET("/"));
        assert_int_equal(fake_transport_output(&c.transport).n, room);
        memset(a.memory, 'x', sizeof a.memory);
        test_client_take(&c, SMALL_PIECE, 50);
        check_output(&c, OK("0"));
        close_both(&s, &c);
    }
}

static void ready__transport_that_takes_little_a_call__gets_all_of_it(void **state)
{
    struct test_server s;
    struct test_client c;
    struct answer a;

    (void)state;
    open_ready(&s, &c, &a);
    c.transport.write_max = SMALL_PIECE;
    test_client_send(&c, GET("/"));
    check_output(&c, OK("0"));
    test_client_send(&c, GET("/"));
    check_output(&c, OK("0") OK("0"));
    close_both(&s, &c);
}

static void ready__transport_that_fails__ends_the_connection(void **state)
{
    struct test_server s;
    struct test_client c;
    struct answer a;

    (void)state;
    for (size_t at = 0; at < 2; at++) {
        open_ready(&s, &c, &a);
        c.transport.fail_at = at * SMALL_PIECE;
        c.transport.write_error = -EPIPE;
        c.transport.write_max = SMALL_PIECE;
        test_client_send(&c, GET("/"));
        assert_true(c.transport.is_closed);
        close_both(&s, &c);
    }
}

/* Whatever else is said of an answer is sent. */
static void ready__answer_that_was_changed__is_another(void **state)
{
#define START "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nServer: Weir\r\n" LINE
    static const struct {
        const char *request, *expected;
        int change;
    } rows[] = {
        {GET("/"), "HTTP/1.1 200 OK\r\n" START "X-More: 2\r\nContent-Length: 7\r\n\r\n" CONTENT,
         MORE_FIELDS},
        {GET("/"), "HTTP/1.1 200 OK\r\n" START "Content-Length: 6\r\n\r\nconten", PART},
        {GET("/"),
         "HTTP/1.1 203 Non-Authoritative Information\r\n" START "Content-Length: 7\r\n\r\n" CONTENT,
         OTHER_STATUS},
        {GET("/"), "HTTP/1.1 200 Fine\r\n" START "Content-Length: 7\r\n\r\n" CONTENT, OWN_REASON},
        {"GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n",
         "HTTP/1.1 200 OK\r\n" START "Transfer-Encoding: chunked\r\n\r\n7\r\n" CONTENT
         "\r\n0\r\n\r\n",
         WITH_TRAILERS},
        {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
         "HTTP/1.1 200 OK\r\n" START "Content-Length: 7\r\n\r\n", AS_IT_IS},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
         "HTTP/1.1 200 OK\r\n" START "Content-Length: 7\r\nConnection: keep-alive\r\n\r\n" CONTENT,
         AS_IT_IS},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
         "HTTP/1.1 200 OK\r\n" START "Content-Length: 7\r\nConnection: close\r\n\r\n" CONTENT,
         AS_IT_IS},
    };
#undef START
    struct test_server s;
    struct test_client c;
    struct answer a;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        open_ready(&s, &c, &a);
        a.change = rows[i].change;
        test_client_send(&c, rows[i].request);
        check_output(&c, rows[i].expected);
        close_both(&s, &c);
    }
}

/* ---- a block of which no answer lies ready ---- */

#define LENGTH_MAX 70

struct lengths {
    struct wr_response_field field;
    struct wr_field_block block;
    struct wr_slice content;
};

static void serve_lengths(struct test_handler *h, struct wr_exchange *x)
{
    struct lengths *l = h->arg;

    x->response.status = 200;
    x->response.block = &l->block;
    wr_exchange_set_content(x, l->content, NULL);
    wr_exchange_respond(x);
}

/* Lines and content have memory of their own, of just their size: nothing beside them may be read. */
static void check_lengths(struct test_server *s, size_t value_n, size_t content_n)
{
    static const char pattern[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-+abcdefgh";
    char text[512], *lines = malloc(value_n + 5), *content = malloc(content_n + 1);
    struct lengths l = {.field = {WR_SLICE("X"), {pattern, value_n}}};
    struct test_client c;
    int n;

    n = snprintf(text, sizeof text, "X: %.*s\r\n", (int)value_n, pattern);
    assert_int_equal(n, value_n + 5);
    memcpy(lines, text, value_n + 5);
    memcpy(content, pattern + 1, content_n);
    content = realloc(content, content_n > 0 ? content_n : 1);
    l.block = (struct wr_field_block){.fields = &l.field, .lines = {lines, value_n + 5}, .n = 1};
    l.content = wr_slice(content, content_n);
    s->handler.arg = &l;
    test_client_open(s, &c);
    test_client_send(&c, GET("/"));
    snprintf(text, sizeof text,
             "HTTP/1.1 200 OK\r\n" DATE(
                 "0") "Server: Weir\r\nX: %.*s\r\nContent-Length: %zu\r\n\r\n%.*s",
             (int)value_n, pattern, content_n, (int)content_n, pattern + 1);
    check_output(&c, text);
    test_client_fini(&c);
    free(lines);
    free(content);
}

static void block__lines_and_content_of_every_length__are_whole(void **state)
{
    struct test_server s;

    (void)state;
    test_server_init(&s);
    s.handler.serve = serve_lengths;
    s.time.wall_ns = 0;
    for (size_t n = 0; n <= LENGTH_MAX; n++) {
        check_lengths(&s, n, 3);
        check_lengths(&s, 3, n);
    }
    test_server_fini(&s);
}

WR_TESTS(cmocka_unit_test(ready__answer__is_sent_from_where_it_lies_with_the_date_of_now),
         cmocka_unit_test(ready__answer__is_counted_before_it_is_sent_and_once),
         cmocka_unit_test(ready__304__has_no_length),
         cmocka_unit_test(ready__pipelined_answers__leave_in_one_write),
         cmocka_unit_test(ready__behind_one_that_is_not__keeps_the_order),
         cmocka_unit_test(ready__taken_in_part__is_sent_as_it_was),
         cmocka_unit_test(ready__transport_that_takes_little_a_call__gets_all_of_it),
         cmocka_unit_test(ready__transport_that_fails__ends_the_connection),
         cmocka_unit_test(ready__answer_that_was_changed__is_another),
         cmocka_unit_test(block__lines_and_content_of_every_length__are_whole));
