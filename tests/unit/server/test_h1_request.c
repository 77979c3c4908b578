#include "support.h"

#include <errno.h>
#include <stdlib.h>

#include "feed.h"
#include "test_checks.h"

#define NEXT "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"

/* What a client sends, and what it gets: see test_client_describe(). */
struct exchange_case {
    const char *input;
    const char *expected;
    const char *methods;  /* NULL: no HEAD */
    test_serve_fn *serve; /* NULL: test_serve_hello */
    size_t read_max;
    bool has_small_limits;
};

#define CASE(text, answer, ...)                                                                    \
    {                                                                                              \
        .input = text, .expected = answer, __VA_ARGS__                                             \
    }

static void configure(struct test_server *s, const struct exchange_case *e)
{
    if (e->serve)
        s->handler.serve = e->serve;
    s->handler.read_max = e->read_max;
    if (!e->has_small_limits)
        return;
    s->site.config.head_bytes_max = 256;
    s->site.config.target_bytes_max = 64;
    s->site.config.field_bytes_max = 128;
    s->site.config.fields_max = 8;
    s->site.config.body_bytes_max = 100;
    s->site.config.discard_bytes_max = 16;
}

static void go_on(struct test_server *s, struct test_client *c, bool is_slow)
{
    if (is_slow)
        test_client_take(c, 1, 1U << 20);
    while (s->handler.held && s->handler.read_result != -EAGAIN) {
        test_handler_read(&s->handler);
        if (is_slow)
            test_client_take(c, 1, 1U << 20);
    }
}

static void run_fed(struct wr_feed *feed, const struct exchange_case *e, bool is_slow)
{
    char got[TEST_DESCRIPTION_MAX];
    struct test_server s;
    struct test_client c;
    struct wr_slice part;

    test_server_init(&s);
    configure(&s, e);
    test_client_open(&s, &c);
    if (is_slow)
        c.transport.room = 1;
    while (wr_feed_next(feed, &part)) {
        test_client_send_slice(&c, part);
        go_on(&s, &c, is_slow);
    }
    test_client_describe(&c, e->methods ? e->methods : "", got);
    if (strcmp(got, e->expected) != 0)
        fail_msg("%s, %s, output %s:\ngot      %s\nexpected %s", e->input, wr_feed_name(feed),
                 is_slow ? "1 byte a time" : "free", got, e->expected);
    test_client_fini(&c);
    test_server_fini(&s);
}

static void run_case(struct wr_feed *feed, void *arg)
{
    const struct exchange_case *e = arg;
    struct wr_feed again = *feed;

    run_fed(feed, e, false);
    if (feed->split == 0) /* each offset would take minutes, and is the reader's matter */
        run_fed(&again, e, true);
}

static void run_table(struct exchange_case *table, size_t n)
{
    for (size_t i = 0; i < n; i++)
        wr_feed_all(wr_slice_of(table[i].input), run_case, &table[i]);
}

/* ---- persistence: RFC 9112 9.3 ---- */

static void h1__persistence__follows_version_and_connection(void **state)
{
    static struct exchange_case table[] = {
        CASE("GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "200 /a"),
        CASE("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "200! /a|END"),
        CASE("GET /a HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: y, Close\r\n\r\n" NEXT,
             "200! /a|END"),
        CASE("GET /a HTTP/1.0\r\n\r\n", "200! /a|END"),
        CASE("GET /a HTTP/1.0\r\n\r\n" NEXT, "200! /a|END"),
        CASE("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" NEXT, "200+ /a|200 /next"),
        CASE("GET /a HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "200! /a|END"),
        CASE("GET /a HTTP/1.9\r\nHost: a\r\n\r\n" NEXT, "200 /a|200 /next"),
    };

    (void)state;
    run_table(table, WR_COUNT(table));
}

static void h1__requests__are_answered_in_their_order(void **state)
{
    static struct exchange_case table[] = {
        CASE("GET /a HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "200 /a|200 /next"),
        CASE("\r\n\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n\r\n" NEXT, "200 /a|200 /next"),
        CASE("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "200|200 /next", .methods = "HG"),
        CASE("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "204|200 /next"),
        CASE("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n" NEXT, "501!|END"),
        CASE("GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n", "200 /x"),
        CASE("GET http://b HTTP/1.1\r\nHost: a\r\n\r\n", "200 /"),
        CASE("GET //a/./b/../%63 HTTP/1.1\r\nHost:\r\n\r\n", "200 /a/c"),
        CASE("BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", "200 /pot"),
    };

    (void)state;
    run_table(table, WR_COUNT(table));
}

/* ---- refusals ---- */

#define X62                   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X64                   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X256                  X64 X64 X64 X64
#define REFUSED(text, answer) CASE(text, answer, .has_small_limits = true)
#define BAD(text)             REFUSED(text NEXT, "400!|END")

/* RFC 9112 2.2, 3, 3.2, 5, 5.1, 5.2, 6.1, 6.3; RFC 9110 5.5 */
static void h1__malformed_head__is_400_and_the_last_answer(void **state)
{
    static struct exchange_case table[] = {
        BAD("G@T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        /* A Host that was right before does not vouch for others. */
        CASE("GET /1 HTTP/1.1\r\nHost: a.b\r\n\r\nGET /2 HTTP/1.1\r\nHost: a.b\r\n\r\n"
             "GET /3 HTTP/1.1\r\nHost: a.b/\r\n\r\n" NEXT,
             "200 /1|200 /2|400!|END"),
        CASE("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n" NEXT,
             "200 /1|400!|END"),
        BAD("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        BAD("GET /\r\n\r\n"),
        BAD("GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET /../x HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET / HTTP/1.x\r\nHost: a\r\n\r\n"),
        BAD("GET / http/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET / HTTP/1.1\nHost: a\r\n\r\n"),
        BAD("GET / HTTP/1.1\r\nHost: a\n\r\n"),
        BAD("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n"),
        BAD("GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        BAD("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"),
        BAD("GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
        BAD("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
        BAD("GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n"),
        BAD("GET / HTTP/1.1\r\n\r\n"),
        BAD("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        BAD("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        BAD("GET http://u@b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"),
        BAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n"),
        BAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n"),
        BAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"),
        BAD("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        BAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: "
            "chunked\r\n\r\n"),
        BAD("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"),
        BAD("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n"),
    };

    (void)state;
    run_table(table, WR_COUNT(table));
}

/* RFC 9110 7.4, 15.5.14, 15.5.15, 15.5.18, 15.6.2, 15.6.6; RFC 6585 5; RFC 9112 3, 6.1 */
static void h1__what_is_too_large_or_unknown__has_its_own_status(void **state)
{
    static struct exchange_case table[] = {
        REFUSED("GET /" X64 " HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "414!|END"),
        REFUSED("GET /" X256 X256, "414!|END"),
        REFUSED("GET / HTTP/1.1\r\nHost: a\r\nX: " X256 "\r\n\r\n" NEXT, "431!|END"),
        REFUSED("GET / HTTP/1.1\r\nHost: a\r\n" X256 ": a\r\n\r\n" NEXT, "431!|END"),
        REFUSED("GET / HTTP/1.1\r\nHost: a\r\nX:" X64 X64 "\r\n\r\n" NEXT, "431!|END"),
        REFUSED("GET / HTTP/1.1\r\nHost: a\r\nX: " X64 X64, "431!|END"),
        REFUSED("GET / HTTP/1.1\r\nHost: "
                "a\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\n\r\n" NEXT,
                "431!|END"),
        REFUSED(X256 " / HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "501!|END"),
        REFUSED("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" NEXT,
                "501!|END"),
        REFUSED("GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "421!|END"),
        REFUSED("OPTIONS HTTPS://a:443 HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "421!|END"),
        REFUSED("GET / HTTP/2.0\r\nHost: a\r\n\r\n" NEXT, "505!|END"),
        REFUSED("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505!|END"),
        REFUSED("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n" NEXT, "413!|END"),
        REFUSED("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n" NEXT,
                "413!|END"),
        REFUSED("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: miracle\r\n\r\n" NEXT,
                "417!|END"),
    };

    (void)state;
    run_table(table, WR_COUNT(table));
}

static void h1__limits__are_the_largest_that_is_taken(void **state)
{
    /* 64 bytes of target, 128 of a field line; 8 fields; 100 bytes of content, of which 84 are above
     * the discard bound */
    static struct exchange_case table[] = {
        REFUSED("GET /xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx HTTP/1.1\r\n"
                "Host: a\r\n\r\n",
                "200 /xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
        REFUSED("GET / HTTP/1.1\r\nHost: a\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\n\r\n" NEXT,
                "200 /|200 /next"),
        REFUSED("GET / HTTP/1.1\r\nHost: a\r\nX:" X62 X64 "\r\n\r\n" NEXT, "200 /|200 /next"),
        REFUSED("GET / HTTP/1.0\r\nContent-Length: 100\r\n\r\n", "200! /|END"),
    };

    (void)state;
    run_table(table, WR_COUNT(table));
}

static void h1__request_behind_a_good_one__is_refused_in_its_turn(void **state)
{
    static struct exchange_case table[] = {
        CASE("GET /a HTTP/1.1\r\nHost: a\r\n\r\nG@T / HTTP/1.1\r\n\r\n" NEXT, "200 /a|400!|END"),
    };

    (void)state;
    run_table(table, WR_COUNT(table));
}

/* ---- content ---- */

#define POST5   "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
#define POST_CH "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
#define CHUNKS  "3\r\nhel\r\n2;x=\"y\"\r\nlo\r\n0\r\nT: v\r\n\r\n"

#define ECHOED(answer, serve_fn, most)                                                             \
    CASE(POST5 "hello" NEXT, answer, .serve = serve_fn, .read_max = most),                         \
        CASE(POST_CH CHUNKS NEXT, answer, .serve = serve_fn, .read_max = most),                    \
        CASE(POST_CH "005\r\nhello\r\n00\r\n\r\n" NEXT, answer, .serve = serve_fn,                 \
             .read_max = most)

static void serve_after_five_bytes(struct test_handler *h, struct wr_exchange *x)
{
    char content[5];
    size_t n = 0;

    while (n < sizeof content)
        n += (size_t)wr_exchange_read(x, content + n, sizeof content - n);
    test_serve_hello(h, x);
}

/* What the handler has read is not among it: here no more than the last chunk, which has nothing. */
static void h1__content_that_is_dropped__is_counted_alone(void **state)
{
    static const char *const contents[] = {CHUNKS, "5\r\nhello\r\n4\r\n1234\r\n0\r\n\r\n",
                                           "5\r\nhello\r\n5\r\n12345\r\n0\r\n\r\n"};
    static const char *const expected[] = {"200 /p|200 /next", "200 /p|200 /next", "200 /p|END"};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(contents); i++) {
        struct test_server s;
        struct test_client c;

        test_server_init(&s);
        s.site.config.discard_bytes_max = 4;
        test_client_open(&s, &c);
        s.handler.serve = serve_after_five_bytes;
        fake_transport_put(&c.transport, wr_slice_of(POST_CH));
        fake_transport_arrive(&c.transport, wr_slice_of(contents[i]));
        test_client_event(&c, EPOLLIN);
        s.handler.serve = test_serve_hello;
        test_client_send(&c, NEXT);
        check_description(&c, expected[i]);
        close_both(&s, &c);
    }
}

static void h1__content__reaches_the_handler_however_it_reads(void **state)
{
    static struct exchange_case table[] = {
        ECHOED("200 hello|200", test_serve_echo, 0),
        ECHOED("200 hello|200", test_serve_echo, 1),
        ECHOED("200 hello|200", test_serve_read_later, 0),
        ECHOED("200 hello|200", test_serve_read_later, 1),
        ECHOED("200 /p|200 /next", test_serve_hello, 0),
        CASE("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" NEXT, "200|200",
             .serve = test_serve_echo),
        CASE(POST_CH "0\r\n\r\n" NEXT, "200|200", .serve = test_serve_echo),
        CASE("POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", "200! hello|END",
             .serve = test_serve_echo),
    };

    (void)state;
    run_table(table, WR_COUNT(table));
}

/* RFC 9112 7.1, 9110 15.5.14: what follows broken content is not a request. */
static void h1__broken_content__is_refused_and_the_last_answer(void **state)
{
#define ECHO_BAD(content, answer)                                                                  \
    CASE(POST_CH content NEXT, answer, .serve = test_serve_echo, .has_small_limits = true)
    static struct exchange_case table[] = {
        ECHO_BAD("x\r\n", "400!|END"),
        ECHO_BAD("\r\n", "400!|END"),
        ECHO_BAD("5\nhello\r\n0\r\n\r\n", "400!|END"),
        ECHO_BAD("5\r\nhelloX0\r\n\r\n", "400!|END"),
        ECHO_BAD("4\r\nhello\r\n0\r\n\r\n", "400!|END"),
        ECHO_BAD("0\r\nT : v\r\n\r\n", "400!|END"),
        ECHO_BAD("1;\x01\r\na\r\n0\r\n\r\n", "400!|END"),
        ECHO_BAD("10000000000000000\r\n", "413!|END"),
        ECHO_BAD("65\r\n" X64 X64, "413!|END"),
    };

    (void)state;
    run_table(table, WR_COUNT(table));
}

/* Content that nobody reads: dropped up to 16 bytes, beyond them the connection ends (9112 9.3). */
static void h1__unread_content__is_dropped_up_to_a_bound(void **state)
{
#define UNREAD(text, answer) REFUSED(text NEXT, answer)
    static struct exchange_case table[] = {
        UNREAD("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 16\r\n\r\n0123456789abcdef",
               "200 /p|200 /next"),
        UNREAD("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 17\r\n\r\n0123456789abcdefg",
               "200! /p|END"),
        UNREAD(POST_CH "10\r\n0123456789abcdef\r\n0\r\n\r\n", "200 /p|200 /next"),
        UNREAD(POST_CH "11\r\n0123456789abcdefg\r\n0\r\n\r\n", "200 /p|END"),
        UNREAD(POST_CH "x\r\n", "200 /p|END"),
        UNREAD("POST /p HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", "200! /p|END"),
    };

    (void)state;
    run_table(table, WR_COUNT(table));
}

static void h1__content_longer_than_its_length__is_the_next_request(void **state)
{
    static struct exchange_case table[] = {
        CASE(POST5 "helloGET /x HTTP/1.1\r\nHost: a\r\n\r\n", "200 /p|200 /x"),
        CASE(POST5 "hello!!@", "200 /p|400!|END"),
    };

    (void)state;
    run_table(table, WR_COUNT(table));
}

static void h1__large_content__passes_whole(void **state)
{
    enum { SIZE = 300000 };
    struct test_server s;
    struct test_client c;
    char *content = malloc(SIZE);
    struct test_responses r;

    (void)state;
    assert_non_null(content);
    for (int i = 0; i < SIZE; i++)
        content[i] = (char)('a' + i % 23);
    test_server_init(&s);
    s.handler.serve = test_serve_echo;
    test_client_open(&s, &c);
    test_client_send(&c, "PUT /p HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n");
    for (int at = 0; at < SIZE; at += 7500)
        test_client_send_slice(&c, wr_slice(content + at, 7500));
    test_client_responses(&c, "", &r);
    assert_null(r.error);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.v[0].content_n, SIZE);
    assert_memory_equal(r.v[0].content, content, SIZE);
    test_responses_free(&r);
    test_client_fini(&c);
    test_server_fini(&s);
    free(content);
}

/* A head above one read buffer is read on in a larger one, from the start. */
static void h1__head_above_a_read_buffer__is_taken(void **state)
{
    enum { VALUE = 20000 };
    static char head[VALUE + 100];
    struct wr_buf b = wr_buf_on(head, sizeof head);
    struct test_server s;
    struct test_client c;
    char got[TEST_DESCRIPTION_MAX];

    (void)state;
    WR_BUF_LITERAL(&b, "GET /first HTTP/1.1\r\nX: ");
    for (int i = 0; i < VALUE; i++)
        wr_buf_char(&b, 'v');
    WR_BUF_LITERAL(&b, "\r\nHost: a\r\n\r\n" NEXT);
    test_server_init(&s);
    s.site.config.field_bytes_max = sizeof head;
    test_client_open(&s, &c);
    test_client_send_slice(&c, wr_slice(head, WR_READ_BUFFER - 1));
    for (size_t at = WR_READ_BUFFER - 1; at < b.n; at++)
        test_client_send_slice(&c, wr_slice(head + at, 1));
    test_client_describe(&c, "", got);
    assert_string_equal(got, "200 /first|200 /next");
    test_client_fini(&c);
    test_server_fini(&s);
}

/* ---- Expect: 100-continue, RFC 9110 10.1.1 ---- */

#define EXPECTING "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"

static void h1__100__is_sent_when_the_handler_reads(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    test_server_init(&s);
    s.handler.serve = test_serve_read_later;
    test_client_open(&s, &c);
    test_client_send(&c, EXPECTING);
    check_description(&c, "");
    test_handler_read(&s.handler);
    check_description(&c, "100");
    test_client_send(&c, "hel");
    check_description(&c, "100");
    test_client_send(&c, "lo");
    check_description(&c, "100|200 hello");
    test_client_send(&c, NEXT);
    test_handler_read(&s.handler);
    check_description(&c, "100|200 hello|200");
    test_client_fini(&c);
    test_server_fini(&s);
}

static void h1__answer_without_100__says_close(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    test_server_init(&s);
    test_client_open(&s, &c);
    test_client_send(&c, EXPECTING);
    check_description(&c, "200! /p|END");
    assert_false(c.transport.is_closed); /* the content may be under way: it lingers */
    test_client_fini(&c);
    test_server_fini(&s);
}

static void h1__100__is_not_owed_once_content_has_come(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    test_server_init(&s);
    s.handler.serve = test_serve_echo;
    test_client_open(&s, &c);
    test_client_send(&c, EXPECTING "he");
    check_description(&c, "");
    test_client_send(&c, "llo");
    check_description(&c, "200 hello");
    test_client_fini(&c);
    test_server_fini(&s);
}

static void h1__100__never_follows_the_answer(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    test_server_init(&s);
    test_client_open(&s, &c);
    test_client_send(&c, EXPECTING "he");
    check_description(&c, "200! /p|END");
    test_client_send(&c, "llo" NEXT);
    check_description(&c, "200! /p|END");
    test_client_fini(&c);
    test_server_fini(&s);
}

/* Whether its content comes with the head, or behind the answer: the outcome is the same. */
static void h1__answer_without_100__closes_however_it_is_sent(void **state)
{
    static struct exchange_case table[] = {
        CASE(EXPECTING "hello" NEXT, "200! /p|END"),
        CASE(EXPECTING, "200! /p|END"),
    };

    (void)state;
    run_table(table, WR_COUNT(table));
}

/* The out buffer is shared: what one connection cannot send must not reach another. */
static void h1__100_that_finds_no_room__stays_on_its_connection(void **state)
{
    struct test_server s;
    struct test_client c, other;

    (void)state;
    test_server_init(&s);
    test_client_open(&s, &c);
    test_client_open(&s, &other);
    c.transport.room = 10;
    test_client_send(&c, NEXT); /* most of its answer waits */
    s.handler.serve = test_serve_read_later;
    c.transport.room = FAKE_NO_LIMIT;
    test_client_send(&c, EXPECTING);
    c.transport.room = 0;
    test_handler_read(&s.handler); /* and the 100 cannot go */
    s.handler.serve = test_serve_hello;
    test_client_send(&other, NEXT);
    check_description(&other, "200 /next");
    test_client_take(&c, 1, 10000);
    check_description(&c, "200 /next|100");
    test_client_send(&c, "hello");
    test_client_take(&c, FAKE_NO_LIMIT, 2);
    check_description(&c, "200 /next|100|200 hello");
    test_client_fini(&other);
    test_client_fini(&c);
    test_server_fini(&s);
}

/* The same with bytes that wait already when the handler reads. */
static void h1__100_behind_bytes_that_wait__keeps_the_order(void **state)
{
    struct test_server s;
    struct test_client c, other;

    (void)state;
    test_server_init(&s);
    s.handler.serve = test_serve_later;
    test_client_open(&s, &c);
    test_client_open(&s, &other);
    test_client_send(&c, "GET /first HTTP/1.1\r\nHost: a\r\n\r\n" EXPECTING);
    c.transport.room = 10;
    s.handler.serve = test_serve_read_later;
    test_handler_answer(&s.handler); /* in the same turn the second request is given out */
    assert_non_null(s.handler.held);
    test_handler_read(&s.handler);
    s.handler.serve = test_serve_hello;
    test_client_send(&other, NEXT);
    check_description(&other, "200 /next");
    test_client_take(&c, 1, 10000);
    check_description(&c, "200 /first|100");
    test_client_send(&c, "hello");
    test_client_take(&c, FAKE_NO_LIMIT, 2);
    check_description(&c, "200 /first|100|200 hello");
    test_client_fini(&other);
    test_client_fini(&c);
    test_server_fini(&s);
}

static void h1__expect_without_content_or_in_1_0__is_ignored(void **state)
{
    static struct exchange_case table[] = {
        CASE("GET /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n" NEXT, "200 /a|200 /next"),
        CASE("POST /a HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nab",
             "200! ab|END", .serve = test_serve_echo),
        CASE("GET /a HTTP/1.0\r\nExpect: miracle\r\n\r\n", "200! /a|END"),
    };

    (void)state;
    run_table(table, WR_COUNT(table));
}

WR_TESTS(cmocka_unit_test(h1__persistence__follows_version_and_connection),
         cmocka_unit_test(h1__requests__are_answered_in_their_order),
         cmocka_unit_test(h1__malformed_head__is_400_and_the_last_answer),
         cmocka_unit_test(h1__what_is_too_large_or_unknown__has_its_own_status),
         cmocka_unit_test(h1__limits__are_the_largest_that_is_taken),
         cmocka_unit_test(h1__request_behind_a_good_one__is_refused_in_its_turn),
         cmocka_unit_test(h1__content_that_is_dropped__is_counted_alone),
         cmocka_unit_test(h1__content__reaches_the_handler_however_it_reads),
         cmocka_unit_test(h1__broken_content__is_refused_and_the_last_answer),
         cmocka_unit_test(h1__unread_content__is_dropped_up_to_a_bound),
         cmocka_unit_test(h1__content_longer_than_its_length__is_the_next_request),
         cmocka_unit_test(h1__large_content__passes_whole),
         cmocka_unit_test(h1__head_above_a_read_buffer__is_taken),
         cmocka_unit_test(h1__100__is_sent_when_the_handler_reads),
         cmocka_unit_test(h1__answer_without_100__says_close),
         cmocka_unit_test(h1__answer_without_100__closes_however_it_is_sent),
         cmocka_unit_test(h1__100__is_not_owed_once_content_has_come),
         cmocka_unit_test(h1__100__never_follows_the_answer),
         cmocka_unit_test(h1__100_that_finds_no_room__stays_on_its_connection),
         cmocka_unit_test(h1__100_behind_bytes_that_wait__keeps_the_order),
         cmocka_unit_test(h1__expect_without_content_or_in_1_0__is_ignored));
