#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#include "test_checks.h"

#define FIELDS_MAX 4
#define TIMES      4

struct site {
    struct test_server server;
    struct test_client client;
    struct test_responses got;
    char fields[2048]; /* of the last response: a line each */
};

/* What the app does; the loop is the test's own thread. */
static weir_body (*act)(weir_environ *env, weir_start_response *start_response);

/* The first expectation inside the app that did not hold. */
static int fault_line;

#define CHECK_APP(condition)                                                                       \
    do {                                                                                           \
        if (!(condition) && fault_line == 0)                                                       \
            fault_line = __LINE__;                                                                 \
    } while (0)

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    return act(env, start_response);
}

static const weir_plugin plugin = {.magic = WEIR_PLUGIN_MAGIC,
                                   .abi_major = WEIR_ABI_MAJOR,
                                   .abi_minor = WEIR_ABI_MINOR,
                                   .size = sizeof(weir_plugin),
                                   .name = "act",
                                   .app = app,
                                   .runs = WEIR_ON_LOOP};

static void open_site(struct site *s)
{
    test_server_init(&s->server);
    assert_non_null(test_server_mount(&s->server, &plugin, NULL, NULL));
    test_client_open(&s->server, &s->client);
    s->got = (struct test_responses){0};
}

static void close_site(struct site *s)
{
    test_responses_free(&s->got);
    close_both(&s->server, &s->client);
}

static bool comes_once(const struct test_response *r, struct wr_slice name)
{
    size_t n = 0;

    for (size_t i = 0; i < r->fields; i++)
        n += wr_slice_ieq(r->names[i], name);
    return n == 1;
}

/* Those of the server itself are left out where they are what they always are, and alone. */
static bool is_usual(const struct test_response *r, struct wr_slice name, struct wr_slice value)
{
    return ((wr_slice_eq(name, WR_SLICE("Date")) &&
             wr_slice_eq(value, WR_SLICE("Sun, 06 Nov 1994 08:49:37 GMT"))) ||
            (wr_slice_eq(name, WR_SLICE("Server")) && wr_slice_eq(value, WR_SLICE("Weir")))) &&
           comes_once(r, name);
}

static void describe_fields(struct site *s, const struct test_response *r)
{
    struct wr_buf b = wr_buf_on(s->fields, sizeof s->fields - 1);

    for (size_t i = 0; i < r->fields; i++)
        if (!is_usual(r, r->names[i], r->values[i]))
            wr_buf_printf(&b, "%.*s: %.*s\n", (int)r->names[i].n, r->names[i].p,
                          (int)r->values[i].n, r->values[i].p);
    s->fields[b.n] = '\0';
}

/* Asks once; the connection goes on. */
static const struct test_response *ask(struct site *s, const char *method)
{
    char request[256];

    snprintf(request, sizeof request, "%s /what?q HTTP/1.1\r\nHost: a\r\n\r\n", method);
    test_responses_free(&s->got);
    s->client.transport.out_n = 0;
    s->server.log_n = 0;
    s->server.log_text[0] = '\0';
    fault_line = 0;
    test_client_send(&s->client, request);
    test_client_responses(&s->client, strcmp(method, "HEAD") == 0 ? "H" : "G", &s->got);
    if (s->got.error || s->got.n != 1)
        fail_msg("%zu responses, %s", s->got.n, s->got.error ? s->got.error : "HTTP");
    if (fault_line > 0)
        fail_msg("line %d, in the app", fault_line);
    assert_false(s->got.v[0].is_cut);
    describe_fields(s, &s->got.v[0]);
    return &s->got.v[0];
}

/* One line, with plugin, route, request and what was asked, and `why` in it. */
static void check_log(const struct site *s, const char *method, const char *why)
{
    const char *text = s->server.log_text, *end = strchr(text, '\n');
    char asked[64];

    snprintf(asked, sizeof asked, ", %s /what?q: ", method);
    if (!why) {
        assert_string_equal(text, "");
        return;
    }
    if (!end || end[1] != '\0' || strncmp(text, "act at /, request ", 18) != 0 ||
        !strstr(text, asked) || !strstr(text, why))
        fail_msg("the log says %s, expected a line with %s", text, why);
}

static weir_body ok(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    return weir_text("fine");
}

/* The page of the server, and the next request is not harmed. */
static void check_failed(struct site *s, int status, const char *why)
{
    const struct test_response *r = ask(s, "GET");

    if (r->status != status)
        fail_msg("%d, expected %d with %s", r->status, status, why);
    assert_false(r->says_close);
    assert_true(r->content_n > 100);
    assert_non_null(strstr(s->fields, "Content-Type: text/html; charset=utf-8\n"));
    assert_null(strstr(s->fields, "X-"));
    check_log(s, "GET", why);
    act = ok;
    assert_string_equal(ask(s, "GET")->content, "fine");
    check_log(s, "GET", NULL);
}

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

/* ---- calls one after the other ---- */

static weir_body add_around(weir_environ *env, weir_start_response *start_response)
{
    char name[] = "X-1", value[] = "one", list_value[] = "two";

    CHECK_APP(weir_header_add(env, name, value, 3) == 0);
    memset(name, 'n', 3);
    memset(value, 'v', 3);
    CHECK_APP(start_response(env, 201, WEIR_HEADERS({"X-2", list_value}, {"X-3", "3"})) == 0);
    memset(list_value, 'v', 3);
    CHECK_APP(weir_header_add(env, "X-4", "fourth", 4) == 0);
    CHECK_APP(weir_header_add(env, "X-5", NULL, 0) == 0);
    CHECK_APP(weir_header_add(env, "Content-Length", "5!", 1) == 0);
    return weir_text("Hello");
}

static void header_add__before_and_after__keeps_the_order(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    act = add_around;
    assert_int_equal(ask(&s, "GET")->status, 201);
    assert_string_equal(s.fields,
                        "X-1: one\nX-2: two\nX-3: 3\nX-4: four\nX-5: \nContent-Length: 5\n");
    close_site(&s);
}

static weir_body add_many(weir_environ *env, weir_start_response *start_response)
{
    char name[16], value[16];

    start_response(env, 200, NULL);
    for (int i = 0; i < 28; i++) {
        snprintf(name, sizeof name, "X-%d", i);
        snprintf(value, sizeof value, "%d", i * i);
        CHECK_APP(weir_header_add(env, name, value, strlen(value)) == 0);
    }
    return weir_empty();
}

static void header_add__many__all_go_out_in_order(void **state)
{
    char line[40], expected[1024] = "";
    struct wr_buf b = wr_buf_on(expected, sizeof expected - 1);
    struct site s;

    (void)state;
    open_site(&s);
    act = add_many;
    ask(&s, "GET");
    for (int i = 0; i < 28; i++) {
        snprintf(line, sizeof line, "X-%d: %d\n", i, i * i);
        wr_buf_slice_append(&b, wr_slice_of(line));
    }
    wr_buf_slice_append(&b, WR_SLICE("Content-Length: 0\n"));
    expected[b.n] = '\0';
    assert_string_equal(s.fields, expected);
    close_site(&s);
}

static weir_body add_null_name(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    CHECK_APP(weir_header_add(env, NULL, "v", 1) == WEIR_EINVAL);
    return weir_text("no");
}

static weir_body add_null_value(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, NULL);
    CHECK_APP(weir_header_add(env, "X-None", NULL, 1) == WEIR_EINVAL);
    return weir_text("no");
}

static void header_add__null__is_a_500(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    act = add_null_name;
    check_failed(&s, 500, "name");
    act = add_null_value;
    check_failed(&s, 500, "X-None");
    close_site(&s);
}

static weir_body replace(weir_environ *env, weir_start_response *start_response)
{
    weir_header_add(env, "X-1", "1", 1);
    start_response(
        env, 200,
        WEIR_HEADERS({"X-2", "2"}, {"Content-Length", "99"}, {"Date", "x"}, {"Server", "x"}));
    weir_header_add(env, "X-3", "3", 1);
    weir_reason(env, "Gone With It");
    CHECK_APP(start_response(env, 404 | WEIR_REPLACE, WEIR_HEADERS({"X-4", "4"})) == 0);
    CHECK_APP(start_response(env, 418 | WEIR_REPLACE, WEIR_HEADERS({"X-5", "5"})) == 0);
    return weir_text("Hello");
}

static void replace__forgets_all_of_before(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    act = replace;
    assert_int_equal(ask(&s, "GET")->status, 418);
    assert_string_equal(s.fields, "X-5: 5\nContent-Length: 5\n");
    assert_null(memmem(s.client.transport.out, s.client.transport.out_n, "Gone", 4));
    check_log(&s, "GET", NULL);
    close_site(&s);
}

static weir_body start_twice(weir_environ *env, weir_start_response *start_response)
{
    CHECK_APP(start_response(env, 200, NULL) == 0);
    CHECK_APP(start_response(env, 201, NULL) == WEIR_ESTATE);
    return weir_text("no");
}

static weir_body start_never(weir_environ *env, weir_start_response *start_response)
{
    (void)start_response;
    CHECK_APP(weir_header_add(env, "X-1", "1", 1) == 0); /* which does not replace it */
    return weir_text("no");
}

static weir_body start_never_nor_say(weir_environ *env, weir_start_response *start_response)
{
    (void)env;
    (void)start_response;
    return weir_empty();
}

static void start_response__twice_or_never__is_a_500(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    act = start_twice;
    check_failed(&s, 500, "second start_response");
    act = start_never;
    check_failed(&s, 500, "start_response");
    act = start_never_nor_say;
    check_failed(&s, 500, "start_response");
    close_site(&s);
}

static unsigned released;

static void release(void *arg)
{
    (void)arg;
    released++;
}

static weir_body fail_then_go_on(weir_environ *env, weir_start_response *start_response)
{
    char buffer[8];

    CHECK_APP(start_response(env, 200, WEIR_HEADERS({"X-1", "\n"})) == WEIR_EINVAL);
    CHECK_APP(start_response(env, 200 | WEIR_REPLACE, NULL) == WEIR_EFAILED);
    CHECK_APP(start_response(env, 1000, NULL) == WEIR_EFAILED);
    CHECK_APP(weir_header_add(env, "X-2", "2", 1) == WEIR_EFAILED);
    CHECK_APP(weir_header_add(env, "", "\n", 1) == WEIR_EFAILED);
    CHECK_APP(weir_reason(env, "Fine") == WEIR_EFAILED);
    CHECK_APP(weir_read(env, buffer, sizeof buffer) == WEIR_EFAILED);
    CHECK_APP(weir_get(env, "PATH_INFO") != NULL); /* what only asks goes on */
    weir_defer(env, release, NULL);
    return weir_owned("no", 2, release, NULL);
}

static void failure__sticks_and_the_body_is_let_go(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    released = 0;
    act = fail_then_go_on;
    check_failed(&s, 500, "X-1");
    assert_int_equal(released, 2);
    close_site(&s);
}

static weir_body defer_first(weir_environ *env, weir_start_response *start_response)
{
    weir_defer(env, release, NULL);
    CHECK_APP(start_response(env, 200, WEIR_HEADERS({"X-1", "1"})) == 0);
    return weir_text("Hello");
}

/* More often than a list of fields needs to be known. */
static void start_response__behind_weir_defer__is_as_ever_and_both_count(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    released = 0;
    act = defer_first;
    for (unsigned i = 1; i <= TIMES; i++) {
        assert_int_equal(ask(&s, "GET")->status, 200);
        assert_string_equal(s.fields, "X-1: 1\nContent-Length: 5\n");
        assert_int_equal(released, i);
    }
    close_site(&s);
}

static weir_environ *waiting;   /* the request before */
static const char large[65536]; /* more than is copied at once */

/* The first one only answers; the second one, on another connection, has things done at the end of that. */
static weir_body defer_for_other(weir_environ *env, weir_start_response *start_response)
{
    if (waiting) {
        CHECK_APP(start_response(waiting, 200, NULL) == WEIR_ESTATE);
        weir_defer(waiting, release, NULL);
    }
    waiting = env;
    start_response(env, 200, NULL);
    return weir_bytes(large, sizeof large);
}

static void weir_defer__of_an_answer_on_its_way__is_called_when_that_is_over(void **state)
{
    struct test_client slow;
    struct site s;

    (void)state;
    open_site(&s);
    released = 0;
    waiting = NULL;
    act = defer_for_other;
    test_client_init(&s.server, &slow);
    slow.transport.room = 20;
    test_client_connect(&slow);
    test_client_send(&slow, "GET /what?q HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_non_null(waiting);
    assert_int_equal(ask(&s, "GET")->status, 200);
    assert_int_equal(released, 0);
    test_client_take(&slow, 2 * sizeof large, 2);
    assert_int_equal(released, 1);
    test_client_fini(&slow);
    close_site(&s);
}

static weir_body start_without_memory(weir_environ *env, weir_start_response *start_response)
{
    CHECK_APP(start_response(env, 200, WEIR_HEADERS({"X-1", "1"})) == 0);
    for (size_t n = 65536; n > 0; n /= 2)
        while (weir_alloc(env, n))
            ;
    CHECK_APP(weir_header_add(env, "X-2", "2", 1) == WEIR_ENOMEM);
    return weir_text("no");
}

static void start_response__without_memory__is_a_503(void **state)
{
    struct site s;

    (void)state;
    open_site(&s);
    act = start_without_memory;
    assert_int_equal(ask(&s, "GET")->status, 503);
    assert_null(strstr(s.fields, "X-"));
    /* The arena, which the app has used up, and the field, once each. */
    assert_non_null(strstr(s.server.log_text, ": no memory for "));
    assert_non_null(strstr(s.server.log_text, ", GET /what?q: no memory for the field X-2\n"));
    act = ok;
    assert_string_equal(ask(&s, "GET")->content, "fine");
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
         cmocka_unit_test(header_add__before_and_after__keeps_the_order),
         cmocka_unit_test(header_add__many__all_go_out_in_order),
         cmocka_unit_test(header_add__null__is_a_500),
         cmocka_unit_test(replace__forgets_all_of_before),
         cmocka_unit_test(start_response__twice_or_never__is_a_500),
         cmocka_unit_test(failure__sticks_and_the_body_is_let_go),
         cmocka_unit_test(start_response__behind_weir_defer__is_as_ever_and_both_count),
         cmocka_unit_test(weir_defer__of_an_answer_on_its_way__is_called_when_that_is_over),
         cmocka_unit_test(start_response__without_memory__is_a_503),
         cmocka_unit_test(reason__own_or_registered__is_in_the_status_line),
         cmocka_unit_test(reason__with_a_control_character__is_a_500),
         cmocka_unit_test(error__page__has_status_and_the_apps_fields),
         cmocka_unit_test(error__head__has_no_content),
         cmocka_unit_test(error__of_no_error__is_a_500));
