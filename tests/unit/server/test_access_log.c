#include "support.h"

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

WR_TESTS(cmocka_unit_test(access_log__line__is_in_the_combined_format),
         cmocka_unit_test(access_log__what_clients_send__cannot_forge_a_line),
         cmocka_unit_test(access_log__refused_request__has_what_was_read_of_it),
         cmocka_unit_test(access_log__answers_of_one_batch__have_a_line_each_in_order),
         cmocka_unit_test(access_log__long_texts__are_cut_and_the_line_is_whole),
         cmocka_unit_test(access_log__nobody_was_answered__has_no_line));
