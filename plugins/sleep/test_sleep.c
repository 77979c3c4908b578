/*
 * test_sleep.c — the example sleep, called as the server calls it, but without a server.
 */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */

#include <weir/test.h>

#include <setjmp.h>

#include <cmocka.h>

#include <time.h>

extern const weir_plugin weir_plugin_v1;

static int mount(void **state)
{
    weir_test *t = weir_test_new(&weir_plugin_v1, "/sleep", "{\"max_ms\": 250}");

    *state = t;
    return t && !weir_test_error(t) ? 0 : -1;
}

static int unmount(void **state)
{
    weir_test_free(*state);
    return 0;
}

static int64_t now_ms(void)
{
    struct timespec now;

    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void sleep__ms__is_how_long_the_answer_takes(void **state)
{
    int64_t since = now_ms();
    const weir_test_response *r = weir_test_get(*state, "/sleep?ms=230");

    assert_non_null(r);
    assert_true(now_ms() - since >= 229); /* the first moment was rounded down */
    assert_int_equal(r->status, 200);
    assert_string_equal(r->body, "slept for 230 ms\n");
}

static void sleep__without_ms__is_short(void **state)
{
    const weir_test_response *r = weir_test_get(*state, "/sleep");

    assert_non_null(r);
    assert_int_equal(r->status, 200);
    assert_string_equal(r->body, "slept for 1 ms\n");
}

static void sleep__at_most_max_ms__is_taken(void **state)
{
    const weir_test_response *r = weir_test_get(*state, "/sleep?ms=250");

    assert_non_null(r);
    assert_int_equal(r->status, 200);
    r = weir_test_get(*state, "/sleep?ms=251");
    assert_non_null(r);
    assert_int_equal(r->status, 400);
    assert_string_equal(r->body, "ms is a number from 0 to 250\n");
}

static void sleep__what_is_no_number__is_refused(void **state)
{
    static const char *const targets[] = {"/sleep?ms=", "/sleep?ms=-1", "/sleep?ms=1s",
                                          "/sleep?ms=18446744073709551617"};

    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        const weir_test_response *r = weir_test_get(*state, targets[i]);

        assert_non_null(r);
        assert_int_equal(r->status, 400);
    }
}

static void sleep__post__is_not_allowed(void **state)
{
    weir_test *t = *state;
    const weir_test_response *r =
        weir_test_call(t, &(weir_test_request){.method = "POST", .target = "/sleep"});

    assert_non_null(r);
    assert_int_equal(r->status, 405);
    assert_string_equal(weir_test_field(r, "Allow"), "GET, HEAD");
}

static void sleep__without_configuration__allows_ten_seconds(void **state)
{
    weir_test *t = weir_test_new(&weir_plugin_v1, "/sleep", NULL);
    const weir_test_response *r;

    (void)state;
    assert_non_null(t);
    assert_null(weir_test_error(t));
    r = weir_test_get(t, "/sleep?ms=10001");
    assert_non_null(r);
    assert_string_equal(r->body, "ms is a number from 0 to 10000\n");
    weir_test_free(t);
}

static void sleep__configuration_against_the_schema__is_not_loaded(void **state)
{
    static const char *const configs[] = {"{\"max_ms\": 0}", "{\"max_ms\": 60001}",
                                          "{\"max_ms\": \"10\"}", "{\"maxms\": 10}"};

    (void)state;
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        weir_test *t = weir_test_new(&weir_plugin_v1, "/sleep", configs[i]);

        assert_non_null(t);
        assert_non_null(weir_test_error(t));
        weir_test_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sleep__ms__is_how_long_the_answer_takes, mount, unmount),
        cmocka_unit_test_setup_teardown(sleep__without_ms__is_short, mount, unmount),
        cmocka_unit_test_setup_teardown(sleep__at_most_max_ms__is_taken, mount, unmount),
        cmocka_unit_test_setup_teardown(sleep__what_is_no_number__is_refused, mount, unmount),
        cmocka_unit_test_setup_teardown(sleep__post__is_not_allowed, mount, unmount),
        cmocka_unit_test_setup_teardown(sleep__without_configuration__allows_ten_seconds, mount,
                                        unmount),
        cmocka_unit_test_setup_teardown(sleep__configuration_against_the_schema__is_not_loaded,
                                        mount, unmount),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
