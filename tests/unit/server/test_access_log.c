#include "support.h"

#include <jansson.h>
#include <stdlib.h>

#include "test_server.h"

#define HEAD "192.0.2.7 - - [06/Nov/1994:08:49:37 +0000] "

/* What the log says of one request. */
static void check_line(const char *request, const char *expected)
{
    struct test_server s;
    struct test_client c;

    test_server_init(&s);
    test_client_open(&s, &c);
    test_client_send(&c, request);
    if (strcmp(s.access_text, expected) != 0)
        fail_msg("%s\ngot      %s\nexpected %s", request, s.access_text, expected);
    test_client_fini(&c);
    test_server_fini(&s);
}

static void access_log__line__is_in_the_combined_format(void **state)
{
    (void)state;
    check_line("GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n",
               HEAD "\"GET /a?b HTTP/1.1\" 200 2 \"-\" \"-\"\n");
    check_line("GET /abc HTTP/1.0\r\nReferer: http://x/\r\nUser-Agent: y/1 (z)\r\n\r\n",
               HEAD "\"GET /abc HTTP/1.0\" 200 4 \"http://x/\" \"y/1 (z)\"\n");
    check_line("HEAD /abc HTTP/1.1\r\nHost: a\r\n\r\n",
               HEAD "\"HEAD /abc HTTP/1.1\" 200 0 \"-\" \"-\"\n");
    check_line("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
               HEAD "\"OPTIONS * HTTP/1.1\" 204 0 \"-\" \"-\"\n");
}

static void access_log__what_clients_send__cannot_forge_a_line(void **state)
{
    (void)state;
    check_line("GET /\"\\\xc3\xa9 HTTP/1.1\r\nHost: a\r\nUser-Agent: \"\\\t\xff\" x\r\n\r\n",
               HEAD "\"GET /\\x22\\x5c\\xc3\\xa9 HTTP/1.1\" 200 5 \"-\" "
                    "\"\\x22\\x5c\\x09\\xff\\x22 x\"\n");
}

static void access_log__refused_request__has_what_was_read_of_it(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    test_server_init(&s);
    test_client_open(&s, &c);
    test_client_send(&c, "@@@\r\n");
    assert_non_null(strstr(s.access_text, HEAD "\"-\" 400 "));
    test_client_fini(&c);
    test_client_open(&s, &c);
    test_client_send(&c, "GET /x HTTP/1.1\r\nHost : a\r\n\r\n");
    assert_non_null(strstr(s.access_text, HEAD "\"GET /x\" 400 "));
    test_client_fini(&c);
    test_server_fini(&s);
}

static void access_log__refused_request_behind_a_good_one__has_nothing_of_that(void **state)
{
    static const char *const odd[] = {"@@@\r\n", "GET ", "\r\n@@@\r\n"};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(odd); i++) {
        struct test_server s;
        struct test_client c;
        const char *refused;

        test_server_init(&s);
        test_client_open(&s, &c);
        test_client_send(&c, "GET /first HTTP/1.1\r\nHost: a\r\n\r\n");
        test_client_send(&c, odd[i]);
        test_client_send(&c, "@\1\r\n");
        refused = strchr(s.access_text, '\n');
        assert_non_null(refused);
        assert_null(strstr(refused, "first"));
        assert_non_null(strstr(refused, " 400 "));
        test_client_fini(&c);
        test_server_fini(&s);
    }
}

static void access_log__answers_of_one_batch__have_a_line_each_in_order(void **state)
{
    struct test_server s;
    struct test_client c;
    const char *a, *b;

    (void)state;
    test_server_init(&s);
    test_client_open(&s, &c);
    test_client_send(&c, "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    a = strstr(s.access_text, "GET /a ");
    b = strstr(s.access_text, "GET /b ");
    assert_non_null(a);
    assert_non_null(b);
    assert_true(a < b);
    test_client_fini(&c);
    test_server_fini(&s);
}

static void access_log__long_texts__are_cut_and_the_line_is_whole(void **state)
{
    enum { LONG = 7000 };
    struct test_server s;
    struct test_client c;
    char *request = malloc(3 * LONG + 200);
    struct wr_buf b = wr_buf_on(request, 3 * LONG + 200);

    (void)state;
    assert_non_null(request);
    WR_BUF_LITERAL(&b, "GET /");
    for (int i = 0; i < LONG; i++)
        wr_buf_char(&b, '"');
    WR_BUF_LITERAL(&b, " HTTP/1.1\r\nHost: a\r\nReferer: ");
    for (int i = 0; i < LONG; i++)
        wr_buf_char(&b, '"');
    WR_BUF_LITERAL(&b, "\r\nUser-Agent: ");
    for (int i = 0; i < LONG; i++)
        wr_buf_char(&b, '"');
    WR_BUF_LITERAL(&b, "\r\n\r\n");
    assert_false(b.overflow);
    test_server_init(&s);
    test_client_open(&s, &c);
    fake_transport_put(&c.transport, wr_buf_slice(&b));
    for (int i = 0; i < 4; i++)
        test_client_event(&c, EPOLLIN);
    assert_true(s.access_n > 3000 && s.access_n < WR_ACCESS_LINE_MAX);
    assert_int_equal(s.access_text[s.access_n - 1], '\n');
    assert_int_equal(s.access_text[s.access_n - 2], '"');
    assert_non_null(strstr(s.access_text, "\" 200 7001 \""));
    test_client_fini(&c);
    test_server_fini(&s);
    free(request);
}

static void access_log__nobody_was_answered__has_no_line(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    test_server_init(&s);
    s.handler.serve = test_serve_later;
    test_client_open(&s, &c);
    test_client_send(&c, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    test_client_reset(&c);
    test_handler_answer(&s.handler);
    assert_int_equal(s.access_n, 0);
    test_client_fini(&c);
    test_server_fini(&s);
}

/* ---- extended and JSON ---- */

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

/* 123456789 ns past the second, with an id that is known. */
static void open_in(struct test_server *s, struct test_client *c, enum wr_access_format format)
{
    test_server_init(s);
    s->time.wall_ns += 123456789;
    s->worker.random = 0x5f3a01;
    s->site.access_log.format = format;
    test_server_step(s);
    test_client_open(s, c);
}

static void close_both(struct test_server *s, struct test_client *c)
{
    test_client_fini(c);
    test_server_fini(s);
}

static void expect_text(const struct test_server *s, const char *want)
{
    if (strcmp(s->access_text, want) != 0)
        fail_msg("\ngot      %s\nexpected %s", s->access_text, want);
}

static void pass_us(struct test_server *s, int64_t us)
{
    s->time.more_us += us % 1000;
    test_server_advance_ms(s, us / 1000);
}

static void access_log__extended__has_duration_and_id_behind(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_in(&s, &c, WR_ACCESS_EXTENDED);
    s.handler.serve = test_serve_later;
    for (int i = 0; i < 28; i++) {
        test_client_send(&c, GET("/a"));
        pass_us(&s, i == 27 ? 12001234 : 42);
        s.access_n = 0;
        test_handler_answer(&s.handler);
    }
    expect_text(&s, "192.0.2.7 - - [06/Nov/1994:08:49:49 +0000] \"GET /a HTTP/1.1\" 200 2 "
                    "\"-\" \"-\" 12.001234 5f3a01-1c\n");
    close_both(&s, &c);
}

static void access_log__json__is_an_object_a_line(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_in(&s, &c, WR_ACCESS_JSON);
    s.handler.serve = test_serve_later;
    test_client_send(&c, "GET /a?b HTTP/1.1\r\nHost: example.org:8080\r\nReferer: http://x/\r\n"
                         "User-Agent: y/1 (z)\r\n\r\n");
    pass_us(&s, 1234);
    test_handler_answer(&s.handler);
    expect_text(&s, "{\"time\":\"1994-11-06T08:49:37.124Z\",\"remote\":\"192.0.2.7\","
                    "\"method\":\"GET\",\"target\":\"/a?b\",\"protocol\":\"HTTP/1.1\","
                    "\"host\":\"example.org:8080\",\"status\":200,\"bytes\":2,"
                    "\"duration_s\":0.001234,\"referer\":\"http://x/\","
                    "\"user_agent\":\"y/1 (z)\",\"id\":\"5f3a01-1\"}\n");
    close_both(&s, &c);
}

static void access_log__json_of_what_is_absent__is_null(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_in(&s, &c, WR_ACCESS_JSON);
    test_client_send(&c, "GET /a HTTP/1.0\r\nUser-Agent:\r\n\r\n");
    expect_text(&s, "{\"time\":\"1994-11-06T08:49:37.123Z\",\"remote\":\"192.0.2.7\","
                    "\"method\":\"GET\",\"target\":\"/a\",\"protocol\":\"HTTP/1.0\","
                    "\"host\":null,\"status\":200,\"bytes\":2,\"duration_s\":0.000000,"
                    "\"referer\":null,\"user_agent\":\"\",\"id\":\"5f3a01-1\"}\n");
    test_client_fini(&c);
    s.access_n = 0;
    test_client_open(&s, &c);
    test_client_send(&c, "@@@\r\n");
    assert_non_null(strstr(s.access_text, "\"method\":null,\"target\":null,\"protocol\":null,"
                                          "\"host\":null,\"status\":400,\"bytes\":"));
    close_both(&s, &c);
}

/* RFC 9110 5.5 lets bytes from 0x80 on and HTAB into a field. */
static void access_log__hostile_bytes_in_json__cannot_forge_a_member(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_in(&s, &c, WR_ACCESS_JSON);
    test_client_send(&c, "GET /\",\"x\\\xc3\xa9\xff HTTP/1.1\r\nHost: a\r\n"
                         "Referer: \xc0\xa2,\xed\xa0\x80\xed\xb0\x80\r\n"
                         "User-Agent: \"}\t\xf0\x9f\x98\x80\xc2\x9b\xf0\x9f\x98\r\n\r\n");
    assert_non_null(strstr(s.access_text, "\"target\":\"/\\\",\\\"x\\\\\xc3\xa9\\u00ff\","));
    assert_non_null(strstr(s.access_text, "\"referer\":\"\\u00c0\\u00a2,\\u00ed\\u00a0\\u0080"
                                          "\\u00ed\\u00b0\\u0080\","));
    assert_non_null(strstr(s.access_text, "\"user_agent\":\"\\\"}\\u0009\xf0\x9f\x98\x80\\u009b"
                                          "\\u00f0\\u009f\\u0098\","));
    close_both(&s, &c);
}

static void append_many(struct wr_buf *b, const char *piece, int times)
{
    while (times-- > 0)
        wr_buf_slice_append(b, wr_slice_of(piece));
}

static size_t length_in(const json_t *line, const char *key)
{
    assert_true(json_is_string(json_object_get(line, key)));
    return json_string_length(json_object_get(line, key));
}

static void access_log__long_texts_in_json__are_cut_between_characters(void **state)
{
    static char request[16384];
    struct wr_buf b = wr_buf_on(request, sizeof request);
    struct test_server s;
    struct test_client c;
    json_t *line;

    (void)state;
    append_many(&b, "M", 1100);
    WR_BUF_LITERAL(&b, " /");
    append_many(&b, "\"", 1100);
    WR_BUF_LITERAL(&b, " HTTP/1.1\r\nHost: ");
    append_many(&b, "h", 1100);
    WR_BUF_LITERAL(&b, "\r\nReferer: ");
    append_many(&b, "\xe2\x82\xac", 1100);
    WR_BUF_LITERAL(&b, "\r\nUser-Agent: x");
    append_many(&b, "\xff", 1100);
    WR_BUF_LITERAL(&b, "\r\n\r\n");
    assert_false(b.overflow);
    open_in(&s, &c, WR_ACCESS_JSON);
    test_client_send_slice(&c, wr_buf_slice(&b));
    for (int i = 0; i < 4; i++)
        test_client_event(&c, EPOLLIN);
    assert_in_range(s.access_n, 4900, WR_ACCESS_LINE_MAX);
    line = json_loads(s.access_text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(line);
    assert_int_equal(length_in(line, "method"), 1000);
    assert_int_equal(length_in(line, "target"), 1 + 499); /* of 2 bytes: the 500th has one */
    assert_int_equal(length_in(line, "host"), 1000);
    assert_int_equal(length_in(line, "referer"), 3 * 333);
    assert_int_equal(length_in(line, "user_agent"), 1 + 2 * 166); /* of 6, and 2 when read */
    assert_int_equal(length_in(line, "id"), strlen("5f3a01-1"));
    json_decref(line);
    close_both(&s, &c);
}

/* ---- how long it took ---- */

/* The durations of all lines in turn, divided by blanks. */
static void expect_durations(const struct test_server *s, const char *want)
{
    char got[256];
    struct wr_buf b = wr_buf_on(got, sizeof got - 1);
    struct wr_slice rest = wr_slice(s->access_text, s->access_n);

    while (rest.n > 0) {
        const char *end = memchr(rest.p, '\n', rest.n);
        const char *id = memrchr(rest.p, ' ', (size_t)(end - rest.p));
        const char *duration = memrchr(rest.p, ' ', (size_t)(id - rest.p));

        if (b.n > 0)
            wr_buf_char(&b, ' ');
        wr_buf_append(&b, duration + 1, (size_t)(id - duration - 1));
        rest = wr_slice_from(rest, (size_t)(end + 1 - rest.p));
    }
    assert_false(b.overflow);
    got[b.n] = '\0';
    assert_string_equal(got, want);
}

static void access_log__duration__is_from_the_first_byte_of_the_request(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_in(&s, &c, WR_ACCESS_EXTENDED);
    pass_us(&s, 5000000); /* the connection waits */
    test_client_send(&c, "G");
    pass_us(&s, 2500);
    test_client_send(&c, "ET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    pass_us(&s, 3000000); /* and is kept */
    test_client_send(&c, GET("/b"));
    expect_durations(&s, "0.002500 0.000000");
    close_both(&s, &c);
}

static void access_log__request_behind_another__begins_when_that_is_answered(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_in(&s, &c, WR_ACCESS_EXTENDED);
    s.handler.serve = test_serve_later;
    test_client_send(&c, GET("/a") GET("/b"));
    pass_us(&s, 1000);
    test_handler_answer(&s.handler);
    pass_us(&s, 20000);
    test_handler_answer(&s.handler);
    expect_durations(&s, "0.001000 0.020000");
    close_both(&s, &c);
}

static void access_log__client_that_is_slow_to_take__counts(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_in(&s, &c, WR_ACCESS_EXTENDED);
    c.transport.room = 10;
    test_client_send(&c, GET("/a"));
    pass_us(&s, 2500000);
    assert_int_equal(s.access_n, 0);
    test_client_take(&c, FAKE_NO_LIMIT, 1);
    expect_durations(&s, "2.500000");
    close_both(&s, &c);
}

static void access_log__client_that_goes_meanwhile__is_logged_with_the_time_until_then(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_in(&s, &c, WR_ACCESS_EXTENDED);
    c.transport.room = 10;
    test_client_send(&c, GET("/a"));
    pass_us(&s, 7000);
    test_client_reset(&c);
    expect_durations(&s, "0.007000");
    close_both(&s, &c);
}

static void access_log__content_that_is_dropped_behind_the_answer__does_not_count(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_in(&s, &c, WR_ACCESS_EXTENDED);
    test_client_send(&c, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    pass_us(&s, 3000000);
    test_client_send(&c, "12345");
    expect_durations(&s, "0.000000");
    close_both(&s, &c);
}

/* As when a reload changes the format. */
static void access_log__request_from_before_it_was_timed__has_no_duration(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_in(&s, &c, WR_ACCESS_COMBINED);
    s.handler.serve = test_serve_later;
    test_client_send(&c, GET("/a"));
    s.site.access_log.format = WR_ACCESS_EXTENDED;
    test_handler_answer(&s.handler);
    expect_text(&s, HEAD "\"GET /a HTTP/1.1\" 200 2 \"-\" \"-\" - 5f3a01-1\n");
    s.site.access_log.format = WR_ACCESS_COMBINED;
    test_client_send(&c, GET("/a"));
    s.site.access_log.format = WR_ACCESS_JSON;
    test_handler_answer(&s.handler);
    assert_non_null(strstr(s.access_text, ",\"duration_s\":null,\"referer\":null,"));
    close_both(&s, &c);
}

static unsigned clock_reads;

static int64_t count_read(void *ctx)
{
    (void)ctx;
    clock_reads++;
    return 1;
}

static void access_log__combined__asks_no_clock_and_sends_a_batch_at_once(void **state)
{
    static const struct {
        enum wr_access_format format;
        unsigned clock_reads, writes;
    } costs[] = {{WR_ACCESS_COMBINED, 0, 1}, {WR_ACCESS_EXTENDED, 4, 2}, {WR_ACCESS_JSON, 4, 2}};
    struct test_server s;
    struct test_client c;

    (void)state;
    for (size_t i = 0; i < WR_COUNT(costs); i++) {
        open_in(&s, &c, costs[i].format);
        s.clock.monotonic_us = count_read;
        clock_reads = 0;
        test_client_send(&c, GET("/a") GET("/b"));
        assert_int_equal(clock_reads, costs[i].clock_reads);
        assert_int_equal(c.transport.writes, costs[i].writes);
        close_both(&s, &c);
    }
}

static void access_log__none_kept__asks_no_clock(void **state)
{
    struct test_server s;
    struct test_client c;

    (void)state;
    open_in(&s, &c, WR_ACCESS_JSON);
    s.site.access_log.write = NULL;
    s.clock.monotonic_us = count_read;
    clock_reads = 0;
    test_client_send(&c, GET("/a"));
    assert_int_equal(clock_reads, 0);
    close_both(&s, &c);
}

WR_TESTS(
    cmocka_unit_test(access_log__line__is_in_the_combined_format),
    cmocka_unit_test(access_log__what_clients_send__cannot_forge_a_line),
    cmocka_unit_test(access_log__refused_request__has_what_was_read_of_it),
    cmocka_unit_test(access_log__refused_request_behind_a_good_one__has_nothing_of_that),
    cmocka_unit_test(access_log__answers_of_one_batch__have_a_line_each_in_order),
    cmocka_unit_test(access_log__long_texts__are_cut_and_the_line_is_whole),
    cmocka_unit_test(access_log__nobody_was_answered__has_no_line),
    cmocka_unit_test(access_log__extended__has_duration_and_id_behind),
    cmocka_unit_test(access_log__json__is_an_object_a_line),
    cmocka_unit_test(access_log__json_of_what_is_absent__is_null),
    cmocka_unit_test(access_log__hostile_bytes_in_json__cannot_forge_a_member),
    cmocka_unit_test(access_log__long_texts_in_json__are_cut_between_characters),
    cmocka_unit_test(access_log__duration__is_from_the_first_byte_of_the_request),
    cmocka_unit_test(access_log__request_behind_another__begins_when_that_is_answered),
    cmocka_unit_test(access_log__client_that_is_slow_to_take__counts),
    cmocka_unit_test(access_log__client_that_goes_meanwhile__is_logged_with_the_time_until_then),
    cmocka_unit_test(access_log__content_that_is_dropped_behind_the_answer__does_not_count),
    cmocka_unit_test(access_log__request_from_before_it_was_timed__has_no_duration),
    cmocka_unit_test(access_log__combined__asks_no_clock_and_sends_a_batch_at_once),
    cmocka_unit_test(access_log__none_kept__asks_no_clock));
