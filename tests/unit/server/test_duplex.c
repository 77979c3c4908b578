/*
 * Answers that go out while content comes in: nobody waits for who waits for him.
 */
#include "support.h"

#include <errno.h>
#include <stdlib.h>

#include "test_checks.h"

#define POST(path, length) "POST " path " HTTP/1.1\r\nHost: a\r\nContent-Length: " length "\r\n\r\n"
#define CHUNKED(path)      "POST " path " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
#define NEXT               "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
#define PART               1000
#define PARTS              30
#define ROOM               300 /* for the head of an answer, and not much of its content */
#define WRITE_MS           4000
#define BODY_MS            2000

/* Answers with its content as it comes; past `max` bytes that are not sent it reads no more. */
static struct echo {
    struct wr_body base;
    struct wr_exchange *x;
    char content[PARTS * PART];
    size_t received, sent, max;
    bool is_ended, is_full;
    unsigned inputs, closed;
} echo;

static void take(struct wr_exchange *x)
{
    ssize_t n;

    do {
        echo.is_full = echo.received - echo.sent >= echo.max;
        if (echo.is_full)
            return;
        n = wr_exchange_read(x, echo.content + echo.received,
                             sizeof echo.content - echo.received + 1);
        if (n > 0)
            echo.received += (size_t)n;
    } while (n > 0);
    echo.is_ended = n != -EAGAIN;
}

static void on_input(struct wr_exchange *x)
{
    echo.inputs++;
    take(x);
    wr_exchange_body_ready(x);
}

static int peek(struct wr_body *b, struct wr_piece *out, int max)
{
    (void)b;
    (void)max;
    if (echo.sent == echo.received)
        return echo.is_ended ? 0 : -EAGAIN;
    *out = (struct wr_piece){
        .mem = echo.content + echo.sent, .fd = -1, .len = echo.received - echo.sent};
    return 1;
}

static void advance(struct wr_body *b, size_t n)
{
    (void)b;
    echo.sent += n;
    if (echo.is_full)
        take(echo.x);
}

static void close_body(struct wr_body *b)
{
    (void)b;
    echo.closed++;
}

static const struct wr_body_ops body_ops = {peek, advance, close_body};

static void serve_echo(struct test_handler *h, struct wr_exchange *x)
{
    if (wr_slice_eq(x->request.path, WR_SLICE("/next"))) {
        test_serve_hello(h, x);
        return;
    }
    echo.x = x;
    x->response.status = 200;
    wr_exchange_add_field(x, WR_SLICE("Content-Type"), WR_SLICE("text/plain"));
    wr_exchange_set_body(x, &echo.base, -1);
    wr_exchange_respond(x);
    x->on_input = on_input;
    take(x);
}

static void open_both(struct test_server *s, struct test_client *c, size_t max)
{
    echo = (struct echo){.base = {&body_ops}, .max = max};
    test_server_init(s);
    s->site.config.write_idle_ms = WRITE_MS;
    s->site.config.body_idle_ms = BODY_MS;
    s->site.config.body_rate_min = s->site.config.write_rate_min = 10;
    s->handler.serve = serve_echo;
    test_client_open(s, c);
}

static struct wr_slice part_of(int i)
{
    static char part[PART];

    memset(part, 'a' + i % 26, sizeof part);
    return wr_slice(part, sizeof part);
}

static void send_part(struct test_client *c, int i, bool is_chunked)
{
    if (is_chunked)
        fake_transport_arrive(&c->transport, WR_SLICE("3e8\r\n"));
    fake_transport_arrive(&c->transport, part_of(i));
    if (is_chunked)
        fake_transport_arrive(&c->transport, WR_SLICE("\r\n"));
    test_client_event(c, EPOLLIN);
}

static void check_echoed(const struct test_client *c)
{
    struct test_responses r;

    test_client_responses(c, "", &r);
    assert_null(r.error);
    assert_int_equal(r.n, 2);
    assert_false(r.v[0].says_close);
    assert_int_equal(r.v[0].content_n, PARTS * PART);
    for (int i = 0; i < PARTS; i++)
        assert_memory_equal(r.v[0].content + (size_t)i * PART, part_of(i).p, PART);
    assert_string_equal(r.v[1].content, "/next");
    test_responses_free(&r);
}

/* ---- a client that reads only when it has sent all ---- */

static void duplex__client_that_sends_first__is_read_to_the_end(void **state)
{
    (void)state;
    for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
        struct test_server s;
        struct test_client c;

        open_both(&s, &c, SIZE_MAX);
        c.transport.room = ROOM;
        test_client_send(&c, is_chunked ? CHUNKED("/") : POST("/", "30000"));
        for (int i = 0; i < PARTS; i++) {
            send_part(&c, i, is_chunked);
            assert_int_equal(echo.received, (size_t)(i + 1) * PART);
        }
        if (is_chunked)
            test_client_send(&c, "0\r\n\r\n");
        assert_int_equal(c.transport.out_n, ROOM);
        test_client_send(&c, NEXT);
        test_client_take(&c, FAKE_NO_LIMIT, 10);
        check_echoed(&c);
        assert_int_equal(echo.closed, 1);
        close_both(&s, &c);
    }
}

/* One try a turn tells that the client takes nothing; what it has not been told of is no news. */
static void duplex__blocked_output__is_tried_once_a_turn(void **state)
{
    struct test_server s;
    struct test_client c;
    unsigned writes, inputs;

    (void)state;
    open_both(&s, &c, SIZE_MAX);
    c.transport.room = ROOM;
    test_client_send(&c, POST("/", "30000"));
    send_part(&c, 0, false);
    writes = c.transport.writes;
    inputs = echo.inputs;
    for (int i = 1; i < PARTS; i++)
        send_part(&c, i, false);
    assert_int_equal(echo.inputs - inputs, PARTS - 1);
    assert_true(c.transport.writes - writes <= PARTS - 1);
    writes = c.transport.writes;
    for (int i = 0; i < 10; i++)
        test_server_step(&s);
    assert_int_equal(c.transport.writes, writes); /* it waits for the client alone */
    close_both(&s, &c);
}

/* It reads no more than it may keep; then the client has to take something first. */
static void duplex__handler_with_enough__stops_until_some_is_taken(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, (size_t)2 * PART);
    c.transport.room = ROOM;
    test_client_send(&c, POST("/", "30000"));
    for (int i = 0; i < PARTS; i++)
        send_part(&c, i, false);
    assert_in_range(echo.received, 2 * PART, PARTS * PART - 1);
    test_client_send(&c, NEXT);
    test_client_take(&c, 500, 1000);
    check_echoed(&c);
    close_both(&s, &c);
}

/* A 100 that finds no room holds nobody up who sends without it (RFC 9110 10.1.1). */
static void duplex__content_behind_a_100_that_is_not_taken__is_read(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, SIZE_MAX);
    s.handler.serve = test_serve_echo;
    c.transport.room = 0;
    test_client_send(&c, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                         "Content-Length: 5\r\n\r\n");
    test_client_send(&c, "hello");
    assert_int_equal(s.handler.inputs, 1);
    assert_int_equal(s.handler.content_n, 5);
    test_client_take(&c, FAKE_NO_LIMIT, 10);
    assert_memory_equal(c.transport.out, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", 42);
    close_both(&s, &c);
}

static void duplex__reset_of_a_blocked_client__closes_the_body_once(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, SIZE_MAX);
    c.transport.room = ROOM;
    test_client_send(&c, POST("/", "30000"));
    send_part(&c, 0, false);
    test_client_reset(&c);
    assert_true(c.transport.is_closed);
    assert_int_equal(echo.closed, 1);
    close_both(&s, &c);
}

/* ---- who is waited for ---- */

/* Ten bytes a second are the rate of content: who sends them need not take anything for a while. */
static void deadline__client_that_sends_and_takes_nothing__is_in_time(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, SIZE_MAX);
    c.transport.room = ROOM;
    test_client_send(&c, POST("/", "30000"));
    send_part(&c, 0, false);
    for (int ms = 0; ms < 10 * WRITE_MS; ms += 500) {
        test_server_advance_ms(&s, 500);
        assert_false(c.transport.is_closed);
        test_client_send(&c, "12345");
    }
    test_server_advance_ms(&s, WRITE_MS - 100);
    assert_false(c.transport.is_closed);
    for (int i = 0; i < 5; i++) /* it is looked at four times in that time */
        test_server_advance_ms(&s, WRITE_MS / 4);
    assert_true(c.transport.is_closed);
    assert_int_equal(echo.closed, 1);
    close_both(&s, &c);
}

/* A byte a second is worth a tenth of that: of 4 s no more than 4.5 come. */
static void deadline__client_that_trickles_and_takes_nothing__is_late(void **state)
{
    struct test_server s;
    struct test_client c;
    int ms = 0;

    (void)state;
    open_both(&s, &c, SIZE_MAX);
    c.transport.room = ROOM;
    test_client_send(&c, POST("/", "30000"));
    send_part(&c, 0, false);
    for (; ms < 10 * WRITE_MS && !c.transport.is_closed; ms += 1000) {
        test_server_advance_ms(&s, 1000);
        if (!c.transport.is_closed)
            test_client_send(&c, "x");
    }
    assert_in_range(ms, WRITE_MS, WRITE_MS + 1000);
    close_both(&s, &c);
}

/* ---- what is said of the connection ---- */

/* It has begun to read, and reads on behind the head: more than would be dropped is no reason to close. */
static void persistence__content_that_is_read_behind_the_head__keeps_it(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c, SIZE_MAX);
    s.site.config.discard_bytes_max = 10;
    test_client_send(&c, POST("/", "30000"));
    for (int i = 0; i < PARTS; i++)
        send_part(&c, i, false);
    test_client_send(&c, NEXT);
    check_echoed(&c);
    close_both(&s, &c);
}

static void serve_after_three(struct test_handler *h, struct wr_exchange *x)
{
    char three[3];

    assert_int_equal(wr_exchange_read(x, three, sizeof three), 3);
    test_serve_hello(h, x);
}

/* RFC 9112 9.6 would have it said; but it shows only behind the head that nobody reads on. */
static void persistence__content_that_is_left_behind_the_head__ends_it(void **state)
{
    static const struct {
        const char *input, *expected;
        test_serve_fn *serve;
    } rows[] = {
        {POST("/a", "13") "abcdefghijklm" NEXT, "200 /a|200 /next", serve_after_three},
        {POST("/a", "14") "abcdefghijklmn" NEXT, "200 /a|END", serve_after_three},
        {POST("/a", "10") "abcdefghij" NEXT, "200 /a|200 /next", test_serve_hello},
        {POST("/a", "11") "abcdefghijk" NEXT, "200! /a|END", test_serve_hello},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct test_server s;
        struct test_client c;
        const char *next = strstr(rows[i].input, NEXT);

        open_both(&s, &c, SIZE_MAX);
        s.site.config.discard_bytes_max = 10;
        s.handler.serve = rows[i].serve;
        test_client_send_slice(&c, wr_slice(rows[i].input, (size_t)(next - rows[i].input)));
        s.handler.serve = test_serve_hello;
        test_client_send(&c, NEXT);
        check_description(&c, rows[i].expected);
        close_both(&s, &c);
    }
}

WR_TESTS(cmocka_unit_test(duplex__client_that_sends_first__is_read_to_the_end),
         cmocka_unit_test(duplex__blocked_output__is_tried_once_a_turn),
         cmocka_unit_test(duplex__handler_with_enough__stops_until_some_is_taken),
         cmocka_unit_test(duplex__content_behind_a_100_that_is_not_taken__is_read),
         cmocka_unit_test(duplex__reset_of_a_blocked_client__closes_the_body_once),
         cmocka_unit_test(deadline__client_that_sends_and_takes_nothing__is_in_time),
         cmocka_unit_test(deadline__client_that_trickles_and_takes_nothing__is_late),
         cmocka_unit_test(persistence__content_that_is_read_behind_the_head__keeps_it),
         cmocka_unit_test(persistence__content_that_is_left_behind_the_head__ends_it));
