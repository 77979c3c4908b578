#include "start_fixture.h"

#define FIELDS_MAX 4
#define TIMES      4

/* ---- lists of fields ---- */

static struct row {
    const char *method;
    int32_t status;
    weir_header fields[FIELDS_MAX]; /* the last is {NULL, NULL} */
    const char *body;               /* NULL: weir_empty() */
    int32_t result;                 /* of start_response */
    int got_status;
    const char *got; /* fields, or what the log says */
} row;

static weir_body start_with_row(weir_environ *env, weir_start_response *start_response)
{
    CHECK_APP(start_response(env, row.status, row.fields) == row.result);
    return row.body ? weir_text(row.body) : weir_empty();
}

/* Each several times, for what is the same again may go another way. */
static void check_rows(const struct row *rows, size_t n)
{
    struct site s;

    open_site(&s);
    for (size_t at = 0; at < TIMES * n; at++) {
        const struct test_response *r;
        size_t i = at / TIMES;

        row = rows[i];
        act = start_with_row;
        if (row.result < 0) {
            check_failed(&s, row.got_status, row.got);
            continue;
        }
        r = ask(&s, row.method);
        if (r->status != row.got_status || strcmp(s.fields, row.got) != 0)
            fail_msg("%zu: %d\n%sexpected %d\n%s", i, r->status, s.fields, row.got_status, row.got);
        check_log(&s, row.method, NULL);
    }
    close_site(&s);
}

static void fields__that_are_right__go_out_as_they_are(void **state)
{
    static const struct row rows[] = {
        {"GET",
         200,
         {{"Content-Type", "text/plain"}},
         "Hello",
         0,
         200,
         "Content-Type: text/plain\nContent-Length: 5\n"},
        {"GET", 200, {{NULL, NULL}}, "Hello", 0, 200, "Content-Length: 5\n"},
        {"GET",
         299,
         {{"X-b", "2"}, {"x-A", "1"}, {"X-b", "3"}},
         "",
         0,
         299,
         "X-b: 2\nx-A: 1\nX-b: 3\nContent-Length: 0\n"},
        {"GET",
         599,
         {{"Set-Cookie", "a=1"}, {"Set-Cookie", "b=2"}},
         NULL,
         0,
         599,
         "Set-Cookie: a=1\nSet-Cookie: b=2\nContent-Length: 0\n"},
        {"GET", 200, {{"X-Empty", ""}}, NULL, 0, 200, "X-Empty: \nContent-Length: 0\n"},
        {"GET", 200, {{"X-Tab", "a\tb"}}, NULL, 0, 200, "X-Tab: a\tb\nContent-Length: 0\n"},
        {"GET",
         200,
         {{"X-High", "\x80\xff"}},
         NULL,
         0,
         200,
         "X-High: \x80\xff\nContent-Length: 0\n"},
        {"GET", 200 | WEIR_REPLACE, {{"X", "1"}}, NULL, 0, 200, "X: 1\nContent-Length: 0\n"},
        /* names near those that are refused */
        {"GET",
         200,
         {{"Upgrade-Insecure-Requests", "1"}, {"Trailers", "1"}, {"T", "1"}},
         NULL,
         0,
         200,
         "Upgrade-Insecure-Requests: 1\nTrailers: 1\nT: 1\nContent-Length: 0\n"},
        {"GET",
         200,
         {{"Proxy-Status", "1"}, {"Content-Lengt", "1"}, {"Connectiom", "1"}},
         NULL,
         0,
         200,
         "Proxy-Status: 1\nContent-Lengt: 1\nConnectiom: 1\nContent-Length: 0\n"},
        /* the server's own fields are left to the app that gives them */
        {"GET",
         200,
         {{"Date", "Sat, 05 Nov 1994 01:46:40 GMT"}},
         NULL,
         0,
         200,
         "Date: Sat, 05 Nov 1994 01:46:40 GMT\nContent-Length: 0\n"},
        {"GET", 200, {{"server", "mine"}}, NULL, 0, 200, "server: mine\nContent-Length: 0\n"},
        {"GET",
         404,
         {{"SERVER", "mine"}, {"date", "Sat, 05 Nov 1994 01:46:40 GMT"}},
         NULL,
         0,
         404,
         "SERVER: mine\ndate: Sat, 05 Nov 1994 01:46:40 GMT\nContent-Length: 0\n"},
        /* Content-Length */
        {"GET",
         200,
         {{"content-length", "5"}, {"X", "1"}},
         "Hello",
         0,
         200,
         "X: 1\nContent-Length: 5\n"},
        {"GET",
         200,
         {{"Content-Length", "5"}, {"Content-Length", "5"}},
         "Hello",
         0,
         200,
         "Content-Length: 5\n"},
        {"GET", 200, {{"Content-Length", " 5\t"}}, "Hello", 0, 200, "Content-Length: 5\n"},
        {"GET", 200, {{"Content-Length", "0"}}, NULL, 0, 200, "Content-Length: 0\n"},
        /* RFC 9110 8.6, 9.3.2, 15.3.5, 15.3.6, 15.4.5 */
        {"HEAD", 200, {{"X", "1"}}, "Hello", 0, 200, "X: 1\nContent-Length: 5\n"},
        {"HEAD", 200, {{"X", "1"}}, NULL, 0, 200, "X: 1\n"},
        {"HEAD", 200, {{"Content-Length", "99"}}, NULL, 0, 200, "Content-Length: 99\n"},
        {"HEAD", 200, {{"Content-Length", "99"}}, "Hello", 0, 200, "Content-Length: 99\n"},
        {"GET", 204, {{"X", "1"}}, NULL, 0, 204, "X: 1\n"},
        {"GET", 204, {{"X", "1"}}, "Hello", 0, 204, "X: 1\n"},
        {"GET", 204, {{"Content-Length", "5"}}, "Hello", 0, 204, ""},
        {"GET", 205, {{"X", "1"}}, NULL, 0, 205, "X: 1\nContent-Length: 0\n"},
        {"GET", 205, {{"X", "1"}}, "Hello", 0, 205, "X: 1\nContent-Length: 0\n"},
        {"GET", 205, {{"Content-Length", "5"}}, "Hello", 0, 205, "Content-Length: 0\n"},
        {"GET", 304, {{"ETag", "\"x\""}}, NULL, 0, 304, "ETag: \"x\"\n"},
        {"GET", 304, {{"ETag", "\"x\""}}, "Hello", 0, 304, "ETag: \"x\"\n"},
        {"HEAD", 304, {{"ETag", "\"x\""}}, "Hello", 0, 304, "ETag: \"x\"\n"},
    };

    (void)state;
    check_rows(rows, WR_COUNT(rows));
}

static void fields__that_are_wrong__are_a_500_and_a_line_in_the_log(void **state)
{
#define WRONG(name, value, why)                                                                    \
    {                                                                                              \
        "GET", 200, {{"X-Before", "1"}, {name, value}}, "Hello", WEIR_EINVAL, 500, why             \
    }
    static const struct row rows[] = {
        WRONG("X-Split", "a\r\nX-Evil: 1", "X-Split"),
        WRONG("X-Split", "a\r", "X-Split"),
        WRONG("X-Split", "\na", "X-Split"),
        WRONG("Content-Type", "text/plain\r\nX-Evil: 1", "Content-Type"),
        WRONG("Content-Type", NULL, "Content-Type"),
        WRONG("X-No-Value", NULL, "X-No-Value"),
        WRONG("", "1", "name"),
        WRONG("X Y", "1", "X Y"),
        WRONG("X:", "1", "X:"),
        WRONG(" X", "1", "name"),
        WRONG("X\xc3\xa9", "1", "name"),
        /* of the connection: RFC 9110 7.6.1 and the header's list */
        WRONG("Connection", "close", "Connection"),
        WRONG("connection", "x", "connection"),
        WRONG("Keep-Alive", "timeout=5", "Keep-Alive"),
        WRONG("Proxy-Authenticate", "Basic", "Proxy-Authenticate"),
        WRONG("Proxy-Authorization", "Basic", "Proxy-Authorization"),
        WRONG("Proxy-Connection", "close", "Proxy-Connection"),
        WRONG("TE", "trailers", "TE"),
        WRONG("te", "trailers", "te"),
        WRONG("Trailer", "X", "Trailer"),
        WRONG("Transfer-Encoding", "chunked", "Transfer-Encoding"),
        WRONG("TRANSFER-ENCODING", "gzip", "TRANSFER-ENCODING"),
        WRONG("Upgrade", "h2c", "Upgrade"),
        /* Content-Length */
        WRONG("Content-Length", "", "Content-Length"),
        WRONG("Content-Length", "5a", "Content-Length"),
        WRONG("Content-Length", "+5", "Content-Length"),
        WRONG("Content-Length", "-5", "Content-Length"),
        WRONG("Content-Length", "5, 5", "Content-Length"),
        WRONG("Content-Length", "0x5", "Content-Length"),
        WRONG("Content-Length", "9223372036854775808", "Content-Length"),
        WRONG("Content-Length", "18446744073709551621", "Content-Length"), /* 5 modulo 2^64 */
        {"GET",
         200,
         {{"Content-Length", "5"}, {"content-length", "6"}},
         "Hello",
         WEIR_EINVAL,
         500,
         "Content-Length"},
        /* RFC 9110 5.3: no list, so once */
        {"GET",
         200,
         {{"Date", "Sat, 05 Nov 1994 01:46:40 GMT"}, {"DATE", "Sat, 05 Nov 1994 01:46:40 GMT"}},
         "Hello",
         WEIR_EINVAL,
         500,
         "a second DATE"},
        {"GET",
         200,
         {{"Server", "a"}, {"server", "a"}},
         "Hello",
         WEIR_EINVAL,
         500,
         "a second server"},
        /* what was set before does not reach the page */
        {"GET", 200, {{"Date", "X-"}, {"Server", "X-"}, {"TE", ""}}, NULL, WEIR_EINVAL, 500, "TE"},
        /* 200 to 599 */
        {"GET", 199, {{NULL, NULL}}, "Hello", WEIR_EINVAL, 500, "199"},
        {"GET", 101, {{NULL, NULL}}, "Hello", WEIR_EINVAL, 500, "101"},
        {"GET", 600, {{NULL, NULL}}, "Hello", WEIR_EINVAL, 500, "600"},
        {"GET", 999, {{NULL, NULL}}, "Hello", WEIR_EINVAL, 500, "999"},
        {"GET", 0, {{NULL, NULL}}, "Hello", WEIR_EINVAL, 500, "0"},
        {"GET", -1, {{NULL, NULL}}, "Hello", WEIR_EINVAL, 500, "-1"},
        {"GET", INT32_MIN, {{NULL, NULL}}, "Hello", WEIR_EINVAL, 500, "status"},
        {"GET", WEIR_REPLACE, {{NULL, NULL}}, "Hello", WEIR_EINVAL, 500, "status"},
        {"GET", WEIR_REPLACE | 600, {{NULL, NULL}}, "Hello", WEIR_EINVAL, 500, "600"},
        {"GET", 0x20000 | 200, {{NULL, NULL}}, "Hello", WEIR_EINVAL, 500, "status"},
    };
#undef WRONG

    (void)state;
    check_rows(rows, WR_COUNT(rows));
}

/* Found out when the app has returned. */
static void content_length__that_is_not_the_bodys__is_a_500(void **state)
{
    static const struct {
        const char *length, *body;
    } rows[] = {{"4", "Hello"}, {"6", "Hello"}, {"0", "Hello"}, {"1", NULL}, {"5", ""}};
    struct site s;

    (void)state;
    open_site(&s);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        row = (struct row){"GET", 200, {{"Content-Length", rows[i].length}}, rows[i].body, 0, 0, 0};
        act = start_with_row;
        check_failed(&s, 500, "Content-Length");
    }
    close_site(&s);
}

/* ---- every byte: RFC 9110 5.5 and 5.6.2 ---- */

static unsigned char byte;

static weir_body add_byte_in_value(weir_environ *env, weir_start_response *start_response)
{
    char value[3] = {'a', (char)byte, 'b'};

    start_response(env, 200, NULL);
    weir_header_add(env, "X-Byte", value, sizeof value);
    return weir_text("fine");
}

static weir_body add_byte_in_name(weir_environ *env, weir_start_response *start_response)
{
    char name[4] = {'X', (char)byte, 'b', '\0'};

    start_response(env, 200, NULL);
    weir_header_add(env, name, "v", 1);
    return weir_text("fine");
}

static void bytes__of_names_and_values__are_checked(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    for (unsigned i = 0; i < 256; i++) {
        bool in_value = i == '\t' || (i >= 0x20 && i != 0x7f);
        bool in_name =
            i < 0x80 && i != 0 && !strchr("\"(),/:;<=>?@[\\]{}", (int)i) && i > 0x20 && i != 0x7f;

        byte = (unsigned char)i;
        act = add_byte_in_value;
        assert_int_equal(ask(&s, "GET")->status, in_value ? 200 : 500);
        if (i == 0) /* ends the name: "X" */
            continue;
        act = add_byte_in_name;
        if (ask(&s, "GET")->status != (in_name ? 200 : 500))
            fail_msg("byte %u in a name", i);
    }
    close_site(&s);
}

/* ---- reason phrases: RFC 9112 4 ---- */

static const char *reason;
static int32_t reason_status, reason_result;

static weir_body give_reason(weir_environ *env, weir_start_response *start_response)
{
    char copy[64] = "";

    if (reason) {
        snprintf(copy, sizeof copy, "%s", reason);
        CHECK_APP(weir_reason(env, copy) == reason_result);
        memset(copy, 'x', sizeof copy);
    }
    start_response(env, reason_status, NULL);
    return weir_text("fine");
}

static void reason__own_or_registered__is_in_the_status_line(void **state)
{
    static const struct {
        int32_t status;
        const char *reason, *line;
    } rows[] = {
        {200, NULL, "HTTP/1.1 200 OK\r\n"},
        {404, NULL, "HTTP/1.1 404 Not Found\r\n"},
        {200, "Fine", "HTTP/1.1 200 Fine\r\n"},
        {404, "No Such\tThing", "HTTP/1.1 404 No Such\tThing\r\n"},
        {200, "", "HTTP/1.1 200 \r\n"},
        {299, "\xc3\xa9", "HTTP/1.1 299 \xc3\xa9\r\n"},
    };
    struct site s;

    (void)state;
    open_site(&s);
    reason_result = 0;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        reason = rows[i].reason;
        reason_status = rows[i].status;
        act = give_reason;
        assert_int_equal(ask(&s, "GET")->status, rows[i].status);
        assert_memory_equal(s.client.transport.out, rows[i].line, strlen(rows[i].line));
    }
    close_site(&s);
}

static void reason__with_a_control_character__is_a_500(void **state)
{
    static const char *const rows[] = {"a\r\nX-Evil: 1", "\n", "a\x7f", "\x01"};
    struct site s;

    (void)state;
    open_site(&s);
    reason_result = WEIR_EINVAL;
    reason_status = 200;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        reason = rows[i];
        act = give_reason;
        check_failed(&s, 500, "reason");
    }
    close_site(&s);
}

/* ---- weir_error ---- */

static int32_t page_status;

static weir_body page_alone(weir_environ *env, weir_start_response *start_response)
{
    (void)start_response;
    return weir_error(env, page_status);
}

static weir_body page_with_fields(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200,
                   WEIR_HEADERS({"Allow", "GET"}, {"content-type", "text/plain"},
                                {"Content-Length", "3"}, {"ETag", "\"x\""}, {"X-1", "1"}));
    weir_reason(env, "Fine");
    return weir_error(env, page_status);
}

static void error__page__has_status_and_the_apps_fields(void **state)
{
    static const int32_t statuses[] = {300, 404, 405, 418, 500, 503, 599};
    struct site s;
    char expected[256];

    (void)state;
    open_site(&s);
    for (size_t i = 0; i < WR_COUNT(statuses); i++) {
        const struct test_response *r;

        page_status = statuses[i];
        act = page_alone;
        r = ask(&s, "GET");
        assert_int_equal(r->status, page_status);
        snprintf(expected, sizeof expected,
                 "Content-Type: text/html; charset=utf-8\nContent-Length: %zu\n", r->content_n);
        assert_string_equal(s.fields, expected);
        snprintf(expected, sizeof expected, "%d", (int)page_status);
        assert_non_null(strstr(r->content, expected));

        act = page_with_fields;
        r = ask(&s, "GET");
        assert_int_equal(r->status, page_status);
        snprintf(
            expected, sizeof expected,
            "Allow: GET\nX-1: 1\nContent-Type: text/html; charset=utf-8\nContent-Length: %zu\n",
            r->content_n);
        assert_string_equal(s.fields, expected);
        assert_null(memmem(s.client.transport.out, s.client.transport.out_n, " Fine\r\n", 7));
        check_log(&s, "GET", NULL);
    }
    close_site(&s);
}

static void error__head__has_no_content(void **state)
{
    struct site s;
    size_t length;
    char expected[256];

    (void)state;
    open_site(&s);
    page_status = 404;
    act = page_alone;
    length = ask(&s, "GET")->content_n;
    snprintf(expected, sizeof expected,
             "Content-Type: text/html; charset=utf-8\nContent-Length: %zu\n", length);
    assert_int_equal(ask(&s, "HEAD")->status, 404);
    assert_string_equal(s.fields, expected);
    close_site(&s);
}

static void error__of_no_error__is_a_500(void **state)
{
    static const int32_t statuses[] = {-1, 0, 100, 200, 204, 299, 600, 1404, INT32_MAX};
    struct site s;

    (void)state;
    open_site(&s);
    for (size_t i = 0; i < WR_COUNT(statuses); i++) {
        page_status = statuses[i];
        act = page_alone;
        check_failed(&s, 500, "weir_error");
    }
    close_site(&s);
}

WR_TESTS(cmocka_unit_test(fields__that_are_right__go_out_as_they_are),
         cmocka_unit_test(fields__that_are_wrong__are_a_500_and_a_line_in_the_log),
         cmocka_unit_test(content_length__that_is_not_the_bodys__is_a_500),
         cmocka_unit_test(bytes__of_names_and_values__are_checked),
         cmocka_unit_test(reason__own_or_registered__is_in_the_status_line),
         cmocka_unit_test(reason__with_a_control_character__is_a_500),
         cmocka_unit_test(error__page__has_status_and_the_apps_fields),
         cmocka_unit_test(error__head__has_no_content),
         cmocka_unit_test(error__of_no_error__is_a_500));
