/*
 * test_cxx.c — the example cxx, called as the server calls it, but without a server.
 */
#include <weir/test.h>

#include <setjmp.h>

#include <cmocka.h>

extern const weir_plugin weir_plugin_v1;

static int mount(void **state)
{
    weir_test *t = weir_test_new(&weir_plugin_v1, "/cxx", NULL);

    *state = t;
    return t && !weir_test_error(t) ? 0 : -1;
}

static int unmount(void **state)
{
    weir_test_free(*state);
    return 0;
}

static void cxx__parameters__are_numbered(void **state)
{
    const weir_test_response *r = weir_test_get(*state, "/cxx?river=Elbe&town&=&a=b=c");

    assert_non_null(r);
    assert_int_equal(r->status, 200);
    assert_string_equal(weir_test_field(r, "Content-Type"), "text/plain; charset=utf-8");
    assert_string_equal(r->body, "1. river = Elbe\n2. town\n3.  = \n4. a = b=c\n");
}

static void cxx__without_a_query__is_empty(void **state)
{
    const weir_test_response *r = weir_test_get(*state, "/cxx");

    assert_non_null(r);
    assert_int_equal(r->status, 200);
    assert_int_equal(r->body_size, 0);
}

static void cxx__exception__is_a_500_and_in_the_log(void **state)
{
    weir_test *t = *state;
    const weir_test_response *r = weir_test_get(t, "/cxx/throw");

    assert_non_null(r);
    assert_int_equal(r->status, 500);
    assert_non_null(strstr(weir_test_log(t), "thrown on purpose"));

    r = weir_test_get(t, "/cxx?still=here");
    assert_non_null(r);
    assert_string_equal(r->body, "1. still = here\n");
}

static void cxx__head__closes_what_it_does_not_read(void **state)
{
    weir_test *t = *state;
    const weir_test_response *r =
        weir_test_call(t, &(weir_test_request){.method = "HEAD", .target = "/cxx?a=b"});

    assert_non_null(r); /* that it was closed is for a leak checker to see */
    assert_int_equal(r->status, 200);
    assert_int_equal(r->body_size, 0);
}

static void cxx__post__is_not_allowed(void **state)
{
    weir_test *t = *state;
    const weir_test_response *r =
        weir_test_call(t, &(weir_test_request){.method = "POST", .target = "/cxx"});

    assert_non_null(r);
    assert_int_equal(r->status, 405);
    assert_string_equal(weir_test_field(r, "Allow"), "GET, HEAD");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(cxx__parameters__are_numbered, mount, unmount),
        cmocka_unit_test_setup_teardown(cxx__without_a_query__is_empty, mount, unmount),
        cmocka_unit_test_setup_teardown(cxx__exception__is_a_500_and_in_the_log, mount, unmount),
        cmocka_unit_test_setup_teardown(cxx__head__closes_what_it_does_not_read, mount, unmount),
        cmocka_unit_test_setup_teardown(cxx__post__is_not_allowed, mount, unmount),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
