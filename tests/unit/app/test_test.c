#include "support.h"

#include <weir/test.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* Answers by path; what it was asked is in the answer. */
static pthread_t caller;

static int32_t add_field(void *arg, const char *name, size_t name_n, const char *value,
                         size_t value_n)
{
    char line[64];
    weir_environ *env = arg;

    snprintf(line, sizeof line, "%.*s=%.*s", (int)name_n, name, (int)value_n, value);
    weir_header_add(env, "X-Had", line, strlen(line));
    return 0;
}

static unsigned nexts, closes;

static void count_close(void *arg)
{
    (void)arg;
    closes++;
}

/* Content as it comes, in brackets; "/broken" fails behind the first piece. */
static int32_t echo_next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    static char piece[16];
    int64_t n = weir_read(env, piece + 1, 8);

    (void)arg;
    nexts++;
    if (n == 0)
        return strcmp(weir_get(env, "PATH_INFO"), "/broken") == 0 ? WEIR_FAIL : WEIR_END;
    if (n < 0)
        return (int32_t)n;
    piece[0] = '[';
    piece[n + 1] = ']';
    *chunk = (weir_chunk){.data = piece, .size = (uint64_t)n + 2};
    return WEIR_CHUNK;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const char *path = weir_get(env, "PATH_INFO");

    if (strcmp(path, "/page") == 0)
        return weir_error(env, 404);
    if (strcmp(path, "/decline") == 0)
        return weir_decline();
    if (strcmp(path, "/forget") == 0)
        return weir_text("no");
    start_response(env, 201, WEIR_HEADERS({"Content-Type", "text/plain"}, {"X-1", "a"}));
    if (strcmp(path, "/content") == 0 || strcmp(path, "/broken") == 0)
        return weir_iterable(echo_next, count_close, NULL);
    if (strcmp(path, "/log") == 0)
        weir_log(env, WEIR_LOG_WARN, "seen %d", 42);
    if (strcmp(path, "/fields") == 0)
        weir_header_each(env, add_field, env);
    if (strcmp(path, "/thread") == 0)
        return weir_text(pthread_equal(pthread_self(), caller) ? "caller" : "thread");
    return weir_printf(env, "%s %s %s %s %s %s", weir_get(env, "REQUEST_METHOD"),
                       weir_get(env, "SCRIPT_NAME"), path, weir_get(env, "QUERY_STRING"),
                       weir_get(env, "SERVER_NAME"),
                       weir_get(env, "CONTENT_LENGTH") ? weir_get(env, "CONTENT_LENGTH") : "-");
}

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    const char *mode = weir_config_string(config, "mode", "");

    (void)host;
    (void)state;
    return strcmp(mode, "bad") == 0 ? weir_config_fail(config, "mode must not be bad") : 0;
}

static const weir_plugin plugin = {.magic = WEIR_PLUGIN_MAGIC,
                                   .abi_major = WEIR_ABI_MAJOR,
                                   .abi_minor = WEIR_ABI_MINOR,
                                   .size = sizeof(weir_plugin),
                                   .name = "tested",
                                   .load = load,
                                   .app = app,
                                   .runs = WEIR_ON_LOOP};

static weir_test *open_test(const char *route)
{
    weir_test *t = weir_test_new(&plugin, route, NULL);

    caller = pthread_self();
    nexts = closes = 0;
    assert_non_null(t);
    assert_null(weir_test_error(t));
    return t;
}

static void call__request__reaches_the_app(void **state)
{
    static const weir_header host_b[] = {{"Host", "b:1"}, {NULL, NULL}};
    static const struct {
        const char *route;
        weir_test_request request;
        const char *expected;
    } rows[] = {
        {NULL, {0}, "GET  /  localhost -"},
        {"/", {.target = "/a%20b?c=%20"}, "GET  /a b c=%20 localhost -"},
        {"/r", {.target = "/r/x?y"}, "GET /r /x y localhost -"},
        {"/r", {.target = "/r"}, "GET /r   localhost -"},
        {NULL, {.method = "BREW", .target = "/x"}, "BREW  /x  localhost -"},
        {NULL, {.target = "/x", .body = "abc", .body_size = 3}, "POST  /x  localhost 3"},
        {NULL,
         {.method = "PUT", .target = "/x", .body = "abc", .body_size = 3},
         "PUT  /x  localhost 3"},
        {NULL, {.target = "/x", .fields = host_b}, "GET  /x  b -"},
        {NULL, {.target = "https://c/x?y", .fields = host_b}, "GET  /x y c -"}, /* RFC 9112 3.2.2 */
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        weir_test *t = open_test(rows[i].route);
        const weir_test_response *r = weir_test_call(t, &rows[i].request);

        assert_non_null(r);
        assert_int_equal(r->status, 201);
        assert_string_equal(r->body, rows[i].expected);
        assert_int_equal(r->body_size, strlen(rows[i].expected));
        assert_int_equal(r->is_cut, 0);
        assert_string_equal(weir_test_log(t), "");
        weir_test_free(t);
    }
}

static void call__fields__go_both_ways(void **state)
{
    weir_test *t = open_test(NULL);
    weir_test_request request = {.target = "/fields",
                                 .fields = WEIR_HEADERS({"Host", "h"}, {"a", "1"}, {"A", "2"})};
    const weir_test_response *r = weir_test_call(t, &request);
    const char *const had[] = {"Host=h", "a=1", "A=2"};
    size_t n = 0;

    (void)state;
    assert_string_equal(weir_test_field(r, "content-TYPE"), "text/plain");
    assert_string_equal(weir_test_field(r, "X-1"), "a");
    assert_string_equal(weir_test_field(r, "X-Had"), "Host=h"); /* the first */
    assert_null(weir_test_field(r, "X"));
    for (const weir_header *h = r->fields; h->name; h++)
        if (strcmp(h->name, "X-Had") == 0) {
            assert_true(n < WR_COUNT(had));
            assert_string_equal(h->value, had[n++]);
        }
    assert_int_equal(n, WR_COUNT(had));
    weir_test_free(t);
}

static void call__head__has_fields_and_no_content(void **state)
{
    weir_test *t = open_test(NULL);
    weir_test_request request = {.method = "HEAD", .target = "/x"};
    const weir_test_response *r = weir_test_call(t, &request);

    (void)state;
    assert_int_equal(r->status, 201);
    assert_int_equal(r->body_size, 0);
    assert_string_equal(r->body, "");
    assert_string_equal(weir_test_field(r, "Content-Length"), "21"); /* "HEAD  /x  localhost -" */
    weir_test_free(t);
}

static void call__pages_and_faults__are_what_a_client_sees(void **state)
{
    static const struct {
        const char *target;
        int status;
    } rows[] = {{"/page", 404}, {"/decline", 404}, {"/forget", 500}};
    weir_test *t = open_test(NULL);

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        const weir_test_response *r = weir_test_get(t, rows[i].target);

        assert_int_equal(r->status, rows[i].status);
        assert_string_equal(weir_test_field(r, "Content-Type"), "text/html; charset=utf-8");
        assert_true(r->body_size > 100);
    }
    assert_int_equal(strncmp(weir_test_log(t), "error: tested at /, request ", 28), 0);
    assert_non_null(strstr(weir_test_log(t), "GET /forget"));
    weir_test_free(t);
    t = open_test("/r"); /* beside the route there is nothing */
    assert_int_equal(weir_test_get(t, "/other")->status, 404);
    weir_test_free(t);
}

static void call__content_in_pieces__arrives_so(void **state)
{
    static const struct {
        size_t piece;
        const char *expected;
    } rows[] = {{0, "[Hello, W][orld]"}, {5, "[Hello][, Wor][ld]"}, {100, "[Hello, W][orld]"}};
    weir_test *t = open_test(NULL);

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        weir_test_request request = {
            .target = "/content", .body = "Hello, World", .body_size = 12, .piece = rows[i].piece};
        const weir_test_response *r = weir_test_call(t, &request);

        assert_string_equal(r->body, rows[i].expected);
        assert_null(weir_test_field(r, "Content-Length"));
        assert_int_equal(r->is_cut, 0);
        assert_int_equal(closes, i + 1);
    }
    weir_test_free(t);
}

static void call__body_that_fails__is_cut(void **state)
{
    weir_test *t = open_test(NULL);
    weir_test_request request = {.target = "/broken", .body = "ab", .body_size = 2};
    const weir_test_response *r = weir_test_call(t, &request);

    (void)state;
    assert_int_equal(r->status, 201);
    assert_string_equal(r->body, "[ab]");
    assert_int_equal(r->is_cut, 1);
    assert_int_equal(closes, 1);
    assert_int_equal(weir_test_get(t, "/x")->is_cut, 0); /* and the next one is not */
    weir_test_free(t);
}

static void call__target_that_is_none__is_null(void **state)
{
    static const char *const targets[] = {"", "x", "/%00", "/%zz"};
    weir_test *t = open_test(NULL);

    (void)state;
    for (size_t i = 0; i < WR_COUNT(targets); i++)
        if (weir_test_get(t, targets[i]))
            fail_msg("%s", targets[i]);
    assert_int_equal(weir_test_get(t, "/x")->status, 201);
    weir_test_free(t);
}

static void log__message__is_a_line_with_its_level(void **state)
{
    weir_test *t = open_test("/r");
    const char *text;

    (void)state;
    weir_test_get(t, "/r/log");
    text = weir_test_log(t);
    assert_int_equal(strncmp(text, "warning: tested at /r, request ", 31), 0);
    assert_non_null(strstr(text, ": seen 42\n"));
    assert_ptr_equal(strchr(text, '\n') + 1, text + strlen(text));
    weir_test_free(t);
}

static void call__app_in_threads__runs_in_one(void **state)
{
    weir_plugin p = plugin;
    weir_test *t;
    char text[32] = "";
    size_t n = 0;
    weir_test_request request = {
        .target = "/content", .body = "Hello, World", .body_size = 12, .piece = 5};

    (void)state;
    caller = pthread_self();
    p.runs = WEIR_IN_THREAD;
    t = weir_test_new(&p, NULL, NULL);
    assert_null(weir_test_error(t));
    assert_string_equal(weir_test_get(t, "/thread")->body, "thread");
    for (const char *c = weir_test_call(t, &request)->body; *c; c++)
        if (*c != '[' && *c != ']' && n < sizeof text - 1)
            text[n++] = *c;
    assert_string_equal(text, "Hello, World"); /* how much is there at once is the thread's luck */
    weir_test_free(t);
    t = open_test(NULL);
    assert_string_equal(weir_test_get(t, "/thread")->body, "caller");
    weir_test_free(t);
}

static void new__that_fails__says_why(void **state)
{
    weir_plugin p = plugin;
    weir_test *t = weir_test_new(&plugin, NULL, "{\"mode\": \"bad\"}");

    (void)state;
    assert_non_null(strstr(weir_test_error(t), "mode must not be bad"));
    assert_null(weir_test_get(t, "/"));
    weir_test_free(t);
    t = weir_test_new(&plugin, NULL, "{\"mode\": ");
    assert_non_null(weir_test_error(t));
    weir_test_free(t);
    t = weir_test_new(&plugin, "nowhere", NULL);
    assert_non_null(weir_test_error(t));
    weir_test_free(t);
    p.abi_major = 2;
    t = weir_test_new(&p, NULL, NULL);
    assert_non_null(weir_test_error(t));
    weir_test_free(t);
    weir_test_free(NULL);
}

static void open__file__is_loaded_as_the_server_does(void **state)
{
    weir_test *t = weir_test_open(WR_TEST_PLUGIN, "/hello", NULL);

    (void)state;
    assert_null(weir_test_error(t));
    assert_int_equal(weir_test_get(t, "/hello")->status, 200);
    assert_true(weir_test_get(t, "/hello/x")->body_size > 0);
    weir_test_free(t);
    t = weir_test_open("/nonexistent.so", NULL, NULL);
    assert_non_null(strstr(weir_test_error(t), "/nonexistent.so"));
    assert_null(weir_test_get(t, "/"));
    weir_test_free(t);
}

WR_TESTS(cmocka_unit_test(call__request__reaches_the_app),
         cmocka_unit_test(call__fields__go_both_ways),
         cmocka_unit_test(call__head__has_fields_and_no_content),
         cmocka_unit_test(call__pages_and_faults__are_what_a_client_sees),
         cmocka_unit_test(call__content_in_pieces__arrives_so),
         cmocka_unit_test(call__body_that_fails__is_cut),
         cmocka_unit_test(call__target_that_is_none__is_null),
         cmocka_unit_test(log__message__is_a_line_with_its_level),
         cmocka_unit_test(call__app_in_threads__runs_in_one),
         cmocka_unit_test(new__that_fails__says_why),
         cmocka_unit_test(open__file__is_loaded_as_the_server_does));
