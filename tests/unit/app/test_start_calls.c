/* Calls one after the other: what is added, started, put in another's place, and fails. */
#include "start_fixture.h"

#define TIMES 4

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

WR_TESTS(cmocka_unit_test(header_add__before_and_after__keeps_the_order),
         cmocka_unit_test(header_add__many__all_go_out_in_order),
         cmocka_unit_test(header_add__null__is_a_500),
         cmocka_unit_test(replace__forgets_all_of_before),
         cmocka_unit_test(start_response__twice_or_never__is_a_500),
         cmocka_unit_test(failure__sticks_and_the_body_is_let_go),
         cmocka_unit_test(start_response__behind_weir_defer__is_as_ever_and_both_count),
         cmocka_unit_test(weir_defer__of_an_answer_on_its_way__is_called_when_that_is_over),
         cmocka_unit_test(start_response__without_memory__is_a_503));
