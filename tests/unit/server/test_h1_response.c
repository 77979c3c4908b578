#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "test_checks.h"

#define GET(path)  "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define HEAD(path) "HEAD " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static void open_both(struct test_server *s, struct test_client *c)
{
    test_server_init(s);
    test_client_open(s, c);
}

static void check_methods(const struct test_client *c, const char *methods, const char *expected)
{
    char got[TEST_DESCRIPTION_MAX];

    test_client_describe(c, methods, got);
    assert_string_equal(got, expected);
}

static void set_pieces(struct test_server *s, const struct wr_slice *pieces, size_t n,
                       int64_t length)
{
    s->handler.serve = test_serve_body;
    s->handler.body =
        (struct test_body){.base = s->handler.body.base, .pieces = pieces, .n = n, .x = NULL};
    s->handler.body_length = length;
}

/* ---- calls of the transport ---- */

static void h1__keep_alive_request__costs_one_read_and_one_write(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    for (int i = 0; i < 3; i++) {
        c.transport.reads = c.transport.writes = 0;
        test_client_send(&c, GET("/a"));
        assert_int_equal(c.transport.reads, 1);
        assert_int_equal(c.transport.writes, 1);
    }
    check_description(&c, "200 /a|200 /a|200 /a");
    close_both(&s, &c);
}

static void h1__pipelined_answers__leave_in_one_write(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    c.transport.reads = 0;
    test_client_send(&c, GET("/a") GET("/b") GET("/c") "@");
    check_description(&c, "200 /a|200 /b|200 /c|400!|END");
    assert_int_equal(c.transport.writes, 1);
    close_both(&s, &c);
}

static void h1__write_that_would_block__is_tried_once_an_event(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    c.transport.room = 0;
    test_client_send(&c, GET("/a"));
    c.transport.writes = 0;
    test_client_event(&c, EPOLLOUT);
    assert_int_equal(c.transport.writes, 1);
    close_both(&s, &c);
}

static void h1__thousand_pipelined_requests__are_answered_over_several_turns(void **state)
{
    enum { REQUESTS = 1000 };
    static char input[REQUESTS * sizeof GET("/0")];
    struct wr_buf b = wr_buf_on(input, sizeof input);
    struct test_server s;
    struct test_client c;
    struct test_responses r;
    unsigned served, turns = 0;

    (void)state;
    for (int i = 0; i < REQUESTS; i++)
        wr_buf_printf(&b, GET("/%d"), i % 10);
    assert_false(b.overflow);
    open_both(&s, &c);
    fake_transport_put(&c.transport, wr_buf_slice(&b));
    wr_conn_on_io(c.conn, EPOLLIN);
    do {
        served = s.handler.served;
        test_server_step(&s);
        turns++;
    } while (s.handler.served > served);
    assert_false(fake_transport_has_input(&c.transport));
    assert_true(turns > 2);
    test_client_responses(&c, "", &r);
    assert_null(r.error);
    assert_int_equal(r.n, REQUESTS);
    for (size_t i = 0; i < r.n; i++)
        assert_int_equal(r.v[i].content[1], '0' + (int)(i % 10));
    test_responses_free(&r);
    close_both(&s, &c);
}

/* ---- framing: RFC 9112 6, 9110 6.4.1, 8.6 ---- */

static void h1__head__has_the_fields_of_get_and_no_content(void **state)
{
    struct test_server s;
    struct test_client c;
    struct test_responses r;

    (void)state;
    open_both(&s, &c);
    test_client_send(&c, GET("/abc") HEAD("/abc") GET("/d"));
    test_client_responses(&c, "GHG", &r);
    assert_null(r.error);
    assert_int_equal(r.n, 3);
    assert_int_equal(r.v[0].fields, r.v[1].fields);
    for (size_t i = 0; i < r.v[0].fields; i++) {
        assert_true(wr_slice_eq(r.v[0].names[i], r.v[1].names[i]));
        assert_true(wr_slice_eq(r.v[0].values[i], r.v[1].values[i]));
    }
    assert_int_equal(r.v[1].content_n, 0);
    assert_string_equal(r.v[2].content, "/d");
    test_responses_free(&r);
    close_both(&s, &c);
}

static void h1__own_fields__are_date_and_server(void **state)
{
    struct test_server s;
    struct test_client c;
    struct test_responses r;

    (void)state;
    open_both(&s, &c);
    test_client_send(&c, GET("/a"));
    test_client_responses(&c, "", &r);
    assert_int_equal(r.n, 1);
    assert_true(
        wr_slice_eq(test_field(&r.v[0], "Date"), WR_SLICE("Sun, 06 Nov 1994 08:49:37 GMT")));
    assert_true(wr_slice_eq(test_field(&r.v[0], "Server"), WR_SLICE("Weir")));
    assert_true(wr_slice_eq(test_field(&r.v[0], "Content-Length"), WR_SLICE("2")));
    assert_null(test_field(&r.v[0], "Connection").p);
    test_responses_free(&r);
    test_server_advance_ms(&s, 1000);
    test_client_send(&c, GET("/a"));
    test_client_responses(&c, "", &r);
    assert_int_equal(r.n, 2);
    assert_true(
        wr_slice_eq(test_field(&r.v[1], "Date"), WR_SLICE("Sun, 06 Nov 1994 08:49:38 GMT")));
    test_responses_free(&r);
    close_both(&s, &c);
}

static void h1__204_and_304__have_no_content_and_no_framing(void **state)
{
    static const int statuses[] = {204, 304};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(statuses); i++) {
        struct test_server s;
        struct test_client c;
        struct test_responses r;

        open_both(&s, &c);
        s.handler.status = statuses[i];
        test_client_send(&c, GET("/abc") GET("/abc"));
        test_client_responses(&c, "", &r);
        assert_null(r.error);
        assert_int_equal(r.n, 2);
        assert_int_equal(r.v[0].status, statuses[i]);
        assert_null(test_field(&r.v[0], "Transfer-Encoding").p);
        assert_null(test_field(&r.v[0], "Content-Length").p);
        test_responses_free(&r);
        close_both(&s, &c);
    }
}

static void h1__unknown_length__is_chunked_to_1_1(void **state)
{
    static const struct wr_slice pieces[] = {{"abc", 3}, {"defgh", 5}};
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    set_pieces(&s, pieces, 2, -1);
    test_client_send(&c, GET("/"));
    check_description(&c, "200~ abcdefgh");
    assert_int_equal(s.handler.body.closed, 1);
    assert_int_equal(c.transport.writes, 1);
    s.handler.serve = test_serve_hello;
    s.handler.has_no_length = true;
    test_client_send(&c, HEAD("/x") GET("/y"));
    check_methods(&c, "GHG", "200~ abcdefgh|200|200~ /y");
    close_both(&s, &c);
}

static void h1__unknown_length__ends_with_the_connection_to_1_0(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    s.handler.has_no_length = true;
    test_client_send(&c, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    check_description(&c, "200!$ /a|END");
    close_both(&s, &c);
}

static void h1__head_to_1_0_of_unknown_length__keeps_the_connection(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    s.handler.has_no_length = true;
    test_client_send(&c, "HEAD /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    check_methods(&c, "H", "200+");
    close_both(&s, &c);
}

static void h1__slow_body__goes_out_as_it_comes(void **state)
{
    static const struct wr_slice pieces[] = {{"abc", 3}, {"defgh", 5}};
    static const char *const lengths[] = {"200~ abcdefgh|200~ abcdefgh",
                                          "200 abcdefgh|200 abcdefgh"};

    (void)state;
    for (int known = 0; known < 2; known++) {
        struct test_server s;
        struct test_client c;
        size_t before;

        open_both(&s, &c);
        for (int i = 0; i < 2; i++) {
            set_pieces(&s, pieces, 2, known ? 8 : -1);
            s.handler.body.is_slow = true;
            test_client_send(&c, GET("/"));
            before = c.transport.out_n;
            test_server_advance_ms(&s, 3600000); /* a slow body is not the client's fault */
            assert_false(c.transport.is_closed);
            test_body_go_on(&s.handler);
            assert_true(c.transport.out_n > before);
            test_body_go_on(&s.handler);
            test_body_go_on(&s.handler);
            assert_int_equal(s.handler.body.closed, 1);
        }
        check_description(&c, lengths[known]);
        close_both(&s, &c);
    }
}

static void h1__body_shorter_than_its_length__cuts_the_connection(void **state)
{
    static const struct wr_slice pieces[] = {{"abc", 3}};
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    set_pieces(&s, pieces, 1, 5);
    test_client_send(&c, GET("/a") GET("/b"));
    check_description(&c, "200? abc|END");
    assert_int_equal(s.handler.served, 1);
    assert_int_equal(s.handler.body.closed, 1);
    close_both(&s, &c);
}

static void h1__body_longer_than_its_length__is_cut_to_it(void **state)
{
    static const struct wr_slice pieces[] = {{"abc", 3}, {"defgh", 5}};
    struct test_server s;
    struct test_client c;

    (void)state;
    open_both(&s, &c);
    set_pieces(&s, pieces, 2, 5);
    test_client_send(&c, GET("/"));
    s.handler.serve = test_serve_hello;
    test_client_send(&c, GET("/b"));
    check_description(&c, "200 abcde|200 /b");
    assert_int_equal(s.handler.body.closed, 1);
    close_both(&s, &c);
}

/* RFC 9112 8: the client must see that it is not whole. */
static void h1__body_that_fails__ends_without_a_terminator(void **state)
{
    static const struct wr_slice pieces[] = {{"abc", 3}};
    static const int64_t lengths[] = {-1, 5};
    static const char *const expected[] = {"200~? abc|END", "200? abc|END"};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(lengths); i++) {
        struct test_server s;
        struct test_client c;

        open_both(&s, &c);
        set_pieces(&s, pieces, 1, lengths[i]);
        s.handler.body.end_error = -EIO;
        test_client_send(&c, GET("/a") GET("/b"));
        check_description(&c, expected[i]);
        assert_true(c.transport.is_shut_down);
        assert_int_equal(s.handler.body.closed, 1);
        close_both(&s, &c);
    }
}

/* A client that goes on sending would be answered by a reset, which may cost it what it has not read yet:
 * /a, or what is out of /b. One that has said that it sends no more is not waited for. */
static void h1__body_that_fails__lingers(void **state)
{
    static const struct wr_slice pieces[] = {{"abc", 3}};

    (void)state;
    for (int is_shut_down = 0; is_shut_down < 2; is_shut_down++) {
        struct test_server s;
        struct test_client c;

        open_both(&s, &c);
        test_client_send(&c, GET("/a"));
        set_pieces(&s, pieces, 1, 5);
        s.handler.body.end_error = -EIO;
        if (is_shut_down)
            c.transport.is_eof = true;
        test_client_send(&c, GET("/b"));
        assert_int_equal(c.transport.is_closed, is_shut_down);
        assert_false(c.transport.is_reset);
        if (!is_shut_down) {
            assert_true(c.transport.is_shut_down);
            test_client_send(&c, GET("/c"));
            assert_false(c.transport.is_closed);
            test_client_shut_down(&c);
        }
        assert_true(c.transport.is_closed);
        check_description(&c, "200 /a|200? abc|END");
        assert_int_equal(s.handler.served, 2);
        close_both(&s, &c);
    }
}

/* /b fails before anything of /a has been taken: whoever takes it slowly still gets all of it. */
static void h1__body_that_fails__costs_no_answer_before_it(void **state)
{
    static const struct wr_slice pieces[] = {{"abc", 3}};
    static const int64_t lengths[] = {-1, 5};
    static const char *const expected[] = {"200 /a|200~? abc|END", "200 /a|200? abc|END"};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(lengths); i++) {
        struct test_server s;
        struct test_client c;

        open_both(&s, &c);
        c.transport.room = 0;
        s.handler.serve = test_serve_later;
        test_client_send(&c, GET("/a") GET("/b"));
        set_pieces(&s, pieces, 1, lengths[i]);
        s.handler.body.end_error = -EIO;
        test_handler_answer(&s.handler);
        test_client_take(&c, 1, 1000);
        check_description(&c, expected[i]);
        assert_int_equal(s.handler.body.closed, 1);
        close_both(&s, &c);
    }
}

/* In HTTP/1.0 the end of the connection is the end of the content: only a reset tells. */
static void h1__body_that_ends_with_the_connection__is_reset_when_it_is_cut(void **state)
{
    static const struct wr_slice pieces[] = {{"abc", 3}};
    static const struct {
        const char *request;
        int end_error;
        bool is_slow, is_reset;
    } rows[] = {
        {"GET /a HTTP/1.0\r\n\r\n", -EIO, false, true},
        {"GET /a HTTP/1.0\r\n\r\n", 0, false, false},
        {GET("/a"), -EIO, false, false},            /* in chunks: the last one is missing */
        {"GET /a HTTP/1.0\r\n\r\n", 0, true, true}, /* closed while the body has more */
        {"HEAD /a HTTP/1.0\r\n\r\n", -EIO, true, false},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct test_server s;
        struct test_client c;

        open_both(&s, &c);
        set_pieces(&s, pieces, 1, -1);
        s.handler.body.end_error = rows[i].end_error;
        s.handler.body.is_slow = rows[i].is_slow;
        test_client_send(&c, rows[i].request);
        if (rows[i].is_slow && !c.transport.is_closed)
            wr_conn_close(c.conn);
        if (c.transport.is_reset != rows[i].is_reset)
            fail_msg("row %zu: %sreset", i, c.transport.is_reset ? "" : "not ");
        close_both(&s, &c);
    }
}

/* ---- pieces ---- */

#define EMPTY                                                                                      \
    {                                                                                              \
        "", 0                                                                                      \
    }

static void h1__empty_pieces__are_neither_sent_nor_the_end(void **state)
{
    static const struct {
        struct wr_slice pieces[6];
        size_t n;
        const char *content;
    } rows[] = {
        {{EMPTY, {"abc", 3}}, 2, "abc"},
        {{{"abc", 3}, EMPTY}, 2, "abc"},
        {{{"abc", 3}, EMPTY, {"de", 2}}, 3, "abcde"},
        {{EMPTY, EMPTY, {"abc", 3}, EMPTY, EMPTY, {"de", 2}}, 6, "abcde"},
        {{{"abc", 3}, EMPTY, EMPTY, EMPTY, EMPTY, {"de", 2}}, 6, "abcde"},
        {{EMPTY}, 1, ""},
        {{EMPTY, EMPTY, EMPTY}, 3, ""},
    };

    (void)state;
    for (size_t i = 0; i < 3 * WR_COUNT(rows) * 2; i++) {
        size_t row = i / 6, way = i % 3; /* known length, chunked, until the end */
        bool is_slow = i / 3 % 2 == 1;
        const char *content = rows[row].content, *blank = *content ? " " : "";
        char expected[32];
        struct test_server s;
        struct test_client c;

        open_both(&s, &c);
        set_pieces(&s, rows[row].pieces, rows[row].n, way == 0 ? (int64_t)strlen(content) : -1);
        s.handler.body.is_slow = is_slow;
        test_client_send(&c, way == 2 ? "GET / HTTP/1.0\r\n\r\n" : GET("/"));
        for (size_t k = 0; k <= rows[row].n && is_slow && s.handler.body.closed == 0; k++)
            test_body_go_on(&s.handler);
        assert_int_equal(s.handler.body.closed, 1);
        if (way < 2) {
            s.handler.serve = test_serve_hello;
            test_client_send(&c, GET("/b"));
        }
        snprintf(expected, sizeof expected, "200%s%s%s%s",
                 way == 0   ? ""
                 : way == 1 ? "~"
                            : "!$",
                 blank, content, way < 2 ? "|200 /b" : "|END");
        check_description(&c, expected);
        close_both(&s, &c);
    }
}

/* A body that has nothing but empty pieces until it is told to end. */
static bool is_endless;
static unsigned long peeks, advances;

static int endless_peek(struct wr_body *b, struct wr_piece *out, int max)
{
    (void)b, (void)max;
    *out = (struct wr_piece){.mem = peeks++ % 2 ? "" : NULL, .fd = -1};
    return is_endless ? 1 : 0;
}

static void endless_advance(struct wr_body *b, size_t n)
{
    (void)b;
    assert_int_equal(n, 0);
    advances++;
}

static void endless_close(struct wr_body *b)
{
    (void)b;
}

static void serve_endless(struct test_handler *h, struct wr_exchange *x)
{
    static const struct wr_body_ops ops = {endless_peek, endless_advance, endless_close};
    static struct wr_body body = {&ops};

    x->response.status = 200;
    wr_exchange_set_body(x, &body, h->body_length);
    wr_exchange_respond(x);
}

static void h1__empty_pieces_without_end__leave_others_their_turn(void **state)
{
    static const int64_t lengths[] = {-1, 5};
    static const char *const expected[] = {"200~|200 /b", "200?|END"};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(lengths); i++) {
        struct test_server s;
        struct test_client c, other;
        unsigned long before;

        open_both(&s, &c);
        test_client_open(&s, &other);
        s.handler.serve = serve_endless;
        s.handler.body_length = lengths[i];
        is_endless = true;
        peeks = advances = 0;
        test_client_send(&c, GET("/a") GET("/b")); /* a hang is ended by main.c */
        s.handler.serve = test_serve_hello;
        for (int turn = 0; turn < 5; turn++) {
            before = peeks;
            test_server_step(&s);
            assert_true(peeks > before); /* it is asked again without an event */
            test_client_send(&other, GET("/o"));
        }
        assert_int_equal(advances, peeks);
        check_description(&other, "200 /o|200 /o|200 /o|200 /o|200 /o");
        is_endless = false;
        test_server_step(&s);
        check_description(&c, expected[i]);
        test_client_fini(&other);
        close_both(&s, &c);
    }
}

/* The size of a chunk is out and its content does not come: only the connection's end says so. */
static void h1__body_that_ends_inside_a_chunk__cuts_the_connection(void **state)
{
    enum { SIZE = 40000, ROOM = 1000 };
    static char content[SIZE];

    (void)state;
    memset(content, 'x', sizeof content);
    for (int left = 0; left <= 1500; left += 500) { /* of what was promised; 0: none */
        struct wr_slice pieces[] = {{content, SIZE}};
        struct test_server s;
        struct test_client c;
        struct test_responses r;
        size_t sent;

        open_both(&s, &c);
        set_pieces(&s, pieces, 1, -1);
        c.transport.room = ROOM;
        test_client_send(&c, GET("/a") GET("/b"));
        sent = s.handler.body.offset;
        assert_in_range(sent, 1, ROOM);
        pieces[0].n = sent + (size_t)left;
        s.handler.body.n = left > 0;
        test_client_take(&c, FAKE_NO_LIMIT, 1);
        assert_true(c.transport.is_shut_down);
        assert_int_equal(s.handler.body.closed, 1);
        assert_int_equal(s.handler.served, 1);
        test_client_responses(&c, "", &r);
        assert_null(r.error);
        assert_int_equal(r.n, 1);
        assert_true(r.v[0].is_chunked && r.v[0].is_cut);
        assert_int_equal(r.v[0].content_n, sent + (size_t)left);
        assert_int_equal(c.transport.out[c.transport.out_n - 1], 'x');
        assert_non_null(strstr(s.log_text, "before its length"));
        test_responses_free(&r);
        close_both(&s, &c);
    }
}

/* ---- back-pressure ---- */

static void h1__client_that_never_reads__is_not_read_from_either(void **state)
{
    struct test_server s;
    struct test_client c;
    unsigned served;

    (void)state;
    open_both(&s, &c);
    c.transport.room = 0;
    test_client_send(&c, GET("/a"));
    served = s.handler.served;
    for (int i = 0; i < 1000; i++)
        test_client_send(&c, GET("/b"));
    assert_int_equal(s.handler.served, served);
    assert_true(fake_transport_has_input(&c.transport));
    c.transport.room = FAKE_NO_LIMIT;
    for (int i = 0; i < 50; i++)
        test_client_event(&c, EPOLLOUT);
    assert_int_equal(s.handler.served, 1001);
    close_both(&s, &c);
}

enum { LARGE = 5000000 };

static char *large_content(void)
{
    char *content = malloc(LARGE);

    assert_non_null(content);
    for (int i = 0; i < LARGE; i++)
        content[i] = (char)('a' + i % 23);
    return content;
}

static void check_large(const struct test_client *c, const char *content, size_t n, bool is_chunked)
{
    struct test_responses r;

    test_client_responses(c, "", &r);
    assert_null(r.error);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.v[0].is_chunked, is_chunked);
    assert_false(r.v[0].is_cut);
    assert_int_equal(r.v[0].content_n, n);
    assert_memory_equal(r.v[0].content, content, n);
    test_responses_free(&r);
}

static void h1__large_memory__goes_in_what_pieces_the_client_takes(void **state)
{
    static const size_t rooms[] = {FAKE_NO_LIMIT, 1, 1000, 65537};
    static const size_t sizes[] = {LARGE, 40000, LARGE, LARGE};
    char *content = large_content();

    (void)state;
    for (size_t i = 0; i < 2 * WR_COUNT(rooms); i++) {
        struct test_server s;
        struct test_client c;
        size_t k = i / 2, room = rooms[k];

        open_both(&s, &c);
        s.handler.answer = wr_slice(content, sizes[k]);
        s.handler.has_no_length = i % 2 == 1;
        c.transport.room = room;
        test_client_send(&c, GET("/"));
        for (int turn = 0; turn < 10 && room == FAKE_NO_LIMIT; turn++)
            test_server_step(&s);
        test_client_take(&c, room, 100000);
        check_large(&c, content, sizes[k], i % 2 == 1);
        close_both(&s, &c);
    }
    free(content);
}

static int file_with(const char *content, size_t n)
{
    FILE *f = tmpfile();
    int fd;

    assert_non_null(f);
    assert_int_equal(fwrite(content, 1, n, f), n);
    assert_int_equal(fflush(f), 0);
    fd = dup(fileno(f));
    fclose(f);
    assert_true(fd >= 0);
    return fd;
}

static void close_file(void *arg)
{
    close(*(int *)arg);
    *(int *)arg = -1;
}

static int file_fd;
static int64_t file_length;

static void serve_file(struct test_handler *h, struct wr_exchange *x)
{
    (void)h;
    x->response.status = 200;
    wr_exchange_set_body(x, test_file_body(&x->arena, file_fd, 0, LARGE, close_file, &file_fd),
                         file_length);
    wr_exchange_respond(x);
}

static void h1__file__goes_in_what_pieces_the_client_takes(void **state)
{
    static const size_t rooms[] = {FAKE_NO_LIMIT, 999, 65537};
    char *content = large_content();

    (void)state;
    for (size_t i = 0; i < 4 * WR_COUNT(rooms); i++) {
        struct test_server s;
        struct test_client c;
        size_t room = rooms[i / 4];

        open_both(&s, &c);
        s.handler.serve = serve_file;
        file_length = i % 2 ? -1 : LARGE;
        file_fd = file_with(content, LARGE);
        if (i % 4 >= 2)
            c.transport.ops.sendfile = NULL;
        c.transport.room = room;
        test_client_send(&c, GET("/"));
        for (int turn = 0; turn < 10 && room == FAKE_NO_LIMIT; turn++)
            test_server_step(&s);
        test_client_take(&c, room, 100000);
        check_large(&c, content, LARGE, i % 2 == 1);
        assert_int_equal(file_fd, -1);
        assert_true(c.transport.sendfiles > 0 || i % 4 >= 2);
        close_both(&s, &c);
    }
    free(content);
}

static void h1__file_that_became_shorter__cuts_the_connection(void **state)
{
    char *content = large_content();

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct test_server s;
        struct test_client c;

        open_both(&s, &c);
        s.handler.serve = serve_file;
        file_length = i < 2 ? LARGE : -1;
        file_fd = file_with(content, 3000);
        if (i % 2 == 1)
            c.transport.ops.sendfile = NULL;
        test_client_send(&c, GET("/a") GET("/b"));
        assert_true(c.transport.is_shut_down);
        assert_int_equal(c.transport.out[c.transport.out_n - 1], content[2999]);
        assert_int_equal(file_fd, -1);
        assert_int_equal(s.handler.served, 1);
        close_both(&s, &c);
    }
    free(content);
}

static void check_no_bytes(const struct test_client *c, const char *text)
{
    assert_null(memmem(c->transport.out, c->transport.out_n, text, strlen(text)));
}

static void h1__two_clients__share_the_out_buffer_without_mixing(void **state)
{
    struct test_server s;
    struct test_client c, other;

    (void)state;
    open_both(&s, &c);
    test_client_open(&s, &other);
    for (int i = 0; i < 20; i++) {
        c.transport.room = (size_t)i;
        test_client_send(&c, GET("/mine") GET("/too"));
        test_client_send(&other, GET("/other"));
        test_client_take(&c, FAKE_NO_LIMIT, 3);
        test_client_send(&c, "");
    }
    check_no_bytes(&other, "/mine");
    check_no_bytes(&other, "/too");
    assert_int_equal(s.handler.served, 60);
    test_client_fini(&other);
    close_both(&s, &c);
}

WR_TESTS(cmocka_unit_test(h1__keep_alive_request__costs_one_read_and_one_write),
         cmocka_unit_test(h1__pipelined_answers__leave_in_one_write),
         cmocka_unit_test(h1__write_that_would_block__is_tried_once_an_event),
         cmocka_unit_test(h1__thousand_pipelined_requests__are_answered_over_several_turns),
         cmocka_unit_test(h1__head__has_the_fields_of_get_and_no_content),
         cmocka_unit_test(h1__own_fields__are_date_and_server),
         cmocka_unit_test(h1__204_and_304__have_no_content_and_no_framing),
         cmocka_unit_test(h1__unknown_length__is_chunked_to_1_1),
         cmocka_unit_test(h1__unknown_length__ends_with_the_connection_to_1_0),
         cmocka_unit_test(h1__head_to_1_0_of_unknown_length__keeps_the_connection),
         cmocka_unit_test(h1__slow_body__goes_out_as_it_comes),
         cmocka_unit_test(h1__body_shorter_than_its_length__cuts_the_connection),
         cmocka_unit_test(h1__body_longer_than_its_length__is_cut_to_it),
         cmocka_unit_test(h1__body_that_fails__ends_without_a_terminator),
         cmocka_unit_test(h1__body_that_fails__lingers),
         cmocka_unit_test(h1__body_that_fails__costs_no_answer_before_it),
         cmocka_unit_test(h1__body_that_ends_with_the_connection__is_reset_when_it_is_cut),
         cmocka_unit_test(h1__empty_pieces__are_neither_sent_nor_the_end),
         cmocka_unit_test(h1__empty_pieces_without_end__leave_others_their_turn),
         cmocka_unit_test(h1__body_that_ends_inside_a_chunk__cuts_the_connection),
         cmocka_unit_test(h1__client_that_never_reads__is_not_read_from_either),
         cmocka_unit_test(h1__large_memory__goes_in_what_pieces_the_client_takes),
         cmocka_unit_test(h1__file__goes_in_what_pieces_the_client_takes),
         cmocka_unit_test(h1__file_that_became_shorter__cuts_the_connection),
         cmocka_unit_test(h1__two_clients__share_the_out_buffer_without_mixing));
